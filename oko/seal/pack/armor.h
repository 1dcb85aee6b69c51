#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace oko::seal {

// An age file as text (the strict PEM of age-encryption.org/v1): base64 in lines of 64 characters
// between two marks. Spaces and line breaks may stand before and after it.
bool is_armored(std::string_view text);
// Throws Refused (kDamaged) at "name:line".
std::vector<std::byte> read_armor(std::string_view text, const std::string& name);
std::string armor(std::span<const std::byte> file);

}  // namespace oko::seal
