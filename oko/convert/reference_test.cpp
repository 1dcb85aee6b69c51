#include "oko/convert/reference.h"

#include <gmock/gmock.h>

#include "oko/convert/compare.h"
#include "tests/support/reference_models.h"

namespace oko::convert {
namespace {

TEST(Reference, MatchesTheHeadsOfPublishedModels) {
  if (reference::path_of("golden").empty()) {
    GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
  }
  for (const reference::GoldenModel& model : reference::golden_models()) {
    const std::string base = reference::path_of("models/darknet") + "/" + model.name;
    const graph::Network network = reference::darknet_model(base + ".cfg", base + ".weights");
    const auto input =
        reference::read_floats(reference::path_of("golden/inputs") + "/" + model.input);
    const auto plain = make_reference_executor(network)->run(input);
    const auto engine = make_engine_executor(network)->run(input);
    ASSERT_EQ(plain.size(), engine.size());
    for (std::size_t i = 0; i < plain.size(); ++i) {
      EXPECT_LT(largest_difference(plain[i], engine[i]), 1e-3F) << model.name;
    }
  }
}

TEST(Reference, RunsAClassifierAndExposesEveryOutput) {
  graph::Network network;
  network.input = {1, 2, 2};
  network.layers = {{"wide", graph::Convolution{2, 2, 1, 1}, {graph::kNetworkInput}, {}},
                    {"chances", graph::Softmax{}, {0}, {}}};
  graph::infer_shapes(network);
  network.weights["wide.kernel"] = graph::Tensor::of({1, 0, 0, 0, 0, 0, 0, 1}, {2, 1, 2, 2});
  network.weights["wide.bias"] = graph::Tensor::of({0, 0}, {2});
  const std::vector<float> input{2, 0, 0, 2};
  const auto executor = make_engine_executor(network);
  EXPECT_THAT(executor->run(input), ::testing::ElementsAre(::testing::ElementsAre(.5F, .5F)));
  EXPECT_THAT(executor->run_layers(input).at("wide"), ::testing::ElementsAre(2, 2));
}

}  // namespace
}  // namespace oko::convert
