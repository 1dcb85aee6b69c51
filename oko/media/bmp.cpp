#include "oko/media/bmp.h"

#include <cstdint>

namespace oko::media {
namespace {

using State = Decoded::State;

enum : std::uint32_t { kPlain = 0, kRuns8 = 1, kRuns4 = 2, kMasks = 3 };

class BmpHeader {
 public:
  explicit BmpHeader(std::span<const std::byte> file) : file_(file) {}

  std::size_t size() const { return file_.size(); }
  std::uint32_t byte(std::size_t at) const {
    return at < size() ? std::to_integer<std::uint32_t>(file_[at]) : 0;
  }
  std::uint32_t little(std::size_t at, std::size_t count) const {
    std::uint32_t value = 0;
    for (std::size_t i = count; i > 0; --i) value = value << 8 | byte(at + i - 1);
    return value;
  }
  bool is_old() const { return little(14, 4) == 12; }
  std::uint32_t pixels_at() const { return little(10, 4); }
  std::uint32_t bits() const { return is_old() ? little(24, 2) : little(28, 2); }
  std::uint32_t compression() const { return is_old() ? kPlain : little(30, 4); }
  std::uint32_t colours() const { return is_old() ? 0 : little(46, 4); }
  // The end of the palette or the masks, whichever is present.
  std::size_t head_end() const {
    const std::size_t count = bits() > 8 ? 0 : colours() > 0 ? colours() : 1U << bits();
    const std::size_t length = little(14, 4);
    const std::size_t masks =
        compression() == kMasks && length == 40 ? 12 : 0;  // otherwise part of the header
    return 14 + length + masks + count * (is_old() ? 3 : 4);
  }

 private:
  std::span<const std::byte> file_;
};

bool is_known(const BmpHeader& bmp) {
  constexpr std::uint32_t kLongestHeader = 1024, kMostColours = 256;
  const std::uint32_t length = bmp.little(14, 4), bits = bmp.bits();
  if (!bmp.is_old() && (length < 36 || length > kLongestHeader)) return false;
  if (bmp.colours() > kMostColours) return false;
  switch (bmp.compression()) {
    case kPlain:
      return bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32;
    case kRuns8:
      return bits == 8;
    case kRuns4:
      return bits == 4;
    case kMasks:
      return bits == 16 || bits == 32;
    default:
      return false;
  }
}

// Walks over runs of equal pixels to the end-of-image mark or to the last row.
bool runs_are_whole(const BmpHeader& bmp, int rows) {
  const bool is_8 = bmp.compression() == kRuns8;
  std::size_t at = bmp.pixels_at();
  while (rows > 0) {
    if (at + 2 > bmp.size()) return false;
    const std::uint32_t count = bmp.byte(at), code = bmp.byte(at + 1);
    at += 2;
    if (count > 0) continue;
    if (code == 0) --rows;
    if (code == 1) return true;
    if (code == 2) {  // moves right and up by the next two bytes
      if (at + 2 > bmp.size()) return false;
      rows -= static_cast<int>(bmp.byte(at + 1));
      at += 2;
    }
    if (code > 2) {  // this many single pixels, padded to 16 bits
      const std::size_t bytes = is_8 ? code : (code + 1) / 2;
      at += bytes + bytes % 2;
      if (at > bmp.size() + 1) return false;
    }
  }
  return true;
}

}  // namespace

State bmp_state(std::span<const std::byte> file, image::Size size) {
  const BmpHeader bmp(file);
  if (!is_known(bmp)) return State::kBroken;
  if (bmp.head_end() > bmp.size()) return State::kCut;
  if (bmp.compression() == kRuns8 || bmp.compression() == kRuns4) {
    return runs_are_whole(bmp, size.height) ? State::kWhole : State::kCut;
  }
  const std::uint64_t row =
      (std::uint64_t{bmp.bits()} * static_cast<std::uint64_t>(size.width) + 31) / 32 * 4;
  const std::uint64_t end = bmp.pixels_at() + row * static_cast<std::uint64_t>(size.height);
  return end <= bmp.size() ? State::kWhole : State::kCut;
}

}  // namespace oko::media
