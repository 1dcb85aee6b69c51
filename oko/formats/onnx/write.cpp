#include <cmath>
#include <limits>

#include "oko/base/error.h"
#include "oko/formats/onnx.h"
#include "oko/formats/onnx/boxes_writer.h"
#include "oko/formats/onnx/graph_writer.h"
#include "oko/formats/onnx/layer_writer.h"
#include "oko/formats/onnx/parse.h"
#include "oko/graph/fold.h"

namespace oko::formats {
namespace {

constexpr int kIrVersion = 7, kOpset = 13;

void check(const graph::Network& network, const WriteOptions& options) {
  for (const int output : network.outputs()) {
    if (output != graph::kNetworkInput) continue;
    throw input_error(network.name, "a head reads the network's input directly",
                      "put a convolution before it");
  }
  if (!options.boxes) return;
  const auto refuse = [](std::string message, std::string hint) {
    throw Error(ErrorCode::kUsage, "boxes", std::move(message), std::move(hint));
  };
  if (network.heads().empty()) {
    refuse("the network has no detection heads", "export its raw output instead");
  }
  const auto share = [](float value) { return value >= 0 && value <= 1; };
  if (!share(options.thresholds.score) || !share(options.thresholds.iou)) {
    refuse("the thresholds " + std::to_string(options.thresholds.score) + " and " +
               std::to_string(options.thresholds.iou) + " are not both in 0…1",
           "the usual ones are .25 and .45");
  }
  if (options.thresholds.max_detections < 0) {
    refuse("at most " + std::to_string(options.thresholds.max_detections) +
               " detections is not a valid limit",
           "use 300, or 0 for no limit");
  }
}

void add_entry(onnx::Model& model, const char* key, const std::string& value) {
  if (value.empty()) return;
  onnx::Entry& entry = *model.add_metadata_props();
  entry.set_key(key);
  entry.set_value(value);
}

const char* colour_order(const graph::Network& network) {
  if (network.input.channels != 3) return "";
  return network.preprocess.bgr ? "BGR" : "RGB";
}

void add_metadata(onnx::Model& model, const graph::Network& network, const WriteOptions& options) {
  const ModelInfo& info = options.info;
  add_entry(model, "description", info.description);
  add_entry(model, "author", info.author);
  add_entry(model, "license", info.license);
  add_entry(model, "version", info.version);
  if (!network.classes.empty()) add_entry(model, "classes", Json(network.classes).dump());
  add_entry(model, "color_order", colour_order(network));
  add_entry(model, "input_range", "0..1");
  add_entry(model, kDescriptionKey, describe(network));
}

std::string input_doc(const graph::Network& network) {
  std::string doc = "image, planar float32 in 0..1";
  if (*colour_order(network) != 0) doc += std::string(", ") + colour_order(network);
  const bool letterbox = network.preprocess.fit == image::Preprocess::Fit::kLetterbox;
  return doc + (letterbox ? ", letterboxed" : ", stretched to this size");
}

std::string output_doc(const graph::Network& network, std::size_t output) {
  const std::vector<int> heads = network.heads();
  if (heads.empty()) return "";
  const auto& layer = network.layers[heads[output]];
  return "raw output of " + layer.name + ": " + values_of_head(layer.operation);
}

void add_raw_outputs(const graph::Network& network, const std::vector<std::string>& names,
                     GraphWriter& to) {
  const std::vector<int> outputs = network.outputs();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const graph::Shape& shape = network.layers[outputs[i]].output;
    to.output(names[i], kOnnxFloat, {1, shape.channels, shape.height, shape.width},
              output_doc(network, i));
  }
}

void add_graph(onnx::Graph& graph, const graph::Network& network, const WriteOptions& options) {
  GraphWriter to(graph);
  graph.set_name(network.name.empty() ? "network" : network.name);
  const graph::Shape& in = network.input;
  to.input(to.unused(kInputName), {1, in.channels, in.height, in.width}, input_doc(network));
  if (options.boxes) {
    for (const char* name : {"boxes", "scores", "classes"}) to.unused(name);
  }
  std::vector<std::string> names = output_names(network);
  for (std::string& name : names) name = to.unused(name);
  LayerWriter layers(network, to, options.precision == graph::Precision::kFloat16);
  layers.write(kInputName, names);
  if (options.boxes) {
    write_boxes(network, options, layers, to);
  } else {
    add_raw_outputs(network, names, to);
  }
}

std::vector<std::byte> bytes_of(const onnx::Model& model, const std::string& name) {
  const std::size_t size = model.ByteSizeLong();
  if (size > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    throw input_error(name, "the model is larger than 2 GiB, more than an ONNX file may be",
                      "export its kernels as float16");
  }
  std::vector<std::byte> bytes(size);
  model.SerializePartialToArray(bytes.data(), static_cast<int>(size));
  return bytes;
}

}  // namespace

std::vector<File> write_onnx(const graph::Network& source, const WriteOptions& options,
                             const std::string& stem) {
  const graph::Network network = graph::inference_form(source);
  check(network, options);
  onnx::Model model;
  model.set_ir_version(kIrVersion);
  model.set_producer_name("oko");
  model.set_doc_string(options.info.description);
  onnx::OperatorSet& operators = *model.add_opset_import();
  operators.set_domain("");
  operators.set_version(kOpset);
  add_graph(*model.mutable_graph(), network, options);
  add_metadata(model, network, options);
  return {{stem + ".onnx", Bytes(bytes_of(model, stem + ".onnx"))}};
}

}  // namespace oko::formats
