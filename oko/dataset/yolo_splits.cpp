#include "oko/dataset/yolo_splits.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "oko/dataset/list_paths.h"
#include "oko/dataset/split_words.h"
#include "oko/dataset/text.h"
#include "oko/dataset/yolo_txt.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

// A place without images, and what is the matter with it.
struct Missing {
  std::string place, message;
};

// Images in the order they are listed, each with its place in the list.
struct Listed {
  std::vector<std::pair<std::string, std::string>> images;
  std::vector<Missing> missing;
  bool named = false;  // there is a place at all
};

// The endings of a path, the longest first: "a/b", "b", "".
std::vector<std::string> endings_of(const std::string& path) {
  std::vector<std::string> endings;
  for (std::string rest = path; !rest.empty();) {
    endings.push_back(rest);
    const auto slash = rest.find('/', 1);
    rest = slash == std::string::npos ? "" : rest.substr(slash + 1);
  }
  endings.emplace_back();
  for (std::string& ending : endings) {
    if (ending.starts_with('/')) ending.erase(0, 1);
  }
  return endings;
}

std::vector<std::string> image_lines(std::string_view text) {
  std::vector<std::string> lines;
  for (const std::string_view line : split_lines(text)) lines.emplace_back(trimmed(line));
  return lines;
}

// Finds the places named in a data file.
class Places {
 public:
  Places(const Tree& tree, std::string path, std::string folder)
      : tree_(tree), path_(std::move(path)), folder_(std::move(folder)) {
    std::replace(path_.begin(), path_.end(), '\\', '/');
  }

  // The folder or list here; nothing if there is none.
  std::optional<std::string> find(const std::string& place, const std::string& split) const {
    if (is_foreign_path(place) && !place.starts_with("..")) return find_foreign(place, split);
    std::string rest = place;
    std::replace(rest.begin(), rest.end(), '\\', '/');
    for (;;) {
      for (const std::string& base : bases()) {
        if (const auto found = here(base, rest)) return found;
      }
      if (!rest.starts_with("../")) return std::nullopt;
      rest.erase(0, 3);
    }
  }

  // Why there is none.
  std::string why_none(const std::string& place, const std::string& split) const {
    const std::filesystem::path there = outside(place);
    if (there.empty()) return fmt::format("there is no {} with the {} images", place, split);
    const std::filesystem::path root = std::filesystem::absolute(tree_.root()).lexically_normal();
    std::filesystem::path both;
    for (auto a = root.begin(), b = there.begin(); a != root.end() && b != there.end() && *a == *b;
         ++a, ++b) {
      both /= *a;
    }
    return fmt::format("{} with the {} images is outside {}; give {} instead", place, split,
                       tree_.root(), both.string());
  }

 private:
  // A place on this disk that is not in the dataset's folder, which alone is read; "" where there
  // is none.
  std::filesystem::path outside(const std::string& place) const {
    if (!storage::is_local(tree_.root())) return {};
    const std::filesystem::path root = std::filesystem::absolute(tree_.root());
    for (const std::string& base : {path_, std::string()}) {
      const std::filesystem::path there = (root / folder_ / base / place).lexically_normal();
      if (storage::exists(there.string())) return there;
    }
    return {};
  }

  // The folders a place may be relative to. Only the end of `path` may exist here. Darknet uses its
  // working directory, often the folder above.
  std::vector<std::string> bases() const {
    std::vector<std::string> bases;
    if (!path_.starts_with('/')) bases.push_back(storage::join(folder_, path_));
    for (const std::string& ending : endings_of(normal_path(path_))) {
      bases.push_back(storage::join(folder_, ending));
      bases.push_back(ending);
    }
    bases.emplace_back("..");
    return bases;
  }

  // The path from a folder, which may go up to the root's own folder and down again.
  std::optional<std::string> here(const std::string& base, const std::string& rest) const {
    std::vector<std::string> parts{tree_.name()};
    const std::string path = storage::join(base, rest) + "/";
    for (const std::string_view part : folders_of(path)) {
      if (part.empty() || part == ".") continue;
      if (part != "..") {
        parts.emplace_back(part);
      } else if (parts.empty()) {
        return std::nullopt;
      } else {
        parts.pop_back();
      }
    }
    if (parts.empty() || parts.front() != tree_.name()) return std::nullopt;
    std::string found;
    for (std::size_t i = 1; i < parts.size(); ++i) found += (i == 1 ? "" : "/") + parts[i];
    return exists(found) ? std::optional(found) : std::nullopt;
  }

  bool exists(const std::string& path) const { return tree_.has_folder(path) || tree_.has(path); }

  std::optional<std::string> find_foreign(const std::string& place,
                                          const std::string& split) const {
    std::string path = normal_path(place);
    const std::string prefix = normal_path(path_) + "/";
    if (is_foreign_path(path_) && path.starts_with(prefix)) {
      for (const std::string& base : {folder_, std::string()}) {
        if (const auto found = here(base, path.substr(prefix.size()))) return found;
      }
    }
    for (const std::string& ending : endings_of(path)) {
      const std::string skipped = path.substr(0, path.size() - ending.size());
      const bool says_split = split_of_path(ending + "/") == split;
      if (ending.empty() || (!split_of_path(skipped).empty() && !says_split)) continue;
      for (const std::string& base : {folder_, std::string()}) {
        if (const auto found = here(base, ending)) return found;
      }
    }
    return std::nullopt;
  }

  const Tree& tree_;
  std::string path_, folder_;
};

class SplitReader {
 public:
  SplitReader(const Tree& tree, std::vector<Finding>& findings)
      : tree_(tree), findings_(findings) {}

  void add_places(const Places& places, const std::string& split,
                  const std::vector<std::string>& written) {
    Listed& listed = listed_[split];
    for (const std::string& place : written) {
      if (place.empty()) continue;
      listed.named = true;
      const auto found = places.find(place, split);
      if (!found) {
        listed.missing.push_back({place, places.why_none(place, split)});
      } else if (tree_.has_folder(*found)) {
        const std::vector<std::string> images = tree_.pictures_in(*found);
        for (const std::string& image : images) listed.images.emplace_back(image, *found);
        if (images.empty()) {
          listed.missing.push_back({place, fmt::format("{} contains no {} images", place, split)});
        }
      } else {
        add_list(*found, split);
      }
    }
  }

  void add_list(const std::string& path, const std::string& split) {
    Listed& listed = listed_[split];
    listed.named = true;
    const Text text = tree_.read_text(path);
    const std::vector<std::string> lines = image_lines(text.text());
    if (std::all_of(lines.begin(), lines.end(), [](const auto& line) { return line.empty(); })) {
      listed.missing.push_back({path, fmt::format("{} lists no {} images", path, split)});
    }
    const ListPaths paths(tree_, storage::parent(path), lines);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].empty()) continue;
      const std::string place = fmt::format("{}:{}", path, i + 1);
      const std::string image = paths.find(lines[i]);
      if (!image.empty()) {
        listed.images.emplace_back(image, place);
        continue;
      }
      add_error(findings_, "missing-image", place, fmt::format("there is no image {}", lines[i]),
                "the line is skipped")
          .images_lost = 1;
    }
  }

  ListedSplits result(const std::string& data_file) {
    ListedSplits splits;
    take_folders();
    for (const auto& [split, listed] : listed_) {
      splits.listed = splits.listed || listed.named;
      for (const Missing& missing : listed.missing) report_missing(missing, split);
    }
    find_same(splits, data_file);
    for (const char* split : {"test", "val", "train"}) {
      if (!splits.same.contains(split)) assign(splits, split);
    }
    return splits;
  }

 private:
  // Splits whose places are all missing are taken from folders of that name, if any.
  void take_folders() {
    std::set<std::string> gone, known;
    for (const auto& [split, listed] : listed_) {
      if (!listed.missing.empty() && listed.images.empty()) gone.insert(split);
      for (const auto& [image, place] : listed.images) known.insert(image);
    }
    for (const std::string& image : tree_.pictures()) {
      const std::string split = tree_.split_of(image);
      if (!gone.contains(split) || known.contains(image)) continue;
      listed_[split].images.emplace_back(image, storage::parent(image));
      by_folder_.insert(split);
    }
  }

  void report_missing(const Missing& missing, const std::string& split) {
    const auto& [place, message] = missing;
    if (by_folder_.contains(split)) {
      add_warning(findings_, "missing-split", place, message,
                  fmt::format("the folders named {} are used", split));
    } else if (split == "test") {
      add_warning(findings_, "missing-split", place, message, "there is no such split");
    } else {
      add_error(findings_, "missing-split", place, message);
    }
  }

  std::set<std::string> images_of(const std::string& split) {
    std::set<std::string> images;
    for (const auto& [image, place] : listed_[split].images) images.insert(image);
    return images;
  }

  void find_same(ListedSplits& splits, const std::string& data_file) {
    constexpr std::pair<const char*, const char*> kPairs[]{
        {"val", "train"}, {"test", "train"}, {"test", "val"}};
    for (const auto& [split, other] : kPairs) {
      const std::set<std::string> images = images_of(split);
      if (images.empty() || splits.same.contains(split) || images != images_of(other)) continue;
      splits.same[split] = other;
      add_warning(
          findings_, "same-split", data_file,
          fmt::format("{} has the same images as {}: results on it say nothing about new images",
                      split, other));
    }
  }

  void assign(ListedSplits& splits, const std::string& split) {
    for (const auto& [image, place] : listed_[split].images) {
      const auto [at, is_new] = splits.of.emplace(image, split);
      if (is_new || at->second == split) continue;
      add_warning(findings_, "two-splits", place,
                  fmt::format("{} is in {} and in {}", image, at->second, split),
                  fmt::format("it is kept in {} only", at->second));
    }
  }

  const Tree& tree_;
  std::vector<Finding>& findings_;
  std::map<std::string, Listed> listed_;  // by split
  std::set<std::string> by_folder_;       // splits taken from the names of folders
};

}  // namespace

ListedSplits splits_of_data_file(const Tree& tree, const DataFile& file, const std::string& path,
                                 std::vector<Finding>& findings) {
  SplitReader reader(tree, findings);
  const Places places(tree, file.path, storage::parent(path));
  reader.add_places(places, "test", file.test);
  reader.add_places(places, "val", file.val);
  reader.add_places(places, "train", file.train);
  return reader.result(path);
}

ListedSplits splits_of_lists(const Tree& tree, std::vector<Finding>& findings) {
  std::map<std::string, std::vector<std::string>> plain, others;  // train.txt; 2007_train.txt
  for (const std::string& path : tree.with_extension(".txt")) {
    const std::string stem = storage::stem(path), split = split_of_stem(stem);
    if (split.empty()) continue;
    const bool is_plain = !split_named(stem).empty();
    const Text text = tree.look_at(path);
    const bool at_root = storage::parent(path).empty() && is_plain && !is_yolo_labels(text.text());
    if (at_root || is_image_list(text.text())) (is_plain ? plain : others)[split].push_back(path);
  }
  SplitReader reader(tree, findings);
  for (const char* split : {"test", "val", "train"}) {
    for (const std::string& path : plain.contains(split) ? plain[split] : others[split]) {
      reader.add_list(path, split);
    }
  }
  return reader.result(tree.root());
}

}  // namespace oko::dataset
