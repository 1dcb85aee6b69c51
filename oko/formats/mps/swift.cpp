#include <fmt/format.h>

#include "oko/formats/mps/plan.h"
#include "oko/formats/wrappers/identifiers.h"
#include "oko/formats/wrappers/templates.h"

namespace oko::formats::mps {
namespace {

using wrappers::Language;
using wrappers::literal;

std::string variable(int node) {
  return node == kGraphInput ? "input" : "n" + std::to_string(node);
}

std::string text_of(const Neuron& neuron) {
  switch (neuron.type) {
    case Neuron::Type::kNone:
      return ".none";
    case Neuron::Type::kRelu:
      return fmt::format(".relu({})", neuron.a);
    case Neuron::Type::kReluN:
      return fmt::format(".reluN({}, {})", neuron.a, neuron.b);
    case Neuron::Type::kSigmoid:
      return ".sigmoid";
    case Neuron::Type::kSoftPlus:
      return fmt::format(".softPlus({}, {})", neuron.a, neuron.b);
    case Neuron::Type::kTanH:
      return fmt::format(".tanH({}, {})", neuron.a, neuron.b);
    case Neuron::Type::kHardSigmoid:
      return fmt::format(".hardSigmoid({}, {})", neuron.a, neuron.b);
    case Neuron::Type::kElu:
      return fmt::format(".elu({})", neuron.a);
  }
  return {};
}

std::string window_of(const MpsNode& n) {
  return fmt::format("offset: ({}, {}), output: ({}, {})", n.offset_x, n.offset_y, n.output.width,
                     n.output.height);
}

// The arguments after the name and the source in the call that creates the node.
std::string arguments(const MpsNode& n) {
  switch (n.kind) {
    case Kind::kConvolution:
      return fmt::format(
          ", weights: {}, size: {}, stride: {},\n"
          "            channels: {}, filters: {}, {}{}, neuron: {}",
          n.weights, n.size_x, n.stride, n.channels, n.output.channels,
          n.groups > 1 ? fmt::format("groups: {}, ", n.groups) : "", window_of(n),
          text_of(n.neuron));
    case Kind::kDepthwise:
      return fmt::format(
          ", weights: {}, size: {}, stride: {},\n            channels: {}, {}, neuron: {}",
          n.weights, n.size_x, n.stride, n.channels, window_of(n), text_of(n.neuron));
    case Kind::kMaxPool:
      return fmt::format(", size: {}, stride: {}, {}", n.size_x, n.stride, window_of(n));
    case Kind::kAveragePool:
      return fmt::format(", size: ({}, {}), stride: {}, {}, edges: .{}", n.size_x, n.size_y,
                         n.stride, window_of(n), n.shrinks ? "clamp" : "zero");
    case Kind::kUpsample:
    case Kind::kInterpolate:
      return fmt::format(", scale: ({}, {})", n.scale_x, n.scale_y);
    case Kind::kNeuron:
      return ", " + text_of(n.neuron);
    default:
      return {};
  }
}

std::string sources(const MpsNode& node) {
  std::string text;
  for (const int from : node.inputs) text += (text.empty() ? "" : ", ") + variable(from);
  return node.kind == Kind::kConcatenate ? "[" + text + "]" : text;
}

std::string line_of(const MpsNode& node, int index) {
  const bool reads_weights = node.weights >= 0;
  return fmt::format("        let {} = {}b.{}({}, {}{})\n", variable(index),
                     reads_weights ? "try " : "", method_of(node.kind),
                     literal(node.name, Language::kSwift), sources(node), arguments(node));
}

std::string title(const graph::Network& network, const ModelInfo& info) {
  std::string text = network.name.empty() ? "A network" : network.name;
  for (const std::string* part : {&info.description, &info.version, &info.author, &info.license}) {
    if (!part->empty()) text += ", " + *part;
  }
  return wrappers::comment(text);
}

}  // namespace

std::string swift_source(const Plan& plan, const graph::Network& network,
                         const WriteOptions& options, const std::string& name,
                         const std::string& stem) {
  std::string nodes, outputs, results;
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    nodes += line_of(plan.nodes[i], static_cast<int>(i));
  }
  for (const int output : plan.outputs) {
    const graph::Shape& shape = plan.nodes[output].output;
    outputs += fmt::format("        (channels: {}, height: {}, width: {}),\n", shape.channels,
                           shape.height, shape.width);
    results += (results.empty() ? "" : ", ") + variable(output);
  }
  const std::string file = stem.substr(stem.rfind('/') + 1);
  return wrappers::filled(wrappers::kMpsGraphSwift,
                          {{"TITLE", title(network, options.info)},
                           {"NAME", name},
                           {"WIDTH", std::to_string(plan.input.width)},
                           {"HEIGHT", std::to_string(plan.input.height)},
                           {"CHANNELS", std::to_string(plan.input.channels)},
                           {"OUTPUTS", outputs},
                           {"WEIGHTS", wrappers::comment(file) + ".mpsweights"},
                           {"STEM", literal(file, Language::kSwift)},
                           {"NODES", nodes},
                           {"RESULTS", results}});
}

}  // namespace oko::formats::mps
