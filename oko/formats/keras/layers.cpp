#include "oko/formats/keras/layers.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "oko/base/error.h"
#include "oko/formats/tensor_order.h"

namespace oko::formats {

using graph::Activation;
using graph::Padding;
using graph::Shape;
using graph::Tensor;

namespace {

// Suffix of a tensor after its layer's built-in activation, for which Keras has no name.
constexpr const char* kBefore = ":linear";
constexpr const char* kEndBefore = "cut the model before this layer and save it again";

bool has_member(const Json& config, const char* key) {
  return config.is_object() && config.contains(key) && !config.at(key).is_null();
}

}  // namespace

bool channels_first(const std::vector<LayerCall>& calls, const NetworkBuilder& builder) {
  const LayerCall* decided = nullptr;
  bool first = false;
  for (const LayerCall& call : calls) {
    if (!has_member(call.config, "data_format") || call.node.kind == "Flatten") continue;
    const std::string place = builder.place(call.node);
    const auto format = json_get<std::string>(call.config, "data_format", place);
    if (format != "channels_first" && format != "channels_last") {
      throw input_error(place, "unknown data_format \"" + format + "\"");
    }
    if (decided != nullptr && first != (format == "channels_first")) {
      throw input_error(place, "uses a different data_format than " + decided->node.name,
                        "build the model with a single data_format");
    }
    decided = &call;
    first = format == "channels_first";
  }
  return first;
}

void LayerMaker::fail(const LayerCall& call, std::string message, std::string hint) const {
  throw input_error(builder_.place(call.node), std::move(message), std::move(hint));
}

template <typename T>
T LayerMaker::get(const LayerCall& call, const char* key, T fallback) const {
  return has_member(call.config, key) ? json_get<T>(call.config, key, builder_.place(call.node))
                                      : fallback;
}

int LayerMaker::square(const LayerCall& call, const char* key, int fallback) const {
  const Json value = get<Json>(call, key, Json(fallback));
  const auto number = [&](const Json& side) {
    if (!side.is_number_integer() || side < 1 || side > 4096) {
      fail(call, std::string(key) + " " + value.dump() + " is not in 1…4096");
    }
    return side.get<int>();
  };
  if (!value.is_array()) return number(value);
  if (value.size() != 2 || value[0] != value[1]) {
    fail(call, std::string(key) + " " + value.dump() + " is not square, which oko needs",
         "use a square one");
  }
  return number(value[0]);
}

LayerMaker::Window LayerMaker::window(const LayerCall& call, const char* size, int usual_size,
                                      int usual_stride) const {
  Window window;
  window.size = square(call, size, usual_size);
  window.stride = square(call, "strides", usual_stride == 0 ? window.size : usual_stride);
  const auto padding = get<std::string>(call, "padding", "valid");
  if (padding == "same") {
    window.padding =
        same_padding(builder_.padded_shape(call.node, from(call)), window.size, window.stride);
  } else if (padding != "valid") {
    fail(call, "unknown padding \"" + padding + "\"", "use same or valid");
  }
  return window;
}

Tensor LayerMaker::weight(const LayerCall& call, const char* part) const {
  return weights_.get(call.group, call.inner, part);
}

Tensor LayerMaker::needed(const LayerCall& call, const char* part, std::size_t rank) const {
  Tensor tensor = weight(call, part);
  if (tensor.shape.empty()) {
    fail(call,
         std::string("the file has no ") + part + " for it; it contains " +
             weights_.names(call.group),
         "save the model again");
  }
  if (tensor.shape.size() == rank) return tensor;
  fail(call, std::string(part) + " is " + graph::to_string(tensor.shape) + ", it should have " +
                 std::to_string(rank) + " dimensions");
}

const std::string& LayerMaker::from(const LayerCall& call) const {
  if (call.from.size() == 1) return call.from[0];
  fail(call, "reads " + std::to_string(call.from.size()) + " tensors instead of one");
}

std::string LayerMaker::before_activation(const LayerCall& call) const {
  return get<Json>(call, "activation", "linear") == "linear" ? call.to : call.to + kBefore;
}

void LayerMaker::finish_activation(const LayerCall& call) {
  const std::string before = before_activation(call);
  if (before == call.to) return;
  builder_.use(before);
  named_activation(call, get<std::string>(call, "activation", "linear"), before);
}

void LayerMaker::named_activation(const LayerCall& call, const std::string& name,
                                  const std::string& map) {
  static const std::map<std::string_view, Activation> kActivations{
      {"linear", Activation::kLinear}, {"relu", Activation::kRelu},
      {"relu6", Activation::kRelu6},   {"sigmoid", Activation::kLogistic},
      {"swish", Activation::kSwish},   {"silu", Activation::kSwish},
      {"mish", Activation::kMish}};
  if (name == "softmax") return builder_.softmax(call.node, map, call.to);
  const auto found = kActivations.find(name);
  if (found == kActivations.end()) {
    fail(call, "activation \"" + name + "\" is not supported",
         "use relu, relu6, sigmoid, swish, mish, softmax or a LeakyReLU layer");
  }
  builder_.activation(call.node, map, call.to, found->second);
}

void LayerMaker::check_axis(const LayerCall& call, const char* key) const {
  Json axis = get<Json>(call, key, Json(-1));
  if (axis.is_array() && axis.size() == 1) axis = Json(axis[0]);
  if (axis == (channels_first_ ? 1 : 3) || axis == (channels_first_ ? -3 : -1)) return;
  // A flat tensor has its values at axis 1 in either data_format.
  const Shape& shape = builder_.shape(call.node, call.from.empty() ? "" : call.from[0]);
  if (shape.height * shape.width == 1 && (axis == 1 || axis == -1)) return;
  fail(call, "axis " + axis.dump() + " is not the channel axis", kEndBefore);
}

void LayerMaker::convolution(const LayerCall& call, const Window& window, int groups,
                             Tensor kernel) {
  if (square(call, "dilation_rate", 1) != 1) {
    fail(call, "dilated convolutions are not supported", "train with dilation_rate 1");
  }
  graph::Convolution convolution;
  convolution.filters = static_cast<int>(kernel.shape[0]);
  convolution.size = window.size;
  convolution.stride = window.stride;
  convolution.groups = groups;
  convolution.padding = window.padding;
  Tensor bias;
  if (get<bool>(call, "use_bias", true)) bias = needed(call, "bias", 1);
  builder_.convolution(call.node, from(call), before_activation(call), convolution,
                       std::move(kernel), std::move(bias));
  finish_activation(call);
}

void LayerMaker::conv(const LayerCall& call) {
  Tensor kernel = permuted(needed(call, "kernel", 4), {3, 2, 0, 1});
  const int filters = get<int>(call, "filters", 0), groups = get<int>(call, "groups", 1);
  if (kernel.shape[0] != filters) {
    fail(call, "has " + std::to_string(filters) + " filters, but its kernel has " +
                   std::to_string(kernel.shape[0]));
  }
  convolution(call, window(call, "kernel_size", 1, 1), groups, std::move(kernel));
}

void LayerMaker::depthwise(const LayerCall& call) {
  Tensor kernel = permuted(needed(call, "depthwise_kernel", 4), {2, 3, 0, 1});
  const std::int64_t channels = kernel.shape[0], each = kernel.shape[1];
  if (each != get<int>(call, "depth_multiplier", 1) ||
      channels != builder_.shape(call.node, from(call)).channels) {
    fail(call, "the kernel is made for " + std::to_string(channels) + " channels and " +
                   std::to_string(each) + " filters each");
  }
  kernel.shape = {channels * each, 1, kernel.shape[2], kernel.shape[3]};
  convolution(call, window(call, "kernel_size", 1, 1), static_cast<int>(channels),
              std::move(kernel));
}

void LayerMaker::batch_norm(const LayerCall& call) {
  check_axis(call, "axis");
  const int channels = builder_.shape(call.node, from(call)).channels;
  Tensor gamma = filled(1, channels), beta = filled(0, channels);
  if (get<bool>(call, "scale", true)) gamma = needed(call, "gamma", 1);
  if (get<bool>(call, "center", true)) beta = needed(call, "beta", 1);
  builder_.batch_norm(call.node, from(call), call.to, get<float>(call, "epsilon", 1e-3F),
                      std::move(gamma), std::move(beta), needed(call, "moving_mean", 1),
                      needed(call, "moving_variance", 1));
}

void LayerMaker::leaky_relu(const LayerCall& call) {
  const float slope = get<float>(call, "alpha", get<float>(call, "negative_slope", .3F));
  builder_.activation(call.node, from(call), call.to, decide::leaky_relu(slope));
}

void LayerMaker::relu(const LayerCall& call) {
  if (get<float>(call, "threshold", 0) != 0) fail(call, "has a threshold other than 0");
  builder_.activation(call.node, from(call), call.to,
                      decide::leaky_relu(get<float>(call, "negative_slope", 0),
                                         get<float>(call, "max_value", INFINITY)));
}

void LayerMaker::max_pool(const LayerCall& call) {
  const Window w = window(call, "pool_size", 2, 0);
  builder_.max_pool(call.node, from(call), call.to, {w.size, w.stride, w.padding});
}

void LayerMaker::global_average_pool(const LayerCall& call) {
  builder_.average_pool(call.node, from(call), call.to);
}

void LayerMaker::upsample(const LayerCall& call) {
  const int scale = square(call, "size", 2);
  builder_.upsample(
      call.node, from(call), call.to,
      decide::upsample(get<std::string>(call, "interpolation", "nearest"), scale, scale));
}

void LayerMaker::concatenate(const LayerCall& call) {
  check_axis(call, "axis");
  builder_.concat(call.node, call.from, call.to);
}

void LayerMaker::zero_padding(const LayerCall& call) {
  const Json value = get<Json>(call, "padding", Json(1));
  const auto sides = [&](const Json& side) {
    const Json& low = side.is_array() && side.size() == 2 ? side[0] : side;
    const Json& high = side.is_array() && side.size() == 2 ? side[1] : side;
    for (const Json& number : {low, high}) {
      if (!number.is_number_integer() || number < 0 || number > 1024) {
        fail(call, "padding " + value.dump() + " is not in 0…1024");
      }
    }
    return std::pair(low.get<int>(), high.get<int>());
  };
  const bool both = value.is_array() && value.size() == 2;
  const auto rows = sides(both ? value[0] : value), columns = sides(both ? value[1] : value);
  builder_.pad(call.node, from(call), call.to,
               {rows.first, columns.first, rows.second, columns.second});
}

void LayerMaker::flatten(const LayerCall& call) {
  const bool turns = get<std::string>(call, "data_format", "channels_last") == "channels_first";
  // Keras transposes the input of such a layer to channels-last first.
  if (turns && !channels_first_) fail(call, "permutes a tensor that is already channels-last");
  builder_.flatten(call.node, from(call), call.to, turns || !channels_first_);
}

void LayerMaker::reshape(const LayerCall& call) {
  const Json target = get<Json>(call, "target_shape", Json::array());
  const Shape& shape = builder_.shape(call.node, from(call));
  const auto is_wide = [](const Json& side) { return side != 1; };
  const bool row = target.is_array() && target.size() == 1;
  if (shape.height * shape.width == 1 && target.is_array() &&
      std::ranges::count_if(target, is_wide) <= 1) {
    return builder_.identity(call.node, from(call), call.to);
  }
  if (!row) {
    fail(call, "reshapes " + graph::to_string(shape) + " to " + target.dump(), kEndBefore);
  }
  builder_.flatten(call.node, from(call), call.to, !channels_first_);
}

void LayerMaker::dense(const LayerCall& call) {
  Tensor kernel = permuted(needed(call, "kernel", 2), {1, 0});
  Tensor bias;
  if (get<bool>(call, "use_bias", true)) bias = needed(call, "bias", 1);
  builder_.dense(call.node, from(call), before_activation(call), std::move(kernel),
                 std::move(bias));
  finish_activation(call);
}

void LayerMaker::softmax(const LayerCall& call) {
  check_axis(call, "axis");
  builder_.softmax(call.node, from(call), call.to);
}

void LayerMaker::make(const LayerCall& call) {
  using Make = void (LayerMaker::*)(const LayerCall&);
  static const std::map<std::string_view, Make> kLayers{
      {"Conv2D", &LayerMaker::conv},
      {"DepthwiseConv2D", &LayerMaker::depthwise},
      {"BatchNormalization", &LayerMaker::batch_norm},
      {"BatchNormalizationV1", &LayerMaker::batch_norm},
      {"LeakyReLU", &LayerMaker::leaky_relu},
      {"ReLU", &LayerMaker::relu},
      {"MaxPooling2D", &LayerMaker::max_pool},
      {"GlobalAveragePooling2D", &LayerMaker::global_average_pool},
      {"UpSampling2D", &LayerMaker::upsample},
      {"Concatenate", &LayerMaker::concatenate},
      {"ZeroPadding2D", &LayerMaker::zero_padding},
      {"Flatten", &LayerMaker::flatten},
      {"Reshape", &LayerMaker::reshape},
      {"Dense", &LayerMaker::dense},
      {"Softmax", &LayerMaker::softmax}};
  static const std::set<std::string_view> kOnlyInTraining{
      "Dropout",         "SpatialDropout2D", "AlphaDropout",
      "GaussianDropout", "GaussianNoise",    "ActivityRegularization"};
  const std::string& kind = call.node.kind;
  if (kOnlyInTraining.contains(kind)) {
    return builder_.identity(call.node, from(call), call.to);
  }
  if (kind == "Add") return builder_.add(call.node, call.from, call.to);
  if (kind == "Activation") {
    return named_activation(call, get<std::string>(call, "activation", "linear"), from(call));
  }
  const auto found = kLayers.find(kind);
  if (found == kLayers.end()) fail(call, "oko does not support this kind of layer", kEndBefore);
  (this->*found->second)(call);
}

}  // namespace oko::formats
