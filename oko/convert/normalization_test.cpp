#include "oko/convert/normalization.h"

#include <gtest/gtest.h>

#include "oko/convert/compare.h"
#include "oko/convert/reference.h"
#include "oko/runtime/test_weights.h"

namespace oko::convert {
namespace {

TEST(Normalization, MovesIntoTheNetwork) {
  graph::Network network;
  network.input = {3, 8, 8};
  network.preprocess.mean = {.4F, .5F, .6F};
  network.preprocess.scale = {4, 5, 6};
  network.layers = {{"normalize", graph::Convolution{4, 3, 2, 1, graph::Padding::all(1)}, {-1}, {}},
                    {"sum", graph::Route{}, {0, 0}, {}},
                    {"first", graph::MaxPool{}, {-1}, {}}};
  network.raw_outputs = {{1, "a"}, {2, "b"}};
  network = runtime::with_weights(network, 3);
  const graph::Network plain = with_normalization_layer(network);
  EXPECT_FALSE(plain.preprocess.normalizes());
  EXPECT_EQ(plain.layers.size(), 4U);

  const std::vector<float> pixels = runtime::random_numbers(3 * 64, 5);
  std::vector<float> normalized = pixels;
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    normalized[i] = network.preprocess.normalized(pixels[i], static_cast<int>(i / 64));
  }
  const auto expected = make_reference_executor(network)->run(normalized);
  for (const auto& executor : {make_reference_executor(plain), make_engine_executor(plain)}) {
    const auto found = executor->run(pixels);
    ASSERT_EQ(found.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_LT(largest_difference(found[i], expected[i]), 1e-4);
  }
}

}  // namespace
}  // namespace oko::convert
