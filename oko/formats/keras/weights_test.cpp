#include <gmock/gmock.h>

#include "oko/base/error.h"
#include "oko/formats/keras.h"
#include "oko/formats/keras/testing/against_darknet.h"

namespace oko::formats {
namespace {

using ::testing::HasSubstr;

Bytes written(const std::string& model, const std::string& flags) {
  return converted("keras/testing/write_darknet.py", model, flags);
}

void expect_equal_weights(const graph::Network& a, const graph::Network& b) {
  ASSERT_EQ(a.weights.size(), b.weights.size());
  for (const auto& [name, tensor] : a.weights) {
    EXPECT_EQ(tensor.shape, b.weights.at(name).shape) << name;
    EXPECT_EQ(tensor.data.text(), b.weights.at(name).data.text()) << name;
  }
}

std::string error_of(const Bytes& file, graph::Network network) {
  const graph::Network before = network;
  try {
    read_keras_weights(file, "m.h5", network);
  } catch (const Error& error) {
    EXPECT_EQ(network.layers, before.layers);
    EXPECT_EQ(network.weights.size(), before.weights.size());
    return error.what();
  }
  return "no error";
}

TEST(ReadKerasWeights, ReadsTheDarknetWeightsBitForBit) {
  OKO_NEEDS_REFERENCE_MODELS();
  OKO_NEEDS_PYTHON("h5py");
  for (const char* model : {"yoloface-50k", "yoloface-500k", "yolo-fastest-1.1"}) {
    for (const char* flags : {"weights raw", "weights raw numbered-from-none", "raw"}) {
      SCOPED_TRACE(std::string(model) + " " + flags);
      const std::string base = darknet_base(model);
      const Bytes file = written(model, flags);
      graph::Network network = read_cfg(base + ".cfg");
      as_original_darknet(network);  // as darknet_original() is
      EXPECT_THAT(read_keras_weights(file, "m.h5", network, std::nullopt), ::testing::IsEmpty());
      const graph::Network original = darknet_original(model);
      EXPECT_EQ(network.layers, original.layers);
      expect_equal_weights(network, original);
    }
  }
}

// The file interleaves the two heads' layers, sorted by depth; their numbers give the order.
TEST(ReadKerasWeights, FollowsTheNumbersNotTheOrderInYolov3Tiny) {
  OKO_NEEDS_REFERENCE_MODELS();
  OKO_NEEDS_PYTHON("h5py");
  const SyntheticTiny tiny;
  graph::Network network = read_cfg(tiny.cfg);
  const Bytes file =
      converted("keras/testing/write_darknet.py", tiny.cfg, tiny.weights, "weights raw");
  read_keras_weights(file, "m.h5", network, std::nullopt);
  expect_equal_weights(network, tiny.original);
}

TEST(ReadKerasWeights, UsesKerasEpsilonForBatchNormAndSaysSo) {
  OKO_NEEDS_REFERENCE_MODELS();
  OKO_NEEDS_PYTHON("h5py");
  graph::Network network = read_cfg(darknet_base("yoloface-50k") + ".cfg");
  const auto notes = read_keras_weights(written("yoloface-50k", "weights"), "m.h5", network);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_THAT(notes[0], HasSubstr("epsilon"));
  reference::expect_golden_heads(reference::golden_models()[4], [&](const graph::Network&) {
    return runtime::make_engine(network, {.threads = 1});
  });
}

TEST(ReadKerasWeights, NamesBothLayersWhereTheyDiffer) {
  OKO_NEEDS_REFERENCE_MODELS();
  OKO_NEEDS_PYTHON("h5py");
  const std::string face = darknet_base("yoloface-50k"), fast = darknet_base("yolo-fastest-1.1");
  const Bytes file = written("yoloface-50k", "weights");
  EXPECT_THAT(error_of(file, read_cfg(fast + ".cfg")),
              HasSubstr("m.h5: has 17 convolutions, the network 56: layer "));
  graph::Network other = read_cfg(face + ".cfg");
  graph::set_class_count(other, 2);
  EXPECT_THAT(error_of(file, other),
              HasSubstr("m.h5: conv2d_17: kernel [18, 32, 1, 1] is for layer 32 (layers.32, "
                        "convolution), which needs [21, 32, 1, 1]"));
  const std::string mnist = reference_models() + "/other_formats/mnistCNN.h5";
  EXPECT_THAT(error_of(storage::read(mnist), read_cfg(face + ".cfg")),
              HasSubstr("m.h5: dense_1: its order relative to conv2d_1 does not follow"));
}

TEST(ReadKeras, AsksForTheNetworkOfAWeightsOnlyFile) {
  OKO_NEEDS_REFERENCE_MODELS();
  OKO_NEEDS_PYTHON("h5py");
  const Bytes file = written("yoloface-50k", "weights");
  EXPECT_FALSE(keras_has_structure(file, "m.h5"));
  EXPECT_TRUE(keras_has_structure(written("yoloface-50k", ""), "m.h5"));
  EXPECT_THROW(read_keras(file, "m.h5"), Error);
}

}  // namespace
}  // namespace oko::formats
