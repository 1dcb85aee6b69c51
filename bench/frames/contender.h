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

// libyuv has no such function: several of its functions in sequence, with intermediate buffers.
// `scale_first` scales in YUV and converts only the few remaining pixels, which is faster;
// otherwise the whole frame is converted first. All contenders fill the bars for every frame, as
// the network may overwrite its input.
void add_libyuv(const image::Frame& nv12, bool scale_first, Contender& contender);

}  // namespace oko::bench
