#include "oko/dataset/class_lists.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "oko/base/class_list.h"
#include "oko/dataset/text.h"
#include "oko/storage/store.h"

namespace oko::dataset {

std::vector<std::string> read_class_list(std::string_view text, const std::string& name,
                                         std::vector<Finding>& findings) {
  std::vector<std::string> classes = parse_class_list(text, name);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const std::string place = fmt::format("{}:{}", name, i + 1);
    if (!seen.insert(classes[i]).second) {
      add_error(findings, "ambiguous-class", place,
                fmt::format("class \"{}\" is listed twice", classes[i]));
    }
    if (classes[i].starts_with('#')) {
      add_warning(findings, "class-comment", place,
                  fmt::format("\"{}\" counts as a class, as in Darknet", classes[i]));
    }
  }
  return classes;
}

bool is_class_list_name(const std::string& path) {
  const std::string name = storage::filename(path);
  return name == "classes.txt" || name == "_classes.txt" || storage::extension(path) == ".names";
}

std::vector<std::string> find_class_list(const Tree& tree, std::vector<Finding>& findings,
                                         bool is_numbered) {
  for (const char* name : {"classes.names", "classes.txt", "_classes.txt", "obj.names",
                           "labels.txt", "annotations/classes.names", "annotations/classes.txt",
                           "labels/classes.txt", "data/classes.names", "data/obj.names"}) {
    if (tree.has(name)) {
      return read_class_list(tree.read_text(name).text(), name, findings);
    }
  }
  // labelImg writes one into each label folder.
  std::vector<std::string> lists;
  for (const std::string& path : tree.files()) {
    if (is_class_list_name(path)) lists.push_back(path);
  }
  if (lists.empty()) return {};
  const Text first = tree.look_at(lists.front());
  const bool alike = std::all_of(lists.begin(), lists.end(), [&](const std::string& path) {
    return trimmed(tree.look_at(path).text()) == trimmed(first.text());
  });
  if (alike) return read_class_list(tree.read_text(lists[0]).text(), lists[0], findings);
  const std::string message =
      fmt::format("any of {} could be the class list; none is used", fmt::join(lists, ", "));
  for (const std::string& path : lists) tree.set_aside(path);
  if (is_numbered) {
    add_error(findings, "ambiguous-class", lists.front(), message);
  } else {
    add_warning(findings, "ambiguous-class", tree.root(), message);
  }
  return {};
}

}  // namespace oko::dataset
