#include "oko/formats/tflite/patterns.h"

#include <algorithm>

namespace oko::formats::tflite {

Patterns::Patterns(const Model& model) : model_(model) {
  const auto& operators = model.operators();
  for (std::size_t i = 0; i < operators.size(); ++i) {
    const Operator& op = operators[i];
    const bool retyped = op.code == Code::QUANTIZE || op.code == Code::DEQUANTIZE;
    for (const int tensor : op.outputs) {
      if (!producers_.emplace(tensor, i).second) {
        model.fail(op, "computes a tensor that already exists", "the file is damaged");
      }
    }
    if (retyped) sources_[op.outputs.front()] = source(op.inputs.front());
    for (const int tensor : op.inputs) ++reads_[source(tensor)];
  }
  for (const int tensor : model.outputs()) ++reads_[source(tensor)];
  for (std::size_t i = 0; i < operators.size(); ++i) {
    const Operator& op = operators[i];
    if (op.code == Code::CONCATENATION) find_groups(i);
    if (op.code != Code::MUL || op.inputs.size() != 2) continue;
    const int a = source(op.inputs[0]), b = source(op.inputs[1]);
    if (find_swish(i, a, b) || find_swish(i, b, a) || find_mish(i, a, b)) continue;
    find_mish(i, b, a);
  }
}

int Patterns::source(int tensor) const {
  const auto found = sources_.find(tensor);
  return found == sources_.end() ? tensor : found->second;
}

const Patterns::Activation* Patterns::activation_at(std::size_t op) const {
  const auto found = activations_.find(op);
  return found == activations_.end() ? nullptr : &found->second;
}

const Patterns::Groups* Patterns::groups_at(std::size_t op) const {
  const auto found = groups_.find(op);
  return found == groups_.end() ? nullptr : &found->second;
}

const Operator* Patterns::producer(int tensor, Code code) const {
  const auto found = producers_.find(source(tensor));
  if (found == producers_.end()) return nullptr;
  const Operator& op = model_.operators()[found->second];
  return op.code == code ? &op : nullptr;
}

bool Patterns::is_one(const Operator& op, int tensor) const {
  if (!model_.is_constant(tensor) || model_.type_of(tensor) != TensorType::FLOAT32) return false;
  const auto& sides = model_.sides(tensor);
  if (std::ranges::any_of(sides, [](int side) { return side != 1; })) return false;
  return model_.floats(op, tensor).floats()[0] == 1;
}

void Patterns::take(const std::vector<const Operator*>& parts) {
  for (const Operator* op : parts) {
    parts_.insert(static_cast<std::size_t>(op - model_.operators().data()));
  }
}

// x · σ(x)
bool Patterns::find_swish(std::size_t end, int x, int gate) {
  const Operator* logistic = producer(gate, Code::LOGISTIC);
  if (logistic == nullptr || source(logistic->inputs[0]) != x || reads_[gate] != 1) return false;
  take({logistic});
  activations_[end] = {graph::Activation::kSwish, x};
  return true;
}

// x · (1 − q²) / (1 + q²), q = σ(−x), as in write.cpp.
bool Patterns::find_mish(std::size_t end, int x, int ratio) {
  const Operator* divide = producer(ratio, Code::DIV);
  if (divide == nullptr || divide->inputs.size() != 2) return false;
  const Operator* less = producer(divide->inputs[0], Code::SUB);
  const Operator* more = producer(divide->inputs[1], Code::ADD);
  if (less == nullptr || more == nullptr || less->inputs.size() != 2 || more->inputs.size() != 2 ||
      !is_one(*less, less->inputs[0]) || !is_one(*more, more->inputs[1]) ||
      more->inputs[0] != less->inputs[1]) {
    return false;
  }
  const Operator* square = producer(more->inputs[0], Code::MUL);
  if (square == nullptr || square->inputs.size() != 2 || square->inputs[0] != square->inputs[1]) {
    return false;
  }
  const Operator* logistic = producer(square->inputs[0], Code::LOGISTIC);
  const Operator* minus = logistic ? producer(logistic->inputs[0], Code::NEG) : nullptr;
  if (minus == nullptr || source(minus->inputs[0]) != x) return false;
  take({divide, less, more, square, logistic, minus});
  activations_[end] = {graph::Activation::kMish, x};
  return true;
}

// A split, a convolution of each part, and a concatenation in order.
void Patterns::find_groups(std::size_t end) {
  const Operator& join = model_.operators()[end];
  Groups groups;
  std::vector<const Operator*> parts;
  const Operator* split = nullptr;
  for (std::size_t g = 0; g < join.inputs.size(); ++g) {
    const Operator* convolution = producer(join.inputs[g], Code::CONV_2D);
    if (convolution == nullptr || reads_[source(join.inputs[g])] != 1) return;
    const int part = source(convolution->inputs[0]);
    const Operator* from = producer(part, Code::SPLIT);
    if (from == nullptr || (split != nullptr && from != split) || from->inputs.size() != 2 ||
        from->outputs.size() != join.inputs.size() || from->outputs[g] != part ||
        reads_[part] != 1) {
      return;
    }
    split = from;
    parts.push_back(convolution);
    groups.convolutions.push_back(
        static_cast<std::size_t>(convolution - model_.operators().data()));
  }
  if (split == nullptr || join.inputs.size() < 2) return;
  parts.push_back(split);
  groups.from = source(split->inputs[1]);
  take(parts);
  groups_[end] = std::move(groups);
}

}  // namespace oko::formats::tflite
