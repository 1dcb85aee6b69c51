#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace oko::storage::bucket {

// "bytes 5-9/100" (RFC 9110, section 14.4); null for anything else.
struct ContentRange {
  std::uint64_t first = 0, last = 0, total = 0;
};
std::optional<ContentRange> parse_content_range(std::string_view text);

// Digits alone.
std::optional<std::uint64_t> parse_size(std::string_view text);

}  // namespace oko::storage::bucket
