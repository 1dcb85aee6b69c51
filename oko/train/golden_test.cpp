// Training and heads against reference results of the original Darknet.
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
#include "oko/train/test_data.h"

namespace oko::train {
namespace {

graph::Network darknet_model(const std::string& cfg, const std::string& weights) {
  graph::Network network = formats::read_darknet_cfg(storage::read_text(cfg), cfg);
  formats::read_darknet_weights(storage::map(weights), weights, network);
  return network;
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  double largest = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  }
  return largest;
}

// max |a − b| / max |b|
double relative_difference(std::span<const float> a, std::span<const float> b) {
  float scale = 0;
  for (const float v : b) scale = std::max(scale, std::abs(v));
  return largest_difference(a, b) / scale;
}

class GoldenTraining : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = reference_data("golden/training");
    if (folder_.empty()) GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
    network_ = darknet_model(folder_ + "/mini-yolov3.cfg", folder_ + "/mini_start.weights");
    recipe_.loss = "darknet";
    recipe_.optimizer = "sgd";
    recipe_.precision = "fp32";
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

  // One update as Darknet makes it. Returns the network's cost before it: the mean over the heads
  // of the summed squared deltas.
  double update(TrainingStep& step, Optimizer& optimizer) {
    step.module().parameters().gradient().zero_();
    const LossParts loss = step.accumulate(batch_, 0, .5);
    optimizer.step(.001);
    return loss.total() / 2;
  }

  std::string folder_;
  graph::Network network_;
  Recipe recipe_;
  dataset::Batch batch_;
};

TEST_F(GoldenTraining, CostsAndWeightsFollowDarknetsOwnRun) {
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

TEST_F(GoldenTraining, DeltasAndGradientsOfTheFirstStepAreDarknets) {
  TrainingStep step(network_, recipe_);
  step.module().parameters().gradient().zero_();
  step.accumulate(batch_, 0, 1);
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
    for (float& v : expected) v = -v;  // Darknet keeps the direction to go
    EXPECT_LT(relative_difference(gradient_of(c.weight), expected), 1e-3) << c.file;
  }
}

TEST_F(GoldenTraining, BatchStatisticsAreDarknets) {
  const std::vector<float> mean = read_floats(folder_ + "/step0_layer0_batch_mean_8.f32");
  const std::vector<float> variance = read_floats(folder_ + "/step0_layer0_batch_variance_8.f32");
  TrainingStep step(network_, recipe_);
  step.module().statistics_momentum = 0;  // the new statistics are the batch's own
  step.accumulate(batch_, 0, 1);
  const auto weights = step.module().parameters().weights(step.module().parameters().flat());
  EXPECT_LT(relative_difference(weights.at("layers.0.mean").floats(), mean), 1e-5);
  EXPECT_LT(relative_difference(weights.at("layers.0.variance").floats(), variance), 1e-5);
}

struct Model {
  const char *name, *input, *heads[3];
};

class GoldenHeads : public ::testing::TestWithParam<Model> {};

TEST_P(GoldenHeads, RawMapsAreWithinAThousandth) {
  const std::string golden = reference_data("golden"), models = reference_data("models/darknet");
  if (golden.empty()) GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
  const Model& model = GetParam();
  const std::string base = models + "/" + model.name;
  const graph::Network network = darknet_model(base + ".cfg", base + ".weights");
  const auto engine = make_torch_engine(network, {0, "cpu"});
  const auto maps = engine->run(read_floats(golden + "/inputs/" + model.input), 1);
  const std::string picture =
      std::string(model.input).substr(0, std::string(model.input).find('_'));
  for (std::size_t h = 0; h < maps[0].size(); ++h) {
    const auto expected =
        read_floats(golden + "/" + model.name + "/" + picture + "_tensors/" + model.heads[h]);
    EXPECT_LT(largest_difference(maps[0][h], expected), 1e-3) << model.heads[h];
  }
}

INSTANTIATE_TEST_SUITE_P(
    Published, GoldenHeads,
    ::testing::Values(
        Model{"yolo-fastest-1.1",
              "dog_letterbox_3x320x320.f32",
              {"layer120_255x10x10.f32", "layer129_255x20x20.f32"}},
        Model{"yolo-fastest-1.1-xl",
              "dog_letterbox_3x320x320.f32",
              {"layer120_255x10x10.f32", "layer129_255x20x20.f32"}},
        Model{"MobileNetV2-YOLOv3-Nano-coco",
              "dog_letterbox_3x320x320.f32",
              {"layer68_255x10x10.f32", "layer78_255x20x20.f32"}},
        Model{"yoloface-500k",
              "person_letterbox_3x256x320.f32",
              {"layer64_18x16x20.f32", "layer72_18x32x40.f32", "layer80_18x64x80.f32"}},
        Model{"yoloface-50k", "person_letterbox_3x56x56.f32", {"layer32_18x7x7.f32"}}),
    [](const auto& test) {
      std::string name = test.param.name;
      std::replace_if(
          name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
      return name;
    });

// The made-up weights that the reference describes: a linear congruential generator in file order.
void fill_made_up(graph::Network& network, double gain) {
  std::uint32_t state = 12345;
  const auto next = [&] {
    state = 1664525U * state + 1013904223U;
    return static_cast<double>(state >> 8) / 16777216.0 * 2 - 1;
  };
  for (const auto& spec : graph::weight_specs(network)) {
    std::int64_t count = 1;
    for (const auto side : spec.shape) count *= side;
    std::vector<float> values(static_cast<std::size_t>(count));
    const double fan_in = static_cast<double>(count) / static_cast<double>(spec.shape[0]);
    for (float& v : values) {
      const double u = next();
      v = static_cast<float>(spec.name.ends_with(".kernel")     ? u * gain * std::sqrt(6 / fan_in)
                             : spec.name.ends_with(".scale")    ? 1 + .1 * u
                             : spec.name.ends_with(".variance") ? 1 + .5 * u
                                                                : .1 * u);
    }
    network.weights[spec.name] = graph::Tensor::of(std::move(values), spec.shape);
  }
}

TEST(GoldenSynthetic, Yolov3TinyAndYolov3HeadsAreWithinAThousandth) {
  const std::string golden = reference_data("golden"), cfgs = reference_data("models/cfg");
  if (golden.empty()) GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
  const struct {
    const char* name;
    int side;
    double gain;
    std::vector<const char*> heads;
  } cases[] = {{"yolov3-tiny", 416, 1, {"416_layer15_255x13x13", "416_layer22_255x26x26"}},
               {"yolov3",
                160,
                .75,
                {"160_layer81_255x5x5", "160_layer93_255x10x10", "160_layer105_255x20x20"}}};
  for (const auto& c : cases) {
    const std::string cfg = cfgs + "/" + c.name + ".cfg";
    graph::Network network =
        graph::resized(formats::read_darknet_cfg(storage::read_text(cfg), cfg), c.side, c.side);
    fill_made_up(network, c.gain);
    const std::string side = std::to_string(c.side);
    const auto engine = make_torch_engine(network, {0, "cpu"});
    const auto maps = engine->run(
        read_floats(golden + "/inputs/dog_letterbox_3x" + side + "x" + side + ".f32"), 1);
    for (std::size_t h = 0; h < c.heads.size(); ++h) {
      const auto expected =
          read_floats(golden + "/synthetic/" + c.name + "_" + c.heads[h] + ".f32");
      EXPECT_LT(largest_difference(maps[0][h], expected), 1e-3) << c.name << " " << c.heads[h];
    }
  }
}

}  // namespace
}  // namespace oko::train
