#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "oko/graph/network.h"

// The interpreter's operations: naive loops over tensors.
namespace oko::convert::coreml {

struct Map {
  graph::Shape shape;
  std::vector<float> values;

  Map() = default;
  explicit Map(const graph::Shape& s, float value = 0)
      : shape(s), values(static_cast<std::size_t>(s.count()), value) {}
  std::size_t plane() const { return static_cast<std::size_t>(shape.height) * shape.width; }
  std::size_t at(int c, int y, int x) const {
    return (static_cast<std::size_t>(c) * shape.height + y) * shape.width + x;
  }
};

// One layer of the file: its inputs, its outputs, and how they are computed. `make` throws an input
// Error for shapes that do not fit.
struct Step {
  std::string layer, output;
  std::vector<std::string> inputs;
  std::function<Map(const std::vector<const Map*>&)> make;
};

struct Kernel {
  int filters = 1, depth = 1, size = 1, stride = 1, groups = 1, dilation = 1;
  std::vector<float> weights, bias;  // [filters, depth, size, size]; bias may be empty
};

Map padded(const Map& in, const graph::Padding& padding, float value);
Map convolved(const Map& in, const Kernel& kernel, const graph::Padding& padding,
              const std::string& place);
Map max_pooled(const Map& in, int size, int stride, const graph::Padding& padding,
               const std::string& place);
Map averaged(const Map& in);
// Of windows; those that reach into the padding average only what is inside if `inside_only`.
Map averaged(const Map& in, int size, int stride, const graph::Padding& padding, bool inside_only,
             const std::string& place);
Map upsampled(const Map& in, int scale);
// Interpolates between pixels at the places at(i, side, new side) of both axes, clamped to the map.
using Grid = double (*)(int i, int from, int to);
Map interpolated(const Map& in, int height, int width, Grid at, const std::string& place);
double on_corners(int i, int from, int to);      // the first and last pixels stay
double on_half_pixels(int i, int from, int to);  // the outer edges stay
double on_starts(int i, int from, int to);       // the first pixel stays
// Blocks of pixels become channels: those of the first pixel of all blocks, of the second, ...
Map space_to_depth(const Map& in, int block, const std::string& place);
Map joined(const std::vector<const Map*>& in, const std::string& place);
Map channels_of(const Map& in, std::int64_t begin, std::int64_t end, const std::string& place);
// The axes are 0 channels, 1 rows, 2 columns.
Map part_of(const Map& in, int axis, std::int64_t begin, std::int64_t end,
            const std::string& place);
Map reshaped(const Map& in, const std::array<std::int64_t, 3>& sides, const std::string& place);
// Axis i of the result is axis order[i].
Map permuted(const Map& in, const std::array<int, 3>& order);
Map softmax_of(const Map& in, int axis = 0);
// Products of the matrices that each channel is.
Map multiplied(const Map& a, const Map& b, bool turn_a, bool turn_b, const std::string& place);
// Element-wise; the second may be a scalar, one plane, or one value per channel, which is all that
// Core ML's layers support.
Map combined(const Map& a, const Map& b, const std::function<float(float, float)>& combine,
             const std::string& place);
// One channel: the others combined with the first, one after another.
Map reduced(const Map& in, const std::function<float(float, float)>& combine);
Map mapped(const Map& in, const std::function<float(float)>& function);

float sigmoid_of(float x);
float softplus_of(float x);

}  // namespace oko::convert::coreml
