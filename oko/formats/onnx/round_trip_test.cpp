#include <gmock/gmock.h>

#include <cstring>

#include "oko/base/error.h"
#include "oko/base/half.h"
#include "oko/formats/onnx.h"
#include "oko/formats/test_round_trip.h"
#include "oko/graph/fold.h"
#include "oko/runtime/test_weights.h"
#include "tests/support/reference_models.h"

namespace oko::formats {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

Imported written_and_read(const graph::Network& network, const WriteOptions& options = {}) {
  std::vector<File> files = write_onnx(network, options, "model");
  EXPECT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].name, "model.onnx");
  return read_onnx(files[0].bytes, "model.onnx");
}

void expect_same_weights(const graph::Weights& found, const graph::Weights& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    const auto other = found.find(name);
    ASSERT_NE(other, found.end()) << name;
    EXPECT_EQ(other->second.shape, tensor.shape) << name;
    ASSERT_EQ(other->second.data.size(), tensor.data.size()) << name;
    EXPECT_EQ(std::memcmp(other->second.data.data(), tensor.data.data(), tensor.data.size()), 0)
        << name << " differs";
  }
}

void expect_same_graph(const graph::Network& found, const graph::Network& expected) {
  ASSERT_EQ(found.layers.size(), expected.layers.size());
  for (std::size_t i = 0; i < expected.layers.size(); ++i) {
    EXPECT_EQ(found.layers[i], expected.layers[i]) << graph::place_of(expected, i);
  }
  EXPECT_EQ(found.name, expected.name);
  EXPECT_EQ(found.input, expected.input);
  EXPECT_EQ(found.preprocess, expected.preprocess);
  EXPECT_EQ(found.classes, expected.classes);
  EXPECT_EQ(found.metadata, expected.metadata);
}

void expect_round_trip(const graph::Network& network) {
  const graph::Network expected = graph::inference_form(network);
  for (const bool boxes : {false, true}) {
    SCOPED_TRACE(boxes ? "with boxes" : "with raw heads");
    if (boxes && network.heads().empty()) continue;
    WriteOptions options;
    options.boxes = boxes;
    const Imported imported = written_and_read(network, options);
    EXPECT_EQ(imported.outputs, expected.outputs());
    expect_same_graph(imported.network, expected);
    expect_same_weights(imported.network.weights, expected.weights);
    EXPECT_EQ(imported.notes.size(), boxes ? 1U : 0U);
  }
}

TEST(OnnxRoundTrip, KeepsEveryPublishedModel) {
  if (reference::path_of("golden").empty()) GTEST_SKIP() << "set OKO_DATA";
  for (const auto& model : reference::golden_models()) {
    SCOPED_TRACE(model.name);
    const std::string base = reference::path_of("models/darknet") + "/" + model.name;
    graph::Network network = reference::darknet_model(base + ".cfg", base + ".weights");
    for (int i = 0; i < network.class_count(); ++i) {
      network.classes.push_back("class " + std::to_string(i));
    }
    expect_round_trip(network);
  }
}

TEST(OnnxRoundTrip, KeepsYolov3AndTiny) {
  if (reference::path_of("golden").empty()) GTEST_SKIP() << "set OKO_DATA";
  for (const auto& model : reference::synthetic_models()) {
    SCOPED_TRACE(model.name);
    expect_round_trip(reference::synthetic_network(model));
  }
}

graph::Convolution convolution(int filters, int size, graph::Activation activation,
                               const graph::Padding& padding, int groups = 1) {
  return {filters, size, 1, groups, padding, {}, activation};
}

// Every operation and activation; the layers' names are ones that a file could mix up.
graph::Network every_operation() {
  using graph::Activation;
  graph::Network network;
  network.name = "every";
  network.input = {3, 16, 20};
  network.preprocess.bgr = true;
  const auto add = [&](std::string name, graph::Operation operation, std::vector<int> inputs) {
    network.layers.push_back({std::move(name), std::move(operation), std::move(inputs), {}});
    return static_cast<int>(network.layers.size()) - 1;
  };
  const auto all = graph::Padding::all(1);
  int last = add("image", convolution(8, 3, Activation::kLeaky, {0, 1, 2, 1}), {-1});
  for (const Activation kind : {Activation::kLinear, Activation::kRelu, Activation::kRelu6,
                                Activation::kLogistic, Activation::kMish, Activation::kSwish}) {
    last = add(graph::name_of(kind), convolution(8, 3, kind, all, 4), {last});
  }
  const int pooled = add("head_8x10", graph::MaxPool{2, 1, {0, 0, 1, 1}}, {last});
  const int half = add("scores", graph::MaxPool{2, 2, {}}, {pooled});
  const int part = add("part", graph::Route{4, 2}, {half});
  const int two = add("boxes", graph::Route{}, {half, part});
  const int sum = add("sum", graph::Shortcut{Activation::kMish}, {half, half, half});
  const int pair = add("pair", graph::Shortcut{Activation::kLinear}, {sum, half});
  const int up = add("up", graph::Upsample{2}, {pair});
  const int coarse = add("coarse", convolution(7, 1, Activation::kLinear, {}), {two});
  add("region", graph::Region{{{1, 2}}, 2, true}, {coarse});
  const int fine = add("fine", convolution(14, 1, Activation::kLinear, {}), {up});
  add("yolo", graph::Yolo{{{8, 9}, {3, 4}, {5, 6}}, {2, 0}, 2, 1.05F}, {fine});
  network.classes = {"a", "b \"quoted\""};
  return runtime::with_weights(std::move(network), 5);
}

TEST(OnnxRoundTrip, KeepsEveryOperationAndActivation) { expect_round_trip(every_operation()); }

TEST(OnnxRoundTrip, KeepsADetectorWithoutAnchors) {
  const graph::Network network = anchor_free();
  const Imported imported = written_and_read(network);
  expect_same_graph(imported.network, network);
  expect_same_weights(imported.network.weights, network.weights);
}

TEST(OnnxRoundTrip, KeepsTheLayersOfModernDetectors) {
  const graph::Network network = modern();
  const Imported imported = written_and_read(network);
  EXPECT_EQ(imported.outputs, network.outputs());
  ASSERT_EQ(imported.network.layers.size(), network.layers.size());
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    EXPECT_EQ(imported.network.layers[i], network.layers[i]) << graph::place_of(network, i);
  }
  expect_same_weights(imported.network.weights, network.weights);
}

TEST(OnnxRoundTrip, KeepsAClassifier) {
  graph::Network network;
  network.name = "classifier";
  network.input = {1, 9, 7};
  network.layers = {
      {"a", convolution(6, 3, graph::Activation::kRelu, {}), {graph::kNetworkInput}, {}},
      {"b", graph::AveragePool{}, {0}, {}},
      {"c", convolution(4, 1, graph::Activation::kLinear, {}), {1}, {}},
      {"d", graph::Softmax{}, {2}, {}}};
  network.classes = {"w", "x", "y", "z"};
  expect_round_trip(runtime::with_weights(std::move(network), 6));
}

TEST(OnnxRoundTrip, RoundsOnlyKernelsInFloat16) {
  const graph::Network network = every_operation();
  WriteOptions options;
  options.precision = graph::Precision::kFloat16;
  const Imported imported = written_and_read(network, options);
  graph::Network expected = graph::inference_form(network);
  for (auto& [name, tensor] : expected.weights) {
    if (!name.ends_with(".kernel")) continue;
    std::vector<float> rounded;
    for (const float value : tensor.floats()) rounded.push_back(to_float(to_half(value)));
    tensor = graph::Tensor::of(std::move(rounded), tensor.shape);
  }
  expect_same_graph(imported.network, expected);
  expect_same_weights(imported.network.weights, expected.weights);
  const auto size = [&](bool half) {
    WriteOptions o;
    if (half) o.precision = graph::Precision::kFloat16;
    return write_onnx(network, o, "m")[0].bytes.size();
  };
  EXPECT_LT(size(true), size(false));
}

TEST(OnnxWriter, NamesItsInputOutputsAndLayers) {
  WriteOptions options;
  const auto signature = [&] {
    return onnx_signature(write_onnx(every_operation(), options, "m")[0].bytes, "m.onnx");
  };
  const OnnxSignature raw = signature();
  EXPECT_EQ(raw.input, "image");
  EXPECT_EQ(raw.shape, (graph::Shape{3, 16, 20}));
  EXPECT_THAT(raw.outputs, ::testing::ElementsAre("head_8x10", "head_16x20"));
  EXPECT_EQ(raw.layers.front().layer, "image");
  EXPECT_EQ(raw.layers.front().name, "image_");  // "image" is the input
  options.boxes = true;
  EXPECT_THAT(signature().outputs, ::testing::ElementsAre("boxes", "scores", "classes"));
}

TEST(OnnxWriter, RejectsWhatCannotBeWritten) {
  const auto error_of = [](const graph::Network& network, const WriteOptions& options) {
    try {
      write_onnx(network, options, "m");
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  graph::Network network = every_operation();
  WriteOptions options;
  options.boxes = true;
  options.thresholds.score = 2;
  EXPECT_THAT(error_of(network, options), HasSubstr("thresholds 2.000000 and 0.450000 are not"));
  options.thresholds.score = .25F;
  options.thresholds.max_detections = -1;
  EXPECT_THAT(error_of(network, options), HasSubstr("at most -1 detections"));
  network.weights.clear();
  EXPECT_THAT(error_of(network, {}), HasSubstr("the network has no weights"));
  graph::Network head;
  head.input = {6, 2, 2};
  head.layers = {{"head", graph::Yolo{{{1, 1}}, {0}, 1}, {graph::kNetworkInput}, {}},
                 {"conv", convolution(1, 1, graph::Activation::kLinear, {}), {-1}, {}}};
  EXPECT_THAT(error_of(runtime::with_weights(head, 1), {}), HasSubstr("reads the network's input"));
}

}  // namespace
}  // namespace oko::formats
