#include "oko/dataset/data_yaml.h"

#include <fmt/format.h>

#include <map>

#include "oko/base/error.h"
#include "oko/dataset/parsed.h"

namespace oko::dataset {
namespace {

constexpr int kMostClasses = 100000;

struct Entry {
  int line = 0;
  std::string value;                               // on the key's own line
  std::vector<std::pair<int, std::string>> items;  // "- item" lines below, with their lines
  std::vector<std::tuple<int, std::string, std::string>> members;  // "key: value" lines below
};

// Without a comment: '#' counts where it begins a word outside of quotes.
std::string_view without_comment(std::string_view line) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quote != 0) {
      const bool doubled = quote == '\'' && line.substr(i, 2) == "''";
      const bool escaped = quote == '"' && line[i] == '\\';
      if (doubled || escaped) {
        ++i;
      } else if (line[i] == quote) {
        quote = 0;
      }
    } else if (line[i] == '"' || line[i] == '\'') {
      if (i == 0 || line[i - 1] == ' ' || line[i - 1] == '[' || line[i - 1] == ',') quote = line[i];
    } else if (line[i] == '#' && (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t')) {
      return line.substr(0, i);
    }
  }
  return line;
}

std::string unquoted(std::string_view text) {
  text = trimmed(text);
  if (text.size() < 2 || (text.front() != '"' && text.front() != '\'') ||
      text.back() != text.front()) {
    return std::string(text);
  }
  const char quote = text.front();
  std::string result;
  text = text.substr(1, text.size() - 2);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool pair = i + 1 < text.size() && text[i + 1] == quote;
    if ((quote == '\'' && text[i] == quote && pair) || (quote == '"' && text[i] == '\\' && pair)) {
      ++i;
    }
    result += text[i];
  }
  return result;
}

// The ':' that ends a key, outside of quotes; npos without one.
std::size_t key_end(std::string_view line) {
  const std::size_t start =
      line.starts_with('"') || line.starts_with('\'') ? line.find(line.front(), 1) : 0;
  if (start == std::string_view::npos) return start;
  for (auto colon = line.find(':', start); colon != std::string_view::npos;
       colon = line.find(':', colon + 1)) {
    if (colon + 1 == line.size() || line[colon + 1] == ' ' || line[colon + 1] == '\t') return colon;
  }
  return std::string_view::npos;
}

std::map<std::string, Entry> parse_entries(std::string_view text) {
  std::map<std::string, Entry> entries;
  Entry* current = nullptr;
  bool in_brackets = false;
  int number = 0;
  for (const std::string_view raw : split_lines(text)) {
    ++number;
    const std::string_view line = without_comment(raw), word = trimmed(line);
    if (word.empty() || word == "---") continue;
    if (in_brackets) {  // a bracket that goes on over several lines
      (current->value += ' ').append(word);
    } else if (word.starts_with("- ") && current) {
      current->items.emplace_back(number, unquoted(word.substr(2)));
    } else if (const auto colon = key_end(word); colon != std::string_view::npos) {
      const std::string key = unquoted(word.substr(0, colon));
      const std::string_view value = trimmed(word.substr(colon + 1));
      const bool indented = line.front() == ' ' || line.front() == '\t';
      if (indented && current) {
        current->members.emplace_back(number, key, unquoted(value));
      } else {
        current = &entries[key];
        *current = {number, std::string(value), {}, {}};
      }
    }
    in_brackets =
        current && (current->value.starts_with('[') || current->value.starts_with('{')) &&
        current->value.find(current->value.front() == '[' ? ']' : '}') == std::string::npos;
  }
  return entries;
}

// "a, 'b, c', d" without the brackets around.
std::vector<std::string> split_commas(std::string_view text) {
  std::vector<std::string> parts;
  std::string part;
  char quote = 0;
  for (const char c : text) {
    if (quote != 0 ? c == quote : ((c == '"' || c == '\'') && trimmed(part).empty())) {
      quote = quote != 0 ? 0 : c;
    }
    if (c == ',' && quote == 0) {
      parts.push_back(part);
      part.clear();
    } else {
      part += c;
    }
  }
  if (!trimmed(part).empty()) parts.push_back(part);
  return parts;
}

std::string_view inside_brackets(std::string_view value, char close) {
  const auto end = value.rfind(close);
  return value.substr(1, end == std::string_view::npos ? value.size() - 1 : end - 1);
}

std::vector<std::string> list_of(const std::map<std::string, Entry>& entries, const char* key) {
  const auto found = entries.find(key);
  if (found == entries.end()) return {};
  const Entry& entry = found->second;
  std::vector<std::string> list;
  if (entry.value.starts_with('[')) {
    for (const std::string& part : split_commas(inside_brackets(entry.value, ']'))) {
      list.push_back(unquoted(part));
    }
  } else if (!entry.value.empty() && entry.value != "null" && entry.value != "~") {
    list.push_back(unquoted(entry.value));
  }
  for (const auto& [line, item] : entry.items) list.push_back(item);
  return list;
}

// names as a map from numbers: each from 0 on exactly once.
std::vector<std::string> names_by_number(
    const std::vector<std::tuple<int, std::string, std::string>>& members,
    const std::string& name) {
  std::vector<std::string> names(members.size());
  for (const auto& [line, key, value] : members) {
    const auto number = parse_int(key);
    const bool fits = number && *number >= 0 && static_cast<std::size_t>(*number) < names.size();
    if (!fits || !names[static_cast<std::size_t>(*number)].empty() || value.empty()) {
      throw input_error(
          fmt::format("{}:{}", name, line),
          fmt::format("\"{}: {}\" does not fit a list of {} names", key, value, names.size()),
          "number the names from 0 without gaps");
    }
    names[static_cast<std::size_t>(*number)] = value;
  }
  return names;
}

std::vector<std::string> class_names(const std::map<std::string, Entry>& entries,
                                     const std::string& name) {
  const auto found = entries.find("names");
  if (found == entries.end()) return {};
  auto members = found->second.members;
  if (found->second.value.starts_with('{')) {
    for (const std::string& part : split_commas(inside_brackets(found->second.value, '}'))) {
      const auto colon = part.find(':');
      if (colon == std::string::npos) continue;
      members.emplace_back(found->second.line, unquoted(part.substr(0, colon)),
                           unquoted(part.substr(colon + 1)));
    }
  }
  return members.empty() ? list_of(entries, "names") : names_by_number(members, name);
}

}  // namespace

DataFile parse_data_yaml(std::string_view text, const std::string& name) {
  const std::map<std::string, Entry> entries = parse_entries(text);
  DataFile file;
  if (const auto path = list_of(entries, "path"); !path.empty()) file.path = path.front();
  file.train = list_of(entries, "train");
  file.val = list_of(entries, "val");
  if (file.val.empty()) file.val = list_of(entries, "valid");
  file.test = list_of(entries, "test");
  file.names = class_names(entries, name);
  const auto count = list_of(entries, "nc");
  if (count.empty()) return file;
  const auto number = parse_int(count.front());
  const std::string place = fmt::format("{}:{}", name, entries.at("nc").line);
  if (!number || *number < 0 || *number > kMostClasses) {
    throw input_error(place, fmt::format("nc is \"{}\", no number of classes", count.front()));
  }
  if (!file.names.empty() && static_cast<std::size_t>(*number) != file.names.size()) {
    add_error(file.findings, "class-count", place,
              fmt::format("nc is {}, but {} names are listed", *number, file.names.size()),
              "the names count");
  }
  return file;
}

DataFile parse_darknet_data(std::string_view text) {
  DataFile file;
  for (const std::string_view raw : split_lines(text)) {
    const std::string_view line = trimmed(raw);
    const auto equals = line.find('=');
    if (line.starts_with('#') || equals == std::string_view::npos) continue;
    const std::string_view key = trimmed(line.substr(0, equals));
    const std::string value(trimmed(line.substr(equals + 1)));
    if (key == "train") file.train = {value};
    if (key == "valid" || key == "val") file.val = {value};
    if (key == "test") file.test = {value};
    if (key == "names") file.names_file = value;
  }
  return file;
}

bool is_data_yaml(std::string_view text) {
  const auto entries = parse_entries(text);
  return entries.contains("names") || (entries.contains("nc") && entries.contains("train"));
}

}  // namespace oko::dataset
