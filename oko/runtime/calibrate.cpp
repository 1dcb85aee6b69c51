#include "oko/runtime/calibrate.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

#include "oko/base/error.h"
#include "oko/runtime/executor.h"
#include "oko/runtime/histogram.h"
#include "oko/runtime/map_scales.h"
#include "oko/runtime/steps.h"

namespace oko::runtime {
namespace {

Range range_of(const Histogram& histogram, Calibration method, double keep) {
  switch (method) {
    case Calibration::kMinMax:
      return histogram.min_max();
    case Calibration::kPercentile:
      return histogram.percentile(keep);
    case Calibration::kDivergence:
      return histogram.least_divergence();
  }
  return {};
}

float size_of(const Range& range) { return std::max(-range.low, range.high); }

}  // namespace

struct Calibrator::State {
  struct Seen {
    Histogram output;
    std::vector<Histogram> points;  // empty, or kPoints8
    std::vector<float> channels;    // largest magnitudes
  };

  State(const graph::Network& network, int threads)
      : executor(Model::make(network, {Precision::kFloat32, best_simd_target()}), threads) {}

  const std::string& name_of_layer(int layer) const {
    return executor.model().network().layers[layer].name;
  }

  void add_numbers(Histogram& histogram, std::span<const float> values, int layer) const {
    const bool fine = std::all_of(values.begin(), values.end(),
                                  [](float v) { return std::fabs(v) < Histogram::kLimit; });
    if (!fine) {
      const graph::Network& network = executor.model().network();
      throw input_error(graph::place_of(network, static_cast<std::size_t>(layer)),
                        "produces values that are not finite or are too large",
                        "use a checkpoint from before the training diverged");
    }
    histogram.add(values);
  }

  void observe(const Step& step, const StepContext& context) {
    const graph::Layer& layer = executor.model().network().layers[step.layer];
    std::visit(
        [&]<typename T>(const T& work) {
          if constexpr (std::is_same_v<T, ConvolutionStep>) {
            observe(work, step.layer, context);
          } else if constexpr (requires { work.in, work.out; }) {
            if (keeps_bytes(layer.operation)) return;  // they are its inputs'
            add_map(seen[layer.name].output, work.out, step.layer, context);
            if (const auto* shortcut = std::get_if<graph::Shortcut>(&layer.operation)) {
              add_channels(seen[layer.name].channels, work.out, shortcut->activation, context);
            }
          }
        },
        step.work);
  }

  // `layer` is the last of those that the step computes.
  void observe(const ConvolutionStep& step, int layer, const StepContext& context) {
    Seen& own = seen[name_of_layer(step.layer)];
    const graph::Convolution& c = step.convolution;
    const bool may_transform = c.size == 3 && c.stride == 1 && c.groups == 1;
    if (may_transform && step.in.buffer >= 0) add_points(own, step, context);
    const Map& map = step.out ? *step.out : *step.pooled;
    add_map(own.output, map, step.layer, context);
    add_channels(own.channels, map, c.activation, context);
    if (step.residual) {
      Seen& sum = seen[name_of_layer(layer)];
      sum.output = own.output;
      sum.channels = own.channels;
    }
  }

  void add_map(Histogram& histogram, const Map& map, int layer, const StepContext& context) const {
    const View<const float> view = context.read<float>(map);
    for (int y = 0; y < view.height; ++y) {
      for (int x = 0; x < view.width; ++x) {
        add_numbers(histogram, {view.at(y, x), static_cast<std::size_t>(view.channels)}, layer);
      }
    }
  }

  // Before leaky, negative values were ten times as large. Engines that also quantize that tensor,
  // such as TensorFlow Lite, need its channels equalized too: a factor of four is best for both
  // (yolo-fastest-1.1 on 192 COCO images: mAP50 .295 in this engine, .287 without).
  static void add_channels(std::vector<float>& sizes, const Map& map, graph::Activation activation,
                           const StepContext& context) {
    const View<const float> view = context.read<float>(map);
    const float below = activation == graph::Activation::kLeaky ? 4 : 1;
    sizes.resize(static_cast<std::size_t>(view.channels));
    for (int y = 0; y < view.height; ++y) {
      for (int x = 0; x < view.width; ++x) {
        const float* from = view.at(y, x);
        for (std::size_t c = 0; c < sizes.size(); ++c) {
          sizes[c] = std::max({sizes[c], from[c], -below * from[c]});
        }
      }
    }
  }

  // What the int8 kernels will see: the same transform, in floats.
  void add_points(Seen& to, const ConvolutionStep& step, const StepContext& context) const {
    const View<const float> in = context.read<float>(step.in);
    const graph::Padding& padding = step.convolution.padding;
    to.points.resize(kPoints8);
    std::array<std::vector<float>, kPoints8> points;
    for (auto& point : points) point.resize(static_cast<std::size_t>(in.channels));
    for (int top = -padding.top; top < step.output.height - padding.top; top += kTile8) {
      for (int left = -padding.left; left < step.output.width - padding.left; left += kTile8) {
        for (int c = 0; c < in.channels; ++c) transform_patch(in, top, left, c, points);
        for (std::size_t p = 0; p < kPoints8; ++p) add_numbers(to.points[p], points[p], step.layer);
      }
    }
  }

  static void transform_patch(const View<const float>& in, int top, int left, int c,
                              std::array<std::vector<float>, kPoints8>& points) {
    const auto pass = [](const float d[kPatch8], float out[kPatch8]) {
      out[0] = d[0] - d[2];
      out[1] = d[1] + d[2];
      out[2] = d[2] - d[1];
      out[3] = d[1] - d[3];
    };
    float rows[kPatch8][kPatch8];  // [point of x][y]
    for (int y = 0; y < kPatch8; ++y) {
      float pixels[kPatch8], out[kPatch8];
      for (int x = 0; x < kPatch8; ++x) {
        const bool there =
            top + y >= 0 && top + y < in.height && left + x >= 0 && left + x < in.width;
        pixels[x] = there ? in.at(top + y, left + x)[c] : 0;
      }
      pass(pixels, out);
      for (int x = 0; x < kPatch8; ++x) rows[x][y] = out[x];
    }
    for (std::size_t x = 0; x < kPatch8; ++x) {
      float out[kPatch8];
      pass(rows[x], out);
      for (std::size_t y = 0; y < kPatch8; ++y) {
        points[y * kPatch8 + x][c] = out[y];
      }
    }
  }

  Executor executor;
  std::map<std::string, Seen> seen;
  int pictures = 0;
};

Calibrator::Calibrator(const graph::Network& network, int threads)
    : state_(std::make_unique<State>(network, threads)) {}
Calibrator::~Calibrator() = default;

void Calibrator::add(std::span<const float> input) {
  assert(input.size() == state_->executor.input().size());
  std::copy(input.begin(), input.end(), state_->executor.input().begin());
  state_->executor.run(
      [&](const Step& step, const StepContext& context) { state_->observe(step, context); });
  ++state_->pictures;
}

ChannelSizes Calibrator::channel_sizes() const {
  ChannelSizes sizes;
  for (const auto& [name, seen] : state_->seen) {
    if (!seen.channels.empty()) sizes[name] = seen.channels;
  }
  return sizes;
}

Quantization Calibrator::result(Calibration method, double keep) const {
  Quantization quantization;
  quantization.method = word_of(method);
  quantization.pictures = state_->pictures;
  for (const auto& [name, seen] : state_->seen) {
    LayerRange& layer = quantization.layers[name];
    layer.output = range_of(seen.output, method, keep);
    for (const Histogram& point : seen.points) {
      layer.points.push_back(size_of(range_of(point, method, keep)));
    }
  }
  return quantization;
}

}  // namespace oko::runtime
