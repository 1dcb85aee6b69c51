#include <cmath>
#include <set>

#include "oko/base/error.h"
#include "oko/graph/network.h"

namespace oko::graph {
namespace {

// Bounds that keep every product below within 64 bits; see infer_shapes().
constexpr std::size_t kMaxLayers = 4096;
constexpr std::int64_t kMaxNumbers = std::int64_t{1} << 31;
constexpr int kMaxSide = 1 << 20;  // of a tensor, and its channels
constexpr int kMaxWindow = 1024;   // size and stride of a convolution or pool, scale of an upsample

using Side = std::int64_t;

// Computes the output shape of one layer.
class LayerCheck {
 public:
  LayerCheck(const Network& network, std::size_t index) : network_(network), index_(index) {}

  Shape run() {
    check_inputs();
    const Shape shape =
        std::visit([this](const auto& operation) { return output(operation); }, layer().operation);
    if (shape.count() > kMaxNumbers) fail("the output " + to_string(shape) + " is too large");
    return shape;
  }

 private:
  const Layer& layer() const { return network_.layers[index_]; }
  const Shape& input(std::size_t i = 0) const { return shape_of(network_, layer().inputs[i]); }

  [[noreturn]] void fail(std::string message, std::string hint = {}) const {
    throw input_error(place_of(network_, index_), std::move(message), std::move(hint));
  }

  void check_range(const char* what, Side value, Side low, Side high) const {
    if (value >= low && value <= high) return;
    fail(std::string(what) + " " + std::to_string(value) + " is not in " + std::to_string(low) +
         "…" + std::to_string(high));
  }

  void check_number(const char* what, float value, float low, float high) const {
    if (std::isfinite(value) && value >= low && value <= high) return;
    fail(std::string(what) + " " + std::to_string(value) + " is not in " + std::to_string(low) +
         "…" + std::to_string(high));
  }

  void check_inputs() const {
    const auto& inputs = layer().inputs;
    const bool combines = std::holds_alternative<Shortcut>(layer().operation) ||
                          std::holds_alternative<Product>(layer().operation);
    const bool many = combines || std::holds_alternative<Route>(layer().operation);
    const std::size_t least = combines ? 2 : 1;
    if (inputs.size() < least || (inputs.size() > 1 && !many)) {
      fail("the layer has " + std::to_string(inputs.size()) + " inputs but takes " +
           (many ? "at least " : "") + std::to_string(least));
    }
    for (const int from : inputs) {
      if (from < kNetworkInput || from >= static_cast<int>(index_)) {
        fail("input " + std::to_string(from) + " is not an earlier layer");
      }
      const auto index = static_cast<std::size_t>(from);
      if (from != kNetworkInput && is_head(network_.layers[index].operation)) {
        fail("the layer reads from " + place_of(network_, index) +
                 ", a head, whose output is boxes, not a tensor",
             "read from the layer before the head");
      }
    }
  }

  Shape checked(Side channels, Side height, Side width) const {
    check_range("output channels", channels, 1, kMaxSide);
    check_range("output height", height, 1, kMaxSide);
    check_range("output width", width, 1, kMaxSide);
    return {static_cast<int>(channels), static_cast<int>(height), static_cast<int>(width)};
  }

  // The output of a sliding window: floor((side + padding − size) / stride) + 1.
  Shape slide(Side channels, int size, int stride, const Padding& padding) const {
    const Shape& in = input();
    check_range("size", size, 1, kMaxWindow);
    check_range("stride", stride, 1, kMaxWindow);
    for (const int side : {padding.top, padding.left, padding.bottom, padding.right}) {
      check_range("padding", side, 0, kMaxWindow);
    }
    const Side rows = Side{in.height} + padding.top + padding.bottom - size;
    const Side columns = Side{in.width} + padding.left + padding.right - size;
    if (rows < 0 || columns < 0) {
      const std::string n = std::to_string(size);
      fail("a window of " + n + "x" + n + " does not fit into the padded input " + to_string(in),
           "use a larger network input or fewer strides");
    }
    return checked(channels, rows / stride + 1, columns / stride + 1);
  }

  Shape output(const Convolution& c) const {
    const Shape& in = input();
    check_range("filters", c.filters, 1, kMaxSide);
    check_range("groups", c.groups, 1, kMaxSide);
    if (in.channels % c.groups != 0 || c.filters % c.groups != 0) {
      fail(std::to_string(c.groups) + " groups do not divide the input " + to_string(in) +
           " and the " + std::to_string(c.filters) + " filters");
    }
    if (c.batch_norm) check_number("epsilon", c.batch_norm->epsilon, 0, 1);
    check_range("size", c.size, 1, kMaxWindow);
    check_range("dilation", c.dilation, 1, kMaxWindow);
    const Shape shape = slide(c.filters, c.reach(), c.stride, c.padding);
    if (Side{c.filters} * (in.channels / c.groups) * c.size * c.size > kMaxNumbers) {
      fail("the kernel from " + to_string(in) + " to " + to_string(shape) + " is too large");
    }
    return shape;
  }

  Shape output(const MaxPool& pool) const { return pooled(pool.size, pool.stride, pool.padding); }

  Shape output(const AveragePool& pool) const {
    if (pool.is_global()) return checked(input().channels, 1, 1);
    return pooled(pool.size, pool.stride, pool.padding);
  }

  Shape pooled(int size, int stride, const Padding& p) const {
    for (const int side : {p.top, p.left, p.bottom, p.right}) {
      // Otherwise a window could be entirely in the padding, without a maximum or mean.
      if (side >= size) {
        fail("padding " + std::to_string(side) + " is not smaller than the window of size " +
             std::to_string(size));
      }
    }
    return slide(input().channels, size, stride, p);
  }

  Shape scaled(int scale) const {
    check_range("scale", scale, 1, kMaxWindow);
    const Shape& in = input();
    return checked(in.channels, Side{in.height} * scale, Side{in.width} * scale);
  }
  Shape output(const Upsample& upsample) const { return scaled(upsample.scale); }
  Shape output(const Bilinear& bilinear) const { return scaled(bilinear.scale); }

  Shape output(const Route& route) const {
    check_range("groups", route.groups, 1, kMaxSide);
    check_range("group", route.group, 0, route.groups - 1);
    const Shape& first = input();
    Side channels = 0;
    for (std::size_t i = 0; i < layer().inputs.size(); ++i) {
      const Shape& in = input(i);
      if (in.height != first.height || in.width != first.width) {
        fail("cannot concatenate " + to_string(first) + " and " + to_string(in) +
             ": rows and columns differ");
      }
      if (in.channels % route.groups != 0) {
        fail(std::to_string(route.groups) + " groups do not divide the input " + to_string(in));
      }
      channels += in.channels / route.groups;
    }
    return checked(channels, first.height, first.width);
  }

  Shape output(const Slice& slice) const {
    const Shape& in = input();
    check_range("first", slice.first, 0, in.channels - 1);
    check_range("channels", slice.channels, 1, Side{in.channels} - slice.first);
    return checked(slice.channels, in.height, in.width);
  }

  Shape output(const SpaceToDepth& layer) const {
    check_range("block", layer.block, 1, kMaxWindow);
    const Shape& in = input();
    const Side square = Side{layer.block} * layer.block;
    if (in.height % layer.block != 0 || in.width % layer.block != 0) {
      fail("blocks of " + std::to_string(layer.block) + " do not divide the input " +
           to_string(in));
    }
    if (layer.order == SpaceToDepth::Order::kDarknet && in.channels % square != 0) {
      fail("Darknet's order needs channels that are a multiple of " + std::to_string(square) +
           "; the input is " + to_string(in));
    }
    return checked(in.channels * square, in.height / layer.block, in.width / layer.block);
  }

  Shape output(const Shuffle& shuffle) const {
    check_range("groups", shuffle.groups, 1, kMaxSide);
    if (input().channels % shuffle.groups != 0) {
      fail(std::to_string(shuffle.groups) + " groups do not divide the input " +
           to_string(input()));
    }
    return input();
  }

  Shape output(const Shortcut& shortcut) const {
    for (std::size_t i = 1; i < layer().inputs.size(); ++i) {
      Shape in = input(i);
      if (shortcut.unequal) in.channels = input().channels;
      if (in != input()) {
        fail("cannot add " + to_string(input()) + " and " + to_string(input(i)) +
             ": the shapes differ");
      }
    }
    return input();
  }

  Shape output(const Product&) const {
    for (std::size_t i = 1; i < layer().inputs.size(); ++i) {
      if (input(i) != input() && input(i) != Shape{input().channels, 1, 1}) {
        fail("cannot multiply " + to_string(input()) + " by " + to_string(input(i)) +
             ": it is neither of that shape nor a number for each channel");
      }
    }
    return input();
  }

  Shape output(const Attention& attention) const {
    const Shape& in = input();
    check_range("heads", attention.heads, 1, kMaxSide);
    check_range("key channels", attention.key_channels, 1, kMaxSide);
    check_number("scale", attention.scale, -1e6F, 1e6F);
    const Side keys = Side{2} * attention.heads * attention.key_channels;
    if (in.channels <= keys || (in.channels - keys) % attention.heads != 0) {
      fail("the input " + to_string(in) + " does not have values for " +
           std::to_string(attention.heads) + " heads besides " + std::to_string(keys) +
           " channels of queries and keys");
    }
    const Side pixels = Side{in.height} * in.width;
    if (pixels * pixels > kMaxNumbers) fail("the input " + to_string(in) + " has too many pixels");
    return checked(in.channels - keys, in.height, in.width);
  }

  Shape output(const Dropout& dropout) const {
    check_number("probability", dropout.probability, 0, 1);
    return input();
  }

  Shape output(const Softmax&) const { return input(); }

  Shape output(const Yolo& yolo) const {
    check_anchors(yolo.anchors);
    for (const int index : yolo.mask) {
      check_range("mask", index, 0, static_cast<Side>(yolo.anchors.size()) - 1);
    }
    check_number("scale_x_y", yolo.scale_x_y, .01F, 100);
    check_number("ignore threshold", yolo.ignore_threshold, 0, 1);
    check_number("truth threshold", yolo.truth_threshold, 0, 1);
    check_number("class share", yolo.class_share, 0, 1);
    return head(yolo, yolo.mask.size());
  }

  Shape output(const Region& region) const {
    check_anchors(region.anchors);
    return head(region, region.anchors.size());
  }

  Shape output(const Distances& distances) const {
    constexpr int kMostBins = 256;
    check_range("bins", distances.bins, 1, kMostBins);
    check_range("stride", distances.stride, 1, kMaxWindow);
    check_number("prior", distances.prior, 0, 1);
    check_range("classes", distances.classes, 1, kMaxSide);
    check_channels(distances.channels(),
                   "4 x " + std::to_string(distances.bins) + " bins and " +
                       std::to_string(distances.classes) + " classes",
                   "classes + 4 x bins", distances.classes);
    return input();
  }

  Shape output(const Ssd& ssd) const {
    check_anchors(ssd.anchors);
    check_number("centre variance", ssd.centre_variance, 1e-6F, 1e6F);
    check_number("size variance", ssd.size_variance, 1e-6F, 1e6F);
    check_range("stride", ssd.stride, 0, kMaxWindow);
    check_number("prior", ssd.prior, 0, 1);
    check_range("classes", ssd.classes, 1, kMaxSide);
    check_range("anchors", static_cast<Side>(ssd.anchors.size()), 1, kMaxSide);
    check_channels(
        static_cast<Side>(ssd.anchors.size()) * (Side{ssd.classes} + (ssd.sigmoid ? 4 : 5)),
        std::to_string(ssd.anchors.size()) + " anchors and " + std::to_string(ssd.classes) +
            " classes",
        ssd.sigmoid ? "anchors x (4 + classes)" : "anchors x (5 + classes)", ssd.classes);
    return input();
  }

  void check_anchors(const std::vector<Anchor>& anchors) const {
    for (const Anchor& anchor : anchors) {
      check_number("anchor width", anchor.width, 1e-6F, kMaxSide);
      check_number("anchor height", anchor.height, 1e-6F, kMaxSide);
    }
  }

  Shape head(const HeadOperation auto& operation, std::size_t boxes) const {
    check_range("number of anchors", static_cast<Side>(boxes), 1, kMaxWindow);
    check_range("classes", operation.classes, 1, kMaxSide);
    check_channels(
        operation.channels(),
        std::to_string(boxes) + " anchors and " + std::to_string(operation.classes) + " classes",
        "anchors x (5 + classes)", operation.classes);
    return input();
  }

  void check_channels(Side channels, const std::string& what, const char* formula,
                      int classes) const {
    const Shape& in = input();
    if (in.channels != channels) {
      fail("the input is " + to_string(in) + ", " + what + " need " + std::to_string(channels) +
               "x" + std::to_string(in.height) + "x" + std::to_string(in.width),
           std::string("the convolution before the head needs ") + formula + " filters");
    }
    if (classes != network_.class_count()) {
      fail("the head has " + std::to_string(classes) + " classes, but the first head has " +
           std::to_string(network_.class_count()));
    }
  }

  const Network& network_;
  std::size_t index_;
};

void check_whole(const Network& network) {
  const Shape& in = network.input;
  const auto in_range = [](int side) { return side >= 1 && side <= kMaxSide; };
  if (!in_range(in.channels) || !in_range(in.height) || !in_range(in.width) ||
      in.count() > kMaxNumbers) {
    throw input_error("network", "the input " + to_string(in) + " is empty or too large");
  }
  if (network.layers.empty()) throw input_error("network", "there are no layers");
  if (network.layers.size() > kMaxLayers) {
    throw input_error("network", "there are " + std::to_string(network.layers.size()) +
                                     " layers, more than " + std::to_string(kMaxLayers));
  }
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const std::string& name = network.layers[i].name;
    if (name.empty()) throw input_error(place_of(network, i), "the layer has no name");
    if (!names.insert(name).second) {
      throw input_error(place_of(network, i), "another layer has the same name");
    }
  }
}

void check_raw_outputs(const Network& network) {
  if (network.raw_outputs.empty()) return;
  if (!network.heads().empty()) {
    throw input_error("network", "has both heads and raw outputs");
  }
  std::set<int> layers;
  for (const auto& [layer, name] : network.raw_outputs) {
    if (layer < 0 || static_cast<std::size_t>(layer) >= network.layers.size()) {
      throw input_error("network", "the output " + std::to_string(layer) + " is not a layer");
    }
    if (!layers.insert(layer).second) {
      throw input_error(place_of(network, static_cast<std::size_t>(layer)),
                        "the layer is an output twice");
    }
  }
}

void check_class_names(const Network& network) {
  const int count = network.class_count();
  if (count == 0 || network.classes.empty()) return;
  if (network.classes.size() != static_cast<std::size_t>(count)) {
    throw input_error("network",
                      "there are " + std::to_string(network.classes.size()) +
                          " class names, but the heads have " + std::to_string(count) + " classes",
                      "give one name per class, in the order of the training data");
  }
}

}  // namespace

void infer_shape(Network& network, std::size_t layer) {
  network.layers[layer].output = LayerCheck(network, layer).run();
}

void infer_shapes(Network& network) {
  for (Layer& layer : network.layers) layer.output = {};
  check_whole(network);
  for (std::size_t i = 0; i < network.layers.size(); ++i) infer_shape(network, i);
  check_class_names(network);
  check_raw_outputs(network);
}

}  // namespace oko::graph
