#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace oko::storage {

// A file or a part of one, at one version of it.
struct Piece {
  std::string uri;
  std::string version;  // empty: any version; never cached
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::optional<std::uint32_t> crc32c;  // of the piece, if known from the list
};

}  // namespace oko::storage
