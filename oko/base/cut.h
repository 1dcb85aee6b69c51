#pragma once

#include <cstddef>
#include <string_view>

namespace oko {

// The first `longest` bytes of a longer text, or up to three fewer, so that they do not end in the
// middle of a character of UTF-8.
std::string_view cut(std::string_view text, std::size_t longest);

}  // namespace oko
