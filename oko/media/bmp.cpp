#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "oko/media/codecs.h"
#include "oko/media/opencv.h"

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
  bool is_top_down() const { return !is_old() && little(22, 4) >> 31 != 0; }
  std::size_t palette_size() const {
    return bits() > 8 ? 0 : colours() > 0 ? colours() : std::size_t{1} << bits();
  }
  std::size_t palette_at() const { return 14 + little(14, 4); }
  std::size_t palette_step() const { return is_old() ? 3 : 4; }
  // The end of the palette or the masks, whichever is present.
  std::size_t head_end() const {
    const std::size_t masks =
        compression() == kMasks && little(14, 4) == 40 ? 12 : 0;  // otherwise part of the header
    return palette_at() + masks + palette_size() * palette_step();
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

using Rgb = std::array<std::uint8_t, 3>;

// Which bits of a pixel are one of its colours.
class Mask {
 public:
  explicit Mask(std::uint32_t mask)
      : mask_(mask), low_(mask == 0 ? 0 : std::countr_zero(mask)), bits_(std::popcount(mask)) {}
  // Fewer than 8 bits are the upper ones, as OpenCV reads them.
  std::uint8_t of(std::uint32_t pixel) const {
    const std::uint32_t value = (pixel & mask_) >> low_;
    return static_cast<std::uint8_t>(bits_ > 8 ? value >> (bits_ - 8) : value << (8 - bits_));
  }

 private:
  std::uint32_t mask_;
  int low_, bits_;
};

class BmpReader {
 public:
  BmpReader(const BmpHeader& bmp, image::Size size)
      : bmp_(bmp),
        width_(static_cast<std::size_t>(size.width)),
        height_(static_cast<std::size_t>(size.height)) {
    decoded_.picture.size = size;
  }

  Decoded read() {
    if (!is_known(bmp_)) return std::move(decoded_);
    const bool has_runs = bmp_.compression() == kRuns8 || bmp_.compression() == kRuns4;
    decoded_.state = State::kCut;
    if (bmp_.head_end() > bmp_.size() || (!has_runs && rows_end() > bmp_.size())) {
      return std::move(decoded_);
    }
    decoded_.picture = blank_picture(decoded_.picture.size);
    read_palette();
    if (has_runs) {
      if (!read_runs()) return std::move(decoded_);
    } else {
      read_rows();
    }
    decoded_.state = State::kWhole;
    return std::move(decoded_);
  }

 private:
  std::uint64_t row_bytes() const { return (std::uint64_t{bmp_.bits()} * width_ + 31) / 32 * 4; }
  std::uint64_t rows_end() const { return bmp_.pixels_at() + row_bytes() * height_; }

  void read_palette() {
    for (std::size_t i = 0; i < bmp_.palette_size(); ++i) {
      const std::size_t at = bmp_.palette_at() + i * bmp_.palette_step();
      palette_[i] = bgr(at);
    }
  }
  Rgb bgr(std::size_t at) const {
    return {static_cast<std::uint8_t>(bmp_.byte(at + 2)),
            static_cast<std::uint8_t>(bmp_.byte(at + 1)), static_cast<std::uint8_t>(bmp_.byte(at))};
  }

  // The picture's row for the file's, which begins at the bottom.
  std::uint8_t* row(std::size_t y) {
    const std::size_t from_top = bmp_.is_top_down() ? y : height_ - 1 - y;
    return decoded_.picture.rgb.data() + 3 * width_ * from_top;
  }

  void read_rows() {
    const std::uint32_t bits = bmp_.bits();
    const bool masked = bmp_.compression() == kMasks;
    const auto mask = [&](std::size_t at, std::uint32_t of16, std::uint32_t of32) {
      return Mask(masked ? bmp_.little(54 + at, 4) : bits == 16 ? of16 : of32);
    };
    const Mask red = mask(0, 0x7c00, 0xff0000), green = mask(4, 0x3e0, 0xff00),
               blue = mask(8, 0x1f, 0xff);
    for (std::size_t y = 0; y < height_; ++y) {
      const std::size_t from = bmp_.pixels_at() + row_bytes() * y;
      std::uint8_t* to = row(y);
      for (std::size_t x = 0; x < width_; ++x) {
        Rgb pixel;
        if (bits <= 8) {
          const std::size_t bit = x * bits;
          pixel = palette_[bmp_.byte(from + bit / 8) >> (8 - bits - bit % 8) & ((1U << bits) - 1)];
        } else if (bits == 24) {
          pixel = bgr(from + 3 * x);
        } else {
          const std::uint32_t value = bmp_.little(from + x * bits / 8, bits / 8);
          pixel = {red.of(value), green.of(value), blue.of(value)};
        }
        to = std::ranges::copy(pixel, to).out;
      }
    }
  }

  void put(std::uint64_t x, std::uint64_t y, std::uint32_t index) {
    if (x < width_ && y < height_) std::ranges::copy(palette_[index], row(y) + 3 * x);
  }

  // Runs of equal pixels, to the end-of-image mark or to the last row. What they skip has the first
  // colour. False if the file ends before.
  bool read_runs() {
    for (std::size_t y = 0; y < height_; ++y) {
      for (std::size_t x = 0; x < width_; ++x) put(x, y, 0);
    }
    const bool is_8 = bmp_.compression() == kRuns8;
    const auto index = [&](std::size_t at, std::size_t i) {  // the i-th of pixels at `at`
      if (is_8) return bmp_.byte(at + i);
      return i % 2 == 0 ? bmp_.byte(at + i / 2) >> 4 : bmp_.byte(at + i / 2) & 15;
    };
    std::size_t at = bmp_.pixels_at();
    for (std::uint64_t x = 0, y = 0; y < height_;) {
      if (at + 2 > bmp_.size()) return false;
      const std::uint32_t count = bmp_.byte(at), code = bmp_.byte(at + 1);
      at += 2;
      if (count > 0) {
        for (std::size_t i = 0; i < count; ++i) put(x++, y, index(at - 1, is_8 ? 0 : i % 2));
      } else if (code == 0) {
        x = 0;
        ++y;
      } else if (code == 1) {
        return true;
      } else if (code == 2) {  // moves right and up by the next two bytes
        if (at + 2 > bmp_.size()) return false;
        x += bmp_.byte(at);
        y += bmp_.byte(at + 1);
        at += 2;
      } else {  // this many single pixels, padded to 16 bits
        const std::size_t bytes = is_8 ? code : (code + 1) / 2;
        if (at + bytes > bmp_.size()) return false;
        for (std::size_t i = 0; i < code; ++i) put(x++, y, index(at, i));
        at += bytes + bytes % 2;
      }
    }
    return true;
  }

  const BmpHeader& bmp_;
  const std::size_t width_, height_;
  std::array<Rgb, 256> palette_{};  // black where the file has no colour
  Decoded decoded_;
};

}  // namespace

Decoded decode_bmp(std::span<const std::byte> file, image::Size expected) {
  const BmpHeader bmp(file);
  return BmpReader(bmp, expected).read();
}

}  // namespace oko::media
