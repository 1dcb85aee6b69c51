#include "oko/base/text.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace oko {

namespace {

std::string escape_of(const CodePoint& c) {
  if (c.value == '\n') return "\\n";
  if (c.value == '\r') return "\\r";
  if (c.value == '\t') return "\\t";
  const auto value =
      static_cast<unsigned>(c.valid ? c.value : static_cast<unsigned char>(c.bytes.front()));
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), value > 0xff ? "\\u%04x" : "\\x%02x", value);
  return text.data();
}

}  // namespace

CodePoint first_code_point(std::string_view text) {
  constexpr char32_t kReplacement = 0xfffd;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const CodePoint wrong{kReplacement, text.substr(0, 1), false};
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, text.substr(0, 1), true};
  const std::size_t length = lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (length == 0 || lead >= 0xf8 || text.size() < length) return wrong;
  char32_t value = lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80) return wrong;
    value = value << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::array<char32_t, 5> kLeast{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < kLeast[length] || value > 0x10ffff || surrogate) return wrong;
  return {value, text.substr(0, length), true};
}

bool is_invisible(char32_t c) {
  struct Range {
    char32_t first, last;
  };
  constexpr std::array kRanges{
      Range{0, 0x1f},        Range{0x7f, 0x9f},     Range{0xad, 0xad},     Range{0x61c, 0x61c},
      Range{0x180e, 0x180e}, Range{0x200b, 0x200f}, Range{0x2028, 0x202e}, Range{0x2060, 0x206f},
      Range{0xfdd0, 0xfdef}, Range{0xfeff, 0xfeff}, Range{0xfff9, 0xfffb}, Range{0xe0000, 0xe0fff}};
  if ((c & 0xfffeU) == 0xfffe) return true;
  return std::ranges::any_of(kRanges, [&](const Range& r) { return c >= r.first && c <= r.last; });
}

std::string visible(std::string_view text, std::string_view replacement) {
  std::string result;
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    text.remove_prefix(c.bytes.size());
    result += c.valid && !is_invisible(c.value) ? c.bytes : replacement;
  }
  return result;
}

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    text.remove_prefix(c.bytes.size());
    if (c.valid && !is_invisible(c.value)) {
      result += c.bytes;
    } else {
      result += escape_of(c);
    }
  }
  return result;
}

std::string_view without_bom(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  return text.starts_with(kMark) ? text.substr(kMark.size()) : text;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string hex_digits(std::uint64_t value, int count) {
  std::string digits(static_cast<std::size_t>(count), '0');
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, value >>= 4U) {
    *digit = "0123456789abcdef"[value & 15U];
  }
  return digits;
}

}  // namespace oko
