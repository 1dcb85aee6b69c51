#include "oko/formats/tflite.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "oko/base/error.h"
#include "oko/base/half.h"
#include "oko/formats/test_models.h"
#include "oko/formats/test_round_trip.h"
#include "oko/formats/tflite/emit.h"
#include "oko/graph/builtin.h"
#include "oko/graph/fold.h"
#include "oko/graph/reference.h"
#include "oko/runtime/calibrate.h"
#include "tests/support/reference_models.h"

namespace oko::formats {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Bytes written(const graph::Network& network, const WriteOptions& options = {}) {
  return write_tflite(network, options, "m")[0].bytes;
}

// TensorFlow Lite has no padding outside all windows.
graph::Network without_idle_padding(graph::Network network) {
  for (graph::Layer& layer : network.layers) {
    auto* pool = std::get_if<graph::MaxPool>(&layer.operation);
    if (pool == nullptr) continue;
    const graph::Shape& in = network.layers[layer.inputs.front()].output;
    graph::Padding& p = pool->padding;
    const auto last = [&](int outputs) { return (outputs - 1) * pool->stride + pool->size; };
    p.bottom = std::max(0, last(layer.output.height) - in.height - p.top);
    p.right = std::max(0, last(layer.output.width) - in.width - p.left);
  }
  graph::infer_shapes(network);
  return network;
}

void expect_round_trip(const graph::Network& network) {
  const graph::Network plain = without_idle_padding(graph::inference_form(network));
  const Imported imported = read_tflite(written(network), "m.tflite");
  expect_same(imported.network, plain);
  EXPECT_EQ(imported.network.classes, plain.classes);
  EXPECT_EQ(imported.network.preprocess, plain.preprocess);
  EXPECT_EQ(imported.network.metadata, plain.metadata);
  EXPECT_EQ(imported.network.outputs(), plain.outputs());
}

TEST(Tflite, RoundTripsPublishedModelsBitForBit) {
  OKO_NEEDS_REFERENCE_MODELS();
  const std::string folder = reference_models() + "/darknet/";
  for (const auto& model : reference::golden_models()) {
    SCOPED_TRACE(model.name);
    expect_round_trip(
        reference::darknet_model(folder + model.name + ".cfg", folder + model.name + ".weights"));
  }
}

TEST(Tflite, RoundTripsTheNetworksOfThePaperBitForBit) {
  OKO_NEEDS_REFERENCE_MODELS();
  for (const auto& model : reference::synthetic_models()) {
    SCOPED_TRACE(model.name);
    expect_round_trip(reference::synthetic_network(model));
  }
}

TEST(Tflite, RoundTripsEveryOperation) {
  const graph::Network network = everything();
  expect_same(read_tflite(written(network), "m.tflite").network, without_idle_padding(network));
}

TEST(Tflite, RoundTripsTheLayersOfLaterDetectors) {
  const Imported imported = read_tflite(written(modern()), "m.tflite");
  EXPECT_EQ(imported.outputs, modern().outputs());
  expect_same(imported.network, modern());
  expect_same(read_tflite(written(more_layers()), "m.tflite").network, more_layers());
}

TEST(Tflite, RoundTripsADetectorWithoutAnchors) { expect_round_trip(anchor_free()); }

TEST(Tflite, RoundTripsTheBuiltInNetworks) {
  for (const std::string_view name : graph::builtin_names()) {
    SCOPED_TRACE(name);
    graph::Network network = graph::make_builtin(name, {.classes = 3, .width = 64, .height = 64});
    graph::fill_synthetic_weights(network);
    expect_round_trip(network);
  }
}

// What the network that is read back computes; other layers may compute it.
void expect_same_values(const graph::Network& network) {
  const graph::Network again = read_tflite(written(network), "m.tflite").network;
  std::vector<float> input(static_cast<std::size_t>(network.input.count()));
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i * 7 % 256) / 255;
  const auto expected = graph::Reference<float>(network).run(input);
  const auto found = graph::Reference<float>(again).run(input);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_LT(reference::largest_difference(found[i], expected[i]), 1e-5F) << i;
  }
}

TEST(Tflite, WritesSumsOfMoreChannelsAndProductsOfSeveral) {
  graph::Network network;
  network.input = {3, 6, 8};
  network.layers = {layer("few", graph::Convolution{4}, {-1}),
                    layer("many", graph::Convolution{7}, {-1}),
                    layer("sum", graph::Shortcut{graph::Activation::kSwish, true}, {0, 1, -1}),
                    layer("mean", graph::AveragePool{}, {2}),
                    layer("product", graph::Product{graph::Activation::kTanh}, {2, 3, 0}),
                    layer("last", graph::Convolution{2}, {4})};
  graph::infer_shapes(network);
  graph::fill_synthetic_weights(network);
  expect_same_values(network);
}

TEST(Tflite, KeepsHalfKernelsWithinElevenBits) {
  const graph::Network network = without_idle_padding(everything());
  const Bytes half = written(network, {.precision = graph::Precision::kFloat16});
  const Imported imported = read_tflite(half, "m.tflite");
  EXPECT_TRUE(imported.network.layers == network.layers);
  for (const auto& [name, tensor] : network.weights) {
    const auto found = imported.network.weights.find(name)->second.floats();
    for (std::size_t i = 0; i < found.size(); ++i) {
      const float value = tensor.floats()[i];
      const bool kernel = name.ends_with(".kernel");
      ASSERT_EQ(found[i], kernel ? to_float(to_half(value)) : value) << name;
    }
  }
}

graph::Network small_tiny() {
  graph::Network network =
      graph::make_builtin("yolov3-tiny", {.classes = 2, .width = 64, .height = 64});
  network.name = "pets";
  network.classes = {"cat", "dog"};
  graph::fill_synthetic_weights(network);
  return network;
}

graph::Network with_ranges(graph::Network network) {
  runtime::Calibrator calibrator(network, 1);
  std::vector<float> input(static_cast<std::size_t>(network.input.count()));
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i % 256) / 255;
  calibrator.add(input);
  runtime::set_quantization(network, calibrator.result(runtime::Calibration::kMinMax));
  return network;
}

void expect_int8_kernels(const graph::Network& source) {
  SCOPED_TRACE(source.layers.front().name);
  const graph::Network network = without_idle_padding(graph::inference_form(with_ranges(source)));
  const Bytes file = written(network, {.precision = graph::Precision::kInt8});
  const Imported imported = read_tflite(file, "m.tflite");
  EXPECT_THAT(imported.notes, ElementsAre(HasSubstr("the model is int8")));
  ASSERT_TRUE(imported.network.layers == network.layers);
  for (const auto& [name, tensor] : network.weights) {
    if (!name.ends_with(".kernel")) continue;
    const auto before = tensor.floats();
    const auto after = imported.network.weights.find(name)->second.floats();
    const std::size_t count = before.size() / static_cast<std::size_t>(tensor.shape[0]);
    for (std::size_t first = 0; first < before.size(); first += count) {
      float most = 0;
      for (std::size_t i = first; i < first + count; ++i)
        most = std::max(most, std::fabs(before[i]));
      for (std::size_t i = first; i < first + count; ++i) {
        ASSERT_LE(std::fabs(before[i] - after[i]), most / 127 * .5001F) << name;
      }
    }
  }
}

TEST(Tflite, KeepsInt8KernelsWithinHalfAStep) {
  for (const graph::Network& network : {everything(), modern(), more_layers(), anchor_free()}) {
    expect_int8_kernels(network);
  }
}

TEST(Tflite, NeedsRangesForInt8) {
  try {
    written(small_tiny(), {.precision = graph::Precision::kInt8});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("oko quantize"));
  }
}

TEST(Tflite, AppendsTheLabelsAsAZipArchive) {
  const graph::Network network = small_tiny();
  const std::string text(written(network).text());
  EXPECT_THAT(text.substr(text.size() - 200), HasSubstr("labels.txtcat\ndog\n"));
  EXPECT_THAT(text, HasSubstr("M001"));
  // Without the description the names come from there.
  std::string other = text;
  const std::string key("\x03\0\0\0oko\0", 8);
  const std::size_t at = other.find(key);
  ASSERT_NE(at, std::string::npos);
  other[at + 4] = 'x';
  const Imported imported = read_tflite(Bytes(other), "pets.tflite");
  EXPECT_THAT(imported.labels, ElementsAre("cat", "dog"));
  EXPECT_TRUE(imported.network.heads().empty());
  EXPECT_EQ(imported.outputs.size(), 2U);
  EXPECT_EQ(imported.network.name, "pets");
}

TEST(Tflite, RejectsAClassNameThatIsNotOneLine) {
  graph::Network network = small_tiny();
  network.classes[0] = "cat\ndog";
  try {
    written(network);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("labels.txt: the class name \"cat\\ndog\" is not one line"));
  }
}

TEST(Tflite, ReadsTheBackboneOfAPublishedInt8Detector) {
  OKO_NEEDS_REFERENCE_MODELS();
  const std::string path = reference_models() + "/other_formats/ssd_slim_120x160x1_v1_int8.tflite";
  const Imported imported = read_tflite(reference::read_file(path), "ssd.tflite");
  EXPECT_EQ(imported.network.input, (graph::Shape{1, 120, 160}));
  EXPECT_EQ(imported.outputs.size(), 8U);
  EXPECT_THAT(imported.notes, Contains(HasSubstr("(RESHAPE) starts the box decoding")));
  EXPECT_THAT(imported.notes, Contains(HasSubstr("the model is int8")));
  EXPECT_THAT(imported.notes, Contains(HasSubstr("become -128.000000 to 127.000000")));
}

std::string error_of(const Bytes& file) {
  try {
    read_tflite(file, "m.tflite");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(TfliteReader, RejectsTruncatedFiles) {
  const Bytes file = written(everything());
  for (std::size_t size = 0; size + 1 < file.size(); size += 997) {
    EXPECT_THROW(read_tflite(file.part(0, size), "m.tflite"), Error) << size;
  }
  EXPECT_THAT(error_of(Bytes("PK")), HasSubstr("m.tflite@4: is not a TensorFlow Lite model"));
  EXPECT_THAT(error_of(file.part(0, file.size() / 2)), HasSubstr("outside the file"));
}

// The error message for a file in which some bytes were replaced.
std::string error_with(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  if (at == std::string::npos) return "the file does not contain these bytes";
  text.replace(at, to.size(), to);
  return error_of(Bytes(text));
}

TEST(TfliteReader, ReportsWhatIsWrong) {
  const std::string file(written(small_tiny()).text());
  EXPECT_THAT(error_with(file, "TFL3", "TFL4"), HasSubstr("m.tflite@4"));
  EXPECT_THAT(error_with(file, "TFL3", std::string("\0\0\0\0", 4)), HasSubstr("m.tflite@4"));
  EXPECT_THAT(error_with(file, "{\"name\":\"pets\"", "x"), HasSubstr("metadata \"oko\""));
  std::string root = file;
  root.replace(0, 4, "\xff\xff\xff\x7f");
  EXPECT_THAT(error_of(Bytes(root)), HasSubstr("outside the file"));
  EXPECT_THAT(error_of(Bytes(std::string(64, '\0'))), HasSubstr("not a TensorFlow Lite model"));
  EXPECT_THAT(error_of(Bytes("")), HasSubstr("not a TensorFlow Lite model"));
}

// A 3x3 convolution of one channel with stride 2; "same" on a tensor padded by a row and a column.
Bytes padded_and_strided(oko::tflite::TensorType type, float scale) {
  tflite::Emitter to;
  const int image = to.map("image", {1, 8, 8}, std::nullopt);
  const int padded = to.map("padded", {1, 9, 9}, std::nullopt);
  const int map = to.map("map", {1, 5, 5}, std::nullopt);
  const int sides = to.constant("sides", {4, 2}, std::array{0, 0, 1, 0, 1, 0, 0, 0});
  const std::vector<std::byte> numbers(type == oko::tflite::TensorType::INT8 ? 9 : 36,
                                       std::byte{1});
  const int kernel = to.constant(
      "kernel", {1, 3, 3, 1}, type, numbers,
      type == oko::tflite::TensorType::INT8 ? std::vector{scale} : std::vector<float>{});
  const int bias = to.constant("bias", {1}, std::array{0.F});
  oko::tflite::Conv2DOptionsT options;
  options.padding = oko::tflite::Padding::SAME;
  options.stride_h = options.stride_w = 2;
  to.add(oko::tflite::Code::PAD, {image, sides}, {padded}, oko::tflite::PadOptionsT{});
  to.add(oko::tflite::Code::CONV_2D, {padded, kernel, bias}, {map}, std::move(options));
  return Bytes(to.finish("", {image}, {map}));
}

TEST(TfliteReader, AppliesSamePaddingToAPaddedTensor) {
  const Imported imported =
      read_tflite(padded_and_strided(oko::tflite::TensorType::FLOAT32, 1), "m.tflite");
  ASSERT_EQ(imported.network.layers.size(), 1U);
  const graph::Layer& layer = imported.network.layers[0];
  EXPECT_EQ(std::get<graph::Convolution>(layer.operation).padding, (graph::Padding{2, 2, 1, 1}));
  EXPECT_EQ(layer.output, (graph::Shape{1, 5, 5}));
}

TEST(TfliteReader, RejectsScalesThatMakeWeightsVanish) {
  const auto error = [](float scale) {
    return error_of(padded_and_strided(oko::tflite::TensorType::INT8, scale));
  };
  EXPECT_EQ(error(.5F), "no error");
  EXPECT_THAT(error(0), HasSubstr("m.tflite: map (CONV_2D): \"kernel\" has the scale 0.000000"));
  EXPECT_THAT(error(-1), HasSubstr("has the scale -1"));
  EXPECT_THAT(error(NAN), HasSubstr("has the scale nan"));
}

// A sum of constants and a tensor of 3 channels, 4 rows and 3 columns.
std::string error_of_sum(const std::vector<int>& shape) {
  tflite::Emitter to;
  const int image = to.map("image", {3, 4, 3}, std::nullopt);
  const int map = to.map("map", {3, 4, 3}, std::nullopt);
  const int numbers = to.constant("numbers", shape, std::array{1.F, 2.F, 3.F});
  to.add(oko::tflite::Code::ADD, {image, numbers}, {map}, oko::tflite::AddOptionsT{});
  return error_of(Bytes(to.finish("", {image}, {map})));
}

TEST(TfliteReader, DistinguishesPerChannelFromPerColumnConstants) {
  EXPECT_EQ(error_of_sum({3}), "no error");
  EXPECT_EQ(error_of_sum({1, 1, 1, 3}), "no error");
  EXPECT_THAT(error_of_sum({1, 1, 3, 1}),
              HasSubstr("m.tflite: map (ADD): has constants [1, 1, 3, 1]"));
}

// Whatever a byte of the tables becomes, the file is rejected or gives a complete network.
TEST(TfliteReader, SurvivesAnyByteChanged) {
  const std::string file(written(everything()).text());
  int refused = 0;
  for (std::size_t at = 0; at < file.size(); at += 61) {
    std::string text = file;
    text[at] = static_cast<char>(text[at] ^ 0x5a);
    try {
      const Imported imported = read_tflite(Bytes(text), "m.tflite");
      graph::check_weights(imported.network);
      const TflitePart part = tflite_part(Bytes(text), "m.tflite", imported.keys);
      EXPECT_EQ(part.outputs.size(), imported.keys.size());
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 20);
}

}  // namespace
}  // namespace oko::formats
