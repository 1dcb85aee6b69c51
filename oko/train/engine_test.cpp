#include "oko/train/engine.h"

#include <gtest/gtest.h>

#include <cmath>

#include "oko/train/test_support.h"

namespace oko::train {
namespace {

std::vector<float> random_input(const graph::Network& network, int batch) {
  Random random(5);
  std::vector<float> input(static_cast<std::size_t>(network.input.count() * batch));
  for (float& v : input) v = static_cast<float>(random.uniform());
  return input;
}

std::vector<std::vector<float>> copy(const std::vector<detect::HeadMap>& maps) {
  std::vector<std::vector<float>> copies;
  for (const auto& map : maps) copies.emplace_back(map.begin(), map.end());
  return copies;
}

TEST(TorchEngine, BatchOfTwoMatchesTwoBatchesOfOne) {
  graph::Network network = tiny_network();
  fill_weights(network, 3);
  const auto engine = make_torch_engine(network, {0, "cpu"});
  const std::vector<float> input = random_input(network, 2);
  std::vector<std::vector<std::vector<float>>> together;
  for (const auto& maps : engine->run(input, 2)) together.push_back(copy(maps));
  ASSERT_EQ(together.size(), 2U);
  EXPECT_NE(together[0], together[1]);
  const std::size_t half = input.size() / 2;
  for (std::size_t i = 0; i < 2; ++i) {
    const auto alone = copy(engine->run(std::span(input).subspan(i * half, half), 1).at(0));
    ASSERT_EQ(alone.size(), 1U);
    ASSERT_EQ(alone[0].size(), 18U * 8 * 8);
    for (std::size_t k = 0; k < alone[0].size(); ++k) {
      ASSERT_NEAR(alone[0][k], together[i][0][k], 1e-5) << "image " << i << ", value " << k;
    }
  }
}

TEST(TorchEngine, DropoutIsOffAndRunsAreRepeatable) {
  graph::Network network = tiny_network(true);
  fill_weights(network, 3);
  const auto engine = make_torch_engine(network, {0, "cpu"});
  const std::vector<float> input = random_input(network, 1);
  const auto first = copy(engine->run(input, 1).at(0));
  EXPECT_EQ(copy(engine->run(input, 1).at(0)), first);
  graph::Network plain = tiny_network();  // its layer 3 is layer 4 of the one with dropout
  for (const auto& [name, tensor] : network.weights) {
    plain.weights.emplace(name.starts_with("layers.4") ? "layers.3" + name.substr(8) : name,
                          tensor);
  }
  EXPECT_EQ(copy(make_torch_engine(plain, {0, "cpu"})->run(input, 1).at(0)), first);
}

TEST(TorchEngine, NetworkWithoutWeightsIsAnInputError) {
  const Error e = error_of([] { make_torch_engine(tiny_network()); });
  EXPECT_EQ(e.code(), ErrorCode::kInput);
}

TEST(TorchEngine, NetworkThatLacksOneWeightIsAnInputError) {
  graph::Network network = tiny_network();
  fill_weights(network, 3);
  network.weights.erase("layers.1.scale");
  EXPECT_EQ(error_of([&] { make_torch_engine(network); }).code(), ErrorCode::kInput);
}

TEST(TorchEngine, UnknownDeviceIsAUsageError) {
  graph::Network network = tiny_network();
  fill_weights(network, 3);
  for (const char* device : {"gpu", "", "cuda:99", "cuda:x"}) {
    EXPECT_EQ(error_of([&] {
                make_torch_engine(network, {0, device});
              }).code(),
              ErrorCode::kUsage)
        << device;
  }
}

}  // namespace
}  // namespace oko::train
