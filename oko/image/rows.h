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
  // For rows of `source` samples in each of `channels`.
  void plan(std::span<const Tap> taps, int source, std::size_t channels);
  // Begins a frame.
  void begin(const RowKernels& kernels, std::span<const Channel> channels);
  // Row `y` of all channels, one pointer for each. Valid until the next but one row.
  void get(int y, const float** to);

 private:
  enum class Layout { kPlanes, kInterleaved, kScattered };

  void fill(int y, float* to);
  const std::uint8_t* bytes_of(std::size_t channel, const std::uint8_t* row);

  Gather gather_;
  std::size_t source_ = 0, channels_count_ = 0;
  std::size_t row_floats_ = 0, row_bytes_ = 0;  // from one channel's row to the next
  RowBuffer<float> floats_;
  RowBuffer<std::uint8_t> bytes_;

  const RowKernels* kernels_ = nullptr;
  std::array<Channel, 3> channels_{};
  Layout layout_ = Layout::kPlanes;
  const std::uint8_t* first_ = nullptr;           // kInterleaved: of the first sample of all
  std::array<std::size_t, 3> byte_of_channel_{};  // kInterleaved
  std::array<int, 2> held_{};
};

}  // namespace oko::image
