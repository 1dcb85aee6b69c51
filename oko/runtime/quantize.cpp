#include "oko/runtime/quantize.h"

#include <array>
#include <cassert>

#include "oko/runtime/equalize.h"

namespace oko::runtime {
namespace {

constexpr std::size_t kPlanes = 3;  // letterbox() makes no others
using Inputs = std::span<const std::vector<std::uint8_t>>;

// What each byte of each plane becomes.
std::array<std::array<float, 256>, kPlanes> input_values(const image::Preprocess& preprocess) {
  std::array<std::array<float, 256>, kPlanes> values{};
  for (int c = 0; c < int{kPlanes}; ++c) {
    for (int byte = 0; byte < 256; ++byte) {
      values[c][byte] = preprocess.normalized(static_cast<float>(byte) / 255, c);
    }
  }
  return values;
}

// Calls body(floats) for every image.
template <typename Body>
void for_inputs(const graph::Network& network, Inputs inputs, const std::function<void()>& done,
                const Body& body) {
  assert(network.input.channels == int{kPlanes});
  const auto values = input_values(network.preprocess);
  std::vector<float> floats(static_cast<std::size_t>(network.input.count()));
  const std::size_t plane = floats.size() / kPlanes;
  for (const std::vector<std::uint8_t>& input : inputs) {
    assert(input.size() == floats.size());
    for (std::size_t i = 0; i < floats.size(); ++i) floats[i] = values[i / plane][input[i]];
    body(std::span<const float>(floats));
    done();
  }
}

}  // namespace

int passes(const QuantizeOptions& options) { return options.equalize ? 2 : 1; }

void quantize(graph::Network& network, Inputs inputs, const QuantizeOptions& options,
              const std::function<void()>& done) {
  const auto calibrated = [&](Calibrator& calibrator) {
    for_inputs(network, inputs, done,
               [&](std::span<const float> floats) { calibrator.add(floats); });
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
