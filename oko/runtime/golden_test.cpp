#include <gtest/gtest.h>

#include "oko/runtime/engine.h"
#include "oko/runtime/test_models.h"

namespace oko::runtime {
namespace {

class Golden : public ::testing::TestWithParam<SimdTarget> {
 protected:
  void SetUp() override {
    golden_ = reference_data("golden");
    if (golden_.empty()) GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
  }
  EngineOptions options() const { return {2, Precision::kFloat32, GetParam()}; }
  std::string golden_;
};

TEST_P(Golden, HeadsOfPublishedModelsAreWithinAThousandth) {
  for (const GoldenModel& model : golden_models()) {
    const std::string base = reference_data("models/darknet") + "/" + model.name;
    const auto engine = make_engine(darknet_model(base + ".cfg", base + ".weights"), options());
    const auto maps = engine->run(read_floats(golden_ + "/inputs/" + model.input), 1);
    const std::string picture(model.input, std::string(model.input).find('_'));
    ASSERT_EQ(maps[0].size(), model.heads.size());
    for (std::size_t h = 0; h < model.heads.size(); ++h) {
      const auto expected =
          read_floats(golden_ + "/" + model.name + "/" + picture + "_tensors/" + model.heads[h]);
      EXPECT_LT(largest_difference(maps[0][h], expected), 1e-3) << model.name << model.heads[h];
    }
  }
}

TEST_P(Golden, HeadsOfSyntheticModelsAreWithinAThousandth) {
  for (const SyntheticModel& model : synthetic_models()) {
    const std::string side = std::to_string(model.side);
    const auto engine = make_engine(synthetic_network(model), options());
    const auto maps = engine->run(
        read_floats(golden_ + "/inputs/dog_letterbox_3x" + side + "x" + side + ".f32"), 1);
    for (std::size_t h = 0; h < model.heads.size(); ++h) {
      const auto expected =
          read_floats(golden_ + "/synthetic/" + model.name + "_" + model.heads[h] + ".f32");
      EXPECT_LT(largest_difference(maps[0][h], expected), 1e-3) << model.name << model.heads[h];
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Golden,
                         ::testing::ValuesIn(simd_targets().begin(), simd_targets().end()),
                         [](const auto& test) { return std::string(name_of(test.param)); });

}  // namespace
}  // namespace oko::runtime
