#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace oko {

// A member of a tar file as one block describes it (POSIX.1-2001, pax, "ustar Interchange Format").
struct UstarMember {
  std::string_view name;   // at most 100 bytes
  std::uint64_t size = 0;  // at most kLargestUstarSize
  char type = '0';         // '0': a plain file
  std::string_view mode = "0000644";
  std::string_view link = {};  // what a symbolic link refers to, at most 100 bytes
};

inline constexpr std::size_t kUstarBlock = 512, kLongestUstarName = 100;
inline constexpr std::uint64_t kLargestUstarSize = 077777777777;  // eleven octal digits

// The block, with its checksum. Time and owner are constant, so that the same content gives the
// same file.
std::string ustar_block(const UstarMember& member);

// With the zeros that fill its last block.
inline std::uint64_t ustar_rounded_up(std::uint64_t size) {
  return (size + kUstarBlock - 1) / kUstarBlock * kUstarBlock;
}

}  // namespace oko
