#include "oko/formats/builder.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "oko/base/error.h"
#include "oko/formats/heads.h"
#include "oko/formats/tensor_order.h"

namespace oko::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Node kConv{"conv", "Conv"}, kNorm{"norm", "BatchNorm"}, kRelu{"relu", "Relu"};

graph::Tensor numbers(std::vector<std::int64_t> shape) {
  std::int64_t count = 1;
  for (const auto side : shape) count *= side;
  std::vector<float> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), 1.F);
  return graph::Tensor::of(std::move(values), std::move(shape));
}

std::vector<float> floats(const graph::Tensor& tensor) {
  return {tensor.floats().begin(), tensor.floats().end()};
}

// image (2x4x4) → conv of 3 filters → "a", with the readers of "a" counted.
NetworkBuilder begun(int uses_of_a = 1) {
  NetworkBuilder builder("net.x");
  builder.use("image");
  for (int i = 0; i < uses_of_a; ++i) builder.use("a");
  builder.input("image", {2, 4, 4});
  builder.convolution(kConv, "image", "a", {3, 1, 1, 1}, numbers({3, 2, 1, 1}), numbers({3}));
  return builder;
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(NetworkBuilder, PutsNormAndActivationIntoTheConvolution) {
  NetworkBuilder builder = begun();
  builder.use("b");
  builder.use("c");
  builder.batch_norm(kNorm, "a", "b", 1e-3F, numbers({3}), numbers({3}), numbers({3}),
                     numbers({3}));
  builder.activation(kRelu, "b", "c", graph::Activation::kRelu);
  const Imported imported = builder.finish("net", {"c"});
  ASSERT_EQ(imported.network.layers.size(), 1U);
  const auto& convolution = std::get<graph::Convolution>(imported.network.layers[0].operation);
  EXPECT_EQ(convolution.activation, graph::Activation::kRelu);
  EXPECT_EQ(convolution.batch_norm, graph::BatchNorm{1e-3F});
  // The convolution's bias 1 2 3 goes into the mean 1 2 3.
  EXPECT_THAT(floats(imported.network.weights.at("conv.mean")), ElementsAre(0, 0, 0));
  EXPECT_THAT(floats(imported.network.weights.at("conv.bias")), ElementsAre(1, 2, 3));
}

TEST(NetworkBuilder, KeepsTheTensorBeforeTheActivationForOtherReaders) {
  NetworkBuilder builder = begun(2);
  builder.use("b");
  builder.activation(kRelu, "a", "b", graph::Activation::kRelu);
  builder.use("sum");
  builder.add({"sum", "Add"}, {"a", "b"}, "sum");
  const Imported imported = builder.finish("net", {"sum"});
  ASSERT_EQ(imported.network.layers.size(), 3U);
  EXPECT_EQ(std::get<graph::Convolution>(imported.network.layers[0].operation).activation,
            graph::Activation::kLinear);
  const auto& own = std::get<graph::Convolution>(imported.network.layers[1].operation);
  EXPECT_EQ(own.groups, 3);
  EXPECT_EQ(own.activation, graph::Activation::kRelu);
  EXPECT_THAT(floats(imported.network.weights.at("relu.kernel")), ElementsAre(1, 1, 1));
  EXPECT_THAT(imported.network.layers[2].inputs, ElementsAre(0, 1));
}

TEST(NetworkBuilder, CountsReadersThroughAliases) {
  NetworkBuilder builder = begun(2);  // read by the identity and by the sum
  builder.use("same");
  builder.identity({"id", "Identity"}, "a", "same");
  builder.activation(kRelu, "same", "b", graph::Activation::kRelu);
  builder.add({"sum", "Add"}, {"a", "b"}, "sum");
  EXPECT_EQ(builder.finish("net", {"sum"}).network.layers.size(), 3U);
}

TEST(NetworkBuilder, KeepsEveryOutputAndAnAliasedOutputOnce) {
  NetworkBuilder builder = begun(2);
  for (const char* name : {"same", "same", "b"}) builder.use(name);
  builder.identity({"id", "Identity"}, "a", "same");
  builder.activation(kRelu, "same", "b", graph::Activation::kRelu);
  Imported imported = builder.finish("net", {"a", "b", "same"});
  EXPECT_THAT(imported.keys, ElementsAre("a", "b"));
  EXPECT_THAT(imported.notes,
              ElementsAre("the outputs a and same are the same tensor; it is kept once"));
  set_raw_outputs(imported);
  EXPECT_EQ(imported.network.outputs(), imported.outputs);
  EXPECT_THAT(output_names(imported.network), ElementsAre("a", "b"));
}

TEST(NetworkBuilder, GivesPaddingToTheNextConvolution) {
  NetworkBuilder builder = begun();
  builder.pad({"pad", "Pad"}, "a", "padded", {1, 1, 0, 0});
  builder.convolution({"next", "Conv"}, "padded", "b", {1, 3, 2, 1}, numbers({1, 3, 3, 3}), {});
  const Imported imported = builder.finish("net", {"b"});
  const graph::Layer& layer = imported.network.layers[1];
  EXPECT_EQ(std::get<graph::Convolution>(layer.operation).padding, (graph::Padding{1, 1, 0, 0}));
  EXPECT_EQ(layer.output, (graph::Shape{1, 2, 2}));
  EXPECT_THAT(error_of([] {
                NetworkBuilder b = begun();
                b.pad({"pad", "Pad"}, "a", "padded", {1, 1, 0, 0});
                b.upsample({"up", "Resize"}, "padded", "c", graph::Upsample{2});
              }),
              HasSubstr("net.x: up (Resize): reads a zero-padded tensor"));
}

TEST(NetworkBuilder, TurnsADenseLayerOnAFlattenedTensorIntoAConvolution) {
  for (const bool channels_last : {false, true}) {
    NetworkBuilder builder("net.x");
    builder.input("image", {2, 2, 2});
    builder.flatten({"flat", "Flatten"}, "image", "row", channels_last);
    builder.dense({"dense", "Dense"}, "row", "out", numbers({1, 8}), {});
    const Imported imported = builder.finish("net", {"out"});
    EXPECT_EQ(imported.network.layers[0].output, (graph::Shape{1, 1, 1}));
    const auto kernel = floats(imported.network.weights.at("dense.kernel"));
    if (channels_last) {
      EXPECT_THAT(kernel, ElementsAre(1, 3, 5, 7, 2, 4, 6, 8));
    } else {
      EXPECT_THAT(kernel, ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
    }
  }
}

TEST(NetworkBuilder, NamesTheFaultyNode) {
  EXPECT_THAT(error_of([] {
                begun().upsample({"up", "Resize"}, "nothing", "b", graph::Upsample{2});
              }),
              HasSubstr("net.x: up (Resize): reads \"nothing\", which no earlier node makes"));
  EXPECT_THAT(
      error_of([] {
        begun().convolution({"two", "Conv"}, "a", "b", {4, 3, 1, 1}, numbers({4, 3, 1, 1}), {});
      }),
      HasSubstr("two (Conv): the kernel is F32 [4, 3, 1, 1], it should be F32 [4, 3, 3, 3]"));
  EXPECT_THAT(error_of([] {
                begun().upsample({"\xff", "Resize"}, "a", "b", graph::Upsample{2});
              }),
              HasSubstr("not UTF-8"));
  EXPECT_THAT(error_of([] { begun().finish("\xc3(", {"a"}); }), HasSubstr("not UTF-8"));
  EXPECT_THAT(error_of([] { begun().input("second", {1, 1, 1}); }), HasSubstr("second input"));
  EXPECT_THAT(error_of([] { begun().finish("net", {}); }), HasSubstr("no outputs"));
}

TEST(NetworkBuilder, RejectsWeightsThatNoTrainingProduces) {
  const auto with = [](float kernel, float variance) {
    NetworkBuilder builder("net.x");
    builder.use("a");
    builder.input("image", {1, 4, 4});
    builder.convolution(kConv, "image", "a", {1, 1, 1, 1},
                        graph::Tensor::of({kernel}, {1, 1, 1, 1}), {});
    builder.batch_norm(kNorm, "a", "b", 1e-3F, numbers({1}), numbers({1}), numbers({1}),
                       graph::Tensor::of({variance}, {1}));
    return error_of([&] { builder.finish("net", {"b"}); });
  };
  EXPECT_THAT(with(NAN, 1), HasSubstr("net.x: conv.kernel[0] is nan"));
  EXPECT_THAT(with(INFINITY, 1), HasSubstr("net.x: conv.kernel[0] is inf"));
  EXPECT_THAT(with(1, -.5F), HasSubstr("net.x: conv.variance[0] is -0.5"));
  EXPECT_EQ(with(1, 0), "no error");
}

TEST(NetworkBuilder, SlicesAndSplitsChannelsIntoEqualParts) {
  NetworkBuilder builder("net.x");
  builder.input("image", {6, 4, 4});
  builder.slice({"slice", "Slice"}, "image", "last", 4, 2);
  builder.split({"split", "Split"}, "image", {"", "half"}, std::vector<std::int64_t>{3, 3});
  builder.slice({"whole", "Slice"}, "half", "same", 0, 3);
  const Imported imported = builder.finish("net", {"last", "same"});
  ASSERT_EQ(imported.network.layers.size(), 2U);
  EXPECT_EQ(imported.network.layers[0].operation, graph::Operation(graph::Route{3, 2}));
  EXPECT_EQ(imported.network.layers[1].operation, graph::Operation(graph::Route{2, 1}));
}

TEST(NetworkBuilder, CutsUnequalPartsOfTheChannels) {
  NetworkBuilder builder("net.x");
  for (const char* tensor : {"image", "low", "high", "part"}) builder.use(tensor);
  builder.input("image", {6, 4, 4});
  builder.split({"split", "Split"}, "image", {"low", "high"}, std::vector<std::int64_t>{2, 4});
  builder.slice({"slice", "Slice"}, "high", "part", 1, 2);
  const Imported imported = builder.finish("net", {"low", "part"});
  ASSERT_EQ(imported.network.layers.size(), 3U);
  EXPECT_EQ(imported.network.layers[0].operation, graph::Operation(graph::Route{3, 0}));
  EXPECT_EQ(imported.network.layers[1].operation, graph::Operation(graph::Slice{2, 4}));
  EXPECT_EQ(imported.network.layers[2].operation, graph::Operation(graph::Slice{1, 2}));
}

TEST(NetworkBuilder, RejectsPartsThatAreNotThere) {
  const auto slice = [](std::int64_t begin, std::int64_t count) {
    return error_of([&] { begun().slice({"s", "Slice"}, "a", "b", begin, count); });
  };
  EXPECT_EQ(slice(2, 2), "net.x: s (Slice): takes 2 of 3 channels from channel 2 on");
  for (const auto& [begin, count] : {std::pair{3, 1}, {-1, 1}, {0, 0}, {0, -3}, {0, 6}}) {
    EXPECT_THAT(slice(begin, count), HasSubstr("of 3 channels from")) << begin << " " << count;
  }
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_THAT(slice(kMost, kMost), HasSubstr("of 3 channels from"));
  const auto split = [](const std::vector<std::string>& to,
                        const std::vector<std::int64_t>& sizes) {
    return error_of([&] { begun().split({"s", "Split"}, "a", to, sizes); });
  };
  EXPECT_THAT(split({"b", "c"}, {}), HasSubstr("splits 3 channels into 2 parts of 2 in all"));
  EXPECT_THAT(split({"b", "c", "d"}, {1, 1, kMost}), HasSubstr("into 3 parts of 6 in all"));
  EXPECT_THAT(split({"b"}, {1, 2}), HasSubstr("into 1 parts"));
  EXPECT_THAT(split({}, {}), HasSubstr("into 0 parts"));
}

TEST(NetworkBuilder, ThrowsARefusalAtItsNode) {
  EXPECT_EQ(error_of([] {
              begun().activation(kRelu, "a", "b", Refusal{"bends", "be straight"});
            }),
            "net.x: relu (Relu): bends (be straight)");
}

TEST(NetworkBuilder, DropsUpsamplingByOne) {
  NetworkBuilder builder = begun();
  builder.upsample({"up", "Resize"}, "a", "b", graph::Upsample{1});
  EXPECT_EQ(builder.finish("net", {"b"}).network.layers.size(), 1U);
}

TEST(SamePadding, PutsTheOddPixelAtTheEndOrTheStart) {
  EXPECT_EQ(same_padding({1, 416, 416}, 3, 2), (graph::Padding{0, 0, 1, 1}));
  EXPECT_EQ(same_padding({1, 13, 13}, 2, 1), (graph::Padding{0, 0, 1, 1}));
  EXPECT_EQ(same_padding({1, 416, 416}, 3, 2, OddPixel::kStart), (graph::Padding{1, 1, 0, 0}));
  EXPECT_EQ(same_padding({1, 13, 13}, 3, 1), (graph::Padding{1, 1, 1, 1}));
  EXPECT_EQ(same_padding({1, 5, 4}, 1, 2), graph::Padding{});
}

TEST(Permuted, MovesDimensions) {
  const graph::Tensor turned = permuted(numbers({2, 3}), {1, 0});
  EXPECT_THAT(turned.shape, ElementsAre(3, 2));
  EXPECT_THAT(floats(turned), ElementsAre(1, 4, 2, 5, 3, 6));
}

}  // namespace
}  // namespace oko::formats
