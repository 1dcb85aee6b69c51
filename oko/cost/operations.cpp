#include "oko/cost/operations.h"

#include <variant>

#include "oko/graph/cost.h"

namespace oko::cost {
namespace {

constexpr Operations kResNet50{4.087, 11.114, 53}, kSsd300{20.156, 31.343, 65};

// NVIDIA's own programs train 1.3 to 1.6 times as many images a second as Lambda's on the same A100
// and V100 (DeepLearningExamples 729963dd; deeplearning-benchmark 0551cb70).
constexpr double kFastest = 1.6, kSlowest = 2;
// The ratio of A100 to V100: 1.90 and 2.06 (ResNet-50), 2.00 and 2.44 (SSD300) in those two.
constexpr double kRatioSpread = 1.25, kRepeatSpread = 1.1;

// Assumed, not measured: what the host needs for a convolution with batch norm and activation,
// forward, backward and in the optimizer, about 15 kernels of 5 to 10 µs. It matters for small
// networks in small batches.
constexpr Range kLaunchSeconds{50e-6, 100e-6, 200e-6};

double work_seconds(const Operations& operations, const Gpu& gpu) {
  const Speed speed = speed_of(gpu);
  return operations.gmac * speed.seconds_per_gmac + operations.values * speed.seconds_per_value;
}

Range launch_seconds(const Operations& operations, int batch) {
  return kLaunchSeconds * (static_cast<double>(operations.convolutions) / batch);
}

}  // namespace

Operations operations_of(const graph::Network& network) {
  Operations operations;
  operations.gmac = graph::total_cost(network).flop / 2e9;
  for (const graph::Layer& layer : network.layers) {
    if (!std::holds_alternative<graph::Convolution>(layer.operation)) continue;
    operations.values += static_cast<double>(layer.output.count()) / 1e6;
    ++operations.convolutions;
  }
  return operations;
}

Speed speed_of(const Gpu& gpu) {
  const double resnet = 1 / gpu.resnet50, ssd = 1 / gpu.ssd300;
  const double determinant = kResNet50.gmac * kSsd300.values - kSsd300.gmac * kResNet50.values;
  return {(resnet * kSsd300.values - ssd * kResNet50.values) / determinant,
          (ssd * kResNet50.gmac - resnet * kSsd300.gmac) / determinant};
}

Range seconds_per_image(const Operations& operations, const Gpu& gpu, int batch) {
  const double work = work_seconds(operations, gpu);
  return Range{work / kFastest, work, work * kSlowest} * within_factor(1, gpu.spread) +
         launch_seconds(operations, batch);
}

Range seconds_per_image(const Operations& operations, const Gpu& gpu, const Gpu& on,
                        double measured_seconds, int batch) {
  if (gpu.name == on.name) return within_factor(measured_seconds, kRepeatSpread);
  const Range launch = launch_seconds(operations, batch);
  // Launches cost the same on both; only the rest is scaled.
  const double rest = measured_seconds > launch.likely ? measured_seconds - launch.likely : 0;
  const double ratio = work_seconds(operations, gpu) / work_seconds(operations, on);
  return within_factor(rest * ratio, kRatioSpread * gpu.spread * on.spread) + launch;
}

}  // namespace oko::cost
