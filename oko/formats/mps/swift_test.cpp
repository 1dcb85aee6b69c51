#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "oko/formats/mps/plan.h"
#include "oko/formats/mps/test_networks.h"
#include "oko/graph/builtin.h"
#include "oko/graph/fold.h"
#include "oko/graph/synthetic.h"

namespace oko::formats::mps {
namespace {

std::string text_of(const File& file) {
  return {reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()};
}

// The calls that create nodes, each on one line.
std::vector<std::string> calls(const std::string& source) {
  const std::string joined = std::regex_replace(source, std::regex(",\n +"), ", ");
  std::vector<std::string> found;
  const std::regex line("let n[0-9]+ = (?:try )?b\\.(.*)\n");
  for (std::sregex_iterator i(joined.begin(), joined.end(), line), end; i != end; ++i) {
    found.push_back((*i)[1]);
  }
  return found;
}

int number_of(const std::string& call, const std::string& label, int otherwise) {
  std::smatch match;
  return std::regex_search(call, match, std::regex(label + ": \\(?(-?[0-9]+)"))
             ? std::stoi(match[1])
             : otherwise;
}
int second_of(const std::string& call, const std::string& label, int otherwise) {
  std::smatch match;
  const std::regex pair(label + ": \\(-?[0-9]+, (-?[0-9]+)\\)");
  return std::regex_search(call, match, pair) ? std::stoi(match[1]) : otherwise;
}

Neuron neuron_of(const std::string& call) {
  using Type = Neuron::Type;
  std::smatch match;
  const std::regex neuron(
      "\\.(reluN|relu|sigmoid|softPlus|tanH|hardSigmoid|elu)(?:\\(([^,)]+)(?:, ([^)]+))?\\))?");
  if (!std::regex_search(call, match, neuron)) return {};
  const std::map<std::string, Type> types{
      {"relu", Type::kRelu},       {"reluN", Type::kReluN},
      {"sigmoid", Type::kSigmoid}, {"softPlus", Type::kSoftPlus},
      {"tanH", Type::kTanH},       {"hardSigmoid", Type::kHardSigmoid},
      {"elu", Type::kElu}};
  return {types.at(match[1]), match[2].matched ? std::stof(match[2]) : 0,
          match[3].matched ? std::stof(match[3]) : 0};
}

std::vector<int> inputs_of(const std::string& call) {
  const std::string rest = call.substr(call.find("\", ") + 3);
  std::vector<int> inputs;
  const std::regex node("\\b(?:n([0-9]+)|input)\\b");
  for (std::sregex_iterator i(rest.begin(), rest.end(), node), end; i != end; ++i) {
    inputs.push_back((*i)[1].matched ? std::stoi((*i)[1]) : kGraphInput);
  }
  return inputs;
}

// The node that a call creates; what the call does not contain is taken from `expected`.
MpsNode node_of(const std::string& call, const MpsNode& expected) {
  MpsNode node;
  node.kind = expected.kind;
  node.name = call.substr(call.find('"') + 1, call.find("\", ") - call.find('"') - 1);
  node.inputs = inputs_of(call);
  node.output = expected.output;
  node.output.width = number_of(call, "output", expected.output.width);
  node.output.height = second_of(call, "output", expected.output.height);
  const bool depthwise = expected.kind == Kind::kDepthwise;
  node.output.channels =
      number_of(call, depthwise ? "channels" : "filters", expected.output.channels);
  node.channels = number_of(call, "channels", 0);
  node.size_x = number_of(call, "size", 1);
  node.size_y = second_of(call, "size", node.size_x);
  node.stride = number_of(call, "stride", 1);
  node.groups = number_of(call, "groups", 1);
  node.offset_x = number_of(call, "offset", 0);
  node.offset_y = second_of(call, "offset", 0);
  node.scale_x = number_of(call, "scale", 1);
  node.scale_y = second_of(call, "scale", 1);
  node.shrinks = call.find("edges: .clamp") != std::string::npos;
  node.weights = number_of(call, "weights", -1);
  node.neuron = neuron_of(call);
  return node;
}

// The Swift text matches the plan, which the other tests run.
void expect_swift_of_plan(const graph::Network& network) {
  const Plan plan = make_plan(graph::inference_form(network));
  const auto lines = calls(text_of(write_mps(network, {}, "model")[0]));
  ASSERT_EQ(lines.size(), plan.nodes.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const MpsNode& expected = plan.nodes[i];
    const std::string method = lines[i].substr(0, lines[i].find('('));
    EXPECT_EQ(method, method_of(expected.kind));
    EXPECT_EQ(node_of(lines[i], expected), expected) << lines[i];
  }
}

graph::Network synthetic(const char* name, int side) {
  graph::BuiltinOptions options;
  options.width = options.height = side;
  graph::Network network = graph::make_builtin(name, options);
  graph::fill_synthetic_weights(network);
  return network;
}

TEST(MpsSwift, MatchesThePlan) {
  expect_swift_of_plan(synthetic("yolov3-tiny", 96));
  expect_swift_of_plan(synthetic("yolo-fastest", 64));
}

TEST(MpsSwift, MatchesThePlanForRareOperations) {
  graph::Network network;
  network.input = {3, 9, 6};
  network.preprocess.bgr = true;
  graph::Convolution c;
  c.filters = 6;
  c.activation = graph::Activation::kMish;
  graph::Convolution swish = c;
  swish.activation = graph::Activation::kSwish;
  swish.groups = 3;
  network.layers = {{"a", c, {-1}, {}},
                    {"b", swish, {0}, {}},
                    {"r", graph::Route{}, {0, 1}, {}},
                    {"part", graph::Route{2, 1}, {2}, {}},
                    {"sum", graph::Shortcut{graph::Activation::kRelu6}, {0, 1, 3}, {}},
                    {"up", graph::Upsample{3}, {4}, {}},
                    {"pool", graph::MaxPool{3, 2, {0, 1, 1, 0}}, {5}, {}},
                    {"mean", graph::AveragePool{}, {6}, {}},
                    {"soft", graph::Softmax{}, {7}, {}}};
  graph::infer_shapes(network);
  graph::fill_synthetic_weights(network);
  expect_swift_of_plan(network);
}

TEST(MpsSwift, MatchesThePlanOfModernDetectors) {
  expect_swift_of_plan(synthetic("nanodet-plus", 64));
  graph::Network network = modern_layers();
  expect_swift_of_plan(network);
}

TEST(MpsSwift, NamesItsClassAndFilesByTheStem) {
  WriteOptions options;
  options.info.author = "A \"quoted\"\nname";
  const auto files = write_mps(synthetic("yolov3-tiny", 96), options, "out/my-model");
  ASSERT_EQ(files.size(), 2U);
  EXPECT_EQ(files[0].name, "out/MyModelGraph.swift");
  EXPECT_EQ(files[1].name, "out/my-model.mpsweights");
  const std::string source = text_of(files[0]);
  EXPECT_THAT(source, testing::HasSubstr("public final class MyModelGraph {"));
  EXPECT_THAT(source, testing::HasSubstr("forResource: \"my-model\", withExtension"));
  EXPECT_THAT(source, testing::HasSubstr("(channels: 255, height: 3, width: 3),\n"));
  EXPECT_EQ(source.find("{{"), std::string::npos);
  EXPECT_EQ(source.find('\0'), std::string::npos);
}

}  // namespace
}  // namespace oko::formats::mps
