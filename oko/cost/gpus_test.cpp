#include "oko/cost/gpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"
#include "oko/cost/operations.h"
#include "oko/graph/builtin.h"

namespace oko::cost {
namespace {

using ::testing::HasSubstr;

const std::string kHead =
    "gpu,aliases,memory_gb,half,ssd300,resnet50,spread,basis,source,commit,read\n";

void expect_refused(const std::string& row, const std::string& what) {
  try {
    parse_gpus(kHead + row + "\n", "g.csv");
    ADD_FAILURE() << row;
  } catch (const Error& e) {
    EXPECT_THAT(e.place(), HasSubstr("g.csv:")) << row;
    EXPECT_THAT(e.message(), HasSubstr(what)) << row;
  }
}

TEST(Gpus, AreFoundUnderTheNamesThatCloudsUse) {
  for (const auto& [name, gpu] :
       std::vector<std::pair<std::string, std::string>>{{"t4", "T4"},
                                                        {"NVIDIA_TESLA_T4", "T4"},
                                                        {"nvidia-l4", "L4"},
                                                        {"NVIDIA_A100_80GB", "A100 80GB"},
                                                        {"a100-80", "A100 80GB"},
                                                        {"NVIDIA_TESLA_A100", "A100 40GB"},
                                                        {"nvidia-h100-80gb", "H100"},
                                                        {"NVIDIA GeForce RTX 4090", "RTX 4090"},
                                                        {"rtx4090", "RTX 4090"}}) {
    ASSERT_NE(find_gpu(name), nullptr) << name;
    EXPECT_EQ(find_gpu(name)->name, gpu) << name;
  }
  EXPECT_EQ(find_gpu("TPU v5e"), nullptr);
  EXPECT_EQ(find_gpu(""), nullptr);
  try {
    gpu_named("RTX 4091", "--on");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUsage);
    EXPECT_THAT(e.hint(), HasSubstr("RTX 4090"));
  }
}

TEST(Gpus, ThatCannotBeRightAreRefused) {
  expect_refused("X,,16,yes,0,300,1.1,benchmark,s,-,2026-11-29", "ssd300 \"0\"");
  expect_refused("X,,16,yes,100,200,1.1,benchmark,s,-,2026-11-29", "does not fit ssd300");
  expect_refused("X,,16,yes,100,500,1.1,benchmark,s,-,2026-11-29", "does not fit ssd300");
  expect_refused("X,,16,yes,100,350,.5,benchmark,s,-,2026-11-29", "spread \".5\"");
  expect_refused("X,,16,yes,100,350,1.1,guess,s,-,2026-11-29", "basis \"guess\"");
  expect_refused("X,,16,yes,100,350,1.1,benchmark,,-,2026-11-29", "source is empty");
  expect_refused(
      "X,,16,yes,100,350,1,benchmark,s,-,2026-11-29\n"
      "Y,x,16,yes,100,350,1,benchmark,s,-,2026-11-29",
      "listed twice");
}

// The model returns what it was made from: half of it counted, half of it measured.
TEST(Operations, OfTheBenchmarksNetworksTakeTheBenchmarksTime) {
  for (const Gpu& gpu : gpus()) {
    EXPECT_GT(speed_of(gpu).seconds_per_gmac, 0) << gpu.name;
    EXPECT_GT(speed_of(gpu).seconds_per_value, 0) << gpu.name;
    const Operations resnet{4.087, 11.114, 0}, ssd{20.156, 31.343, 0};
    EXPECT_NEAR(seconds_per_image(resnet, gpu, 16).likely * gpu.resnet50, 1, 1e-9) << gpu.name;
    EXPECT_NEAR(seconds_per_image(ssd, gpu, 16).likely * gpu.ssd300, 1, 1e-9) << gpu.name;
  }
}

TEST(Operations, AreThoseOfTheNetwork) {
  const auto tiny = operations_of(graph::make_builtin("yolov3-tiny", {}));
  EXPECT_NEAR(tiny.gmac, 2.78, .01);  // Darknet: 5.571 BFLOPs
  EXPECT_EQ(tiny.convolutions, 13);
  const auto full = operations_of(graph::make_builtin("yolov3", {}));
  EXPECT_NEAR(full.gmac, 32.93, .05);  // Darknet: 65.86 BFLOPs
  EXPECT_EQ(full.convolutions, 75);
}

TEST(Operations, TakeLongerOnSlowerGpusAndInSmallBatches) {
  const auto tiny = operations_of(graph::make_builtin("yolov3-tiny", {}));
  const Range t4 = seconds_per_image(tiny, *find_gpu("T4"), 16);
  const Range a100 = seconds_per_image(tiny, *find_gpu("A100"), 16);
  EXPECT_GT(t4.likely, 2 * a100.likely);
  EXPECT_LT(t4.low, t4.likely / 1.5);
  EXPECT_GT(t4.high, t4.likely * 1.8);
  EXPECT_GT(seconds_per_image(tiny, *find_gpu("T4"), 1).likely, 1.5 * t4.likely);
}

TEST(Operations, MeasuredOnOneGpuNarrowTheOthers) {
  const auto full = operations_of(graph::make_builtin("yolov3", {}));
  const Gpu &t4 = *find_gpu("T4"), &a100 = *find_gpu("A100");
  const Range same = seconds_per_image(full, t4, t4, .05, 16);
  EXPECT_DOUBLE_EQ(same.likely, .05);
  EXPECT_LT(same.high / same.low, 1.3);
  const Range other = seconds_per_image(full, a100, t4, .05, 16);
  EXPECT_NEAR(other.likely, .05 / 4.5, .003);
  const Range unmeasured = seconds_per_image(full, a100, 16);
  EXPECT_LT(other.high / other.low, unmeasured.high / unmeasured.low);
}

}  // namespace
}  // namespace oko::cost
