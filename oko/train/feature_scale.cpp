#include "oko/train/feature_scale.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace oko::train {
namespace {

std::vector<float> values_of(const graph::Network& network, const std::string& name) {
  const auto values = network.weights.at(name).floats();
  return {values.begin(), values.end()};
}

bool commutes(graph::Activation activation) {
  return activation == graph::Activation::kLinear || activation == graph::Activation::kLeaky ||
         activation == graph::Activation::kRelu;
}

// Whether f(a · x) = a · f(x) for a > 0.
bool commutes(const graph::Operation& operation) {
  return std::visit(
      [](const auto& o) {
        using T = std::decay_t<decltype(o)>;
        if constexpr (requires { o.activation; }) return commutes(o.activation);
        return graph::HeadOperation<T> || !std::is_same_v<T, graph::Softmax>;
      },
      operation);
}

// The factors of every layer's output, `factor` or, for what images and heads are, 1. Empty where
// that cannot be.
std::vector<float> factors_of(const graph::Network& network, float factor) {
  const std::vector<int> outputs = network.outputs();
  std::vector<float> factors;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const graph::Layer& layer = network.layers[i];
    if (!commutes(layer.operation)) return {};
    const auto of = [&](int from) { return from < 0 ? 1.F : factors[from]; };
    const bool is_output = std::ranges::find(outputs, static_cast<int>(i)) != outputs.end();
    if (std::holds_alternative<graph::Convolution>(layer.operation)) {
      factors.push_back(is_output ? 1 : factor);
      continue;
    }
    factors.push_back(of(layer.inputs[0]));
    for (const int from : layer.inputs) {
      if (of(from) != factors.back()) return {};
    }
    if (is_output && factors.back() != 1) return {};
  }
  return factors;
}

// The factor that lets the median of the deviations be 1; 1 without batch norm.
float wanted_factor(const graph::Network& network) {
  std::vector<float> variances;
  for (const graph::Layer& layer : network.layers) {
    const auto* conv = std::get_if<graph::Convolution>(&layer.operation);
    if (conv == nullptr || !conv->batch_norm) continue;
    std::ranges::copy(values_of(network, layer.name + ".scale"), std::back_inserter(variances));
  }
  if (variances.empty()) return 1;
  for (float& v : variances) v = std::abs(v);
  const auto middle = variances.begin() + std::ssize(variances) / 2;
  std::ranges::nth_element(variances, middle);
  return *middle > 0 ? 1 / *middle : 1;
}

class Scaler {
 public:
  Scaler(graph::Network& network, const graph::Layer& layer, float before, float after)
      : network_(network), layer_(layer), before_(before), after_(after) {}

  void run() {
    const auto& conv = std::get<graph::Convolution>(layer_.operation);
    scale("bias", after_);
    if (!conv.batch_norm) return scale("kernel", after_ / before_);
    std::vector<float> scales = values_of(network_, layer_.name + ".scale");
    std::vector<float> variances = values_of(network_, layer_.name + ".variance");
    for (std::size_t i = 0; i < scales.size(); ++i) {
      const double root = root_of(variances[i], *conv.batch_norm);
      variances[i] *= before_ * before_;
      scales[i] *=
          static_cast<float>(after_ / before_ * (root_of(variances[i], *conv.batch_norm) / root));
    }
    set("scale", std::move(scales));
    set("variance", std::move(variances));
    scale("mean", before_);
  }

 private:
  static double root_of(double variance, const graph::BatchNorm& norm) {
    return norm.epsilon_outside_root ? std::sqrt(variance) + norm.epsilon
                                     : std::sqrt(variance + norm.epsilon);
  }

  void scale(const std::string& part, float factor) {
    std::vector<float> values = values_of(network_, layer_.name + "." + part);
    for (float& v : values) v *= factor;
    set(part, std::move(values));
  }

  void set(const std::string& part, std::vector<float> values) {
    graph::Tensor& tensor = network_.weights.at(layer_.name + "." + part);
    tensor = graph::Tensor::of(std::move(values), tensor.shape);
  }

  graph::Network& network_;
  const graph::Layer& layer_;
  const float before_, after_;  // of what it reads and what it outputs
};

}  // namespace

void normalize_features(graph::Network& network) {
  const std::vector<float> factors = factors_of(network, wanted_factor(network));
  if (factors.empty()) return;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const graph::Layer& layer = network.layers[i];
    if (!std::holds_alternative<graph::Convolution>(layer.operation)) continue;
    const int from = layer.inputs[0];
    Scaler(network, layer, from < 0 ? 1 : factors[from], factors[i]).run();
  }
}

}  // namespace oko::train
