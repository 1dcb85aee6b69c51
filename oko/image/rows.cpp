#include "oko/image/rows.h"

#include <algorithm>
#include <cstring>
#include <functional>

namespace oko::image {
namespace {

// To whole cache lines.
std::size_t padded(std::size_t count) { return (count + 63) / 64 * 64; }

std::size_t distance(const std::uint8_t* from, const std::uint8_t* to) {
  return reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from);
}

}  // namespace

void Rows::plan(std::span<const Tap> taps, int source, std::size_t channels) {
  gather_ = make_gather(taps, source);
  source_ = static_cast<std::size_t>(source);
  channels_count_ = channels;
  row_floats_ = padded(static_cast<std::size_t>(gather_.groups) * Gather::kGroup);
  row_bytes_ = padded(std::max<std::size_t>(source_, Gather::kShortestRow));
  floats_.resize(2 * channels * row_floats_);
  bytes_.resize(channels * row_bytes_);
}

void Rows::begin(const RowKernels& kernels, std::span<const Channel> channels) {
  kernels_ = &kernels;
  held_ = {-1, -1};
  std::copy(channels.begin(), channels.end(), channels_.begin());
  const Channel& one = channels.front();
  layout_ = one.step == 1 ? Layout::kPlanes : Layout::kScattered;
  const bool pairs = channels.size() == 2 && one.step == 2;
  if (!pairs && !(channels.size() == 3 && (one.step == 3 || one.step == 4))) return;
  first_ = one.data;
  for (const Channel& channel : channels) first_ = std::min(first_, channel.data, std::less<>());
  for (std::size_t c = 0; c < channels.size(); ++c) {
    byte_of_channel_[c] = distance(first_, channels[c].data);
    if (byte_of_channel_[c] >= channels.size() || channels[c].stride != one.stride) return;
  }
  layout_ = Layout::kInterleaved;
}

void Rows::get(int y, const float** to) {
  const auto slot = static_cast<std::size_t>(y % 2);
  float* rows = floats_.data() + slot * channels_count_ * row_floats_;
  if (held_[slot] != y) fill(y, rows);
  held_[slot] = y;
  for (std::size_t c = 0; c < channels_count_; ++c) to[c] = rows + c * row_floats_;
}

void Rows::fill(int y, float* to) {
  if (layout_ == Layout::kInterleaved) {
    const std::ptrdiff_t step = channels_[0].step;
    std::array<std::uint8_t*, 3> parts{};
    for (std::size_t c = 0; c < channels_count_; ++c) parts[c] = bytes_.data() + c * row_bytes_;
    const auto split = step == 2   ? kernels_->split2
                       : step == 3 ? kernels_->split3
                                   : kernels_->split4;
    split(first_ + y * channels_[0].stride, source_, parts.data());
  }
  for (std::size_t c = 0; c < channels_count_; ++c) {
    const std::uint8_t* row = channels_[c].data + y * channels_[c].stride;
    kernels_->resample(bytes_of(c, row), gather_, to + c * row_floats_);
  }
}

// A channel's samples without gaps, with at least kShortestRow bytes to read.
const std::uint8_t* Rows::bytes_of(std::size_t channel, const std::uint8_t* row) {
  if (layout_ == Layout::kInterleaved) {
    return bytes_.data() + byte_of_channel_[channel] * row_bytes_;
  }
  if (layout_ == Layout::kPlanes && source_ >= Gather::kShortestRow) return row;
  std::uint8_t* copy = bytes_.data() + channel * row_bytes_;
  const auto step = static_cast<std::size_t>(channels_[channel].step);
  for (std::size_t i = 0; i < source_; ++i) copy[i] = row[i * step];
  return copy;
}

}  // namespace oko::image
