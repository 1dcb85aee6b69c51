#include "oko/formats/class_names.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>

#include "oko/base/class_list.h"
#include "oko/base/error.h"

namespace oko::formats {
namespace {

constexpr std::size_t kMostNames = 100000;

// Reads Python's and JSON's lists and dictionaries of strings.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::vector<std::string> list() {
    std::vector<std::string> names;
    const bool numbered = take('{');
    if (!numbered && !take('[')) return {};
    const char end = numbered ? '}' : ']';
    while (!take(end)) {
      std::string name;
      const bool fits = (names.empty() || take(',')) &&
                        (!numbered || (number(names.size()) && take(':'))) && string(name);
      if (!fits || names.size() >= kMostNames) return {};
      names.push_back(std::move(name));
    }
    return names;
  }

 private:
  bool take(char wanted) {
    while (!text_.empty() && std::isspace(static_cast<unsigned char>(text_.front())) != 0) {
      text_.remove_prefix(1);
    }
    if (text_.empty() || text_.front() != wanted) return false;
    text_.remove_prefix(1);
    return true;
  }

  // With quotes or without.
  bool number(std::size_t wanted) {
    const std::string digits = std::to_string(wanted);
    const char quote = take('"') ? '"' : take('\'') ? '\'' : '\0';
    if (quote == '\0') take(' ');
    if (!text_.starts_with(digits)) return false;
    text_.remove_prefix(digits.size());
    return quote == '\0' || take(quote);
  }

  bool string(std::string& name) {
    const char quote = take('"') ? '"' : take('\'') ? '\'' : '\0';
    if (quote == '\0') return false;
    while (!text_.empty() && text_.front() != quote) {
      if (text_.front() == '\\') {
        if (!escaped(name)) return false;
        continue;
      }
      name += text_.front();
      text_.remove_prefix(1);
    }
    return take(quote);
  }

  // A character after a backslash, or one by its number, in UTF-16.
  bool escaped(std::string& name) {
    text_.remove_prefix(1);
    if (text_.empty()) return false;
    const char kind = text_.front();
    text_.remove_prefix(1);
    if (kind != 'u') {
      name += kind;
      return true;
    }
    auto code = hexadecimal();
    if (!code) return false;
    constexpr std::uint32_t kHigh = 0xD800, kLow = 0xDC00, kEnd = 0xE000;
    if (*code >= kHigh && *code < kLow && text_.starts_with("\\u")) {
      text_.remove_prefix(2);
      const auto low = hexadecimal();
      if (!low || *low < kLow || *low >= kEnd) return false;
      code = 0x10000 + ((*code - kHigh) << 10) + (*low - kLow);
    }
    put_utf8(*code, name);
    return true;
  }

  std::optional<std::uint32_t> hexadecimal() {
    std::uint32_t code = 0;
    constexpr std::size_t kDigits = 4;
    if (text_.size() < kDigits) return {};
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + kDigits, code, 16);
    if (error != std::errc() || end != text_.data() + kDigits) return {};
    text_.remove_prefix(kDigits);
    return code;
  }

  static void put_utf8(std::uint32_t code, std::string& text) {
    const auto put = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
    if (code < 0x80) return put(code);
    if (code < 0x800) {
      put(0xC0 | code >> 6);
    } else {
      if (code < 0x10000) {
        put(0xE0 | code >> 12);
      } else {
        put(0xF0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3F));
      }
      put(0x80 | (code >> 6 & 0x3F));
    }
    put(0x80 | (code & 0x3F));
  }

  std::string_view text_;
};

bool is_background(std::string name) {
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  static constexpr std::array<std::string_view, 4> kNames{"background", "__background__", "bg",
                                                          "???"};
  return std::ranges::find(kNames, name) != kNames.end();
}

}  // namespace

std::vector<std::string> names_of_list(std::string_view text) { return Scanner(text).list(); }

std::vector<std::string> names_of_metadata(std::string_view text) {
  for (const std::string_view key : {"\"names\"", "'names'"}) {
    const std::size_t at = text.find(key);
    if (at == std::string_view::npos) continue;
    const std::size_t colon = text.find(':', at + key.size());
    if (colon != std::string_view::npos) return names_of_list(text.substr(colon + 1));
  }
  return {};
}

void apply_labels(Imported& imported) {
  std::vector<std::string> names = imported.labels;
  graph::Network& network = imported.network;
  if (names.empty() || !network.classes.empty()) return;
  const auto count = static_cast<std::size_t>(network.class_count());
  if (count > 0 && names.size() == count + 1 && is_background(names.front())) {
    names.erase(names.begin());
  }
  if (count > 0 && names.size() != count) {
    imported.notes.push_back("the file names " + std::to_string(names.size()) +
                             " classes, but has " + std::to_string(count) +
                             "; the names are not used");
    return;
  }
  try {
    class_list_text(names, imported.network.name + ": labels");
  } catch (const Error& error) {
    imported.notes.push_back("the class names in the file are not used: " +
                             std::string(error.what()));
    return;
  }
  network.classes = std::move(names);
}

}  // namespace oko::formats
