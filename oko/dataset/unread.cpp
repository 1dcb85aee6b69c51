#include "oko/dataset/unread.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <set>

#include "oko/base/error.h"
#include "oko/dataset/class_lists.h"
#include "oko/dataset/file_kind.h"
#include "oko/dataset/split_words.h"
#include "oko/dataset/text.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

constexpr std::size_t kLookedAt = 50;
constexpr const char* kLikeSplit = "named like a list of images";

// Its start as text; "" if it is not text.
std::string beginning(const Tree& tree, const std::string& path) {
  try {
    return std::string(Text(tree.start_of(path), path).text());
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kInput) throw;
    return "";
  }
}

// Files of one folder and extension.
using Groups = std::map<std::pair<std::string, std::string>, std::vector<std::string>>;

bool may_be_annotation(const std::string& extension) {
  static const std::set<std::string, std::less<>> kExtensions{
      ".json", ".jsonl", ".ndjson", ".manifest", ".xml",   ".csv",      ".tsv",
      ".txt",  ".yaml",  ".yml",    ".data",     ".names", ".tfrecord", ".record"};
  return kExtensions.contains(extension);
}

class Unread {
 public:
  Unread(const Tree& tree, Source& source, const Format& format)
      : tree_(tree), source_(source), format_(format) {
    for (const std::string& image : tree.pictures()) image_folders_.insert(storage::parent(image));
  }

  void report() {
    Groups groups;
    for (const std::string& path : tree_.files()) {
      const std::string extension = storage::extension(path);
      if (!may_be_annotation(extension) || tree_.was_read(path)) continue;
      if (is_class_list_name(path)) {
        report_class_list(path);
      } else {
        groups[{storage::parent(path), extension}].push_back(path);
      }
    }
    for (const auto& [key, files] : groups) report_group(key.second, files);
  }

 private:
  struct Seen {
    std::string first, why;
    std::size_t count = 0;
  };

  void report_group(const std::string& extension, const std::vector<std::string>& files) {
    std::map<std::string, Seen> kinds;
    for (std::size_t i = 0; i < std::min(files.size(), kLookedAt); ++i) {
      const auto kind = kind_of(files[i], extension);
      if (!kind) continue;
      Seen& seen = kinds[kind->name];
      if (seen.count++ > 0) continue;
      seen.first = files[i];
      seen.why = why_ignored(*kind);
    }
    for (const auto& [name, seen] : kinds) {
      std::string message = fmt::format("is {} and is not read: {}", name, seen.why);
      if (seen.count > 1) message += fmt::format("; so are {} others next to it", seen.count - 1);
      if (files.size() > kLookedAt) {
        message += fmt::format("; {1} of {0} files here were checked", files.size(), kLookedAt);
      }
      add_warning(source_.findings, "annotation-ignored", seen.first, message);
    }
  }

  std::optional<FileKind> kind_of(const std::string& path, const std::string& extension) const {
    const std::string text = beginning(tree_, path);
    const std::string stem = storage::stem(path);
    const bool called_so = tree_.has_picture_called(stem) && has_box_lines(text);
    const auto beside_image = kind_of_label(extension, text);
    if (beside_image && image_folders_.contains(storage::parent(path))) return beside_image;
    if (called_so && extension == ".txt") {
      return beside_image ? beside_image : FileKind{"a label file"};
    }
    auto kind = kind_of_file(extension, text);
    if (!kind && extension == ".txt" && !split_named(stem).empty()) {
      kind = FileKind{kLikeSplit};
    }
    return kind;
  }

  std::string why_ignored(const FileKind& kind) const {
    if (kind.name == kListOfImages || kind.name == kLikeSplit) return "it does not name a split";
    if (kind.format == nullptr) return "oko does not support it";
    if (kind.format == &format_) return format_.why_unread;
    return fmt::format("the dataset is read as {} (--format {} reads this)", format_.name,
                       kind.format->name);
  }

  // If labels use class numbers, a second list with other names may be the right one.
  void report_class_list(const std::string& path) {
    if (!format_.is_numbered) return;
    std::vector<std::string> names;
    const std::string text = beginning(tree_, path);
    for (const std::string_view line : split_lines(text)) {
      names.emplace_back(trimmed(line));
    }
    while (!names.empty() && names.back().empty()) names.pop_back();
    if (names == source_.classes) return;
    add_warning(source_.findings, "annotation-ignored", path,
                "is a class list with names other than those in use");
  }

  const Tree& tree_;
  Source& source_;
  const Format& format_;
  std::set<std::string> image_folders_;
};

}  // namespace

void report_unread(const Tree& tree, Source& source, const Format& format) {
  if (tree.file().empty()) Unread(tree, source, format).report();
}

std::string foreign_annotations(const Tree& tree) {
  std::map<std::pair<std::string, std::string>, std::size_t> looked;
  for (const std::string& path : tree.files()) {
    const std::string extension = storage::extension(path);
    if (!may_be_annotation(extension)) continue;
    if (++looked[{storage::parent(path), extension}] > kLookedAt) continue;
    const auto kind = kind_of_file(extension, beginning(tree, path));
    if (kind && kind->format == nullptr) return fmt::format("{} is {}", path, kind->name);
  }
  return "";
}

}  // namespace oko::dataset
