// The reference implementation: independent of all engines, slow and simple.
#include <algorithm>
#include <limits>
#include <numeric>

#include "oko/base/threads.h"
#include "steps.h"

namespace oko::bench {
namespace {

using graph::Shape;
using Map = std::vector<float>;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

Range range_of(const Map& map) {
  const auto [low, high] = std::minmax_element(map.begin(), map.end());
  return {std::min(0.F, *low), std::max(0.F, *high)};
}

// Outputs o of one row for which the input o · stride + offset is inside [0, side).
std::pair<int, int> inside(int side, int out_side, int stride, int offset) {
  const int first = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  const int last = side - 1 - offset < 0 ? -1 : (side - 1 - offset) / stride;
  return {first, std::min(last + 1, out_side)};
}

// Calls row(input row, output row, offset, first, end): the contribution of one tap of a window to
// a row.
template <typename Row>
void slide(const Shape& in, const Shape& out, int stride, int down, int right, const float* from,
           float* to, const Row& row) {
  const auto [top, bottom] = inside(in.height, out.height, stride, down);
  const auto [first, end] = inside(in.width, out.width, stride, right);
  for (int y = top; y < bottom; ++y) {
    row(from + (y * stride + down) * in.width, to + y * out.width, right, first, end);
  }
}

void convolve_filter(const Step& s, const Map& input, std::size_t filter, float* to) {
  const graph::Convolution& c = s.convolution;
  const std::size_t depth = at(s.input.channels / c.groups), taps = at(c.size * c.size);
  const std::size_t first = filter / (s.bias.size() / at(c.groups)) * depth;
  const std::size_t area = at(s.input.height * s.input.width);
  std::fill_n(to, s.output.height * s.output.width, s.bias[filter]);
  for (std::size_t k = 0; k < depth * taps; ++k) {
    const float weight = s.kernel[filter * depth * taps + k];
    const int tap = static_cast<int>(k % taps);
    slide(s.input, s.output, c.stride, tap / c.size - c.padding.top, tap % c.size - c.padding.left,
          input.data() + (first + k / taps) * area, to,
          [&](const float* x, float* y, int offset, int begin, int end) {
            if (c.stride == 1) {  // the loop that compilers vectorize
              for (int i = begin; i < end; ++i) y[i] += weight * x[i + offset];
            } else {
              for (int i = begin; i < end; ++i) y[i] += weight * x[i * c.stride + offset];
            }
          });
  }
}

Map convolve(Step& s, const Map& input, ThreadPool& pool) {
  Map map(at(static_cast<int>(s.output.count())));
  const std::size_t area = at(s.output.height * s.output.width);
  pool.parallel_for(s.bias.size(), [&](std::size_t filter) {
    convolve_filter(s, input, filter, map.data() + filter * area);
  });
  s.linear_range = range_of(map);
  if (s.convolution.activation == graph::Activation::kLeaky) {
    for (float& v : map) v = v < 0 ? v * graph::kLeakySlope : v;
  }
  return map;
}

Map max_pool(const Step& s, const Map& input) {
  Map map(at(static_cast<int>(s.output.count())), std::numeric_limits<float>::lowest());
  const graph::MaxPool& p = s.pool;
  for (int channel = 0; channel < s.output.channels; ++channel) {
    for (int tap = 0; tap < p.size * p.size; ++tap) {
      slide(s.input, s.output, p.stride, tap / p.size - p.padding.top,
            tap % p.size - p.padding.left, input.data() + channel * s.input.height * s.input.width,
            map.data() + channel * s.output.height * s.output.width,
            [&](const float* x, float* y, int offset, int begin, int end) {
              for (int i = begin; i < end; ++i) y[i] = std::max(y[i], x[i * p.stride + offset]);
            });
    }
  }
  return map;
}

Map upsample(const Step& s, const Map& input) {
  Map map;
  for (int row = 0; row < s.output.channels * s.output.height; ++row) {
    const int from = row / s.scale * s.input.width;
    for (int x = 0; x < s.output.width; ++x) map.push_back(input[at(from + x / s.scale)]);
  }
  return map;
}

// The border of the input counts outside of it.
Map bilinear(const Step& s, const Map& input) {
  Map map;
  const int height = s.input.height, width = s.input.width;
  const auto source = [&](int at, int side) {
    const double x = (at + .5) / s.scale - .5;
    return std::clamp(x, 0., side - 1.);
  };
  for (int i = 0; i < s.output.channels * s.output.height; ++i) {
    const double y = source(i % s.output.height, height);
    const float* plane = input.data() + std::ptrdiff_t{i / s.output.height} * height * width;
    const int top = static_cast<int>(y), bottom = std::min(top + 1, height - 1);
    for (int column = 0; column < s.output.width; ++column) {
      const double x = source(column, width);
      const int left = static_cast<int>(x), right = std::min(left + 1, width - 1);
      const auto between = [&](int row) {
        return plane[row * width + left] * (left + 1 - x) + plane[row * width + right] * (x - left);
      };
      map.push_back(static_cast<float>(between(top) * (top + 1 - y) + between(bottom) * (y - top)));
    }
  }
  return map;
}

Map slice(const Step& s, const Map& input) {
  const auto count = static_cast<std::ptrdiff_t>(s.output.count());
  return {input.begin() + s.group * count, input.begin() + (s.group + 1) * count};
}

Map shuffle(const Step& s, const Map& input) {
  const std::ptrdiff_t area = std::ptrdiff_t{s.input.height} * s.input.width;
  const int each = s.input.channels / s.groups;
  Map map(input.size());
  for (int c = 0; c < s.input.channels; ++c) {
    std::copy_n(input.begin() + c * area, area,
                map.begin() + (c % each * s.groups + c / each) * area);
  }
  return map;
}

Map run(Step& s, const std::vector<const Map*>& inputs, ThreadPool& pool) {
  if (s.kind == Step::Kind::kConvolution) return convolve(s, *inputs[0], pool);
  if (s.kind == Step::Kind::kMaxPool) return max_pool(s, *inputs[0]);
  if (s.kind == Step::Kind::kUpsample) return upsample(s, *inputs[0]);
  if (s.kind == Step::Kind::kBilinear) return bilinear(s, *inputs[0]);
  if (s.kind == Step::Kind::kSlice) return slice(s, *inputs[0]);
  if (s.kind == Step::Kind::kShuffle) return shuffle(s, *inputs[0]);
  Map map = *inputs[0];
  for (std::size_t k = 1; k < inputs.size(); ++k) {
    if (s.kind == Step::Kind::kConcat) {
      map.insert(map.end(), inputs[k]->begin(), inputs[k]->end());
    } else {
      std::transform(map.begin(), map.end(), inputs[k]->begin(), map.begin(), std::plus<>());
    }
  }
  return map;
}

// Merges the ranges of steps connected by operations that only move values.
void join_ranges(Steps& steps) {
  std::vector<std::size_t> group(steps.steps.size());
  std::iota(group.begin(), group.end(), std::size_t{0});
  for (std::size_t i = 0; i < group.size(); ++i) {
    const Step& s = steps.steps[i];
    if (s.kind == Step::Kind::kConvolution || s.kind == Step::Kind::kAdd) continue;
    for (const int input : s.inputs) {
      if (input == graph::kNetworkInput) continue;
      std::replace(group.begin(), group.end(), std::size_t{group[at(input)]}, group[i]);
    }
  }
  std::vector<Range> joined(group.size());
  for (std::size_t i = 0; i < group.size(); ++i) joined[group[i]].add(steps.steps[i].range);
  for (std::size_t i = 0; i < group.size(); ++i) steps.steps[i].range = joined[group[i]];
}

}  // namespace

std::vector<std::vector<float>> calibrate(Steps& steps, const std::vector<float>& input) {
  ThreadPool pool(available_processors() - 1);
  steps.input_range = range_of(input);
  std::vector<Map> maps;
  for (Step& s : steps.steps) {
    std::vector<const Map*> inputs;
    for (const int from : s.inputs) {
      inputs.push_back(from == graph::kNetworkInput ? &input : &maps[at(from)]);
    }
    maps.push_back(run(s, inputs, pool));
    s.range = range_of(maps.back());
  }
  join_ranges(steps);
  std::vector<Map> heads;
  for (const int head : steps.heads) heads.push_back(maps[at(head)]);
  return heads;
}

}  // namespace oko::bench
