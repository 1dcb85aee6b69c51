#include "oko/formats/heads.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <map>
#include <numeric>
#include <set>

#include "oko/base/count.h"
#include "oko/base/error.h"
#include "oko/base/text.h"
#include "oko/graph/network_json.h"

namespace oko::formats {
namespace {

using graph::Layer;
using graph::Network;

const Layer& layer_of(const Imported& imported, std::size_t output) {
  return imported.network.layers[imported.outputs[output]];
}

// Adds a head after each output, in layer order, and keeps outputs pointing at them.
void insert_heads(Imported& imported, const std::vector<Layer>& heads) {
  std::vector<std::size_t> order(heads.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return imported.outputs[a] > imported.outputs[b];
  });
  std::vector<Layer>& layers = imported.network.layers;
  for (const std::size_t i : order) {  // backwards, so that earlier indices stay valid
    const int from = imported.outputs[i];
    Layer head = heads[i];
    head.inputs = {from};
    for (auto layer = layers.begin() + from + 1; layer != layers.end(); ++layer) {
      for (int& input : layer->inputs) input += input > from ? 1 : 0;
    }
    for (int& output : imported.outputs) output += output > from ? 1 : 0;
    layers.insert(layers.begin() + from + 1, std::move(head));
  }
  graph::infer_shapes(imported.network);
}

std::string place_of_output(const Imported& imported, std::size_t output) {
  return graph::place_of(imported.network, static_cast<std::size_t>(imported.outputs[output]));
}

// A scale and bias per channel, which hides no function before it.
bool is_scale(const graph::Convolution& c) {
  return c.size == 1 && c.groups > 1 && c.groups == c.filters;
}

std::optional<graph::Activation> activation_of(const Layer& layer) {
  if (const auto* sum = std::get_if<graph::Shortcut>(&layer.operation)) return sum->activation;
  const auto* c = std::get_if<graph::Convolution>(&layer.operation);
  if (c == nullptr || (c->activation == graph::Activation::kLinear && is_scale(*c))) return {};
  return c->activation;
}

// The last function applied to a layer's output ("sigmoid", "softmax", another activation), or null
// where all values may be raw. Layers that only move or scale values are skipped.
const char* passed_by(const Network& network, int output) {
  std::vector<int> left{output};
  std::set<int> seen;
  while (!left.empty()) {
    const int index = left.back();
    left.pop_back();
    if (index == graph::kNetworkInput || !seen.insert(index).second) continue;
    const Layer& layer = network.layers[index];
    if (std::holds_alternative<graph::Softmax>(layer.operation)) return "softmax";
    const auto activation = activation_of(layer);
    if (activation == graph::Activation::kLogistic) return "sigmoid";
    if (!activation) left.insert(left.end(), layer.inputs.begin(), layer.inputs.end());
    if (activation.value_or(graph::Activation::kLinear) != graph::Activation::kLinear) {
      return graph::name_of(*activation);
    }
  }
  return nullptr;
}

[[noreturn]] void refuse_output(const Imported& imported, std::size_t output,
                                const std::string& what) {
  throw input_error(place_of_output(imported, output),
                    "the output comes from " + what + "; a head decodes a convolution's raw output",
                    "export the model up to its raw heads, without decoding; or use --no-heads and "
                    "decode its outputs in the app");
}

// A head's formulas expect raw values. On others they give plausible but wrong boxes.
void check_raw_outputs(const Imported& imported) {
  for (std::size_t i = 0; i < imported.outputs.size(); ++i) {
    const int index = imported.outputs[i];
    if (const char* function = passed_by(imported.network, index)) {
      refuse_output(imported, i, std::string("a ") + function);
    }
    const Layer& layer = layer_of(imported, i);
    if (!std::holds_alternative<graph::Convolution>(layer.operation)) {
      refuse_output(imported, i, std::string("a ") + graph::name_of(layer.operation));
    }
  }
}

constexpr const char* kDecodingHint =
    "use --decoding yolov3 if its boxes are exp(t) x anchor, --decoding yolov5 if they are "
    "(2 sigmoid(t))^2 x anchor, as those of YOLOv5 with --anchors "
    "10,13,16,30,33,23,30,61,62,45,59,119,116,90,156,198,373,326 unless it was trained with "
    "others, or --decoding and the family of a detector without anchors; "
    "otherwise use --no-heads and decode its outputs in the app";

void check_decoding(const Imported& imported) {
  const auto& layers = imported.network.layers;
  const auto is_swish = [](const Layer& layer) {
    const auto* c = std::get_if<graph::Convolution>(&layer.operation);
    return c != nullptr && c->activation == graph::Activation::kSwish;
  };
  const auto is_focus = [](const Layer& layer) {
    const auto* squares = std::get_if<graph::SpaceToDepth>(&layer.operation);
    return squares != nullptr && squares->order == graph::SpaceToDepth::Order::kColumns &&
           layer.inputs[0] == graph::kNetworkInput;
  };
  const auto refuse = [&](auto found, const std::string& what) {
    if (found == layers.end()) return;
    throw input_error(
        graph::place_of(imported.network, static_cast<std::size_t>(found - layers.begin())),
        what + ", as YOLOv5 and its successors do, which decode boxes differently from YOLOv3",
        kDecodingHint);
  };
  refuse(std::ranges::find_if(layers, is_swish), "the network uses SiLU (swish)");
  refuse(std::ranges::find_if(layers, is_focus), "the network begins with squares of pixels");
}

// Kinds of operations as every format names them, without regard to case and '_'.
std::string plain_kind(std::string_view kind) {
  std::string plain;
  for (const char c : kind) {
    if (c != '_') plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return plain;
}

bool only_moves_values(const std::string& kind) {
  static const std::set<std::string_view> kinds{
      "cast",       "concat",     "concatv2",     "concatenation", "constant",
      "dequantize", "expanddims", "flatten",      "gather",        "gatherv2",
      "identity",   "pack",       "permute",      "quantize",      "reshape",
      "shape",      "slice",      "split",        "splitv",        "squeeze",
      "stack",      "transpose",  "stridedslice", "unpack",        "unsqueeze"};
  return kinds.contains(kind);
}

// What the file computes from its outputs must be what a YOLOv3 head computes.
void check_dropped(const Imported& imported) {
  const DroppedNode* first = nullptr;
  std::set<std::string> kinds;
  for (const DroppedNode& one : imported.dropped) {
    const std::string kind = plain_kind(one.kind);
    if (only_moves_values(kind)) continue;
    if (first == nullptr) first = &one;
    kinds.insert(kind);
  }
  const bool has_sigmoid = kinds.contains("sigmoid") || kinds.contains("logistic");
  if (first == nullptr || (has_sigmoid && kinds.contains("exp") && !kinds.contains("softmax"))) {
    return;
  }
  throw input_error(first->place,
                    "the file processes its outputs further, but not as YOLOv3 decodes boxes "
                    "(a sigmoid and an exponential)",
                    kDecodingHint);
}

Layer head_after(const Imported& imported, std::size_t output, graph::Operation head) {
  return {unused_name(imported.network, layer_of(imported, output).name + ".head"),
          std::move(head),
          {},
          {}};
}

}  // namespace

std::vector<std::vector<int>> usual_masks(const std::vector<int>& widths, std::size_t anchors) {
  const std::size_t outputs = widths.size(), each = anchors / outputs;
  std::vector<std::size_t> order(outputs);  // from the finest
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, std::greater<>(), [&](std::size_t i) { return widths[i]; });
  std::vector<std::vector<int>> masks(outputs);
  for (std::size_t rank = 0; rank < outputs; ++rank) {
    for (std::size_t k = 0; k < each; ++k) {
      masks[order[rank]].push_back(static_cast<int>(rank * each + k));
    }
  }
  return masks;
}

std::string unused_name(const Network& network, std::string name) {
  const auto taken = [&](const Layer& layer) { return layer.name == name; };
  while (std::ranges::any_of(network.layers, taken)) name += "_";
  return name;
}

std::string values_of_head(const graph::Operation& head) {
  if (const auto* distances = std::get_if<graph::Distances>(&head)) {
    const std::string sides = "then for the left, top, right and bottom side of a box ";
    return "class logits, " + sides +
           (distances->bins == 1 ? "its distance"
                                 : std::to_string(distances->bins) +
                                       " logits, whose softmax weights distances from 0") +
           " in strides of " + std::to_string(distances->stride) + " pixels";
  }
  if (std::holds_alternative<graph::Ssd>(head)) {
    return "for each anchor logits of the background and the classes, then for each x, y, w, h";
  }
  return "for each anchor tx, ty, tw, th, objectness and class logits";
}

std::string describe(const Network& network) {
  Network heads;
  heads.name = network.name;
  heads.input = network.input;
  heads.preprocess = network.preprocess;
  heads.classes = network.classes;
  heads.metadata = network.metadata;
  for (const int head : network.heads()) {
    Layer& layer = heads.layers.emplace_back(network.layers[head]);
    layer.inputs = {graph::kNetworkInput};
  }
  try {
    return graph::network_to_json(heads).dump();
  } catch (const Json::type_error&) {
    throw input_error("network", "a class name or another string is not valid UTF-8",
                      "save the class list as UTF-8");
  }
}

void check_utf8(const std::string& name, const std::string& place) {
  try {
    static_cast<void>(Json(name).dump());
  } catch (const Json::type_error&) {
    throw input_error(place, "contains a name that is not UTF-8", "the file is damaged");
  }
}

namespace {

// A name that every format accepts.
std::string plain_name(const std::string& name) {
  constexpr std::size_t kLongest = 100;
  std::string text;
  for (const char c : name.substr(0, kLongest)) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || !text.ends_with('_')) text += plain ? c : '_';
  }
  while (text.starts_with('_')) text.erase(0, 1);
  while (text.ends_with('_')) text.pop_back();
  const bool starts_well = !text.empty() && (text[0] < '0' || text[0] > '9');
  return starts_well ? text : text.empty() ? "output" : "output_" + text;
}

std::vector<std::string> raw_output_names(const Network& network) {
  if (network.raw_outputs.empty()) return {"output"};
  std::set<std::string> taken{kInputName};
  for (const Layer& layer : network.layers) taken.insert(layer.name);
  std::vector<std::string> names;
  for (const graph::Output& output : network.raw_outputs) {
    const std::string stem = plain_name(output.name);
    std::string name = stem;
    for (int i = 2; !taken.insert(name).second; ++i) name = stem + "_" + std::to_string(i);
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

std::vector<std::string> output_names(const Network& network) {
  if (network.heads().empty()) return raw_output_names(network);
  std::vector<std::string> names;
  std::map<std::string, int> seen;
  for (const int output : network.outputs()) {
    const graph::Shape& shape = graph::shape_of(network, output);
    std::string name = "head_" + std::to_string(shape.height) + "x" + std::to_string(shape.width);
    const int count = ++seen[name];
    if (count > 1) name += "_" + std::to_string(count);
    names.push_back(std::move(name));
  }
  return names;
}

void set_raw_outputs(Imported& imported) {
  Network& network = imported.network;
  network.raw_outputs.clear();
  if (!network.heads().empty()) return;
  for (std::size_t i = 0; i < imported.outputs.size(); ++i) {
    const std::string name = i < imported.names.size() ? visible(imported.names[i], "_") : "output";
    network.raw_outputs.push_back({imported.outputs[i], name});
  }
  const bool is_usual = network.raw_outputs.size() == 1 &&
                        network.raw_outputs[0].layer + 1 == static_cast<int>(network.layers.size());
  if (is_usual) network.raw_outputs.clear();
}

void apply_description(Imported& imported, std::string_view description, const std::string& place) {
  Network heads = graph::network_from_json(parse_json(description, place), place);
  if (!heads.layers.empty() && heads.layers.size() != imported.outputs.size()) {
    throw input_error(place,
                      "describes " + counted_text(std::ssize(heads.layers), "head") +
                          "; the model has " + counted_text(std::ssize(imported.outputs), "output"),
                      "export the model again");
  }
  for (const Layer& layer : heads.layers) {
    if (graph::is_head(layer.operation)) continue;
    throw input_error(place, "describes " + layer.name + " as a head, but it is not one");
  }
  for (std::size_t i = 0; i < heads.layers.size(); ++i) {
    const char* function = passed_by(imported.network, imported.outputs[i]);
    if (function == nullptr) continue;
    const std::string_view name = function;
    if (name == "sigmoid" || name == "softmax")
      refuse_output(imported, i, "a " + std::string(name));
  }
  Network& network = imported.network;
  network.name = heads.name;
  network.preprocess = heads.preprocess;
  imported.defines_preprocessing = imported.described = true;
  network.classes = heads.classes;
  network.metadata = heads.metadata;
  if (!heads.layers.empty()) insert_heads(imported, heads.layers);
}

void add_heads(Imported& imported, const std::vector<graph::Operation>& heads) {
  std::vector<Layer> layers;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    layers.push_back(head_after(imported, i, heads[i]));
  }
  insert_heads(imported, layers);
}

bool only_moves_values(const Imported& imported, bool softmax) {
  return std::ranges::all_of(imported.dropped, [&](const DroppedNode& one) {
    const std::string kind = plain_kind(one.kind);
    return only_moves_values(kind) || kind == "sigmoid" || kind == "logistic" ||
           (softmax && kind == "softmax");
  });
}

Network remove_heads(const Network& network) {
  Network bare = network;
  bare.layers.clear();
  std::vector<int> moved;  // where each layer stands now; a head's own map is its input's
  const auto now = [&](int layer) { return layer < 0 ? layer : moved[layer]; };
  for (const Layer& layer : network.layers) {
    if (graph::is_head(layer.operation)) {
      moved.push_back(now(layer.inputs.front()));
      continue;
    }
    moved.push_back(static_cast<int>(bare.layers.size()));
    for (int& from : bare.layers.emplace_back(layer).inputs) from = now(from);
  }
  const std::vector<int> outputs = network.outputs();
  const std::vector<std::string> names = output_names(network);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    bare.raw_outputs.push_back({now(outputs[i]), names[i]});
  }
  graph::infer_shapes(bare);
  return bare;
}

void check_head_outputs(const Imported& imported, bool decoding_given) {
  check_raw_outputs(imported);
  if (decoding_given) return;
  check_decoding(imported);
  check_dropped(imported);
}

void add_heads(Imported& imported, const HeadOptions& options) {
  const Family decoding = options.decoding.value_or(Family::kYoloV3);
  assert(decoding != Family::kYoloFastestV2);  // which recognize_with_anchors() reads
  if (!takes_anchors(decoding)) {
    throw Error(ErrorCode::kUsage, "--anchors",
                "has no effect with --decoding " + std::string(word_of(decoding)) +
                    ", whose heads take none from outside",
                "omit one of them");
  }
  check_head_outputs(imported, options.decoding.has_value());
  const std::size_t outputs = imported.outputs.size(), anchors = options.anchors.size();
  std::vector<std::vector<int>> masks = options.masks;
  if (masks.empty()) {
    if (anchors == 0 || anchors % outputs != 0) {
      throw input_error("--anchors",
                        counted_text(static_cast<std::int64_t>(anchors), "anchor") +
                            " cannot be split evenly over " +
                            counted_text(static_cast<std::int64_t>(outputs), "output"),
                        "assign anchors to outputs with --masks");
    }
    std::vector<int> widths;
    for (std::size_t i = 0; i < outputs; ++i) {
      widths.push_back(layer_of(imported, i).output.width);
    }
    masks = usual_masks(widths, anchors);
    imported.notes.push_back(
        "anchors were assigned as in published YOLOv3, the largest to the coarsest output; --masks "
        "overrides that");
  }
  if (masks.size() != outputs) {
    throw input_error("--masks", "gives " + counted_text(std::ssize(masks), "mask") + " for " +
                                     counted_text(static_cast<std::int64_t>(outputs), "output"));
  }
  std::vector<Layer> heads;
  for (std::size_t i = 0; i < outputs; ++i) {
    const int channels = layer_of(imported, i).output.channels;
    const int boxes = static_cast<int>(masks[i].size());
    if (boxes == 0 || channels % boxes != 0 || channels / boxes <= 5) {
      throw input_error(place_of_output(imported, i),
                        "an output of " + std::to_string(channels) +
                            " channels is not a head with " + counted_text(boxes, "anchor") +
                            ": it should be anchors x (5 + classes)",
                        "give the anchors the model was trained with");
    }
    graph::Yolo yolo{options.anchors, masks[i], channels / boxes - 5};
    if (decoding == Family::kYoloV5) yolo.box_code = graph::BoxCode::kSquared, yolo.scale_x_y = 2;
    heads.push_back(head_after(imported, i, std::move(yolo)));
  }
  insert_heads(imported, heads);
}

std::vector<graph::Anchor> read_anchors(std::string_view text, const std::string& name) {
  text = without_bom(text);
  std::vector<float> numbers;
  int line = 1, last_line = 1;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (c == ' ' || c == ',' || c == '\n' || c == '\r' || c == '\t') {
      ++i;
      continue;
    }
    float value = 0;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + text.size(), value);
    last_line = line;
    if (error != std::errc() || !(value > 0 && value < 1e6F) || numbers.size() >= 2048) {
      throw input_error(name + ":" + std::to_string(line), "not a list of anchors",
                        "write pairs of width and height in pixels: 10,14, 23,27, 37,58");
    }
    numbers.push_back(value);
    i = static_cast<std::size_t>(end - text.data());
  }
  if (numbers.empty() || numbers.size() % 2 != 0) {
    throw input_error(name + ":" + std::to_string(last_line),
                      std::to_string(numbers.size()) + " numbers do not form pairs",
                      "give a width and a height for each anchor");
  }
  std::vector<graph::Anchor> anchors;
  for (std::size_t i = 0; i < numbers.size(); i += 2) {
    anchors.push_back({numbers[i], numbers[i + 1]});
  }
  return anchors;
}

}  // namespace oko::formats
