#include "oko/storage/places.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "oko/base/error.h"
#include "oko/storage/bucket/environment.h"
#include "oko/storage/identity.h"
#include "oko/storage/store.h"

namespace oko::storage {

bool same_place(const std::string& a, const std::string& b) { return identity(a) == identity(b); }

bool lies_in(const std::string& inner, const std::string& outer) {
  const std::vector<std::string> above = identities_above(inner);
  return !same_place(inner, outer) && std::ranges::find(above, identity(outer)) != above.end();
}

std::string absolute(const std::string& path) {
  if (!is_local(path) || path.starts_with("file:")) return path;
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::absolute(path, error);
  if (!error) {
    std::string text = whole.lexically_normal().string();
    if (text.size() > 1 && text.ends_with("/")) text.pop_back();
    return text;
  }
  throw Error(ErrorCode::kStorage, path, "the current folder does not exist: " + error.message(),
              "change to another, or give the whole path");
}

std::string precious_place(const std::string& uri) {
  if (!is_local(uri)) return identities_above(uri).empty() ? "the whole bucket" : "";
  if (same_place(uri, "/")) return "the root directory";
  const auto holds = [&](const std::string& path) {
    return same_place(path, uri) || lies_in(path, uri);
  };
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0' && holds(home)) return "your home directory";
  std::error_code error;
  const std::filesystem::path here = std::filesystem::current_path(error);
  return !error && holds(here.string()) ? "the current directory" : "";
}

std::string cache_folder(const std::string& name) {
  const bucket::Environment environment = bucket::process_environment;
  const std::string cache = environment("XDG_CACHE_HOME");
  return cache.empty() ? bucket::in_home(environment, ".cache/oko/" + name)
                       : join(cache, "oko/" + name);
}

}  // namespace oko::storage
