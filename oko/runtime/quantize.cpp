#include "oko/runtime/quantize.h"

#include "oko/runtime/equalize.h"

namespace oko::runtime {
namespace {

using Inputs = std::span<const std::vector<std::uint8_t>>;

// Calls body(floats) for every image.
template <typename Body>
void for_inputs(Inputs inputs, const std::function<void()>& done, const Body& body) {
  std::vector<float> floats;
  for (const std::vector<std::uint8_t>& input : inputs) {
    floats.assign(input.begin(), input.end());
    for (float& v : floats) v /= 255;
    body(std::span<const float>(floats));
    done();
  }
}

}  // namespace

int passes(const QuantizeOptions& options) { return options.equalize ? 2 : 1; }

void quantize(graph::Network& network, Inputs inputs, const QuantizeOptions& options,
              const std::function<void()>& done) {
  const auto calibrated = [&](Calibrator& calibrator) {
    for_inputs(inputs, done, [&](std::span<const float> floats) { calibrator.add(floats); });
  };
  if (options.equalize) {
    Calibrator calibrator(network, options.threads);
    calibrated(calibrator);
    equalize(network, calibrator.channel_sizes());
  }
  Calibrator calibrator(network, options.threads);
  calibrated(calibrator);
  set_quantization(network, calibrator.result(options.method, options.keep));
}

}  // namespace oko::runtime
