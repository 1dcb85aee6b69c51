#include "oko/convert/tolerance.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "oko/base/half.h"

namespace oko::convert {
namespace {

using graph::Precision;

bool are_halves(std::span<const float> values) {
  return std::ranges::all_of(values, [](float v) { return to_float(to_half(v)) == v; });
}

// Whether a filter's values are its least one plus multiples of a step, at most 255 of them.
bool are_bytes(std::span<const float> filter) {
  const auto [least, most] = std::ranges::minmax(filter);
  for (int steps = 1; steps <= 255; ++steps) {
    const float step = (most - least) / static_cast<float>(steps);
    const auto fits = [&, first = least](float value) {
      const float place = step > 0 ? (value - first) / step : 0;
      return std::fabs(place - std::nearbyint(place)) < .02F;
    };
    if (std::ranges::all_of(filter, fits)) return true;
  }
  return false;
}

// Fewer values may be multiples of a step by chance.
constexpr std::ptrdiff_t kFewest = 64;

}  // namespace

float value_tolerance(Precision precision, bool arithmetic) {
  switch (precision) {
    case Precision::kFloat32:
      return 1e-3F;
    case Precision::kFloat16:
      return arithmetic ? 5e-2F : 2e-2F;
    case Precision::kInt8:
      break;
  }
  return .25F;
}

bool boxes_agree(const BoxAgreement& boxes, Precision precision, float threshold) {
  const int most = std::max(boxes.first, boxes.second);
  switch (precision) {
    case Precision::kFloat32:
      return boxes.best_alone <= threshold + 1e-3F && boxes.lowest_iou >= .99F &&
             boxes.score_difference <= 1e-3F;
    case Precision::kFloat16:
      return 20 * boxes.matched >= 19 * most && boxes.lowest_iou >= .8F &&
             boxes.score_difference <= .05F;
    case Precision::kInt8:
      break;
  }
  return 10 * boxes.matched >= 7 * most;
}

Precision weight_precision(const graph::Network& network) {
  bool halves = true, bytes = true, any = false;
  for (const graph::Layer& layer : network.layers) {
    const auto* convolution = std::get_if<graph::Convolution>(&layer.operation);
    const auto kernel = network.weights.find(layer.name + ".kernel");
    if (convolution == nullptr || kernel == network.weights.end()) continue;
    const std::span<const float> values = kernel->second.floats();
    halves = halves && are_halves(values);
    const auto size = static_cast<std::size_t>(std::ssize(values) / convolution->filters);
    if (std::cmp_less(size, kFewest)) continue;
    any = true;
    for (std::size_t at = 0; bytes && at + size <= values.size(); at += size) {
      bytes = are_bytes(values.subspan(at, size));
    }
    if (!halves && !bytes) return Precision::kFloat32;
  }
  return bytes && any ? Precision::kInt8 : halves ? Precision::kFloat16 : Precision::kFloat32;
}

Tolerance tolerance_between(const Runner& first, const Runner& second) {
  Tolerance tolerance;
  for (const Runner* runner : {&first, &second}) {
    const Precision arithmetic = runner->executor->arithmetic();
    if (arithmetic <= tolerance.precision) continue;
    tolerance = {arithmetic, true,
                 runner->executor->name() + " computes in " + std::string(word_of(arithmetic))};
  }
  const Precision a = weight_precision(first.network), b = weight_precision(second.network);
  if (a == b || std::max(a, b) <= tolerance.precision) return tolerance;
  return {std::max(a, b), false,
          std::string("only the ") + (a > b ? "first" : "second") + " model's weights are " +
              std::string(word_of(std::max(a, b)))};
}

}  // namespace oko::convert
