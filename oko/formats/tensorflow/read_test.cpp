#include <gmock/gmock.h>

#include "oko/base/error.h"
#include "oko/formats/keras/testing/against_darknet.h"
#include "oko/formats/tensorflow.h"

namespace oko::formats {
namespace {

using ::testing::HasSubstr;

Bytes written(const std::string& model, const std::string& flags) {
  return converted("tensorflow/testing/write_darknet.py", model, flags);
}

TEST(ReadTensorflow, ComputesWhatTheDarknetModelComputes) {
  OKO_NEEDS_REFERENCE_MODELS();
  OKO_NEEDS_PYTHON("numpy");
  for (const reference::GoldenModel& model : reference::golden_models()) {
    if (model.name == std::string("yolo-fastest-1.1-xl")) continue;  // as its smaller sister
    SCOPED_TRACE(model.name);
    const graph::Network original = darknet_original(model.name);
    const Imported imported = read_tensorflow(written(model.name, ""), "m.pb");
    // Batch norm and activation are folded into the convolutions, as in the original.
    EXPECT_EQ(graph::weight_specs(imported.network).size(), graph::weight_specs(original).size());
    expect_same_maps(with_heads_of(imported, original), original, golden_input(model), 1e-4);
  }
}

TEST(ReadTensorflow, UnderstandsEveryEquivalentForm) {
  OKO_NEEDS_REFERENCE_MODELS();
  OKO_NEEDS_PYTHON("numpy");
  struct Case {
    const reference::GoldenModel* model;
    const char* flags;
    double within;
  };
  const reference::GoldenModel& face = reference::golden_models()[4];
  const reference::GoldenModel& fast = reference::golden_models()[0];
  for (const Case& c : {Case{&face, "unfused maximum", 1e-4}, Case{&face, "bias-add", 1e-4},
                        Case{&face, "nchw", 1e-4}, Case{&face, "half", .2},
                        Case{&fast, "unfused maximum shape-of decoded", 1e-4}}) {
    SCOPED_TRACE(c.flags);
    const graph::Network original = darknet_original(c.model->name);
    const Imported imported = read_tensorflow(written(c.model->name, c.flags), "m.pb");
    const auto of_original = [](const graph::Layer& layer) {
      return std::holds_alternative<graph::Convolution>(layer.operation);
    };
    EXPECT_EQ(std::ranges::count_if(imported.network.layers, of_original),
              std::ranges::count_if(original.layers, of_original));
    expect_same_maps(with_heads_of(imported, original), original, golden_input(*c.model), c.within);
  }
}

TEST(ReadTensorflow, DropsTheBoxDecodingAndSaysSo) {
  OKO_NEEDS_REFERENCE_MODELS();
  OKO_NEEDS_PYTHON("numpy");
  const Imported imported = read_tensorflow(written("yolo-fastest-1.1", "decoded"), "m.pb");
  ASSERT_EQ(imported.outputs.size(), 2U);
  for (const int output : imported.outputs) {
    const graph::Layer& layer = imported.network.layers[output];
    EXPECT_EQ(layer.output.channels, 255);
    EXPECT_EQ(std::get<graph::Convolution>(layer.operation).activation, graph::Activation::kLinear);
  }
  ASSERT_EQ(imported.notes.size(), 2U);
  ASSERT_FALSE(imported.dropped.empty());
  EXPECT_THAT(imported.dropped.front().place, HasSubstr(imported.dropped.front().kind));
  EXPECT_THAT(imported.notes[0], HasSubstr("dropped from decode121/"));
  EXPECT_THAT(imported.notes[0], HasSubstr("the raw tensor \"layer120/bias_add\" is an output"));
}

TEST(ReadTensorflow, UsesTheGivenSizeWhereTheFileDoesNotFixIt) {
  OKO_NEEDS_REFERENCE_MODELS();
  OKO_NEEDS_PYTHON("numpy");
  const SyntheticTiny tiny;
  const Bytes file = converted("tensorflow/testing/write_darknet.py", tiny.cfg, tiny.weights,
                               "open-size maximum shape-of");
  try {
    read_tensorflow(file, "m.pb");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "m.pb: input (Placeholder): the file does not fix the input size (set it, for "
                 "example with --size 416x416)");
  }
  const Imported imported = read_tensorflow(file, "m.pb", image::Size{416, 416});
  expect_same_maps(with_heads_of(imported, tiny.original), tiny.original, tiny.input, 1e-4);
}

}  // namespace
}  // namespace oko::formats
