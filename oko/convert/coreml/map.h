#pragma once

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
  int filters = 1, depth = 1, size = 1, stride = 1, groups = 1;
  std::vector<float> weights, bias;  // [filters, depth, size, size]; bias may be empty
};

Map padded(const Map& in, const graph::Padding& padding, float value);
Map convolved(const Map& in, const Kernel& kernel, const graph::Padding& padding,
              const std::string& place);
Map max_pooled(const Map& in, int size, int stride, const graph::Padding& padding,
               const std::string& place);
Map averaged(const Map& in);
Map upsampled(const Map& in, int scale);
Map joined(const std::vector<const Map*>& in, const std::string& place);
Map channels_of(const Map& in, std::int64_t begin, std::int64_t end, const std::string& place);
Map softmax_of(const Map& in);
// Element-wise; the second may be a scalar, one plane, or one value per channel, which is all that
// Core ML's layers support.
Map combined(const Map& a, const Map& b, const std::function<float(float, float)>& combine,
             const std::string& place);
Map mapped(const Map& in, const std::function<float(float)>& function);

float sigmoid_of(float x);
float softplus_of(float x);

}  // namespace oko::convert::coreml
