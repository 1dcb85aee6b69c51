#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// Independent of oko's own, so that the two check each other.
namespace oko::testing {

std::uint32_t crc32c(std::string_view bytes);     // Castagnoli
std::string crc32c_text(std::string_view bytes);  // big-endian, base64, as Google writes it
std::string md5_text(std::string_view bytes);     // base64
std::string base64(std::string_view bytes);
std::string unbase64(std::string_view text);  // "" if it is not valid

}  // namespace oko::testing
