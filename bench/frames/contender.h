#pragma once

#include <functional>
#include <string>
#include <vector>

#include "oko/image/letterbox.h"

namespace oko::bench {

inline constexpr image::Size kInput{416, 416};

struct Contender {
  std::string name;
  std::vector<float> input{};
  std::function<void()> fill{};
  std::vector<double> seconds{};
};

// libyuv has no such function: its own steps one after another, through buffers of their sizes.
// `scale_first` scales in YUV and converts the few pixels that are left, which is quicker;
// otherwise the whole frame is converted first. Everybody fills the bars for every frame, as nobody
// knows what the network leaves in its input.
void add_libyuv(const image::Frame& nv12, bool scale_first, Contender& contender);

}  // namespace oko::bench
