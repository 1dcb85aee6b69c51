#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "oko/formats/format.h"
#include "oko/formats/tflite/emit.h"
#include "oko/formats/tflite/scales.h"
#include "oko/graph/network.h"

namespace oko::formats::tflite {

// Writes a network, as of inference_form(), layer by layer. The network and the options must
// outlive it. write.cpp has the file and the layers with weights or windows, write_moves.cpp those
// that only move or interpolate values, write_values.cpp those that compute with them.
class Writer {
 public:
  Writer(const graph::Network& network, const WriteOptions& options);

  std::vector<std::byte> file();

 private:
  using Layer = graph::Layer;
  using Shape = graph::Shape;

  bool bytes() const { return options_.precision == graph::Precision::kInt8; }
  std::optional<MapScale> scale_of(int index) const {
    if (!bytes()) return std::nullopt;
    return scales_.maps[index + 1];
  }
  int read(int index) const { return tensors_[index + 1]; }
  const Shape& shape(int index) const { return graph::shape_of(network_, index); }
  int version(int of_bytes) const { return bytes() ? of_bytes : 1; }
  int own_map(int index);
  int map_before_activation(int index);

  void add_input();
  void write(int index, const Layer& layer, const graph::Convolution& convolution);
  void write(int index, const Layer& layer, const graph::MaxPool& pool);
  void write(int index, const Layer& layer, const graph::AveragePool& pool);
  void write(int index, const Layer& layer, const graph::Upsample& upsample);
  void write(int index, const Layer& layer, const graph::Bilinear& bilinear);
  void write(int index, const Layer& layer, const graph::Route& route);
  void write(int index, const Layer& layer, const graph::Slice& part);
  void write(int index, const Layer& layer, const graph::Shuffle& shuffle);
  void write(int index, const Layer& layer, const graph::SpaceToDepth& layout);
  void write(int index, const Layer& layer, const graph::Shortcut& shortcut);
  void write(int index, const Layer& layer, const graph::Product& product);
  void write(int index, const Layer& layer, const graph::Attention& attention);
  void write(int index, const Layer& layer, const graph::Softmax& softmax);
  // inference_form() has no dropout, and heads are not written.
  void write(int index, const Layer&, const auto&) {
    refuse_layer(network_, index, "TensorFlow Lite");
  }

  int padded(const std::string& name, int from, const Shape& in, const graph::Padding& padding,
             bool lowest);
  int kernel(const std::string& name, const graph::Tensor& kernel, const std::vector<float>& scales,
             int axis);
  void convolve(const std::string& name, int from, int to, const graph::Convolution& convolution,
                oko::tflite::Padding padding, const graph::Tensor& kernel,
                std::span<const float> bias);
  void convolve_groups(const Layer& layer, int from, int to, const graph::Convolution& convolution,
                       oko::tflite::Padding padding);
  void average_windows(int index, const Layer& layer, const graph::AveragePool& pool);

  // From tensors to new ones of the same type and scale.
  int reshape(const std::string& name, int from, const std::vector<int>& sides);
  int transpose(const std::string& name, int from, const std::vector<int>& order);
  void reshape(int from, int to);
  void exchange(const std::string& name, int from, const std::vector<int>& sides,
                const std::vector<int>& order, int to);
  void slice(const std::string& name, int from, int first, int to);
  void join(const std::vector<int>& from, int to);
  int fitted(const Layer& layer, std::size_t input);

  // Floats of int8 values and back.
  int floats_of(const std::string& name, int tensor);
  void round(int from, int to);
  int number(const std::string& name, float value);
  void limited(oko::tflite::Code code, const std::string& name, int from, int to,
               const MapScale& scale);
  void activate(const std::string& name, int from, int to, graph::Activation activation);
  void activate_mish(const std::string& name, int from, int to);
  void activate_hard_sigmoid(const std::string& name, int from, int to);

  const graph::Network& network_;
  const WriteOptions& options_;
  Emitter emitter_;
  MapScales scales_;
  std::map<int, std::string> outputs_;
  std::vector<int> tensors_;  // of the input and every layer
  int input_ = 0;
};

// Activations that can be fused into an operator.
std::optional<oko::tflite::Activation> fused(graph::Activation activation);

}  // namespace oko::formats::tflite
