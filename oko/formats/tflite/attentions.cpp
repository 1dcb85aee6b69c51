#include "oko/formats/tflite/attentions.h"

#include <algorithm>
#include <cmath>

#include "oko/base/random.h"
#include "oko/formats/tensor_order.h"
#include "oko/formats/tflite/evaluator.h"

namespace oko::formats::tflite {
namespace {

using graph::Tensor;

// Some converters write a product of matrices as one operator for every row.
constexpr int kMostPixels = 1600, kMostOperators = 1 << 13, kMostRegions = 32;
constexpr int kMostFollowed = 1 << 20;  // tensors, for all softmaxes of a file

// Operators that move values, multiply matrices, or scale.
bool is_step(Code code) {
  static const std::set<Code> kSteps{
      Code::TRANSPOSE,     Code::RESHAPE, Code::STRIDED_SLICE,   Code::SLICE,
      Code::SPLIT,         Code::SPLIT_V, Code::BATCH_MATMUL,    Code::MUL,
      Code::SOFTMAX,       Code::PACK,    Code::UNPACK,          Code::QUANTIZE,
      Code::DEQUANTIZE,    Code::SQUEEZE, Code::EXPAND_DIMS,     Code::DIV,
      Code::CONCATENATION, Code::CAST,    Code::FULLY_CONNECTED,
  };
  return kSteps.contains(code);
}

// The attention of some pixels, by definition. Values are planar.
class Definition {
 public:
  Definition(const std::vector<float>& values, int pixels, int channels,
             const graph::Attention& attention)
      : values_(values), pixels_(pixels), channels_(channels), attention_(attention) {}

  // Whether it is what `result`, planar, has at a few pixels.
  bool is(const std::vector<float>& result, float tolerance) const {
    constexpr int kSome = 7;
    for (int i = 0; i < kSome; ++i) {
      const int pixel = static_cast<int>(std::ptrdiff_t{pixels_} * i / kSome);
      for (int head = 0; head < attention_.heads; ++head) {
        if (!same_at(result, pixel, head, tolerance)) return false;
      }
    }
    return true;
  }

 private:
  float value(int channel, int pixel) const {
    return values_[static_cast<std::size_t>(std::ptrdiff_t{channel} * pixels_ + pixel)];
  }
  bool same_at(const std::vector<float>& result, int pixel, int head, float tolerance) const {
    const int each = channels_ / attention_.heads, keys = attention_.key_channels;
    const int first = head * each, count = each - 2 * keys;
    std::vector<double> shares(static_cast<std::size_t>(pixels_));
    double most = -INFINITY, sum = 0;
    for (int q = 0; q < pixels_; ++q) {
      double dot = 0;
      for (int k = 0; k < keys; ++k) {
        dot += static_cast<double>(value(first + k, pixel)) *
               static_cast<double>(value(first + keys + k, q));
      }
      shares[q] = dot * static_cast<double>(attention_.scale);
      most = std::max(most, shares[q]);
    }
    for (double& share : shares) sum += share = std::exp(share - most);
    for (int v = 0; v < count; ++v) {
      double expected = 0;
      for (int q = 0; q < pixels_; ++q) {
        expected += shares[q] / sum * static_cast<double>(value(first + 2 * keys + v, q));
      }
      const std::ptrdiff_t at = std::ptrdiff_t{head * count + v} * pixels_ + pixel;
      if (!(std::fabs(result[at] - static_cast<float>(expected)) <= tolerance)) return false;
    }
    return true;
  }

  const std::vector<float>& values_;
  int pixels_, channels_;
  graph::Attention attention_;
};

}  // namespace

Attentions::Attentions(const Model& model, const Patterns& patterns)
    : model_(model), patterns_(patterns) {
  const auto& operators = model.operators();
  for (std::size_t i = 0; i < operators.size(); ++i) {
    for (const int tensor : operators[i].outputs) producers_[tensor] = i;
  }
  int regions = 0;
  for (std::size_t i = 0; i < operators.size(); ++i) {
    if (operators[i].code != Code::SOFTMAX || parts_.contains(i)) continue;
    const auto region = region_of(i);
    if (region && ++regions <= kMostRegions) prove(*region);
  }
}

const Attentions::Exit* Attentions::exit_at(std::size_t op) const {
  const auto found = exits_.find(op);
  return found == exits_.end() ? nullptr : &found->second;
}

bool Attentions::is_constant(int tensor) const {
  return tensor < 0 || model_.is_constant(patterns_.source(tensor));
}

bool Attentions::is_planar(int tensor, const Size& size) const {
  const auto& sides = model_.sides(tensor);
  return sides.size() == 4 && sides[0] == 1 && sides[2] == size.rows && sides[3] == size.columns;
}

bool Attentions::is_map(int tensor, const Size& size) const {
  const auto& sides = model_.sides(tensor);
  const bool last =
      sides.size() == 4 && sides[0] == 1 && sides[1] == size.rows && sides[2] == size.columns;
  return last || is_planar(tensor, size);
}

// The tensor that a softmax depends on and for which `is_end` holds, if there is only one.
template <typename End>
std::optional<int> Attentions::source_of(std::size_t softmax, const End& is_end) {
  std::set<int> found, seen;
  std::vector<int> left{model_.operators()[softmax].inputs.front()};
  while (!left.empty()) {
    const int tensor = left.back();
    left.pop_back();
    if (is_constant(tensor) || !seen.insert(tensor).second) continue;
    if (is_end(tensor)) {
      found.insert(tensor);
      continue;
    }
    const auto producer = producers_.find(tensor);
    if (producer == producers_.end() || ++followed_ > kMostFollowed) return {};
    const Operator& op = model_.operators()[producer->second];
    if (!is_step(op.code)) return {};
    left.insert(left.end(), op.inputs.begin(), op.inputs.end());
  }
  return found.size() == 1 ? std::optional(*found.begin()) : std::nullopt;
}

// Rows and columns of the tensor of the network before a softmax.
std::optional<Attentions::Size> Attentions::size_before(std::size_t softmax, int pixels) {
  const auto from = source_of(softmax, [&](int tensor) {
    const auto producer = producers_.find(tensor);
    return producer == producers_.end() || !is_step(model_.operators()[producer->second].code);
  });
  if (!from || model_.sides(*from).size() != 4) return {};
  const auto& sides = model_.sides(*from);
  const auto fits = [&](int rows, int columns) {
    return rows > 1 && columns > 1 && std::int64_t{rows} * columns == pixels;
  };
  if (fits(sides[1], sides[2])) return Size{sides[1], sides[2]};
  return fits(sides[2], sides[3]) ? std::optional(Size{sides[2], sides[3]}) : std::nullopt;
}

// All that follows from that tensor, up to the next ones of the network.
std::optional<Attentions::Region> Attentions::region_of(std::size_t softmax) {
  const auto& operators = model_.operators();
  const auto& sides = model_.sides(operators[softmax].outputs.front());
  if (sides.size() < 2 || sides.back() != sides.end()[-2] || sides.back() < 2 ||
      sides.back() > kMostPixels) {
    return {};
  }
  Region region;
  region.pixels = sides.back();
  const auto size = size_before(softmax, region.pixels);
  if (!size) return {};
  region.size = *size;
  const auto from = source_of(softmax, [&](int tensor) { return is_map(tensor, region.size); });
  if (!from) return {};
  region.from = *from;
  region.planar = is_planar(*from, region.size);
  region.channels = model_.sides(*from)[region.planar ? 1 : 3];
  std::set<int> inside{region.from};
  for (std::size_t i = 0; i < operators.size(); ++i) {
    const Operator& op = operators[i];
    const auto from_inside = [&](int tensor) { return inside.contains(tensor); };
    if (std::ranges::none_of(op.inputs, from_inside)) continue;
    if (!is_step(op.code)) {
      // The network goes on with the tensor itself, but with none of its parts.
      if (std::ranges::all_of(op.inputs,
                              [&](int t) { return t == region.from || !from_inside(t); }))
        continue;
      return {};
    }
    const bool known = std::ranges::all_of(
        op.inputs, [&](int tensor) { return from_inside(tensor) || is_constant(tensor); });
    if (!known || region.operators.size() > kMostOperators) return {};
    region.operators.insert(i);
    for (const int tensor : op.outputs) {
      if (is_map(tensor, region.size)) {
        region.exits[tensor] = i;
      } else {
        inside.insert(tensor);
      }
    }
  }
  if (!region.operators.contains(softmax) || region.exits.empty()) return {};
  return region;
}

std::optional<Attentions::Exit> Attentions::exit_of(const Region& region,
                                                    const std::vector<float>& values,
                                                    const Tensor& result, bool planar) const {
  constexpr float kTolerance = 2e-3F, kSame = 1e-5F;
  const std::vector<float> planes(result.floats().begin(), result.floats().end());
  const std::ptrdiff_t pixels = region.pixels;
  const auto count = static_cast<int>(std::ssize(planes) / pixels);
  Exit exit{region.from, {}, {}, planar};
  for (int channel = 0; channel < count; ++channel) {
    const auto plane = planes.begin() + channel * pixels;
    for (int own = 0; own < region.channels; ++own) {
      const bool same = std::equal(plane, plane + pixels, values.begin() + own * pixels,
                                   [](float a, float b) { return std::fabs(a - b) <= kSame; });
      if (same) exit.channels.push_back(own);
    }
    if (std::ssize(exit.channels) != channel + 1) break;
  }
  if (std::ssize(exit.channels) == count) return exit;
  exit.channels.clear();
  for (int heads = 1; heads <= count; ++heads) {
    const int rest = region.channels - count;
    if (count % heads != 0 || region.channels % heads != 0 || rest < 2 * heads ||
        rest % (2 * heads) != 0) {
      continue;
    }
    const int keys = rest / (2 * heads);
    for (const float scale : {1 / std::sqrt(static_cast<float>(keys)), 1.F}) {
      const graph::Attention attention{heads, keys, scale};
      if (Definition(values, region.pixels, region.channels, attention).is(planes, kTolerance)) {
        exit.attention = attention;
        return exit;
      }
    }
  }
  return {};
}

void Attentions::prove(const Region& region) {
  Random random(1);
  std::vector<float> values(static_cast<std::size_t>(region.pixels) *
                            static_cast<std::size_t>(region.channels));
  // Large enough for shares that differ.
  for (float& value : values) value = static_cast<float>(random.uniform(-3, 3));
  const Tensor planes =
      Tensor::of(values, {1, region.channels, region.size.rows, region.size.columns});
  Evaluator evaluator(model_);
  evaluator.set(region.from, region.planar ? planes : permuted(planes, {0, 2, 3, 1}));
  for (const std::size_t i : region.operators) {
    if (!evaluator.run(model_.operators()[i])) return;
  }
  std::map<std::size_t, Exit> exits;
  bool attends = false;
  for (const auto& [tensor, op] : region.exits) {
    const Tensor& result = *evaluator.find(tensor);
    const bool planar = is_planar(tensor, region.size);
    if (result.dtype != graph::DType::kF32) return;
    auto exit = exit_of(region, values, planar ? result : permuted(result, {0, 3, 1, 2}), planar);
    if (!exit || model_.operators()[op].outputs.size() != 1) return;
    attends |= exit->attention.has_value();
    exits.emplace(op, std::move(*exit));
  }
  if (!attends) return;
  for (const std::size_t i : region.operators) {
    if (!exits.contains(i)) parts_.insert(i);
  }
  exits_.merge(exits);
}

}  // namespace oko::formats::tflite
