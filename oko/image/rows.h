// Rows of a frame being converted. Not part of the library's interface.
#pragma once

#include <array>
#include <span>

#include "oko/image/row_kernels.h"

namespace oko::image {

// Rows of channels that share a resolution, deinterleaved and resampled along x. A row of the input
// needs two neighbours, one even and one odd: each has its own buffer and is kept for the next row.
class Rows {
 public:
  // For rows of `source` pixels: one channel for one byte, three for more.
  void plan(std::span<const Tap> taps, int source, int bytes_per_pixel);
  // For two channels of `source` samples that are `step` bytes apart.
  void plan_chroma(std::span<const Tap> taps, int source, int step);
  // Starts a frame with the planned number of channels.
  void begin(const RowKernels& kernels, std::span<const Channel> channels);
  // Row `y` of all channels, one pointer each. Valid for two rows.
  void get(int y, const float** to);

 private:
  void reserve(std::size_t channels, int bytes);
  void fill(int y, float* to);
  void split(int y);
  const std::uint8_t* bytes_of(std::size_t channel, int y);

  Gather gather_;
  int pixel_ = 1;  // bytes; more than one are split into three channels
  std::size_t channel_count_ = 0, source_bytes_ = 0;  // of one channel, without gaps
  std::size_t row_floats_ = 0, row_bytes_ = 0;        // of one channel
  bool short_ = false;                                // too short to be read in place
  RowBuffer<float> floats_;
  RowBuffer<std::uint8_t> bytes_;

  const RowKernels* kernels_ = nullptr;
  std::array<Channel, 3> channels_{};
  std::array<int, 2> held_{};
};

}  // namespace oko::image
