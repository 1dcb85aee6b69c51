#include <webp/decode.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "oko/media/codecs.h"
#include "oko/media/opencv.h"

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

// The first frame of an animated WebP file as a separate WebP file, without transparency; nothing
// for other files.
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

Decoded decode_still(Span file, image::Size expected) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(file.data());
  Decoded decoded;
  int width = 0, height = 0;
  if (!WebPGetInfo(data, file.size(), &width, &height)) return decoded;
  decoded.picture.size = {width, height};
  if (decoded.picture.size != expected) return decoded;
  decoded.picture = blank_picture(expected);
  std::vector<std::uint8_t>& rgb = decoded.picture.rgb;
  if (WebPDecodeRGBInto(data, file.size(), rgb.data(), rgb.size(), 3 * width) != nullptr) {
    decoded.state = Decoded::State::kWhole;
  }
  return decoded;
}

}  // namespace

Decoded decode_webp(Span file, image::Size expected) {
  const std::optional<std::vector<std::byte>> still = first_still(file);
  return decode_still(still ? *still : file, expected);
}

}  // namespace oko::media
