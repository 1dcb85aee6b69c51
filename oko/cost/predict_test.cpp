#include "oko/cost/predict.h"

#include <gtest/gtest.h>

#include "oko/graph/builtin.h"

namespace oko::cost {
namespace {

Workload tiny_workload() {
  Workload run;
  run.operations = operations_of(graph::make_builtin("yolov3-tiny", {}));
  run.images = 5000;
  run.val_images = 500;
  run.epochs = 10;
  return run;
}

Probe probe(double load) {
  Probe probe;
  probe.cores = 2;
  probe.train = {.2, .25, .3};
  probe.validate = {.05, .06, .07};
  probe.load = load;
  probe.judge = .001;
  return probe;
}

TEST(Predict, HereIsWhatTheProbeMeasuredForEveryEpoch) {
  const Prediction here = predict_here(tiny_workload(), probe(.01));
  EXPECT_DOUBLE_EQ(here.seconds.likely, 10 * (5000 * .25 + 500 * .06));
  EXPECT_LT(here.seconds.low, here.seconds.likely);
  EXPECT_GT(here.seconds.high, here.seconds.likely);
  EXPECT_FALSE(here.waits_for_images);
}

TEST(Predict, AGpuIsLimitedByTheCpusThatLoadImages) {
  const Gpu& gpu = *find_gpu("A100 80GB");
  const auto seconds = [&](int vcpus, double load) {
    return predict(tiny_workload(), gpu, 1, vcpus, probe(load), {});
  };
  const Prediction fast = seconds(64, .002), slow = seconds(8, .02);
  EXPECT_FALSE(fast.waits_for_images);
  EXPECT_TRUE(slow.waits_for_images);
  // 8 virtual CPUs at 1.5 times the seconds of a core here.
  EXPECT_NEAR(slow.seconds.likely, 10 * 5000 * .02 * 1.5 / 8, 10 * 500 * .003);
  EXPECT_FALSE(predict(tiny_workload(), gpu, 1, 8, {}, {}).waits_for_images);
  const Prediction unknown = seconds(0, .02);
  EXPECT_LT(unknown.seconds.low, slow.seconds.low);
  EXPECT_GT(unknown.seconds.high, slow.seconds.high);
}

TEST(Predict, AMeasurementReplacesTheEstimate) {
  const Gpu& t4 = *find_gpu("T4");
  Workload run = tiny_workload();
  run.val_images = 0;
  const Measured measured{"T4", .01};
  const Range seconds = predict(run, t4, 1, 8, {}, measured).seconds;
  EXPECT_DOUBLE_EQ(seconds.likely, 500);
  EXPECT_LT(seconds.high / seconds.low, 1.3);
}

TEST(Predict, FullPrecisionTakesLongerOnlyWhereHalfIsFaster) {
  Workload run = tiny_workload();
  const auto ratio = [&](const char* gpu) {
    run.half = true;
    const double half = predict(run, *find_gpu(gpu), 1, 8, {}, {}).seconds.likely;
    run.half = false;
    return predict(run, *find_gpu(gpu), 1, 8, {}, {}).seconds.likely / half;
  };
  EXPECT_NEAR(ratio("T4"), 2.2, .01);
  EXPECT_DOUBLE_EQ(ratio("K80"), 1);
}

TEST(Predict, SaysWhatDoesNotFit) {
  Workload run = tiny_workload();
  run.half_gb = 10;
  run.full_gb = 20;
  EXPECT_TRUE(predict(run, *find_gpu("T4"), 1, 8, {}, {}).fits);
  EXPECT_FALSE(predict(run, *find_gpu("P100"), 1, 8, {}, {}).fits);  // no 16 bits, 16 GB
  run.half = false;
  EXPECT_FALSE(predict(run, *find_gpu("T4"), 1, 8, {}, {}).fits);
}

TEST(Predict, WorkersShareTrainingAndEvaluation) {
  EXPECT_EQ(speedup(1, 1), exactly(1));
  EXPECT_NEAR(speedup(4, 4).likely, 3.88, .01);
  EXPECT_NEAR(speedup(4, 1).likely, 3.4, .01);
  Workload run = tiny_workload();
  const auto seconds = [&](int workers) {
    run.workers = workers;
    return predict(run, *find_gpu("T4"), workers, 64, {}, {}).seconds.likely;
  };
  EXPECT_NEAR(seconds(1) / seconds(4), 3.88, .01);
}

}  // namespace
}  // namespace oko::cost
