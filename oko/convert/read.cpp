#include "oko/convert/read.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "oko/base/error.h"
#include "oko/base/half.h"
#include "oko/formats/coreml.h"
#include "oko/formats/darknet.h"
#include "oko/formats/keras.h"
#include "oko/formats/ncnn.h"
#include "oko/formats/onnx.h"
#include "oko/formats/tensorflow.h"
#include "oko/formats/tflite.h"
#include "oko/graph/oko_file.h"

namespace oko::convert {
namespace {

using formats::Imported;

ReadModel read_oko(const ModelFiles& model, const ReadOptions&) {
  const InputFile& file = model.files.front();
  return {graph::read_oko(file.bytes, file.name, graph::Verify::kChecksum).network};
}

ReadModel read_darknet(const ModelFiles& model, const ReadOptions&) {
  const InputFile& cfg = model.files.front();
  ReadModel result;
  result.network = formats::read_darknet_cfg(cfg.bytes.text(), cfg.name, &result.notes);
  if (model.files.size() == 1) return result;
  const InputFile& weights = model.files[1];
  const formats::DarknetWeights header =
      formats::read_darknet_weights(weights.bytes, weights.name, result.network);
  if (!header.complete) {
    throw input_error(weights.name,
                      "contains only the first " + std::to_string(header.convolutions_loaded) +
                          " convolutions of " + cfg.name,
                      "train from it (oko train --from), or give the complete weights");
  }
  result.pictures_seen = header.seen;
  return result;
}

graph::Tensor as_floats(const graph::Tensor& tensor, const std::string& place) {
  using graph::DType;
  if (tensor.dtype == DType::kF32) return tensor;
  if (tensor.dtype != DType::kF16 && tensor.dtype != DType::kBF16) {
    throw input_error(place, std::string("is of type ") + name_of(tensor.dtype) +
                                 "; weights must be F32, F16 or BF16");
  }
  std::vector<float> values(static_cast<std::size_t>(tensor.count()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    Half half;
    std::memcpy(&half, tensor.data.data() + i * sizeof half, sizeof half);
    values[i] = tensor.dtype == DType::kF16
                    ? to_float(half)
                    : std::bit_cast<float>(static_cast<std::uint32_t>(half.bits) << 16);
  }
  return graph::Tensor::of(std::move(values), tensor.shape);
}

// Loads weights, under the names that .oko files use, into the network the user names.
ReadModel read_safetensors(const ModelFiles& model, const ReadOptions& options) {
  const InputFile& file = model.files.front();
  const graph::Safetensors content = graph::read_safetensors(file.bytes, file.name);
  const auto format = content.metadata.find("format");
  if (format != content.metadata.end() && format->second == "oko") return read_oko(model, options);
  if (!options.network) {
    throw input_error(file.name, "contains only weights; the network is unknown",
                      "give the network with --network: a built-in name or a .cfg");
  }
  ReadModel result{*options.network};
  for (const graph::WeightSpec& spec : graph::weight_specs(result.network)) {
    const auto found = content.tensors.find(spec.name);
    const std::string place = file.name + ": " + spec.name;
    if (found == content.tensors.end()) {
      throw input_error(place, "is missing",
                        "name the weights as in an .oko file of the same network");
    }
    if (found->second.shape != spec.shape) {
      throw input_error(place, "is " + graph::to_string(found->second.shape) +
                                   ", the network expects " + graph::to_string(spec.shape));
    }
    result.network.weights[spec.name] = as_floats(found->second, place);
  }
  const std::size_t used = result.network.weights.size(), there = content.tensors.size();
  if (used < there) {
    result.notes.push_back(std::to_string(there - used) +
                           " tensors of the file do not belong to the network and were skipped");
  }
  return result;
}

// An output that could be a head: anchors × (5 + classes) values for each cell of a grid.
bool looks_like_head(const graph::Network& network, int output) {
  const graph::Shape& shape = network.layers[static_cast<std::size_t>(output)].output;
  return shape.height * shape.width > 1 && shape.channels > 5;
}

std::optional<Error> why_no_heads(const Imported& imported) {
  try {
    formats::check_head_outputs(imported, false);
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  }
}

// Heads are in layer order, the file's outputs in its own.
std::vector<std::string> keys_in_order(const Imported& imported) {
  std::vector<std::string> keys;
  for (const int output : imported.network.outputs()) {
    const auto found = std::ranges::find(imported.outputs, output) - imported.outputs.begin();
    if (static_cast<std::size_t>(found) >= imported.keys.size()) return {};
    keys.push_back(imported.keys[static_cast<std::size_t>(found)]);
  }
  return keys;
}

// Heads from the user's options, if the file defines none.
ReadModel finished(Imported imported, const ReadOptions& options) {
  ReadModel result;
  if (imported.network.heads().empty()) {
    if (!options.heads.anchors.empty()) {
      formats::add_heads(imported, options.heads);
      result.has_given_heads = true;
    } else if (!options.description.empty()) {
      formats::apply_description(imported, options.description, imported.network.name);
    } else {
      result.lacks_heads = std::ranges::any_of(
          imported.outputs, [&](int output) { return looks_like_head(imported.network, output); });
      if (result.lacks_heads) result.no_heads_why = why_no_heads(imported);
    }
  }
  if (!imported.defines_preprocessing && imported.network.input.channels == 3) {
    imported.notes.push_back(
        std::string("the file does not say how images are prepared: taken as letterboxed, ") +
        (imported.network.preprocess.bgr ? "BGR" : "RGB") + ", values from 0 to 1");
  }
  formats::set_raw_outputs(imported);
  result.output_keys = keys_in_order(imported);
  result.network = std::move(imported.network);
  result.notes = std::move(imported.notes);
  return result;
}

ReadModel read_keras(const ModelFiles& model, const ReadOptions& options) {
  const InputFile& file = model.files.front();
  if (formats::keras_has_structure(file.bytes, file.name) && !options.network) {
    return finished(formats::read_keras(file.bytes, file.name, options.size), options);
  }
  if (!options.network) {
    throw input_error(file.name, "contains only weights; the network is unknown",
                      "give the network with --network: a built-in name or a .cfg");
  }
  ReadModel result{*options.network};
  result.notes = formats::read_keras_weights(file.bytes, file.name, result.network);
  return result;
}

ReadModel read_tensorflow(const ModelFiles& model, const ReadOptions& options) {
  const InputFile& file = model.files.front();
  return finished(formats::read_tensorflow(file.bytes, file.name, options.size), options);
}

ReadModel read_onnx(const ModelFiles& model, const ReadOptions& options) {
  const InputFile& file = model.files.front();
  formats::OnnxReadOptions size;
  if (options.size) size = {options.size->width, options.size->height};
  return finished(formats::read_onnx(file.bytes, file.name, size), options);
}

const InputFile* file_ending(const ModelFiles& model, std::string_view ending) {
  const auto found = std::ranges::find_if(
      model.files, [&](const InputFile& file) { return file.name.ends_with(ending); });
  return found == model.files.end() ? nullptr : &*found;
}

// A single .mlmodel, or the files of an .mlpackage.
ReadModel read_coreml(const ModelFiles& model, const ReadOptions& options) {
  const InputFile* file = file_ending(model, ".mlmodel");
  if (file == nullptr) file = &model.files.at(0);
  const InputFile* weights = file_ending(model, "weight.bin");
  return finished(
      formats::read_coreml(file->bytes, file->name, weights != nullptr ? weights->bytes : Bytes()),
      options);
}

ReadModel read_tflite(const ModelFiles& model, const ReadOptions& options) {
  const InputFile& file = model.files.front();
  return finished(formats::read_tflite(file.bytes, file.name), options);
}

ReadModel read_ncnn(const ModelFiles& model, const ReadOptions& options) {
  const std::string& name = model.files.front().name;
  return finished(formats::read_ncnn(model.files.front().bytes.text(), model.files.at(1).bytes,
                                     name.substr(0, name.rfind('.')), options.size),
                  options);
}

ReadModel read_format(const ModelFiles& model, const ReadOptions& options) {
  switch (model.format) {
    case Format::kOko:
      return read_oko(model, options);
    case Format::kDarknet:
      return read_darknet(model, options);
    case Format::kKeras:
      return read_keras(model, options);
    case Format::kTensorFlow:
      return read_tensorflow(model, options);
    case Format::kOnnx:
      return read_onnx(model, options);
    case Format::kCoreMl:
      return read_coreml(model, options);
    case Format::kTflite:
      return read_tflite(model, options);
    case Format::kNcnn:
      return read_ncnn(model, options);
    case Format::kSafetensors:
      return read_safetensors(model, options);
    case Format::kMps:
      break;
  }
  throw input_error(model.files.front().name, "Metal source can be written but not read",
                    "open the model it was exported from");
}

void check_network(const ModelFiles& model) {
  if (model.format == Format::kKeras || model.format == Format::kSafetensors) return;
  throw Error(ErrorCode::kUsage, "--network",
              model.files.front().name + " already defines its network",
              "omit it; it is only for weights-only files");
}

}  // namespace

ReadModel read_model(const ModelFiles& model, const ReadOptions& options) {
  if (options.network) check_network(model);
  ReadModel result = read_format(model, options);
  if (!options.heads.anchors.empty() && !result.has_given_heads) {
    throw Error(ErrorCode::kUsage, "--anchors",
                model.files.front().name + " already defines its heads", "omit it");
  }
  const graph::Shape& input = result.network.input;
  if (options.size &&
      (options.size->width != input.width || options.size->height != input.height)) {
    result.network =
        graph::resized(std::move(result.network), options.size->width, options.size->height);
  }
  return result;
}

}  // namespace oko::convert
