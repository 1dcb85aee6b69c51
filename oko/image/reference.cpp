#include <algorithm>

#include "oko/image/sampling.h"

namespace oko::image {
namespace {

using Values = std::array<float, 3>;

float bilinear(const Channel& channel, const Tap& column, const Tap& line) {
  const auto along = [&](int y) {
    const std::uint8_t* row = channel.data + y * channel.stride;
    return static_cast<float>(row[column.first * channel.step]) * (1 - column.weight) +
           static_cast<float>(row[column.second * channel.step]) * column.weight;
  };
  return along(line.first) * (1 - line.weight) + along(line.second) * line.weight;
}

Values rgb_of(const Values& yuv, const YuvToRgb& m) {
  Values rgb;
  for (std::size_t c = 0; c < 3; ++c) {
    const float value =
        m.scale * (yuv[0] - m.black) + m.from_u[c] * (yuv[1] - 128) + m.from_v[c] * (yuv[2] - 128);
    rgb[c] = std::clamp(value, 0.F, 1.F);
  }
  return rgb;
}

}  // namespace

void sample_reference(const Frame& frame, const SamplingPlan& sampling,
                      const Preprocess& preprocess, const InputView& input) {
  const bool yuv = is_yuv(frame.format);
  const YuvToRgb matrix = yuv ? yuv_to_rgb(frame.range, frame.matrix) : YuvToRgb{};
  const std::array<Channel, 3> channels = channels_of(frame);
  const Window& window = sampling.window;
  for (int y = 0; y < window.height; ++y) {
    for (int x = 0; x < window.width; ++x) {
      const auto column = static_cast<std::size_t>(sampling.transposed ? y : x);
      const auto line = static_cast<std::size_t>(sampling.transposed ? x : y);
      Values values;
      for (std::size_t c = 0; c < 3; ++c) {
        const bool chroma = yuv && c > 0;
        const auto& columns = chroma ? sampling.columns.chroma : sampling.columns.luma;
        const auto& lines = chroma ? sampling.lines.chroma : sampling.lines.luma;
        values[c] = bilinear(channels[c], columns[column], lines[line]);
        if (!yuv) values[c] /= 255;
      }
      if (yuv) values = rgb_of(values, matrix);
      float* to = input.data + (window.top + y) * input.row + window.left + x;
      for (int colour = 0; colour < 3; ++colour) {
        const int c = preprocess.bgr ? 2 - colour : colour;
        to[c * input.plane] = preprocess.normalized(values[colour], c);
      }
    }
  }
}

}  // namespace oko::image
