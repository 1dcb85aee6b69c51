#pragma once

#include <span>
#include <string>
#include <string_view>

namespace oko::cli {

// The known word nearest to a mistyped one; empty if none is close.
std::string nearest_word(std::string_view word, std::span<const std::string> known);

}  // namespace oko::cli
