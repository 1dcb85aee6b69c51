#include <algorithm>
#include <iterator>
#include <memory>
#include <set>
#include <tuple>

#include "oko/base/error.h"
#include "oko/formats/class_names.h"
#include "oko/formats/onnx.h"
#include "oko/formats/onnx/body.h"
#include "oko/formats/onnx/constants.h"
#include "oko/formats/onnx/input.h"
#include "oko/formats/onnx/node.h"
#include "oko/formats/onnx/node_reader.h"
#include "oko/formats/onnx/parse.h"
#include "oko/formats/onnx/quantized.h"
#include "oko/formats/onnx/read_model.h"
#include "oko/formats/recognize.h"

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

// Segmentation of instances: a second output has 32 maps of which masks are made. It and the nodes
// that only it needs are dropped.
bool drop_masks(const onnx::Graph& graph, std::vector<OnnxNode>& nodes,
                std::vector<std::string>& outputs) {
  constexpr std::int64_t kMaps = 32;
  const auto& values = graph.output();
  if (values.size() != 2) return false;
  const auto& rows = values[0].type().tensor_type().shape();
  const auto& maps = values[1].type().tensor_type().shape();
  if (rows.dim_size() != 3 || maps.dim_size() != 4 || maps.dim(1).dim_value() != kMaps) {
    return false;
  }
  outputs.pop_back();
  std::set<std::string, std::less<>> needed(outputs.begin(), outputs.end());
  std::vector<OnnxNode> kept;
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    const auto is_needed = [&](const std::string& to) { return needed.contains(to); };
    if (std::ranges::none_of(node->outputs, is_needed)) continue;
    needed.insert(node->inputs.begin(), node->inputs.end());
    kept.push_back(std::move(*node));
  }
  nodes.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
  return true;
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

// What the file computes after its body: a copy of the constants, to which the outputs' values are
// added.
class OnnxTail {
 public:
  OnnxTail(std::shared_ptr<const ParsedOnnx> parsed, Constants constants, OnnxBody body,
           std::vector<std::vector<std::int64_t>> shapes)
      : parsed_(std::move(parsed)),
        constants_(std::move(constants)),
        body_(std::move(body)),
        shapes_(std::move(shapes)) {}

  std::vector<graph::Tensor> operator()(const std::vector<std::vector<float>>& maps) const {
    Constants known = constants_;
    for (std::size_t i = 0; i < maps.size(); ++i) {
      known.set(body_.outputs[i], graph::Tensor::of(maps[i], shapes_[i]));
    }
    std::vector<graph::Tensor> results, others;
    for (const OnnxNode& node : body_.dropped) {
      if (!known.fold(node)) continue;
      for (const std::string& to : node.outputs) others.push_back(known.get(to));
    }
    for (const onnx::ValueInfo& output : parsed_->model->graph().output()) {
      if (known.has(output.name())) results.push_back(known.get(output.name()));
    }
    results.insert(results.end(), others.rbegin(), others.rend());
    return results;
  }

 private:
  std::shared_ptr<const ParsedOnnx> parsed_;
  Constants constants_;
  OnnxBody body_;
  std::vector<std::vector<std::int64_t>> shapes_;
};

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

void add_tail(Imported& imported, std::shared_ptr<const ParsedOnnx> parsed, Constants constants,
              const OnnxBody& body) {
  if (body.dropped.empty() || imported.outputs.size() != body.outputs.size()) return;
  std::vector<std::vector<std::int64_t>> shapes;
  for (const int output : imported.outputs) {
    const graph::Shape& shape = imported.network.layers[output].output;
    shapes.push_back({1, shape.channels, shape.height, shape.width});
  }
  for (const OnnxNode& node : body.dropped) {  // loading moves values out of the file's message
    for (const std::string& from : node.inputs) {
      if (!from.empty() && constants.has(from)) constants.get(from);
    }
  }
  constexpr std::size_t kMostBytes = std::size_t{1} << 28;
  constants.set_budget(kMostBytes);
  imported.tail = OnnxTail(std::move(parsed), std::move(constants), body, std::move(shapes));
}

// Before the first layer that oko does not know, which would say less.
void refuse_transformers(const std::vector<OnnxNode>& nodes, const std::string& name) {
  const auto is_of_transformer = [](const OnnxNode& node) {
    return node.id.kind == "GridSample" || node.id.kind == "LayerNormalization";
  };
  const auto found = std::ranges::find_if(nodes, is_of_transformer);
  if (found == nodes.end()) return;
  throw input_error(name + ": " + found->id.name + " (" + found->id.kind + ")",
                    "is part of a transformer, as DETR and its successors are; oko has no layers "
                    "for these",
                    "use a network of convolutions, such as a YOLO, a NanoDet or an SSD");
}

void check_graph(const onnx::Model& model, const std::string& name) {
  constexpr int kMostNodes = 1 << 16;
  if (model.graph().node_size() <= kMostNodes) return;
  throw input_error(name, "has " + std::to_string(model.graph().node_size()) +
                              " nodes, more than a network may have");
}

}  // namespace

Imported read_onnx_model(const std::shared_ptr<const ParsedOnnx>& parsed, const std::string& name,
                         const OnnxReadOptions& options, std::size_t bytes) {
  onnx::Model& model = *parsed->model;
  check_graph(model, name);
  const int opset = opset_of(model, name);
  const OnnxInput input = find_onnx_input(model.graph(), name, options);
  constexpr std::size_t kSmall = 1 << 20;
  Constants constants(*model.mutable_graph(), name, opset, bytes + kSmall);

  NetworkBuilder trial_builder(name);
  NodeReader trial(trial_builder, constants, name, opset);
  trial.input(input.name, input.shape, input.channels_last);
  std::vector<OnnxNode> nodes = list_nodes(model.graph());
  std::vector<std::string> outputs = output_list(model.graph());
  refuse_transformers(nodes, name);
  const bool had_masks = drop_masks(model.graph(), nodes, outputs);
  const bool quantized = undo_quantization(nodes, outputs, constants);
  merge_activations(nodes, outputs);
  const OnnxBody body = find_body(std::move(nodes), outputs, constants, trial);
  if (body.outputs.empty()) {
    throw input_error(name, "its outputs do not depend on any network layer",
                      "check that it is a convolutional network for images");
  }
  Imported imported = build(body, input, constants, name, opset, model.graph().name());
  add_dropped(imported, body, name);
  add_notes(imported, body, opset);
  if (had_masks) imported.notes.push_back(kMasksNote);
  add_tail(imported, parsed, std::move(constants), body);
  if (quantized) {
    imported.tail_rounding = kByteRounding;
    imported.notes.push_back(
        "the model is int8; its weights were dequantized to float32, so results differ from the "
        "model's own by its rounding");
  }
  return imported;
}

Imported read_onnx(const Bytes& file, const std::string& name, const OnnxReadOptions& options) {
  const auto parsed = std::make_shared<const ParsedOnnx>(parse_onnx(file, name));
  OnnxReadOptions sized = options;
  const auto noted = options.width == 0 ? noted_size(*parsed->model) : std::nullopt;
  if (noted) std::tie(sized.height, sized.width) = *noted;
  Imported imported = read_onnx_model(parsed, name, sized, file.size());
  if (noted) {
    imported.notes.push_back("the size of the input is not fixed; taken from the metadata: " +
                             std::to_string(sized.width) + "x" + std::to_string(sized.height) +
                             " (another one with --size)");
  }
  for (const onnx::Entry& entry : parsed->model->metadata_props()) {
    if (entry.key() == "names") imported.labels = names_of_list(entry.value());
    if (entry.key() != kDescriptionKey) continue;
    apply_description(imported, entry.value(), name + ": metadata \"" + kDescriptionKey + "\"");
  }
  return imported;
}

}  // namespace oko::formats
