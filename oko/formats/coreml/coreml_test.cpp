#include "oko/formats/coreml.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstdio>

#include "oko/base/error.h"
#include "oko/formats/coreml/network_file.h"
#include "oko/formats/coreml/test_networks.h"
#include "oko/graph/builtin.h"
#include "oko/graph/fold.h"
#include "oko/graph/reference.h"
#include "tests/support/reference_models.h"

#define OKO_NEEDS_REFERENCE_MODELS()                                    \
  if (reference::path_of("models").empty()) {                           \
    GTEST_SKIP() << "set OKO_DATA to the folder of the reference data"; \
  }

namespace oko::formats {
namespace {

using coreml::every_operation;
using coreml::Message;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Imported read_back(const std::vector<File>& files) {
  if (files.size() == 1) return read_coreml(files[0].bytes, files[0].name);
  return read_coreml(files[1].bytes, files[1].name, files[2].bytes);
}

void expect_same(const graph::Network& original, const graph::Network& read, float tolerance = 0) {
  const graph::Network n = graph::inference_form(original);
  ASSERT_EQ(n.layers.size(), read.layers.size());
  for (std::size_t i = 0; i < n.layers.size(); ++i) EXPECT_EQ(n.layers[i], read.layers[i]) << i;
  EXPECT_EQ(n.input, read.input);
  EXPECT_EQ(n.preprocess, read.preprocess);
  EXPECT_EQ(n.classes, read.classes);
  EXPECT_EQ(n.name, read.name);
  EXPECT_EQ(n.metadata, read.metadata);
  ASSERT_EQ(n.weights.size(), read.weights.size());
  for (const auto& [name, tensor] : n.weights) {
    const auto a = tensor.floats(), b = read.weights.at(name).floats();
    ASSERT_EQ(a.size(), b.size()) << name;
    std::size_t apart = 0;
    for (std::size_t i = 0; i < a.size(); ++i) apart += std::fabs(a[i] - b[i]) > tolerance;
    EXPECT_EQ(apart, 0U) << name;
  }
}

std::vector<graph::Network> published_networks() {
  std::vector<graph::Network> networks;
  const std::string folder = reference::path_of("models/darknet");
  for (const reference::GoldenModel& model : reference::golden_models()) {
    const std::string base = folder + "/" + model.name;
    networks.push_back(reference::darknet_model(base + ".cfg", base + ".weights"));
  }
  for (const reference::SyntheticModel& model : reference::synthetic_models()) {
    networks.push_back(reference::synthetic_network(model));
  }
  return networks;
}

TEST(CoreMl, RoundTripsEveryPublishedNetworkBitForBit) {
  OKO_NEEDS_REFERENCE_MODELS();
  for (const graph::Network& network : published_networks()) {
    SCOPED_TRACE(network.name);
    const Imported read = read_back(write_coreml(network, {}, "m"));
    expect_same(network, read.network);
    EXPECT_TRUE(read.notes.empty());
  }
}

TEST(CoreMl, RoundTripsEveryPublishedNetworkThroughAPackage) {
  OKO_NEEDS_REFERENCE_MODELS();
  for (const graph::Network& network : published_networks()) {
    SCOPED_TRACE(network.name);
    expect_same(network, read_back(write_mlpackage(network, {}, "m")).network);
  }
}

TEST(CoreMl, RoundTripsEveryOperation) {
  for (const bool bgr : {false, true}) {
    graph::Network network = every_operation();
    network.preprocess.bgr = bgr;
    expect_same(network, read_back(write_coreml(network, {}, "m")).network);
  }
}

// A program adds two tensors at a time; the rest is unchanged.
TEST(CoreMl, RoundTripsEveryOperationThroughAPackage) {
  graph::Network network = every_operation();
  network.layers[12].inputs.pop_back();
  graph::infer_shapes(network);
  expect_same(network, read_back(write_mlpackage(network, {}, "m")).network);
  expect_same(
      network,
      read_back(write_mlpackage(network, {.precision = graph::Precision::kFloat16}, "m")).network,
      2e-3F);
}

TEST(CoreMl, RoundTripsTheLayersOfModernDetectors) {
  const graph::Network network = coreml::modern_layers();
  expect_same(network, read_back(write_coreml(network, {}, "m")).network);
}

// The file's layers compute the same, whatever oko makes of them.
void expect_same_function(const graph::Network& original, const Imported& read) {
  std::vector<float> input(static_cast<std::size_t>(original.input.count()));
  for (std::size_t i = 0; i < input.size(); ++i) {
    input[i] = static_cast<float>(i * 2654435761U % 1000) / 1000;
  }
  const auto expected = graph::Reference<double>(graph::inference_form(original)).run(input);
  graph::Network network = read.network;
  for (const int output : read.outputs) network.raw_outputs.push_back({output, "output"});
  const auto found = graph::Reference<double>(network).run(input);
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i].size(), expected[i].size());
    double most = 0;
    for (std::size_t k = 0; k < found[i].size(); ++k) {
      most = std::max(most, std::fabs(found[i][k] - expected[i][k]));
    }
    EXPECT_LT(most, 1e-5) << i;
  }
}

TEST(CoreMl, ReadsWhatItWritesOfModernDetectorsAndDarknet) {
  for (const graph::Network& network : {coreml::modern_layers(), coreml::darknet_layers()}) {
    SCOPED_TRACE(network.name);
    expect_same_function(network, read_back(write_coreml(network, {}, "m")));
    expect_same_function(network, read_back(write_mlpackage(network, {}, "m")));
  }
}

TEST(CoreMl, ExportsNanoDetPlusToBothKindsOfFiles) {
  graph::Network network =
      graph::make_builtin("nanodet-plus", {.classes = 2, .width = 64, .height = 96});
  network.classes = {"cat", "dog"};
  graph::fill_synthetic_weights(network);
  for (const graph::Precision precision :
       {graph::Precision::kFloat32, graph::Precision::kFloat16}) {
    const float tolerance = precision == graph::Precision::kFloat32 ? 0 : 4e-3F;
    const WriteOptions options{.precision = precision};
    expect_same(network, read_back(write_coreml(network, options, "m")).network, tolerance);
    expect_same(network, read_back(write_mlpackage(network, options, "m")).network, tolerance);
  }
  expect_same(network, read_back(write_coreml(network, {.boxes = true}, "m")).network);
}

TEST(CoreMl, KeepsQuantizedWeightsWithinTheirSteps) {
  const graph::Network network = every_operation();
  const auto written = [&](graph::Precision weights) {
    return read_back(write_coreml(network, {.precision = weights}, "m")).network;
  };
  expect_same(network, written(graph::Precision::kFloat16), 2e-3F);
  const graph::Network bytes = written(graph::Precision::kInt8);
  for (const auto& [name, tensor] : graph::inference_form(network).weights) {
    const auto a = tensor.floats(), b = bytes.weights.at(name).floats();
    if (name.ends_with("bias")) {
      EXPECT_TRUE(std::ranges::equal(a, b)) << name;
      continue;
    }
    const std::size_t each = a.size() / static_cast<std::size_t>(tensor.shape[0]);
    for (std::size_t row = 0; row < a.size(); row += each) {  // half of 1/255 of the row's range
      const auto [least, most] = std::ranges::minmax(a.subspan(row, each));
      for (std::size_t i = row; i < row + each; ++i) {
        EXPECT_LE(std::fabs(a[i] - b[i]), (most - least) / 255 * .501F) << name;
      }
    }
  }
}

TEST(CoreMl, WritesTheLowestPossibleVersion) {
  const graph::Network network = every_operation();
  const auto version = [](const std::vector<File>& files, std::size_t i) {
    return Message(files[i].bytes.span(), files[i].name).integer(1);
  };
  const auto of = [&](graph::Precision weights) {
    return version(write_coreml(network, {.precision = weights}, "m"), 0);
  };
  EXPECT_EQ(of(graph::Precision::kFloat32), 1U);
  EXPECT_EQ(of(graph::Precision::kFloat16), 2U);
  EXPECT_EQ(of(graph::Precision::kInt8), 3U);
  EXPECT_EQ(version(write_mlpackage(network, {.precision = graph::Precision::kFloat16}, "m"), 1),
            6U);
  // Shuffles need no newer version; places between pixels, corners and products of matrices do.
  const auto of_layer = [&](graph::Operation operation) {
    graph::Network small;
    small.input = {16, 4, 4};
    small.layers = {{"first", graph::Convolution{16}, {graph::kNetworkInput}, {}},
                    {"layer", std::move(operation), {0}, {}}};
    graph::infer_shapes(small);
    graph::fill_synthetic_weights(small);
    return version(write_coreml(small, {}, "m"), 0);
  };
  EXPECT_EQ(of_layer(graph::Shuffle{4}), 1U);
  EXPECT_EQ(of_layer(graph::SpaceToDepth{2}), 1U);
  EXPECT_EQ(of_layer(graph::Bilinear{2, graph::Grid::kAsymmetric}), 1U);
  EXPECT_EQ(of_layer(graph::Bilinear{2, graph::Grid::kCorners}), 3U);
  EXPECT_EQ(of_layer(graph::Attention{2, 2}), 4U);
  EXPECT_EQ(of_layer(graph::Bilinear{2, graph::Grid::kHalfPixel}), 5U);
  const graph::Network detector = coreml::small_detector(graph::Yolo{{{10, 10}}, {0}, 2}, 2);
  EXPECT_EQ(version(write_coreml(detector, {.boxes = true}, "m"), 0), 3U);
}

TEST(CoreMl, DescribesTheModel) {
  const WriteOptions options{.info = {"finds things", "an author", "MIT", "1.2"}};
  const std::vector<File> files = write_coreml(every_operation(), options, "m");
  EXPECT_EQ(files[0].name, "m.mlmodel");
  const Message metadata = Message(files[0].bytes.span(), files[0].name).message(2).message(100);
  EXPECT_EQ(metadata.text(1), "finds things");
  EXPECT_EQ(metadata.text(2), "1.2");
  EXPECT_EQ(metadata.text(3), "an author");
  EXPECT_EQ(metadata.text(4), "MIT");
  std::string classes;
  for (const Message& pair : metadata.messages(100, 8)) {
    if (pair.text(1) == "classes") classes = pair.text(2);
  }
  EXPECT_EQ(classes, "one,two,three,four");
  EXPECT_EQ(write_coreml(every_operation(), options, "m")[0].bytes.text(), files[0].bytes.text());
}

TEST(CoreMl, ACommaInAClassNameDoesNotSplitIt) {
  graph::Network network = every_operation();
  network.classes[1] = "nuts, mixed";
  network.classes[2] = "a\\b";
  const std::vector<File> files = write_coreml(network, {}, "m");
  const Message metadata = Message(files[0].bytes.span(), files[0].name).message(2).message(100);
  std::string classes;
  for (const Message& pair : metadata.messages(100, 8)) {
    if (pair.text(1) == "classes") classes = pair.text(2);
  }
  EXPECT_EQ(classes, "one,nuts\\, mixed,a\\\\b,four");
  EXPECT_EQ(read_coreml(files[0].bytes, "m").network.classes, network.classes);
}

TEST(CoreMl, NamesTheFilesOfAPackage) {
  const std::vector<File> files =
      write_mlpackage(every_operation(), {.precision = graph::Precision::kFloat16}, "app/m");
  ASSERT_EQ(files.size(), 3U);
  EXPECT_EQ(files[0].name, "app/m.mlpackage/Manifest.json");
  EXPECT_EQ(files[1].name, "app/m.mlpackage/Data/com.apple.CoreML/model.mlmodel");
  EXPECT_EQ(files[2].name, "app/m.mlpackage/Data/com.apple.CoreML/weights/weight.bin");
  const Json manifest = parse_json(files[0].bytes.text(), "manifest");
  EXPECT_EQ(manifest["fileFormatVersion"], "1.0.0");
  const Json root = manifest["itemInfoEntries"][manifest["rootModelIdentifier"].get<std::string>()];
  EXPECT_EQ(root["path"], "com.apple.CoreML/model.mlmodel");
  EXPECT_EQ(files[2].bytes.size() % 64, 0U);
}

// ---- The published classifier ----

Bytes published_classifier() {
  return reference::read_file(reference::path_of("models/other_formats/mnistCNN.mlmodel"));
}

TEST(CoreMl, ReadsThePublishedClassifier) {
  OKO_NEEDS_REFERENCE_MODELS();
  const Imported read = read_coreml(published_classifier(), "models/mnistCNN.mlmodel");
  const graph::Network& n = read.network;
  EXPECT_EQ(n.name, "mnistCNN");
  EXPECT_EQ(n.input, (graph::Shape{1, 28, 28}));
  EXPECT_THAT(n.classes, ElementsAre("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"));
  EXPECT_TRUE(read.notes.empty());
  std::vector<std::string> layers;
  for (const graph::Layer& layer : n.layers)
    layers.push_back(layer.name + " " + to_string(layer.output));
  EXPECT_THAT(layers,
              ElementsAre("conv2d_1 32x24x24", "max_pooling2d_1 32x12x12", "conv2d_2 64x10x10",
                          "max_pooling2d_2 64x5x5", "conv2d_3 128x5x5", "max_pooling2d_3 128x2x2",
                          "dense_1 128x1x1", "dense_2 10x1x1", "dense_2__activation__ 10x1x1"));
  expect_same(n, read_back(write_coreml(n, {}, "mnistCNN")).network);
}

// Every weight of the .h5 it was made from, read by Python's h5py in Core ML's order: name, count
// and an order-dependent sum.
constexpr const char* kH5Script = R"(import sys, h5py, numpy as np
f = h5py.File(sys.argv[1], 'r')
g = f['model_weights'] if 'model_weights' in f else f
side, channels = 2, 128
for layer in ('conv2d_1', 'conv2d_2', 'conv2d_3', 'dense_1', 'dense_2'):
    found = {}
    g[layer].visititems(lambda n, d: found.__setitem__(n.split('/')[-1].split(':')[0], d[()])
                        if isinstance(d, h5py.Dataset) else None)
    k, b = found['kernel'], found['bias']
    if k.ndim == 4:
        k = k.transpose(3, 2, 0, 1)
    else:
        k = k.T
        if layer == 'dense_1':
            k = k.reshape(-1, side, side, channels).transpose(0, 3, 1, 2)
    for name, v in (('bias', b), ('kernel', k)):
        sys.stdout.write('%s.%s %s\n' % (layer, name, np.ascontiguousarray(v, '<f4').tobytes().hex()))
)";

TEST(CoreMl, HasTheWeightsOfTheKerasModelItWasMadeFrom) {
  OKO_NEEDS_REFERENCE_MODELS();
  if (std::system("/usr/bin/python3 -c 'import h5py' 2> /dev/null") != 0) {
    GTEST_SKIP() << "python3-h5py is not installed";
  }
  const graph::Network n = read_coreml(published_classifier(), "mnistCNN.mlmodel").network;
  const std::string command = "/usr/bin/python3 - '" +
                              reference::path_of("models/other_formats/mnistCNN.h5") +
                              "' <<'END'\n" + kH5Script + "END\n";
  std::string text;
  FILE* pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  char buffer[65536];
  for (std::size_t got = 0; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    text.append(buffer, got);
  }
  EXPECT_EQ(pclose(pipe), 0);
  std::map<std::string, std::string> of_keras, of_coreml;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t space = text.find(' ', at), end = text.find('\n', at);
    of_keras[text.substr(at, space - at)] = text.substr(space + 1, end - space - 1);
    at = end + 1;
  }
  for (const auto& [name, tensor] : n.weights) {
    std::string& hex = of_coreml[name];
    for (const std::byte b : tensor.data.span()) {
      for (const unsigned shift : {4U, 0U}) {
        hex += "0123456789abcdef"[std::to_integer<unsigned>(b) >> shift & 15U];
      }
    }
  }
  EXPECT_EQ(of_keras.size(), 10U);
  EXPECT_EQ(of_keras, of_coreml);
}

// ---- What is rejected ----

std::string complaint(const Bytes& bytes, const Bytes& weights = {}) {
  try {
    read_coreml(bytes, "m.mlmodel", weights);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string field(int number, const std::string& content) {
  std::string text;
  const auto put = [&](std::size_t n) {
    for (; n > 127; n >>= 7) text += static_cast<char>((n & 127) | 128);
    text += static_cast<char>(n);
  };
  put(static_cast<std::size_t>(number) << 3 | 2);
  put(content.size());
  return text + content;
}

std::string named_layer(const std::string& name, const std::string& from, const std::string& to,
                        const std::string& layer) {
  return field(1, field(1, name) + field(2, from) + field(3, to) + layer);
}

// A network with one input image, 1x8x8.
std::string with_layers(const std::string& layers, const std::string& output = "out") {
  const std::string picture = field(4, std::string("\x08\x08\x10\x08\x18\x0a", 6));
  const std::string description =
      field(1, field(1, "image") + field(3, picture)) + field(10, field(1, output));
  const std::string scaler = field(2, field(1, "image") + field(10, "\x55\x81\x80\x80\x3b"));
  return std::string("\x08\x01", 2) + field(2, description) + field(500, layers + scaler);
}

std::string with_layer(const std::string& layer, const std::string& output = "out") {
  return with_layers(named_layer("a", "image", "out", layer), output);
}

std::string layer_complaint(const std::string& layer) {
  return complaint(Bytes(with_layer(layer)));
}

TEST(CoreMl, RejectsFaultyFilesAndSaysWhere) {
  EXPECT_EQ(complaint(Bytes()), "m.mlmodel: the file is empty");
  EXPECT_THAT(complaint(Bytes(std::string_view("PK\x03\x04 a zip file"))),
              HasSubstr("m.mlmodel@2: a field has no number"));
  EXPECT_THAT(complaint(Bytes(std::string("\x08\x01", 2) + field(402, ""))),
              HasSubstr("is a model of type 402, not a neural network or ML Program"));
  EXPECT_THAT(complaint(Bytes(std::string("\x08\x01", 2))), HasSubstr("contains no model"));
  const std::string whole = with_layer(field(130, field(10, "")));
  EXPECT_THAT(complaint(Bytes(whole.substr(0, whole.size() - 9))), HasSubstr("are left"));
  std::string long_length = whole;
  long_length[3] = '\x7f';
  EXPECT_THAT(complaint(Bytes(long_length)), HasSubstr("m.mlmodel@"));
  EXPECT_EQ(
      layer_complaint(field(400, "")),
      "m.mlmodel: a (simpleRecurrent): is an unsupported layer (supported: "
      "convolution, pooling, activation, innerProduct, batchnorm, softmax, padding, upsample, "
      "resizeBilinear, reorganizeData, add, multiply, scale, bias, flatten, concat, slice and "
      "split; channel shuffles and attention as oko writes them)");
  EXPECT_THAT(layer_complaint(field(130, field(60, ""))),
              HasSubstr("a (activation): is an unsupported activation"));
  EXPECT_THAT(layer_complaint(field(130, field(15, std::string("\x0d\0\0\0\x3f", 5)))),
              HasSubstr("leaky ReLU with slope 0.5"));
  EXPECT_THAT(complaint(Bytes(with_layer(field(130, field(10, "")), "other"))),
              HasSubstr("m.mlmodel: other: no layer produces this output"));
  // A convolution of 4 filters of 1 channel, 1x1, with three weights.
  const std::string sizes = field(20, "\x01\x01") + field(30, "\x01\x01") + field(50, "");
  const std::string weights = field(90, field(1, std::string(12, '\0')));
  EXPECT_THAT(layer_complaint(field(100, "\x08\x04\x10\x01" + sizes + weights)),
              HasSubstr("a (convolution): the kernel has 3 values instead of 4"));
  const std::string numbers = field(90, field(1, std::string("\0\0\0\0\0\0\xc0\x7f", 8)));
  EXPECT_THAT(layer_complaint(field(100, "\x08\x02\x10\x01" + sizes + numbers)),
              HasSubstr("m.mlmodel: a.kernel[1] is nan"));
  EXPECT_THAT(layer_complaint(field(100, "\x08\x04\x10\x01" + field(20, "\x01\x03") + weights)),
              HasSubstr("the window differs between rows and columns"));
  EXPECT_THAT(layer_complaint(field(100, "\x08\x03\x10\x01\x50\x02" + sizes + weights)),
              HasSubstr("a (convolution): "));
  EXPECT_THAT(layer_complaint(field(100, "\x08\xff\xff\xff\xff\x0f\x10\x01" + sizes + weights)),
              HasSubstr("has 4294967295 filters"));
  EXPECT_THAT(layer_complaint(field(210, field(1, "\x02\x03"))),
              HasSubstr("scales by 2 x 3; oko supports only one integer factor"));
}

TEST(CoreMl, AppliesSamePaddingToAPaddedTensor) {
  const std::string before = field(10, "\x08\x01") + field(10, "\x08\x01");
  const std::string kernel = field(90, field(1, std::string(36, '\0')));
  const std::string convolution =
      "\x08\x01\x10\x01" + field(20, "\x03\x03") + field(30, "\x02\x02") + field(51, "") + kernel;
  const std::string file =
      with_layers(named_layer("p", "image", "z", field(200, field(1, "") + field(10, before))) +
                  named_layer("c", "z", "out", field(100, convolution)));
  const graph::Network network = read_coreml(Bytes(file), "m.mlmodel").network;
  ASSERT_EQ(network.layers.size(), 1U);
  EXPECT_EQ(std::get<graph::Convolution>(network.layers[0].operation).padding,
            (graph::Padding{2, 2, 1, 1}));
  EXPECT_EQ(network.layers[0].output, (graph::Shape{1, 5, 5}));
}

TEST(CoreMl, RejectsAPackageWithoutItsWeights) {
  const std::vector<File> files =
      write_mlpackage(every_operation(), {.precision = graph::Precision::kFloat16}, "m");
  const Bytes model = files[1].bytes, weights = files[2].bytes;
  EXPECT_THAT(complaint(model), HasSubstr("weights/weight.bin, which is missing"));
  EXPECT_THAT(complaint(model, weights.part(0, weights.size() / 2)),
              testing::AnyOf(HasSubstr("no weight blob starts here"),
                             HasSubstr("goes past the end of the file")));
  std::vector<std::byte> other(weights.span().begin(), weights.span().end());
  other[64] = std::byte{0};
  EXPECT_THAT(complaint(model, Bytes(other)), HasSubstr("no weight blob starts here"));
}

}  // namespace
}  // namespace oko::formats
