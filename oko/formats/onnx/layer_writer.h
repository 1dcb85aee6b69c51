#pragma once

#include <string>
#include <vector>

#include "oko/formats/onnx/graph_writer.h"
#include "oko/graph/network.h"

namespace oko::formats {

// Writes the layers of a network in inference form, except heads, as ONNX nodes. The last node of a
// layer, "<layer>.activation" if it has one, produces the layer's output.
class LayerWriter {
 public:
  LayerWriter(const graph::Network& network, GraphWriter& to, bool float16)
      : network_(network), to_(to), float16_(float16) {}

  // `output_names` are the tensors of network.outputs().
  void write(const std::string& input, const std::vector<std::string>& output_names);
  const std::string& map(int layer) const;

 private:
  void add(const graph::Convolution& convolution, const std::string& to);
  void add(const graph::MaxPool& pool, const std::string& to);
  void add(const graph::AveragePool& pool, const std::string& to);
  void add(const graph::Upsample& upsample, const std::string& to);
  void add(const graph::Bilinear& bilinear, const std::string& to);
  void add(const graph::Shuffle& shuffle, const std::string& to);
  void add(const graph::Slice& part, const std::string& to);
  void add(const graph::SpaceToDepth& layout, const std::string& to);
  void add(const graph::Product& product, const std::string& to);
  void add(const graph::Attention& attention, const std::string& to);
  void add(const graph::Route& route, const std::string& to);
  void add(const graph::Shortcut& shortcut, const std::string& to);
  void add(const graph::Softmax&, const std::string& to);
  // inference_form() has no dropout, and heads are not written.
  void add(const auto&, const std::string&);

  // Channels of a map; an empty `to`: under the node's name.
  std::string slice(const std::string& from, std::int64_t first, std::int64_t channels,
                    const std::string& node, const std::string& to);
  std::string fitted(int input, const std::string& part);
  void shuffle(const std::string& from, std::int64_t groups, const std::string& to);
  void reorganize(const graph::SpaceToDepth& layout, const std::string& to);

  const std::string& name() const { return layer_->name; }
  std::vector<std::string> inputs() const;
  const graph::Shape& shape(int layer) const;
  // The output name of the node before an activation.
  std::string before_activation(graph::Activation activation, const std::string& to);
  void activation(graph::Activation activation, const std::string& from, const std::string& to);

  const graph::Network& network_;
  GraphWriter& to_;
  bool float16_;
  const graph::Layer* layer_ = nullptr;
  std::string input_;
  std::vector<std::string> maps_;
  std::string zero_, six_;  // constants of ReLU6
};

}  // namespace oko::formats
