// Rows of a frame on their way to the input. Not part of the library's interface.
#pragma once

#include <array>
#include <span>

#include "oko/image/row_kernels.h"

namespace oko::image {

// Rows of channels that share a resolution, taken apart and resampled along x. A row of the input
// needs two neighbours, of which one is even and one odd: each has a place of its own and is kept
// for the next row.
class Rows {
 public:
  // For rows of `source` pixels. Of one byte they have one channel, of more three.
  void plan(std::span<const Tap> taps, int source, int bytes_per_pixel);
  // For two channels of `source` samples that lie `step` bytes apart.
  void plan_chroma(std::span<const Tap> taps, int source, int step);
  // Begins a frame. As many channels as were planned count.
  void begin(const RowKernels& kernels, std::span<const Channel> channels);
  // Row `y` of all channels, one pointer for each. Valid until the next but one row.
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
  bool short_ = false;                                // too short to be read where they lie
  RowBuffer<float> floats_;
  RowBuffer<std::uint8_t> bytes_;

  const RowKernels* kernels_ = nullptr;
  std::array<Channel, 3> channels_{};
  std::array<int, 2> held_{};
};

}  // namespace oko::image
