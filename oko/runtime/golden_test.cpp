#include <gtest/gtest.h>

#include "oko/runtime/engine.h"
#include "tests/support/reference_models.h"

namespace oko::runtime {
namespace {

class Golden : public ::testing::TestWithParam<SimdTarget> {
 protected:
  void SetUp() override {
    if (reference::path_of("golden").empty()) {
      GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
    }
  }
  static std::unique_ptr<detect::Engine> make(const graph::Network& network) {
    return make_engine(network, {2, Precision::kFloat32, GetParam()});
  }
};

TEST_P(Golden, HeadsOfPublishedModelsAreWithinAThousandth) {
  for (const auto& model : reference::golden_models()) reference::expect_golden_heads(model, make);
}

TEST_P(Golden, HeadsOfSyntheticModelsAreWithinAThousandth) {
  for (const auto& model : reference::synthetic_models())
    reference::expect_golden_heads(model, make);
}

INSTANTIATE_TEST_SUITE_P(Targets, Golden,
                         ::testing::ValuesIn(simd_targets().begin(), simd_targets().end()),
                         [](const auto& test) { return std::string(name_of(test.param)); });

}  // namespace
}  // namespace oko::runtime
