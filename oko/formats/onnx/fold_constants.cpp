#include "oko/formats/onnx/fold_constants.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "oko/formats/onnx/parse.h"

namespace oko::formats {

using graph::DType;
using graph::Tensor;
using Sides = std::vector<std::int64_t>;
using Result = std::optional<Tensor>;

std::vector<std::int64_t> integers_of(const Tensor& tensor) {
  std::vector<std::int64_t> values(tensor.data.size() / sizeof(std::int64_t));
  if (!values.empty()) std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  return values;
}

Tensor tensor_of(std::vector<std::int64_t> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  return {DType::kI64, {count}, Bytes::own(std::move(values))};
}

namespace {

constexpr std::size_t kMostSides = 8;

// A strided view of a tensor: the offset of its first element and the stride of each dimension.
struct View {
  std::int64_t first = 0;
  Sides steps, shape;
};

View whole(const Tensor& tensor) {
  View view{0, Sides(tensor.shape.size(), 1), tensor.shape};
  for (std::size_t i = tensor.shape.size(); i-- > 1;) {
    view.steps[i - 1] = view.steps[i] * tensor.shape[i];
  }
  return view;
}

class Folder {
 public:
  Folder(const OnnxNode& node, const std::vector<Tensor>& in, std::size_t most_bytes)
      : node_(node), in_(in), most_bytes_(most_bytes) {}

  Result run() const {
    const std::string& kind = node_.id.kind;
    if (in_.empty()) return {};
    for (std::size_t i = 0; i < in_.size(); ++i) {
      const bool optional = (kind == "Slice" && i > 2) || (kind == "Squeeze" && i > 0);
      if (in_[i].shape.size() > kMostSides || (!node_.has_input(i) && !optional)) return {};
    }
    if (kind == "Identity") return in_[0];
    if (kind == "Cast") return cast();
    if (kind == "Reshape") return reshape();
    if (kind == "Unsqueeze" || kind == "Squeeze") return squeeze(kind == "Unsqueeze");
    if (kind == "Transpose") return transpose();
    if (kind == "Slice") return slice();
    if (kind == "Gather") return gather();
    if (kind == "Concat") return concat();
    if (kind == "ConstantOfShape") return constant_of_shape();
    if (kind == "Floor" || kind == "Ceil") return round(kind == "Ceil");
    return arithmetic(kind);
  }

 private:
  bool too_large(double count, DType type) const {
    return count * static_cast<double>(size_of(type)) > static_cast<double>(most_bytes_);
  }

  Result copy(const Tensor& from, const View& view) const {
    double count = 1;
    for (const std::int64_t side : view.shape) count *= static_cast<double>(side);
    if (too_large(count, from.dtype)) return {};
    const std::size_t size = size_of(from.dtype), rank = view.shape.size();
    std::vector<std::byte> bytes(static_cast<std::size_t>(count) * size);
    Sides at(rank, 0);
    std::int64_t offset = view.first;
    for (std::size_t to = 0; to < bytes.size(); to += size) {
      std::memcpy(bytes.data() + to, from.data.data() + static_cast<std::size_t>(offset) * size,
                  size);
      for (std::size_t i = rank; i-- > 0;) {
        offset += view.steps[i];
        if (++at[i] < view.shape[i]) break;
        offset -= view.steps[i] * at[i];
        at[i] = 0;
      }
    }
    return Tensor{from.dtype, view.shape, Bytes(std::move(bytes))};
  }

  // An input of integers; false if it is not one.
  bool integers(std::size_t input, Sides& values) const {
    if (!node_.has_input(input) || in_[input].dtype != DType::kI64) return false;
    values = integers_of(in_[input]);
    return true;
  }

  Result cast() const {
    const std::int64_t to = node_.integer("to", 0);
    const bool whole_numbers = to == kOnnxInt32 || to == kOnnxInt64;
    if (!whole_numbers && to != kOnnxFloat && to != kOnnxFloat16 && to != kOnnxDouble) return {};
    if (whole_numbers == (in_[0].dtype == DType::kI64)) return in_[0];
    return map(in_[0], whole_numbers ? DType::kI64 : DType::kF32, [](double v) { return v; });
  }

  Result reshape() const {
    Sides to;
    if (!integers(1, to) || to.size() > kMostSides) return {};
    const std::int64_t count = in_[0].count();
    std::int64_t known = 1;
    std::size_t open = to.size();
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (to[i] == 0 && i < in_[0].shape.size()) to[i] = in_[0].shape[i];
      if (to[i] == -1 && open == to.size()) {
        open = i;
      } else if (to[i] < 0 || to[i] > count) {
        return {};
      } else {
        known *= to[i];
        if (known > count) return {};
      }
    }
    if (open < to.size()) to[open] = known > 0 ? count / known : 0;
    if (std::accumulate(to.begin(), to.end(), std::int64_t{1}, std::multiplies<>()) != count) {
      return {};
    }
    Tensor result = in_[0];
    result.shape = std::move(to);
    return result;
  }

  Result squeeze(bool add) const {
    Sides axes = node_.integers("axes"), shape = in_[0].shape;
    if (axes.empty() && !integers(1, axes) && add) return {};
    if (axes.size() + shape.size() > kMostSides) return {};
    if (axes.empty()) {
      std::erase(shape, 1);
    } else {
      const auto rank = static_cast<std::int64_t>(shape.size() + (add ? axes.size() : 0));
      for (std::int64_t& axis : axes) {
        axis += axis < 0 ? rank : 0;
        if (axis < 0 || axis >= rank) return {};
      }
      std::ranges::sort(axes);
      if (!add) std::ranges::reverse(axes);
      for (const std::int64_t axis : axes) {
        const auto side = static_cast<std::size_t>(axis);
        if (add ? side > shape.size() : side >= shape.size() || shape[side] != 1) return {};
        if (add) {
          shape.insert(shape.begin() + axis, 1);
        } else {
          shape.erase(shape.begin() + axis);
        }
      }
    }
    Tensor result = in_[0];
    result.shape = std::move(shape);
    return result;
  }

  Result transpose() const {
    const View from = whole(in_[0]);
    Sides order = node_.integers("perm");
    if (order.empty()) {
      order.resize(from.shape.size());
      std::iota(order.rbegin(), order.rend(), 0);
    }
    Sides sorted = order;
    std::ranges::sort(sorted);
    View view;
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (sorted[i] != static_cast<std::int64_t>(i) || order.size() != from.shape.size()) return {};
      view.steps.push_back(from.steps[order[i]]);
      view.shape.push_back(from.shape[order[i]]);
    }
    return copy(in_[0], view);
  }

  // The arguments of a Slice, from inputs or, in old models, attributes.
  bool slice_arguments(Sides& begins, Sides& ends, Sides& axes, Sides& steps) const {
    if (node_.inputs.size() == 1) {
      begins = node_.integers("starts");
      ends = node_.integers("ends");
      axes = node_.integers("axes");
    } else {
      if (!integers(1, begins) || !integers(2, ends)) return false;
      if (node_.has_input(3) && !integers(3, axes)) return false;
      if (node_.has_input(4) && !integers(4, steps)) return false;
    }
    if (axes.empty()) {
      axes.resize(begins.size());
      std::iota(axes.begin(), axes.end(), 0);
    }
    if (steps.empty()) steps.assign(begins.size(), 1);
    return ends.size() == begins.size() && axes.size() == begins.size() &&
           steps.size() == begins.size();
  }

  Result slice() const {
    Sides begins, ends, axes, steps;
    if (!slice_arguments(begins, ends, axes, steps)) return {};
    View view = whole(in_[0]);
    const auto rank = static_cast<std::int64_t>(view.shape.size());
    for (std::size_t i = 0; i < begins.size(); ++i) {
      const std::int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i], step = steps[i];
      if (axis < 0 || axis >= rank || step == 0 || std::abs(step) > (1 << 20)) return {};
      const auto side_index = static_cast<std::size_t>(axis);
      const std::int64_t side = in_[0].shape[side_index];
      const auto inside = [&](std::int64_t at) {
        if (at < 0) at = at < -side ? -1 : at + side;
        return step > 0 ? std::clamp<std::int64_t>(at, 0, side)
                        : std::clamp<std::int64_t>(at, -1, side - 1);
      };
      const std::int64_t begin =
          step > 0 ? std::max<std::int64_t>(inside(begins[i]), 0) : inside(begins[i]);
      const std::int64_t end = ends[i] < -side ? (step > 0 ? 0 : -1) : inside(ends[i]);
      const std::int64_t span = step > 0 ? end - begin : begin - end;
      view.shape[side_index] = span <= 0 ? 0 : (span + std::abs(step) - 1) / std::abs(step);
      view.first += begin * view.steps[side_index];
      view.steps[side_index] *= step;
    }
    return copy(in_[0], view);
  }

  Result gather() const {
    Sides indices;
    if (!integers(1, indices)) return {};
    const auto rank = static_cast<std::int64_t>(in_[0].shape.size());
    std::int64_t axis = node_.integer("axis", 0);
    axis += axis < 0 ? rank : 0;
    if (axis < 0 || axis >= rank) return {};
    const Sides& shape = in_[0].shape;
    const std::int64_t side = shape[axis];
    const auto product = [&](std::size_t from, std::size_t to) {
      return std::accumulate(shape.begin() + static_cast<std::ptrdiff_t>(from),
                             shape.begin() + static_cast<std::ptrdiff_t>(to), std::int64_t{1},
                             std::multiplies<>());
    };
    const auto at = static_cast<std::size_t>(axis);
    const std::int64_t outer = product(0, at), inner = product(at + 1, shape.size());
    const auto chosen = static_cast<double>(indices.size());
    if (too_large(static_cast<double>(outer) * static_cast<double>(inner) * chosen, in_[0].dtype)) {
      return {};
    }
    const auto bytes = static_cast<std::size_t>(inner) * size_of(in_[0].dtype);
    std::vector<std::byte> out;
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t index : indices) {
        index += index < 0 ? side : 0;
        if (index < 0 || index >= side) return {};
        const std::byte* from =
            in_[0].data.data() + static_cast<std::size_t>(o * side + index) * bytes;
        out.insert(out.end(), from, from + bytes);
      }
    }
    Sides result(shape.begin(), shape.begin() + axis);
    result.insert(result.end(), in_[1].shape.begin(), in_[1].shape.end());
    result.insert(result.end(), shape.begin() + axis + 1, shape.end());
    return Tensor{in_[0].dtype, std::move(result), Bytes(std::move(out))};
  }

  // One-dimensional tensors only, which shapes are built from.
  Result concat() const {
    std::vector<std::byte> out;
    std::int64_t count = 0;
    for (const Tensor& tensor : in_) {
      if (tensor.shape.size() != 1 || tensor.dtype != in_[0].dtype) return {};
      count += tensor.shape[0];
      if (too_large(static_cast<double>(count), tensor.dtype)) return {};
      const auto bytes = tensor.data.span();
      out.insert(out.end(), bytes.begin(), bytes.end());
    }
    return Tensor{in_[0].dtype, {count}, Bytes(std::move(out))};
  }

  Result constant_of_shape() const {
    Sides shape;
    if (!integers(0, shape) || shape.size() > kMostSides) return {};
    double count = 1;
    for (const std::int64_t side : shape) {
      if (side < 0) return {};
      count *= static_cast<double>(side);
    }
    const onnx::Attribute* value = node_.attribute("value");
    const bool whole_numbers = value != nullptr && value->t().data_type() == kOnnxInt64;
    const DType type = whole_numbers ? DType::kI64 : DType::kF32;
    if (too_large(count, type)) return {};
    const std::string& raw = value != nullptr ? value->t().raw_data() : std::string();
    if (raw.find_first_not_of('\0') != std::string::npos ||
        (value != nullptr && value->t().raw_data().empty())) {
      return {};
    }
    return Tensor{type, shape,
                  Bytes(std::vector<std::byte>(static_cast<std::size_t>(count) * size_of(type)))};
  }

  template <typename Function>
  Result map(const Tensor& from, DType type, Function function) const {
    if (too_large(static_cast<double>(from.count()), type)) return {};
    std::vector<double> values = numbers_of(from);
    for (double& value : values) value = function(value);
    return of_numbers(values, from.shape, type);
  }

  Result round(bool up) const {
    return map(in_[0], in_[0].dtype, [up](double v) { return up ? std::ceil(v) : std::floor(v); });
  }

  static std::vector<double> numbers_of(const Tensor& tensor) {
    if (tensor.dtype == DType::kF32) return {tensor.floats().begin(), tensor.floats().end()};
    const Sides integers = integers_of(tensor);
    return {integers.begin(), integers.end()};
  }

  static Result of_numbers(const std::vector<double>& values, const Sides& shape, DType type) {
    if (type == DType::kF32) {
      return Tensor::of(std::vector<float>(values.begin(), values.end()), shape);
    }
    Sides integers;
    for (const double value : values) {
      if (!(std::abs(value) < 9e18)) return {};
      integers.push_back(static_cast<std::int64_t>(value));
    }
    Tensor result = tensor_of(std::move(integers));
    result.shape = shape;
    return result;
  }

  // A tensor's values broadcast to `shape` like NumPy.
  std::optional<std::vector<double>> stretched(const Tensor& tensor, const Sides& shape) const {
    const View from = whole(tensor);
    View view{0, Sides(shape.size(), 0), shape};
    for (std::size_t i = 0; i < from.shape.size(); ++i) {
      const std::size_t side = i + shape.size() - from.shape.size();
      if (from.shape[i] == shape[side]) {
        view.steps[side] = from.steps[i];
      } else if (from.shape[i] != 1) {
        return {};
      }
    }
    const Result copied = copy(tensor, view);
    if (!copied) return {};
    return numbers_of(*copied);
  }

  Result arithmetic(const std::string& kind) const {
    const bool known = kind == "Add" || kind == "Sub" || kind == "Mul" || kind == "Div";
    if (!known || in_.size() != 2 || in_[0].dtype != in_[1].dtype) return {};
    Sides shape = in_[0].shape;
    if (shape.size() < in_[1].shape.size()) {
      shape.insert(shape.begin(), in_[1].shape.size() - shape.size(), 1);
    }
    for (std::size_t i = 0; i < in_[1].shape.size(); ++i) {
      std::int64_t& side = shape[i + shape.size() - in_[1].shape.size()];
      if (side == 1) side = in_[1].shape[i];
    }
    const auto a = stretched(in_[0], shape), b = stretched(in_[1], shape);
    if (!a || !b) return {};
    const bool whole_numbers = in_[0].dtype == DType::kI64;
    std::vector<double> values = *a;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double x = values[i], y = (*b)[i];
      values[i] = kind == "Add" ? x + y : kind == "Sub" ? x - y : kind == "Mul" ? x * y : x / y;
      if (whole_numbers) values[i] = std::trunc(values[i]);
    }
    return of_numbers(values, shape, in_[0].dtype);
  }

  const OnnxNode& node_;
  const std::vector<Tensor>& in_;
  std::size_t most_bytes_;
};

}  // namespace

std::optional<Tensor> fold_node(const OnnxNode& node, const std::vector<Tensor>& inputs,
                                std::size_t most_bytes) {
  return Folder(node, inputs, most_bytes).run();
}

bool fold_constant_attributes(const OnnxNode& node,
                              std::map<std::string, Tensor, std::less<>>& values) {
  Tensor& to = values[node.outputs[0]];
  if (const onnx::Attribute* a = node.attribute("value_int")) {
    to = tensor_of({a->i()});
    to.shape = {};
  } else if (const onnx::Attribute* b = node.attribute("value_ints")) {
    to = tensor_of({b->ints().begin(), b->ints().end()});
  } else if (const onnx::Attribute* c = node.attribute("value_float")) {
    to = Tensor::of({c->f()}, {});
  } else if (const onnx::Attribute* d = node.attribute("value_floats")) {
    to = Tensor::of({d->floats().begin(), d->floats().end()}, {d->floats_size()});
  } else {
    values.erase(node.outputs[0]);
    return false;
  }
  return true;
}

}  // namespace oko::formats
