#include "steps.h"

#include <algorithm>
#include <cmath>

#include "oko/base/error.h"

namespace oko::bench {
namespace {

using graph::Activation;
using graph::Convolution;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// Divisor of batch norm for one filter.
double root_of(const graph::BatchNorm& norm, double variance) {
  return norm.epsilon_outside_root ? std::sqrt(variance) + static_cast<double>(norm.epsilon)
                                   : std::sqrt(variance + static_cast<double>(norm.epsilon));
}

void fold(const graph::Network& network, const std::string& name, Step& step) {
  const auto weights = [&](const char* part) { return network.weights.at(name + part).floats(); };
  const auto kernel = weights(".kernel"), bias = weights(".bias");
  step.kernel.assign(kernel.begin(), kernel.end());
  step.bias.assign(bias.begin(), bias.end());
  if (!step.convolution.batch_norm) return;
  const auto gamma = weights(".scale"), mean = weights(".mean"), variance = weights(".variance");
  const std::size_t each = kernel.size() / bias.size();
  for (std::size_t i = 0; i < bias.size(); ++i) {
    const double factor = static_cast<double>(gamma[i]) /
                          root_of(*step.convolution.batch_norm, static_cast<double>(variance[i]));
    for (std::size_t k = i * each; k < (i + 1) * each; ++k) {
      step.kernel[k] = static_cast<float>(static_cast<double>(kernel[k]) * factor);
    }
    step.bias[i] =
        static_cast<float>(static_cast<double>(bias[i]) - static_cast<double>(mean[i]) * factor);
  }
}

// Translates the layers one after another.
class Translation {
 public:
  explicit Translation(const graph::Network& network) : network_(network) {
    result_.input = network.input;
  }

  Steps run() {
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      step_of_layer_.push_back(translate(i));
    }
    return std::move(result_);
  }

 private:
  int step_of(int layer) const {
    return layer == graph::kNetworkInput ? graph::kNetworkInput : step_of_layer_[at(layer)];
  }

  // Index of the step that computes the layer's output.
  int translate(std::size_t i) {
    const graph::Layer& layer = network_.layers[i];
    const int from = step_of(layer.inputs[0]);
    if (graph::is_head(layer.operation)) {
      result_.heads.push_back(from);
      return from;
    }
    if (std::holds_alternative<graph::Dropout>(layer.operation)) return from;
    Step step{kind_of(i), layer.name, {}, input_of(from), layer.output};
    for (const int input : layer.inputs) step.inputs.push_back(step_of(input));
    if (step.kind == Step::Kind::kConcat && step.inputs.size() == 1) return from;
    if (const auto* c = std::get_if<Convolution>(&layer.operation)) {
      step.convolution = *c;
      fold(network_, layer.name, step);
    } else if (const auto* pool = std::get_if<graph::MaxPool>(&layer.operation)) {
      step.pool = *pool;
    } else if (const auto* upsample = std::get_if<graph::Upsample>(&layer.operation)) {
      step.scale = upsample->scale;
    } else if (const auto* bilinear = std::get_if<graph::Bilinear>(&layer.operation)) {
      step.scale = bilinear->scale;
    } else if (const auto* route = std::get_if<graph::Route>(&layer.operation)) {
      step.groups = route->groups;
      step.group = route->group;
    } else if (const auto* shuffle = std::get_if<graph::Shuffle>(&layer.operation)) {
      step.groups = shuffle->groups;
    }
    result_.steps.push_back(std::move(step));
    return static_cast<int>(result_.steps.size()) - 1;
  }

  graph::Shape input_of(int step) const {
    return step == graph::kNetworkInput ? network_.input : result_.steps[at(step)].output;
  }

  Step::Kind kind_of(std::size_t i) const {
    const graph::Operation& operation = network_.layers[i].operation;
    if (const auto* c = std::get_if<Convolution>(&operation)) {
      if (c->activation == Activation::kLinear || c->activation == Activation::kLeaky) {
        return Step::Kind::kConvolution;
      }
    } else if (std::holds_alternative<graph::MaxPool>(operation)) {
      return Step::Kind::kMaxPool;
    } else if (std::holds_alternative<graph::Upsample>(operation)) {
      return Step::Kind::kUpsample;
    } else if (const auto* route = std::get_if<graph::Route>(&operation)) {
      if (route->groups == 1) return Step::Kind::kConcat;
      if (network_.layers[i].inputs.size() == 1) return Step::Kind::kSlice;
    } else if (std::holds_alternative<graph::Shuffle>(operation)) {
      return Step::Kind::kShuffle;
    } else if (const auto* bilinear = std::get_if<graph::Bilinear>(&operation)) {
      if (bilinear->grid == graph::Grid::kHalfPixel) return Step::Kind::kBilinear;
    } else if (const auto* shortcut = std::get_if<graph::Shortcut>(&operation)) {
      if (shortcut->activation == Activation::kLinear) return Step::Kind::kAdd;
    }
    throw input_error(place_of(network_, i), "this benchmark does not support this operation");
  }

  const graph::Network& network_;
  Steps result_;
  std::vector<int> step_of_layer_;
};

}  // namespace

void Range::add(const Range& other) {
  low = std::min(low, other.low);
  high = std::max(high, other.high);
}

float Range::largest() const { return std::max(-low, high); }

std::vector<std::vector<int>> Steps::users() const {
  std::vector<std::vector<int>> result(steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    for (const int from : steps[i].inputs) {
      if (from != graph::kNetworkInput) result[at(from)].push_back(static_cast<int>(i));
    }
  }
  return result;
}

Steps steps_of(const graph::Network& network) { return Translation(network).run(); }

std::string write_ranges(const Steps& steps) {
  Json all = Json::array({{steps.input_range.low, steps.input_range.high}});
  for (const Step& s : steps.steps) {
    all.push_back({s.range.low, s.range.high, s.linear_range.low, s.linear_range.high});
  }
  return all.dump();
}

void read_ranges(const std::string& text, Steps& steps) {
  const Json all = parse_json(text, "ranges");
  const auto input = all.at(0).get<std::vector<float>>();
  steps.input_range = {input.at(0), input.at(1)};
  for (std::size_t i = 0; i < steps.steps.size(); ++i) {
    Step& s = steps.steps[i];
    const auto values = all.at(i + 1).get<std::vector<float>>();
    s.range = {values.at(0), values.at(1)};
    s.linear_range = {values.at(2), values.at(3)};
  }
}

std::vector<float> filter_scales(const Step& step, float largest) {
  const std::size_t each = step.kernel.size() / step.bias.size();
  std::vector<float> scales;
  for (std::size_t i = 0; i < step.bias.size(); ++i) {
    float most = 0;
    for (std::size_t k = 0; k < each; ++k) {
      most = std::max(most, std::abs(step.kernel[i * each + k]));
    }
    scales.push_back(most == 0 ? 1 : largest / most);
  }
  return scales;
}

}  // namespace oko::bench
