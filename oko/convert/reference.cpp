#include "oko/convert/reference.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

#include "oko/base/threads.h"
#include "oko/graph/fold.h"
#include "oko/runtime/engine.h"

namespace oko::convert {
namespace {

using graph::Activation;
using graph::Layer;
using graph::Network;
using graph::Padding;
using graph::Shape;

float activated(float x, Activation activation) {
  switch (activation) {
    case Activation::kLinear:
      return x;
    case Activation::kLeaky:
      return x > 0 ? x : graph::kLeakySlope * x;
    case Activation::kRelu:
      return std::max(x, 0.F);
    case Activation::kRelu6:
      return std::clamp(x, 0.F, 6.F);
    case Activation::kLogistic:
      return 1 / (1 + std::exp(-x));
    case Activation::kMish:
      return x * std::tanh(std::log1p(std::exp(x)));
    case Activation::kSwish:
      return x / (1 + std::exp(-x));
  }
  return x;
}

class Reference {
 public:
  Reference(const Network& network, std::span<const float> input)
      : network_(network), input_(input), maps_(network.layers.size()) {}

  void run(const MapObserver& observe) {
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      const Layer& layer = network_.layers[i];
      if (graph::is_head(layer.operation)) continue;
      maps_[i].resize(static_cast<std::size_t>(layer.output.count()));
      index_ = i;
      std::visit([this](const auto& operation) { compute(operation); }, layer.operation);
      observe(static_cast<int>(i), maps_[i]);
    }
  }

 private:
  const Layer& layer() const { return network_.layers[index_]; }
  std::vector<float>& out() { return maps_[index_]; }
  const Shape& shape(std::size_t i = 0) const {
    const int from = layer().inputs[i];
    return from < 0 ? network_.input : network_.layers[from].output;
  }
  std::span<const float> in(std::size_t i = 0) const {
    const int from = layer().inputs[i];
    return from < 0 ? input_ : std::span<const float>(maps_[from]);
  }

  // The columns of the output for which tap k reads inside the input.
  static std::pair<int, int> inside(int outputs, int inputs, int stride, int pad, int k) {
    const int first = std::max(0, (pad - k + stride - 1) / stride);
    const int last = std::min(outputs, (inputs - 1 + pad - k) / stride + 1);
    return {first, inputs - 1 + pad - k < 0 ? first : std::max(first, last)};
  }

  // One filter: tap by tap, row by row, so that the compiler can vectorize.
  void compute_filter(const graph::Convolution& c, const graph::Folded& folded, int filter) {
    const Shape& from = shape();
    const Shape& to = layer().output;
    const int channels = from.channels / c.groups;
    const int first_channel = filter / (c.filters / c.groups) * channels;
    const auto plane = static_cast<std::size_t>(to.height) * static_cast<std::size_t>(to.width);
    float* sums = out().data() + static_cast<std::size_t>(filter) * plane;
    std::fill_n(sums, plane, folded.bias[filter]);
    const float* taps =
        folded.kernel.data() + static_cast<std::ptrdiff_t>(filter) * channels * c.size * c.size;
    for (int channel = 0; channel < channels; ++channel) {
      const float* source =
          in().data() + std::ptrdiff_t{first_channel + channel} * from.height * from.width;
      for (int ky = 0; ky < c.size; ++ky) {
        for (int kx = 0; kx < c.size; ++kx) add_tap(c, source, *taps++, ky, kx, sums);
      }
    }
    for (std::size_t i = 0; i < plane; ++i) sums[i] = activated(sums[i], c.activation);
  }

  void add_tap(const graph::Convolution& c, const float* source, float tap, int ky, int kx,
               float* sums) const {
    const Shape& from = shape();
    const Shape& to = layer().output;
    const auto [y0, y1] = inside(to.height, from.height, c.stride, c.padding.top, ky);
    const auto [x0, x1] = inside(to.width, from.width, c.stride, c.padding.left, kx);
    for (int y = y0; y < y1; ++y) {
      const float* row = source + std::ptrdiff_t{y * c.stride + ky - c.padding.top} * from.width +
                         kx - c.padding.left;
      float* sum = sums + std::ptrdiff_t{y} * to.width;
      if (c.stride == 1) {
        for (int x = x0; x < x1; ++x) sum[x] += tap * row[x];
      } else {
        for (int x = x0; x < x1; ++x) sum[x] += tap * row[std::ptrdiff_t{x} * c.stride];
      }
    }
  }

  void compute(const graph::Convolution& c) {
    const graph::Folded folded = graph::fold(network_, static_cast<int>(index_));
    pool_.parallel_for(static_cast<std::size_t>(c.filters), [&](std::size_t filter) {
      compute_filter(c, folded, static_cast<int>(filter));
    });
  }

  void compute(const graph::MaxPool& pool) {
    const Shape& from = shape();
    const Shape& to = layer().output;
    std::size_t i = 0;
    for (int c = 0; c < to.channels; ++c) {
      const float* source = in().data() + std::ptrdiff_t{c} * from.height * from.width;
      for (int y = 0; y < to.height; ++y) {
        for (int x = 0; x < to.width; ++x) {
          const int top = y * pool.stride - pool.padding.top;
          const int left = x * pool.stride - pool.padding.left;
          float most = -std::numeric_limits<float>::infinity();
          for (int v = std::max(top, 0); v < std::min(top + pool.size, from.height); ++v) {
            for (int u = std::max(left, 0); u < std::min(left + pool.size, from.width); ++u) {
              most = std::max(most, source[std::ptrdiff_t{v} * from.width + u]);
            }
          }
          out()[i++] = most;
        }
      }
    }
  }

  void compute(const graph::AveragePool&) {
    const auto plane = in().size() / out().size();
    for (std::size_t c = 0; c < out().size(); ++c) {
      double sum = 0;
      for (const float v : in().subspan(c * plane, plane)) sum += static_cast<double>(v);
      out()[c] = static_cast<float>(sum / static_cast<double>(plane));
    }
  }

  void compute(const graph::Upsample& upsample) {
    const Shape& from = shape();
    const Shape& to = layer().output;
    std::size_t i = 0;
    for (int c = 0; c < to.channels; ++c) {
      for (int y = 0; y < to.height; ++y) {
        const float* row = in().data() + (std::ptrdiff_t{c} * from.height + y / upsample.scale) *
                                             std::ptrdiff_t{from.width};
        for (int x = 0; x < to.width; ++x) out()[i++] = row[x / upsample.scale];
      }
    }
  }

  void compute(const graph::Route& route) {
    auto to = out().begin();
    const auto groups = static_cast<std::size_t>(route.groups);
    for (std::size_t i = 0; i < layer().inputs.size(); ++i) {
      const std::size_t part = in(i).size() / groups;
      const auto kept = in(i).subspan(part * static_cast<std::size_t>(route.group), part);
      to = std::copy(kept.begin(), kept.end(), to);
    }
  }

  void compute(const graph::Shortcut& shortcut) {
    for (std::size_t k = 0; k < out().size(); ++k) {
      float sum = 0;
      for (std::size_t i = 0; i < layer().inputs.size(); ++i) sum += in(i)[k];
      out()[k] = activated(sum, shortcut.activation);
    }
  }

  void compute(const graph::Dropout&) { std::ranges::copy(in(), out().begin()); }

  void compute(const graph::Softmax&) {  // over the channels of each pixel
    const auto channels = static_cast<std::size_t>(layer().output.channels);
    const std::size_t plane = out().size() / channels;
    for (std::size_t pixel = 0; pixel < plane; ++pixel) {
      double sum = 0;
      float most = in()[pixel];
      for (std::size_t c = 0; c < channels; ++c) most = std::max(most, in()[c * plane + pixel]);
      for (std::size_t c = 0; c < channels; ++c) {
        const double part = std::exp(static_cast<double>(in()[c * plane + pixel] - most));
        out()[c * plane + pixel] = static_cast<float>(part);
        sum += part;
      }
      for (std::size_t c = 0; c < channels; ++c) {
        out()[c * plane + pixel] = static_cast<float>(out()[c * plane + pixel] / sum);
      }
    }
  }

  // Heads have no output; run() skips them.
  void compute(const graph::Yolo&) {}
  void compute(const graph::Region&) {}

  const Network& network_;
  std::span<const float> input_;
  std::vector<std::vector<float>> maps_;
  std::size_t index_ = 0;
  ThreadPool pool_{available_processors() - 1};  // plus the caller
};

class ReferenceExecutor : public Executor {
 public:
  explicit ReferenceExecutor(Network network) : network_(std::move(network)) {}
  std::string name() const override { return "reference implementation"; }

  std::vector<std::vector<float>> run(std::span<const float> input) override {
    const std::vector<int> outputs = network_.outputs();
    std::vector<std::vector<float>> result(outputs.size());
    run_reference(network_, input, [&](int layer, std::span<const float> map) {
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (outputs[i] == layer) result[i].assign(map.begin(), map.end());
      }
    });
    return result;
  }

  std::map<std::string, std::vector<float>> run_layers(std::span<const float> input) override {
    std::map<std::string, std::vector<float>> maps;
    run_reference(network_, input, [&](int layer, std::span<const float> map) {
      maps[network_.layers[layer].name].assign(map.begin(), map.end());
    });
    return maps;
  }

 private:
  Network network_;
};

class EngineExecutor : public Executor {
 public:
  explicit EngineExecutor(const Network& network)
      : engine_(runtime::make_engine(network, {0, graph::Precision::kFloat32})),
        reference_(network) {}
  std::string name() const override { return "oko's engine"; }

  std::vector<std::vector<float>> run(std::span<const float> input) override {
    const std::vector<std::vector<detect::HeadMap>> maps = engine_->run(input, 1);
    std::vector<std::vector<float>> heads;
    for (const detect::HeadMap& map : maps.front()) heads.emplace_back(map.begin(), map.end());
    return heads;
  }
  std::map<std::string, std::vector<float>> run_layers(std::span<const float> input) override {
    return reference_.run_layers(input);
  }

 private:
  std::unique_ptr<detect::Engine> engine_;
  ReferenceExecutor reference_;
};

}  // namespace

void run_reference(const Network& network, std::span<const float> input,
                   const MapObserver& observe) {
  assert(input.size() == static_cast<std::size_t>(network.input.count()));
  Reference(network, input).run(observe);
}

std::unique_ptr<Executor> make_reference_executor(Network network) {
  return std::make_unique<ReferenceExecutor>(std::move(network));
}

std::unique_ptr<Executor> make_engine_executor(const Network& network) {
  if (network.heads().empty()) return make_reference_executor(network);
  return std::make_unique<EngineExecutor>(network);
}

}  // namespace oko::convert
