#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "oko/base/json.h"
#include "oko/base/words.h"
#include "oko/graph/tensor.h"
#include "oko/image/letterbox.h"

namespace oko::graph {

// Channels, rows and columns of a feature map; the batch is never part of a shape.
struct Shape {
  int channels = 0, height = 0, width = 0;
  std::int64_t count() const { return std::int64_t{channels} * height * width; }
  bool operator==(const Shape&) const = default;
};

// "255x13x13", channels first.
std::string to_string(const Shape& shape);

// kHardSigmoid is clamp(x / 6 + ½, 0, 1), kHardSwish x times that, kElu exp(x) − 1 below 0.
enum class Activation {
  kLinear,
  kLeaky,
  kRelu,
  kRelu6,
  kLogistic,
  kMish,
  kSwish,
  kHardSigmoid,
  kHardSwish,
  kElu,
  kTanh
};
inline constexpr float kLeakySlope = .1F;
const char* name_of(Activation activation);  // Darknet's names: "leaky", …
std::optional<Activation> activation_named(std::string_view name);

struct Padding {
  int top = 0, left = 0, bottom = 0, right = 0;
  static Padding all(int n) { return {n, n, n, n}; }
  bool operator==(const Padding&) const = default;
};

// y = scale · (x − mean) / root + bias, root = sqrt(variance + epsilon), or, as Darknet computes it
// on a CPU, sqrt(variance) + epsilon.
struct BatchNorm {
  float epsilon = 1e-5F;
  bool epsilon_outside_root = false;
  bool operator==(const BatchNorm&) const = default;
  static void visit_fields(auto& self, auto&& visit) {
    visit("epsilon", self.epsilon);
    visit("epsilon_outside_root", self.epsilon_outside_root);
  }
};

// The kinds of layers. Each declares its name and, in visit_fields(), its settings: visit(key,
// field) for every one of them, in the order of the .oko file, or visit(key, field, usual) if the
// file has it only where it is not `usual`. The file, drawings and `oko inspect` are made from that
// list. kCopiesValues: every output value is one of the input values or lies between some, so that
// both may have one int8 scale.

// Weights: "<name>.kernel" [filters, in/groups, size, size], "<name>.bias" [filters] (beta where
// there is batch norm), and with batch norm ".scale" (gamma), ".mean", ".variance", each [filters].
struct Convolution {
  int filters = 1, size = 1, stride = 1, groups = 1;
  Padding padding{};
  std::optional<BatchNorm> batch_norm{};
  Activation activation = Activation::kLinear;
  int dilation = 1;  // pixels from one tap of a window to the next
  int reach() const { return (size - 1) * dilation + 1; }  // pixels from its first to its last tap
  bool operator==(const Convolution&) const = default;
  static constexpr const char* kKind = "convolution";
  static void visit_fields(auto& self, auto&& visit) {
    visit("filters", self.filters);
    visit("size", self.size);
    visit("stride", self.stride);
    visit("groups", self.groups);
    visit("padding", self.padding);
    visit("batch_norm", self.batch_norm);
    visit("activation", self.activation);
    visit("dilation", self.dilation, 1);
  }
};

struct MaxPool {  // padding counts as −infinity
  int size = 2, stride = 2;
  Padding padding{};
  bool operator==(const MaxPool&) const = default;
  static constexpr const char* kKind = "max_pool";
  static constexpr bool kCopiesValues = true;
  static void visit_fields(auto& self, auto&& visit) {
    visit("size", self.size);
    visit("stride", self.stride);
    visit("padding", self.padding);
  }
};
struct AveragePool {
  int size = 0, stride = 1;  // of the window; size 0: the whole map, c×h×w → c×1×1
  Padding padding{};
  bool counts_padding = false;  // as zeros; otherwise only pixels inside are averaged
  bool is_global() const { return size == 0; }
  bool operator==(const AveragePool&) const = default;
  static constexpr const char* kKind = "average_pool";
  static void visit_fields(auto& self, auto&& visit) {
    visit("size", self.size, 0);
    visit("stride", self.stride, 1);
    visit("padding", self.padding, Padding{});
    visit("counts_padding", self.counts_padding, false);
  }
};
struct Upsample {  // nearest neighbour
  int scale = 2;
  bool operator==(const Upsample&) const = default;
  static constexpr const char* kKind = "upsample";
  static constexpr bool kCopiesValues = true;
  static void visit_fields(auto& self, auto&& visit) { visit("scale", self.scale); }
};
// Where between the pixels of its input a pixel of a larger map lies, for sides s and t:
// kHalfPixel (x + ½)·s/t − ½, kCorners x·(s − 1)/(t − 1), kAsymmetric x·s/t.
enum class Grid { kHalfPixel, kCorners, kAsymmetric };
constexpr auto words_of(Grid) {
  return std::to_array<std::string_view>({"half_pixel", "corners", "asymmetric"});
}
struct Bilinear {  // upsamples by interpolation; outside the input its border counts
  int scale = 2;
  Grid grid = Grid::kHalfPixel;
  bool operator==(const Bilinear&) const = default;
  static constexpr const char* kKind = "bilinear";
  static constexpr bool kCopiesValues = true;
  static void visit_fields(auto& self, auto&& visit) {
    visit("scale", self.scale);
    visit("grid", self.grid);
  }
};
// Concatenates its inputs along channels, each of them reduced to part `group` of `groups` equal
// parts (Darknet's route).
struct Route {
  int groups = 1, group = 0;
  bool operator==(const Route&) const = default;
  static constexpr const char* kKind = "route";
  static constexpr bool kCopiesValues = true;
  static void visit_fields(auto& self, auto&& visit) {
    visit("groups", self.groups);
    visit("group", self.group);
  }
};
// Channel i of part g becomes channel i · groups + g (ShuffleNet).
struct Shuffle {
  int groups = 2;
  bool operator==(const Shuffle&) const = default;
  static constexpr const char* kKind = "shuffle";
  static constexpr bool kCopiesValues = true;
  static void visit_fields(auto& self, auto&& visit) { visit("groups", self.groups); }
};
struct Slice {  // `channels` of its input from `first` on
  int first = 0, channels = 1;
  bool operator==(const Slice&) const = default;
  static constexpr const char* kKind = "slice";
  static constexpr bool kCopiesValues = true;
  static void visit_fields(auto& self, auto&& visit) {
    visit("first", self.first);
    visit("channels", self.channels);
  }
};
// The pixels of block×block squares become channels: c×h×w → c·block²×h/block×w/block. From channel
// c at row y and column x of a square, the new channel is for
// kRows (y · block + x) · C + c, kColumns (x · block + y) · C + c, kChannels c · block² + y · block
// + x (C: channels of the input), and for kDarknet what Darknet's [reorg] makes of it: see
// space_to_depth_source().
struct SpaceToDepth {
  enum class Order { kRows, kColumns, kChannels, kDarknet };
  int block = 2;
  Order order = Order::kRows;
  bool operator==(const SpaceToDepth&) const = default;
  static constexpr const char* kKind = "space_to_depth";
  static constexpr bool kCopiesValues = true;
  static void visit_fields(auto& self, auto&& visit) {
    visit("block", self.block);
    visit("order", self.order);
  }
};
constexpr auto words_of(SpaceToDepth::Order) {
  return std::to_array<std::string_view>({"rows", "columns", "channels", "darknet"});
}
struct Shortcut {  // sum of its inputs
  Activation activation = Activation::kLinear;
  // Darknet's: the inputs after the first may have more or fewer channels than it; those that both
  // have are added. Otherwise all have one shape.
  bool unequal = false;
  bool operator==(const Shortcut&) const = default;
  static constexpr const char* kKind = "shortcut";
  static void visit_fields(auto& self, auto&& visit) {
    visit("activation", self.activation);
    visit("unequal", self.unequal, false);
  }
};
// Product of its inputs, of one shape or c×1×1, which scales channels (squeeze and excite). The
// first one has the shape of the output.
struct Product {
  Activation activation = Activation::kLinear;
  bool operator==(const Product&) const = default;
  static constexpr const char* kKind = "product";
  static void visit_fields(auto& self, auto&& visit) { visit("activation", self.activation); }
};
// Self-attention among the pixels, as of YOLO11 and YOLOv10. The input has for each of `heads` the
// channels of queries and keys, `key_channels` each, and then of values, as many as are left.
// Output, for each head and pixel p: sum over pixels q of softmax_q(query_p · key_q · scale) ·
// value_q.
struct Attention {
  int heads = 1, key_channels = 1;
  float scale = 1;
  bool operator==(const Attention&) const = default;
  static constexpr const char* kKind = "attention";
  static void visit_fields(auto& self, auto&& visit) {
    visit("heads", self.heads);
    visit("key_channels", self.key_channels);
    visit("scale", self.scale);
  }
};
struct Dropout {  // identity except in training
  float probability = .5F;
  bool operator==(const Dropout&) const = default;
  static constexpr const char* kKind = "dropout";
  static constexpr bool kCopiesValues = true;
  static void visit_fields(auto& self, auto&& visit) { visit("probability", self.probability); }
};
struct Softmax {
  bool operator==(const Softmax&) const = default;
  static constexpr const char* kKind = "softmax";
  static void visit_fields(auto&, auto&&) {}
};

struct Anchor {  // pixels of the network's input (yolo) or cells of the map (region)
  float width = 0, height = 0;
  bool operator==(const Anchor&) const = default;
};

// How a head with anchors makes a box of t, its four values. Centre, in cells from the corner of
// the cell, with s = scale_x_y: kExponential and kSquared s·σ(t) − (s − 1)/2, kPoint t, kBounded
// tanh(t). Width and height, in anchors: kExponential and kPoint exp(t), kSquared (2·σ(t))²,
// kBounded σ(t). kExponential is of YOLOv2 to v4, kSquared of Scaled-YOLOv4, YOLOv5 and v7
// (Darknet's new_coords), kPoint of YOLOX, whose anchors are one cell, kBounded of FastestDet,
// whose anchor is the input.
enum class BoxCode { kExponential, kSquared, kPoint, kBounded };
constexpr auto words_of(BoxCode) {
  return std::to_array<std::string_view>({"exponential", "squared", "point", "bounded"});
}

// A YOLOv3 head. Its input has mask.size()·(5 + classes) channels: per anchor tx, ty, tw, th,
// objectness, class logits. Classes are independent sigmoids, unless `softmax`. The score is
// objectness^(1 − class_share) · class^class_share, or for the usual share 0 their product.
struct Yolo {
  std::vector<Anchor> anchors;  // of all heads
  std::vector<int> mask;        // which of them this head uses
  int classes = 0;
  float scale_x_y = 1;
  float ignore_threshold = .7F, truth_threshold = 1;  // training only
  BoxCode box_code = BoxCode::kExponential;
  bool softmax = false;
  float class_share = 0;
  int channels() const { return static_cast<int>(mask.size()) * (5 + classes); }
  bool operator==(const Yolo&) const = default;
  static constexpr const char* kKind = "yolo";
  static void visit_fields(auto& self, auto&& visit) {
    visit("anchors", self.anchors);
    visit("mask", self.mask);
    visit("classes", self.classes);
    visit("scale_x_y", self.scale_x_y);
    visit("ignore_threshold", self.ignore_threshold);
    visit("truth_threshold", self.truth_threshold);
    visit("box_code", self.box_code, BoxCode::kExponential);
    visit("softmax", self.softmax, false);
    visit("class_share", self.class_share, 0.F);
  }
};

// A YOLOv2 head: the same channels, anchors in cells, softmax over classes where `softmax`.
struct Region {
  std::vector<Anchor> anchors;
  int classes = 0;
  bool softmax = true;
  int channels() const { return static_cast<int>(anchors.size()) * (5 + classes); }
  bool operator==(const Region&) const = default;
  static constexpr const char* kKind = "region";
  static void visit_fields(auto& self, auto&& visit) {
    visit("anchors", self.anchors);
    visit("classes", self.classes);
    visit("softmax", self.softmax);
  }
};

// An anchor-free head, as of NanoDet-Plus, PicoDet and YOLOv8. Its input has classes + 4 · bins
// channels: class logits, whose sigmoids are the scores, then for the left, top, right and bottom
// side of a box `bins` logits. A side lies sum(k · softmax_k) · stride from the cell's prior, with
// one bin value · stride; the prior is at (index + prior) · stride. All in pixels of the input.
struct Distances {
  int classes = 0;
  int bins = 8;
  int stride = 8;
  float prior = 0;  // 0: the cell's corner, .5: its centre
  int channels() const { return classes + 4 * bins; }
  bool operator==(const Distances&) const = default;
  static constexpr const char* kKind = "distances";
  static void visit_fields(auto& self, auto&& visit) {
    visit("classes", self.classes);
    visit("bins", self.bins);
    visit("stride", self.stride);
    visit("prior", self.prior);
  }
};

// A head with anchors and without objectness, as of SSD and UltraFace. Its input has for every
// anchor 1 + classes logits, the first of the background, and after all of those for every anchor
// x, y, w, h. Scores are their softmax without the background; with `sigmoid` there is no logit of
// the background, and each is the sigmoid of its own. Box: centre = (cell + prior) · stride + x ·
// centre_variance · anchor, size = exp(w · size_variance) · anchor, or with `linear`
// w · size_variance · anchor, as of BlazeFace.
struct Ssd {
  std::vector<Anchor> anchors;  // pixels of the network's input
  int classes = 0;
  float centre_variance = .1F, size_variance = .2F;
  bool sigmoid = false, linear = false;
  int stride = 0;     // pixels of the network's input; 0: its sides divided by the cells
  float prior = .5F;  // the centres of cells; 0: their corners
  int logits() const { return classes + (sigmoid ? 0 : 1); }  // of an anchor
  int channels() const { return static_cast<int>(anchors.size()) * (logits() + 4); }
  bool operator==(const Ssd&) const = default;
  static constexpr const char* kKind = "ssd";
  static void visit_fields(auto& self, auto&& visit) {
    visit("anchors", self.anchors);
    visit("classes", self.classes);
    visit("centre_variance", self.centre_variance);
    visit("size_variance", self.size_variance);
    visit("sigmoid", self.sigmoid, false);
    visit("linear", self.linear, false);
    visit("stride", self.stride, 0);
    visit("prior", self.prior, .5F);
  }
};

using Operation = std::variant<Convolution, MaxPool, AveragePool, Upsample, Bilinear, Route, Slice,
                               Shuffle, SpaceToDepth, Shortcut, Product, Attention, Dropout,
                               Softmax, Yolo, Region, Distances, Ssd>;
const char* name_of(const Operation& operation);  // "convolution", "max_pool", "yolo", …
std::optional<Operation> operation_named(std::string_view kind);  // with default settings

// A head outputs boxes, not a tensor. channels() are those of its input.
template <typename T>
concept HeadOperation = requires(const T& operation) {
  operation.classes;
  operation.channels();
};
bool is_head(const Operation& operation);

inline constexpr int kNetworkInput = -1;

struct Layer {
  std::string name;  // unique; readers of formats without names use "layers.<index>"
  Operation operation;
  std::vector<int> inputs;  // indices of earlier layers or kNetworkInput, in order
  Shape output;             // filled by infer_shapes()
  bool operator==(const Layer&) const = default;
};

// An output of a network without heads, and its name in the original file.
struct Output {
  int layer = 0;
  std::string name;
  bool operator==(const Output&) const = default;
};

// A detector: layers in topological order, and their weights.
// Plain data: copy, edit, then infer_shapes(). Weights may be empty (an untrained network).
struct Network {
  std::string name;
  Shape input{3, 416, 416};
  image::Preprocess preprocess;
  std::vector<std::string> classes;  // empty if the source has no names
  std::vector<Layer> layers;
  Weights weights;
  Json metadata = Json::object();     // where it came from: dataset hash, recipe, metrics, versions
  std::vector<Output> raw_outputs{};  // each of a different layer; empty if there are heads
  // The overlap measure for suppression. 0: IoU. Above 0: DIoU (Zheng et al. 2020), which is IoU -
  // (d² / c²)^diou_exponent with d between the centres and c the diagonal around both boxes.
  float diou_exponent = 0;

  std::vector<int> heads() const;  // indices of the heads, in order
  int class_count() const;         // of the heads; 0 without one
  // The output layers: the inputs of the heads, in heads() order; without heads those of
  // raw_outputs, or if that is empty (a classifier) the last layer.
  std::vector<int> outputs() const;
};

// The shape of a layer's output, or of the network's input for kNetworkInput. Shapes must be
// inferred.
inline const Shape& shape_of(const Network& network, int from) {
  return from == kNetworkInput ? network.input : network.layers[from].output;
}

// "layer 12 (layers.12, convolution)": the place of an Error about a layer.
std::string place_of(const Network& network, std::size_t layer);

// Checks the whole network and fills every layer's output shape, in order: if it throws, the faulty
// layer is the first without a shape. Throws an input Error whose place is place_of() the layer and
// whose message has both shapes. Rejects more than 4096 layers, tensors of more than 2^31 values,
// and layers that read from a head.
void infer_shapes(Network& network);
// The same for one layer, whose inputs have shapes: for readers that build incrementally. Does not
// check the rest of the network.
void infer_shape(Network& network, std::size_t layer);

// The same network at another input size. Throws if a head's stride does not divide the size.
Network resized(Network network, int width, int height);

// Changes the number of classes of every head and of the convolution before it, and drops the
// weights of those convolutions and the class names. No change if the count is the same. Throws if
// a head's input does not come from a convolution.
void set_class_count(Network& network, int classes);

// Name and shape of every weight the layers need, in Darknet's file order (bias, scale, mean,
// variance, kernel of each convolution). Shapes must be inferred.
struct WeightSpec {
  std::string name;
  std::vector<std::int64_t> shape;
  int layer = 0;
};
std::vector<WeightSpec> weight_specs(const Network& network);

// Throws an input Error that names the first missing, superfluous or misshapen weight.
void check_weights(const Network& network);

}  // namespace oko::graph
