#include "oko/storage/identity.h"

#include <sys/stat.h>

#include <filesystem>
#include <system_error>

#include "oko/storage/uri.h"

namespace oko::storage {
namespace {

namespace fs = std::filesystem;

// Absolute, without dots and links as far as it exists, and without a trailing '/'.
fs::path resolved(const fs::path& path_as_written) {
  std::error_code error;
  const fs::path whole = fs::absolute(path_as_written, error);
  if (error) return path_as_written;
  fs::path path = fs::weakly_canonical(whole, error);
  if (error) path = whole.lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

fs::path on_disk(const std::string& uri) {
  const std::string path = Uri(uri).path();
  return path.empty() ? "." : path;
}

std::string inode_of(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return {};
  return "inode:" + std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

std::string identity_of(const fs::path& path) {
  if (std::string inode = inode_of(path); !inode.empty()) return inode;
  if (path == path.parent_path() || path.empty()) return path.string();
  return identity_of(path.parent_path()) + "/" + path.filename().string();
}

std::string without_slash(std::string uri) {
  while (uri.ends_with('/') && !uri.ends_with("://")) uri.pop_back();
  return uri;
}

}  // namespace

std::string identity(const std::string& uri) {
  if (!is_local(uri)) return without_slash(uri);
  std::string inode = inode_of(on_disk(uri));
  return inode.empty() ? identity_of(resolved(on_disk(uri))) : inode;
}

std::vector<std::string> identities_above(const std::string& uri) {
  std::vector<std::string> above;
  if (is_local(uri)) {
    for (fs::path path = resolved(on_disk(uri)); path != path.parent_path();) {
      path = path.parent_path();
      above.push_back(identity_of(path));
    }
    return above;
  }
  const std::size_t bucket = uri.find("://") + 3;
  std::string name = without_slash(uri);
  for (auto slash = name.rfind('/'); slash != name.npos && slash > bucket;
       slash = name.rfind('/')) {
    name = without_slash(name.substr(0, slash));
    above.push_back(name);
  }
  return above;
}

}  // namespace oko::storage
