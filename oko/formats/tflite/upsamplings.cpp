#include "oko/formats/tflite/upsamplings.h"

#include <algorithm>

#include "oko/base/random.h"
#include "oko/formats/tflite/evaluator.h"

namespace oko::formats::tflite {
namespace {

constexpr std::size_t kMostOperators = 16;

bool is_step(Code code) {
  static const std::set<Code> kSteps{Code::PACK,          Code::RESHAPE,     Code::TILE,
                                     Code::MUL,           Code::EXPAND_DIMS, Code::QUANTIZE,
                                     Code::CONCATENATION, Code::DEQUANTIZE};
  return kSteps.contains(code);
}

}  // namespace

Upsamplings::Upsamplings(const Model& model, const Patterns& patterns)
    : model_(model), patterns_(patterns) {
  const auto& operators = model.operators();
  for (std::size_t i = 0; i < operators.size(); ++i) {
    for (const int tensor : operators[i].outputs) producers_[tensor] = i;
  }
  for (std::size_t i = 0; i < operators.size(); ++i) {
    if (operators[i].code != Code::RESHAPE) continue;
    const auto group = group_before(i);
    if (!group || !is_proved(*group, operators[i].outputs.front())) continue;
    found_[i] = group->upsampling;
    for (const std::size_t part : group->operators) {
      if (part != i) parts_.insert(part);
    }
  }
}

const Upsamplings::Upsampling* Upsamplings::at(std::size_t op) const {
  const auto found = found_.find(op);
  return found == found_.end() ? nullptr : &found->second;
}

// How many times the rows and columns of a tensor another one has.
std::optional<int> Upsamplings::scale_between(int from, int to) const {
  const auto &small = model_.sides(from), &large = model_.sides(to);
  constexpr int kMostScale = 8, kMostSide = 1 << 12;
  if (small.size() != 4 || large.size() != 4 || small[0] != 1 || large[0] != 1 ||
      small[3] != large[3] || small[1] < 1 || small[2] < 1 || large[1] > kMostSide ||
      large[2] > kMostSide) {
    return {};
  }
  const int scale = large[1] / small[1];
  const bool fits = scale > 1 && scale <= kMostScale && small[1] * scale == large[1] &&
                    small[2] * scale == large[2];
  return fits ? std::optional(scale) : std::nullopt;
}

std::optional<Upsamplings::Group> Upsamplings::group_before(std::size_t end) const {
  const int result = model_.operators()[end].outputs.front();
  Group group;
  std::set<int> sources;
  std::vector<int> left{result};
  while (!left.empty()) {
    const int tensor = left.back();
    left.pop_back();
    if (tensor < 0 || model_.is_constant(patterns_.source(tensor))) continue;
    if (const auto scale = scale_between(tensor, result)) {
      group.upsampling = {tensor, *scale};
      sources.insert(tensor);
      continue;
    }
    const auto producer = producers_.find(tensor);
    if (producer == producers_.end() || group.operators.size() > kMostOperators) return {};
    const Operator& op = model_.operators()[producer->second];
    if (!is_step(op.code)) return {};
    if (!group.operators.insert(producer->second).second) continue;
    left.insert(left.end(), op.inputs.begin(), op.inputs.end());
  }
  if (sources.size() != 1) return {};
  include_same_before(group);
  return group;
}

// Reshapes before it to other dimensions and back, which are no layers.
void Upsamplings::include_same_before(Group& group) const {
  const std::vector<int>& sides = model_.sides(group.upsampling.from);
  Group longer = group;
  int tensor = group.upsampling.from;
  for (int step = 0; step < 4; ++step) {
    const auto producer = producers_.find(tensor);
    if (producer == producers_.end() || read_elsewhere(tensor, longer)) return;
    const Operator& op = model_.operators()[producer->second];
    if (op.code != Code::RESHAPE && op.code != Code::EXPAND_DIMS) return;
    longer.operators.insert(producer->second);
    tensor = op.inputs.front();
    longer.upsampling.from = tensor;
    if (model_.sides(tensor) == sides) group = longer;
  }
}

bool Upsamplings::read_elsewhere(int tensor, const Group& group) const {
  const auto& operators = model_.operators();
  for (std::size_t i = 0; i < operators.size(); ++i) {
    const bool reads = std::ranges::find(operators[i].inputs, tensor) != operators[i].inputs.end();
    if (reads && !group.operators.contains(i)) return true;
  }
  return std::ranges::find(model_.outputs(), tensor) != model_.outputs().end();
}

bool Upsamplings::is_proved(const Group& group, int result) const {
  const auto& sides = model_.sides(group.upsampling.from);
  const std::int64_t rows = sides[1], columns = sides[2], channels = sides[3];
  constexpr std::int64_t kMostValues = 1 << 24;
  if (channels < 1 || rows * columns > kMostValues / channels) return false;
  Random random(1);
  std::vector<float> values(static_cast<std::size_t>(rows * columns * channels));
  for (float& value : values) value = static_cast<float>(random.uniform(-1, 1));
  Evaluator evaluator(model_);
  evaluator.set(group.upsampling.from, graph::Tensor::of(values, {1, rows, columns, channels}));
  for (const std::size_t i : group.operators) {
    if (!evaluator.run(model_.operators()[i])) return false;
  }
  const graph::Tensor* large = evaluator.find(result);
  const std::int64_t scale = group.upsampling.scale;
  if (large == nullptr || large->dtype != graph::DType::kF32 ||
      large->shape != std::vector{std::int64_t{1}, rows * scale, columns * scale, channels}) {
    return false;
  }
  const auto found = large->floats();
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    const std::int64_t pixel = at / channels;
    const std::int64_t row = pixel / (columns * scale) / scale;
    const std::int64_t column = pixel % (columns * scale) / scale;
    const std::int64_t from = (row * columns + column) * channels + at % channels;
    if (found[i] != values[static_cast<std::size_t>(from)]) return false;
  }
  return true;
}

}  // namespace oko::formats::tflite
