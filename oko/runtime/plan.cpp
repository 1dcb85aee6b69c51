#include "oko/runtime/plan.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>

#include "oko/base/error.h"
#include "oko/runtime/arena.h"
#include "oko/runtime/kernels8.h"
#include "oko/runtime/map_scales.h"
#include "oko/runtime/pack.h"
#include "oko/runtime/tiling.h"

namespace oko::runtime {
namespace {

using graph::Activation;
using graph::Layer;
using graph::Shape;

// The clamp equivalent to this activation, if any.
std::optional<Clamp> clamp_of(Activation activation) {
  switch (activation) {
    case Activation::kLinear:
      return Clamp{};
    case Activation::kLeaky:
      return Clamp{graph::kLeakySlope};
    case Activation::kRelu:
      return Clamp{0};
    case Activation::kRelu6:
      return Clamp{0, 6};
    case Activation::kLogistic:
    case Activation::kMish:
    case Activation::kSwish:
    case Activation::kHardSigmoid:
    case Activation::kHardSwish:
    case Activation::kElu:
    case Activation::kTanh:
      break;
  }
  return std::nullopt;
}

Finish finish_of(Activation activation) {
  Finish finish;
  if (const auto clamp = clamp_of(activation)) {
    finish.clamp = *clamp;
  } else {
    finish.after = activation;
  }
  return finish;
}

// Multiplications of GEMM and of Winograd, to choose between them. A transform costs about as much
// as `transform` multiplications per value, that of a late kernel (tiling.h) as kLate.
bool winograd_pays(const graph::Convolution& c, const Shape& in, const Shape& out,
                   const PlanOptions& options) {
  const bool int8 = options.precision == Precision::kInt8;
  if (c.size != 3 || c.stride != 1 || c.groups != 1) return false;
  // Measured on x86-64: an int8 product costs a quarter of a float one, a transform the same.
  const double transform = int8 ? 20 : 10;
  const int tile = int8 ? kTile8 : kTile, points = int8 ? kPoints8 : kPoints;
  const double tiles = ((out.height + tile - 1) / tile) * ((out.width + tile - 1) / tile);
  const double channels = in.channels, filters = out.channels;
  const double direct = 9. * out.height * out.width * channels * filters;
  ConvolutionStep step;
  step.convolution = c;
  step.algorithm = Algorithm::kWinograd;
  step.in.shape = in;
  step.in.number = int8 ? Number::kByte : Number::kFloat;
  step.output = out;
  constexpr double kLate = 120;
  const double kernels = winograd_tiling(step, block_of(step, options.target)).late ? kLate : 0;
  const double winograd = points * tiles * (channels * filters + transform * (channels + filters)) +
                          kernels * channels * filters;
  return winograd < direct;
}

class Planner {
 public:
  Planner(const graph::Network& network, const PlanOptions& options)
      : network_(network), options_(options), int8_(options.precision == Precision::kInt8) {}

  Plan run() {
    plan_.target = options_.target;
    plan_.precision = options_.precision;
    plan_.input = network_.input;
    count_users();
    join_maps();
    if (int8_) {
      scales_ = scales_of(network_);
      quantization_ = quantization_of(network_);
    }
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      if (!done_[i]) make_step(static_cast<int>(i));
    }
    place_buffers();
    return std::move(plan_);
  }

 private:
  // A layer's output as part of another tensor: a route's input, or an alias.
  struct Place {
    int parent = kNone;
    int first = 0;  // channel of the parent
  };
  static constexpr int kNone = -2;

  const Layer& layer(int i) const { return network_.layers[i]; }
  template <typename T>
  const T* as(int i) const {
    return std::get_if<T>(&layer(i).operation);
  }
  const Shape& shape_of(int i) const { return graph::shape_of(network_, i); }
  // A layer that is an alias of its input.
  bool is_alias(int i) const {
    const auto* route = as<graph::Route>(i);
    return as<graph::Dropout>(i) != nullptr || as<graph::Slice>(i) != nullptr ||
           (route != nullptr && layer(i).inputs.size() == 1);
  }

  void count_users() {
    const std::size_t count = network_.layers.size();
    users_.resize(count);
    done_.resize(count, false);
    places_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      for (const int from : network_.layers[i].inputs) {
        if (from != graph::kNetworkInput) {
          users_[from].push_back(static_cast<int>(i));
        }
      }
    }
  }

  // Of its input, that an alias begins with.
  int first_channel(int i) const {
    if (const auto* slice = as<graph::Slice>(i)) return slice->first;
    const auto* route = as<graph::Route>(i);
    return route ? shape_of(input(i)).channels / route->groups * route->group : 0;
  }

  // Decides which tensors are placed inside others.
  void join_maps() {
    for (int i = 0; i < static_cast<int>(network_.layers.size()); ++i) {
      const Layer& l = layer(i);
      const auto* route = as<graph::Route>(i);
      if (is_alias(i)) {
        const int from = l.inputs.front();
        if (from == graph::kNetworkInput) continue;  // copied: see make_step
        place(i) = {from, first_channel(i)};
        done_[i] = true;
      } else if (shuffles_inputs(i)) {
        done_[i] = true;
      } else if (route && route->groups == 1) {
        int first = 0;
        for (const int from : l.inputs) {
          if (from != graph::kNetworkInput && place(from).parent == kNone) place(from) = {i, first};
          first += shape_of(from).channels;
        }
      }
    }
  }
  Place& place(int i) { return places_[i]; }

  // A concatenation that only a shuffle reads, which takes each input for one of its groups: the
  // concatenated tensor is never made.
  bool shuffles_inputs(int i) const {
    const auto* route = as<graph::Route>(i);
    if (!route || route->groups != 1 || only_user(i) == kNone) return false;
    const auto* shuffle = as<graph::Shuffle>(only_user(i));
    const auto& inputs = layer(i).inputs;
    const auto fits = [&](int from) {
      return from != graph::kNetworkInput &&
             shape_of(from).channels * shuffle->groups == shape_of(i).channels;
    };
    return shuffle && static_cast<int>(inputs.size()) == shuffle->groups &&
           std::all_of(inputs.begin(), inputs.end(), fits);
  }

  // Int8, except for tensors that only heads read.
  Number number_of(int i) const {
    if (!int8_) return Number::kFloat;
    if (i == graph::kNetworkInput) return Number::kByte;
    const auto& users = users_[i];
    const bool only_heads =
        !users.empty() && std::all_of(users.begin(), users.end(), [&](int user) {
          return graph::is_head(layer(user).operation);
        });
    return only_heads && as<graph::Convolution>(i) ? Number::kFloat : Number::kByte;
  }
  Scale scale_of_map(int i) const { return int8_ ? scales_[i + 1] : Scale{}; }

  // The output of a layer, allocating a buffer if it has none yet.
  Map map_of(int i) {
    const Number number = number_of(i);
    if (i == graph::kNetworkInput) {
      const Shape& shape = network_.input;
      const bool made = input_buffer_.has_value();
      if (!made) input_buffer_ = new_buffer(shape, shape.channels, number);
      const Map map{*input_buffer_, 0, shape.channels, shape, number, scale_of_map(i)};
      if (!made) {
        add(0, InputStep{map});
        if (int8_) {  // a row of it, before quantization
          want_scratch(static_cast<std::size_t>(shape.width) *
                           static_cast<std::size_t>(shape.channels) * sizeof(float) +
                       kSlack);
        }
      }
      return map;
    }
    int root = i, first = 0;
    for (; place(root).parent != kNone; root = place(root).parent) first += place(root).first;
    auto found = std::find_if(roots_.begin(), roots_.end(),
                              [&](const auto& entry) { return entry.first == root; });
    if (found == roots_.end()) {
      const Shape& shape = shape_of(root);
      const int buffer = new_buffer(shape, padded(shape.channels, number), number);
      found = roots_.insert(roots_.end(), {root, buffer});
    }
    const int pixel = padded(shape_of(root).channels, number);
    return {found->second, first, pixel, shape_of(i), number, scale_of_map(i)};
  }

  void check_size(const std::string& what, std::uint64_t bytes,
                  std::uint64_t most = kMostBytes) const {
    if (bytes <= most) return;
    throw input_error(network_.name,
                      what + " would take " + std::to_string(bytes >> 20) +
                          " MiB; the engine takes at most " + std::to_string(most >> 20),
                      "use a smaller input");
  }

  // No single kernel may approach 4 GiB, as its offset is computed in 32 bits.
  void check_kernel(const std::string& place, const ConvolutionStep& step) const {
    const graph::Convolution& c = step.convolution;
    const bool winograd = step.algorithm == Algorithm::kWinograd;
    const std::uint64_t points = winograd ? kPoints : 1, taps = winograd ? 1 : c.size * c.size;
    const auto depth = static_cast<std::uint64_t>(step.in.shape.channels / c.groups);
    const auto filters = static_cast<std::uint64_t>(c.filters);  // rounded up in every group
    constexpr std::uint64_t kPanel = 32, kGroup = 4;
    const std::uint64_t columns = filters + kPanel * static_cast<std::uint64_t>(c.groups);
    check_size("the packed weights of " + place,
               points * (taps * depth + kGroup * static_cast<std::uint64_t>(c.size)) * columns *
                   sizeof(float));
  }

  static int bytes_of(Number number) { return number == Number::kFloat ? 4 : 1; }

  // Pixels at multiples of 2 KiB would all compete for the same cache lines.
  static int padded(int channels, Number number) {
    const int bytes = bytes_of(number);
    return channels * bytes % 2048 == 0 ? channels + 64 / bytes : channels;
  }

  int new_buffer(const Shape& shape, int pixel, Number number) {
    const std::int64_t bytes = std::int64_t{shape.height} * shape.width * pixel * bytes_of(number);
    check_size("a tensor of " + graph::to_string(shape), static_cast<std::uint64_t>(bytes));
    sizes_.push_back(static_cast<std::size_t>(bytes) + kSlack);
    return static_cast<int>(sizes_.size()) - 1;
  }

  template <typename T>
  void add(int layer_index, T work) {
    plan_.steps.push_back({layer_index, std::move(work)});
  }

  void want_scratch(std::size_t bytes) {  // per thread
    plan_.thread_bytes = std::max(plan_.thread_bytes, bytes);
  }

  void make_step(int i) {
    std::visit([&](const auto& operation) { plan_layer(i, operation); }, layer(i).operation);
  }

  int input(int i) const { return layer(i).inputs.front(); }

  // The reader of this tensor, if there is only one.
  int only_user(int i) const {
    const auto& users = users_[i];
    return users.size() == 1 ? users.front() : kNone;
  }

  // The shortcut that can be added while this convolution's sums are still in registers, and what
  // it adds. Dropout in between has no effect.
  struct Fused {
    int shortcut = kNone, other = kNone;
  };
  Fused fused_shortcut(int i, const Finish& finish) const {
    int last = i;
    while (only_user(last) != kNone && as<graph::Dropout>(only_user(last))) last = only_user(last);
    const int user = only_user(last);
    if (user == kNone || finish.after != Activation::kLinear) return {};
    const auto* shortcut = as<graph::Shortcut>(user);
    if (!shortcut || shortcut->unequal || !clamp_of(shortcut->activation)) return {};
    const auto& inputs = layer(user).inputs;
    if (inputs.size() != 2 || inputs[0] == inputs[1]) return {};
    const int other = inputs[0] == last ? inputs[1] : inputs[0];
    return other < i && other != graph::kNetworkInput ? Fused{user, other} : Fused{};
  }

  // The 2x2 pool whose windows are complete and inside the tiles of this tensor.
  int fused_pool(int i) const {
    const Shape& out = shape_of(i);
    if (out.height % 2 != 0 || out.width % 2 != 0) return kNone;
    for (const int user : users_[i]) {
      const auto* pool = as<graph::MaxPool>(user);
      if (!pool || pool->size != 2 || pool->stride != 2) continue;
      if (pool->padding.top != 0 || pool->padding.left != 0) continue;
      const Shape& pooled = shape_of(user);
      if (pooled.height == out.height / 2 && pooled.width == out.width / 2) return user;
    }
    return kNone;
  }

  Algorithm algorithm_of(const std::string& name, const graph::Convolution& c, const Shape& in,
                         const Shape& out, bool float_sums) const {
    // Of the int8 kernels only gemm() can output floats.
    const bool floats_wanted = int8_ && float_sums;
    if (c.groups == in.channels && c.filters == in.channels && c.groups > 1 && !floats_wanted) {
      return Algorithm::kDepthwise;
    }
    // Int8 needs the ranges of the transform's points.
    const bool measured = !int8_ || !quantization_->layers.at(name).points.empty();
    return measured && !floats_wanted && winograd_pays(c, in, out, options_) ? Algorithm::kWinograd
                                                                             : Algorithm::kGemm;
  }

  void plan_layer(int i, const graph::Convolution& c) {
    check_sums(i, c);
    ConvolutionStep step;
    step.layer = i;
    step.convolution = c;
    const Shape& in = shape_of(input(i));
    step.output = shape_of(i);
    step.finish = finish_of(c.activation);
    const bool second_pass = step.finish.after != Activation::kLinear;
    const bool float_out = number_of(i) == Number::kFloat;
    step.algorithm = algorithm_of(layer(i).name, c, in, step.output, second_pass || float_out);
    // A first convolution of few channels reads the planes itself.
    const bool planes = input(i) == graph::kNetworkInput && step.algorithm == Algorithm::kGemm &&
                        c.groups == 1 && !int8_;
    step.in = planes ? Map{-1, 0, 0, network_.input} : map_of(input(i));
    step.half =
        options_.precision == Precision::kFloat16 && step.algorithm != Algorithm::kDepthwise;

    const auto [shortcut, other] = fused_shortcut(i, step.finish);
    const int pool = shortcut == kNone && !second_pass && step.algorithm != Algorithm::kDepthwise &&
                             c.groups == 1
                         ? fused_pool(i)
                         : kNone;
    int made = i;
    if (shortcut != kNone) {
      step.residual = map_of(other);
      step.finish.residual_clamp = *clamp_of(as<graph::Shortcut>(shortcut)->activation);
      step.out = map_of(shortcut);
      made = shortcut;
    } else {
      if (pool == kNone || only_user(i) == kNone) step.out = map_of(i);
      if (pool != kNone) {
        step.pooled = map_of(pool);
        made = pool;
      }
    }
    done_[made] = true;
    if (int8_ && second_pass && !float_out) {
      add_with_activation(made, std::move(step));
    } else {
      add_convolution(made, std::move(step));
    }
  }

  // Int8 sums are accumulated in 32 bits.
  void check_sums(int i, const graph::Convolution& c) const {
    constexpr std::int64_t kMost = 65536;  // times 255 · 127 is below 2^31
    const std::int64_t terms =
        std::int64_t{c.size} * c.size * shape_of(input(i)).channels / c.groups;
    if (!int8_ || terms <= kMost) return;
    throw input_error(graph::place_of(network_, static_cast<std::size_t>(i)),
                      "a filter sums " + std::to_string(terms) +
                          " products; int8 supports at most " + std::to_string(kMost),
                      "run it in fp32");
  }

  void add_convolution(int made, ConvolutionStep step) {
    const std::string place = graph::place_of(network_, static_cast<std::size_t>(made));
    check_kernel(place, step);
    place_weights(step, plan_);
    check_size("the packed weights", plan_.weight_bytes, 2 * kMostBytes);
    const Scratch scratch = scratch_of(step, options_.target);
    check_size("the work of " + place, std::max(scratch.shared_bytes, scratch.thread_bytes));
    plan_.shared_bytes =
        std::max(plan_.shared_bytes, static_cast<std::size_t>(scratch.shared_bytes));
    want_scratch(static_cast<std::size_t>(scratch.thread_bytes));
    add(made, std::move(step));
  }

  // An activation that is not a clamp is computed in float32 and then quantized.
  void add_with_activation(int made, ConvolutionStep step) {
    const Map bytes = *step.out;
    const Activation activation = step.finish.after;
    const Shape& shape = step.output;
    step.finish.after = Activation::kLinear;
    step.out = Map{new_buffer(shape, shape.channels, Number::kFloat), 0, shape.channels, shape};
    const Map floats = *step.out;
    add_convolution(made, std::move(step));
    add(made, QuantizeStep{activation, floats, bytes});
  }

  void plan_layer(int i, const graph::MaxPool& pool) {
    add(i, PoolStep{pool, map_of(input(i)), map_of(i)});
  }
  void plan_layer(int i, const graph::AveragePool& pool) {
    const Map in = map_of(input(i));
    want_scratch(2 * pixel_bytes(in));
    add(i, AverageStep{pool, in, map_of(i)});
  }
  void plan_layer(int i, const graph::Upsample& upsample) {
    add(i, UpsampleStep{upsample.scale, map_of(input(i)), map_of(i)});
  }
  void plan_layer(int i, const graph::Bilinear& bilinear) {
    add(i, BilinearStep{bilinear.grid, map_of(input(i)), map_of(i)});
  }
  void plan_layer(int i, const graph::Shuffle& shuffle) {
    ShuffleStep step;
    if (shuffles_inputs(input(i))) {
      for (const int from : layer(input(i)).inputs) step.in.push_back(map_of(from));
    } else {
      Map group = map_of(input(i));
      const int channels = group.shape.channels /= shuffle.groups;
      for (int g = 0; g < shuffle.groups; ++g, group.first += channels) step.in.push_back(group);
    }
    step.out = map_of(i);
    add(i, std::move(step));
  }
  void plan_layer(int i, const graph::SpaceToDepth& layout) {
    add(i, SpaceToDepthStep{layout, map_of(input(i)), map_of(i)});
  }
  void plan_layer(int i, const graph::Shortcut& shortcut) {
    combine<AddStep>(i, shortcut.activation);
  }
  void plan_layer(int i, const graph::Product& product) {
    combine<MultiplyStep>(i, product.activation);
  }
  template <typename T>
  void combine(int i, Activation activation) {
    T step;
    for (const int from : layer(i).inputs) step.in.push_back(map_of(from));
    step.out = map_of(i);
    step.finish = finish_of(activation);
    std::size_t widest = pixel_bytes(step.out);
    for (const Map& in : step.in) widest = std::max(widest, pixel_bytes(in));
    want_scratch(2 * widest);
    add(i, std::move(step));
  }
  void plan_layer(int i, const graph::Attention& attention) {
    const Map in = map_of(input(i)), out = map_of(i);
    const auto pixels =
        static_cast<std::uint64_t>(in.shape.height) * static_cast<std::uint64_t>(in.shape.width);
    const std::uint64_t shared = pixels * pixel_bytes(in);
    const std::uint64_t each = pixel_bytes(out) + pixels * sizeof(float);
    check_size("the work of " + graph::place_of(network_, static_cast<std::size_t>(i)),
               std::max(shared, each));
    plan_.shared_bytes = std::max(plan_.shared_bytes, static_cast<std::size_t>(shared));
    want_scratch(static_cast<std::size_t>(each));
    add(i, AttentionStep{attention, in, out});
  }
  void plan_layer(int i, const graph::Softmax&) {
    const Map in = map_of(input(i));
    want_scratch(pixel_bytes(in));
    add(i, SoftmaxStep{in, map_of(i)});
  }
  // Copies the parts that could not be written in place.
  void plan_layer(int i, const graph::Route& route) {
    const Map out = map_of(i);
    int first = 0;
    for (const int from : layer(i).inputs) {
      const int channels = shape_of(from).channels / route.groups;
      const bool in_place = from != graph::kNetworkInput && place(from).parent == i &&
                            place(from).first == first && route.groups == 1;
      if (!in_place) {
        Map in = map_of(from), part = out;
        in.first += channels * route.group;
        in.shape.channels = part.shape.channels = channels;
        part.first += first;
        add(i, CopyStep{in, part});
      }
      first += channels;
    }
  }
  // These are copied only if they read the network's input.
  void plan_layer(int i, const graph::Dropout&) { add(i, CopyStep{map_of(input(i)), map_of(i)}); }
  void plan_layer(int i, const graph::Slice& slice) {
    Map in = map_of(input(i));
    in.first += slice.first;
    in.shape.channels = slice.channels;
    add(i, CopyStep{in, map_of(i)});
  }
  void plan_head(int i) {
    const int head = static_cast<int>(plan_.heads.size());
    plan_.heads.push_back(shape_of(input(i)));
    const Map in = map_of(input(i));
    if (in.number == Number::kByte) want_scratch(pixel_bytes(in));
    add(i, HeadStep{in, head});
  }
  void plan_layer(int i, const graph::HeadOperation auto&) { plan_head(i); }

  // Buffers share the arena if their lifetimes do not overlap.
  void place_buffers() {
    std::vector<Life> lives(sizes_.size());
    for (std::size_t b = 0; b < sizes_.size(); ++b) lives[b].bytes = sizes_[b];
    for (std::size_t s = 0; s < plan_.steps.size(); ++s) {
      for_maps(plan_.steps[s], [&](const Map& map) {
        if (map.buffer < 0) return;
        Life& life = lives[map.buffer];
        life.first = std::min(life.first, static_cast<int>(s));
        life.last = std::max(life.last, static_cast<int>(s));
      });
    }
    const std::uint64_t arena = place_lives(lives);
    check_size("the tensors that are alive at one time", arena);
    plan_.arena_bytes = static_cast<std::size_t>(arena);
    auto planes = static_cast<std::uint64_t>(network_.input.count());
    for (const Shape& head : plan_.heads) planes += static_cast<std::uint64_t>(head.count());
    check_size("the input and the heads", planes * sizeof(float));
    for (const Life& life : lives) plan_.buffers.push_back(static_cast<std::size_t>(life.offset));
  }

  const graph::Network& network_;
  const PlanOptions& options_;
  bool int8_;
  std::optional<Quantization> quantization_;
  std::vector<Scale> scales_;  // int8: of the network's input, then of every layer
  Plan plan_;
  std::vector<std::vector<int>> users_;
  std::vector<bool> done_;
  std::vector<Place> places_;
  std::vector<std::pair<int, int>> roots_;  // layer, buffer
  std::vector<std::size_t> sizes_;          // of the buffers
  std::optional<int> input_buffer_;
};

std::string describe(const ConvolutionStep& c) {
  const std::string size = std::to_string(c.convolution.size);
  std::string text = "conv " + size + "x" + size;
  if (c.convolution.stride > 1) text += " /" + std::to_string(c.convolution.stride);
  text += std::string(" ") + name_of(c.algorithm);
  if (c.residual) text += " + shortcut";
  if (c.pooled) text += " + pool";
  return text;
}

struct Describe {
  std::string operator()(const ConvolutionStep& c) const { return describe(c); }
  std::string operator()(const InputStep&) const { return "input"; }
  std::string operator()(const QuantizeStep& q) const { return graph::name_of(q.activation); }
  std::string operator()(const PoolStep& p) const {
    const std::string size = std::to_string(p.pool.size);
    return "max pool " + size + "x" + size + " /" + std::to_string(p.pool.stride);
  }
  std::string operator()(const AverageStep& a) const {
    const std::string size = std::to_string(a.pool.size);
    if (a.pool.is_global()) return "average pool";
    return "average pool " + size + "x" + size + " /" + std::to_string(a.pool.stride);
  }
  std::string operator()(const UpsampleStep& u) const {
    return "upsample x" + std::to_string(u.scale);
  }
  std::string operator()(const BilinearStep& b) const {
    return "bilinear x" + std::to_string(b.out.shape.height / b.in.shape.height);
  }
  std::string operator()(const ShuffleStep&) const { return "shuffle"; }
  std::string operator()(const SpaceToDepthStep&) const { return "space to depth"; }
  std::string operator()(const AddStep&) const { return "shortcut"; }
  std::string operator()(const MultiplyStep&) const { return "product"; }
  std::string operator()(const AttentionStep&) const { return "attention"; }
  std::string operator()(const CopyStep&) const { return "copy"; }
  std::string operator()(const SoftmaxStep&) const { return "softmax"; }
  std::string operator()(const HeadStep&) const { return "head"; }
};

}  // namespace

const char* name_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kGemm:
      return "gemm";
    case Algorithm::kWinograd:
      return "winograd";
    case Algorithm::kDepthwise:
      return "depthwise";
  }
  return "";
}

Plan make_plan(const graph::Network& network, const PlanOptions& options) {
  if (network.weights.empty()) {
    throw input_error(network.name, "the network has no weights",
                      "import weights or train it first");
  }
  graph::check_weights(network);
  return Planner(network, options).run();
}

std::string describe(const Step& step) { return std::visit(Describe{}, step.work); }

}  // namespace oko::runtime
