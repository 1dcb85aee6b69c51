#include "oko/dataset/data_yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

#include "oko/base/class_list.h"
#include "oko/base/error.h"
#include "oko/dataset/text.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

constexpr int kMostClasses = 100000;
constexpr std::size_t kMostBytes = 4 << 20;  // of a file, before it is passed to the YAML library
constexpr int kMostMerged = 1000;
constexpr int kDeepestMerge = 8;  // nested "<<: *other"

int line_of(const YAML::Mark& mark) { return std::max(mark.line, 0) + 1; }

// The line on which a second document starts, or 0. (YAML::LoadAll() does not end on a stray "]".)
int second_document(const std::vector<std::string_view>& lines) {
  bool content = false;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string_view line = lines[i];
    if (line == "---" || line.starts_with("--- ")) {
      if (content) return static_cast<int>(i) + 1;
      content = line.size() > 4;
    } else {
      const std::string_view word = trimmed(line);
      content = content || !(word.empty() || word.starts_with('#') || word.starts_with('%'));
    }
  }
  return 0;
}

// One document; a null node for an empty file. yaml-cpp does not recognize line breaks of old Macs.
YAML::Node load(std::string_view text, const std::string& name) {
  if (text.size() > kMostBytes) {
    throw input_error(
        name, fmt::format("is larger than {} MiB, too large for a data.yaml", kMostBytes >> 20));
  }
  const std::vector<std::string_view> lines = split_lines(text);
  if (const int second = second_document(lines); second > 0) {
    throw input_error(fmt::format("{}:{}", name, second), "a second YAML document begins",
                      "keep one document in the file");
  }
  std::string unix_lines;
  for (const std::string_view line : lines) (unix_lines += line) += '\n';
  try {
    return YAML::Load(unix_lines);
  } catch (const YAML::Exception& e) {
    throw input_error(fmt::format("{}:{}", name, line_of(e.mark)), "not valid YAML: " + e.msg,
                      "fix the line; put text with \\ or : in single quotes");
  }
}

using Members = std::vector<std::pair<YAML::Node, YAML::Node>>;

// Collects the members of a map, after those that it merges by "<<": later ones win, as in PyYAML.
// Aliases can expand a few bytes into many maps, so these are counted.
class Merging {
 public:
  explicit Merging(const std::string& name) : name_(name) {}

  Members members_of(const YAML::Node& map) {
    add(map, 0);
    return std::move(members_);
  }

 private:
  void add(const YAML::Node& map, int depth) {
    if (depth > kDeepestMerge || ++maps_ > kMostMerged) {
      throw input_error(fmt::format("{}:{}", name_, line_of(map.Mark())), "merges too many maps");
    }
    for (const auto& member : map) {
      if (!is_merge(member.first)) continue;
      if (member.second.IsMap()) add(member.second, depth + 1);
      if (!member.second.IsSequence()) continue;
      for (std::size_t i = member.second.size(); i > 0; --i) {  // the first map wins
        const YAML::Node merged = member.second[i - 1];
        if (merged.IsMap()) add(merged, depth + 1);
      }
    }
    for (const auto& member : map) {
      if (is_merge(member.first)) continue;
      if (members_.size() > 2 * kMostClasses) {
        throw input_error(fmt::format("{}:{}", name_, line_of(map.Mark())), "has too many members");
      }
      members_.emplace_back(member.first, member.second);
    }
  }

  static bool is_merge(const YAML::Node& key) { return key.IsScalar() && key.Scalar() == "<<"; }

  const std::string& name_;
  Members members_;
  int maps_ = 0;
};

void report_repeated(DataFile& file, const std::string& key, const std::string& place) {
  static const std::set<std::string> kRead{"path", "train", "val",     "valid",    "test",
                                           "nc",   "names", "classes", "kpt_shape"};
  if (!kRead.contains(key)) return;
  add_error(file.findings, "repeated-name", place, fmt::format("{} is there twice", key),
            "the last one counts");
}

class Parser {
 public:
  Parser(const YAML::Node& root, const std::string& name) : name_(name) {
    if (!root.IsMap()) return;
    members_ = Merging(name).members_of(root);
    find_repeated(root);
  }

  DataFile parse() {
    if (const auto path = list_of("path"); !path.empty()) file_.path = path.front();
    file_.train = list_of("train");
    file_.val = list_of("val");
    if (file_.val.empty()) file_.val = list_of("valid");
    file_.test = list_of("test");
    if (const YAML::Node* names = find("names")) parse_names(*names);
    if (const YAML::Node* count = find("nc")) parse_count(*count);
    if (const YAML::Node* shape = find("kpt_shape")) parse_keypoints(*shape);
    return std::move(file_);
  }

  // Null where there is no such member, or one without a value.
  const YAML::Node* find(const char* key) const {
    for (auto at = members_.rbegin(); at != members_.rend(); ++at) {
      if (!at->first.IsScalar() || at->first.Scalar() != key) continue;
      return at->second.IsNull() ? nullptr : &at->second;
    }
    return nullptr;
  }

 private:
  // Of keys that are read. Python takes the last one, and a person sees the first.
  void find_repeated(const YAML::Node& root) {
    std::set<std::string> seen;
    for (const auto& member : root) {
      if (!member.first.IsScalar()) continue;
      const std::string& key = member.first.Scalar();
      if (!seen.insert(key).second) report_repeated(file_, key, place(member.first));
    }
  }

  std::string place(const YAML::Node& node) const {
    return fmt::format("{}:{}", name_, line_of(node.Mark()));
  }

  std::vector<std::string> list_of(const char* key) const {
    const YAML::Node* value = find(key);
    if (value == nullptr) return {};
    if (value->IsScalar()) return {value->Scalar()};
    if (!value->IsSequence()) throw input_error(place(*value), fmt::format("{} is a map", key));
    std::vector<std::string> list;
    for (const YAML::Node& item : *value) {
      if (item.IsNull()) continue;
      if (!item.IsScalar()) {
        throw input_error(place(item), fmt::format("an entry of {} is not a string", key));
      }
      list.push_back(item.Scalar());
    }
    return list;
  }

  void parse_names(const YAML::Node& names) {
    if (names.IsScalar()) {
      const std::string extension = storage::extension(names.Scalar());
      if (extension != ".names" && extension != ".txt") {
        throw input_error(place(names), "names is a string, not a list",
                          "write names: [first, second]");
      }
      file_.names_file = names.Scalar();
      return;
    }
    if (names.size() > kMostClasses) {
      throw input_error(place(names), fmt::format("more than {} names", kMostClasses));
    }
    if (names.IsMap()) {
      parse_numbered(names);
    } else {
      for (const YAML::Node& item : names) file_.names.push_back(class_name(item));
    }
  }

  // A name is its literal text, whatever YAML 1.1 makes of yes, no and numbers.
  std::string class_name(const YAML::Node& node) const {
    if (node.IsNull()) {
      throw input_error(place(node), "a class name is empty, ~ or null", "put the name in quotes");
    }
    if (!node.IsScalar()) {
      throw input_error(place(node), "a class name is not a string",
                        "put names with a colon, brackets or braces in quotes");
    }
    if (!is_valid_utf8(node.Scalar())) throw input_error(place(node), "a class name is not UTF-8");
    if (trimmed(node.Scalar()).empty()) throw input_error(place(node), "a class name is empty");
    return node.Scalar();
  }

  // names as a map from numbers: each number from 0 exactly once.
  void parse_numbered(const YAML::Node& names) {
    const Members members = Merging(name_).members_of(names);
    std::vector<std::string> list(members.size());
    for (const auto& [key, value] : members) {
      const int number = key.IsScalar() ? parse_int(key.Scalar()).value_or(-1) : -1;
      const std::string name = class_name(value);
      const bool fits = number >= 0 && static_cast<std::size_t>(number) < list.size();
      if (!fits || !list[number].empty()) {
        throw input_error(place(key),
                          fmt::format("\"{}: {}\" does not fit a list of {} names",
                                      key.IsScalar() ? key.Scalar() : "?", name, list.size()),
                          "number the names from 0 without gaps");
      }
      list[number] = name;
    }
    file_.names = std::move(list);
  }

  void parse_count(const YAML::Node& node) {
    const int number = node.IsScalar() ? parse_int(node.Scalar()).value_or(-1) : -1;
    if (number < 0 || number > kMostClasses) {
      throw input_error(place(node), fmt::format("nc is \"{}\", not a number of classes",
                                                 node.IsScalar() ? node.Scalar() : "a list"));
    }
    file_.class_count = number;
    file_.count_line = line_of(node.Mark());
  }

  // [17, 3]: keypoints of x and y, or of x, y and visibility; [] for none.
  void parse_keypoints(const YAML::Node& shape) {
    if (shape.IsSequence() && shape.size() == 0) {
      file_.keypoint_values = 0;
      return;
    }
    std::vector<int> numbers;
    if (shape.IsSequence() && shape.size() == 2) {
      for (const YAML::Node& item : shape) {
        numbers.push_back(item.IsScalar() ? parse_int(item.Scalar()).value_or(-1) : -1);
      }
    }
    const bool right = numbers.size() == 2 && numbers[0] > 0 && numbers[0] <= kMostKeypoints &&
                       (numbers[1] == 2 || numbers[1] == 3);
    if (!right) {
      throw input_error(place(shape), "kpt_shape is not [number of keypoints, 2 or 3]");
    }
    file_.keypoint_values = numbers[0] * numbers[1];
  }

  static constexpr int kMostKeypoints = 10000;
  const std::string& name_;
  Members members_;
  DataFile file_;
};

}  // namespace

DataFile parse_data_yaml(std::string_view text, const std::string& name) {
  return Parser(load(text, name), name).parse();
}

DataFile parse_darknet_data(std::string_view text, const std::string& name) {
  DataFile file;
  std::set<std::string> seen;
  int number = 0;
  for (const std::string_view raw : split_lines(text)) {
    ++number;
    const std::string_view line = trimmed(raw);
    const auto equals = line.find('=');
    if (line.starts_with('#') || equals == std::string_view::npos) continue;
    const std::string key(trimmed(line.substr(0, equals)));
    if (!seen.insert(key).second) {
      report_repeated(file, key, fmt::format("{}:{}", name, number));
    }
    const std::string value(trimmed(line.substr(equals + 1)));
    if (key == "train") file.train = {value};
    if (key == "valid" || key == "val") file.val = {value};
    if (key == "test") file.test = {value};
    if (key == "names") file.names_file = value;
    if (key == "classes") {
      file.class_count = parse_int(value);
      file.count_line = number;
    }
  }
  return file;
}

bool is_data_yaml(std::string_view text) {
  const std::string name;
  try {
    const YAML::Node root = load(text, name);
    const Parser file(root, name);
    return file.find("names") || (file.find("nc") && file.find("train"));
  } catch (const Error&) {  // reading will report what is wrong with it
    const std::vector<std::string_view> lines = split_lines(text.substr(0, kMostBytes));
    return std::any_of(lines.begin(), lines.end(),
                       [](std::string_view line) { return line.starts_with("names:"); });
  }
}

}  // namespace oko::dataset
