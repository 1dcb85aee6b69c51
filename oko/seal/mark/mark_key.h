#pragma once

#include <string>
#include <string_view>

#include "oko/seal/mark/chips.h"

namespace oko::seal {

// The text of a new key file: a comment and 32 random bytes in base64.
std::string make_mark_key();

// Throws an input Error at `place` for any other text.
MarkKey read_mark_key(std::string_view text, const std::string& place);

}  // namespace oko::seal
