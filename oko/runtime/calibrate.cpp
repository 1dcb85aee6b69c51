#include "oko/runtime/calibrate.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "oko/runtime/executor.h"
#include "oko/runtime/histogram.h"
#include "oko/runtime/steps.h"
#include "oko/runtime/tiling.h"

namespace oko::runtime {
namespace {

constexpr std::array<const char*, 3> kNames{"min-max", "percentile", "kl"};

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

const char* name_of(Calibration method) { return kNames[static_cast<std::size_t>(method)]; }

std::optional<Calibration> calibration_named(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Calibration>(found - kNames.begin());
}

struct Calibrator::State {
  struct Seen {
    Histogram output;
    std::vector<Histogram> points;  // empty, or kPoints
  };

  State(const graph::Network& network, int threads)
      : executor(Model::make(network, {Precision::kFloat32, best_simd_target()}), threads) {}

  const std::string& name_of_layer(int layer) const {
    return executor.model().network().layers[static_cast<std::size_t>(layer)].name;
  }

  void observe(const Step& step, const StepContext& context) {
    if (const auto* c = std::get_if<ConvolutionStep>(&step.work)) {
      Seen& own = seen[name_of_layer(c->layer)];
      const Map& map = c->out ? *c->out : *c->pooled;
      add_map(own.output, map, context);
      if (c->residual) seen[name_of_layer(step.layer)].output = own.output;
      if (c->algorithm == Algorithm::kWinograd) add_points(own, *c, context);
    } else if (const auto* sum = std::get_if<AddStep>(&step.work)) {
      add_map(seen[name_of_layer(step.layer)].output, sum->out, context);
    } else if (const auto* average = std::get_if<AverageStep>(&step.work)) {
      add_map(seen[name_of_layer(step.layer)].output, average->out, context);
    } else if (const auto* softmax = std::get_if<SoftmaxStep>(&step.work)) {
      add_map(seen[name_of_layer(step.layer)].output, softmax->out, context);
    }
  }

  static void add_map(Histogram& histogram, const Map& map, const StepContext& context) {
    const View<const float> view = context.read<float>(map);
    for (int y = 0; y < view.height; ++y) {
      for (int x = 0; x < view.width; ++x) {
        histogram.add({view.at(y, x), static_cast<std::size_t>(view.channels)});
      }
    }
  }

  void add_points(Seen& to, const ConvolutionStep& step, const StepContext& context) {
    const WinogradTiling tiling = winograd_tiling(step, block_of(step, context.plan.target));
    to.points.resize(kPoints);
    std::vector<float> v(static_cast<std::size_t>(tiling.v_row) * kPoints + kSlack);
    WinogradInput call;
    call.in = context.read<float>(step.in);
    call.pad_top = step.convolution.padding.top;
    call.pad_left = step.convolution.padding.left;
    call.tiles_across = tiling.across;
    call.tile_count = 1;
    call.v = v.data();
    call.v_row = call.v_point = tiling.v_row;
    for (int tile = 0; tile < tiling.tiles; ++tile) {
      call.first_tile = tile;
      context.kernels.winograd_input(call);
      for (std::size_t p = 0; p < kPoints; ++p) {
        const float* from = v.data() + static_cast<std::ptrdiff_t>(p) * tiling.v_row;
        to.points[p].add({from, static_cast<std::size_t>(call.in.channels)});
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
  std::copy(input.begin(), input.end(), state_->executor.input().begin());
  state_->executor.run(
      [&](const Step& step, const StepContext& context) { state_->observe(step, context); });
  ++state_->pictures;
}

Quantization Calibrator::result(Calibration method, double keep) const {
  Quantization quantization;
  quantization.method = name_of(method);
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
