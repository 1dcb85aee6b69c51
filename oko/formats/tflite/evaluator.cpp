#include "oko/formats/tflite/evaluator.h"

#include <algorithm>
#include <numeric>

#include "oko/base/error.h"
#include "oko/formats/tflite/detections.h"

namespace oko::formats::tflite {
namespace {

using graph::Tensor;
using Results = std::optional<std::vector<Tensor>>;
using Sides = std::vector<std::int64_t>;

constexpr std::size_t kMostBytes = std::size_t{1} << 28;

Results computed(Operation operation) { return evaluate(operation, kMostBytes); }

Results computed(const char* kind, std::vector<const Tensor*> inputs) {
  return computed({.kind = kind, .inputs = std::move(inputs)});
}

// The activation that an operator has fused, if oko knows it.
Results activated(Results results, oko::tflite::Activation activation) {
  if (!results || activation == oko::tflite::Activation::NONE) return results;
  if (activation == oko::tflite::Activation::RELU) return computed("Relu", {&results->front()});
  if (activation != oko::tflite::Activation::RELU6) return {};
  return computed(
      {.kind = "Clip", .numbers = {{"min", 0.F}, {"max", 6.F}}, .inputs = {&results->front()}});
}

}  // namespace

const Tensor* Evaluator::find(int tensor) const {
  const auto found = values_.find(tensor);
  return found == values_.end() ? nullptr : &found->second;
}

const Tensor* Evaluator::input(const Operator& op, std::size_t i) {
  if (i >= op.inputs.size() || op.inputs[i] < 0) return nullptr;
  const int tensor = op.inputs[i];
  if (!values_.contains(tensor)) {
    if (!model_.is_constant(tensor)) return nullptr;
    try {
      set(tensor, model_.constant(op, tensor));
    } catch (const Error&) {
      return nullptr;  // a type that no decoder needs
    }
  }
  return &values_[tensor];
}

std::optional<Sides> Evaluator::integers(const Operator& op, std::size_t i) {
  const Tensor* found = input(op, i);
  if (found == nullptr || found->dtype != graph::DType::kI64) return {};
  return integers_of(*found);
}

bool Evaluator::run(const Operator& op) {
  Results results = compute(op);
  if (!results || results->size() < op.outputs.size()) return false;
  for (std::size_t i = 0; i < op.outputs.size(); ++i) {
    const std::size_t bytes = (*results)[i].data.size();
    if (bytes > budget_) return false;
    budget_ -= bytes;
    set(op.outputs[i], (*results)[i]);
  }
  return true;
}

Results Evaluator::compute(const Operator& op) {
  switch (op.code) {
    case Code::QUANTIZE:
    case Code::DEQUANTIZE:
    case Code::DENSIFY:
    case Code::CAST:
      return simple("Identity", op, 1);
    case Code::LOGISTIC:
      return simple("Sigmoid", op, 1);
    case Code::SOFTMAX:
      return simple("Softmax", op, 1);
    case Code::TANH:
      return simple("Tanh", op, 1);
    case Code::EXP:
      return simple("Exp", op, 1);
    case Code::SQRT:
      return simple("Sqrt", op, 1);
    case Code::NEG:
      return simple("Neg", op, 1);
    case Code::RELU:
      return simple("Relu", op, 1);
    case Code::POW:
      return simple("Pow", op, 2);
    case Code::MAXIMUM:
      return simple("Max", op, 2);
    case Code::MINIMUM:
      return simple("Min", op, 2);
    case Code::ADD:
      return activated(simple("Add", op, 2),
                       model_.options<oko::tflite::AddOptions>(op).activation());
    case Code::SUB:
      return activated(simple("Sub", op, 2),
                       model_.options<oko::tflite::SubOptions>(op).activation());
    case Code::MUL:
      return activated(simple("Mul", op, 2),
                       model_.options<oko::tflite::MulOptions>(op).activation());
    case Code::DIV:
      return activated(simple("Div", op, 2),
                       model_.options<oko::tflite::DivOptions>(op).activation());
    case Code::SHAPE:
      return simple("Shape", op, 1);
    case Code::SQUARE: {
      const Tensor* from = input(op, 0);
      return from == nullptr ? Results() : computed("Mul", {from, from});
    }
    case Code::RESHAPE:
    case Code::SQUEEZE:
    case Code::EXPAND_DIMS: {  // their results' shapes say all
      const Tensor* from = input(op, 0);
      const std::vector<int>& sides = model_.sides(op.outputs.front());
      if (from == nullptr) return {};
      // But where the size of the batch is open, it is computed.
      if (op.code == Code::RESHAPE && op.inputs.size() > 1 && !model_.is_constant(op.inputs[1])) {
        const auto computed_sides = integers(op, 1);
        return computed_sides ? with("Reshape", *from, "shape", *computed_sides) : Results();
      }
      return with("Reshape", *from, "shape", {sides.begin(), sides.end()});
    }
    case Code::TRANSPOSE: {
      const Tensor* from = input(op, 0);
      const auto order = integers(op, 1);
      return from == nullptr || !order ? Results() : with("Transpose", *from, "perm", *order);
    }
    case Code::TILE: {
      const Tensor *from = input(op, 0), *repeats = input(op, 1);
      return from == nullptr || repeats == nullptr ? Results() : computed("Tile", {from, repeats});
    }
    case Code::GATHER: {
      const Tensor *from = input(op, 0), *indices = input(op, 1);
      if (from == nullptr || indices == nullptr) return {};
      return computed(
          {.kind = "Gather",
           .integers = {{"axis", {model_.options<oko::tflite::GatherOptions>(op).axis()}}},
           .inputs = {from, indices}});
    }
    case Code::CONCATENATION:
      return concatenate(op);
    case Code::PACK:
      return pack(op);
    case Code::UNPACK:
      return unpack(op);
    case Code::SPLIT:
      return split(op, false);
    case Code::SPLIT_V:
      return split(op, true);
    case Code::SLICE:
      return slice(op);
    case Code::STRIDED_SLICE:
      return strided_slice(op);
    case Code::SUM:
      return reduce("ReduceSum", op);
    case Code::MEAN:
      return reduce("ReduceMean", op);
    case Code::REDUCE_MAX:
      return reduce("ReduceMax", op);
    case Code::BATCH_MATMUL:
      return multiply(op);
    case Code::CONV_2D:
    case Code::FULLY_CONNECTED:
      return weigh(op);
    case Code::CUSTOM:
      return detections(op);
    default:
      return {};
  }
}

// Without suppression, which does not change how boxes are decoded.
Results Evaluator::detections(const Operator& op) {
  const Tensor *values = input(op, 0), *scores = input(op, 1), *anchors = input(op, 2);
  const auto coding = is_detections(op) ? coding_of(op) : std::nullopt;
  if (!coding || values == nullptr || scores == nullptr || anchors == nullptr) return {};
  Results results = unsuppressed(*coding, *values, *scores, *anchors);
  while (results && results->size() < op.outputs.size()) results->push_back(Tensor::of({}, {0}));
  return results;
}

Results Evaluator::simple(const char* kind, const Operator& op, std::size_t inputs) {
  std::vector<const Tensor*> all;
  for (std::size_t i = 0; i < inputs; ++i) {
    all.push_back(input(op, i));
    if (all.back() == nullptr) return {};
  }
  return computed(kind, std::move(all));
}

Results Evaluator::with(const char* kind, const Tensor& from, const char* setting, Sides values) {
  return computed({.kind = kind, .integers = {{setting, std::move(values)}}, .inputs = {&from}});
}

Results Evaluator::concatenate(const Operator& op) {
  const auto& options = model_.options<oko::tflite::ConcatenationOptions>(op);
  Operation operation{.kind = "Concat", .integers = {{"axis", {options.axis()}}}};
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    operation.inputs.push_back(input(op, i));
    if (operation.inputs.back() == nullptr) return {};
  }
  return activated(computed(std::move(operation)), options.activation());
}

Results Evaluator::pack(const Operator& op) {
  const std::int64_t axis = model_.options<oko::tflite::PackOptions>(op).axis();
  std::vector<Tensor> parts;
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    const Tensor* from = input(op, i);
    if (from == nullptr) return {};
    Results part = with("Unsqueeze", *from, "axes", {axis});
    if (!part) return {};
    parts.push_back(std::move(part->front()));
  }
  Operation operation{.kind = "Concat", .integers = {{"axis", {axis}}}};
  for (const Tensor& part : parts) operation.inputs.push_back(&part);
  return computed(std::move(operation));
}

Results Evaluator::unpack(const Operator& op) {
  const std::int64_t axis = model_.options<oko::tflite::UnpackOptions>(op).axis();
  const Tensor* from = input(op, 0);
  if (from == nullptr) return {};
  Results parts =
      computed({.kind = "Split",
                .integers = {{"axis", {axis}}, {"num_outputs", {std::ssize(op.outputs)}}},
                .inputs = {from}});
  if (!parts) return {};
  for (Tensor& part : *parts) {
    Results flat = with("Squeeze", part, "axes", {axis});
    if (!flat) return {};
    part = std::move(flat->front());
  }
  return parts;
}

Results Evaluator::split(const Operator& op, bool sizes_given) {
  const Tensor* from = input(op, sizes_given ? 0 : 1);
  const auto axis = integers(op, sizes_given ? 2 : 0);
  if (from == nullptr || !axis || axis->size() != 1) return {};
  Operation operation{.kind = "Split", .integers = {{"axis", *axis}}, .inputs = {from}};
  if (sizes_given) {
    const auto sizes = integers(op, 1);
    if (!sizes) return {};
    operation.integers["split"] = *sizes;
  } else {
    operation.integers["num_outputs"] = {std::ssize(op.outputs)};
  }
  return computed(std::move(operation));
}

Results Evaluator::slice(const Operator& op) {
  const Tensor* from = input(op, 0);
  const auto begins = integers(op, 1), sizes = integers(op, 2);
  if (from == nullptr || !begins || !sizes || begins->size() != from->shape.size() ||
      sizes->size() != from->shape.size()) {
    return {};
  }
  Sides ends;
  for (std::size_t i = 0; i < begins->size(); ++i) {
    ends.push_back((*sizes)[i] == -1 ? from->shape[i] : (*begins)[i] + (*sizes)[i]);
  }
  return computed(
      {.kind = "Slice", .integers = {{"starts", *begins}, {"ends", ends}}, .inputs = {from}});
}

Results Evaluator::strided_slice(const Operator& op) {
  const auto& options = model_.options<oko::tflite::StridedSliceOptions>(op);
  const Tensor* from = input(op, 0);
  auto begins = integers(op, 1), ends = integers(op, 2), steps = integers(op, 3);
  if (from == nullptr || !begins || !ends || !steps || begins->size() > from->shape.size() ||
      ends->size() != begins->size() || steps->size() != begins->size() ||
      options.ellipsis_mask() != 0 || options.new_axis_mask() != 0) {
    return {};
  }
  Sides gone;
  for (std::size_t i = 0; i < begins->size(); ++i) {
    const int bit = 1 << i;
    if ((options.shrink_axis_mask() & bit) != 0) {
      gone.push_back(static_cast<std::int64_t>(i));
      (*ends)[i] = (*begins)[i] == -1 ? from->shape[i] : (*begins)[i] + 1;
      continue;
    }
    if ((options.begin_mask() & bit) != 0) (*begins)[i] = (*steps)[i] > 0 ? 0 : from->shape[i] - 1;
    if ((options.end_mask() & bit) != 0) {
      (*ends)[i] = (*steps)[i] > 0 ? from->shape[i] : -from->shape[i] - 1;
    }
  }
  Results part = computed({.kind = "Slice",
                           .integers = {{"starts", *begins}, {"ends", *ends}, {"steps", *steps}},
                           .inputs = {from}});
  if (!part || gone.empty()) return part;
  return with("Squeeze", part->front(), "axes", gone);
}

Results Evaluator::reduce(const char* kind, const Operator& op) {
  const Tensor* from = input(op, 0);
  const auto axes = integers(op, 1);
  if (from == nullptr || !axes) return {};
  const bool keep = model_.options<oko::tflite::ReducerOptions>(op).keep_dims();
  return computed({.kind = kind,
                   .integers = {{"axes", *axes}, {"keepdims", {keep ? 1 : 0}}},
                   .inputs = {from}});
}

Results Evaluator::multiply(const Operator& op) {
  const auto& options = model_.options<oko::tflite::BatchMatMulOptions>(op);
  const Tensor *a = input(op, 0), *b = input(op, 1);
  if (a == nullptr || b == nullptr) return {};
  const auto turned = [&](const Tensor& from) {
    Sides order(from.shape.size());
    std::iota(order.begin(), order.end(), 0);
    if (order.size() > 1) std::swap(order[order.size() - 1], order[order.size() - 2]);
    return with("Transpose", from, "perm", order);
  };
  const Results left = options.adjoint_x() ? turned(*a) : Results({*a});
  const Results right = options.adjoint_y() ? turned(*b) : Results({*b});
  if (!left || !right) return {};
  return computed("MatMul", {&left->front(), &right->front()});
}

// A 1x1 convolution or a dense layer, as decoders use them for weighted sums.
Results Evaluator::weigh(const Operator& op) {
  const Tensor *from = input(op, 0), *kernel = input(op, 1);
  if (from == nullptr || kernel == nullptr || kernel->shape.empty() || from->shape.empty())
    return {};
  auto activation = oko::tflite::Activation::NONE;
  bool keeps_sides = true;
  if (op.code == Code::CONV_2D) {
    const auto& options = model_.options<oko::tflite::Conv2DOptions>(op);
    activation = options.activation();
    if (kernel->shape.size() != 4 || kernel->shape[1] != 1 || kernel->shape[2] != 1 ||
        options.stride_h() != 1 || options.stride_w() != 1) {
      return {};
    }
  } else {
    const auto& options = model_.options<oko::tflite::FullyConnectedOptions>(op);
    activation = options.activation();
    keeps_sides = options.keep_num_dims();
  }
  const std::int64_t filters = kernel->shape.front(), depth = kernel->shape.back();
  if (depth < 1 || from->shape.back() != depth) return {};
  const Results rows = with("Reshape", *from, "shape", {from->count() / depth, depth});
  const Results flat = with("Reshape", *kernel, "shape", {filters, depth});
  if (!rows || !flat) return {};
  const Results turned = with("Transpose", flat->front(), "perm", {1, 0});
  if (!turned) return {};
  Results sums = computed("MatMul", {&rows->front(), &turned->front()});
  if (const Tensor* bias = input(op, 2); bias != nullptr && sums) {
    sums = computed("Add", {&sums->front(), bias});
  }
  if (!sums) return {};
  Sides shape = from->shape;
  if (!keeps_sides) shape = {from->count() / depth, 0};
  shape.back() = filters;
  return activated(with("Reshape", sums->front(), "shape", shape), activation);
}

}  // namespace oko::formats::tflite
