#include "oko/dataset/json_lines.h"

#include <algorithm>

namespace oko::dataset {
namespace {

// One past the string that begins at `start`.
std::size_t string_end(std::string_view text, std::size_t start) {
  std::size_t i = start + 1;
  while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
  return std::min(i + 1, text.size());
}

}  // namespace

std::map<std::string, std::vector<int>> element_lines(std::string_view text) {
  std::map<std::string, std::vector<int>> lines;
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return lines;
  const std::size_t list_depth = text[first] == '[' ? 1 : 2;
  std::string key;
  std::vector<int>* list = nullptr;  // the list at list_depth
  std::size_t depth = 0;
  int line = 1;
  bool begins = false;  // an element follows
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    line += c == '\n' ? 1 : 0;
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (begins && c != ']' && list != nullptr) list->push_back(line);
    begins = false;
    if (c == '"') {
      const std::size_t end = string_end(text, i);
      if (depth == 1 && list_depth == 2) key = text.substr(i + 1, end - i - 2);
      i = end - 1;
    } else if (c == '{' || c == '[') {
      ++depth;
      begins = c == '[' && depth == list_depth;
      if (begins) list = &lines[key];
    } else if (c == '}' || c == ']') {
      depth -= depth > 0 ? 1 : 0;
      if (depth < list_depth) list = nullptr;
    } else if (c == ',') {
      begins = depth == list_depth && list != nullptr;
    }
  }
  return lines;
}

std::string without_nan(std::string_view text, int& count) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '"') {
      const std::size_t end = string_end(text, i);
      result += text.substr(i, end - i);
      i = end;
      continue;
    }
    std::size_t length = 0;
    for (const std::string_view word : {"NaN", "Infinity", "-Infinity"}) {
      if (text.substr(i, word.size()) == word) length = word.size();
    }
    count += length > 0 ? 1 : 0;
    result += length > 0 ? std::string_view("null") : text.substr(i, 1);
    i += std::max<std::size_t>(length, 1);
  }
  return result;
}

}  // namespace oko::dataset
