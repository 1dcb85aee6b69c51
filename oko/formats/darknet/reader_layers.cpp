#include <utility>

#include "oko/base/error.h"
#include "oko/formats/darknet/reader.h"

namespace oko::formats {
namespace {

using graph::Activation;
using graph::Operation;
using graph::Padding;
using graph::Shape;

// Keys that change what a layer computes in ways oko cannot represent, and the value that has no
// effect ("": there is none).
struct Unsupported {
  std::string_view section, key, neutral;
};
constexpr Unsupported kUnsupported[] = {
    {"convolutional", "binary", "0"},
    {"convolutional", "xnor", "0"},
    {"convolutional", "flipped", "0"},
    {"convolutional", "antialiasing", "0"},
    {"convolutional", "coordconv", "0"},
    {"convolutional", "sway", "0"},
    {"convolutional", "rotate", "0"},
    {"convolutional", "stretch", "0"},
    {"convolutional", "stretch_sway", "0"},
    // The order of its weights differs from a convolution's.
    {"connected", "batch_normalize", "0"},
    {"maxpool", "antialiasing", "0"},
    {"maxpool", "maxpool_depth", "0"},
    {"upsample", "scale", "1"},
    {"reorg", "reverse", "0"},
    {"reorg3d", "reverse", "0"},
    {"shortcut", "weights_type", "none"},
    {"shortcut", "alpha", "1"},
    {"shortcut", "beta", "1"},
    {"scale_channels", "scale_wh", "0"},
    {"softmax", "groups", "1"},
    {"softmax", "tree", ""},
    {"softmax", "spatial", "0"},
    {"region", "coords", "4"},
    {"region", "background", "0"},
    {"region", "tree", ""},
    {"region", "map", ""},
    {"net", "inputs", ""},
};

bool flag(DarknetSection& section, std::string_view key) { return section.integer_or(key, 0) != 0; }

// AlexeyAB's Darknet has one per direction; a single one is for both.
int stride_of(DarknetSection& section) {
  const int both = section.integer_or("stride", 1);
  const int x = section.integer_or("stride_x", -1), y = section.integer_or("stride_y", -1);
  const int across = x < 1 ? both : x, down = y < 1 ? both : y;
  if (across == down) return across;
  throw input_error(section.place_of(x < 1 ? "stride_y" : "stride_x"),
                    "different strides (" + std::to_string(across) + " and " +
                        std::to_string(down) + ") are not supported",
                    "give stride_x and stride_y the same value and retrain");
}

Activation activation_of(DarknetSection& section) {
  const std::string name = section.text("activation");
  if (const auto known = graph::activation_named(name)) return *known;
  throw input_error(section.place_of("activation"), "the activation " + name + " is not known",
                    "supported: linear, leaky, relu, relu6, logistic, mish, swish, elu, tanh, "
                    "hard_sigmoid, hard_swish");
}

Activation activation_or_linear(DarknetSection& section) {
  return section.has("activation") ? activation_of(section) : Activation::kLinear;
}

// Of [sam] and [scale_channels], for which Darknet computes no others.
Activation simple_activation(DarknetSection& section) {
  const Activation activation = activation_or_linear(section);
  if (activation != Activation::kSwish && activation != Activation::kMish) return activation;
  throw input_error(
      section.place_of("activation"),
      "[" + section.name() + "] with this activation is not supported, nor is it by Darknet",
      "use another activation and retrain");
}

// Of a pool. Darknet pads `padding` rows and columns in total, the odd one at the bottom right.
template <typename Pool>
Pool pool_of(DarknetSection& section) {
  Pool pool;
  pool.stride = stride_of(section);
  pool.size = section.integer_or("size", pool.stride);
  if (pool.size < 1) throw input_error(section.place(), "the size of the window is below 1");
  const int padding = section.integer_or("padding", pool.size - 1), before = padding / 2;
  pool.padding = {before, before, padding - before, padding - before};
  return pool;
}

}  // namespace

void refuse_unsupported(DarknetSection& section) {
  for (const auto& [name, key, neutral] : kUnsupported) {
    if (name != section.kind() || !section.has(key)) continue;
    const std::string value = section.text(key);
    if (value == neutral) continue;
    throw input_error(
        section.place_of(key),
        "[" + section.name() + "] with " + std::string(key) + "=" + value + " is not supported",
        neutral.empty() ? "remove the line and retrain"
                        : "only " + std::string(key) + "=" + std::string(neutral) +
                              " is: change it and retrain");
  }
}

Operation CfgReader::convolution(DarknetSection& section) {
  graph::Convolution c;
  c.filters = section.integer("filters");
  c.size = section.integer("size");
  c.stride = stride_of(section);
  c.groups = section.integer_or("groups", 1);
  int padding = section.integer_or("padding", 0);
  if (flag(section, "pad")) padding = c.size / 2;
  const int dilation = section.integer_or("dilation", 1);
  if (dilation != 1 && c.size != 1) {
    // Darknet multiplies the padding too, and takes the size of the output for that of a plain
    // convolution.
    constexpr int kMost = 1024;
    if (dilation < 1 || dilation > kMost || c.size > kMost || padding != c.size / 2 ||
        c.size % 2 == 0) {
      throw input_error(section.place_of("dilation"),
                        "this dilation is supported only with pad=1 and an odd size",
                        "change them and retrain");
    }
    c.dilation = dilation;
    padding *= dilation;
  }
  c.padding = Padding::all(padding);
  if (flag(section, "batch_normalize") || flag(section, "cbn")) c.batch_norm = batch_norm_;
  c.activation = activation_of(section);
  if (section.has("share_index")) share_weights(section, c);
  return c;
}

// The convolution uses another one's weights; here it gets a copy.
void CfgReader::share_weights(DarknetSection& section, const graph::Convolution& convolution) {
  const int from = layer_at(section.integer("share_index"), section, "share_index");
  const auto* other =
      from < 0 ? nullptr : std::get_if<graph::Convolution>(&network_.layers[from].operation);
  const auto channels = [&](int input) { return graph::shape_of(network_, input).channels; };
  if (other == nullptr || other->filters != convolution.filters ||
      other->size != convolution.size || other->groups != convolution.groups ||
      other->batch_norm != convolution.batch_norm ||
      channels(network_.layers[from].inputs.front()) != channels(inputs_.front())) {
    throw input_error(section.place_of("share_index"),
                      "the layer is not a convolution with weights of the same shapes",
                      "refer to such a layer, or remove the line and retrain");
  }
  note_once(section, "share_index",
            "share_index: the layer gets a copy of the other one's weights, and if it is trained "
            "they differ");
  if (layout_ != nullptr) layout_->same_as[static_cast<int>(network_.layers.size())] = from;
}

// A convolution over the whole map.
Operation CfgReader::connected(DarknetSection& section) {
  const Shape& in = shape_before();
  if (in.height != in.width) {
    throw input_error(
        section.place(),
        "[connected] is supported only after a square map; this is " + graph::to_string(in));
  }
  return graph::Convolution{.filters = section.integer("output"),
                            .size = in.height,
                            .activation = activation_of(section)};
}

Operation CfgReader::max_pool(DarknetSection& section) { return pool_of<graph::MaxPool>(section); }

Operation CfgReader::average_pool(DarknetSection&) { return graph::AveragePool{}; }

Operation CfgReader::local_average_pool(DarknetSection& section) {
  return pool_of<graph::AveragePool>(section);
}

Operation CfgReader::upsample(DarknetSection& section) {
  return graph::Upsample{section.integer_or("stride", 2)};
}

Operation CfgReader::reorg(DarknetSection& section) {
  return graph::SpaceToDepth{section.integer_or("stride", 1), graph::SpaceToDepth::Order::kDarknet};
}

Operation CfgReader::reorg_3d(DarknetSection& section) {
  return graph::SpaceToDepth{section.integer_or("stride", 1), graph::SpaceToDepth::Order::kRows};
}

Operation CfgReader::route(DarknetSection& section) {
  inputs_.clear();
  for (const int index : section.integers("layers")) {
    inputs_.push_back(layer_at(index, section, "layers"));
  }
  return graph::Route{section.integer_or("groups", 1), section.integer_or("group_id", 0)};
}

// Adds the channels that the layers have in common to those of the first; of a larger map, as the
// original Darknet does, the first of every so many pixels.
Operation CfgReader::shortcut(DarknetSection& section) {
  std::vector<int> inputs = inputs_;
  const Shape to = shape_before();
  bool unequal = false;
  for (const int index : section.integers("from")) {
    int from = layer_at(index, section, "from");
    const Shape& other = graph::shape_of(network_, from);
    const int stride = other.width / to.width;
    if (stride > 1 && stride == other.height / to.height) {
      inputs_ = {from};
      add_before(section, "sampled" + std::to_string(inputs.size()), graph::MaxPool{1, stride});
      from = inputs_.front();
    }
    unequal |= graph::shape_of(network_, from).channels != to.channels;
    inputs.push_back(from);
  }
  inputs_ = std::move(inputs);
  return graph::Shortcut{activation_or_linear(section), unequal};
}

Operation CfgReader::spatial_attention(DarknetSection& section) {
  inputs_.push_back(layer_at(section.integer("from"), section, "from"));
  const Shape& other = graph::shape_of(network_, inputs_.back());
  if (other != shape_before()) {
    throw input_error(section.place(), "cannot multiply " + graph::to_string(shape_before()) +
                                           " and " + graph::to_string(other) +
                                           ": the shapes differ");
  }
  return graph::Product{simple_activation(section)};
}

Operation CfgReader::scale_channels(DarknetSection& section) {
  const Shape& scale = shape_before();
  const int from = layer_at(section.integer("from"), section, "from");
  if (scale != Shape{graph::shape_of(network_, from).channels, 1, 1}) {
    throw input_error(section.place(),
                      "the layer before it must have one value for each channel of " +
                          graph::to_string(graph::shape_of(network_, from)) + ", but is " +
                          graph::to_string(scale));
  }
  inputs_.insert(inputs_.begin(), from);
  return graph::Product{simple_activation(section)};
}

Operation CfgReader::dropout(DarknetSection& section) {
  return graph::Dropout{section.number_or("probability", .5F)};
}

// Over all values of its input, which become channels.
Operation CfgReader::softmax(DarknetSection& section) {
  const Shape in = shape_before();
  if (in.height != in.width) {
    throw input_error(section.place(), "[softmax] is supported only after a square map; this is " +
                                           graph::to_string(in));
  }
  if (in.height > 1) {
    add_before(section, "values",
               graph::SpaceToDepth{in.height, graph::SpaceToDepth::Order::kChannels});
  }
  const float temperature = section.number_or("temperature", 1);
  if (temperature == 1) return graph::Softmax{};
  if (!(temperature > 0)) {
    throw input_error(section.place_of("temperature"), "temperature must be above 0");
  }
  const int channels = shape_before().channels;
  add_before(section, "temperature", graph::Convolution{.filters = channels, .groups = channels});
  if (layout_ != nullptr) {
    layout_->constant[static_cast<int>(network_.layers.size()) - 1] = 1 / temperature;
  }
  return graph::Softmax{};
}

}  // namespace oko::formats
