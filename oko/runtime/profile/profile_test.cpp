#include "oko/runtime/profile/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "oko/base/error.h"
#include "oko/graph/builtin.h"
#include "oko/graph/synthetic.h"
#include "oko/runtime/executor.h"
#include "oko/runtime/profile/peak.h"

namespace oko::runtime {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::HasSubstr;
using ::testing::Le;

// A built-in network at a size that runs quickly, with random weights.
graph::Network small_network(const char* name = "yolov3-tiny") {
  graph::Network network = graph::make_builtin(name, {.classes = 2, .width = 64, .height = 64});
  graph::fill_synthetic_weights(network);
  return network;
}

Profile small_profile(const graph::Network& network, const ProfileOptions& options) {
  NoProgress progress;
  return profile(network, synthetic_image(network), options, progress);
}

TEST(ProfileSteps, EveryStepOfThePlanIsTimed) {
  const graph::Network network = small_network();
  const Profile profile = small_profile(network, {.threads = 2, .rounds = 3});
  const auto plan = make_plan(network, {});
  ASSERT_EQ(profile.steps.size(), plan.steps.size());
  EXPECT_EQ(profile.rounds, 3);
  double shares = 0, fastest = 0, flop = 0;
  for (const StepProfile& step : profile.steps) {
    EXPECT_GT(step.fastest, 0) << step.work;
    EXPECT_LE(step.fastest, step.median) << step.work;
    shares += step.share;
    fastest += step.fastest;
    flop += step.flop;
  }
  EXPECT_NEAR(shares, 1, 1e-9);
  EXPECT_NEAR(profile.steps.front().share, profile.steps.front().fastest / fastest, 1e-9);
  EXPECT_DOUBLE_EQ(profile.flop, flop);
  EXPECT_LE(profile.fastest, profile.median);
  EXPECT_NEAR(profile.steps_fastest, fastest, 1e-12);
  EXPECT_LE(profile.steps_fastest, profile.fastest * (1 + 1e-9));
}

// 3x3 over 3 channels to 16 filters of 64x64, pooled in the same step.
TEST(ProfileSteps, FusedLayersShareALine) {
  const Profile profile = small_profile(small_network(), {.rounds = 1});
  const StepProfile& first = profile.steps.front();
  EXPECT_EQ(first.layers, "0+1");
  EXPECT_EQ(first.in, (graph::Shape{3, 64, 64}));
  EXPECT_THAT(first.out, ElementsAre(graph::Shape{16, 32, 32}));
  EXPECT_DOUBLE_EQ(first.flop, 2. * 9 * 3 * 16 * 64 * 64);
  // Layer 8's output is both concatenated with another one and pooled.
  for (const StepProfile& step : profile.steps) {
    if (step.layers != "8+9") continue;
    EXPECT_THAT(step.out, ElementsAre(graph::Shape{256, 4, 4}, graph::Shape{256, 2, 2}));
    return;
  }
  FAIL() << "no step makes layers 8 and 9";
}

TEST(ProfileSteps, MemoryMatchesThePlan) {
  const graph::Network network = small_network();
  const Profile profile = small_profile(network, {.threads = 2, .rounds = 1});
  const auto plan = make_plan(network, {});
  EXPECT_EQ(profile.weight_bytes, plan.weight_bytes);
  EXPECT_EQ(profile.map_bytes, plan.arena_bytes);
  EXPECT_EQ(profile.scratch_bytes, plan.shared_bytes + 2 * plan.thread_bytes);
  // The input, and heads of 3 · (5 + 2) channels at strides 32 and 16.
  EXPECT_EQ(profile.border_bytes, 4U * (3 * 64 * 64 + 21 * (2 * 2 + 4 * 4)));
}

TEST(ProfileSteps, EveryTargetAndPrecisionRuns) {
  graph::Network network = small_network("yolo-fastest");
  quantize_on(network, synthetic_image(network), 1);
  for (const SimdTarget target : simd_targets()) {
    for (const auto precision : {Precision::kFloat32, Precision::kFloat16, Precision::kInt8}) {
      const Profile profile =
          small_profile(network, {.model = {precision, target}, .threads = 1, .rounds = 1});
      EXPECT_EQ(profile.target, target);
      EXPECT_EQ(profile.precision, precision);
      const bool plain = target == SimdTarget::kScalar ||
                         (target == SimdTarget::kSse4 && precision == Precision::kInt8);
      EXPECT_EQ(profile.peak > 0, !plain) << name_of(target);
    }
  }
}

// Values that overflowed or vanished on the way would be slower or faster than real ones.
TEST(RandomWeights, KeepValuesInRange) {
  const graph::Network network = small_network();
  Executor executor(Model::make(network, {}), 1);
  const std::vector<float> input = synthetic_image(network);
  EXPECT_THAT(input, Each(AllOf(testing::Ge(0.F), Le(1.F))));
  std::copy(input.begin(), input.end(), executor.input().begin());
  executor.run();
  for (const detect::HeadMap& head : executor.heads()) {
    double squares = 0;
    for (const float v : head) squares += static_cast<double>(v) * v;
    const double size = std::sqrt(squares / static_cast<double>(head.size()));
    EXPECT_THAT(size, AllOf(Gt(1e-3), Le(1e3)));
  }
}

TEST(PeakOfMachine, IsHigherForInt8) {
  const SimdTarget target = best_simd_target();
  Peak floats(target, false, 1), bytes(target, true, 1), scalar(SimdTarget::kScalar, false, 1);
  EXPECT_EQ(floats.operations(), 0);
  for (Peak* peak : {&floats, &bytes, &scalar}) peak->measure();
  EXPECT_GT(floats.operations(), 1e8);  // a machine from this century
  EXPECT_GT(bytes.operations(), 1e8);
  EXPECT_EQ(scalar.operations(), 0);
}

// A network that has weights keeps them, and its own ranges or none.
TEST(ProfileSteps, Int8NeedsAQuantizedModel) {
  const graph::Network network = small_network();
  NoProgress progress;
  try {
    profile(network, synthetic_image(network),
            {.model = {Precision::kInt8, best_simd_target()}, .rounds = 1}, progress);
    FAIL() << "no error was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.hint(), HasSubstr("oko quantize"));
  }
}

}  // namespace
}  // namespace oko::runtime
