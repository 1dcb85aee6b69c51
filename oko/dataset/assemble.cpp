#include "oko/dataset/assemble.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "oko/dataset/class_lists.h"
#include "oko/dataset/merge.h"
#include "oko/dataset/text.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

std::string list_names(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 12;
  std::vector<std::string> shown(
      names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kShown)));
  if (names.size() > kShown) shown.push_back(fmt::format("… {} in total", names.size()));
  return fmt::format("{}", fmt::join(shown, ", "));
}

std::vector<std::string> names_as_met(const Source& source) {
  std::set<std::string> names;
  int highest = -1;
  for (const SourcePicture& picture : source.pictures) {
    for (const ParsedObject& object : picture.parsed.objects) {
      if (object.class_name.empty()) {
        highest = std::max(highest, object.class_id);
      } else {
        names.insert(object.class_name);
      }
    }
  }
  std::vector<std::string> result(names.begin(), names.end());
  constexpr int kMostNumbered = 9999;
  for (int i = 0; i <= std::min(highest, kMostNumbered); ++i) {
    result.push_back("class " + std::to_string(i));
  }
  return result;
}

class ClassResolver {
 public:
  ClassResolver(std::vector<std::string> own, const std::vector<std::string>& wanted,
                std::vector<Finding>& findings)
      : own_(std::move(own)), classes_(wanted), findings_(findings) {
    for (std::size_t i = 0; i < classes_.size(); ++i) {
      by_name_.emplace(classes_[i], static_cast<int>(i));
      const auto [at, is_new] = by_spelling_.emplace(spelling_key(classes_[i]), i);
      if (!is_new) at->second = -1;  // two names that differ only in spelling: no guessing
    }
  }

  // The class of an object, or -1 after reporting why there is none.
  int resolve(const ParsedObject& parsed) {
    std::string name = parsed.class_name;
    if (name.empty()) {
      const int number = parsed.class_id;
      if (number < 0 || static_cast<std::size_t>(number) >= own_.size()) {
        add_error(findings_, "unknown-class", parsed.place,
                  fmt::format("class {}, but the class list has 0 to {}", number,
                              static_cast<int>(own_.size()) - 1),
                  "the box is dropped")
            .boxes_lost = 1;
        return -1;
      }
      name = own_[number];
    }
    if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second;
    return resolve_misspelt(name, parsed.place);
  }

 private:
  int resolve_misspelt(const std::string& name, const std::string& place) {
    const auto found = by_spelling_.find(spelling_key(name));
    if (found != by_spelling_.end() && found->second >= 0) {
      const std::string& right = classes_[found->second];
      add_warning(findings_, "class-spelling", place,
                  fmt::format("class \"{}\" is read as \"{}\"", name, right),
                  fmt::format("it is written as \"{}\"", right));
      return found->second;
    }
    add_error(findings_, "unknown-class", place,
              fmt::format("class \"{}\" is not in the class list ({})", name, list_names(classes_)),
              "the box is dropped")
        .boxes_lost = 1;
    return -1;
  }

  std::vector<std::string> own_;
  std::vector<std::string> classes_;
  std::map<std::string, int, std::less<>> by_name_, by_spelling_;
  std::vector<Finding>& findings_;
};

std::string without_extension(const std::string& path) {
  return path.substr(0, path.size() - storage::extension(path).size());
}

// If several images have the same id, each uses its path without extension, or with it if those are
// still the same.
void make_ids_unique(std::vector<SourcePicture>& pictures) {
  for (const bool keep_extension : {false, true}) {
    std::map<std::string, int> uses;
    for (const SourcePicture& picture : pictures) ++uses[picture.id];
    for (SourcePicture& picture : pictures) {
      if (uses[picture.id] < 2) continue;
      picture.id = keep_extension ? picture.image : without_extension(picture.image);
    }
  }
  std::set<std::string> taken;
  for (SourcePicture& picture : pictures) {  // ids that equal another's path
    const std::string id = picture.id;
    for (int n = 2; !taken.insert(picture.id).second; ++n) {
      picture.id = id + "#" + std::to_string(n);
    }
  }
}

std::vector<std::string> wanted_classes(const Source& source, const ReadOptions& options,
                                        std::vector<Finding>& findings) {
  if (!options.classes.empty()) return options.classes;
  if (!options.classes_file.empty()) {
    const Text text(Bytes(storage::read_text(options.classes_file)), options.classes_file);
    return read_class_list(text.text(), options.classes_file, findings);
  }
  return source.classes;
}

}  // namespace

Dataset assemble(const Tree& tree, Source source, const ReadOptions& options,
                 std::vector<Finding>& findings) {
  merge_entries(source, tree.disk_names());
  findings.insert(findings.end(), source.findings.begin(), source.findings.end());
  for (const storage::Skipped& skipped : tree.skipped()) {
    add_warning(findings, "skipped-file", skipped.uri, skipped.why, "it is dropped");
  }
  for (const auto& [path, encoding] : tree.guessed_encodings()) {
    add_warning(findings, "encoding", path,
                fmt::format("is not UTF-8; reading it as {}, which is a guess", encoding));
  }
  Dataset dataset{tree.file().empty() ? tree.root() : tree.uri(tree.file()),
                  {},
                  {},
                  {},
                  tree.shared_files(),
                  std::move(source.same_splits)};
  dataset.classes = wanted_classes(source, options, findings);
  if (dataset.classes.empty()) dataset.classes = names_as_met(source);
  // Numbers in the files refer to the source's own list; without one, to the requested list.
  ClassResolver resolver(source.classes.empty() ? dataset.classes : source.classes, dataset.classes,
                         findings);
  make_ids_unique(source.pictures);
  dataset.samples.reserve(source.pictures.size());
  for (SourcePicture& picture : source.pictures) {
    Sample sample{picture.id,           tree.uri(picture.image), {}, picture.parsed.size,
                  picture.parsed.depth, picture.split,           {}, picture.turned};
    if (!picture.annotation.empty()) sample.annotation = tree.uri(picture.annotation);
    for (ParsedObject& parsed : picture.parsed.objects) {
      const int class_id = resolver.resolve(parsed);
      if (class_id < 0) continue;
      sample.objects.push_back(std::move(parsed));
      sample.objects.back().class_id = class_id;
    }
    dataset.samples.push_back(std::move(sample));
  }
  return dataset;
}

}  // namespace oko::dataset
