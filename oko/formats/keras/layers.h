#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oko/base/json.h"
#include "oko/formats/builder.h"
#include "oko/formats/keras/layer_weights.h"

namespace oko::formats {

// One use of a Keras layer.
struct LayerCall {
  Node node;  // its name, with those of the enclosing models: "backbone/conv2d_1", and its class
  Json config;
  std::string group, inner;       // where its weights are, see LayerWeights
  std::vector<std::string> from;  // tensors
  std::string to;
};

// Whether channels are first or last, for the whole model.
bool channels_first(const std::vector<LayerCall>& calls, const NetworkBuilder& builder);

// Translates Keras' layers into calls of the builder.
class LayerMaker {
 public:
  LayerMaker(NetworkBuilder& builder, LayerWeights& weights, bool first)
      : builder_(builder), weights_(weights), channels_first_(first) {}

  // Throws an input Error for an unsupported layer or setting.
  void make(const LayerCall& call);

 private:
  struct Window {
    int size = 1, stride = 1;
    graph::Padding padding{};
  };

  [[noreturn]] void fail(const LayerCall& call, std::string message, std::string hint = {}) const;
  // A member of the config; null counts as missing.
  template <typename T>
  T get(const LayerCall& call, const char* key, T fallback) const;
  // A pair of equal numbers, or a single one.
  int square(const LayerCall& call, const char* key, int fallback) const;
  Window window(const LayerCall& call, const char* size, int usual_size, int usual_stride) const;
  graph::Tensor weight(const LayerCall& call, const char* part) const;
  graph::Tensor needed(const LayerCall& call, const char* part, std::size_t rank) const;
  const std::string& from(const LayerCall& call) const;

  void conv(const LayerCall& call);
  void depthwise(const LayerCall& call);
  void convolution(const LayerCall& call, const Window& window, int groups, graph::Tensor kernel);
  void batch_norm(const LayerCall& call);
  void leaky_relu(const LayerCall& call);
  void relu(const LayerCall& call);
  void max_pool(const LayerCall& call);
  void global_average_pool(const LayerCall& call);
  void upsample(const LayerCall& call);
  void concatenate(const LayerCall& call);
  void zero_padding(const LayerCall& call);
  void flatten(const LayerCall& call);
  void reshape(const LayerCall& call);
  void dense(const LayerCall& call);
  void softmax(const LayerCall& call);
  // Applies a layer's own `activation`.
  std::string before_activation(const LayerCall& call) const;
  void finish_activation(const LayerCall& call);
  void named_activation(const LayerCall& call, const std::string& name, const std::string& map);
  void check_axis(const LayerCall& call, const char* key) const;

  NetworkBuilder& builder_;
  LayerWeights& weights_;
  bool channels_first_;
};

}  // namespace oko::formats
