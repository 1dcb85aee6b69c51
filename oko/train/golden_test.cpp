// Training and heads compared with reference results of the original Darknet.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "oko/formats/darknet.h"
#include "oko/graph/oko_file.h"
#include "oko/storage/store.h"
#include "oko/train/engine.h"
#include "oko/train/module.h"
#include "oko/train/optimizer.h"
#include "oko/train/step.h"
#include "tests/support/reference_models.h"

namespace oko::train {
namespace {

using reference::darknet_model;
using reference::largest_difference;
using reference::path_of;
using reference::read_floats;

// max |a − b| / max |b|
double relative_difference(std::span<const float> a, std::span<const float> b) {
  float scale = 0;
  for (const float v : b) scale = std::max(scale, std::abs(v));
  return largest_difference(a, b) / scale;
}

class GoldenTraining : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = path_of("golden/training");
    if (folder_.empty()) GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
    network_ = darknet_model(folder_ + "/mini-yolov3.cfg", folder_ + "/mini_start.weights");
    recipe_.loss = LossKind::kDarknet;
    recipe_.optimizer = OptimizerKind::kSgd;
    recipe_.precision = ComputeType::kFloat32;
    recipe_.device = "cpu";
    batch_.size = {64, 64};
    batch_.inputs = read_floats(folder_ + "/input_2x3x64x64.f32");
    batch_.truths.resize(2);
    std::ifstream file(folder_ + "/truth.txt");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with('#')) continue;
      std::istringstream fields(line);
      std::size_t picture = 0, box = 0;
      dataset::Truth truth;
      fields >> picture >> box >> truth.class_id >> truth.x >> truth.y >> truth.width >>
          truth.height;
      batch_.truths.at(picture).push_back(truth);
    }
  }

  // One update the way Darknet does it. Returns the network's cost before it: the mean over the
  // heads of the summed squared deltas.
  double update(TrainingStep& step, Optimizer& optimizer) {
    step.module().parameters().gradient().zero_();
    const LossSums loss = step.accumulate(batch_, 0, .5, true);
    optimizer.step(.001);
    return loss.total() / 2;
  }

  std::string folder_;
  graph::Network network_;
  Recipe recipe_;
  dataset::Batch batch_;
};

TEST_F(GoldenTraining, CostsAndWeightsMatchDarknetsOwnRun) {
  TrainingStep step(network_, recipe_);
  step.module().statistics_momentum = .99;
  OptimizerOptions options{OptimizerKind::kSgd};
  options.weight_decay = 5e-4;
  Optimizer optimizer(step.module().parameters(), options);
  std::ifstream file(folder_ + "/losses.tsv");
  std::string line;
  std::getline(file, line);
  for (int updates = 0; updates < 20; ++updates) {
    int number = 0;
    double cost = 0;
    ASSERT_TRUE(file >> number >> cost);
    std::getline(file, line);
    const double ours = update(step, optimizer);
    // Late steps drift with the order of summation.
    EXPECT_NEAR(ours, cost, (updates <= 5 ? 1e-3 : 5e-2) * cost) << "before update " << updates + 1;
    const int done = updates + 1;
    if (done != 1 && done != 5 && done != 20) continue;
    graph::Network expected = network_;
    const std::string name = folder_ + "/mini_after_step" + std::to_string(done) + ".weights";
    formats::read_darknet_weights(storage::map(name), name, expected);
    const graph::Weights weights =
        step.module().parameters().weights(step.module().parameters().flat());
    for (const auto& [key, tensor] : expected.weights) {
      EXPECT_LT(relative_difference(weights.at(key).floats(), tensor.floats()),
                done <= 5 ? 1e-3 : 5e-2)
          << key << " after " << done << " updates";
    }
  }
}

TEST_F(GoldenTraining, DeltasAndGradientsOfTheFirstStepMatchDarknet) {
  TrainingStep step(network_, recipe_);
  step.module().parameters().gradient().zero_();
  step.accumulate(batch_, 0, 1, true);
  const auto gradient_of = [&](const std::string& name) {
    for (const Parameter& p : step.module().parameters().parameters()) {
      if (p.name != name) continue;
      const at::Tensor g = p.value.grad().contiguous();
      return std::vector<float>(g.data_ptr<float>(), g.data_ptr<float>() + g.numel());
    }
    ADD_FAILURE() << name;
    return std::vector<float>();
  };
  const struct {
    const char *file, *weight;
  } cases[] = {{"step0_layer0_weight_updates_8x3x3x3", "layers.0.kernel"},
               {"step0_layer0_scale_updates_8", "layers.0.scale"},
               {"step0_layer0_bias_updates_8", "layers.0.bias"},
               {"step0_layer8_weight_updates_64x32x3x3", "layers.8.kernel"},
               {"step0_layer8_bias_updates_64", "layers.8.bias"},
               {"step0_layer13_weight_updates_24x64x1x1", "layers.13.kernel"},
               {"step0_layer13_bias_updates_24", "layers.13.bias"},
               {"step0_layer16_weight_updates_16x32x1x1", "layers.16.kernel"},
               {"step0_layer16_scale_updates_16", "layers.16.scale"}};
  for (const auto& c : cases) {
    std::vector<float> expected = read_floats(folder_ + "/" + c.file + ".f32");
    for (float& v : expected) v = -v;  // Darknet stores the descent direction
    EXPECT_LT(relative_difference(gradient_of(c.weight), expected), 1e-3) << c.file;
  }
}

TEST_F(GoldenTraining, BatchStatisticsMatchDarknet) {
  const std::vector<float> mean = read_floats(folder_ + "/step0_layer0_batch_mean_8.f32");
  const std::vector<float> variance = read_floats(folder_ + "/step0_layer0_batch_variance_8.f32");
  TrainingStep step(network_, recipe_);
  step.module().statistics_momentum = 0;  // the new statistics are the batch's own
  step.accumulate(batch_, 0, 1, true);
  const auto weights = step.module().parameters().weights(step.module().parameters().flat());
  EXPECT_LT(relative_difference(weights.at("layers.0.mean").floats(), mean), 1e-5);
  EXPECT_LT(relative_difference(weights.at("layers.0.variance").floats(), variance), 1e-5);
}

class GoldenHeads : public ::testing::TestWithParam<reference::GoldenModel> {};

std::unique_ptr<detect::Engine> on_cpu(const graph::Network& network) {
  return make_torch_engine(network, {0, "cpu"});
}

TEST_P(GoldenHeads, RawOutputsAreWithinAThousandth) {
  if (path_of("golden").empty()) {
    GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
  }
  reference::expect_golden_heads(GetParam(), on_cpu);
}

INSTANTIATE_TEST_SUITE_P(Published, GoldenHeads, ::testing::ValuesIn(reference::golden_models()),
                         [](const auto& test) {
                           std::string name = test.param.name;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return !std::isalnum(c); },
                               '_');
                           return name;
                         });

TEST(GoldenSynthetic, Yolov3TinyAndYolov3HeadsAreWithinAThousandth) {
  if (path_of("golden").empty()) {
    GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
  }
  for (const auto& model : reference::synthetic_models()) {
    reference::expect_golden_heads(model, on_cpu);
  }
}

}  // namespace
}  // namespace oko::train
