#include "oko/formats/wrappers/identifiers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <set>

#include "oko/base/text.h"

namespace oko::formats::wrappers {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
char upper(char c) { return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c; }
char lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

// Letters beyond ASCII that all four languages allow in identifiers: Latin, Greek, Cyrillic,
// Armenian; Hebrew; Arabic; Devanagari; kana; CJK; Hangul. Others separate words.
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
    const CodePoint c = first_code_point(text);
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

std::string capitalized(std::string word) {
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
      word = capitalized(word);
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

// Swift's keywords, and the other members of our enumerations. The other languages' styles cannot
// produce a keyword.
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
                                                        "labels",
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

namespace {

// A character that must be escaped in a literal.
std::string escape_of(const CodePoint& c, Language language) {
  const auto value = static_cast<unsigned>(c.value);
  std::string text;
  switch (language) {
    case Language::kSwift:
      return fmt::format("\\u{{{:x}}}", value);
    case Language::kCpp:  // three digits each, so that following digits are separate
      for (const char byte : c.bytes) {
        text += fmt::format("\\{:03o}", static_cast<unsigned char>(byte));
      }
      return text;
    default:
      if (value < 0x10000) return fmt::format("\\u{:04x}", value);
      return fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + ((value - 0x10000) >> 10),
                         0xdc00 + ((value - 0x10000) & 0x3ffU));
  }
}

// Characters with a meaning inside a literal: quotes, the start of an escape or interpolation, and
// in C++ the question mark of trigraphs.
bool takes_backslash(char32_t c, Language language) {
  return c == '"' || c == '\\' || (c == '$' && language == Language::kKotlin) ||
         (c == '?' && language == Language::kCpp);
}

}  // namespace

std::string literal(std::string_view text, Language language) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    text.remove_prefix(c.bytes.size());
    if (!c.valid) {
      quoted += "\xef\xbf\xbd";
    } else if (takes_backslash(c.value, language)) {
      quoted += '\\';
      quoted += c.bytes;
    } else if (is_invisible(c.value)) {
      quoted += escape_of(c, language);
    } else {
      quoted += c.bytes;
    }
  }
  return quoted + "\"";
}

std::string comment(std::string_view text) {
  constexpr std::string_view kSpecial = "\"'\\$*`{}";
  std::string plain = visible(text, "_");
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const bool trigraph = plain[i] == '?' && i > 0 && plain[i - 1] == '?';
    if (trigraph || kSpecial.find(plain[i]) != kSpecial.npos) plain[i] = '_';
  }
  return plain;
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
