#include "oko/dataset/warp.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <vector>

#include "oko/dataset/warp_kernels.h"

namespace oko::dataset {
namespace {

// One axis of a separable resampling: output index first + k is the sum over t < taps of
// weight[k · taps + t] · source[start[k] + t].
struct Axis {
  int first = 0;
  int taps = 0;
  std::vector<int> start;
  std::vector<float> weight;
  int count() const { return static_cast<int>(start.size()); }
};

struct Span {
  double left = 0, width = 0;
  bool flip = false;
};

// Source coordinate (0: the first pixel's centre) of each output pixel is linear in it: its value
// at output 0 and its step per pixel.
struct Line {
  double at_zero = 0, step = 0;
};

Line source_line(int source, const Span& span, image::Preprocess::Sampling sampling) {
  Line line;
  if (sampling == image::Preprocess::Sampling::kEdges) {
    line.step = source / span.width;
    line.at_zero = (.5 - span.left) * line.step - .5;
  } else {
    line.step = (source - 1) / std::max(span.width - 1, 1.);
    line.at_zero = -span.left * line.step;
  }
  return span.flip ? Line{source - 1 - line.at_zero, -line.step} : line;
}

Axis make_axis(int source, const Span& span, int low, int high,
               image::Preprocess::Sampling sampling) {
  const Line line = source_line(source, span, sampling);
  Axis axis;
  // The outputs whose centre lies in the span.
  axis.first = std::max(low, static_cast<int>(std::ceil(std::max(span.left - .5, -1e9))));
  const int last =
      std::min(high, static_cast<int>(std::ceil(std::min(span.left + span.width - .5, 1e9))));
  const double reach = std::max(1., std::abs(line.step) / 2);
  axis.taps = std::min(source, static_cast<int>(std::ceil(2 * reach)));
  const int count = std::max(0, last - axis.first);
  axis.start.resize(static_cast<std::size_t>(count));
  axis.weight.resize(static_cast<std::size_t>(count) * static_cast<std::size_t>(axis.taps));
  for (int k = 0; k < count; ++k) {
    const double center = line.at_zero + (axis.first + k) * line.step;
    const int from = static_cast<int>(std::floor(center - reach)) + 1;
    const int start = std::clamp(from, 0, source - axis.taps);
    float* weight = &axis.weight[k * axis.taps];
    double sum = 0;
    for (int i = from; i < center + reach; ++i) sum += 1 - std::abs(i - center) / reach;
    for (int i = from; i < center + reach; ++i) {
      // Past the edge the outermost pixel is repeated.
      const int at = std::clamp(i, start, start + axis.taps - 1) - start;
      weight[at] += static_cast<float>((1 - std::abs(i - center) / reach) / sum);
    }
    axis.start[k] = start;
  }
  return axis;
}

}  // namespace

image::Box Warp::to_input(const image::Box& box, image::Size picture) const {
  const double x = width / picture.width, y = height / picture.height;
  const double from = flip ? picture.width - box.right : box.left;
  const double to = flip ? picture.width - box.left : box.right;
  return {static_cast<float>(left + from * x), static_cast<float>(top + box.top * y),
          static_cast<float>(left + to * x), static_cast<float>(top + box.bottom * y)};
}

float* Canvas::row(int channel, int y) const {
  const int plane = preprocess.bgr ? 2 - channel : channel;
  return planes.data() + (static_cast<std::size_t>(plane) * static_cast<std::size_t>(size.height) +
                          static_cast<std::size_t>(y)) *
                             static_cast<std::size_t>(size.width);
}

void fill_border(const Canvas& canvas) {
  std::fill(canvas.planes.begin(), canvas.planes.end(), canvas.preprocess.border);
}

void normalize(const Canvas& canvas) {
  if (!canvas.preprocess.normalizes()) return;
  const std::size_t plane = canvas.planes.size() / 3;
  for (int c = 0; c < 3; ++c) {
    for (float& value : canvas.planes.subspan(c * plane, plane)) {
      value = canvas.preprocess.normalized(value, c);
    }
  }
}

void draw_warped(const image::Picture& picture, const Warp& warp, const ColorShift& color,
                 const Region& region, const Canvas& canvas) {
  assert(picture.size.width > 0 && picture.size.height > 0 && warp.width > 0 && warp.height > 0);
  const auto sampling = canvas.preprocess.sampling;
  const WarpKernels& kernels = warp_kernels();
  Axis columns = make_axis(picture.size.width, {warp.left, warp.width, warp.flip}, region.left,
                           region.right, sampling);
  Axis rows = make_axis(picture.size.height, {warp.top, warp.height, false}, region.top,
                        region.bottom, sampling);
  if (columns.count() == 0 || rows.count() == 0) return;
  constexpr float kUnit = 1.F / 255;  // bytes to [0, 1]
  for (float& weight : rows.weight) weight *= kUnit;

  // Only the source columns that are used are blended.
  const auto [low, high] = std::minmax_element(columns.start.begin(), columns.start.end());
  const int first = *low;
  const std::size_t values = static_cast<std::size_t>(*high + columns.taps - first) * 3;
  std::vector<float> line(values + 1);  // see WarpKernels::blend_columns()
  for (int& start : columns.start) start -= first;

  const bool recolor = color != ColorShift{};
  const double turn = color.hue - std::floor(color.hue);
  const FloatShift shift{static_cast<float>(turn * 6), static_cast<float>(color.saturation),
                         static_cast<float>(color.value)};
  const std::size_t stride = static_cast<std::size_t>(picture.size.width) * 3;
  for (int k = 0; k < rows.count(); ++k) {
    const std::size_t start = static_cast<std::size_t>(rows.start[k]);
    kernels.blend_rows(picture.rgb.data() + start * stride + static_cast<std::size_t>(first) * 3,
                       stride, &rows.weight[k * rows.taps], rows.taps, line.data(), values);
    float* const red = canvas.row(0, rows.first + k) + columns.first;
    float* const green = canvas.row(1, rows.first + k) + columns.first;
    float* const blue = canvas.row(2, rows.first + k) + columns.first;
    kernels.blend_columns(line.data(), columns.start.data(), columns.weight.data(), columns.taps,
                          columns.count(), red, green, blue);
    if (recolor) kernels.shift_colors(red, green, blue, columns.count(), shift);
  }
}

}  // namespace oko::dataset
