#include "oko/storage/bucket/content_range.h"

#include <charconv>

namespace oko::storage::bucket {

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  const auto dash = text.find('-'), slash = text.find('/');
  if (!text.starts_with(kUnit) || dash == text.npos || slash == text.npos || dash > slash) {
    return std::nullopt;
  }
  const auto first = parse_size(text.substr(kUnit.size(), dash - kUnit.size()));
  const auto last = parse_size(text.substr(dash + 1, slash - dash - 1));
  const auto total = parse_size(text.substr(slash + 1));
  if (!first || !last || !total || *first > *last || *last >= *total) return std::nullopt;
  return ContentRange{*first, *last, *total};
}

}  // namespace oko::storage::bucket
