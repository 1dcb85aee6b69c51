#include <gmock/gmock.h>

#include <cmath>
#include <cstring>

#include "oko/base/error.h"
#include "oko/formats/format.h"
#include "oko/formats/test_models.h"
#include "oko/graph/builtin.h"
#include "oko/graph/oko_file.h"

namespace oko::formats {
namespace {

using testing::HasSubstr;

struct Model {
  graph::Network network;
  Bytes weights;
  DarknetWeights header;
};

Model reference(const std::string& cfg, const std::string& weights) {
  const std::string folder = storage::join(reference_models(), "darknet");
  Model model{
      read_cfg(storage::join(folder, cfg)), storage::map(storage::join(folder, weights)), {}};
  model.header = read_darknet_weights(model.weights, weights, model.network);
  return model;
}

TEST(ReadDarknetWeights, LoadsEveryReferenceFileAndWritesItBitForBit) {
  OKO_NEEDS_REFERENCE_MODELS();
  for (const std::string name : {"yolo-fastest-1.1", "yolo-fastest-1.1-xl",
                                 "MobileNetV2-YOLOv3-Nano-coco", "yoloface-500k", "yoloface-50k"}) {
    SCOPED_TRACE(name);
    const Model model = reference(name + ".cfg", name + ".weights");
    EXPECT_TRUE(model.header.complete);
    EXPECT_EQ(model.header.minor, 2);
    EXPECT_EQ(model.header.revision, 5);
    EXPECT_NO_THROW(graph::check_weights(model.network));
    EXPECT_TRUE(std::ranges::equal(write_darknet_weights(model.network, model.header),
                                   model.weights.span()));
    EXPECT_EQ(darknet_classes_from_size(model.network, model.weights, "x.weights"),
              model.network.class_count());
  }
}

TEST(ReadDarknetWeights, ReferenceModelsPassThroughAnOkoFileBitForBit) {
  OKO_NEEDS_REFERENCE_MODELS();
  const Model model = reference("yoloface-500k.cfg", "yoloface-500k.weights");
  const Bytes oko(graph::write_oko(model.network));
  const graph::Network again = graph::read_oko(oko, "m.oko").network;
  EXPECT_EQ(again.layers, model.network.layers);
  EXPECT_TRUE(std::ranges::equal(write_darknet_weights(again, model.header), model.weights.span()));
  EXPECT_EQ(write_darknet_cfg(again), write_darknet_cfg(model.network));
}

TEST(ReadDarknetWeights, LoadsPrefixFiles) {
  OKO_NEEDS_REFERENCE_MODELS();
  const Model tiny = reference("../cfg/yolov3-tiny.cfg", "tiny-yolo-voc.conv.9");
  EXPECT_EQ(tiny.header.convolutions_loaded, 5);
  EXPECT_FALSE(tiny.header.complete);
  EXPECT_TRUE(tiny.network.weights.contains("layers.8.kernel"));
  EXPECT_FALSE(tiny.network.weights.contains("layers.10.bias"));

  const Model nano = reference("MobileNetV2-YOLOv3-Nano-coco.cfg", "MobileNetV2-Nano.57");
  EXPECT_FALSE(nano.header.complete);
  std::size_t loaded = 0;
  for (const auto& spec : graph::weight_specs(nano.network)) {
    loaded += nano.network.weights.contains(spec.name);
  }
  EXPECT_EQ(loaded, nano.network.weights.size());
  EXPECT_EQ(nano.header.convolutions_loaded, 48);
}

TEST(ReadDarknetWeights, BuiltinNetworksLoadPublishedWeights) {
  OKO_NEEDS_REFERENCE_MODELS();
  for (const auto& [name, file] : {std::pair("yolo-fastest", "yolo-fastest-1.1"),
                                   {"yolo-fastest-xl", "yolo-fastest-1.1-xl"}}) {
    graph::Network network = graph::make_builtin(name, {});
    const std::string path = storage::join(reference_models(), std::string("darknet/") + file);
    const Bytes bytes = storage::map(path + ".weights");
    const DarknetWeights header = read_darknet_weights(bytes, file, network);
    EXPECT_TRUE(header.complete);
    EXPECT_TRUE(std::ranges::equal(write_darknet_weights(network, header), bytes.span()));
  }
}

// Two convolutions and a head: 1 + 3 + 2 floats with batch norm, then 6 biases and 12 numbers.
graph::Network small() {
  return read_darknet_cfg(
      "[net]\nwidth=8\nheight=8\nchannels=1\n"
      "[convolutional]\nbatch_normalize=1\nfilters=2\nsize=1\nactivation=leaky\n"
      "[convolutional]\nfilters=6\nsize=1\nactivation=linear\n"
      "[yolo]\nanchors=1,2\nclasses=1\n",
      "small.cfg");
}
constexpr int kFirst = 2 * 5, kSmall = kFirst + 6 + 12;

std::vector<float> rising(int count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  return values;
}

template <typename Seen>
Bytes weights_file(int major, int minor, Seen seen, const std::vector<float>& values) {
  std::vector<std::byte> out(12 + sizeof(Seen) + values.size() * sizeof(float));
  const std::int32_t version[] = {major, minor, 0};
  std::memcpy(out.data(), version, 12);
  std::memcpy(out.data() + 12, &seen, sizeof seen);
  if (!values.empty()) {
    std::memcpy(out.data() + 12 + sizeof seen, values.data(), values.size() * sizeof(float));
  }
  return Bytes(std::move(out));
}

Bytes weights_file(const std::vector<float>& values) {
  return weights_file(0, 2, std::uint64_t{0}, values);
}

std::string complaint(const Bytes& file) {
  graph::Network network = small();
  try {
    read_darknet_weights(file, "w", network);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInput);
    EXPECT_TRUE(network.weights.empty());
    return e.what();
  }
  return "";
}

TEST(ReadDarknetWeights, ReadsBothWidthsOfSeen) {
  graph::Network network = small();
  auto header = read_darknet_weights(weights_file(0, 2, std::uint64_t{5} << 32, rising(kSmall)),
                                     "w", network);
  EXPECT_EQ(header.seen, std::uint64_t{5} << 32);
  EXPECT_EQ(network.weights["layers.0.bias"].floats()[1], 1);
  EXPECT_EQ(network.weights["layers.0.kernel"].floats()[0], 8);

  const Bytes old = weights_file(0, 1, std::uint32_t{77}, rising(kSmall));
  header = read_darknet_weights(old, "w", network);
  EXPECT_EQ(header.seen, 77U);
  EXPECT_EQ(network.weights["layers.1.kernel"].floats()[11], kSmall - 1);
  EXPECT_TRUE(std::ranges::equal(write_darknet_weights(network, header), old.span()));
}

TEST(ReadDarknetWeights, CopiesMisalignedFloats) {
  const Bytes file = weights_file(rising(kSmall));
  std::string shifted(1, ' ');
  shifted += file.text();
  graph::Network network = small();
  EXPECT_TRUE(read_darknet_weights(Bytes(shifted).part(1, file.size()), "w", network).complete);
  EXPECT_EQ(network.weights["layers.0.scale"].floats()[1], 3);
}

TEST(ReadDarknetWeights, ReportsTheNumberOfFloatsAndTheLayerThatNeedsMore) {
  EXPECT_THAT(complaint(weights_file(rising(kFirst + 3))),
              HasSubstr("w@60: the file has 13 floats, layer 1 (layers.1, convolution) needs 28"));
  EXPECT_THAT(complaint(weights_file(rising(kSmall + 1))),
              HasSubstr("w@132: the file has 29 floats, the network needs 28"));
}

TEST(ReadDarknetWeights, RejectsAFileTruncatedAnywhereButBetweenLayers) {
  const Bytes file = weights_file(rising(kSmall));
  for (std::size_t size = 0; size < file.size(); ++size) {
    const bool between_layers = size == 20 || size == 20 + kFirst * sizeof(float);
    EXPECT_EQ(complaint(file.part(0, size)).empty(), between_layers) << size;
  }
}

TEST(ReadDarknetWeights, RejectsWhatIsNotAWeightsFile) {
  EXPECT_THAT(complaint(Bytes(std::string_view("PK\3\4 some archive, longer than a header"))),
              HasSubstr("is not a Darknet version"));
  EXPECT_THAT(complaint(weights_file(-1, 2, std::uint64_t{0}, {})), HasSubstr("version -1.2"));
}

TEST(ReadDarknetWeights, NamesTheLayerWithWeightsThatNoTrainingProduces) {
  auto values = rising(kSmall);
  values[3] = NAN;
  EXPECT_THAT(complaint(weights_file(values)),
              HasSubstr("w@28: layer 0 (layers.0, convolution): layers.0.scale[1] is nan"));
  values = rising(kSmall);
  values[20] = INFINITY;
  EXPECT_THAT(complaint(weights_file(values)), HasSubstr("layers.1.kernel[4] is inf"));
  values = rising(kSmall);
  values[6] = -1;
  EXPECT_THAT(complaint(weights_file(values)), HasSubstr("layers.0.variance[0] is -1"));
}

TEST(DarknetClassesFromSize, FindsTheCountOrNone) {
  const graph::Network tiny = graph::make_builtin("yolov3-tiny", {.classes = 3});
  // 20 classes: the size of a published file, header included.
  const Bytes voc(std::vector<std::byte>(34'880'556, std::byte{0}));
  const auto with_version = [](const Bytes& zeros, std::size_t size) {
    std::vector<std::byte> copy(zeros.span().begin(), zeros.span().end());
    copy.resize(size);
    copy[4] = std::byte{2};
    return Bytes(std::move(copy));
  };
  EXPECT_EQ(darknet_classes_from_size(tiny, with_version(voc, voc.size()), "x.weights"), 20);
  EXPECT_EQ(darknet_classes_from_size(tiny, with_version(voc, voc.size() - 4), "x.weights"), 0);
  EXPECT_EQ(darknet_classes_from_size(tiny, with_version(voc, 1000), "x.weights"), 0);
}

TEST(WriteDarknetWeights, KeepsTheDivisorForAnotherEpsilon) {
  graph::Network network = small();
  read_darknet_weights(weights_file(rising(kSmall)), "w", network);
  std::get<graph::Convolution>(network.layers[0].operation).batch_norm = graph::BatchNorm{1e-3F};
  graph::Network darknets = small();
  read_darknet_weights(Bytes(write_darknet_weights(network)), "w", darknets);
  const float ours = network.weights["layers.0.variance"].floats()[0];
  const float theirs = darknets.weights["layers.0.variance"].floats()[0];
  EXPECT_FLOAT_EQ(ours + 1e-3F, theirs + 1e-5F);
  EXPECT_TRUE(std::ranges::equal(network.weights["layers.0.mean"].floats(),
                                 darknets.weights["layers.0.mean"].floats()));
}

TEST(WriteDarknetWeights, NeedsAllWeights) { EXPECT_THROW(write_darknet_weights(small()), Error); }

TEST(ReadDarknetWeights, CopiesSharedWeightsAndSetsThoseThatAreNotInTheFile) {
  const std::string_view cfg =
      "[net]\nwidth=1\nheight=1\nchannels=2\n"
      "[convolutional]\nbatch_normalize=1\nfilters=2\nsize=1\nactivation=leaky\n"
      "[convolutional]\nbatch_normalize=1\nfilters=2\nsize=1\nactivation=relu\nshare_index=0\n"
      "[softmax]\ntemperature=4\n";
  const std::vector<File> files{{"shared.cfg", Bytes(cfg)},
                                {"shared.weights", weights_file(rising(2 * 4 + 4))}};
  const graph::Network network = find_format("darknet")->read(files, {}).network;
  EXPECT_NO_THROW(graph::check_weights(network));
  for (const char* part : {".bias", ".scale", ".mean", ".variance", ".kernel"}) {
    const auto of = [&](const char* layer) {
      return network.weights.at(std::string(layer) + part).data.text();
    };
    EXPECT_EQ(of("layers.1"), of("layers.0")) << part;
  }
  const auto values = [&](const char* name) {
    const auto floats = network.weights.at(name).floats();
    return std::vector<float>(floats.begin(), floats.end());
  };
  EXPECT_EQ(values("layers.2.temperature.kernel"), (std::vector<float>{.25F, .25F}));
  EXPECT_EQ(values("layers.2.temperature.bias"), (std::vector<float>{0, 0}));
  // What is written has all of them.
  EXPECT_EQ(write_darknet_weights(network).size(), 20 + 4 * (2 * 12 + 4));
}

}  // namespace
}  // namespace oko::formats
