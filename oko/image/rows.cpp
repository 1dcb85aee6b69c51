#include "oko/image/rows.h"

#include <algorithm>

namespace oko::image {
namespace {

// To whole cache lines.
std::size_t padded(std::size_t count) { return (count + 63) / 64 * 64; }

}  // namespace

void Rows::plan(std::span<const Tap> taps, int source, int bytes_per_pixel) {
  gather_ = make_gather(taps, source, 1);
  pixel_ = bytes_per_pixel;
  reserve(pixel_ == 1 ? 1 : 3, source);
}

void Rows::plan_chroma(std::span<const Tap> taps, int source, int step) {
  gather_ = make_gather(taps, source, step);
  pixel_ = 1;
  reserve(2, (source - 1) * step + 1);
}

void Rows::reserve(std::size_t channels, int bytes) {
  channel_count_ = channels;
  short_ = bytes < Gather::kShortestRow;
  source_bytes_ = static_cast<std::size_t>(bytes);
  row_floats_ = padded(static_cast<std::size_t>(gather_.groups) * Gather::kGroup);
  row_bytes_ = padded(std::max<std::size_t>(source_bytes_, Gather::kShortestRow));
  floats_.resize(2 * channels * row_floats_);
  bytes_.resize(pixel_ > 1 || short_ ? channels * row_bytes_ : 0);
}

void Rows::begin(const RowKernels& kernels, std::span<const Channel> channels) {
  kernels_ = &kernels;
  held_ = {-1, -1};
  std::copy_n(channels.begin(), channel_count_, channels_.begin());
}

void Rows::get(int y, const float** to) {
  const auto slot = static_cast<std::size_t>(y % 2);
  float* rows = floats_.data() + slot * channel_count_ * row_floats_;
  if (held_[slot] != y) fill(y, rows);
  held_[slot] = y;
  for (std::size_t c = 0; c < channel_count_; ++c) to[c] = rows + c * row_floats_;
}

void Rows::fill(int y, float* to) {
  if (pixel_ > 1) split(y);
  for (std::size_t c = 0; c < channel_count_; ++c) {
    kernels_->resample(bytes_of(c, y), gather_, to + c * row_floats_);
  }
}

const std::uint8_t* Rows::bytes_of(std::size_t channel, int y) {
  const std::uint8_t* row = channels_[channel].data + y * channels_[channel].stride;
  if (pixel_ == 1 && !short_) return row;
  std::uint8_t* copy = bytes_.data() + channel * row_bytes_;
  if (pixel_ == 1) std::copy_n(row, source_bytes_, copy);
  return copy;
}

// The pixel's first byte is red or blue.
void Rows::split(int y) {
  const bool reversed = channels_[2].data < channels_[0].data;
  const Channel& first = channels_[reversed ? 2 : 0];
  std::array<std::uint8_t*, 3> parts{};
  for (std::size_t c = 0; c < 3; ++c)
    parts[c] = bytes_.data() + (reversed ? 2 - c : c) * row_bytes_;
  const auto split = pixel_ == 3 ? kernels_->split3 : kernels_->split4;
  split(first.data + y * first.stride, source_bytes_, parts.data());
}

}  // namespace oko::image
