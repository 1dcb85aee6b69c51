#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <utility>

#include "oko/base/error.h"
#include "oko/formats/darknet.h"
#include "oko/formats/darknet/program.h"
#include "oko/formats/darknet/sections.h"
#include "oko/formats/format.h"

namespace oko::formats {
namespace {

using graph::Activation;
using graph::Anchor;
using graph::kNetworkInput;
using graph::Padding;

using Keys = std::vector<std::pair<std::string, std::string>>;

std::string shortest(float value) {
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

template <typename List, typename ToText>
std::string joined(const List& list, ToText to_text) {
  std::string text;
  for (const auto& element : list) {
    if (!text.empty()) text += ',';
    text += to_text(element);
  }
  return text;
}

std::string text_of(const std::vector<Anchor>& anchors) {
  return joined(anchors,
                [](const Anchor& a) { return shortest(a.width) + "," + shortest(a.height); });
}

// What Darknet needs for training if the network does not come from a .cfg: the usual recipe, 2000
// iterations per class.
Keys default_net_keys(int classes) {
  const int batches = std::max(6000, 2000 * std::min(classes, 100000));
  return {{"batch", "64"},
          {"subdivisions", "16"},
          {"momentum", "0.9"},
          {"decay", "0.0005"},
          {"angle", "0"},
          {"saturation", "1.5"},
          {"exposure", "1.5"},
          {"hue", ".1"},
          {"learning_rate", "0.001"},
          {"burn_in", "1000"},
          {"max_batches", std::to_string(batches)},
          {"policy", "steps"},
          {"steps", std::to_string(batches / 10 * 8) + "," + std::to_string(batches / 10 * 9)},
          {"scales", ".1,.1"}};
}

Keys default_yolo_keys() { return {{"jitter", ".3"}, {"random", "1"}}; }

Keys default_region_keys() {
  return {{"bias_match", "1"},   {"jitter", ".2"},        {"rescore", "1"},
          {"object_scale", "5"}, {"noobject_scale", "1"}, {"class_scale", "1"},
          {"coord_scale", "1"},  {"absolute", "1"},       {"thresh", ".6"},
          {"random", "1"}};
}

// The additional keys of the original .cfg, or the given ones if there was none.
Keys kept_keys(const Json* kept, Keys otherwise, std::initializer_list<std::string_view> own) {
  if (!kept || !kept->is_object()) return otherwise;
  Keys keys;
  for (const auto& [key, value] : kept->items()) {
    if (std::ranges::find(own, key) != own.end()) continue;
    const std::string text = json_get<std::string>(*kept, key.c_str(), "metadata: darknet");
    const auto is_plain = [](std::string_view part) {
      return std::ranges::all_of(part, [](unsigned char c) { return c > ' ' && c <= '~'; }) &&
             part.find_first_of("=#;[") == part.npos;
    };
    if (key.empty() || !is_plain(key) || !is_plain(text)) {
      throw input_error("metadata: darknet",
                        "the key " + Json(key).dump(-1, ' ', true, Json::error_handler_t::replace) +
                            " cannot be written into a .cfg",
                        "remove it from the network's metadata");
    }
    keys.emplace_back(key, text);
  }
  return keys;
}

class CfgWriter {
 public:
  CfgWriter(const graph::Network& network, bool is_marked)
      : network_(network), is_marked_(is_marked) {}

  std::string run() {
    write_net();
    find_squared_heads();
    for (index_ = 0; index_ < network_.layers.size(); ++index_) {
      std::visit([this](const auto& operation) { write(operation); }, layer().operation);
      place_.push_back(written_++);
    }
    return std::move(out_);
  }

 private:
  const graph::Layer& layer() const { return network_.layers[index_]; }

  [[noreturn]] void fail(const std::string& message) const {
    throw input_error(graph::place_of(network_, index_), "Darknet cannot express " + message);
  }

  void section(const std::string& name) {
    if (!out_.empty()) out_ += '\n';
    out_ += "[" + name + "]\n";
  }
  void key(const std::string& name, const std::string& value) { out_ += name + "=" + value + "\n"; }
  void key(const std::string& name, int value) { key(name, std::to_string(value)); }
  void keys(const Keys& all) {
    for (const auto& [name, value] : all) key(name, value);
  }

  const Json* kept(const char* part) const {
    const auto darknet = network_.metadata.find("darknet");
    if (darknet == network_.metadata.end() || !darknet->is_object()) return nullptr;
    const auto found = darknet->find(part);
    return found == darknet->end() ? nullptr : &*found;
  }

  const Json* kept_of_head() {
    const Json* heads = kept("heads");
    const std::size_t head = heads_++;
    return heads && heads->is_array() && head < heads->size() ? &(*heads)[head] : nullptr;
  }

  void write_net() {
    section("net");
    key("width", network_.input.width);
    key("height", network_.input.height);
    key("channels", network_.input.channels);
    if (is_marked_) key("optimized_memory", 0);
    key("letter_box", network_.preprocess.fit == image::Preprocess::Fit::kLetterbox ? 1 : 0);
    keys(kept_keys(kept("net"), default_net_keys(network_.class_count()),
                   {"width", "height", "channels", "letter_box"}));
  }

  // The offset, negative, at which Darknet finds one of our layers.
  int back_to(int from) const {
    if (from == kNetworkInput) fail("reading the network's input in any layer but the first");
    return place_[from] - written_;
  }

  // Darknet's layers read their predecessor; a [route] reads any other.
  void continue_from(int from) {
    const bool is_before = from == kNetworkInput ? written_ == 0 : back_to(from) == -1;
    if (is_before) return;
    const int back = back_to(from);
    section("route");
    key("layers", back);
    ++written_;
  }

  void begin(const std::string& name) {
    continue_from(layer().inputs.front());
    section(name);
  }

  // With new_coords Darknet's head takes the outputs of logistic functions, which belong to the
  // convolution before it; ours contains them.
  void find_squared_heads() {
    const auto& layers = network_.layers;
    const auto is_squared = [](const graph::Layer& layer) {
      const auto* yolo = std::get_if<graph::Yolo>(&layer.operation);
      return yolo != nullptr && yolo->box_code == graph::BoxCode::kSquared;
    };
    for (const graph::Layer& head : layers) {
      if (!is_squared(head)) continue;
      const int from = head.inputs.front();
      index_ = static_cast<std::size_t>(&head - layers.data());
      const auto* convolution =
          from < 0 ? nullptr : std::get_if<graph::Convolution>(&layers[from].operation);
      if (convolution == nullptr || convolution->activation != Activation::kLinear) {
        fail("this head after anything but a convolution without activation");
      }
      for (const graph::Layer& layer : layers) {
        if (std::ranges::count(layer.inputs, from) > 0 && !is_squared(layer)) {
          fail("this head after a convolution that another layer reads");
        }
      }
      logistic_.insert(from);
    }
  }

  void activation_key(Activation activation) {
    if (activation == Activation::kHardSigmoid || activation == Activation::kHardSwish) {
      fail("the activation " + std::string(graph::name_of(activation)));
    }
    key("activation", graph::name_of(activation));
  }

  void write(const graph::Convolution& c) {
    if (c.padding != Padding::all(c.padding.top)) fail("asymmetric padding");
    const bool is_dilated = c.dilation != 1 && c.size != 1;
    if (is_dilated && (c.size % 2 == 0 || c.padding.top != c.size / 2 * c.dilation)) {
      fail("dilation with padding that does not keep the size");
    }
    begin("convolutional");
    if (c.batch_norm) key("batch_normalize", 1);
    if (c.groups > 1) key("groups", c.groups);
    key("filters", c.filters);
    key("size", c.size);
    key("stride", c.stride);
    if (is_dilated) key("dilation", c.dilation);
    if (is_dilated || c.padding.top == c.size / 2) {
      key("pad", 1);
    } else {
      key("padding", c.padding.top);
    }
    const bool is_logistic = logistic_.contains(static_cast<int>(index_));
    activation_key(is_logistic ? Activation::kLogistic : c.activation);
  }

  void write(const graph::MaxPool& pool) { write_pool("maxpool", pool); }

  void write(const graph::AveragePool& pool) {
    if (pool.is_global()) {
      begin("avgpool");
      return;
    }
    if (pool.counts_padding && pool.padding != Padding{}) {
      fail("an average that counts the padding");
    }
    write_pool("local_avgpool", pool);
  }

  void write_pool(const char* name, const auto& pool) {
    const Padding& p = pool.padding;
    const int all = p.top + p.bottom, before = all / 2;
    if (p != Padding{before, before, all - before, all - before}) {
      fail("this pool's padding: half of it, rounded down, must be at the top left");
    }
    begin(name);
    key("size", pool.size);
    key("stride", pool.stride);
    if (all != pool.size - 1) key("padding", all);
  }

  void write(const graph::Upsample& upsample) {
    begin("upsample");
    key("stride", upsample.scale);
  }

  void write(const graph::Route& route) {
    const std::string layers =
        joined(layer().inputs, [this](int from) { return std::to_string(back_to(from)); });
    section("route");
    key("layers", layers);
    if (route.groups == 1) return;
    key("groups", route.groups);
    key("group_id", route.group);
  }

  void write(const graph::SpaceToDepth& layer) {
    using Order = graph::SpaceToDepth::Order;
    if (layer.order != Order::kDarknet && layer.order != Order::kRows) {
      fail("this order of channels");
    }
    begin(layer.order == Order::kDarknet ? "reorg" : "reorg3d");
    key("stride", layer.block);
  }

  void write(const graph::Shortcut& shortcut) {
    begin("shortcut");
    const std::vector<int> others(layer().inputs.begin() + 1, layer().inputs.end());
    key("from", joined(others, [this](int from) { return std::to_string(back_to(from)); }));
    activation_key(shortcut.activation);
  }

  void write(const graph::Product& product) {
    const std::vector<int>& inputs = layer().inputs;
    if (inputs.size() != 2) fail("a product of more than two layers");
    if (product.activation == Activation::kSwish || product.activation == Activation::kMish) {
      fail("a product with this activation");
    }
    const graph::Shape &first = shape_of(network_, inputs[0]),
                       &second = shape_of(network_, inputs[1]);
    const bool is_ambiguous = first == second && first.height * first.width == 1;
    const bool scales = is_ambiguous ? back_to(inputs[0]) != -1 : first != second;
    const int before = scales ? inputs[1] : inputs[0], other = scales ? inputs[0] : inputs[1];
    continue_from(before);
    section(scales ? "scale_channels" : "sam");
    key("from", back_to(other));
    activation_key(product.activation);
  }

  void write(const graph::Dropout& dropout) {
    begin("dropout");
    key("probability", shortest(dropout.probability));
  }

  void write(const graph::Softmax&) {
    const graph::Shape& in = shape_of(network_, layer().inputs.front());
    if (in.height * in.width != 1) fail("a softmax for every pixel");
    begin("softmax");
    key("groups", 1);
  }

  void write(const auto&) { refuse_layer(network_, static_cast<int>(index_), "Darknet"); }

  void write(const graph::Yolo& yolo) {
    const bool is_squared = yolo.box_code == graph::BoxCode::kSquared;
    if ((!is_squared && yolo.box_code != graph::BoxCode::kExponential) || yolo.softmax ||
        yolo.class_share != 0) {
      fail("how this head makes boxes or scores");
    }
    begin("yolo");
    key("mask", joined(yolo.mask, [](int index) { return std::to_string(index); }));
    key("anchors", text_of(yolo.anchors));
    key("classes", yolo.classes);
    key("num", static_cast<int>(yolo.anchors.size()));
    key("ignore_thresh", shortest(yolo.ignore_threshold));
    key("truth_thresh", shortest(yolo.truth_threshold));
    if (yolo.scale_x_y != 1) key("scale_x_y", shortest(yolo.scale_x_y));
    if (is_squared) key("new_coords", 1);
    keys(kept_keys(kept_of_head(), default_yolo_keys(),
                   {"mask", "anchors", "classes", "num", "ignore_thresh", "truth_thresh",
                    "scale_x_y", "new_coords", "nms_kind", written_exponent()}));
    write_suppression();
  }

  void write(const graph::Region& region) {
    begin("region");
    key("anchors", text_of(region.anchors));
    key("classes", region.classes);
    key("coords", 4);
    key("num", static_cast<int>(region.anchors.size()));
    key("softmax", region.softmax ? 1 : 0);
    keys(kept_keys(
        kept_of_head(), default_region_keys(),
        {"anchors", "classes", "coords", "num", "softmax", "nms_kind", written_exponent()}));
    write_suppression();
  }

  // The key that has the exponent, "" where none needs to.
  std::string_view written_exponent() const {
    constexpr float kGreedyExponent = .6F;
    const float exponent = network_.diou_exponent;
    return exponent == 0 || exponent == kGreedyExponent ? "" : "beta_nms";
  }

  void write_suppression() {
    if (network_.diou_exponent == 0) return;
    const bool is_greedy = written_exponent().empty();
    key("nms_kind", is_greedy ? "greedynms" : "diounms");
    if (!is_greedy) key("beta_nms", shortest(network_.diou_exponent));
  }

  const graph::Network& network_;
  bool is_marked_;  // with a key that only newer Darknets have, and its default
  std::string out_;
  std::size_t index_ = 0;   // of the layer being written
  std::size_t heads_ = 0;   // written so far
  int written_ = 0;         // Darknet's layers so far
  std::set<int> logistic_;  // of ours, whose output is of logistic functions in Darknet
  std::vector<int> place_;  // Darknet's index of each of ours
};

// Batch norm by sqrt(variance + epsilon), which the original computes differently on a CPU.
bool is_of_later_darknet(const graph::Layer& layer) {
  const auto* convolution = std::get_if<graph::Convolution>(&layer.operation);
  return convolution != nullptr && convolution->batch_norm &&
         !convolution->batch_norm->epsilon_outside_root;
}

// Without heads Darknet's only output is its last layer.
void check_outputs(const graph::Network& network) {
  const std::vector<int> outputs = network.outputs();
  const int last = static_cast<int>(network.layers.size()) - 1;
  if (outputs == std::vector{last}) return;
  const int other = outputs.front() == last && outputs.size() > 1 ? outputs[1] : outputs.front();
  throw input_error(
      graph::place_of(network, static_cast<std::size_t>(other)),
      "is an output, but a Darknet network without heads has only one, its last layer",
      "export it to another format");
}

}  // namespace

std::string write_darknet_cfg(const graph::Network& network) {
  graph::Network checked = network;
  checked.weights.clear();
  graph::infer_shapes(checked);
  if (checked.heads().empty()) check_outputs(checked);
  std::string text = CfgWriter(checked, false).run();
  std::vector<DarknetSection> sections = read_darknet_sections(text, "written");
  const bool is_original = program_of(sections).key.empty();
  const bool is_marked = is_original && std::ranges::any_of(checked.layers, is_of_later_darknet);
  return is_marked ? CfgWriter(checked, true).run() : text;
}

}  // namespace oko::formats
