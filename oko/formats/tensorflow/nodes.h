#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "oko/formats/builder.h"
#include "oko/formats/tensorflow/constants.h"
#include "oko/formats/tensorflow/graph.h"

namespace oko::formats {

// Operations with weights, before which nothing may be dropped.
bool has_weights(const std::string& operation);
// Operations that oko supports, at least in some forms.
bool is_known(const std::string& operation);

// An activation that a graph spells out: Maximum(x · .1, x), x · Sigmoid(x), x · Tanh(Softplus(x)).
struct SpelledActivation {
  graph::Activation activation;
  std::string from;
};
std::optional<SpelledActivation> spelled_activation(const TfGraph& graph, TfConstants& constants,
                                                    const TfNode& node);

// Translates TensorFlow's nodes into calls of the builder.
class TfMaker {
 public:
  TfMaker(const TfGraph& graph, TfConstants& constants, NetworkBuilder& builder,
          bool channels_first)
      : graph_(graph), constants_(constants), builder_(builder), channels_first_(channels_first) {}

  // Whether the node has become part of the network; if not, `refusal()` says why. Throws an input
  // Error for weights that do not fit.
  bool make(const TfNode& node);
  const std::string& refusal() const { return refusal_; }

 private:
  struct Window {
    int size = 1, stride = 1;
    graph::Padding padding{};
  };

  bool refuse(std::string why);
  [[noreturn]] void fail(const TfNode& node, std::string message, std::string hint = {}) const;
  Node node_of(const TfNode& node) const { return {node.name(), node.op()}; }
  std::string map(const TfNode& node, std::size_t input) const;
  const graph::Shape& shape(const TfNode& node, const std::string& map) const;
  // A constant input as float32; fails if it is not constant.
  graph::Tensor weight(const TfNode& node, std::size_t input, std::size_t rank) const;
  // The same with one value per channel of `map`, or nothing if it is something else.
  std::optional<graph::Tensor> per_channel(const TfNode& node, const std::string& constant,
                                           const std::string& map) const;
  std::optional<int> whole(const TfNode& node, std::size_t input) const;
  Window window(const TfNode& node, int size, bool pads_here) const;
  int square(const TfNode& node, const char* name, int fallback) const;
  bool is_channel_axis(std::int64_t axis) const {
    return axis == (channels_first_ ? 1 : 3) || axis == (channels_first_ ? -3 : -1);
  }

  bool convolution(const TfNode& node);
  bool batch_norm(const TfNode& node);
  bool arithmetic(const TfNode& node);
  bool activation(const TfNode& node);
  bool max_pool(const TfNode& node);
  bool mean(const TfNode& node);
  bool resize(const TfNode& node);
  bool concat(const TfNode& node);
  bool split(const TfNode& node);
  bool pad(const TfNode& node);
  bool reshape(const TfNode& node);
  bool matmul(const TfNode& node);
  bool softmax(const TfNode& node);

  const TfGraph& graph_;
  TfConstants& constants_;
  NetworkBuilder& builder_;
  bool channels_first_;
  std::string refusal_;
};

}  // namespace oko::formats
