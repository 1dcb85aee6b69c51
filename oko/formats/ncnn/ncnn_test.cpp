#include "oko/formats/ncnn.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>

#include "oko/base/error.h"
#include "oko/base/half.h"
#include "oko/formats/ncnn/param.h"
#include "oko/formats/test_models.h"
#include "oko/formats/test_round_trip.h"
#include "oko/graph/builtin.h"
#include "oko/graph/fold.h"
#include "oko/graph/synthetic.h"
#include "tests/support/reference_models.h"

namespace oko::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Imported read(const std::vector<File>& files) {
  return read_ncnn(files[0].bytes.text(), files[1].bytes, "m");
}

void expect_round_trip(const graph::Network& network) {
  const graph::Network plain = graph::inference_form(network);
  const Imported raw = read(write_ncnn(network, {}, "m"));
  expect_same(raw.network, without_heads(plain));
  const bool ncnn_decodes =
      std::ranges::all_of(yolos(plain), [](const auto& yolo) { return yolo.scale_x_y == 1; });
  if (!ncnn_decodes) return;
  const Imported whole = read(write_ncnn(network, {.boxes = true}, "m"));
  expect_same(without_heads(whole.network), without_heads(plain));
  EXPECT_EQ(yolos(whole.network), yolos(plain));
  EXPECT_EQ(whole.network.outputs().size(), plain.outputs().size());
}

TEST(Ncnn, RoundTripsPublishedModelsBitForBit) {
  OKO_NEEDS_REFERENCE_MODELS();
  const std::string folder = reference_models() + "/darknet/";
  for (const auto& model : reference::golden_models()) {
    SCOPED_TRACE(model.name);
    expect_round_trip(
        reference::darknet_model(folder + model.name + ".cfg", folder + model.name + ".weights"));
  }
}

TEST(Ncnn, RoundTripsTheNetworksOfThePaperBitForBit) {
  OKO_NEEDS_REFERENCE_MODELS();
  for (const auto& model : reference::synthetic_models()) {
    SCOPED_TRACE(model.name);
    expect_round_trip(reference::synthetic_network(model));
  }
}

TEST(Ncnn, RoundTripsEveryOperation) {
  const graph::Network network = everything();
  expect_same(read(write_ncnn(network, {}, "m")).network, network);
}

TEST(Ncnn, RoundTripsADetectorWithoutAnchors) {
  const graph::Network network = anchor_free();
  expect_same(read(write_ncnn(network, {}, "m")).network, without_heads(network));
}

TEST(Ncnn, RoundTripsTheLayersOfLaterDetectors) {
  const Imported imported = read(write_ncnn(modern(), {}, "m"));
  EXPECT_EQ(imported.outputs, modern().outputs());
  expect_same(imported.network, modern());
  expect_same(read(write_ncnn(more_layers(), {}, "m")).network, more_layers());
}

TEST(Ncnn, RoundTripsTheBuiltInNetworks) {
  for (const std::string_view name : graph::builtin_names()) {
    SCOPED_TRACE(name);
    graph::Network network = graph::make_builtin(name, {.classes = 3, .width = 64, .height = 64});
    graph::fill_synthetic_weights(network);
    expect_same(read(write_ncnn(network, {}, "m")).network,
                without_heads(graph::inference_form(network)));
  }
}

TEST(Ncnn, CannotInterpolateBetweenCornersOfPixels) {
  graph::Network network = anchor_free();
  std::get<graph::Bilinear>(network.layers[3].operation).grid = graph::Grid::kAsymmetric;
  try {
    write_ncnn(network, {}, "m");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("layer 3 (up, bilinear)"));
  }
}

TEST(Ncnn, KeepsHalfKernelsWithinElevenBits) {
  const graph::Network network = everything();
  const auto files = write_ncnn(network, {.precision = graph::Precision::kFloat16}, "m");
  EXPECT_LT(files[1].bytes.size(), write_ncnn(network, {}, "m")[1].bytes.size() * 2 / 3);
  const Imported imported = read(files);
  for (const auto& [name, tensor] : network.weights) {
    const auto found = imported.network.weights.find(name)->second.floats();
    for (std::size_t i = 0; i < found.size(); ++i) {
      const float value = tensor.floats()[i];
      const bool kernel = name.ends_with(".kernel");
      ASSERT_EQ(found[i], kernel ? to_float(to_half(value)) : value) << name;
    }
  }
}

// How many lines of each kind, without those that only pass tensors on.
std::map<std::string, int> kinds_of(std::string_view param) {
  std::map<std::string, int> kinds;
  for (const ncnn::Line& line : ncnn::parse_param(param, "p")) ++kinds[line.kind];
  return kinds;
}

TEST(Ncnn, MatchesThePublishedPairs) {
  OKO_NEEDS_REFERENCE_MODELS();
  for (const std::string name : {"yolo-fastest-1.1", "yolo-fastest-1.1-xl", "yoloface-500k"}) {
    SCOPED_TRACE(name);
    const std::string darknet = reference_models() + "/darknet/" + name;
    const std::string published = reference_models() + "/ncnn/" + name;
    const Bytes param = reference::read_file(published + ".param");
    const Imported theirs =
        read_ncnn(param.text(), reference::read_file(published + ".bin"), published);
    graph::Network network = reference::darknet_model(darknet + ".cfg", darknet + ".weights");
    // Those files were made with sqrt(variance + 1e-5), where Darknet has sqrt(variance) + 1e-6.
    for (graph::Layer& l : network.layers) {
      auto* c = std::get_if<graph::Convolution>(&l.operation);
      if (c != nullptr && c->batch_norm) c->batch_norm = graph::BatchNorm{1e-5F, false};
    }
    const auto files = write_ncnn(network, {.boxes = true}, name);
    EXPECT_EQ(kinds_of(files[0].bytes.text()), kinds_of(param.text()));
    const Imported ours = read(files);
    ASSERT_EQ(ours.network.layers.size(), theirs.network.layers.size());
    EXPECT_EQ(ours.network.input, theirs.network.input);
    EXPECT_EQ(yolos(ours.network), yolos(theirs.network));
    float most = 0;
    for (std::size_t i = 0; i < ours.network.layers.size(); ++i) {
      const graph::Layer &a = ours.network.layers[i], &b = theirs.network.layers[i];
      EXPECT_EQ(a.operation, b.operation) << a.name;
      EXPECT_EQ(a.inputs, b.inputs) << a.name;
      for (const char* part : {".kernel", ".bias"}) {
        const auto x = ours.network.weights.find(a.name + part);
        if (x == ours.network.weights.end()) continue;
        const auto y = theirs.network.weights.find(b.name + part);
        for (std::size_t k = 0; k < x->second.floats().size(); ++k) {
          const float one = x->second.floats()[k], other = y->second.floats()[k];
          most = std::max(most, std::fabs(one - other) / std::max(.01F, std::fabs(one)));
        }
      }
    }
    EXPECT_LT(most, name == "yoloface-500k" ? 1e-5 : 0x1p-10);  // float32, float16
    RecordProperty("largest_relative_difference_" + name, std::to_string(most));
  }
}

TEST(Ncnn, NamesTheHeadsAsEveryWriterDoes) {
  const auto files = write_ncnn(everything(), {}, "m");
  EXPECT_EQ(files[0].name, "m.param");
  EXPECT_EQ(files[1].name, "m.bin");
  const std::string text(files[0].bytes.text());
  EXPECT_THAT(text, HasSubstr("softmax 1 1 dense output 0=0 1=1\n"));
  EXPECT_THAT(text, HasSubstr("image 0 1 image 0=17 1=17 2=3\n"));
}

TEST(Ncnn, KeepsOutputsThatOtherLayersAlsoRead) {
  graph::Network network;
  network.input = {1, 4, 4};
  network.layers = {{"a", graph::Convolution{.filters = 2}, {graph::kNetworkInput}, {}},
                    {"b", graph::Convolution{.filters = 3}, {0}, {}}};
  network.raw_outputs = {{0, "scores"}, {1, "boxes"}};
  graph::infer_shapes(network);
  graph::fill_synthetic_weights(network);
  Imported imported = read(write_ncnn(network, {}, "m"));
  set_raw_outputs(imported);
  EXPECT_EQ(imported.network.raw_outputs, network.raw_outputs);
  EXPECT_THAT(imported.keys, ElementsAre("scores", "boxes"));
}

TEST(Ncnn, RejectsHeadsThatNcnnWouldDecodeDifferently) {
  graph::Network network =
      graph::make_builtin("yolov3-tiny", {.classes = 2, .width = 64, .height = 64});
  graph::fill_synthetic_weights(network);
  for (graph::Layer& l : network.layers) {
    if (auto* yolo = std::get_if<graph::Yolo>(&l.operation)) yolo->scale_x_y = 1.1F;
  }
  try {
    write_ncnn(network, {.boxes = true}, "m");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("scale_x_y 1"));
  }
}

TEST(Ncnn, ChangesNamesThatAParamCannotHoldAndSaysSo) {
  graph::Network network = everything();
  const auto rename = [&](std::size_t i, const std::string& name) {
    for (const char* part : {".kernel", ".bias"}) {
      auto weight = network.weights.extract(network.layers[i].name + part);
      if (weight.empty()) continue;
      weight.key() = name + part;
      network.weights.insert(std::move(weight));
    }
    network.layers[i].name = name;
  };
  rename(0, "first layer");
  rename(1, std::string(300, 'n') + "a");
  rename(2, std::string(300, 'n') + "b");
  rename(3, "first_layer");
  std::vector<std::string> notes;
  const Imported again = read(write_ncnn(network, {}, "m", &notes));
  EXPECT_THAT(notes, ElementsAre(HasSubstr("3 layer names")));
  EXPECT_EQ(again.network.layers[0].name, "first_layer_2");
  EXPECT_EQ(again.network.layers[1].name, std::string(200, 'n'));
  EXPECT_EQ(again.network.layers[2].name, std::string(190, 'n') + "_2");
  EXPECT_EQ(again.network.layers[3].name, "first_layer");
  ASSERT_EQ(again.network.layers.size(), network.layers.size());
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    EXPECT_EQ(again.network.layers[i].operation, network.layers[i].operation) << i;
  }
}

// The error message for a .param of these lines and a .bin of these bytes.
std::string error_of(const std::string& lines, const std::vector<std::byte>& bin = {}) {
  const auto count = std::ranges::count(lines, '\n');
  const std::string text = "7767517\n" + std::to_string(count) + " 9\n" + lines;
  try {
    read_ncnn(text, Bytes(bin), "m");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(NcnnReader, ReportsWhatIsWrong) {
  const std::string in = "Input image 0 1 image 0=8 1=8 2=3\n";
  const auto error_behind = [&](const std::string& line) { return error_of(in + line + "\n"); };
  try {
    read_ncnn("PNG\n", {}, "m");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("m.param:1: is not an ncnn model"));
  }
  try {
    read_ncnn("7767517\n3 3\n" + in, {}, "m");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("has 1 layers but declares 3"));
  }
  try {  // cut within a line
    read_ncnn("7767517\n3 3\n" + in + "Convolution conv_1 1", {}, "m");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("m.param:4: is not a layer"));
    EXPECT_THAT(error.hint(), HasSubstr("truncated"));
  }
  EXPECT_THAT(error_of("Input image 0 1 image\n"), HasSubstr("m.param:3 (Input image): the input"));
  EXPECT_THAT(error_behind("LSTM a 1 1 image b"),
              HasSubstr("does not support ncnn's layer \"LSTM\""));
  EXPECT_THAT(error_behind("ReLU a 1 1 other b"), HasSubstr("\"other\", which no earlier node"));
  EXPECT_THAT(error_behind("ReLU a 5 1 image b"), HasSubstr("fewer blobs than it declares"));
  EXPECT_THAT(error_behind("ReLU a 1 1 image b 0=2.0e-01"), HasSubstr("slope 0.2"));
  EXPECT_THAT(error_behind("ReLU a 1 1 image b -23310=7,1"),
              HasSubstr("the declared number of values"));
  EXPECT_THAT(error_behind("Convolution a 1 1 image b 0=99999999 1=3 6=9"),
              HasSubstr("not in 1…1048576"));
  EXPECT_THAT(error_behind("Convolution a 1 1 image b 0=8 1=3 6=10"),
              HasSubstr("should have 216 values, the line declares 10"));
  EXPECT_THAT(error_behind("Convolution a 1 1 image b 0=1048576 1=1024 6=3"),
              HasSubstr("the line declares 3"));
  EXPECT_THAT(error_behind("Convolution a 1 1 image b 0=8 1=3 6=216"), HasSubstr("m.bin@0"));
  EXPECT_THAT(error_behind("Convolution a 1 1 image b 0=8 1=3 2=2 12=1 6=216"),
              HasSubstr("not square"));
  EXPECT_THAT(error_behind("Interp a 1 1 image b 0=3 1=2.0 2=2.0"),
              HasSubstr("interpolates (type 3); oko supports only nearest neighbour"));
  EXPECT_THAT(error_behind("Crop a 1 1 image b -23309=1,3 -23310=1,5 -23311=1,0"),
              HasSubstr("of 3 channels from channel 3 on"));
  EXPECT_THAT(error_behind("Pooling a 1 1 image b 0=1 1=3 2=2 3=1 6=1"),
              HasSubstr("a remainder that does not count"));
  EXPECT_THAT(error_behind("BinaryOp a 1 1 image b 0=3 1=1 2=2.0"),
              HasSubstr("neither a plain sum nor a product"));
  EXPECT_THAT(error_behind("Padding a 1 1 image b 8=2"), HasSubstr("only before a sum"));
  EXPECT_THAT(error_behind("Reshape a 1 1 image b 0=7 1=8 2=3"),
              HasSubstr("moves values in a way"));
  EXPECT_THAT(error_behind("HardSwish a 1 1 image b"), HasSubstr("is a hard sigmoid of 0.2 x"));
  EXPECT_THAT(error_of(in + "Pooling a 1 1 image b 0=0 1=2 2=2\n", {std::byte{1}}),
              HasSubstr("m.bin@0: 1 bytes are left"));
  EXPECT_THAT(error_behind("Convolution a 1 1 image b 0=6 1=1 6=18\n"
                           "Yolov3DetectionOutput y 1 1 b out 0=1 1=1 -23304=2,1.0,1.0 "
                           "-23305=1,0"),
              HasSubstr("m.bin@0"));
}

// The network of a .param of these lines, which have no weights.
Imported read_lines(const std::string& lines, std::optional<image::Size> size = {}) {
  const auto count = std::ranges::count(lines, '\n');
  return read_ncnn("7767517\n" + std::to_string(count) + " 9\n" + lines, {}, "m", size);
}

TEST(NcnnReader, UsesTheGivenInputSizeWhereTheFileHasNone) {
  const std::string pool = "Pooling a 1 1 image b 0=0 1=2 2=2\n";
  for (const char* line : {"Input image 0 1 image\n", "Input image 0 1 image 0=0 1=0 2=3\n"}) {
    EXPECT_EQ(read_lines(line + pool, image::Size{16, 8}).network.input, (graph::Shape{3, 8, 16}));
  }
  EXPECT_THAT(error_of("Input image 0 1 image\n" + pool), HasSubstr("--size WxH"));
  EXPECT_EQ(read_lines("Input image 0 1 image -23330=4,3,6,4,2\n" + pool).network.input,
            (graph::Shape{2, 4, 6}));
}

TEST(NcnnReader, ReadsAChannelCropThatRepeatsTheTensorsSize) {
  const std::string in = "Input image 0 1 image 0=8 1=6 2=4\n";
  const auto imported = read_lines(in + "Crop a 1 1 image b 2=2 3=8 4=6 5=2\n");
  EXPECT_EQ(imported.network.layers.at(0).operation, graph::Operation(graph::Route{2, 1}));
  EXPECT_EQ(read_lines(in + "Crop a 1 1 image b 2=2\n").network.layers.at(0).operation,
            graph::Operation(graph::Route{2, 1}));
  EXPECT_THAT(error_of(in + "Crop a 1 1 image b 2=2 3=7 4=6 5=2\n"), HasSubstr("--size"));
  EXPECT_THAT(error_of(in + "Crop a 1 1 image b 0=1 2=2 3=8 4=6 5=2\n"),
              HasSubstr("dimensions other than channels of 4x6x8"));
  EXPECT_THAT(error_of(in + "Crop a 1 1 image b 2=2 3=8 4=6 5=3\n"),
              HasSubstr("takes 3 of 4 channels from channel 2 on"));
}

TEST(NcnnReader, NamesTheFileOfTheWeightsThatWasGiven) {
  try {
    read_ncnn(
        "7767517\n2 2\nInput i 0 1 image 0=4 1=4 2=3\nConvolution c 1 1 image b 0=1 1=1 6=3\n", {},
        "m", {}, "other.bin");
    FAIL() << "a file without weights was read";
  } catch (const Error& error) {
    EXPECT_THAT(error.place(), HasSubstr("other.bin@0"));
  }
}

TEST(NcnnReader, DividesWhatASliceLeaves) {
  const std::string in = "Input image 0 1 image 0=8 1=6 2=7\n";
  const auto imported = read_lines(in + "Slice a 1 3 image b c d -23300=3,1,-233,-233\n");
  ASSERT_EQ(imported.outputs.size(), 3U);
  std::vector<int> channels;
  for (const int output : imported.outputs) {
    channels.push_back(imported.network.layers[output].output.channels);
  }
  EXPECT_THAT(channels, ElementsAre(1, 3, 3));
}

TEST(NcnnReader, ReadsAShuffleInReverse) {
  const std::string in = "Input image 0 1 image 0=8 1=6 2=6\n";
  EXPECT_EQ(
      read_lines(in + "ShuffleChannel a 1 1 image b 0=2 1=1\n").network.layers.at(0).operation,
      graph::Operation(graph::Shuffle{3}));
}

TEST(NcnnReader, ReadsNumbersAsNcnnDoes) {
  const std::string in = "\xef\xbb\xbf";  // a byte order mark
  const auto imported = read_ncnn(in + "7767517\n2 2\nInput image 0 1 image 0=8 1=6 2=4\n"
                                       "Interp a 1 1 image b 0=1 1=2.f 2=2.0F\n",
                                  {}, "m");
  EXPECT_EQ(imported.network.layers.at(0).operation, graph::Operation(graph::Upsample{2}));
}

TEST(NcnnReader, RejectsQuantizedKernels) {
  const std::string lines =
      "Input image 0 1 image 0=8 1=8 2=1\nConvolution a 1 1 image b 0=1 1=1 6=1\n";
  const auto bin = std::as_bytes(std::span("\x38\x4B\x0D\x00\x01\x00\x00"));
  EXPECT_THAT(error_of(lines, {bin.begin(), bin.end()}), HasSubstr("as int8 or a lookup table"));
  const auto nan = std::as_bytes(std::span("\x00\x00\x00\x00\x00\x00\xC0\x7F"));
  EXPECT_THAT(error_of(lines, {nan.begin(), nan.begin() + 8}),
              HasSubstr("values that are not finite"));
}

TEST(NcnnReader, RejectsTruncatedFiles) {
  const auto files = write_ncnn(everything(), {}, "m");
  for (std::size_t size = 0; size < files[0].bytes.size(); size += 37) {
    const std::string text(files[0].bytes.text().substr(0, size));
    EXPECT_THROW(read_ncnn(text, files[1].bytes, "m"), Error) << size;
  }
  for (std::size_t size = 0; size < files[1].bytes.size(); size += 101) {
    const Bytes& whole = files[1].bytes;
    EXPECT_THROW(read_ncnn(files[0].bytes.text(), whole.part(0, size), "m"), Error);
  }
}

}  // namespace
}  // namespace oko::formats
