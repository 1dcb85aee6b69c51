#include "oko/graph/network.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "oko/base/error.h"
#include "oko/graph/about.h"

namespace oko::graph {
namespace {

constexpr std::array kActivations = {"linear",     "leaky", "relu",  "relu6",
                                     "logistic",   "mish",  "swish", "hard_sigmoid",
                                     "hard_swish", "elu",   "tanh"};

// How many input pixels one cell of a feature map covers, as a fraction.
struct Stride {
  std::int64_t over = 1, under = 1;
};

// Strides beyond any real size are equivalent here: they divide no size.
constexpr std::int64_t kMaxStride = std::int64_t{1} << 30;

// Of every layer; a layer with several inputs uses the first one's.
std::vector<Stride> strides_of(const Network& network) {
  std::vector<Stride> strides;
  for (const Layer& layer : network.layers) {
    const int from = layer.inputs.front();
    Stride stride = from == kNetworkInput ? Stride{} : strides[from];
    std::visit(
        [&](const auto& operation) {
          if constexpr (requires { operation.stride; }) stride.over *= operation.stride;
          if constexpr (requires { operation.block; }) stride.over *= operation.block;
          if constexpr (requires { operation.scale; }) stride.under *= operation.scale;
        },
        layer.operation);
    const std::int64_t common = std::gcd(stride.over, stride.under);
    strides.push_back(
        {std::min(stride.over / common, kMaxStride), std::min(stride.under / common, kMaxStride)});
  }
  return strides;
}

void set_head_classes(Network& network, int head, int classes) {
  Layer& layer = network.layers[head];
  const int from = layer.inputs.front();
  auto* convolution =
      from == kNetworkInput ? nullptr : std::get_if<Convolution>(&network.layers[from].operation);
  if (!convolution) {
    throw input_error(
        place_of(network, static_cast<std::size_t>(head)),
        "the number of classes cannot be changed: the head's input does not come from a "
        "convolution");
  }
  std::visit(
      [&]<typename T>(T& operation) {
        if constexpr (HeadOperation<T>) {
          operation.classes = classes;
          convolution->filters = operation.channels();
        }
      },
      layer.operation);
  const std::string prefix = network.layers[from].name + ".";
  std::erase_if(network.weights, [&](const auto& item) { return item.first.starts_with(prefix); });
}

}  // namespace

std::string to_string(const Shape& shape) {
  return std::to_string(shape.channels) + "x" + std::to_string(shape.height) + "x" +
         std::to_string(shape.width);
}

const char* name_of(Activation activation) {
  return kActivations[static_cast<std::size_t>(activation)];
}

std::optional<Activation> activation_named(std::string_view name) {
  for (std::size_t i = 0; i < kActivations.size(); ++i) {
    if (name == kActivations[i]) return static_cast<Activation>(i);
  }
  return std::nullopt;
}

const char* name_of(const Operation& operation) {
  return std::visit([]<typename T>(const T&) { return T::kKind; }, operation);
}

std::optional<Operation> operation_named(std::string_view kind) {
  std::optional<Operation> found;
  const auto try_kind = [&]<typename T>(T operation) {
    if (kind == T::kKind) found = std::move(operation);
  };
  [&]<std::size_t... i>(std::index_sequence<i...>) {
    (try_kind(std::variant_alternative_t<i, Operation>{}), ...);
  }
  (std::make_index_sequence<std::variant_size_v<Operation>>{});
  return found;
}

std::string place_of(const Network& network, std::size_t layer) {
  const Layer& l = network.layers[layer];
  return "layer " + std::to_string(layer) + " (" + l.name + ", " + name_of(l.operation) + ")";
}

bool is_head(const Operation& operation) {
  return std::visit([]<typename T>(const T&) { return HeadOperation<T>; }, operation);
}

std::vector<int> Network::heads() const {
  std::vector<int> found;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (is_head(layers[i].operation)) found.push_back(static_cast<int>(i));
  }
  return found;
}

std::vector<int> Network::outputs() const {
  std::vector<int> found = heads();
  for (int& i : found) i = layers[i].inputs.front();
  if (!found.empty()) return found;
  for (const Output& output : raw_outputs) found.push_back(output.layer);
  if (found.empty() && !layers.empty()) found.push_back(static_cast<int>(layers.size()) - 1);
  return found;
}

int Network::class_count() const {
  const auto head = std::ranges::find_if(layers, is_head, &Layer::operation);
  if (head == layers.end()) return 0;
  return std::visit(
      []<typename T>(const T& operation) {
        if constexpr (HeadOperation<T>) return operation.classes;
        return 0;
      },
      head->operation);
}

Network resized(Network network, int width, int height) {
  infer_shapes(network);
  const std::vector<Stride> strides = strides_of(network);
  for (const int head : network.heads()) {
    // It has its stride in its settings, and the last cells may reach beyond the image.
    if (std::holds_alternative<Distances>(network.layers[head].operation)) continue;
    const Stride stride = strides[head];
    if (width * stride.under % stride.over != 0 || height * stride.under % stride.over != 0) {
      throw input_error(place_of(network, static_cast<std::size_t>(head)),
                        "the head's stride " + std::to_string(stride.over) +
                            (stride.under > 1 ? "/" + std::to_string(stride.under) : "") +
                            " does not divide the size " + std::to_string(width) + "x" +
                            std::to_string(height),
                        "use sides that are multiples of the largest stride, usually 32");
    }
  }
  network.input.width = width;
  network.input.height = height;
  infer_shapes(network);
  return network;
}

void set_class_count(Network& network, int classes) {
  constexpr int kMaxClasses = 1 << 20;
  if (classes < 1 || classes > kMaxClasses) {
    throw Error(ErrorCode::kUsage, "network",
                "the number of classes " + std::to_string(classes) + " is not in 1…" +
                    std::to_string(kMaxClasses));
  }
  infer_shapes(network);
  if (classes == network.class_count()) return;
  for (const int head : network.heads()) set_head_classes(network, head, classes);
  network.classes.clear();
  set_thresholds(network, {});  // they were of the other classes
  infer_shapes(network);
}

}  // namespace oko::graph
