#include <gtest/gtest.h>

#include <algorithm>

#include "oko/runtime/executor.h"
#include "oko/runtime/quantize.h"
#include "oko/runtime/test_networks.h"

namespace oko::runtime {
namespace {

#if defined(__x86_64__)
constexpr int kRandomNetworks = 60;
#else
constexpr int kRandomNetworks = 15;  // an emulator runs them
#endif

using Heads = std::vector<std::vector<float>>;

Heads heads_of(const graph::Network& network, const ModelOptions& options, int threads,
               std::span<const float> input) {
  Executor executor(Model::make(network, options), threads);
  std::copy(input.begin(), input.end(), executor.input().begin());
  executor.run();
  Heads heads;
  for (const auto head : executor.heads()) heads.emplace_back(head.begin(), head.end());
  return heads;
}

// The norm of the difference relative to the norm of the expected values.
double relative_error(std::span<const float> found, std::span<const float> expected) {
  if (found.size() != expected.size()) return INFINITY;
  double difference = 0, length = 1e-12;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double d = static_cast<double>(found[i]) - static_cast<double>(expected[i]);
    difference += d * d;
    length += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
  }
  return std::sqrt(difference / length);
}
double largest_error(const Heads& found, const Heads& expected) {
  double most = 0;
  for (std::size_t h = 0; h < expected.size(); ++h) {
    const double error = relative_error(found.at(h), expected[h]);
    if (!(error <= most)) most = error;
  }
  return most;
}

std::vector<std::uint8_t> random_picture(const graph::Network& network, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::uint8_t> picture(static_cast<std::size_t>(network.input.count()));
  for (auto& v : picture) v = static_cast<std::uint8_t>(random.below(256));
  return picture;
}
std::vector<float> floats_of(std::span<const std::uint8_t> picture) {
  std::vector<float> floats(picture.begin(), picture.end());
  for (float& v : floats) v /= 255;
  return floats;
}

graph::Network quantized(graph::Network network) {
  const std::vector pictures{random_picture(network, 1), random_picture(network, 2),
                             random_picture(network, 3)};
  quantize(network, pictures, {}, [] {});
  return network;
}

// An int8 step is 1/255 of its tensor's range, so the rounding error is about 1 % of typical
// values; some ten tensors and kernels in sequence, with independent errors, make three times that.
// The most measured on these networks was 16 %, in one that has maps of five channels.
constexpr double kMostOfBytes = .2;
// Errors of factors add up.
constexpr double kMostOfProducts = .25;
// Targets differ for values next to a rounding tie: one step in few values.
constexpr double kMostBetweenTargets = .01;
// A float16 step is 2^-11 of a weight.
constexpr double kMostOfHalves = 3e-3;

class Networks8 : public ::testing::TestWithParam<SimdTarget> {
 protected:
  void expect_close(const graph::Network& network) const {
    const auto input = floats_of(random_picture(network, 4));
    const auto run = [&](const graph::Network& of, Precision precision, SimdTarget target) {
      return heads_of(of, {precision, target}, 2, input);
    };
    const Heads floats = run(network, Precision::kFloat32, SimdTarget::kScalar);
    const Heads halves = run(network, Precision::kFloat16, GetParam());
    EXPECT_LT(largest_error(halves, floats), kMostOfHalves);
    const graph::Network measured = quantized(network);
    const Heads bytes = run(measured, Precision::kInt8, GetParam());
    const bool multiplies = std::ranges::any_of(network.layers, [](const graph::Layer& layer) {
      return std::holds_alternative<graph::Product>(layer.operation);
    });
    EXPECT_LT(largest_error(bytes, floats), multiplies ? kMostOfProducts : kMostOfBytes);
    const Heads plain = run(measured, Precision::kInt8, SimdTarget::kScalar);
    EXPECT_LT(largest_error(bytes, plain), kMostBetweenTargets);
  }
};

TEST_P(Networks8, FusedAndConcatenatedLayersAreCloseToFloat32) {
  for (const auto& [name, network] : fused_networks()) {
    SCOPED_TRACE(name);
    expect_close(network);
  }
}

TEST_P(Networks8, RandomLayersAreCloseToFloat32) {
  for (int seed = 1; seed <= kRandomNetworks; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_close(random_network(static_cast<std::uint64_t>(seed)));
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Networks8,
                         ::testing::ValuesIn(tested_targets().begin(), tested_targets().end()),
                         [](const auto& test) { return std::string(name_of(test.param)); });

}  // namespace
}  // namespace oko::runtime
