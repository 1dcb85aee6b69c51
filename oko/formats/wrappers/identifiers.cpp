#include "oko/formats/wrappers/identifiers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <set>

namespace oko::formats::wrappers {
namespace {

struct CodePoint {
  char32_t value = 0;
  std::string_view bytes;  // as they stand in the text
};

// The code point that `text` begins with. Bytes that are no UTF-8 are code points of their own,
// which are no letters.
CodePoint first_of(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xc0 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                                           : 4;
  if (length == 1) return {lead, text.substr(0, 1)};
  if (length == 0 || lead >= 0xf8 || text.size() < length) return {0, text.substr(0, 1)};
  char32_t value = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return {0, text.substr(0, 1)};
    value = value << 6 | (byte(i) & 0x3fU);
  }
  return {value, text.substr(0, length)};
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
char upper(char c) { return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c; }
char lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

// Letters beyond ASCII that all four languages take in identifiers: Latin, Greek, Cyrillic,
// Armenian; Hebrew; Arabic; Devanagari's; kana; CJK; Hangul. Others part words.
bool is_foreign_letter(char32_t c) {
  struct Range {
    char32_t first, last;
  };
  constexpr std::array kRanges{Range{0xc0, 0xd6},     Range{0xd8, 0xf6},     Range{0xf8, 0x24f},
                               Range{0x388, 0x3ce},   Range{0x400, 0x481},   Range{0x48a, 0x52f},
                               Range{0x531, 0x556},   Range{0x561, 0x587},   Range{0x5d0, 0x5ea},
                               Range{0x620, 0x64a},   Range{0x904, 0x939},   Range{0x3041, 0x3096},
                               Range{0x30a1, 0x30fa}, Range{0x4e00, 0x9fff}, Range{0xac00, 0xd7a3}};
  constexpr std::array<char32_t, 3> kHoles{0x38b, 0x38d, 0x3a2};
  return std::ranges::any_of(kRanges,
                             [&](const Range& r) { return c >= r.first && c <= r.last; }) &&
         std::ranges::find(kHoles, c) == kHoles.end();
}

std::vector<std::string> words_of(std::string_view text, bool ascii) {
  std::vector<std::string> words;
  bool inside = false;
  while (!text.empty()) {
    const CodePoint c = first_of(text);
    text.remove_prefix(c.bytes.size());
    const char byte = c.bytes[0];
    const bool letter = c.value < 0x80 ? is_digit(byte) || is_lower(byte) || is_upper(byte)
                                       : !ascii && is_foreign_letter(c.value);
    if (letter && !inside) words.emplace_back();
    if (letter) words.back() += c.bytes;
    inside = letter;
  }
  return words;
}

std::string capitalised(std::string word) {
  word[0] = upper(word[0]);
  return word;
}

std::string all(std::string word, char (*change)(char)) {
  std::ranges::transform(word, word.begin(), change);
  return word;
}

std::string camel(const std::vector<std::string>& words, bool first_upper) {
  std::string name;
  for (std::string word : words) {
    const bool shouted = word.size() > 1 && std::ranges::none_of(word, is_lower);
    if (shouted && !first_upper && name.empty()) word = all(word, lower);
    if (!name.empty() || first_upper) {
      word = capitalised(word);
    } else {
      word[0] = lower(word[0]);
    }
    name += word;
  }
  return name;
}

std::string snake(const std::vector<std::string>& words) {
  std::string name;
  for (const std::string& word : words) name += (name.empty() ? "" : "_") + all(word, upper);
  return name;
}

// Swift's keywords, and what an enumeration has of its own. In the other languages' styles no
// keyword is written.
bool is_taken_in_swift(const std::string& name) {
  static const std::set<std::string, std::less<>> taken{"as",
                                                        "associatedtype",
                                                        "await",
                                                        "break",
                                                        "case",
                                                        "catch",
                                                        "class",
                                                        "continue",
                                                        "default",
                                                        "defer",
                                                        "deinit",
                                                        "do",
                                                        "else",
                                                        "enum",
                                                        "extension",
                                                        "fallthrough",
                                                        "false",
                                                        "fileprivate",
                                                        "for",
                                                        "func",
                                                        "guard",
                                                        "if",
                                                        "import",
                                                        "in",
                                                        "init",
                                                        "inout",
                                                        "internal",
                                                        "is",
                                                        "let",
                                                        "nil",
                                                        "none",
                                                        "operator",
                                                        "precedencegroup",
                                                        "private",
                                                        "protocol",
                                                        "public",
                                                        "repeat",
                                                        "rethrows",
                                                        "return",
                                                        "self",
                                                        "some",
                                                        "static",
                                                        "struct",
                                                        "subscript",
                                                        "super",
                                                        "switch",
                                                        "throw",
                                                        "throws",
                                                        "true",
                                                        "try",
                                                        "typealias",
                                                        "var",
                                                        "where",
                                                        "while",
                                                        "allCases",
                                                        "hash",
                                                        "hashValue",
                                                        "label",
                                                        "rawValue"};
  return taken.contains(name);
}

std::string styled(const std::vector<std::string>& words, Language language) {
  switch (language) {
    case Language::kSwift: {
      std::string name = camel(words, false);
      return is_taken_in_swift(name) ? name + "_" : name;
    }
    case Language::kKotlin:
      return snake(words);
    case Language::kTypeScript:
      return camel(words, true);
    case Language::kCpp:
      return "k" + camel(words, true);
  }
  return {};
}

}  // namespace

std::vector<std::string> member_names(const std::vector<std::string>& names, Language language) {
  std::vector<std::string> members;
  std::set<std::string> used;
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::vector<std::string> words = words_of(names[i], false);
    if (words.empty()) words = {"class", std::to_string(i)};
    std::string base = styled(words, language);
    if (is_digit(base[0])) base.insert(0, "_");
    std::string name = base;
    for (int n = 2; !used.insert(name).second; ++n) name = base + "_" + std::to_string(n);
    members.push_back(std::move(name));
  }
  return members;
}

std::string type_name(std::string_view stem) {
  const std::size_t slash = stem.rfind('/');
  std::string name =
      camel(words_of(slash == stem.npos ? stem : stem.substr(slash + 1), true), true);
  if (name.empty()) return "Model";
  return is_digit(name[0]) ? "Model" + name : name;
}

std::string literal(std::string_view text, Language language) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const CodePoint c = first_of(text);
    text.remove_prefix(c.bytes.size());
    const auto byte = static_cast<unsigned char>(c.bytes[0]);
    if (byte == '"' || byte == '\\' || (byte == '$' && language == Language::kKotlin)) {
      quoted += '\\';
      quoted += static_cast<char>(byte);
    } else if (byte >= 0x80 && c.value == 0) {
      quoted += "\xef\xbf\xbd";  // the replacement character, for what is no UTF-8
    } else if (byte >= 0x20 && byte != 0x7f) {
      quoted += c.bytes;
    } else if (language == Language::kSwift) {
      quoted += fmt::format("\\u{{{:x}}}", byte);
    } else if (language == Language::kCpp) {
      quoted += fmt::format("\\{:03o}", byte);
    } else {
      quoted += fmt::format("\\u{:04x}", byte);
    }
  }
  return quoted + "\"";
}

std::string filled(std::string_view text, const std::vector<Value>& values) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t open = text.find("{{", at);
    result += text.substr(at, open - at);
    if (open == text.npos) break;
    const std::size_t close = text.find("}}", open);
    assert(close != text.npos);
    const std::string_view name = text.substr(open + 2, close - open - 2);
    const auto value = std::ranges::find(values, name, &Value::name);
    assert(value != values.end());
    result += value->text;
    at = close + 2;
  }
  return result;
}

}  // namespace oko::formats::wrappers
