#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace oko {

struct CodePoint {
  char32_t value = 0;      // U+FFFD if the bytes are not UTF-8
  std::string_view bytes;  // as in the text; one byte if they are not UTF-8
  bool valid = true;
};

// The first code point of `text`, which must not be empty. Strict: overlong forms, surrogates and
// values past U+10FFFF are not UTF-8.
CodePoint first_code_point(std::string_view text);

// Characters that change how surrounding text is read or shown but are invisible themselves:
// controls (C0, DEL, C1, so U+0085 too), line and paragraph separators, bidirectional marks,
// zero-width and tag characters, noncharacters.
bool is_invisible(char32_t c);

// The text on one line: every invisible character and every byte that is not UTF-8 becomes
// `replacement`.
std::string visible(std::string_view text, std::string_view replacement = "\xef\xbf\xbd");

// The text on one line, safe for a terminal: every invisible character as "\n", "\t", "\r", "\x1b"
// or "\u202e", every byte that is not UTF-8 as "\xe9". So no name can move the cursor, hide itself
// or imitate the program's own output. The rest is unchanged, including backslashes.
std::string printable(std::string_view text);

// Without the spaces, tabs and line breaks at both ends.
std::string_view trimmed(std::string_view text);

// The lowest `count` digits of `value`, hexadecimal and in lower case.
std::string hex_digits(std::uint64_t value, int count);

// Without the byte order mark that some editors prepend to UTF-8 text.
std::string_view without_bom(std::string_view text);

}  // namespace oko
