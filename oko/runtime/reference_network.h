#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "oko/base/random.h"
#include "oko/graph/network.h"

// For tests: networks by their definitions in graph/network.h, in double precision, planar, layer
// by layer. Slow, and correct by inspection.
namespace oko::runtime {

// A planar tensor.
struct PlainMap {
  graph::Shape shape;
  std::vector<double> values;

  explicit PlainMap(const graph::Shape& s) : shape(s) {
    values.resize(static_cast<std::size_t>(s.count()));
  }
  double& at(int c, int y, int x) { return values[index(c, y, x)]; }
  double at(int c, int y, int x) const { return values[index(c, y, x)]; }
  bool has(int y, int x) const { return y >= 0 && y < shape.height && x >= 0 && x < shape.width; }

 private:
  std::size_t index(int c, int y, int x) const {
    return (static_cast<std::size_t>(c) * static_cast<std::size_t>(shape.height) +
            static_cast<std::size_t>(y)) *
               static_cast<std::size_t>(shape.width) +
           static_cast<std::size_t>(x);
  }
};

inline double plain_activation(graph::Activation activation, double x) {
  using graph::Activation;
  switch (activation) {
    case Activation::kLinear:
      return x;
    case Activation::kLeaky:
      return x > 0 ? x : static_cast<double>(graph::kLeakySlope) * x;
    case Activation::kRelu:
      return std::max(x, 0.);
    case Activation::kRelu6:
      return std::clamp(x, 0., 6.);
    case Activation::kLogistic:
      return 1 / (1 + std::exp(-x));
    case Activation::kMish:
      return x * std::tanh(std::log1p(std::exp(x)));
    case Activation::kSwish:
      return x / (1 + std::exp(-x));
  }
  return x;
}

// Calls body(y, x) for every pixel.
template <typename Body>
void for_pixels(const graph::Shape& shape, const Body& body) {
  for (int y = 0; y < shape.height; ++y) {
    for (int x = 0; x < shape.width; ++x) body(y, x);
  }
}

class PlainNetwork {
 public:
  explicit PlainNetwork(const graph::Network& network) : network_(network) {}

  // The outputs, in network.outputs() order.
  std::vector<PlainMap> run(std::span<const float> input) {
    maps_.clear();
    input_ = PlainMap(network_.input);
    input_.values.assign(input.begin(), input.end());
    for (const graph::Layer& layer : network_.layers) {
      layer_ = &layer;
      PlainMap out(layer.output);
      std::visit([&](const auto& operation) { make(operation, out); }, layer.operation);
      maps_.push_back(std::move(out));
    }
    std::vector<PlainMap> results;
    for (const int output : network_.outputs()) {
      results.push_back(maps_[output]);
    }
    return results;
  }

 private:
  const PlainMap& in(std::size_t i = 0) const {
    const int from = layer_->inputs[i];
    return from == graph::kNetworkInput ? input_ : maps_[from];
  }
  std::span<const float> weight(const char* part) const {
    return network_.weights.at(layer_->name + "." + part).floats();
  }
  // A filter's sums become sum · first + second.
  std::pair<double, double> norm_of(const graph::Convolution& c, std::size_t filter) const {
    double scale = 1, offset = weight("bias")[filter];
    if (c.batch_norm) {
      const double variance = weight("variance")[filter], epsilon = c.batch_norm->epsilon;
      const double root = c.batch_norm->epsilon_outside_root ? std::sqrt(variance) + epsilon
                                                             : std::sqrt(variance + epsilon);
      scale = weight("scale")[filter] / root;
      offset -= weight("mean")[filter] * scale;
    }
    return {scale, offset};
  }

  void make(const graph::Convolution& c, PlainMap& out) const {
    const int depth = in().shape.channels / c.groups, filters = c.filters / c.groups;
    const auto kernel = weight("kernel");
    const PlainMap& from = in();
    for (int f = 0; f < c.filters; ++f) {
      const auto norm = norm_of(c, static_cast<std::size_t>(f));
      const float* first = kernel.data() + std::ptrdiff_t{f} * depth * c.size * c.size;
      for_pixels(out.shape, [&](int y, int x) {
        double sum = 0;
        const float* k = first;
        for (int d = 0; d < depth; ++d) {
          for (int ky = 0; ky < c.size; ++ky) {
            for (int kx = 0; kx < c.size; ++kx, ++k) {
              const int iy = y * c.stride - c.padding.top + ky;
              const int ix = x * c.stride - c.padding.left + kx;
              if (from.has(iy, ix)) sum += *k * from.at(f / filters * depth + d, iy, ix);
            }
          }
        }
        out.at(f, y, x) = plain_activation(c.activation, sum * norm.first + norm.second);
      });
    }
  }

  void make(const graph::MaxPool& pool, PlainMap& out) const {
    for (int c = 0; c < out.shape.channels; ++c) {
      for_pixels(out.shape, [&](int y, int x) {
        double best = -std::numeric_limits<double>::infinity();
        for (int ky = 0; ky < pool.size; ++ky) {
          for (int kx = 0; kx < pool.size; ++kx) {
            const int iy = y * pool.stride - pool.padding.top + ky;
            const int ix = x * pool.stride - pool.padding.left + kx;
            if (in().has(iy, ix)) best = std::max(best, in().at(c, iy, ix));
          }
        }
        out.at(c, y, x) = best;
      });
    }
  }

  void make(const graph::AveragePool&, PlainMap& out) const {
    const graph::Shape& shape = in().shape;
    for (int c = 0; c < shape.channels; ++c) {
      for_pixels(shape, [&](int y, int x) { out.at(c, 0, 0) += in().at(c, y, x); });
      out.at(c, 0, 0) /= shape.height * shape.width;
    }
  }

  void make(const graph::Upsample& upsample, PlainMap& out) const {
    for (int c = 0; c < out.shape.channels; ++c) {
      for_pixels(out.shape, [&](int y, int x) {
        out.at(c, y, x) = in().at(c, y / upsample.scale, x / upsample.scale);
      });
    }
  }

  void make(const graph::Route& route, PlainMap& out) const {
    int to = 0;
    for (std::size_t i = 0; i < layer_->inputs.size(); ++i) {
      const int count = in(i).shape.channels / route.groups;
      for (int c = 0; c < count; ++c, ++to) {
        for_pixels(out.shape, [&](int y, int x) {
          out.at(to, y, x) = in(i).at(route.group * count + c, y, x);
        });
      }
    }
  }

  void make(const graph::Shortcut& shortcut, PlainMap& out) const {
    for (std::size_t i = 0; i < layer_->inputs.size(); ++i) {
      for (std::size_t k = 0; k < out.values.size(); ++k) out.values[k] += in(i).values[k];
    }
    for (double& v : out.values) v = plain_activation(shortcut.activation, v);
  }

  void make(const graph::Dropout&, PlainMap& out) const { out = in(); }

  void make(const graph::Softmax&, PlainMap& out) const {
    for_pixels(out.shape, [&](int y, int x) {
      double sum = 0;
      for (int c = 0; c < out.shape.channels; ++c) sum += std::exp(in().at(c, y, x));
      for (int c = 0; c < out.shape.channels; ++c) {
        out.at(c, y, x) = std::exp(in().at(c, y, x)) / sum;
      }
    });
  }

  void make(const graph::Yolo&, PlainMap& out) const { out = in(); }
  void make(const graph::Region&, PlainMap& out) const { out = in(); }

  const graph::Network& network_;
  const graph::Layer* layer_ = nullptr;
  PlainMap input_{graph::Shape{}};
  std::vector<PlainMap> maps_;
};

// Infers shapes, and adds weights from the seed that keep activations near ±1.
inline graph::Network with_weights(graph::Network network, std::uint64_t seed) {
  graph::infer_shapes(network);
  Random random(seed);
  for (const auto& spec : graph::weight_specs(network)) {
    std::int64_t count = 1;
    for (const std::int64_t side : spec.shape) count *= side;
    std::vector<float> values(static_cast<std::size_t>(count));
    const double size = 1.7 / std::sqrt(static_cast<double>(count / spec.shape[0]));
    for (float& v : values) {
      const double u = random.uniform(-1, 1);
      v = static_cast<float>(spec.name.ends_with(".kernel")     ? u * size
                             : spec.name.ends_with(".scale")    ? 1 + .3 * u
                             : spec.name.ends_with(".variance") ? 1 + .5 * u
                                                                : .2 * u);
    }
    network.weights[spec.name] = graph::Tensor::of(std::move(values), spec.shape);
  }
  return network;
}

inline std::vector<float> random_numbers(std::size_t count, std::uint64_t seed, double low = 0,
                                         double high = 1) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(random.uniform(low, high));
  return values;
}

}  // namespace oko::runtime
