#include "oko/seal/mark/trace.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "oko/base/error.h"
#include "oko/seal/mark/align.h"
#include "oko/seal/mark/mark.h"

namespace oko::seal {
namespace {

// What is left of a layer's kernel when the original and the gains of its channels are taken away.
struct Residual {
  std::string layer;
  std::vector<float> values;
  double weight = 0;    // of a matched filter: the mark's size over the residual's variance
  double variance = 0;  // of a value
};

// Gains of filters and of the channels that they read, as folded batch norm and equalized
// quantization leave them. By alternating least squares.
class Gains {
 public:
  Gains(std::span<const float> original, std::span<const float> suspect, std::size_t filters,
        std::size_t depth)
      : filters_(filters, 1.), channels_(depth, 1.), taps_(original.size() / filters / depth) {
    constexpr int kRounds = 4;
    for (int round = 0; round < kRounds; ++round) {
      fit(original, suspect, filters_, [](std::size_t f, std::size_t) { return f; });
      if (depth > 1) {
        fit(original, suspect, channels_, [](std::size_t, std::size_t c) { return c; });
      }
    }
  }
  double at(std::size_t filter, std::size_t channel) const {
    return filters_[filter] * channels_[channel];
  }
  std::size_t taps() const { return taps_; }

 private:
  template <typename Index>
  void fit(std::span<const float> original, std::span<const float> suspect,
           std::vector<double>& gains, const Index& index) {
    std::vector<double> products(gains.size()), squares(gains.size());
    std::size_t i = 0;
    for (std::size_t f = 0; f < filters_.size(); ++f) {
      for (std::size_t c = 0; c < channels_.size(); ++c) {
        const double other = at(f, c) / gains[index(f, c)];
        for (std::size_t t = 0; t < taps_; ++t, ++i) {
          const double expected = other * static_cast<double>(original[i]);
          products[index(f, c)] += expected * static_cast<double>(suspect[i]);
          squares[index(f, c)] += expected * expected;
        }
      }
    }
    for (std::size_t g = 0; g < gains.size(); ++g) {
      const double gain = squares[g] > 0 ? products[g] / squares[g] : 0;
      gains[g] = std::isfinite(gain) && gain != 0 ? gain : 1;
    }
  }

  std::vector<double> filters_, channels_;
  std::size_t taps_;
};

double root_mean_square(std::span<const float> values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum / static_cast<double>(values.size()));
}

Residual residual_of(const graph::Network& network, const Aligned& aligned) {
  constexpr float kMost = 4;  // deviations: a few weights that changed much say nothing
  const graph::Layer& layer = network.layers[static_cast<std::size_t>(aligned.layer)];
  const auto original = network.weights.at(layer.name + ".kernel").floats();
  const auto filters =
      static_cast<std::size_t>(std::get<graph::Convolution>(layer.operation).filters);
  const auto side = static_cast<std::size_t>(std::get<graph::Convolution>(layer.operation).size);
  const Gains gains(original, aligned.values, filters, original.size() / filters / (side * side));
  Residual residual{layer.name, std::vector<float>(original.size()), 0, 0};
  const std::size_t depth = original.size() / filters / gains.taps();
  for (std::size_t i = 0; i < original.size(); ++i) {
    const std::size_t filter = i / gains.taps() / depth, channel = i / gains.taps() % depth;
    residual.values[i] =
        aligned.values[i] / static_cast<float>(gains.at(filter, channel)) - original[i];
    if (!std::isfinite(residual.values[i])) residual.values[i] = 0;
  }
  const auto most = kMost * static_cast<float>(root_mean_square(residual.values));
  for (float& value : residual.values) value = std::clamp(value, -most, most);
  residual.variance = std::pow(root_mean_square(residual.values), 2);
  if (residual.variance > 0) residual.weight = deviation(original) / residual.variance;
  return residual;
}

double z_of(const std::vector<Residual>& residuals, const MarkKey& key,
            const std::string& customer) {
  double sum = 0, variance = 0;
  for (const Residual& residual : residuals) {
    const Chips chips(key, customer, residual.layer, residual.values.size());
    double correlation = 0;
    for (std::size_t i = 0; i < residual.values.size(); ++i) {
      correlation += static_cast<double>(residual.values[i] * chips[i]);
    }
    sum += residual.weight * correlation;
    variance += residual.weight * residual.weight * residual.variance *
                static_cast<double>(residual.values.size());
  }
  return variance > 0 ? sum / std::sqrt(variance) : 0;
}

}  // namespace

TraceResult trace(const graph::Network& original, const graph::Network& suspect, const MarkKey& key,
                  const std::vector<std::string>& customers) {
  const std::vector<int> layers = marked_layers(original);
  const std::vector<Aligned> found = align(original, suspect, layers);
  if (found.empty()) {
    throw input_error(suspect.name, "has no convolution of the original's sizes",
                      "it is another network");
  }
  TraceResult result;
  result.layers = static_cast<int>(found.size());
  result.of_layers = static_cast<int>(layers.size());
  std::vector<Residual> residuals;
  for (const Aligned& aligned : found) {
    result.likeness += aligned.likeness / static_cast<double>(found.size());
    residuals.push_back(residual_of(original, aligned));
  }
  for (const std::string& customer : customers) {
    const double z = z_of(residuals, key, customer);
    const double one = std::erfc(z / std::sqrt(2.)) / 2;
    const double any = std::min(1., one * static_cast<double>(customers.size()));
    result.customers.push_back({customer, z, any});
  }
  std::ranges::stable_sort(result.customers, std::greater<>(), &Trace::z);
  return result;
}

}  // namespace oko::seal
