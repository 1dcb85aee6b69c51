#include "oko/convert/ncnn/ncnn.h"

#include <gmock/gmock.h>

#include "oko/convert/compare.h"
#include "oko/formats/ncnn.h"
#include "oko/graph/fold.h"
#include "oko/runtime/engine.h"
#include "tests/support/reference_models.h"

namespace oko::convert {
namespace {

// An engine for expect_golden_heads().
struct Runner {
  std::unique_ptr<Executor> executor;
  std::vector<std::vector<std::vector<float>>> run(std::span<const float> input, int) {
    return {executor->run(input)};
  }
};

class NcnnTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (reference::path_of("golden").empty()) {
      GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
    }
    std::string why;
    if (make(reference::darknet_model(face() + ".cfg", face() + ".weights"), &why) == nullptr) {
      GTEST_SKIP() << why;
    }
  }
  static std::string face() { return reference::path_of("models/darknet/") + "yoloface-50k"; }
  static std::unique_ptr<Executor> make(const graph::Network& network, std::string* why = nullptr) {
    return make_ncnn(formats::write_ncnn(network, {}, "m"), network, why);
  }
  static std::unique_ptr<Runner> runner(const graph::Network& network) {
    return std::make_unique<Runner>(Runner{make(network)});
  }
};

TEST_F(NcnnTest, MatchesTheHeadsOfPublishedModels) {
  for (const auto& model : reference::golden_models())
    reference::expect_golden_heads(model, runner);
}

TEST_F(NcnnTest, MatchesTheHeadsOfTheLargerNetworks) {
  for (const auto& model : reference::synthetic_models())
    reference::expect_golden_heads(model, runner);
}

TEST_F(NcnnTest, ExposesLayerOutputs) {
  const graph::Network network = reference::darknet_model(face() + ".cfg", face() + ".weights");
  const std::vector<float> input =
      reference::read_floats(reference::path_of("golden") + "/inputs/person_letterbox_3x56x56.f32");
  const auto executor = make(network);
  EXPECT_THAT(executor->name(), ::testing::StartsWith("ncnn "));
  const auto maps = executor->run_layers(input);
  const graph::Network plain = graph::inference_form(network);
  EXPECT_GT(maps.size(), plain.layers.size() - 3);  // all but the head and its input
  for (const graph::Layer& layer : plain.layers) {
    const auto found = maps.find(layer.name);
    if (found == maps.end()) continue;
    EXPECT_EQ(found->second.size(), static_cast<std::size_t>(layer.output.count())) << layer.name;
  }
}

}  // namespace
}  // namespace oko::convert
