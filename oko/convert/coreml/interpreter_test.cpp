#include "oko/convert/coreml/interpreter.h"

#include <gtest/gtest.h>

#include <numeric>

#include "oko/base/error.h"
#include "oko/convert/coreml/test_boxes.h"
#include "oko/convert/reference.h"
#include "oko/formats/coreml.h"
#include "oko/formats/coreml/test_networks.h"
#include "oko/graph/fold.h"

namespace oko::convert {
namespace {

using formats::write_coreml;
using formats::write_mlpackage;

// ---- Raw outputs ----

TEST(CoreMlInterpreter, MatchesDarknetsHeadsOnEveryPublishedModel) {
  OKO_NEEDS_REFERENCE_MODELS();
  for (const reference::GoldenModel& model : reference::golden_models()) {
    const std::string base = reference::path_of("models/darknet") + "/" + model.name;
    const graph::Network network = reference::darknet_model(base + ".cfg", base + ".weights");
    const auto interpreter = interpret_coreml(write_coreml(network, {}, "m"));
    const Numbers input = golden_input(model.input);
    const auto maps = interpreter->run(input);
    const std::string name = model.input, picture = name.substr(0, name.find('_'));
    // An error of current converters: three heads and two outputs.
    ASSERT_EQ(maps.size(), model.heads.size());
    EXPECT_EQ(interpreter->output_names(), formats::output_names(network));
    for (std::size_t h = 0; h < maps.size(); ++h) {
      const Numbers expected =
          reference::read_floats(reference::path_of("golden") + "/" + model.name + "/" + picture +
                                 "_tensors/" + model.heads[h]);
      EXPECT_LT(largest_difference(maps[h], expected), 1e-3F) << model.name << model.heads[h];
    }
  }
}

struct Kind {
  const char* name;
  graph::Precision weights;
  float tolerance;  // for values up to about 25
};

TEST(CoreMlInterpreter, MatchesTheHeadsOfYolov3TinyWithEveryKindOfWeights) {
  OKO_NEEDS_REFERENCE_MODELS();
  const reference::SyntheticModel& model = reference::synthetic_models()[0];
  const graph::Network network = reference::synthetic_network(model);
  const Numbers input = golden_input("dog_letterbox_3x416x416.f32");
  for (const Kind& kind : {Kind{"fp32", graph::Precision::kFloat32, 1e-3F},
                           Kind{"fp16", graph::Precision::kFloat16, .02F},
                           Kind{"int8", graph::Precision::kInt8, .3F}}) {
    const auto maps =
        interpret_coreml(write_coreml(network, {.precision = kind.weights}, "m"))->run(input);
    ASSERT_EQ(maps.size(), 2U);
    for (std::size_t h = 0; h < 2; ++h) {
      const Numbers expected = reference::read_floats(reference::path_of("golden/synthetic") +
                                                      "/yolov3-tiny_" + model.heads[h] + ".f32");
      const float apart = largest_difference(maps[h], expected);
      EXPECT_LT(apart, kind.tolerance) << kind.name;
      EXPECT_EQ(apart > 1e-3F, kind.weights != graph::Precision::kFloat32) << kind.name;
      RecordProperty(std::string(kind.name) + "_" + std::to_string(h), std::to_string(apart));
    }
  }
}

TEST(CoreMlInterpreter, RunsPackagesInBothPrecisions) {
  OKO_NEEDS_REFERENCE_MODELS();
  const reference::GoldenModel& model = reference::golden_models()[4];  // yoloface-50k
  const std::string base = reference::path_of("models/darknet") + "/" + model.name;
  const graph::Network network = reference::darknet_model(base + ".cfg", base + ".weights");
  const Numbers input = golden_input(model.input);
  const Numbers expected = reference::read_floats(reference::path_of("golden") +
                                                  "/yoloface-50k/person_tensors/" + model.heads[0]);
  const auto apart = [&](bool float32) {
    return largest_difference(
        interpret_coreml(write_mlpackage(network,
                                         {.precision = float32 ? graph::Precision::kFloat32
                                                               : graph::Precision::kFloat16},
                                         "m"))
            ->run(input)
            .at(0),
        expected);
  };
  EXPECT_LT(apart(true), 1e-3F);
  EXPECT_LT(apart(false), .1F);
  EXPECT_GT(apart(false), 1e-3F);  // it does round to float16
}

TEST(CoreMlInterpreter, MatchesTheReferenceAtEveryLayer) {
  graph::Network network = formats::coreml::every_operation();
  network.preprocess.bgr = true;
  const Numbers input = synthetic_image(network.input);
  const auto expected = make_reference_executor(network)->run_layers(input);
  for (const auto& files : {write_coreml(network, {}, "m"), write_mlpackage(network, {}, "m")}) {
    const auto interpreter = interpret_coreml(files);
    const auto maps = interpreter->run_layers(input);
    EXPECT_TRUE(interpreter->takes_bgr());
    for (const graph::Layer& layer : network.layers) {
      ASSERT_TRUE(maps.contains(layer.name)) << layer.name;
      EXPECT_LT(largest_difference(maps.at(layer.name), expected.at(layer.name)), 1e-5F)
          << layer.name;
    }
    EXPECT_LT(largest_difference(interpreter->run(input).at(0), expected.at("layers.16")), 1e-5F);
  }
}

TEST(CoreMlInterpreter, MatchesTheReferenceOnModernLayers) {
  for (const graph::Network& network :
       {formats::coreml::modern_layers(), formats::coreml::darknet_layers()}) {
    const Numbers input = synthetic_image(network.input);
    const auto expected = make_reference_executor(network)->run_layers(input);
    for (const auto& files : {write_coreml(network, {}, "m"), write_mlpackage(network, {}, "m")}) {
      const auto maps = interpret_coreml(files)->run_layers(input);
      for (const graph::Layer& layer : network.layers) {
        ASSERT_TRUE(maps.contains(layer.name)) << layer.name;
        EXPECT_LT(largest_difference(maps.at(layer.name), expected.at(layer.name)), 2e-5F)
            << layer.name;
      }
    }
  }
}

// The example of Core ML's documentation, backwards.
TEST(CoreMlInterpreter, MovesPixelsToChannelsAsDocumented) {
  graph::Network network;
  network.input = {2, 2, 4};
  network.layers = {{"same", graph::Convolution{2, 1, 1, 2}, {graph::kNetworkInput}, {}},
                    {"squares", graph::SpaceToDepth{2}, {0}, {}}};
  graph::infer_shapes(network);
  network.weights["same.kernel"] = graph::Tensor::of({1, 1}, {2, 1, 1, 1});
  network.weights["same.bias"] = graph::Tensor::of({0, 0}, {2});
  const Numbers input{1, 5, 2, 6, 9, 13, 10, 14, 3, 7, 4, 8, 11, 15, 12, 16};
  Numbers counted(16);
  std::iota(counted.begin(), counted.end(), 1.F);
  for (const auto& files : {write_coreml(network, {}, "m"), write_mlpackage(network, {}, "m")}) {
    EXPECT_EQ(interpret_coreml(files)->run(input).at(0), counted);
  }
}

TEST(CoreMlInterpreter, RunsThePublishedClassifier) {
  OKO_NEEDS_REFERENCE_MODELS();
  const Bytes bytes =
      reference::read_file(reference::path_of("models/other_formats/mnistCNN.mlmodel"));
  CoreMlInterpreter interpreter(bytes, "mnistCNN.mlmodel");
  EXPECT_EQ(interpreter.specification_version(), 1);
  EXPECT_EQ(interpreter.class_labels().size(), 10U);
  Numbers seven(28 * 28);  // a stroke to the right, then down to the left
  for (int x = 7; x < 21; ++x) seven[6 * 28 + x] = seven[7 * 28 + x] = 1;
  for (int y = 8; y < 23; ++y) {
    for (int x = 19; x < 22; ++x) seven[y * 28 + x - (y - 8) / 2] = 1;
  }
  const Numbers chances = interpreter.run(seven).at(0);
  EXPECT_EQ(std::ranges::max_element(chances) - chances.begin(), 7);
  EXPECT_NEAR(std::accumulate(chances.begin(), chances.end(), 0.F), 1, 1e-5F);
  // The result of oko's reference implementation.
  const graph::Network network = formats::read_coreml(bytes, "mnistCNN.mlmodel").network;
  EXPECT_LT(largest_difference(make_reference_executor(network)->run(seven).at(0), chances), 1e-5F);
}

// ---- What current converters get wrong ----

// The input holds bytes: without the scale the output would be 255 times as large.
TEST(CoreMlInterpreter, ScalesBytesToOne) {
  graph::Network network;
  network.input = {3, 1, 1};
  network.layers = {{"sum", graph::Convolution{1, 1, 1}, {graph::kNetworkInput}, {}}};
  graph::infer_shapes(network);
  network.weights["sum.kernel"] = graph::Tensor::of({1, 2, 4}, {1, 3, 1, 1});
  network.weights["sum.bias"] = graph::Tensor::of({.5F}, {1});
  for (const auto& files : {write_coreml(network, {}, "m"), write_mlpackage(network, {}, "m")}) {
    const auto interpreter = interpret_coreml(files);
    EXPECT_TRUE(interpreter->takes_image());
    EXPECT_NEAR(interpreter->run(Numbers{1, .5F, .25F}).at(0).at(0), 3.5F, 1e-5F);
  }
}

// Kernels are out, in, rows, columns: one that picks its neighbour in a single direction reveals a
// swap.
TEST(CoreMlInterpreter, KeepsRowsAndColumnsOfKernelsApart) {
  graph::Network network;
  network.input = {1, 3, 3};
  network.layers = {{"right",
                     graph::Convolution{2, 3, 1, 1, graph::Padding::all(1)},
                     {graph::kNetworkInput},
                     {}}};
  graph::infer_shapes(network);
  network.weights["right.kernel"] =
      graph::Tensor::of({0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}, {2, 1, 3, 3});
  network.weights["right.bias"] = graph::Tensor::of({0, 0}, {2});
  const Numbers input{.1F, .2F, .3F, .4F, .5F, .6F, .7F, .8F, .9F};
  const Numbers moved{.2F, .3F, 0,   .5F, .6F, 0,   .8F, .9F, 0,   // one to the right
                      .4F, .5F, .6F, .7F, .8F, .9F, 0,   0,   0};  // one down
  for (const auto& files : {write_coreml(network, {}, "m"), write_mlpackage(network, {}, "m")}) {
    EXPECT_LT(largest_difference(interpret_coreml(files)->run(input).at(0), moved), 1e-6F);
  }
}

// The stride-1 pool of yolov3-tiny looks right and down, and its padding is not zero.
TEST(CoreMlInterpreter, PadsPoolsAtTheEndAndNotWithZeros) {
  graph::Network network;
  network.input = {1, 2, 2};
  network.layers = {{"negative", graph::Convolution{1, 1, 1}, {graph::kNetworkInput}, {}},
                    {"pool", graph::MaxPool{2, 1, {0, 0, 1, 1}}, {0}, {}}};
  graph::infer_shapes(network);
  network.weights["negative.kernel"] = graph::Tensor::of({-1}, {1, 1, 1, 1});
  network.weights["negative.bias"] = graph::Tensor::of({0}, {1});
  for (const auto& files : {write_coreml(network, {}, "m"), write_mlpackage(network, {}, "m")}) {
    const auto map = interpret_coreml(files)->run(Numbers{.1F, .2F, .3F, .4F}).at(0);
    EXPECT_LT(largest_difference(map, Numbers{-.1F, -.2F, -.3F, -.4F}), 1e-6F);
  }
}

}  // namespace
}  // namespace oko::convert
