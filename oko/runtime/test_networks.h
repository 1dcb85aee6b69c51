#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "oko/base/simd.h"
#include "oko/runtime/test_weights.h"

// For tests: networks that cover every way of concatenating, fusing and padding layers.
namespace oko::runtime {

class NetworkBuilder {
 public:
  explicit NetworkBuilder(const graph::Shape& input) { network_.input = input; }

  int add(graph::Operation operation, std::vector<int> inputs) {
    const std::string name = "l" + std::to_string(network_.layers.size());
    network_.layers.push_back({name, std::move(operation), std::move(inputs), {}});
    graph::infer_shapes(network_);
    return static_cast<int>(network_.layers.size()) - 1;
  }
  // Of the same size as its input if the stride is 1.
  int convolution(int from, int filters, int size = 3, int stride = 1,
                  graph::Activation activation = graph::Activation::kLeaky, int groups = 1) {
    const auto padding = graph::Padding::all(size / 2);
    return add(
        graph::Convolution{filters, size, stride, groups, padding, graph::BatchNorm{}, activation},
        {from});
  }
  int depthwise(int from, int size = 3, int stride = 1) {
    const int channels = shape(from).channels;
    return convolution(from, channels, size, stride, graph::Activation::kRelu6, channels);
  }
  // A head of one class on this tensor, through a 1x1 convolution if its channels do not fit.
  void head(int from) {
    const int channels = shape(from).channels;
    if (channels % kBox != 0) {
      graph::Convolution fit{kBox, 1, 1, 1, {}, {}, graph::Activation::kLinear};
      from = add(fit, {from});
    }
    const auto boxes = static_cast<std::size_t>(shape(from).channels / kBox);
    graph::Yolo yolo{std::vector<graph::Anchor>(boxes, {8, 8}), {}, 1};
    for (std::size_t i = 0; i < boxes; ++i) yolo.mask.push_back(static_cast<int>(i));
    add(yolo, {from});
  }
  void region_head(int from) {
    const auto boxes = static_cast<std::size_t>(shape(from).channels / kBox);
    add(graph::Region{std::vector<graph::Anchor>(boxes, {1, 1}), 1, true}, {from});
  }

  const graph::Shape& shape(int layer) const { return graph::shape_of(network_, layer); }
  int size() const { return static_cast<int>(network_.layers.size()); }
  graph::Network finish(std::uint64_t seed = 1) const { return with_weights(network_, seed); }

  static constexpr int kBox = 6;  // channels of a box of one class

 private:
  graph::Network network_;
};

// One for each rule by which layers are fused, concatenated and copied.
struct NamedNetwork {
  const char* name;
  graph::Network network;
};
std::vector<NamedNetwork> fused_networks();

// All targets; under ThreadSanitizer only the one whose kernels never read past the end
// (kernels.h).
inline std::span<const SimdTarget> tested_targets() {
#if defined(__SANITIZE_THREAD__)
  return simd_targets().last(1);
#else
  return simd_targets();
#endif
}

// Layers of all kinds in random order, small enough to be run in a millisecond or so.
graph::Network random_network(std::uint64_t seed);

}  // namespace oko::runtime
