#include "oko/base/class_list.h"

#include <algorithm>

#include "oko/base/error.h"

namespace oko {
namespace {

constexpr std::size_t kMaxNames = 100000;
constexpr std::string_view kMark = "\xEF\xBB\xBF";  // byte order mark

bool has_controls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < ' ' && c != '\t') || byte == 0x7F;
  });
}

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned char first = byte(i);
    const std::size_t length = first < 0x80   ? 1
                               : first < 0xC2 ? 0
                               : first < 0xE0 ? 2
                               : first < 0xF0 ? 3
                               : first < 0xF5 ? 4
                                              : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (std::size_t j = 1; j < length; ++j) {
      if ((byte(i + j) & 0xC0) != 0x80) return false;
    }
    if (length > 2) {
      const unsigned char second = byte(i + 1);
      if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
          (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) {
        return false;
      }
    }
    i += length;
  }
  return true;
}

std::vector<std::string> parse_class_list(std::string_view text, const std::string& name) {
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  std::vector<std::string> names;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    const std::string_view word = without_blanks(text.substr(0, end));
    const std::string place = name + ":" + std::to_string(names.size() + 1);
    if (word.starts_with(kMark))
      throw input_error(place, "a class name begins with a byte order mark");
    if (has_controls(word)) throw input_error(place, "a class name has control characters");
    if (!is_valid_utf8(word)) {
      throw input_error(place, "a class name is not UTF-8", "save the file as UTF-8");
    }
    if (names.size() == kMaxNames) throw input_error(place, "more than 100000 class names");
    names.emplace_back(word);
    text.remove_prefix(std::min(end + (text.substr(end, 2) == "\r\n" ? 2 : 1), text.size()));
  }
  while (!names.empty() && names.back().empty()) names.pop_back();
  const auto blank = std::find(names.begin(), names.end(), "");
  if (blank != names.end()) {
    const auto line = std::to_string(blank - names.begin() + 1);
    throw input_error(name + ":" + line,
                      "a blank line between class names, which Darknet counts as a class",
                      "write the name of the class there, or remove the line if it is not a class");
  }
  return names;
}

std::string class_list_text(const std::vector<std::string>& names, const std::string& place) {
  std::string text;
  for (const std::string& name : names) {
    if (name.empty() || without_blanks(name) != name || has_controls(name) ||
        !is_valid_utf8(name) || name.starts_with(kMark)) {
      std::string shown = name.substr(0, 100);
      std::replace_if(
          shown.begin(), shown.end(), [](unsigned char c) { return c < ' '; }, '?');
      throw input_error(place, "the class name \"" + shown + "\" cannot be a line of a class list",
                        "rename the class: no line breaks, no spaces at its ends");
    }
    (text += name) += '\n';
  }
  return text;
}

}  // namespace oko
