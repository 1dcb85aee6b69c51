#include "oko/storage/local/walk.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "oko/storage/local/file.h"

namespace oko::storage::local {
namespace {

namespace fs = std::filesystem;

// Links among a few folders can make millions of paths.
constexpr int kMostLinkedFolders = 10'000;

using Identity = std::pair<dev_t, ino_t>;

class Walk {
 public:
  Walk(bool recursive, std::vector<Skipped>& skipped) : recursive_(recursive), skipped_(skipped) {}

  std::vector<Entry> run(const std::string& top) {
    // A link to any parent of the listed folder is circular.
    std::error_code error;
    for (fs::path path = fs::canonical(top, error); !error;) {
      struct ::stat info {};
      if (::stat(path.c_str(), &info) == 0) way_.emplace_back(info.st_dev, info.st_ino);
      if (path == path.parent_path()) break;
      path = path.parent_path();
    }
    folder(top, false);
    return std::move(entries_);
  }

 private:
  struct Found {
    std::string path;
    bool is_link = false;
  };

  // All at once, so that no folder stays open while those below it are read.
  static std::vector<Found> names_in(const std::string& path) {
    std::vector<Found> names;
    std::error_code error;
    for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
      const std::string name = it->path().string();
      if (is_temporary(name)) continue;
      std::error_code ignored;
      names.push_back({name, it->is_symlink(ignored)});
    }
    if (error) refuse(path, "cannot list the folder", error.value());
    return names;
  }

  void folder(const std::string& path, bool linked) {
    for (const Found& found : names_in(path)) take(found, linked);
  }

  void take(const Found& found, bool linked) {
    struct ::stat info {};
    if (::stat(found.path.c_str(), &info) != 0) return take_unseen(found, errno);
    if (S_ISDIR(info.st_mode)) {
      if (recursive_) return enter(found, {info.st_dev, info.st_ino}, linked);
    } else if (!S_ISREG(info.st_mode)) {
      return skip(found, kind_of(info.st_mode));
    }
    entries_.push_back(entry_of(found.path, info));
    entries_.back().linked = linked;
  }

  void take_unseen(const Found& found, int error) {
    if (error == ELOOP) return skip(found, "is a circular link");
    if (error != ENOENT && error != ENOTDIR) refuse(found.path, "cannot access", error);
    if (found.is_link) skip(found, "is a broken link");  // else it was just removed
  }

  void enter(const Found& found, Identity identity, bool linked) {
    if (std::find(way_.begin(), way_.end(), identity) != way_.end()) {
      return skip(found, "is a link to a folder that contains it");
    }
    if (found.is_link && ++linked_folders_ > kMostLinkedFolders) {
      throw input_error(
          found.path,
          "is one of more than " + std::to_string(kMostLinkedFolders) + " linked folders",
          "remove the links to each other");
    }
    way_.push_back(identity);
    folder(found.path, linked || found.is_link);
    way_.pop_back();
  }

  void skip(const Found& found, std::string why) {
    skipped_.push_back({found.path, std::move(why)});
  }

  bool recursive_;
  std::vector<Skipped>& skipped_;
  std::vector<Entry> entries_;
  std::vector<Identity> way_;  // of folders from the root directory to the current one
  int linked_folders_ = 0;
};

}  // namespace

std::vector<Entry> walk(const std::string& path, bool recursive, std::vector<Skipped>& skipped) {
  return Walk(recursive, skipped).run(path);
}

}  // namespace oko::storage::local
