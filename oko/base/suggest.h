#pragma once

#include <span>
#include <string>
#include <string_view>

#include "oko/base/error.h"

namespace oko {

// The known word nearest to a mistyped one; empty if none is close.
std::string nearest_word(std::string_view word, std::span<const std::string> known);

// The Error for a word that is none of the known ones; names the nearest and lists all.
// `what`: what the word stands for, if the place does not say.
Error unknown_word(ErrorCode code, std::string place, std::string_view what, std::string_view word,
                   std::span<const std::string_view> known);

}  // namespace oko
