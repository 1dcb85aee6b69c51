#include "oko/convert/tflite/arm_nn.h"

#include <gmock/gmock.h>

#include <cmath>

#include "oko/base/error.h"
#include "oko/convert/compare.h"
#include "oko/convert/reference.h"
#include "oko/detect/decode.h"
#include "oko/detect/detector.h"
#include "oko/formats/test_round_trip.h"
#include "oko/formats/tflite.h"
#include "oko/runtime/quantize.h"
#include "tests/support/reference_models.h"

namespace oko::convert {
namespace {

using graph::Precision;

// An engine for expect_golden_heads().
struct Runner {
  std::unique_ptr<Executor> executor;
  std::vector<std::vector<std::vector<float>>> run(std::span<const float> input, int) {
    return {executor->run(input)};
  }
};

std::unique_ptr<Executor> make(const graph::Network& network,
                               graph::Precision numbers = graph::Precision::kFloat32,
                               bool camera_bytes = true) {
  return make_arm_nn(
      formats::write_tflite(network, {.precision = numbers, .takes_bytes = camera_bytes}, "m"),
      network);
}

std::unique_ptr<Runner> runner(const graph::Network& network) {
  return std::make_unique<Runner>(Runner{make(network)});
}

// Every operation except those that Arm NN 20.08 lacks: padding with values other than zero, and
// resizing with half-pixel centres, which is written for scales that are not powers of two.
graph::Network everything_it_has() {
  graph::Network network = formats::everything();
  for (graph::Layer& layer : network.layers) {
    if (auto* pool = std::get_if<graph::MaxPool>(&layer.operation)) pool->padding = {};
    if (auto* upsample = std::get_if<graph::Upsample>(&layer.operation)) upsample->scale = 2;
  }
  graph::infer_shapes(network);
  return network;
}

class ArmNn : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string why;
    const graph::Network network = everything_it_has();
    const auto files = formats::write_tflite(network, {}, "m");
    if (make_arm_nn(files, network, &why) == nullptr) GTEST_SKIP() << why;
    if (reference::path_of("golden").empty()) {
      GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
    }
  }
};

std::vector<float> ramp(const graph::Shape& shape) {
  std::vector<float> input(static_cast<std::size_t>(shape.count()));
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i * 7 % 256) / 255;
  return input;
}

TEST_F(ArmNn, MatchesTheHeadsOfPublishedModels) {
  for (const auto& model : reference::golden_models()) {
    reference::expect_golden_heads(model, runner);
  }
}

// Arm NN 20.08 accepts no kernel that an operator converts to float32.
TEST_F(ArmNn, RunsAPartOfAModelWithHalfKernels) {
  const graph::Network network = everything_it_has();
  const auto files = formats::write_tflite(network, {.precision = graph::Precision::kFloat16}, "m");
  const formats::Imported imported = formats::read_tflite(files[0].bytes, "m.tflite");
  const auto input = ramp(network.input);
  const auto expected = make_reference_executor(imported.network)->run(input);
  const auto part = formats::tflite_part(files[0].bytes, "m.tflite", imported.keys);
  const auto found = make_arm_nn(part)->run(input);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_LT(largest_difference(found[i], expected[i]), 1e-3F * largest_magnitude(expected[i]));
  }
}

TEST_F(ArmNn, RunsEveryOperationAsOkoDoes) {
  const graph::Network network = everything_it_has();
  const std::vector<float> input = ramp(network.input);
  const auto expected = make_reference_executor(network)->run(input);
  const auto maps = make(network)->run(input);
  ASSERT_EQ(maps.size(), 1U);
  EXPECT_LT(largest_difference(maps[0], expected[0]), 1e-5);
}

// A published model with the activation ranges of one image, and that image.
struct Quantized {
  graph::Network network;
  std::vector<float> picture;
};
Quantized quantized_fastest() {
  const std::string base = reference::path_of("models/darknet/") + "yolo-fastest-1.1";
  Quantized quantized{
      reference::darknet_model(base + ".cfg", base + ".weights"),
      reference::read_floats(reference::path_of("golden") + "/inputs/dog_letterbox_3x320x320.f32")};
  std::vector<std::uint8_t> bytes;
  for (float& value : quantized.picture) {
    bytes.push_back(static_cast<std::uint8_t>(std::nearbyint(value * 255)));
    value = static_cast<float>(bytes.back()) / 255;
  }
  const std::vector<std::vector<std::uint8_t>> pictures{bytes};
  runtime::quantize(quantized.network, pictures, {}, [] {});
  return quantized;
}

// Arm NN 23.08 accepts float16 kernels, 20.08 does not.
TEST_F(ArmNn, RunsHalfKernelsOrReportsThatItRejectsThem) {
  const graph::Network network = everything_it_has();
  const std::vector<float> input = ramp(network.input);
  const auto expected = make_reference_executor(network)->run(input);
  std::unique_ptr<Executor> executor;
  try {
    executor = make(network, graph::Precision::kFloat16);
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::StartsWith("Arm NN: rejects the model: "));
    return;
  }
  EXPECT_LT(largest_difference(executor->run(input).at(0), expected[0]), 1e-2);
}

TEST_F(ArmNn, ReportsWhatItRejects) {
  const graph::Network network = everything_it_has();
  auto files = formats::write_tflite(network, {}, "m");
  for (formats::File& file : files) file.bytes = file.bytes.part(0, file.bytes.size() / 2);
  try {
    make_arm_nn(files, network, nullptr);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::StartsWith("Arm NN: rejects the model: "));
  }
}

TEST_F(ArmNn, FindsTheSameBoxesInInt8) {
  const Quantized model = quantized_fastest();
  const auto expected = make_engine_executor(model.network)->run(model.picture);
  const auto maps = make(model.network, graph::Precision::kInt8)->run(model.picture);
  ASSERT_EQ(maps.size(), expected.size());
  for (std::size_t h = 0; h < maps.size(); ++h) {
    double error = 0, size = 0;
    for (std::size_t i = 0; i < maps[h].size(); ++i) {
      error += std::pow(static_cast<double>(maps[h][i] - expected[h][i]), 2);
      size += std::pow(static_cast<double>(expected[h][i]), 2);
    }
    EXPECT_LT(std::sqrt(error / size), .2) << h;  // with ranges from one image: .13 and .15
  }
  const auto boxes = [&](const std::vector<std::vector<float>>& heads) {
    const std::vector<detect::HeadMap> views(heads.begin(), heads.end());
    std::vector<detect::Detection> found;
    detect::decode(model.network, views, {}, found);
    return detect::non_maximum_suppression(std::move(found), {});
  };
  const BoxAgreement agreement = compare_boxes(boxes(expected), boxes(maps));
  EXPECT_GE(agreement.first, 2);
  EXPECT_GE(agreement.matched, agreement.first - 1);
  EXPECT_LT(agreement.score_difference, .3);
}

}  // namespace
}  // namespace oko::convert
