#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "oko/formats/coreml.h"
#include "oko/formats/coreml/describe.h"

namespace oko::formats::coreml {

// Names in use; a second user of a name gets it with "_" appended.
class Names {
 public:
  std::string unused(std::string name) {
    while (!taken_.insert(name).second) name += "_";
    return name;
  }

 private:
  std::set<std::string, std::less<>> taken_;
};

// The axes of a tensor: channels, rows and columns.
enum Axis { kChannels, kRows, kColumns };

// With layers of this version or later, an output must be described with as many axes as it has:
// five, [1, 1, channels, rows, columns], if the input is an image. Without them Core ML drops axes
// of one value.
inline constexpr int kExactRanks = 4;

// Adds layers to a Core ML neural network, each with one output. Tensors and layers have unique
// names.
class LayerWriter {
 public:
  LayerWriter(proto::NeuralNetwork& network, graph::Precision weights)
      : network_(network), weights_(weights) {}

  // The lowest specification version that has all layers so far.
  int version() const { return version_; }
  void require_version(int version) { version_ = std::max(version_, version); }

  std::string map_name(const std::string& wanted) { return maps_.unused(wanted); }
  proto::Layer& add(const std::string& name, const std::vector<std::string>& inputs,
                    const std::string& output);
  // From `begin` to before `end`.
  void add_slice(const std::string& name, const std::string& from, const std::string& to, Axis axis,
                 std::int64_t begin, std::int64_t end);
  void add_reshape(const std::string& name, const std::string& from, const std::string& to,
                   const std::array<std::int64_t, 3>& shape);
  // Axis i of the output is axis order[i] of the input.
  void add_permute(const std::string& name, const std::string& from, const std::string& to,
                   const std::array<Axis, 3>& order);
  // Kernels are stored as the chosen weight type; `rows` are the filters.
  void set_kernel(std::span<const float> values, std::size_t rows, proto::Weights& to) const;
  // Biases: float16 with float16 kernels, else float32.
  void set_bias(std::span<const float> values, proto::Weights& to) const;

 private:
  proto::NeuralNetwork& network_;
  graph::Precision weights_;
  int version_ = 1;
  Names maps_, layers_;
};

// Writes all layers but the heads. Returns the tensor name of each output, which are `outputs` (in
// network.outputs() order).
void write_layers(const graph::Network& network, const std::vector<std::string>& outputs,
                  LayerWriter& writer);

}  // namespace oko::formats::coreml
