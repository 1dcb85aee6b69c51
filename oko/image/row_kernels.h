// The letterbox's inner loops, compiled for every instruction set. Not part of the library's
// interface.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "oko/base/simd.h"
#include "oko/image/sampling.h"

namespace oko::image {

// Rows of bytes and floats that kernels load whole vectors from, aligned to a cache line.
template <class T>
class RowBuffer {
 public:
  // Not cleared.
  void resize(std::size_t count) { lines_.resize((count * sizeof(T) + 63) / 64); }
  T* data() { return reinterpret_cast<T*>(lines_.data()); }

 private:
  struct alignas(64) Line {
    std::array<std::byte, 64> bytes;
  };
  std::vector<Line> lines_;
};

// Taps along a row in the kernels' format: 8 pixels at a time are shuffled from `loads` blocks of
// 16 bytes.
struct Gather {
  static constexpr int kGroup = 8, kBlock = 16;
  static constexpr int kShortestRow = kBlock;  // bytes that can be read from any row

  int groups = 0;  // an even number: the last ones repeat the last pixel
  int loads = 0;
  std::vector<std::int32_t> offsets;   // groups × loads, of the block in the row
  std::vector<std::uint8_t> shuffles;  // × 16: 8 first taps, 8 second taps; 0x80: in another block
  std::vector<float> weights;          // groups × 8
};

// For rows of `source` samples, each `step` (at most kBlock / 2) bytes after the one before it.
// Reads within those bytes, or kShortestRow if they are fewer.
Gather make_gather(std::span<const Tap> taps, int source, int step);

// Two rows of each channel, resampled along x, and the weight of the second ones.
struct RowPair {
  std::array<const float*, 3> above{}, below{};
  float weight = 0, chroma_weight = 0;
};

// `count` is in pixels everywhere.
struct RowKernels {
  // Fills gather.groups × 8 floats.
  void (*resample)(const std::uint8_t* row, const Gather& gather, float* to);
  // Deinterleaves pixels of three or four bytes; the fourth is ignored.
  void (*split3)(const std::uint8_t* from, std::size_t count, std::uint8_t* const* to);
  void (*split4)(const std::uint8_t* from, std::size_t count, std::uint8_t* const* to);
  // From values of 0 to 255 to R, G, B of 0 to 1.
  void (*blend_rgb)(const RowPair& rows, std::size_t count, float* const* to);
  void (*blend_yuv)(const RowPair& rows, const YuvToRgb& matrix, std::size_t count,
                    float* const* to);
  // to[i · row + k] = from[k · from_row + i] for i < count and k < lines.
  void (*transpose)(const float* from, std::ptrdiff_t from_row, std::ptrdiff_t lines,
                    std::ptrdiff_t count, float* to, std::ptrdiff_t row);
};

// Null for kScalar, which uses sample_reference() instead.
const RowKernels* row_kernels(SimdTarget target);

}  // namespace oko::image
