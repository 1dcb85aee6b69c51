#include <algorithm>
#include <charconv>
#include <utility>

#include "oko/base/error.h"
#include "oko/formats/check_values.h"
#include "oko/formats/keras.h"
#include "oko/formats/keras/layer_weights.h"
#include "oko/formats/tensor_order.h"

namespace oko::formats {
namespace {

using graph::Convolution;
using graph::Network;
using graph::Tensor;

// "conv2d_12" → {"conv2d", 12}; Keras 2.3 and later leave the first one without a number.
struct Numbered {
  std::string kind;
  int number = 0;
  std::string name;
};

Numbered numbered(const std::string& name) {
  const std::size_t end = name.find_last_not_of("0123456789") + 1;
  Numbered result{name.substr(0, end), 0, name};
  std::from_chars(name.data() + end, name.data() + name.size(), result.number);
  if (result.kind.ends_with('_')) result.kind.pop_back();
  return result;
}

// Layers of the file that have a weight of this name, in the order in which they were made.
class Layers {
 public:
  Layers(LayerWeights& weights, const char* part, const std::string& file) {
    for (const std::string& name : weights.layers()) {
      if (weights.has(name, "", part)) layers_.push_back(numbered(name));
    }
    std::ranges::stable_sort(layers_, {}, &Numbered::number);
    for (std::size_t i = 1; i < layers_.size(); ++i) {
      const Numbered &a = layers_[i - 1], &b = layers_[i];
      if (a.kind == b.kind && a.number != b.number) continue;
      throw input_error(file + ": " + b.name,
                        "its order relative to " + a.name + " does not follow from the names",
                        "weights-only files need Keras' default names (conv2d_1, conv2d_2, …): "
                        "save the whole model with model.save()");
    }
  }

  std::size_t size() const { return layers_.size(); }
  const std::string& next() { return layers_[next_++].name; }
  bool done() const { return next_ == layers_.size(); }
  const std::string& operator[](std::size_t i) const { return layers_[i].name; }

 private:
  std::vector<Numbered> layers_;
  std::size_t next_ = 0;
};

// The weights to fill, by kind.
struct Wanted {
  std::vector<int> full, depthwise, normed;
};

class Filler {
 public:
  Filler(LayerWeights& weights, const std::string& file, const Network& network)
      : weights_(weights), file_(file), network_(network) {
    for (graph::WeightSpec& spec : graph::weight_specs(network)) {
      shapes_[spec.name] = std::move(spec.shape);
    }
  }

  graph::Weights run() {
    Layers full(weights_, "kernel", file_), depthwise(weights_, "depthwise_kernel", file_),
        norms(weights_, "moving_mean", file_);
    const Wanted wanted = wants(depthwise.size() > 0);
    check_count("convolutions", full, wanted.full);
    check_count("depthwise convolutions", depthwise, wanted.depthwise);
    check_count("batch norms", norms, wanted.normed);
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      const auto* convolution = std::get_if<Convolution>(&network_.layers[i].operation);
      if (convolution == nullptr) continue;
      layer_ = static_cast<int>(i);
      const bool apart = std::ranges::count(wanted.depthwise, layer_) > 0;
      const std::string& from = apart ? depthwise.next() : full.next();
      fill_kernel(from, apart);
      if (convolution->batch_norm) {
        fill_norm(from, norms.next());
      } else {
        put(from, "bias", weights_.get(from, "", "bias"));
      }
    }
    return std::move(filled_);
  }

 private:
  const graph::Layer& layer() const { return network_.layers[layer_]; }

  Wanted wants(bool depthwise_apart) const {
    Wanted wanted;
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      const auto* convolution = std::get_if<Convolution>(&network_.layers[i].operation);
      if (convolution == nullptr) continue;
      const bool apart = depthwise_apart && convolution->groups > 1;
      (apart ? wanted.depthwise : wanted.full).push_back(static_cast<int>(i));
      if (convolution->batch_norm) wanted.normed.push_back(static_cast<int>(i));
    }
    return wanted;
  }

  void check_count(const char* what, const Layers& has, const std::vector<int>& wanted) const {
    if (has.size() == wanted.size()) return;
    const std::size_t first = std::min(has.size(), wanted.size());
    const std::string left =
        has.size() > first
            ? has[first] + " is unused"
            : graph::place_of(network_, static_cast<std::size_t>(wanted[first])) + " has none";
    throw input_error(file_,
                      "has " + std::to_string(has.size()) + " " + what + ", the network " +
                          std::to_string(wanted.size()) + ": " + left,
                      "the weights belong to another network");
  }

  void fill_kernel(const std::string& from, bool depthwise) {
    Tensor kernel = weights_.get(from, "", depthwise ? "depthwise_kernel" : "kernel");
    if (kernel.shape.size() == 4) {
      kernel = depthwise ? permuted(kernel, {2, 3, 0, 1}) : permuted(kernel, {3, 2, 0, 1});
      if (depthwise) {
        kernel.shape = {kernel.shape[0] * kernel.shape[1], 1, kernel.shape[2], kernel.shape[3]};
      }
    }
    put(from, "kernel", std::move(kernel));
  }

  void fill_norm(const std::string& convolution, const std::string& norm) {
    if (weights_.has(convolution, "", "bias")) {
      throw input_error(file_ + ": " + convolution,
                        "has a bias, " + place() + " has batch norm instead",
                        "the weights belong to another network");
    }
    put(norm, "scale", optional(norm, "gamma", 1));
    put(norm, "bias", optional(norm, "beta", 0));
    put(norm, "mean", weights_.get(norm, "", "moving_mean"));
    put(norm, "variance", weights_.get(norm, "", "moving_variance"));
  }

  // A weight that batch norms with scale=False or center=False do not have.
  Tensor optional(const std::string& norm, const char* part, float otherwise) {
    if (weights_.has(norm, "", part)) return weights_.get(norm, "", part);
    const std::int64_t count = std::get<Convolution>(layer().operation).filters;
    return Tensor::of(std::vector<float>(static_cast<std::size_t>(count), otherwise), {count});
  }

  std::string place() const { return graph::place_of(network_, static_cast<std::size_t>(layer_)); }

  void put(const std::string& from, const char* part, Tensor tensor) {
    const std::string name = layer().name + "." + part;
    const std::vector<std::int64_t>& wanted = shapes_.at(name);
    if (tensor.shape != wanted) {
      throw input_error(file_ + ": " + from,
                        tensor.shape.empty()
                            ? std::string("has no ") + part + " for " + place() + "; it contains " +
                                  weights_.names(from)
                            : std::string(part) + " " + graph::to_string(tensor.shape) +
                                  " is for " + place() + ", which needs " +
                                  graph::to_string(wanted),
                        "the weights belong to another network or number of classes");
    }
    check_values(tensor, name, file_ + ": " + from);
    filled_[name] = std::move(tensor);
  }

  LayerWeights& weights_;
  const std::string& file_;
  const Network& network_;
  std::map<std::string, std::vector<std::int64_t>> shapes_;
  graph::Weights filled_;
  int layer_ = 0;
};

}  // namespace

std::vector<std::string> read_keras_weights(const Bytes& file, const std::string& name,
                                            Network& network, std::optional<float> epsilon) {
  Hdf5 hdf5(file, name);
  LayerWeights weights(hdf5);
  graph::Weights filled = Filler(weights, name, network).run();
  network.weights = std::move(filled);
  std::vector<std::string> notes;
  bool changed = false;
  for (graph::Layer& layer : network.layers) {
    auto* convolution = std::get_if<Convolution>(&layer.operation);
    if (!epsilon || convolution == nullptr || !convolution->batch_norm) continue;
    convolution->batch_norm = graph::BatchNorm{*epsilon};
    changed = true;
  }
  if (changed) {
    notes.push_back(
        "weights-only files do not contain batch norm's epsilon; assuming Keras' default, " +
        std::to_string(*epsilon));
  }
  return notes;
}

}  // namespace oko::formats
