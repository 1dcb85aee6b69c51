#include "oko/media/webp.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace oko::media {
namespace {

using Span = std::span<const std::byte>;

struct Chunk {
  std::string_view name;
  Span content, whole;  // `whole` includes name and length
};

// Removes the first chunk from `rest`; nothing at the end or if it is truncated.
std::optional<Chunk> next_chunk(Span& rest) {
  constexpr std::size_t kHead = 8;
  if (rest.size() < kHead) return std::nullopt;
  std::uint32_t length = 0;
  for (std::size_t i = 8; i-- > 4;) length = length << 8 | std::to_integer<std::uint32_t>(rest[i]);
  if (length > rest.size() - kHead) return std::nullopt;
  const Chunk chunk{{reinterpret_cast<const char*>(rest.data()), 4},
                    rest.subspan(kHead, length),
                    rest.first(kHead + length)};
  rest = rest.subspan(std::min(rest.size(), kHead + length + length % 2));
  return chunk;
}

std::vector<std::byte> file_of(const Chunk& picture) {
  const std::size_t padded = picture.whole.size() + picture.whole.size() % 2;
  std::vector<std::byte> file(12 + padded);
  std::memcpy(file.data(), "RIFF", 4);
  for (std::size_t i = 0; i < 4; ++i) file[4 + i] = std::byte((4 + padded) >> (8 * i) & 0xFF);
  std::memcpy(file.data() + 8, "WEBP", 4);
  std::ranges::copy(picture.whole, file.begin() + 12);
  return file;
}

}  // namespace

std::optional<std::vector<std::byte>> first_still(Span file) {
  constexpr std::size_t kFileHead = 12, kFrameHead = 16;
  const auto is = [&](std::size_t at, const char* text) {
    return std::memcmp(file.data() + at, text, 4) == 0;
  };
  if (file.size() < kFileHead || !is(0, "RIFF") || !is(8, "WEBP")) return std::nullopt;
  Span rest = file.subspan(kFileHead);
  while (const auto chunk = next_chunk(rest)) {
    if (chunk->name != "ANMF" || chunk->content.size() < kFrameHead) continue;
    Span frame = chunk->content.subspan(kFrameHead);
    while (const auto part = next_chunk(frame)) {
      if (part->name == "VP8 " || part->name == "VP8L") return file_of(*part);
    }
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace oko::media
