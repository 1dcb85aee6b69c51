#include <gmock/gmock.h>

#include "oko/formats/onnx.h"
#include "oko/formats/onnx/test_graph.h"
#include "oko/graph/reference.h"

// What exporters make of networks, node by node.
namespace oko::formats {
namespace {

using graph::Activation;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Sides = std::vector<std::int64_t>;

Imported read(const TestGraph& graph, const OnnxReadOptions& options = {}) {
  return read_onnx(graph.file(), "a.onnx", options);
}

const graph::Convolution& convolution_of(const Imported& imported, std::size_t layer) {
  return std::get<graph::Convolution>(imported.network.layers.at(layer).operation);
}

TEST(OnnxReader, DropsPostProcessingAndNamesItsFirstNode) {
  TestGraph g;
  g.input();
  const std::string map = g.convolution("head", "image", 3, 14);
  const std::string five = g.to.node("Reshape", "view", {map, g.to.integers("s", {1, 2, 7, 8, 8})});
  g.to.node("Transpose", "turn", {five});
  g.to.set("perm", Sides{0, 1, 3, 4, 2});
  g.output(g.to.node("Sigmoid", "decode", {"turn"}));
  const Imported imported = read(g);
  EXPECT_EQ(imported.network.layers.size(), 1U);
  EXPECT_THAT(imported.outputs, ElementsAre(0));
  EXPECT_THAT(
      imported.notes,
      ElementsAre(HasSubstr("post-processing dropped from view (Reshape) on, 3 nodes in total")));
}

TEST(OnnxReader, TreatsSplitsAndSigmoidsAfterTheHeadAsPostProcessing) {
  TestGraph g;
  g.input();
  const std::string map = g.convolution("head", "image", 3, 14);
  for (const std::int64_t begin : {0, 7}) {
    const std::string n = std::to_string(begin);
    g.to.node("Slice", "part" + n,
              {map, g.to.integers("b" + n, {begin}), g.to.integers("e" + n, {begin + 7}),
               g.to.integers("a" + n, {1})});
    const std::string sure = g.to.node("Sigmoid", "sure" + n, {"part" + n});
    g.output(g.to.node("Exp", "exp" + n, {sure}));
  }
  const Imported imported = read(g);
  EXPECT_EQ(imported.network.layers.size(), 1U);
  EXPECT_THAT(imported.outputs, ElementsAre(0));
}

TEST(OnnxReader, KeepsASigmoidThatIsAnOutput) {
  TestGraph g;
  g.input();
  g.output(g.to.node("Sigmoid", "sure", {g.convolution("head", "image", 3, 6)}));
  const Imported imported = read(g);
  EXPECT_EQ(convolution_of(imported, 0).activation, Activation::kLogistic);
  EXPECT_THAT(imported.notes, IsEmpty());
}

TEST(OnnxReader, MergesSwishAndMishWrittenAsSeveralNodes) {
  TestGraph g;
  g.input();
  const std::string a = g.convolution("a", "image", 3, 4);
  const std::string swish = g.to.node("Mul", "swish", {g.to.node("Sigmoid", "s", {a}), a});
  const std::string b = g.convolution("b", swish, 4, 4);
  const std::string soft = g.to.node("Softplus", "soft", {b});
  g.output(g.to.node("Mul", "mish", {b, g.to.node("Tanh", "tanh", {soft})}));
  const Imported imported = read(g);
  ASSERT_EQ(imported.network.layers.size(), 2U);
  EXPECT_EQ(convolution_of(imported, 0).activation, Activation::kSwish);
  EXPECT_EQ(convolution_of(imported, 1).activation, Activation::kMish);
}

// PyTorch computes sizes at run time: shape, gather, times two, concat.
TEST(OnnxReader, FoldsSizesComputedFromShapes) {
  TestGraph g;
  g.input();
  const std::string map = g.convolution("a", "image", 3, 4);
  const std::string shape = g.to.node("Shape", "shape", {map});
  std::vector<std::string> sides{
      g.to.node("Slice", "front", {shape, g.to.integers("zero", {0}), g.to.integers("two", {2})})};
  for (const std::int64_t i : {2, 3}) {
    const std::string n = std::to_string(i);
    const std::string side = g.to.node("Gather", "side" + n, {shape, g.to.integer("i" + n, i)});
    const std::string twice = g.to.node("Mul", "twice" + n, {side, g.to.integer("t" + n, 2)});
    const std::string row = g.to.node("Unsqueeze", "row" + n, {twice, g.to.integers("x" + n, {0})});
    sides.push_back(row);
  }
  g.to.node("Concat", "sizes", sides);
  g.to.set("axis", std::int64_t{0});
  g.output(g.to.node("Resize", "up", {map, "", "", "sizes"}));
  const Imported imported = read(g);
  ASSERT_EQ(imported.network.layers.size(), 2U);
  EXPECT_EQ(imported.network.layers[1].operation, graph::Operation(graph::Upsample{2}));
}

// torch.nn.ZeroPad2d: pads in reverse dimension order, reordered by Slice and Transpose.
TEST(OnnxReader, FoldsPadsAsPyTorchWritesThem) {
  TestGraph g;
  g.input();
  const std::string rest = g.to.node("ConstantOfShape", "rest", {g.to.integers("four", {4})});
  onnx::Node& node = *g.model.mutable_graph()->mutable_node(0);
  onnx::Attribute& value = *node.add_attribute();
  value.set_name("value");
  value.mutable_t()->add_dims(1);
  value.mutable_t()->set_data_type(7);
  value.mutable_t()->set_raw_data(std::string(8, '\0'));
  const std::string all = g.to.node("Concat", "all", {g.to.integers("pads", {1, 2, 3, 4}), rest});
  g.to.set("axis", std::int64_t{0});
  const std::string pairs = g.to.node("Reshape", "pairs", {all, g.to.integers("p", {-1, 2})});
  const std::string turned =
      g.to.node("Slice", "turned",
                {pairs, g.to.integers("b", {-1}), g.to.integers("e", {-9223372036854775807}),
                 g.to.integers("x", {0}), g.to.integers("st", {-1})});
  const std::string rows = g.to.node("Transpose", "rows", {turned});
  g.to.set("perm", Sides{1, 0});
  const std::string flat = g.to.node("Reshape", "flat", {rows, g.to.integers("f", {-1})});
  g.to.node("Pad", "pad", {"image", flat});
  g.to.node("Conv", "conv", {"pad", g.weights("w", {2, 3, 3, 3})});
  const Imported imported = read(g.output("conv"));
  EXPECT_EQ(convolution_of(imported, 0).padding, (graph::Padding{3, 1, 4, 2}));
}

void add_channels_last(TestGraph& g) {
  g.input({-1, 8, 6, 3});
  const std::string first = g.to.node("Transpose", "first", {"image"});
  g.to.set("perm", Sides{0, 3, 1, 2});
  const std::string map = g.convolution("conv", first, 3, 6);
  g.output(g.to.node("Transpose", "last", {map}));
  g.to.set("perm", Sides{0, 2, 3, 1});
}

TEST(OnnxReader, ReadsChannelsLastModelsFromTensorFlow) {
  TestGraph g;
  add_channels_last(g);
  const Imported imported = read(g);
  EXPECT_EQ(imported.network.input, (graph::Shape{3, 8, 6}));
  EXPECT_EQ(imported.network.layers.size(), 1U);
  EXPECT_THAT(imported.notes, ElementsAre(HasSubstr("last (Transpose)")));
}

TEST(OnnxPart, TakesAnImageChannelsFirstAndEndsAtTheRequestedTensors) {
  TestGraph g;
  add_channels_last(g);
  const Imported imported = read(g);
  const Bytes part(onnx_part(g.file(), "a.onnx", imported.network.input, imported.keys));
  const OnnxSignature signature = onnx_signature(part, "part");
  EXPECT_EQ(signature.input, "image.channels_first");
  EXPECT_EQ(signature.shape, imported.network.input);
  EXPECT_EQ(signature.outputs, imported.keys);
  EXPECT_EQ(read_onnx(part, "part").network.layers, imported.network.layers);
}

TEST(OnnxReader, ReadsDenseLayersAfterAFlatten) {
  for (const bool gemm : {true, false}) {
    TestGraph g;
    g.input({1, 1, 4, 4});
    const std::string row = g.to.node("Flatten", "flat", {g.convolution("conv", "image", 1, 2)});
    if (gemm) {
      g.to.node("Gemm", "dense", {row, g.weights("w", {5, 32}), g.weights("b", {5})});
      g.to.set("transB", std::int64_t{1});
    } else {
      const std::string product = g.to.node("MatMul", "product", {row, g.weights("w", {32, 5})});
      g.to.node("Add", "dense", {product, g.weights("b", {5})});
    }
    const Imported imported = read(g.output(g.to.node("Softmax", "soft", {"dense"})));
    ASSERT_EQ(imported.network.layers.size(), 3U);
    EXPECT_EQ(imported.network.layers[1].output, (graph::Shape{5, 1, 1}));
    const auto kernel =
        imported.network.weights.at(imported.network.layers[1].name + ".kernel").floats();
    EXPECT_FLOAT_EQ(kernel[1], gemm ? .02F : .06F);
    EXPECT_THAT(imported.notes, IsEmpty());
  }
}

TEST(OnnxReader, UsesTheGivenSizeWhereAFileDoesNotFixIt) {
  TestGraph g;
  g.input({-1, 3, -1, -1});
  g.output(g.convolution("conv", "image", 3, 6));
  EXPECT_EQ(read(g, {64, 32}).network.input, (graph::Shape{3, 32, 64}));
}

TEST(OnnxReader, ResolvesSamePadding) {
  for (const bool upper : {true, false}) {
    TestGraph g;
    g.input();
    g.to.node("Conv", "conv", {"image", g.weights("w", {2, 3, 3, 3})});
    g.to.set("strides", Sides{2, 2}).set("auto_pad", upper ? "SAME_UPPER" : "SAME_LOWER");
    const Imported imported = read(g.output("conv"));
    EXPECT_EQ(convolution_of(imported, 0).padding,
              upper ? (graph::Padding{0, 0, 1, 1}) : (graph::Padding{1, 1, 0, 0}));
  }
}

TEST(OnnxReader, AppliesSamePaddingToAPaddedTensor) {
  TestGraph g;
  g.input();
  g.to.node("Pad", "pad", {"image", g.to.integers("pads", {0, 0, 1, 1, 0, 0, 0, 0})});
  g.to.node("Conv", "conv", {"pad", g.weights("w", {2, 3, 3, 3})});
  g.to.set("strides", Sides{2, 2}).set("auto_pad", "SAME_UPPER");
  const Imported imported = read(g.output("conv"));
  EXPECT_EQ(convolution_of(imported, 0).padding, (graph::Padding{2, 2, 1, 1}));
  EXPECT_EQ(imported.network.layers[0].output, (graph::Shape{2, 5, 5}));
}

// As BlazeFace adds channels of zeros to what it sums: as a Pad, of all dimensions or of some, or
// by joining a constant.
TEST(OnnxReader, ChannelsOfZerosAreAConvolution) {
  enum Kind { kAll, kSome, kJoined, kBefore };
  const auto padded = [](Kind kind) {
    TestGraph g(18);
    g.input({1, 3, 4, 4});
    if (kind == kAll) {
      g.to.node("Pad", "wide", {"image", g.to.integers("pads", {0, 0, 0, 0, 0, 2, 0, 0})});
    } else if (kind == kSome) {
      g.to.node("Pad", "wide",
                {"image", g.to.integers("pads", {0, 2}), "", g.to.integers("axes", {-3})});
    } else {
      const std::string zeros = g.to.floats("zeros", std::vector<float>(2 * 16, 0.F), {1, 2, 4, 4});
      g.to.node("Concat", "wide",
                kind == kBefore ? std::vector<std::string>{zeros, "image"}
                                : std::vector<std::string>{"image", zeros});
      g.to.set("axis", std::int64_t{1});
    }
    return read_onnx(g.output("wide").file(), "a.onnx", {});
  };
  std::vector<float> image(48);
  std::iota(image.begin(), image.end(), 1.F);
  for (const Kind kind : {kAll, kSome, kJoined, kBefore}) {
    SCOPED_TRACE(kind);
    const Imported imported = padded(kind);
    std::vector<float> wanted(80, 0.F);
    std::copy(image.begin(), image.end(), wanted.begin() + (kind == kBefore ? 32 : 0));
    EXPECT_EQ(graph::Reference<float>(imported.network).run(image).at(0), wanted);
  }
}

TEST(OnnxReader, NotesOpsetsNewerThanItKnows) {
  TestGraph g(21);
  g.input();
  g.output(g.convolution("conv", "image", 3, 6));
  EXPECT_THAT(read(g).notes, ElementsAre(HasSubstr("opset 21 is newer than 17")));
}

}  // namespace
}  // namespace oko::formats
