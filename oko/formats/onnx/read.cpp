#include <algorithm>
#include <set>

#include "oko/base/error.h"
#include "oko/formats/onnx.h"
#include "oko/formats/onnx/body.h"
#include "oko/formats/onnx/constants.h"
#include "oko/formats/onnx/input.h"
#include "oko/formats/onnx/node.h"
#include "oko/formats/onnx/node_reader.h"
#include "oko/formats/onnx/parse.h"

namespace oko::formats {
namespace {

constexpr int kOldestOpset = 7, kNewestOpset = 17;

int opset_of(const onnx::Model& model, const std::string& name) {
  std::int64_t version = 0;
  for (const onnx::OperatorSet& set : model.opset_import()) {
    if (set.domain().empty() || set.domain() == "ai.onnx") version = set.version();
  }
  if (version < kOldestOpset || version > 1000) {
    throw input_error(
        name,
        "uses ONNX opset " + std::to_string(version) + "; oko reads " +
            std::to_string(kOldestOpset) + " and newer",
        "convert it to a newer one: onnx.version_converter.convert_version(model, 13)");
  }
  return static_cast<int>(version);
}

std::vector<std::string> output_list(const onnx::Graph& graph) {
  std::vector<std::string> names;
  for (const onnx::ValueInfo& output : graph.output()) names.push_back(output.name());
  return names;
}

// Counts every use first, as NetworkBuilder requires, then makes the layers.
Imported build(const OnnxBody& body, const OnnxInput& input, Constants& constants,
               const std::string& file, int opset, const std::string& network_name) {
  NetworkBuilder builder(file);
  NodeReader reader(builder, constants, file, opset);
  reader.input(input.name, input.shape, input.channels_last);
  std::set<std::string, std::less<>> wanted(body.outputs.begin(), body.outputs.end());
  for (const std::string& output : body.outputs) builder.use(output);
  for (const OnnxNode& node : body.nodes) {
    for (const std::string& from : node.inputs) builder.use(from);
    wanted.insert(node.inputs.begin(), node.inputs.end());
  }
  for (const OnnxNode& node : body.nodes) reader.read(node, wanted);
  return builder.finish(network_name, body.outputs);
}

void add_dropped(Imported& imported, const OnnxBody& body, const std::string& file) {
  for (const OnnxNode& node : body.dropped) {
    imported.dropped.push_back(
        {file + ": " + node.id.name + " (" + node.id.kind + ")", node.id.kind});
  }
}

void add_notes(Imported& imported, const OnnxBody& body, int opset) {
  if (opset > kNewestOpset) {
    imported.notes.push_back("opset " + std::to_string(opset) + " is newer than " +
                             std::to_string(kNewestOpset) +
                             "; assuming its operations are unchanged");
  }
  if (body.dropped.empty()) return;
  const Node& first = body.dropped.front().id;
  imported.notes.push_back("post-processing dropped from " + first.name + " (" + first.kind +
                           ") on, " + std::to_string(body.dropped.size()) +
                           " nodes in total; the tensors before it are the outputs");
}

void check_graph(const onnx::Model& model, const std::string& name) {
  constexpr int kMostNodes = 1 << 16;
  if (model.graph().node_size() <= kMostNodes) return;
  throw input_error(name, "has " + std::to_string(model.graph().node_size()) +
                              " nodes, more than a network may have");
}

}  // namespace

Imported read_onnx(const Bytes& file, const std::string& name, const OnnxReadOptions& options) {
  const ParsedOnnx parsed = parse_onnx(file, name);
  onnx::Model& model = *parsed.model;
  check_graph(model, name);
  const int opset = opset_of(model, name);
  const OnnxInput input = find_onnx_input(model.graph(), name, options);
  constexpr std::size_t kSmall = 1 << 20;
  Constants constants(*model.mutable_graph(), name, file.size() + kSmall);

  NetworkBuilder trial_builder(name);
  NodeReader trial(trial_builder, constants, name, opset);
  trial.input(input.name, input.shape, input.channels_last);
  const OnnxBody body =
      find_body(list_nodes(model.graph()), output_list(model.graph()), constants, trial);
  if (body.outputs.empty()) {
    throw input_error(name, "its outputs do not depend on any network layer",
                      "check that it is a convolutional network for images");
  }
  Imported imported = build(body, input, constants, name, opset, model.graph().name());
  add_dropped(imported, body, name);
  add_notes(imported, body, opset);
  for (const onnx::Entry& entry : model.metadata_props()) {
    if (entry.key() != kDescriptionKey) continue;
    apply_description(imported, entry.value(), name + ": metadata \"" + kDescriptionKey + "\"");
  }
  return imported;
}

}  // namespace oko::formats
