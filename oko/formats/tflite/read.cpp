#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "oko/base/class_list.h"
#include "oko/base/error.h"
#include "oko/formats/class_names.h"
#include "oko/formats/recognize.h"
#include "oko/formats/tensor_order.h"
#include "oko/formats/tflite.h"
#include "oko/formats/tflite/about.h"
#include "oko/formats/tflite/appended.h"
#include "oko/formats/tflite/evaluator.h"
#include "oko/formats/tflite/names.h"
#include "oko/formats/tflite/reader.h"

namespace oko::formats {
namespace tflite {

using graph::Padding;
using graph::Shape;
using graph::Tensor;

namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty()) lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

Node Reader::node(const Operator& op) const {
  Node found = model_.node(op);
  const auto other = names_.find(op.outputs.front());
  if (other != names_.end()) found.name = other->second;
  for (const char* part : {kBefore, kUnit, kFloats}) {
    if (found.name.ends_with(part)) found.name.resize(found.name.size() - std::strlen(part));
  }
  return found;
}

void Reader::name_layers() {
  const auto names = lines_of(model_.metadata(kOutputLayers));
  if (names.size() != model_.outputs().size()) return;
  for (std::size_t i = 0; i < names.size(); ++i) names_[model_.outputs()[i]] = names[i];
}

// A flatten, or dimensions of size 1 added or removed.
bool Reader::keeps_map(const Operator& op) const {
  const auto& before = model_.sides(op.inputs.front());
  const auto& after = model_.sides(op.outputs.front());
  if (before.empty() || after.empty() || before.front() != 1 || after.front() != 1) return false;
  std::int64_t from = 1, made = 1;
  for (const int side : before) from *= std::clamp(side, 0, 1 << 15);
  for (const int side : after) made *= std::clamp(side, 0, 1 << 15);
  const bool row = std::ranges::count_if(after, [](int side) { return side != 1; }) <= 1;
  return from == made && row && (after.size() == 2 || after.size() == 4) && after.back() == made;
}

bool Reader::pads_maximum(const Operator& op) const {
  if (op.code != Code::PADV2 || op.inputs.size() != 3) return false;
  if (model_.type_of(op.inputs[2]) == TensorType::INT8) return model_.is_lowest_byte(op.inputs[2]);
  const Tensor value = model_.floats(op, op.inputs[2]);
  return value.count() == 1 && value.floats()[0] < -1e30F;
}

void Reader::use(const Operator& op, int tensor) {
  const bool may = op.code == Code::MAX_POOL_2D || op.code == Code::TRANSPOSE;
  if (pool_padding_.contains(tensor) && !may) {
    model_.fail(op, "reads a tensor padded with the lowest value, which only max pooling can do");
  }
  builder_.use(map(tensor));
}

// A convolution to one channel, as decoders have it: the expectation of a distribution.
bool Reader::is_weighted_sum(const Operator& op) const {
  if (op.code != Code::CONV_2D || op.inputs.size() < 2 || op.inputs[1] < 0) return false;
  const std::vector<int>& kernel = model_.sides(op.inputs[1]);
  return kernel.size() == 4 && kernel[0] == 1 && kernel[1] == 1 && kernel[2] == 1;
}

// The operators that a convolution, pool or resize depends on, and these themselves.
std::vector<bool> Reader::needed_by_network() const {
  static const std::set<Code> kNetwork{Code::CONV_2D,         Code::DEPTHWISE_CONV_2D,
                                       Code::MAX_POOL_2D,     Code::AVERAGE_POOL_2D,
                                       Code::RESIZE_BILINEAR, Code::RESIZE_NEAREST_NEIGHBOR,
                                       Code::FULLY_CONNECTED, Code::SPACE_TO_DEPTH};
  const auto& operators = model_.operators();
  std::vector<bool> needed(operators.size(), false);
  std::set<int> tensors;
  for (std::size_t i = operators.size(); i-- > 0;) {
    const Operator& op = operators[i];
    needed[i] = (kNetwork.contains(op.code) && !is_weighted_sum(op)) ||
                std::ranges::any_of(op.outputs, [&](int t) { return tensors.contains(t); });
    if (needed[i]) tensors.insert(op.inputs.begin(), op.inputs.end());
  }
  return needed;
}

// Tries to make a layer of every operator.
void Reader::find_decoding() {
  const std::vector<bool> needed = needed_by_network();
  std::optional<Error> first;
  bool any = false;
  add_inputs();
  for (std::size_t i = 0; i < model_.operators().size(); ++i) {
    const Operator& op = model_.operators()[i];
    const bool goes = std::ranges::any_of(op.inputs, [&](int t) { return gone_.contains(t); });
    const bool reshaped = op.code == Code::RESHAPE || op.code == Code::SQUEEZE;
    const bool grouped = patterns_.is_part(i) || patterns_.made_at(i) != nullptr ||
                         attentions_.is_part(i) || attentions_.exit_at(i) != nullptr ||
                         upsamplings_.is_part(i) || upsamplings_.at(i) != nullptr;
    const bool fits = !goes && (!reshaped || keeps_map(op) || turns_one_channel(op) || grouped);
    note_pool_padding(op);
    const auto is_layer = [&] {
      if (needed[i]) {
        add(i);
        return true;
      }
      try {
        add(i);
        return true;
      } catch (const Error& error) {
        if (!first) first = error;
        return false;
      }
    };
    if (fits && is_layer()) {
      any = true;
      continue;
    }
    if (needed[i]) {
      model_.fail(op, "changes the shape of what later layers read, which oko does not support",
                  "cut the model before it, at its raw heads");
    }
    after_.insert(i);
    gone_.insert(op.outputs.begin(), op.outputs.end());
  }
  if (!any && first) throw Error(*first);  // nothing before it is a layer
}

// Also notes where box decoding starts, which oko does itself: the network ends there.
void Reader::count_uses() {
  const auto end_here = [&](int tensor) {
    if (is_constant(tensor) || gone_.contains(tensor)) return;
    const int source = patterns_.source(tensor);
    if (std::ranges::find(outputs_, source) == outputs_.end()) outputs_.push_back(source);
  };
  for (std::size_t i = 0; i < model_.operators().size(); ++i) {
    const Operator& op = model_.operators()[i];
    if (after_.contains(i)) {
      dropped_.push_back({builder_.place(model_.node(op)), op.kind});
      std::ranges::for_each(op.inputs, [&](int t) {
        if (t >= 0) end_here(t);
      });
      gone_.insert(op.outputs.begin(), op.outputs.end());
      continue;
    }
    if (attentions_.is_part(i) || upsamplings_.is_part(i)) continue;
    if (const auto* upsampling = upsamplings_.at(i)) {
      use(op, upsampling->from);
      continue;
    }
    if (const auto* exit = attentions_.exit_at(i)) {
      use(op, exit->from);
      continue;
    }
    if (is_retyped(op) || patterns_.is_part(i)) continue;
    note_pool_padding(op);
    if (const auto* activation = patterns_.activation_at(i)) {
      use(op, activation->from);
    } else if (const auto* groups = patterns_.groups_at(i)) {
      use(op, groups->from);
    } else if (const auto* dilated = patterns_.dilated_at(i)) {
      use(op, dilated->from);
    } else if (const auto* made = patterns_.made_at(i)) {
      use(op, made->from);
    } else {
      for (const int tensor : op.inputs) {
        if (tensor >= 0 && !is_constant(tensor)) use(op, tensor);
      }
    }
  }
  std::ranges::for_each(model_.outputs(), end_here);
  for (const int tensor : outputs_) builder_.use(map(tensor));
}

void Reader::add_inputs() {
  for (const int tensor : model_.inputs()) {
    Operator input;
    input.kind = "input";
    input.outputs = {tensor};
    const std::vector<int>& sides = model_.sides(tensor);
    constexpr int kMostChannels = 4;
    Shape shape = model_.map_shape(input, tensor);
    if (sides.size() == 4 && sides[1] <= kMostChannels && sides[3] > kMostChannels) {
      shape = {sides[1], sides[2], sides[3]};
      planar_.insert(tensor);
    }
    builder_.input(map(tensor), shape);
  }
}

Imported Reader::read(std::string_view file) {
  name_layers();
  add_inputs();
  count_uses();
  for (std::size_t i = 0; i < model_.operators().size(); ++i) add(i);
  std::vector<std::string> outputs;
  for (const int tensor : outputs_) outputs.push_back(map(tensor));
  const std::string& name = model_.file();
  const std::size_t start = name.find_last_of('/') + 1;
  Imported imported = builder_.finish(
      name.substr(start, name.ends_with(".tflite") ? name.size() - 7 - start : name.npos), outputs);
  for (std::size_t i = 0; i < imported.names.size(); ++i) {
    const int tensor = std::stoi(imported.keys[i]);  // map() begins with it
    imported.names[i] = model_.name_of(tensor);
    imported.keys[i] = std::to_string(tensor);
  }
  add_notes(imported);
  imported.dropped = dropped_;
  const std::string metadata = model_.metadata(kAboutName);
  const About about = read_about(metadata);
  if (imported.outputs.size() == outputs_.size()) add_tail(imported, about);
  const std::string description = model_.metadata(kDescriptionKey);
  if (!description.empty()) {
    apply_description(imported, description, name + ": metadata \"" + kDescriptionKey + "\"");
  } else {
    set_range(imported, about);
    read_labels(imported, about, file);
  }
  return imported;
}

namespace {

// What MediaPipe makes of the file's outputs, as the first of the results.
void add_detections(const About::Detector& detector, std::vector<Tensor>& results) {
  for (std::size_t b = 0; b < results.size(); ++b) {
    for (std::size_t s = 0; s < results.size(); ++s) {
      if (s == b) continue;
      auto found = unsuppressed(detector.coding, results[b], results[s], detector.anchors);
      if (!found) continue;
      if (detector.sigmoid) {
        auto sure = evaluate({.kind = "Sigmoid", .inputs = {&(*found)[1]}}, std::size_t{1} << 28);
        if (!sure) return;
        (*found)[1] = std::move(sure->front());
      }
      results.insert(results.begin(), found->begin(), found->end());
      return;
    }
  }
}

}  // namespace

// The operators after the network, for values of its outputs.
void Reader::add_tail(Imported& imported, const About& about) const {
  if (after_.empty()) return;
  std::vector<Shape> shapes;
  for (const int output : imported.outputs) {
    shapes.push_back(imported.network.layers[output].output);
  }
  for (const std::size_t i : after_) {
    for (const int tensor : model_.operators()[i].inputs) {
      if (!is_constant(tensor)) continue;
      const TensorType type = model_.type_of(patterns_.source(tensor));
      const bool bytes = type == TensorType::INT8 || type == TensorType::UINT8;
      const float rounding = bytes                         ? kByteRounding
                             : type == TensorType::FLOAT16 ? kHalfRounding
                                                           : 0;
      imported.tail_rounding = std::max(imported.tail_rounding, rounding);
    }
  }
  std::vector<bool> first;  // channels
  for (const int tensor : outputs_) first.push_back(planar(tensor));
  imported.tail = [model = shared_, after = after_, outputs = outputs_, shapes, first,
                   sources = patterns_,
                   detector = about.detector](const std::vector<std::vector<float>>& maps) {
    Evaluator evaluator(*model);
    const auto as_in_file = [&](std::size_t i) {
      const Tensor planes =
          Tensor::of(maps[i], {1, shapes[i].channels, shapes[i].height, shapes[i].width});
      return first[i] ? planes : permuted(planes, {0, 2, 3, 1});
    };
    for (std::size_t i = 0; i < maps.size(); ++i) evaluator.set(outputs[i], as_in_file(i));
    // Its constants may be stored as float16 or bytes.
    std::set<int> read;
    for (const std::size_t i : after) {
      read.insert(model->operators()[i].inputs.begin(), model->operators()[i].inputs.end());
    }
    for (const Operator& op : model->operators()) {
      if (is_retyped(op) && read.contains(op.outputs.front()) &&
          model->is_constant(op.inputs.front())) {
        evaluator.run(op);
      }
    }
    // The same in floats or int8.
    for (int tensor = 0; tensor < static_cast<int>(model->tensor_count()); ++tensor) {
      const Tensor* same = evaluator.find(sources.source(tensor));
      if (same != nullptr) evaluator.set(tensor, Tensor(*same));
    }
    std::vector<Tensor> results, others;
    for (const std::size_t i : after) {
      const Operator& op = model->operators()[i];
      if (!evaluator.run(op)) continue;
      for (const int tensor : op.outputs) others.push_back(*evaluator.find(tensor));
    }
    for (const int tensor : model->outputs()) {
      if (const Tensor* found = evaluator.find(tensor)) results.push_back(*found);
    }
    results.insert(results.end(), others.rbegin(), others.rend());
    if (detector) add_detections(*detector, results);
    return results;
  };
}

// Class names are in a file that the metadata names, or that is called so, or among what an
// exporter says of the model. An invalid list is ignored; the model is still usable.
void Reader::read_labels(Imported& imported, const About& about, std::string_view file) const {
  const auto files = appended_files(file);
  const auto has = [](std::string_view part) {
    return [part](const AppendedFile& one) { return one.name.find(part) != std::string::npos; };
  };
  auto found = std::ranges::find_if(files, [&](const AppendedFile& one) {
    return std::ranges::find(about.labels, one.name) != about.labels.end();
  });
  if (found == files.end()) found = std::ranges::find_if(files, has("label"));
  if (found == files.end()) {
    found = std::ranges::find_if(files, has("meta"));
    if (found == files.end()) return;
  }
  if (found->text.starts_with('{')) {  // some exporters declare their notes to be labels
    imported.labels = names_of_metadata(found->text);
    return;
  }
  try {
    imported.labels = parse_class_list(found->text, model_.file() + ": " + found->name);
  } catch (const Error& error) {
    imported.notes.push_back("the class names in the file are not used: " +
                             std::string(error.what()));
  }
}

// What becomes of pixels: the range of an input of bytes, or the normalization of the metadata.
void Reader::set_range(Imported& imported, const About& about) const {
  image::Preprocess& preprocess = imported.network.preprocess;
  if (model_.inputs().size() != 1) return;
  if (const auto range = model_.byte_range(model_.inputs().front())) {
    const auto [low, high] = *range;
    if (!(high > low)) return;
    const bool usual = std::fabs(low) < .01F && std::fabs(high - 1) < .01F;
    if (!usual) {
      preprocess.mean.fill(-low / (high - low));
      preprocess.scale.fill(high - low);
      imported.notes.push_back("pixel values become " + std::to_string(low) + " to " +
                               std::to_string(high) + ", the range of the file's input");
    }
  } else if (about.normalization) {
    constexpr float kMost = 255;
    for (std::size_t i = 0; i < 3; ++i) {
      preprocess.mean[i] = about.normalization->mean[i] / kMost;
      preprocess.scale[i] = kMost / about.normalization->deviation[i];
    }
    imported.notes.push_back("the mean and scale of pixels are those of the file's metadata");
  } else {
    return;
  }
  imported.defines_range = true;
}

void Reader::add_notes(Imported& imported) const {
  if (model_.had_masks()) imported.notes.push_back(kMasksNote);
  if (!dropped_.empty()) {
    imported.notes.push_back(
        dropped_.front().place +
        " starts the box decoding: dropped from there on; the tensors before it are the outputs");
  }
  for (std::size_t t = 0; t < model_.tensor_count(); ++t) {
    const auto tensor = static_cast<int>(t);
    const TensorType type = model_.type_of(tensor);
    const bool bytes = type == TensorType::INT8 || type == TensorType::UINT8;
    if (!model_.is_constant(tensor) || !bytes) continue;
    imported.notes.push_back(
        std::string("the model is ") + (type == TensorType::INT8 ? "int8" : "uint8") +
        "; its weights were dequantized to float32, so results differ from the "
        "model's own by its rounding");
    break;
  }
}

}  // namespace tflite

Imported read_tflite(const Bytes& file, const std::string& name) {
  const auto model = std::make_shared<const tflite::Model>(file, name);
  tflite::Reader trial(model);
  trial.find_decoding();
  return tflite::Reader(model, trial).read(file.text());
}

}  // namespace oko::formats
