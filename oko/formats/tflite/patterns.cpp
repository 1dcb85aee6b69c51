#include "oko/formats/tflite/patterns.h"

#include <algorithm>
#include <cmath>

namespace oko::formats::tflite {

Patterns::Patterns(const Model& model) : model_(model) {
  const auto& operators = model.operators();
  for (std::size_t i = 0; i < operators.size(); ++i) {
    const Operator& op = operators[i];
    for (const int tensor : op.outputs) {
      if (!producers_.emplace(tensor, i).second) {
        model.fail(op, "computes a tensor that already exists", "the file is damaged");
      }
    }
    if (is_retyped(op)) {  // the same tensor, and not a reader of it
      sources_[op.outputs.front()] = source(op.inputs.front());
      continue;
    }
    for (const int tensor : op.inputs) {
      ++reads_[source(tensor)];
      readers_[source(tensor)] = i;
    }
  }
  for (const int tensor : model.outputs()) ++reads_[source(tensor)];
  for (std::size_t i = 0; i < operators.size(); ++i) {
    const Operator& op = operators[i];
    if (op.code == Code::CONCATENATION) find_groups(i);
    if (op.code == Code::BATCH_TO_SPACE_ND) find_dilation(i);
    if (op.code == Code::RESHAPE) find_attention(i);
    if (op.code == Code::RESHAPE || op.code == Code::TRANSPOSE || op.code == Code::SPACE_TO_DEPTH) {
      find_moves(i);
    }
    if (op.code != Code::MUL || op.inputs.size() != 2) continue;
    const int a = source(op.inputs[0]), b = source(op.inputs[1]);
    if (find_swish(i, a, b) || find_swish(i, b, a) || find_mish(i, a, b) || find_mish(i, b, a) ||
        find_hard_activation(i) || find_average(i)) {
      continue;
    }
    if (!find_hard_swish(i, a, b)) find_hard_swish(i, b, a);
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

const Patterns::Dilated* Patterns::dilated_at(std::size_t op) const {
  const auto found = dilated_.find(op);
  return found == dilated_.end() ? nullptr : &found->second;
}

const Patterns::Made* Patterns::made_at(std::size_t op) const {
  const auto found = made_.find(op);
  return found == made_.end() ? nullptr : &found->second;
}

const Operator* Patterns::producer(int tensor, Code code) const {
  const auto found = producers_.find(source(tensor));
  if (found == producers_.end()) return nullptr;
  const Operator& op = model_.operators()[found->second];
  return op.code == code ? &op : nullptr;
}

const Operator* Patterns::only_reader(int tensor) const {
  const auto reads = reads_.find(source(tensor));
  const auto reader = readers_.find(source(tensor));
  if (reads == reads_.end() || reads->second != 1 || reader == readers_.end()) return nullptr;
  return &model_.operators()[reader->second];
}

// A constant of one value, within the rounding of float16 and int8.
bool Patterns::is_number(const Operator& op, int tensor, float value) const {
  if (tensor < 0 || !model_.is_constant(source(tensor))) return false;
  const TensorType type = model_.type_of(source(tensor));
  if (type != TensorType::FLOAT32 && type != TensorType::FLOAT16 && type != TensorType::INT8) {
    return false;
  }
  const auto& sides = model_.sides(source(tensor));
  if (std::ranges::any_of(sides, [](int side) { return side != 1; })) return false;
  return std::fabs(model_.floats(op, source(tensor)).floats()[0] - value) <= 2e-3F * value;
}

// Nothing where the input is not a constant of whole numbers.
std::vector<int> Patterns::integers(const Operator& op, std::size_t input) const {
  if (input >= op.inputs.size() || op.inputs[input] < 0 || !model_.is_constant(op.inputs[input]) ||
      model_.type_of(op.inputs[input]) != TensorType::INT32) {
    return {};
  }
  return model_.integers(op, op.inputs[input]);
}

void Patterns::take(const std::vector<const Operator*>& parts) {
  for (const Operator* op : parts) {
    parts_.insert(index_of(op));
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
      !is_number(*less, less->inputs[0], 1) || !is_number(*more, more->inputs[1], 1) ||
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

// clamp(x + 3, 0, 6) / 6, as in write_values.cpp: the operator that adds 3, and the others.
const Operator* Patterns::find_hard_sigmoid(const Operator& end,
                                            std::vector<const Operator*>& parts) const {
  if (end.code != Code::MUL || end.inputs.size() != 2 || !is_number(end, end.inputs[1], 1.F / 6)) {
    return nullptr;
  }
  const Operator* sum = producer(end.inputs[0], Code::ADD);
  if (sum == nullptr) {
    const Operator* clamp = producer(end.inputs[0], Code::RELU6);
    if (clamp == nullptr) return nullptr;
    parts.push_back(clamp);
    sum = producer(clamp->inputs[0], Code::ADD);
    if (sum == nullptr || reads_.at(source(clamp->inputs[0])) != 1) return nullptr;
  } else if (model_.options<oko::tflite::AddOptions>(*sum).activation() !=
             oko::tflite::Activation::RELU6) {
    return nullptr;
  }
  if (reads_.at(source(end.inputs[0])) != 1 || sum->inputs.size() != 2 ||
      !is_number(*sum, sum->inputs[1], 3)) {
    return nullptr;
  }
  parts.push_back(sum);
  return sum;
}

bool Patterns::find_hard_activation(std::size_t end) {
  std::vector<const Operator*> parts;
  const Operator* sum = find_hard_sigmoid(model_.operators()[end], parts);
  if (sum == nullptr) return false;
  take(parts);
  activations_[end] = {graph::Activation::kHardSigmoid, source(sum->inputs[0])};
  return true;
}

// x · hard_sigmoid(x)
bool Patterns::find_hard_swish(std::size_t end, int x, int gate) {
  const Operator* sigmoid = producer(gate, Code::MUL);
  if (sigmoid == nullptr || reads_[gate] != 1) return false;
  std::vector<const Operator*> parts{sigmoid};
  const Operator* sum = find_hard_sigmoid(*sigmoid, parts);
  if (sum == nullptr || source(sum->inputs[0]) != x) return false;
  activations_.erase(index_of(sigmoid));
  take(parts);
  activations_[end] = {graph::Activation::kHardSwish, x};
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
