#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iostream>
#include <limits>
#include <system_error>

#include "oko/base/text.h"
#include "oko/cli/cli.h"

namespace oko::cli {

void Context::say(const std::string& line) const {
  if (!json && !quiet) std::cout << printable(line) << '\n';
}

void Context::say_lines(std::string_view text) const {
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    say(std::string(text.substr(at, end - at)));
    at = end + 1;
  }
}

void Context::emit(const Json& document) const {
  if (json) std::cout << json_text(document, 2) << '\n';
}

// CLI11 would replace a number that is too large by the largest one.
std::string check_whole(const std::string& text) {
  std::uint64_t value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error == std::errc() && end == last) return {};
  return fmt::format("Value {} not in range 0 to {}", text,
                     std::numeric_limits<std::uint64_t>::max());
}

std::string json_text(const Json& document, int indent) {
  const std::string plain = document.dump(indent, ' ', false, Json::error_handler_t::replace);
  std::string text;
  for (std::string_view rest = plain; !rest.empty();) {
    const CodePoint c = first_code_point(rest);
    rest.remove_prefix(c.bytes.size());
    // JSON itself escapes controls below 0x20; the remaining ones are its own line breaks.
    if (c.value < 0x7f || !is_invisible(c.value)) {
      text += c.bytes;
    } else if (c.value < 0x10000) {
      text += fmt::format("\\u{:04x}", static_cast<unsigned>(c.value));
    } else {
      const auto above = static_cast<unsigned>(c.value - 0x10000);
      text += fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (above >> 10), 0xdc00 + (above & 0x3ff));
    }
  }
  return text;
}

void Context::complain(const Error& error) const {
  const std::string line = "oko: error: " + printable(error.what());
  if (quiet || !progress) {
    std::cerr << line << '\n';
  } else {
    progress->line(line);
  }
}

}  // namespace oko::cli
