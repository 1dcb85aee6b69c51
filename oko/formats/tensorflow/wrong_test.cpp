#include <gmock/gmock.h>

#include <cmath>

#include "oko/base/error.h"
#include "oko/formats/tensorflow.h"
#include "oko/formats/tensorflow/tensorflow.pb.h"
#include "oko/graph/reference.h"

namespace oko::formats {
namespace {

using ::testing::HasSubstr;

// A graph built node by node: an input of 4x4x2 and what a test adds after it.
class Graph {
 public:
  explicit Graph(std::vector<std::int64_t> input = {-1, 4, 4, 2}) {
    auto& shape = *(*add("Placeholder", "in", {}).mutable_attr())["shape"].mutable_shape();
    for (const std::int64_t side : input) shape.add_dim()->set_size(side);
  }
  tensorflow::NodeDef& add(const std::string& op, const std::string& name,
                           const std::vector<std::string>& inputs) {
    tensorflow::NodeDef& node = *graph_.add_node();
    node.set_op(op);
    node.set_name(name);
    for (const std::string& input : inputs) node.add_input(input);
    return node;
  }
  // A constant of ones, which the file stores once.
  tensorflow::Tensor& constant(const std::string& name, const std::vector<std::int64_t>& sides,
                               float value = 1) {
    auto& tensor = *(*add("Const", name, {}).mutable_attr())["value"].mutable_tensor();
    tensor.set_dtype(1);
    for (const std::int64_t side : sides) tensor.mutable_tensor_shape()->add_dim()->set_size(side);
    tensor.add_float_val(value);
    return tensor;
  }
  void whole_numbers(const std::string& name, const std::vector<int>& values) {
    auto& tensor = *(*add("Const", name, {}).mutable_attr())["value"].mutable_tensor();
    tensor.set_dtype(3);
    tensor.mutable_tensor_shape()->add_dim()->set_size(static_cast<std::int64_t>(values.size()));
    for (const int value : values) tensor.add_int_val(value);
  }
  tensorflow::NodeDef& conv(const std::string& name, const std::string& from) {
    constant(name + "/kernel", {1, 1, 2, 2});
    tensorflow::NodeDef& node = add("Conv2D", name, {from, name + "/kernel"});
    (*node.mutable_attr())["padding"].set_s("SAME");
    return node;
  }
  Imported read() const {
    const std::string bytes = graph_.SerializeAsString();
    return read_tensorflow(Bytes(std::string_view(bytes)), "m.pb");
  }
  std::string error() const {
    try {
      read();
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

 private:
  tensorflow::GraphDef graph_;
};

std::string error_of(std::string_view file) {
  try {
    read_tensorflow(Bytes(file), "m.pb");
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(WrongTensorflowFiles, AreDistinguishedFromGraphs) {
  const char* no_graph =
      "m.pb: is not a TensorFlow graph (GraphDef) (use a frozen graph in binary form; it may be "
      "truncated)";
  EXPECT_EQ(error_of(""), no_graph);
  EXPECT_EQ(error_of("node { name: \"x\" }"), no_graph);
  EXPECT_THAT(error_of(std::string_view("\x08\x01\x12\x00", 4)), HasSubstr("is a SavedModel"));
}

TEST(WrongTensorflowFiles, NameTheUnsupportedNodeInTheMiddle) {
  Graph graph;
  graph.conv("a", "in");
  graph.add("Elu", "elu", {"a"});
  graph.conv("b", "elu");
  EXPECT_EQ(graph.error(),
            "m.pb: elu (Elu) oko does not support this operation: comes before b (Conv2D), so it "
            "cannot be dropped (cut the graph before it, or build it from operations that oko "
            "supports)");
}

TEST(WrongTensorflowFiles, NameTheUnsupportedSettingInTheMiddle) {
  Graph graph;
  (*graph.add("LeakyRelu", "leaky", {"in"}).mutable_attr())["alpha"].set_f(.3F);
  graph.conv("a", "leaky");
  EXPECT_THAT(
      graph.error(),
      HasSubstr("m.pb: leaky (LeakyRelu) applies leaky ReLU with slope 0.3; oko supports only "
                "slope 0.1: comes before a"));
}

TEST(WrongTensorflowFiles, NameWeightsThatAreNotFrozen) {
  Graph graph;
  graph.add("VarHandleOp", "v", {});
  graph.add("ReadVariableOp", "v/read", {"v"});
  graph.add("Conv2D", "a", {"in", "v/read"});
  EXPECT_THAT(graph.error(),
              HasSubstr("m.pb: a (Conv2D): its weights \"v/read\" are not a constant in the file "
                        "(freeze the graph: variables must become constants)"));
}

TEST(WrongTensorflowFiles, WithoutAFormatGetTensorFlowsDefault) {
  Graph graph({-1, 2, 4, 4});
  (*graph.conv("a", "in").mutable_attr())["data_format"].set_s("NCHW");
  (*graph.add("MaxPool", "pool", {"a"}).mutable_attr())["padding"].set_s("VALID");
  EXPECT_EQ(graph.error(),
            "m.pb: pool (MaxPool): uses a different data_format than a (export the graph with a "
            "single data_format)");
}

TEST(WrongTensorflowFiles, NameTheWeightThatIsNotANumber) {
  Graph kernel;
  kernel.constant("nan", {1, 1, 2, 2}, NAN);
  (*kernel.add("Conv2D", "a", {"in", "nan"}).mutable_attr())["padding"].set_s("SAME");
  EXPECT_THAT(kernel.error(), HasSubstr("m.pb: a.kernel[0] is nan (the file is damaged"));
  Graph division;
  division.conv("a", "in");
  division.constant("zero", {2}, 0);
  division.add("RealDiv", "b", {"a", "zero"});
  EXPECT_THAT(division.error(), HasSubstr("m.pb: a.scale[0] is inf"));
}

TEST(WrongTensorflowFiles, NameWhatIsMissingOrDuplicated) {
  Graph missing;
  missing.conv("a", "gone");
  EXPECT_EQ(missing.error(),
            "m.pb: a (Conv2D): reads \"gone\", which does not exist (the file is damaged or cut "
            "short: export the graph again)");
  Graph twice;
  twice.conv("in", "in");
  EXPECT_THAT(twice.error(), HasSubstr("m.pb: in (Conv2D): there are two nodes with this name"));
  Graph circle;
  circle.add("Relu", "a", {"b"});
  circle.add("Relu", "b", {"a"});
  circle.add("Relu", "c", {"b"});
  EXPECT_THAT(circle.error(), HasSubstr("depends on its own output"));
}

TEST(WrongTensorflowFiles, NameShapesThatDoNotFit) {
  Graph kernel;
  kernel.constant("k", {1, 1, 3, 2});
  (*kernel.add("Conv2D", "a", {"in", "k"}).mutable_attr())["padding"].set_s("SAME");
  EXPECT_EQ(kernel.error(),
            "m.pb: a (Conv2D): the kernel [2, 3, 1, 1] (out, in, rows, columns) does not fit 2 "
            "channels, or is not square");
  Graph input({-1, 4});
  input.conv("a", "in");
  EXPECT_THAT(input.error(),
              HasSubstr("m.pb: in (Placeholder): an input of 2 dimensions is not an image"));
  Graph open({-1, -1, -1, 2});
  open.conv("a", "in");
  EXPECT_THAT(open.error(), HasSubstr("the file does not fix the input size"));
}

TEST(WrongTensorflowFiles, CannotMakeTheReaderUseMuchMemory) {
  Graph large;
  large.constant("k", {1 << 15, 1 << 15, 2, 1});
  large.add("Conv2D", "a", {"in", "k"});
  EXPECT_THAT(large.error(), HasSubstr("k (Const): the constants repeat one value too often"));
  Graph impossible;
  impossible.constant("k", {std::int64_t{1} << 40, 2});
  impossible.add("Conv2D", "a", {"in", "k"});
  EXPECT_THAT(impossible.error(), HasSubstr("k (Const): the constant's shape is invalid"));
  Graph lying;
  lying.constant("k", {1, 1, 2, 2}).set_tensor_content("12345");
  lying.add("Conv2D", "a", {"in", "k"});
  EXPECT_THAT(lying.error(), HasSubstr("k (Const): the constant [1, 1, 2, 2] has 5 bytes"));
}

TEST(WrongTensorflowFiles, NameABatchNormThatStillLearns) {
  Graph graph;
  for (const char* name : {"g", "b", "m", "v"}) graph.constant(name, {2});
  graph.add("FusedBatchNormV3", "bn", {"in", "g", "b", "m", "v"});
  EXPECT_EQ(graph.error(),
            "m.pb: bn (FusedBatchNormV3): computes its statistics from the input, as in training "
            "(export the graph for inference (is_training=False))");
}

// A classifier: global average pooling, a dense layer, softmax.
TEST(ReadTensorflow, ReadsAClassifier) {
  Graph graph;
  graph.conv("a", "in");
  (*graph.add("MaxPool", "pool", {"a"}).mutable_attr())["padding"].set_s("VALID");
  graph.whole_numbers("axes", {1, 2});
  graph.add("Mean", "mean", {"pool", "axes"});
  graph.constant("w", {2, 3}, .5F);
  graph.add("MatMul", "dense", {"mean", "w"});
  graph.constant("bias", {3}, .25F);
  graph.add("BiasAdd", "sum", {"dense", "bias"});
  graph.add("Softmax", "classes", {"sum"});
  const Imported imported = graph.read();
  EXPECT_EQ(imported.network.layers.size(), 5U);
  const auto results = graph::Reference<double>(imported.network).run(std::vector<float>(32, .5F));
  ASSERT_EQ(results[0].size(), 3U);
  EXPECT_NEAR(results[0][1], 1 / 3., 1e-6);
}

// x · Sigmoid(x) and x · Tanh(Softplus(x)), a per-channel scale, channel slices.
TEST(ReadTensorflow, ReadsActivationsThatAreSpelledOut) {
  Graph graph;
  graph.conv("a", "in");
  graph.add("Sigmoid", "s", {"a"});
  graph.add("Mul", "swish", {"a", "s"});
  graph.conv("b", "swish");
  graph.add("Softplus", "p", {"b"});
  graph.add("Tanh", "t", {"p"});
  graph.add("Mul", "mish", {"t", "b"});
  graph.constant("two", {}, 2);
  graph.add("RealDiv", "half", {"mish", "two"});
  graph.whole_numbers("axis", {3});
  (*graph.add("Split", "parts", {"axis", "half"}).mutable_attr())["num_split"].set_i(2);
  graph.add("AddV2", "sum", {"parts", "parts:1"});
  const Imported imported = graph.read();
  const auto x = graph::Reference<double>(imported.network).run(std::vector<float>(32, .5F));
  const double swish = 1 / (1 + std::exp(-1.)), y = 2 * swish;
  EXPECT_NEAR(x[0][0], y * std::tanh(std::log1p(std::exp(y))), 1e-6);
}

}  // namespace
}  // namespace oko::formats
