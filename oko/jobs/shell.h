#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace oko::jobs {

// The text as one word of a POSIX shell: unchanged if every character is safe, otherwise in single
// quotes. Any text but one with a NUL can be quoted. The only place that quotes for shells.
std::string shell_word(std::string_view text);
std::string shell_command(const std::vector<std::string>& words);

}  // namespace oko::jobs
