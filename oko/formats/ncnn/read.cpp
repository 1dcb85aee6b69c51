#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "oko/base/error.h"
#include "oko/formats/builder.h"
#include "oko/formats/moves.h"
#include "oko/formats/ncnn.h"
#include "oko/formats/ncnn/attention.h"
#include "oko/formats/ncnn/bin.h"
#include "oko/formats/ncnn/detections.h"
#include "oko/formats/ncnn/masks.h"
#include "oko/formats/ncnn/param.h"
#include "oko/formats/ncnn/points.h"
#include "oko/formats/ncnn/tail.h"
#include "oko/formats/ncnn/tail_values.h"
#include "oko/formats/recognize.h"
#include "oko/graph/head.h"

namespace oko::formats {
namespace {

using graph::Activation;
using graph::Padding;
using graph::Shape;
using graph::Tensor;
using ncnn::Line;

constexpr int kMost = 1 << 20;  // filters, sides and channels

class Reader {
 public:
  Reader(std::vector<Line> lines, ncnn::Bin bin, const std::string& name,
         std::optional<image::Size> size)
      : all_lines_(std::move(lines)),
        lines_(without_masks(all_lines_)),
        makers_(lines_),
        bin_(std::move(bin)),
        builder_(name + ".param"),
        size_(size) {}

  Imported read(const std::string& name);
  // That the file's decoding of boxes is for.
  std::optional<image::Size> size_of_points() const { return ncnn::size_of_points(constants_); }

 private:
  static std::vector<Line> without_masks(const std::vector<Line>& all);
  void skip_weights(const Line& line);
  void count_uses();
  void list_outputs(const std::set<std::string>& read);
  void add_tail(Imported& imported) const;
  void add(const Line& line);
  void input(const Line& line);
  void memory(const Line& line);
  void priors(const Line& line);
  void weighted_sum(const Line& line);
  void convolution(const Line& line);
  void inner_product(const Line& line);
  void batch_norm(const Line& line);
  void scale(const Line& line);
  void pooling(const Line& line);
  void interp(const Line& line);
  void concat(const Line& line);
  void slice(const Line& line);
  void crop(const Line& line);
  std::pair<int, int> kept_channels(const Line& line, const Shape& in);
  void combine(const Line& line);
  void padding(const Line& line);
  void shuffle(const Line& line);
  void reorganize(const Line& line);
  void focus(const Line& line);
  void move(const Line& line);
  void values_of_heads(const Line& line, const ncnn::ValuesLine& values);
  void softmax(const Line& line);
  void activation(const Line& line);
  void flatten(const Line& line);
  void add_heads_of(Imported& imported) const;
  void set_scales(Imported& imported) const;

  static Node node(const Line& line) { return {line.name, line.kind}; }
  // A Split's copies are the same tensor.
  const std::string& map(const std::string& blob) const { return makers_.origin(blob); }
  std::string from(const Line& line) const { return map(line.inputs.front()); }
  std::vector<std::string> all_from(const Line& line) const {
    std::vector<std::string> maps;
    for (const std::string& blob : line.inputs) maps.push_back(map(blob));
    return maps;
  }
  const Shape& shape(const Line& line) const { return builder_.shape(node(line), from(line)); }
  int between(const Line& line, int key, int fallback, int low, int high) const;
  Padding padding(const Line& line, const Shape& in, int size, int stride, int left, int top,
                  int right, int bottom) const;
  template <typename Pool>
  Pool window(const Line& line, const Shape& in) const;
  Activation fused_activation(const Line& line) const;
  Tensor kernel(const Line& line, int count_key, std::vector<std::int64_t> shape);

  std::vector<Line> all_lines_;  // as the .bin has their weights
  std::vector<Line> lines_;
  ncnn::Makers makers_;
  ncnn::Bin bin_;
  NetworkBuilder builder_;
  std::vector<std::string> outputs_;
  ncnn::Attentions attentions_;
  std::set<const Line*> parts_;                 // of those
  std::map<std::string, const Line*> readers_;  // of blobs that one line reads; null of others
  // Blobs that have the values of a map at other places, and that map.
  std::map<std::string, std::pair<Moves, std::string>> moved_;
  std::int64_t moved_values_ = 0;              // to bound the work of move()
  std::set<std::string> longer_;               // blobs with zeros as more channels
  std::map<std::string, std::string> unread_;  // output blobs, by what they copy
  std::optional<image::Size> size_;            // if the file has none
  const Line* detection_ = nullptr;
  ncnn::Tail tail_;
  std::map<std::string, Tensor> constants_;  // for it: blobs, and kernels by their lines' names
};

std::vector<Line> Reader::without_masks(const std::vector<Line>& all) {
  const std::set<const Line*> masks = ncnn::lines_of_masks(all);
  std::vector<Line> kept;
  for (const Line& line : all) {
    if (!masks.contains(&line)) kept.push_back(line);
  }
  return kept;
}

// Of convolutions and deconvolutions.
void Reader::skip_weights(const Line& line) {
  constexpr int kMostWeights = 1 << 28;
  if (line.kind.find("onvolution") == std::string::npos) return;
  bin_.kernel(line, {between(line, 6, 0, 1, kMostWeights)});
  if (line.integer(5, 0) != 0) bin_.row(between(line, 0, 0, 1, kMost), "a bias");
}

void Reader::count_uses() {
  attentions_ = ncnn::find_attentions(lines_);
  for (const auto& [last, lines] : attentions_.by_last) {
    parts_.insert(lines.parts.begin(), lines.parts.end());
    builder_.use(map(lines.from));
  }
  for (const auto& [line, values] : attentions_.values) builder_.use(map(values.from));
  std::set<std::string> made, read;
  for (const Line& line : all_lines_) read.insert(line.inputs.begin(), line.inputs.end());
  for (const Line& line : lines_) {
    const bool source = line.kind == "Input" || line.kind == "MemoryData";
    if (source != line.inputs.empty() || line.outputs.empty()) {
      line.fail("a layer needs at least one input and output blob; only an Input has no inputs");
    }
    const bool counts = !ncnn::is_copy(line) && !parts_.contains(&line) &&
                        !attentions_.by_last.contains(&line) &&
                        !attentions_.values.contains(&line) && !tail_.lines.contains(&line) &&
                        !ncnn::is_constant(line);
    for (const std::string& blob : line.inputs) {
      if (!readers_.emplace(blob, &line).second) readers_[blob] = nullptr;
      if (counts) builder_.use(map(blob));
    }
    for (const std::string& blob : line.outputs) {
      if (!made.insert(blob).second) line.fail("makes \"" + blob + "\", which already exists");
    }
    if (line.kind != "Yolov3DetectionOutput") continue;
    if (detection_ != nullptr) line.fail("is a second detection output");
    detection_ = &line;
  }
  if (detection_ != nullptr) {
    outputs_ = all_from(*detection_);
  } else {
    list_outputs(read);
  }
}

// What the tail reads, and what no line reads.
void Reader::list_outputs(const std::set<std::string>& read) {
  const auto add = [&](const std::string& blob) {
    const std::string same = map(blob);
    if (std::ranges::find(outputs_, same) != outputs_.end()) return;
    builder_.use(same);
    outputs_.push_back(same);
  };
  for (const std::string& blob : tail_.inputs) add(blob);
  for (const Line& line : lines_) {
    if (tail_.lines.contains(&line) || ncnn::is_constant(line)) continue;
    const auto unread = [&](const std::string& blob) { return !read.contains(blob); };
    // Parts of a Slice that nobody reads are not outputs if others are read.
    const bool some = line.kind == "Slice" && !std::ranges::all_of(line.outputs, unread);
    for (const std::string& blob : line.outputs) {
      if (some || !unread(blob)) continue;
      add(blob);
      unread_.emplace(map(blob), blob);
    }
  }
}

Imported Reader::read(const std::string& name) {
  tail_ = ncnn::find_tail(lines_);
  count_uses();
  std::size_t next = 0;
  for (const Line& line : all_lines_) {
    if (next < lines_.size() && line.place == lines_[next].place) {
      add(lines_[next++]);
    } else {
      skip_weights(line);
    }
  }
  bin_.finish();
  Imported imported = builder_.finish(name.substr(name.find_last_of('/') + 1), outputs_);
  if (lines_.size() < all_lines_.size()) imported.notes.push_back(kMasksNote);
  for (std::size_t i = 0; i < imported.keys.size();
       ++i) {  // copies are outputs under their own names
    const auto blob = unread_.find(imported.keys[i]);
    if (blob != unread_.end()) imported.names[i] = imported.keys[i] = blob->second;
  }
  if (detection_ != nullptr) add_heads_of(imported);
  if (!tail_.lines.empty()) add_tail(imported);
  return imported;
}

void Reader::add_tail(Imported& imported) const {
  for (const Line* line : tail_.lines) {
    if (!ncnn::is_copy(*line)) imported.dropped.push_back({line->place, line->kind});
  }
  const Line& first = **tail_.lines.begin();
  imported.notes.push_back("post-processing dropped from " + first.name + " (" + first.kind +
                           ") on, " + std::to_string(tail_.lines.size()) +
                           " layers in total; the blobs before it are the outputs");
  if (imported.outputs.size() != outputs_.size()) return;
  std::vector<std::vector<std::int64_t>> shapes;
  for (const int output : imported.outputs) {
    const Shape& shape = imported.network.layers[output].output;
    shapes.push_back({shape.channels, shape.height, shape.width});
  }
  std::vector<std::ptrdiff_t> places;  // of what the tail reads, among the outputs
  for (const std::string& blob : tail_.inputs) {
    places.push_back(std::ranges::find(outputs_, map(blob)) - outputs_.begin());
  }
  imported.tail = [values = ncnn::TailValues(tail_, constants_), shapes,
                   places](const std::vector<std::vector<float>>& maps) {
    std::vector<Tensor> inputs;
    for (const std::ptrdiff_t i : places) inputs.push_back(Tensor::of(maps[i], shapes[i]));
    return values(std::move(inputs));
  };
}

void Reader::add(const Line& line) {
  static const std::map<std::string, void (Reader::*)(const Line&), std::less<>> kinds{
      {"Input", &Reader::input},
      {"MemoryData", &Reader::memory},
      {"PriorBox", &Reader::priors},
      {"Convolution", &Reader::convolution},
      {"ConvolutionDepthWise", &Reader::convolution},
      {"InnerProduct", &Reader::inner_product},
      {"BatchNorm", &Reader::batch_norm},
      {"Scale", &Reader::scale},
      {"Pooling", &Reader::pooling},
      {"Interp", &Reader::interp},
      {"Concat", &Reader::concat},
      {"Slice", &Reader::slice},
      {"Crop", &Reader::crop},
      {"Eltwise", &Reader::combine},
      {"BinaryOp", &Reader::combine},
      {"Padding", &Reader::padding},
      {"ShuffleChannel", &Reader::shuffle},
      {"Reorg", &Reader::reorganize},
      {"YoloV5Focus", &Reader::focus},
      {"Reshape", &Reader::move},
      {"Permute", &Reader::move},
      {"Softmax", &Reader::softmax},
      {"ReLU", &Reader::activation},
      {"Clip", &Reader::activation},
      {"Sigmoid", &Reader::activation},
      {"Mish", &Reader::activation},
      {"Swish", &Reader::activation},
      {"HardSigmoid", &Reader::activation},
      {"HardSwish", &Reader::activation},
      {"ELU", &Reader::activation},
      {"TanH", &Reader::activation},
      {"Flatten", &Reader::flatten},
  };
  if (tail_.lines.contains(&line)) {
    if (line.kind == "Convolution") weighted_sum(line);
    return;
  }
  if (ncnn::is_copy(line) || &line == detection_ || parts_.contains(&line)) return;
  const auto attention = attentions_.by_last.find(&line);
  if (attention != attentions_.by_last.end()) {
    return builder_.attention(node(line), map(attention->second.from), line.outputs.front(),
                              attention->second.attention);
  }
  const auto values = attentions_.values.find(&line);
  if (values != attentions_.values.end()) return values_of_heads(line, values->second);
  const auto found = kinds.find(line.kind);
  if (found == kinds.end()) {
    line.fail("oko does not support ncnn's layer \"" + line.kind + "\"",
              "cut the model before it, at its raw heads");
  }
  (this->*found->second)(line);
}

int Reader::between(const Line& line, int key, int fallback, int low, int high) const {
  const int value = line.integer(key, fallback);
  if (value >= low && value <= high) return value;
  line.fail("setting " + std::to_string(key) + " is " + std::to_string(value) + ", not in " +
            std::to_string(low) + "…" + std::to_string(high));
}

// Width, height, channels: settings of the line, else the shape that optimized files note for every
// output (rank, width, height, channels), else what the user gives.
void Reader::input(const Line& line) {
  constexpr int kShapes = 30;
  std::array<int, 3> sides{line.integer(0, 0), line.integer(1, 0), line.integer(2, 0)};
  const std::vector<int> noted = line.integers(kShapes);
  if (sides == std::array{0, 0, 0} && noted.size() == 4 && noted.front() == 3) {
    std::copy(noted.begin() + 1, noted.end(), sides.begin());
  }
  if (sides[0] == 0 && sides[1] == 0 && size_) sides[0] = size_->width, sides[1] = size_->height;
  if (sides[0] == 0 || sides[1] == 0) {
    line.fail("the input has no size",
              "set it with --size WxH, or append to the line: 0=WIDTH 1=HEIGHT 2=3");
  }
  if (sides[2] == 0) sides[2] = 3;  // the first kernel shows whether that is right
  for (const int side : sides) {
    if (side < 1 || side > kMost) {
      line.fail("the input has a side of " + std::to_string(side) + ", not in 1…" +
                std::to_string(kMost));
    }
  }
  builder_.input(line.outputs.front(), {sides[2], sides[1], sides[0]});
}

// Constants. Files of ONNX models also have the sizes of a Slice, which its line repeats.
void Reader::memory(const Line& line) {
  constexpr int kDepth = 11, kStorage = 21;
  std::vector<std::int64_t> sides;
  for (const int key : {2, kDepth, 1, 0}) {
    if (line.has(key) && line.integer(key, 0) != 0)
      sides.push_back(between(line, key, 0, 1, kMost));
  }
  constexpr std::int64_t kMostValues = std::int64_t{1} << 28;
  std::int64_t count = 1;
  for (const std::int64_t side : sides) count = std::min(count * side, kMostValues);
  Tensor values =
      line.integer(kStorage, 1) != 0 ? bin_.row(count, "a constant") : bin_.kernel(line, {count});
  values.shape = std::move(sides);
  constants_[line.outputs.front()] = std::move(values);
}

// For a DetectionOutput.
void Reader::priors(const Line& line) {
  const auto shape_of = [&](std::size_t i) {
    return builder_.shape(node(line), map(line.inputs[i]));
  };
  auto priors = line.inputs.size() == 2 ? ncnn::priors_of(line, shape_of(0), shape_of(1))
                                        : std::optional<Tensor>();
  if (!priors) line.fail("makes boxes in a way that oko does not know");
  constants_[line.outputs.front()] = std::move(*priors);
}

// A convolution that is post-processing.
void Reader::weighted_sum(const Line& line) {
  constants_[line.name] = bin_.kernel(line, {1, between(line, 6, 0, 1, kMost), 1, 1});
}

Padding Reader::padding(const Line& line, const Shape& in, int size, int stride, int left, int top,
                        int right, int bottom) const {
  constexpr int kSameUpper = -233, kSameLower = -234;
  const int first = line.integer(left, 0);
  if (first == kSameUpper || first == kSameLower) {
    return same_padding(in, size, stride, first == kSameUpper ? OddPixel::kEnd : OddPixel::kStart);
  }
  Padding p;
  p.left = between(line, left, 0, 0, 1024);
  p.top = between(line, top, p.left, 0, 1024);
  p.right = between(line, right, p.left, 0, 1024);
  p.bottom = between(line, bottom, p.top, 0, 1024);
  return p;
}

Activation Reader::fused_activation(const Line& line) const {
  const int type = line.integer(9, 0);
  const std::vector<float> with = line.numbers(10);
  if (type == 0) return Activation::kLinear;
  if (type == 1) return Activation::kRelu;
  if (type == 2 && with.size() == 1) {
    return builder_.decided(node(line), decide::leaky_relu(with[0]));
  }
  if (type == 3 && with.size() == 2) {
    return builder_.decided(node(line), decide::clip(with[0], with[1]));
  }
  if (type == 4) return Activation::kLogistic;
  if (type == 5) return Activation::kMish;
  if (type == 6 && with.size() == 2) {
    builder_.decided(node(line), decide::hard_sigmoid(with[0], with[1]));
    return Activation::kHardSwish;
  }
  line.fail("activation " + std::to_string(type) + " with " + std::to_string(with.size()) +
            " parameters is not supported");
}

// The kernel of a convolution or a dense layer, whose line gives the number of values.
Tensor Reader::kernel(const Line& line, int count_key, std::vector<std::int64_t> shape) {
  std::int64_t count = 1;
  for (const std::int64_t side : shape) count *= side;
  if (count != line.integer(count_key, 0)) {
    line.fail("the kernel should have " + std::to_string(count) + " values, the line declares " +
              std::to_string(line.integer(count_key, 0)));
  }
  return bin_.kernel(line, std::move(shape));
}

void Reader::convolution(const Line& line) {
  const Shape& in = shape(line);
  graph::Convolution c;
  c.filters = between(line, 0, 0, 1, kMost);
  c.size = between(line, 1, 0, 1, 1024);
  c.stride = between(line, 3, 1, 1, 1024);
  c.groups = line.kind == "Convolution" ? 1 : between(line, 7, 1, 1, kMost);
  c.dilation = between(line, 2, 1, 1, 1024);
  if (line.integer(11, c.size) != c.size || line.integer(13, c.stride) != c.stride ||
      line.integer(12, c.dilation) != c.dilation) {
    line.fail("has a window that is not square, which oko does not support");
  }
  if (line.integer(8, 0) != 0 || line.integer(19, 0) != 0 || line.number(18, 0) != 0) {
    line.fail("is quantized, reads its weights from a blob or pads with values other than 0",
              "use the model from before it was quantized");
  }
  if (in.channels % c.groups != 0) {
    line.fail(std::to_string(in.channels) + " channels cannot be split into " +
              std::to_string(c.groups) + " groups");
  }
  c.padding = padding(line, in, c.reach(), c.stride, 4, 14, 15, 16);
  c.activation = fused_activation(line);
  Tensor weights = kernel(line, 6, {c.filters, in.channels / c.groups, c.size, c.size});
  Tensor bias = line.integer(5, 0) != 0 ? bin_.row(c.filters, "a bias") : Tensor{};
  builder_.convolution(node(line), from(line), line.outputs.front(), c, std::move(weights),
                       std::move(bias));
}

void Reader::inner_product(const Line& line) {
  const Shape in = shape(line);
  const int outputs = between(line, 0, 0, 1, kMost);
  if (line.integer(8, 0) != 0) line.fail("is quantized");
  const Activation activation = fused_activation(line);
  Tensor weights = kernel(line, 2, {outputs, in.count()});
  Tensor bias = line.integer(1, 0) != 0 ? bin_.row(outputs, "a bias") : Tensor{};
  // ncnn flattens any input here, channels first.
  const std::string flat = line.name + " flat", sums = line.name + " sums";
  builder_.use(flat);
  builder_.flatten(node(line), from(line), flat, false);
  builder_.use(sums);
  builder_.dense(node(line), flat, sums, std::move(weights), std::move(bias));
  builder_.activation(node(line), sums, line.outputs.front(), activation);
}

void Reader::batch_norm(const Line& line) {
  const int channels = between(line, 0, 0, 1, kMost);
  Tensor gamma = bin_.row(channels, "gamma"), mean = bin_.row(channels, "the mean");
  Tensor variance = bin_.row(channels, "the variance"), beta = bin_.row(channels, "beta");
  builder_.batch_norm(node(line), from(line), line.outputs.front(), line.number(1, 0),
                      std::move(gamma), std::move(beta), std::move(mean), std::move(variance));
}

void Reader::scale(const Line& line) {
  const int channels = between(line, 0, 0, 1, kMost);
  Tensor factor = bin_.row(channels, "a factor");
  Tensor bias = line.integer(1, 0) != 0 ? bin_.row(channels, "a bias") : Tensor{};
  builder_.affine(node(line), from(line), line.outputs.front(), std::move(factor), std::move(bias));
}

void Reader::pooling(const Line& line) {
  const std::string to = line.outputs.front();
  const Shape& in = shape(line);
  const bool average = line.integer(0, 0) == 1;
  const bool to_one =
      line.integer(7, 0) != 0 && line.integer(8, 0) == 1 && line.integer(18, 1) == 1;
  if (line.integer(4, 0) != 0 || to_one) {
    if (average) return builder_.average_pool(node(line), from(line), to);
    line.fail("is global max pooling; oko supports only global average pooling");
  }
  if ((!average && line.integer(0, 0) != 0) || line.integer(7, 0) != 0) {
    line.fail("is neither max nor average pooling of windows", "");
  }
  if (!average)
    return builder_.max_pool(node(line), from(line), to, window<graph::MaxPool>(line, in));
  graph::AveragePool pool = window<graph::AveragePool>(line, in);
  pool.counts_padding = line.integer(6, 0) != 0 && pool.padding != Padding{};
  builder_.average_pool(node(line), from(line), to, pool);
}

// Size, stride and padding of a pool.
template <typename Pool>
Pool Reader::window(const Line& line, const Shape& in) const {
  Pool pool;
  pool.size = between(line, 1, 0, 1, 1024);
  pool.stride = between(line, 2, 1, 1, 1024);
  if (line.integer(11, pool.size) != pool.size || line.integer(12, pool.stride) != pool.stride) {
    line.fail("has a window that is not square");
  }
  const int mode = between(line, 5, 0, 0, 3);
  if (mode > 1) {
    pool.padding =
        same_padding(in, pool.size, pool.stride, mode == 2 ? OddPixel::kEnd : OddPixel::kStart);
  }
  if (mode < 2) pool.padding = padding(line, in, pool.size, pool.stride, 3, 13, 14, 15);
  if (mode == 0) {  // the remainder at the end gets another window
    const auto rest = [&](int side) {
      const int over = (side - pool.size) % pool.stride;
      return over > 0 ? pool.stride - over : 0;
    };
    const int bottom = rest(in.height + pool.padding.top + pool.padding.bottom);
    const int right = rest(in.width + pool.padding.left + pool.padding.right);
    if (bottom + right > 0 && line.integer(0, 0) == 1 && line.integer(6, 0) != 0) {
      line.fail("averages over padding and a remainder that does not count");
    }
    pool.padding.bottom += bottom;
    pool.padding.right += right;
  }
  return pool;
}

void Reader::interp(const Line& line) {
  const Shape& in = shape(line);
  if (line.inputs.size() != 1) line.fail("takes its size from another tensor");
  const int height = line.integer(3, 0), width = line.integer(4, 0);
  const double rows = height != 0 ? static_cast<double>(height) / in.height : line.number(1, 1);
  const double columns = width != 0 ? static_cast<double>(width) / in.width : line.number(2, 1);
  const int type = line.integer(0, 0);
  const std::string mode = type == 1   ? "nearest"
                           : type == 2 ? "bilinear"
                                       : "type " + std::to_string(type);
  builder_.upsample(
      node(line), from(line), line.outputs.front(),
      decide::upsample(mode, rows, columns,
                       line.integer(6, 0) != 0 ? graph::Grid::kCorners : graph::Grid::kHalfPixel));
}

void Reader::concat(const Line& line) {
  const int axis = line.integer(0, 0);
  if (axis != 0 && axis != -3) line.fail("concatenates along an axis other than channels");
  builder_.concat(node(line), all_from(line), line.outputs.front());
}

void Reader::slice(const Line& line) {
  const int axis = line.integer(1, 0);
  if ((axis != 0 && axis != -3) || !line.integers(2).empty()) {
    line.fail("splits at given places or along an axis other than channels");
  }
  constexpr int kRest = -233;  // an equal part of what is left
  std::vector<std::int64_t> sizes;
  const std::vector<int> given = line.integers(0);
  std::int64_t left = shape(line).channels;
  for (std::size_t i = 0; i < given.size(); ++i) {
    sizes.push_back(given[i] == kRest ? left / static_cast<std::int64_t>(given.size() - i)
                                      : given[i]);
    left -= sizes.back();
  }
  builder_.split(node(line), from(line), line.outputs, sizes);
}

// The channels that a Crop keeps, as start and end: numpy's slices in newer files, offsets and
// sizes in those that darknet2ncnn makes.
std::pair<int, int> Reader::kept_channels(const Line& line, const Shape& in) {
  constexpr int kRest = -233;
  const auto starts = line.integers(9), ends = line.integers(10), axes = line.integers(11);
  if (!starts.empty() || !ends.empty() || !axes.empty()) {
    if (starts.size() != 1 || ends.size() != 1 || axes != std::vector{0}) {
      line.fail("slices dimensions other than channels");
    }
    return {starts[0], std::min(ends[0], in.channels)};
  }
  const auto keeps = [&](int offset, int size, int end, int side) {
    const int kept = line.integer(size, 0);
    const bool all = kept == 0 || kept == kRest || kept == side;
    return line.integer(offset, 0) == 0 && all && line.integer(end, 0) == 0;
  };
  if (line.inputs.size() != 1 || !keeps(0, 3, 6, in.width) || !keeps(1, 4, 7, in.height)) {
    line.fail("slices dimensions other than channels of " + graph::to_string(in),
              "set the size that the file was made for with --size");
  }
  const int start = between(line, 2, 0, 0, kMost), count = line.integer(5, kRest);
  if (count == 0 || count == kRest) return {start, in.channels - between(line, 8, 0, 0, kMost)};
  return {start, start + between(line, 5, 0, 1, kMost)};
}

void Reader::crop(const Line& line) {
  const Shape in = shape(line);
  const auto [start, end] = kept_channels(line, in);
  builder_.slice(node(line), from(line), line.outputs.front(), start, std::int64_t{end} - start);
}

// Sums and products of maps, or of a map and a number.
void Reader::combine(const Line& line) {
  const bool eltwise = line.kind == "Eltwise";
  const int type = line.integer(0, 0);
  const std::vector<float> factors = eltwise ? line.numbers(1) : std::vector<float>{};
  const bool plain = std::ranges::all_of(factors, [](float factor) { return factor == 1; });
  const bool sums = type == (eltwise ? 1 : 0), multiplies = type == (eltwise ? 0 : 2);
  if (!(sums || multiplies) || !plain) {
    line.fail("is neither a plain sum nor a product; oko supports no other element-wise operation");
  }
  const std::string& to = line.outputs.front();
  if (line.inputs.size() == 1 && !eltwise && line.integer(1, 0) != 0) {
    Tensor number = filled(line.number(2, 0), shape(line).channels);
    return sums ? builder_.affine(node(line), from(line), to, {}, std::move(number))
                : builder_.affine(node(line), from(line), to, std::move(number), {});
  }
  if (line.inputs.size() < 2) line.fail("has one input only");
  if (multiplies) return builder_.product(node(line), all_from(line), to);
  const auto is_longer = [&](const std::string& blob) { return longer_.contains(blob); };
  if (is_longer(line.inputs[0])) line.fail("adds to a blob with zeros as channels");
  builder_.add(node(line), all_from(line), to, std::ranges::any_of(line.inputs, is_longer));
}

// Of rows and columns, or of channels that are missing in a term of a sum.
void Reader::padding(const Line& line) {
  const int behind = between(line, 8, 0, 0, kMost);
  const Padding sides{between(line, 0, 0, 0, 1024), between(line, 2, 0, 0, 1024),
                      between(line, 1, 0, 0, 1024), between(line, 3, 0, 0, 1024)};
  if (line.integer(4, 0) != 0 || line.number(5, 0) != 0 || line.integer(7, 0) != 0 ||
      line.integer(6, 0) != 0 || line.inputs.size() != 1) {
    line.fail("pads with values other than 0, or before the first channel");
  }
  const std::string& to = line.outputs.front();
  if (behind == 0) return builder_.pad(node(line), from(line), to, sides);
  const auto reader = readers_.find(to);
  const bool in_sum = reader != readers_.end() && reader->second != nullptr &&
                      (reader->second->kind == "Eltwise" || reader->second->kind == "BinaryOp");
  if (sides != Padding{} || !in_sum) {
    line.fail("adds channels, which oko supports only before a sum");
  }
  builder_.identity(node(line), from(line), to);
  longer_.insert(to);
}

void Reader::shuffle(const Line& line) {
  int groups = between(line, 0, 1, 1, kMost);
  const int channels = shape(line).channels;
  if (line.integer(1, 0) != 0) {  // the inverse: as many groups as a group has channels
    if (channels % groups != 0) line.fail("shuffles groups of unequal channels");
    groups = channels / groups;
  }
  builder_.shuffle(node(line), from(line), line.outputs.front(), groups);
}

void Reader::reorganize(const Line& line) {
  using Order = graph::SpaceToDepth::Order;
  const graph::SpaceToDepth layout{between(line, 0, 1, 1, 1024), between(line, 1, 0, 0, 1) == 0
                                                                     ? Order::kChannels
                                                                     : Order::kRows};
  const std::string& to = line.outputs.front();
  const auto reader = readers_.find(to);
  if (reader != readers_.end() && reader->second != nullptr && reader->second->kind == "Reshape") {
    const Shape& in = shape(line);
    Moves moves({1, in.channels, in.height, in.width});
    if (moves.is_valid() && moves.space_to_depth(layout, true)) {
      moved_.emplace(to, std::pair(std::move(moves), from(line)));
      return;
    }
  }
  builder_.space_to_depth(node(line), from(line), to, layout);
}

// A layer that apps add for YOLOv5 and YOLOX, as their networks begin.
void Reader::focus(const Line& line) {
  builder_.space_to_depth(node(line), from(line), line.outputs.front(),
                          {2, graph::SpaceToDepth::Order::kColumns});
}

// Reshapes and permutations, which together may be a layer.
void Reader::move(const Line& line) {
  const auto before = moved_.find(from(line));
  std::string source = from(line);
  std::optional<Moves> moves;
  if (before != moved_.end()) {
    moves = std::move(before->second.first);
    source = before->second.second;
    moved_.erase(before);
  } else {
    const Shape& in = shape(line);
    moves.emplace(std::vector{1, in.channels, in.height, in.width});
    moved_values_ += moves->count();
  }
  constexpr std::int64_t kMostMoved = std::int64_t{1} << 26;
  bool fits = moves->is_valid() && moved_values_ < kMostMoved && line.inputs.size() == 1;
  if (fits && line.kind == "Reshape") {
    fits = moves->reshape({1, line.integer(2, 1), line.integer(1, 1), line.integer(0, 1)});
  } else if (fits) {
    const auto order = ncnn::order_of(line.integer(0, 0));
    fits = order && moves->transpose({0, 1 + (*order)[0], 1 + (*order)[1], 1 + (*order)[2]});
  }
  if (!fits) line.fail("moves values in a way that oko has no layer for");
  const std::string& to = line.outputs.front();
  const auto layer = moves->layer(true);
  if (!layer) {
    moved_.emplace(to, std::pair(std::move(*moves), source));
  } else if (const auto* shuffle = std::get_if<graph::Shuffle>(&*layer)) {
    builder_.shuffle(node(line), source, to, shuffle->groups);
  } else {
    builder_.space_to_depth(node(line), source, to, std::get<graph::SpaceToDepth>(*layer));
  }
}

// Those of attention, as a map.
void Reader::values_of_heads(const Line& line, const ncnn::ValuesLine& values) {
  const std::string& from = map(values.from);
  const int each = builder_.shape(node(line), from).channels / values.heads;
  std::vector<std::string> parts;
  for (int head = 0; head < values.heads; ++head) {
    const bool alone = values.heads == 1;
    parts.push_back(line.outputs.front() + (alone ? "" : ".head" + std::to_string(head)));
    builder_.use(parts.back());
    builder_.slice(node(line), from, parts.back(), std::int64_t{head} * each + values.first,
                   values.count);
  }
  if (parts.size() > 1) builder_.concat(node(line), parts, line.outputs.front());
}

void Reader::softmax(const Line& line) {
  if (line.integer(0, 0) != 0) line.fail("is over an axis other than channels");
  builder_.softmax(node(line), from(line), line.outputs.front());
}

void Reader::activation(const Line& line) {
  const auto put = [&](const Decision<Activation>& activation) {
    builder_.activation(node(line), from(line), line.outputs.front(), activation);
  };
  if (line.kind == "ReLU") return put(decide::leaky_relu(line.number(0, 0)));
  if (line.kind == "Clip") return put(decide::clip(line.number(0, -1e30F), line.number(1, 1e30F)));
  if (line.kind == "Sigmoid") return put(Activation::kLogistic);
  if (line.kind == "TanH") return put(Activation::kTanh);
  if (line.kind == "ELU") return put(decide::elu(line.number(0, .1F)));
  if (line.kind.starts_with("Hard")) {
    constexpr float kSlope = .2F, kOffset = .5F;
    const auto sigmoid = decide::hard_sigmoid(line.number(0, kSlope), line.number(1, kOffset));
    const bool refused = std::holds_alternative<Refusal>(sigmoid);
    return put(line.kind == "HardSigmoid" || refused ? sigmoid : Activation::kHardSwish);
  }
  put(line.kind == "Mish" ? Activation::kMish : Activation::kSwish);
}

void Reader::flatten(const Line& line) {
  builder_.flatten(node(line), from(line), line.outputs.front(), false);
}

// darknet2ncnn writes each head's stride times its scale_x_y; ncnn then divides boxes' sizes by it.
void Reader::set_scales(Imported& imported) const {
  const std::vector<float> strides = detection_->numbers(6);
  if (strides.size() != imported.outputs.size()) return;
  graph::Network& network = imported.network;
  for (std::size_t i = 0; i < strides.size(); ++i) {
    const int head = imported.outputs[i] + 1;
    const float scale = strides[i] / graph::head_of(network, head).cell_width;
    if (!(scale > 1.001F && scale < 2.5F)) continue;
    auto& yolo = std::get<graph::Yolo>(network.layers[head].operation);
    yolo.scale_x_y = std::round(scale * 1e4F) / 1e4F;
    imported.notes.push_back(detection_->place + ": the stride of head " + std::to_string(i + 1) +
                             " is " + std::to_string(scale) +
                             " times its own; assuming that is Darknet's scale_x_y");
  }
}

void Reader::add_heads_of(Imported& imported) const {
  const Line& line = *detection_;
  const std::vector<float> sides = line.numbers(4), masks = line.numbers(5);
  const std::size_t boxes = static_cast<std::size_t>(between(line, 1, 5, 1, 1024));
  HeadOptions heads;
  heads.decoding = Family::kYoloV3;  // by the layer's kind
  for (std::size_t i = 0; i + 1 < sides.size(); i += 2) {
    heads.anchors.push_back({sides[i], sides[i + 1]});
  }
  if (sides.size() % 2 != 0 || masks.size() != boxes * outputs_.size()) {
    line.fail("has " + std::to_string(sides.size()) + " anchor sides and " +
              std::to_string(masks.size()) + " masks for " + std::to_string(outputs_.size()) +
              " heads of " + std::to_string(boxes) + " boxes");
  }
  for (std::size_t i = 0; i < masks.size(); ++i) {
    if (i % boxes == 0) heads.masks.emplace_back();
    if (!(masks[i] >= 0 && masks[i] < static_cast<float>(heads.anchors.size()))) {
      line.fail("a mask does not refer to an anchor");
    }
    heads.masks.back().push_back(static_cast<int>(masks[i]));
  }
  try {
    add_heads(imported, heads);
  } catch (const Error& error) {
    line.fail(error.place() + ": " + error.message(), error.hint());
  }
  set_scales(imported);
  if (imported.network.class_count() == line.integer(0, 20)) return;
  line.fail("declares " + std::to_string(line.integer(0, 20)) + " classes, the heads have " +
            std::to_string(imported.network.class_count()));
}

}  // namespace

Imported read_ncnn(std::string_view param, const Bytes& bin, const std::string& name,
                   std::optional<image::Size> size, const std::string& bin_name) {
  const std::string weights = bin_name.empty() ? name + ".bin" : bin_name;
  const std::vector<Line> lines = ncnn::parse_param(param, name + ".param");
  const auto guess = ncnn::guessed_size(lines);
  Reader reader(lines, ncnn::Bin(weights, bin), name, size ? size : guess);
  Imported imported = reader.read(name);
  const auto exact = reader.size_of_points();
  if (!exact ||
      *exact == image::Size{imported.network.input.width, imported.network.input.height}) {
    return imported;
  }
  return Reader(lines, ncnn::Bin(weights, bin), name, exact).read(name);
}

}  // namespace oko::formats
