#include "oko/convert/tflite/arm_nn.h"

#include <gmock/gmock.h>

#include <cmath>

#include "oko/base/error.h"
#include "oko/convert/compare.h"
#include "oko/convert/program.h"
#include "oko/convert/read.h"
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

// Layers of later detectors, but those that Arm NN 20.08 lacks: space to depth, attention, ELU, and
// bilinear upsampling from the centres of pixels.
graph::Network later_layers() {
  using formats::layer;
  using graph::Activation;
  graph::Network n;
  n.name = "m";
  n.input = {3, 16, 24};
  graph::Convolution dilated{8, 3, 1, 1, graph::Padding::all(2), {}, Activation::kHardSwish};
  dilated.dilation = 2;
  n.layers = {layer("first", graph::Convolution{8, 3, 2, 1, graph::Padding::all(1)}, {-1}),
              layer("dilated", dilated, {0}),
              layer("shuffle", graph::Shuffle{4}, {1}),
              layer("low", graph::Slice{0, 3}, {2}),
              layer("high", graph::Slice{3, 5}, {2}),
              layer("join", graph::Route{}, {4, 3}),
              layer("mean", graph::AveragePool{}, {5}),
              layer("gate", graph::Convolution{8, 1, 1, 1, {}, {}, Activation::kHardSigmoid}, {6}),
              layer("scaled", graph::Product{Activation::kTanh}, {5, 7}),
              layer("window", graph::AveragePool{3, 1, graph::Padding::all(1), true}, {8}),
              layer("uneven", graph::AveragePool{3, 2, {1, 1, 0, 0}}, {9}),
              layer("up", graph::Bilinear{2, graph::Grid::kAsymmetric}, {10}),
              layer("more", graph::Convolution{11}, {11}),
              layer("unequal", graph::Shortcut{Activation::kRelu, true}, {12, 8, 12}),
              layer("fewer", graph::Shortcut{Activation::kLinear, true}, {11, 13}),
              layer("last", graph::Convolution{4}, {14})};
  graph::infer_shapes(n);
  graph::fill_synthetic_weights(n);
  return n;
}

TEST_F(ArmNn, RunsTheLayersOfLaterDetectorsAsOkoDoes) {
  const graph::Network network = later_layers();
  const std::vector<float> input = ramp(network.input);
  const auto expected = make_reference_executor(network)->run(input);
  const auto maps = make(network)->run(input);
  ASSERT_EQ(maps.size(), 1U);
  EXPECT_LT(largest_difference(maps[0], expected[0]), 1e-5F * largest_magnitude(expected[0]));
}

// Without a PAD, which Arm NN 20.08 fills with bytes of 0 where the value 0 is another byte.
TEST_F(ArmNn, RunsTheLayersOfLaterDetectorsInInt8) {
  graph::Network network = later_layers();
  std::get<graph::AveragePool>(network.layers[9].operation).counts_padding = false;
  network.layers[10].operation = graph::AveragePool{2, 2};
  network.layers[13].inputs = {12, 12};
  graph::infer_shapes(network);
  std::vector<std::uint8_t> picture;
  std::vector<float> input = ramp(network.input);
  for (float& value : input) {
    picture.push_back(static_cast<std::uint8_t>(std::nearbyint(value * 255)));
    value = static_cast<float>(picture.back()) / 255;
  }
  const std::vector<std::vector<std::uint8_t>> pictures{picture};
  const auto expected = make_reference_executor(network)->run(input);
  runtime::quantize(network, pictures, {}, [] {});
  const auto maps = make(network, Precision::kInt8)->run(input);
  ASSERT_EQ(maps.size(), 1U);
  EXPECT_LT(largest_difference(maps[0], expected[0]), .1F * largest_magnitude(expected[0]));
}

TEST_F(ArmNn, RefusesWhatItWouldComputeOtherwise) {
  graph::Network network = later_layers();
  std::get<graph::Bilinear>(network.layers[11].operation).grid = graph::Grid::kHalfPixel;
  try {
    make(network);
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("from the centres of pixels"));
    return;
  }
  const std::vector<float> input = ramp(network.input);  // a version that computes it
  const auto expected = make_reference_executor(network)->run(input);
  EXPECT_LT(largest_difference(make(network)->run(input).at(0), expected[0]), 1e-4);
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

// A converter from ONNX has left the channels of its input first.
TEST_F(ArmNn, RunsAFileOfAnotherProgramWithItsChannelsFirst) {
  const std::string path = reference::path_of("models/modern/yolox_nano_float16_quantize.tflite");
  if (path.empty()) GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
  const ModelFiles files = open_model(path, "");
  formats::ReadOptions options;
  options.raw_outputs = true;
  const formats::ReadModel model = read_model(files, options);
  std::string note;
  const auto executor =
      independent_executor(*files.format, files.files, model.network, note, model.output_keys);
  ASSERT_NE(executor, nullptr) << note;
  const std::vector<float> input = ramp(model.network.input);
  const auto expected = make_reference_executor(model.network)->run(input);
  const auto found = executor->run(input);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_LT(largest_difference(found[i], expected[i]), 1e-3F * largest_magnitude(expected[i]));
  }
}

}  // namespace
}  // namespace oko::convert
