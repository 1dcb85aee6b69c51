#include "oko/formats/evaluate.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>

namespace oko::formats {

using graph::DType;
using graph::Tensor;
using Sides = std::vector<std::int64_t>;

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

// Thrown and caught in this file: the operation cannot be computed.
struct NotSupported {};

void require(bool fits) {
  if (!fits) throw NotSupported();
}

std::int64_t count_of(const Sides& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

// A tensor's values in double precision, which holds float32 and all integers that occur.
struct Array {
  Sides shape;
  std::vector<double> values;
  bool whole = false;  // integers
};

// A strided view: the offset of its first element and the stride of each dimension.
struct View {
  std::int64_t first = 0;
  Sides steps, shape;
};

View view_of(const Sides& shape) {
  View view{0, Sides(shape.size(), 1), shape};
  for (std::size_t i = shape.size(); i-- > 1;) view.steps[i - 1] = view.steps[i] * shape[i];
  return view;
}

class Evaluator {
 public:
  Evaluator(const Operation& operation, std::size_t most_bytes)
      : op_(operation), most_(static_cast<double>(most_bytes)) {}

  std::vector<Tensor> run() {
    require(!op_.inputs.empty() && op_.inputs.front() != nullptr);
    for (const Tensor* input : op_.inputs) {
      require(input == nullptr || input->shape.size() <= kMostSides);
    }
    if (op_.kind == "Identity") return {*op_.inputs.front()};
    if (op_.kind == "Split") return split();
    return {tensor(compute())};
  }

 private:
  // ---- inputs, settings, results ---------------------------------------------------------------

  bool has(std::size_t i) const { return i < op_.inputs.size() && op_.inputs[i] != nullptr; }

  Array in(std::size_t i) const {
    require(has(i));
    const Tensor& tensor = *op_.inputs[i];
    Array array{tensor.shape, {}, tensor.dtype == DType::kI64};
    if (array.whole) {
      const Sides integers = integers_of(tensor);
      array.values.assign(integers.begin(), integers.end());
    } else {
      require(tensor.dtype == DType::kF32);
      array.values.assign(tensor.floats().begin(), tensor.floats().end());
    }
    return array;
  }

  // Exact, where `in` would round the largest ones.
  std::optional<Sides> integers(std::size_t i, const char* setting) const {
    const auto found = op_.integers.find(setting);
    if (found != op_.integers.end()) return found->second;
    if (!has(i) || op_.inputs[i]->dtype != DType::kI64) return {};
    return integers_of(*op_.inputs[i]);
  }
  std::int64_t integer(const char* setting, std::int64_t otherwise) const {
    const auto found = op_.integers.find(setting);
    return found == op_.integers.end() || found->second.empty() ? otherwise : found->second[0];
  }
  float number(const char* setting, float otherwise) const {
    const auto found = op_.numbers.find(setting);
    return found == op_.numbers.end() ? otherwise : found->second;
  }
  static std::size_t axis_of(std::int64_t axis, std::size_t rank) {
    if (axis < 0) axis += static_cast<std::int64_t>(rank);
    require(axis >= 0 && axis < static_cast<std::int64_t>(rank));
    return static_cast<std::size_t>(axis);
  }

  void check_size(double count) const {
    require(count * static_cast<double>(sizeof(float)) <= most_);
  }

  static Tensor tensor(const Array& array) {
    if (!array.whole) {
      return Tensor::of({array.values.begin(), array.values.end()}, array.shape);
    }
    Sides integers;
    for (const double value : array.values) {
      require(std::fabs(value) < 9e18);
      integers.push_back(static_cast<std::int64_t>(value));
    }
    Tensor result = tensor_of(std::move(integers));
    result.shape = array.shape;
    return result;
  }

  Array copied(const Array& from, const View& view) const {
    double count = 1;
    for (const std::int64_t side : view.shape) count *= static_cast<double>(side);
    check_size(count);
    Array to{view.shape, std::vector<double>(static_cast<std::size_t>(count)), from.whole};
    Sides at(view.shape.size(), 0);
    std::int64_t offset = view.first;
    for (double& value : to.values) {
      value = from.values[static_cast<std::size_t>(offset)];
      for (std::size_t i = at.size(); i-- > 0;) {
        offset += view.steps[i];
        if (++at[i] < view.shape[i]) break;
        offset -= view.steps[i] * at[i];
        at[i] = 0;
      }
    }
    return to;
  }

  // ---- dispatch --------------------------------------------------------------------------------

  Array compute() const {
    using Compute = Array (Evaluator::*)() const;
    static const std::map<std::string_view, Compute> kinds{
        {"Cast", &Evaluator::cast},         {"Reshape", &Evaluator::reshape},
        {"Flatten", &Evaluator::flatten},   {"Unsqueeze", &Evaluator::unsqueeze},
        {"Squeeze", &Evaluator::squeeze},   {"Transpose", &Evaluator::transpose},
        {"Slice", &Evaluator::slice},       {"Gather", &Evaluator::gather},
        {"Concat", &Evaluator::concat},     {"ConstantOfShape", &Evaluator::constant_of_shape},
        {"Shape", &Evaluator::shape},       {"Expand", &Evaluator::expand},
        {"Tile", &Evaluator::tile},         {"Range", &Evaluator::range},
        {"ScatterND", &Evaluator::scatter}, {"Where", &Evaluator::where},
        {"Softmax", &Evaluator::softmax},   {"ReduceSum", &Evaluator::reduce},
        {"ReduceMean", &Evaluator::reduce}, {"ReduceMax", &Evaluator::reduce},
        {"MatMul", &Evaluator::multiply},   {"Conv", &Evaluator::convolve},
        {"Clip", &Evaluator::clip}};
    const auto found = kinds.find(op_.kind);
    if (found != kinds.end()) return (this->*found->second)();
    return op_.inputs.size() == 1 ? each() : arithmetic();
  }

  // ---- shapes ----------------------------------------------------------------------------------

  Array cast() const {
    Array array = in(0);
    const std::int64_t to = integer("to", 0);
    constexpr std::int64_t kFloat = 1, kInt32 = 6, kInt64 = 7, kBool = 9, kHalf = 10, kDouble = 11;
    const bool whole = to == kInt32 || to == kInt64 || to == kBool;
    require(whole || to == kFloat || to == kHalf || to == kDouble);
    if (whole && !array.whole) {
      for (double& value : array.values) value = std::trunc(value);
    }
    if (to == kBool) {
      for (double& value : array.values) value = value != 0 ? 1 : 0;
    }
    array.whole = whole;
    return array;
  }

  Array reshape() const {
    Array array = in(0);
    const auto wanted = integers(1, "shape");
    require(wanted && wanted->size() <= kMostSides);
    Sides to = *wanted;
    const auto count = static_cast<std::int64_t>(array.values.size());
    std::int64_t known = 1;
    std::size_t open = to.size();
    for (std::size_t i = 0; i < to.size(); ++i) {
      if (to[i] == 0 && i < array.shape.size()) to[i] = array.shape[i];
      if (to[i] == -1 && open == to.size()) {
        open = i;
        continue;
      }
      require(to[i] >= 0 && to[i] <= count);
      known *= to[i];
      require(known <= count);
    }
    if (open < to.size()) to[open] = known > 0 ? count / known : 0;
    require(count_of(to) == count);
    array.shape = std::move(to);
    return array;
  }

  Array flatten() const {
    Array array = in(0);
    const std::int64_t axis = integer("axis", 1);
    require(axis >= 0 && axis <= static_cast<std::int64_t>(array.shape.size()));
    const std::int64_t first = count_of({array.shape.begin(), array.shape.begin() + axis});
    array.shape = {first, first > 0 ? static_cast<std::int64_t>(array.values.size()) / first : 0};
    return array;
  }

  Array unsqueeze() const {
    Array array = in(0);
    const auto axes = integers(1, "axes");
    require(axes && axes->size() + array.shape.size() <= kMostSides);
    const std::size_t rank = array.shape.size() + axes->size();
    std::vector<std::size_t> places;
    for (const std::int64_t axis : *axes) places.push_back(axis_of(axis, rank));
    std::ranges::sort(places);
    for (const std::size_t place : places) {
      require(place <= array.shape.size());
      array.shape.insert(array.shape.begin() + static_cast<std::ptrdiff_t>(place), 1);
    }
    return array;
  }

  Array squeeze() const {
    Array array = in(0);
    const auto axes = integers(1, "axes");
    if (!axes || axes->empty()) {
      std::erase(array.shape, 1);
      return array;
    }
    std::vector<std::size_t> places;
    for (const std::int64_t axis : *axes) places.push_back(axis_of(axis, array.shape.size()));
    std::ranges::sort(places, std::greater<>());
    for (const std::size_t place : places) {
      require(place < array.shape.size() && array.shape[place] == 1);
      array.shape.erase(array.shape.begin() + static_cast<std::ptrdiff_t>(place));
    }
    return array;
  }

  Array transpose() const {
    const Array array = in(0);
    const View from = view_of(array.shape);
    Sides order = integers(1, "perm").value_or(Sides());
    if (order.empty()) {
      order.resize(array.shape.size());
      std::iota(order.rbegin(), order.rend(), 0);
    }
    require(order.size() == array.shape.size());
    Sides sorted = order;
    std::ranges::sort(sorted);
    View view;
    for (std::size_t i = 0; i < order.size(); ++i) {
      require(sorted[i] == static_cast<std::int64_t>(i));
      view.steps.push_back(from.steps[order[i]]);
      view.shape.push_back(from.shape[order[i]]);
    }
    return copied(array, view);
  }

  Array slice() const {
    const Array array = in(0);
    const auto begins = integers(1, "starts"), ends = integers(2, "ends");
    require(begins && ends && begins->size() == ends->size());
    Sides axes = integers(3, "axes").value_or(Sides());
    Sides steps = integers(4, "steps").value_or(Sides());
    if (axes.empty()) {
      axes.resize(begins->size());
      std::iota(axes.begin(), axes.end(), 0);
    }
    if (steps.empty()) steps.assign(begins->size(), 1);
    require(axes.size() == begins->size() && steps.size() == begins->size());
    View view = view_of(array.shape);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const std::size_t axis = axis_of(axes[i], array.shape.size());
      take(view, axis, array.shape[axis], (*begins)[i], (*ends)[i], steps[i]);
    }
    return copied(array, view);
  }

  // The part of a view from `begin` to `end` along one dimension; negative ones count from its end.
  static void take(View& view, std::size_t axis, std::int64_t side, std::int64_t begin,
                   std::int64_t end, std::int64_t step) {
    require(step != 0 && std::abs(step) <= (1 << 20));
    const auto inside = [&](std::int64_t at) {
      if (at < 0) at = at < -side ? -1 : at + side;
      return step > 0 ? std::clamp<std::int64_t>(at, 0, side)
                      : std::clamp<std::int64_t>(at, -1, side - 1);
    };
    const std::int64_t first = step > 0 ? std::max<std::int64_t>(inside(begin), 0) : inside(begin);
    const std::int64_t last = end < -side ? (step > 0 ? 0 : -1) : inside(end);
    const std::int64_t span = step > 0 ? last - first : first - last;
    view.shape[axis] = span <= 0 ? 0 : (span + std::abs(step) - 1) / std::abs(step);
    view.first += first * view.steps[axis];
    view.steps[axis] *= step;
  }

  std::vector<Tensor> split() const {
    const Array array = in(0);
    const std::size_t axis = axis_of(integer("axis", 0), array.shape.size());
    Sides sizes = integers(1, "split").value_or(Sides());
    if (sizes.empty()) {
      const std::int64_t parts = integer("num_outputs", 0);
      require(parts > 0 && parts <= array.shape[axis] && array.shape[axis] % parts == 0);
      sizes.assign(static_cast<std::size_t>(parts), array.shape[axis] / parts);
    }
    std::vector<Tensor> parts;
    std::int64_t begin = 0;
    for (const std::int64_t size : sizes) {
      require(size > 0 && size <= array.shape[axis] - begin);
      View view = view_of(array.shape);
      take(view, axis, array.shape[axis], begin, begin + size, 1);
      parts.push_back(tensor(copied(array, view)));
      begin += size;
    }
    return parts;
  }

  Array gather() const {
    const Array array = in(0);
    const auto indices = integers(1, "indices");
    require(indices.has_value());
    const std::size_t axis = axis_of(integer("axis", 0), array.shape.size());
    const auto at = array.shape.begin() + static_cast<std::ptrdiff_t>(axis);
    const std::int64_t side = array.shape[axis];
    const std::int64_t outer = count_of({array.shape.begin(), at});
    const std::int64_t inner = count_of({at + 1, array.shape.end()});
    check_size(static_cast<double>(outer) * static_cast<double>(inner) *
               static_cast<double>(indices->size()));
    Array result{{array.shape.begin(), at}, {}, array.whole};
    const Sides chosen = has(1) ? op_.inputs[1]->shape : Sides{std::ssize(*indices)};
    result.shape.insert(result.shape.end(), chosen.begin(), chosen.end());
    result.shape.insert(result.shape.end(), at + 1, array.shape.end());
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t index : *indices) {
        index += index < 0 ? side : 0;
        require(index >= 0 && index < side);
        const auto from = array.values.begin() + (o * side + index) * inner;
        result.values.insert(result.values.end(), from, from + inner);
      }
    }
    return result;
  }

  Array concat() const {
    std::vector<Array> parts;
    for (std::size_t i = 0; i < op_.inputs.size(); ++i) parts.push_back(in(i));
    Array result{parts[0].shape, {}, parts[0].whole};
    const std::size_t axis = axis_of(integer("axis", 0), result.shape.size());
    result.shape[axis] = 0;
    for (const Array& part : parts) {
      Sides other = part.shape;
      require(other.size() == result.shape.size() && part.whole == result.whole);
      result.shape[axis] += other[axis];
      other[axis] = result.shape[axis];
      require(other == result.shape);
    }
    check_size(static_cast<double>(count_of(result.shape)));
    require(!result.shape.empty() && count_of(result.shape) > 0);
    const std::int64_t outer =
        count_of({result.shape.begin(), result.shape.begin() + static_cast<std::ptrdiff_t>(axis)});
    for (std::int64_t o = 0; o < outer; ++o) {
      for (const Array& part : parts) {
        const auto count = static_cast<std::int64_t>(part.values.size()) / outer;
        const auto from = part.values.begin() + o * count;
        result.values.insert(result.values.end(), from, from + count);
      }
    }
    return result;
  }

  Array constant_of_shape() const {
    const auto shape = integers(0, "shape");
    require(shape && shape->size() <= kMostSides);
    double count = 1;
    for (const std::int64_t side : *shape) {
      require(side >= 0);
      count *= static_cast<double>(side);
    }
    check_size(count);
    const bool whole = op_.integers.contains("value");
    const double value =
        whole ? static_cast<double>(integer("value", 0)) : static_cast<double>(number("value", 0));
    return {*shape, std::vector<double>(static_cast<std::size_t>(count), value), whole};
  }

  Array shape() const {
    const Sides& shape = op_.inputs[0]->shape;
    return {{std::ssize(shape)}, {shape.begin(), shape.end()}, true};
  }

  // A view of an array as if it had this shape, like NumPy.
  static View stretched(const Array& array, const Sides& shape) {
    const View from = view_of(array.shape);
    View view{0, Sides(shape.size(), 0), shape};
    require(shape.size() >= array.shape.size());
    for (std::size_t i = 0; i < array.shape.size(); ++i) {
      const std::size_t side = i + shape.size() - array.shape.size();
      require(array.shape[i] == shape[side] || array.shape[i] == 1);
      if (array.shape[i] == shape[side]) view.steps[side] = from.steps[i];
    }
    return view;
  }
  static Sides common_shape(Sides a, const Sides& b) {
    if (a.size() < b.size()) a.insert(a.begin(), b.size() - a.size(), 1);
    for (std::size_t i = 0; i < b.size(); ++i) {
      std::int64_t& side = a[i + a.size() - b.size()];
      if (side == 1) side = b[i];
    }
    return a;
  }

  Array expand() const {
    const Array array = in(0);
    const auto wanted = integers(1, "shape");
    require(wanted && wanted->size() <= kMostSides);
    return copied(array, stretched(array, common_shape(array.shape, *wanted)));
  }

  Array tile() const {
    Array array = in(0);
    const auto repeats = integers(1, "repeats");
    require(repeats && repeats->size() == array.shape.size() && 2 * repeats->size() <= kMostSides);
    View view;  // each dimension as one that does not move, and itself
    const View from = view_of(array.shape);
    Sides shape;
    for (std::size_t i = 0; i < repeats->size(); ++i) {
      require((*repeats)[i] > 0 && (*repeats)[i] <= (1 << 20));
      view.steps.insert(view.steps.end(), {0, from.steps[i]});
      view.shape.insert(view.shape.end(), {(*repeats)[i], array.shape[i]});
      shape.push_back((*repeats)[i] * array.shape[i]);
    }
    Array result = copied(array, view);
    result.shape = std::move(shape);
    return result;
  }

  Array range() const {
    const Array first = in(0), end = in(1), step = in(2);
    require(first.values.size() == 1 && end.values.size() == 1 && step.values.size() == 1 &&
            step.values[0] != 0);
    const double count = std::ceil((end.values[0] - first.values[0]) / step.values[0]);
    require(std::isfinite(count));
    check_size(count);
    Array result{{}, {}, first.whole};
    for (int i = 0; i < count; ++i) {
      result.values.push_back(first.values[0] + i * step.values[0]);
    }
    result.shape = {std::ssize(result.values)};
    return result;
  }

  Array scatter() const {
    Array array = in(0);
    const Array indices = in(1), updates = in(2);
    require(!indices.shape.empty() && indices.whole);
    const auto depth = static_cast<std::size_t>(indices.shape.back());
    require(depth > 0 && depth <= array.shape.size());
    const View from = view_of(array.shape);
    const std::int64_t inner =
        count_of({array.shape.begin() + static_cast<std::ptrdiff_t>(depth), array.shape.end()});
    const std::size_t count = indices.values.size() / depth;
    require(updates.values.size() == count * static_cast<std::size_t>(inner));
    for (std::size_t i = 0; i < count; ++i) {
      std::int64_t offset = 0;
      for (std::size_t k = 0; k < depth; ++k) {
        auto index = static_cast<std::int64_t>(indices.values[i * depth + k]);
        index += index < 0 ? array.shape[k] : 0;
        require(index >= 0 && index < array.shape[k]);
        offset += index * from.steps[k];
      }
      const auto update = updates.values.begin() + static_cast<std::int64_t>(i) * inner;
      std::copy(update, update + inner, array.values.begin() + offset);
    }
    return array;
  }

  // ---- numbers ---------------------------------------------------------------------------------

  Array each() const {
    static const std::map<std::string_view, double (*)(double)> functions{
        {"Floor", [](double x) { return std::floor(x); }},
        {"Ceil", [](double x) { return std::ceil(x); }},
        {"Sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }},
        {"Swish", [](double x) { return x / (1 + std::exp(-x)); }},
        {"Tanh", [](double x) { return std::tanh(x); }},
        {"Exp", [](double x) { return std::exp(x); }},
        {"Log", [](double x) { return std::log(x); }},
        {"Sqrt", [](double x) { return std::sqrt(x); }},
        {"Neg", [](double x) { return -x; }},
        {"Abs", [](double x) { return std::fabs(x); }},
        {"Relu", [](double x) { return std::max(x, 0.); }},
        {"Not", [](double x) { return x == 0 ? 1. : 0.; }}};
    const auto function = functions.find(op_.kind);
    require(function != functions.end());
    Array array = in(0);
    for (double& value : array.values) value = function->second(value);
    return array;
  }

  Array clip() const {
    Array array = in(0);
    constexpr float kMost = std::numeric_limits<float>::infinity();
    double low = number("min", -kMost), high = number("max", kMost);
    const auto bound = [&](std::size_t i, double& value) {
      if (!has(i)) return;
      const Array given = in(i);
      require(given.values.size() == 1);
      value = given.values[0];
    };
    bound(1, low);
    bound(2, high);
    for (double& value : array.values) value = std::min(std::max(value, low), high);
    return array;
  }

  Array arithmetic() const {
    using Function = double (*)(double, double);
    static const std::map<std::string_view, Function> functions{
        {"Add", [](double a, double b) { return a + b; }},
        {"Sub", [](double a, double b) { return a - b; }},
        {"Mul", [](double a, double b) { return a * b; }},
        {"Div", [](double a, double b) { return a / b; }},
        {"Pow", [](double a, double b) { return std::pow(a, b); }},
        {"Max", [](double a, double b) { return std::max(a, b); }},
        {"Min", [](double a, double b) { return std::min(a, b); }},
        {"Equal", [](double a, double b) { return a == b ? 1. : 0.; }},
        {"Greater", [](double a, double b) { return a > b ? 1. : 0.; }},
        {"Less", [](double a, double b) { return a < b ? 1. : 0.; }}};
    const auto function = functions.find(op_.kind);
    require(function != functions.end() && op_.inputs.size() == 2);
    const Array x = in(0), y = in(1);
    const bool compares = op_.kind == "Equal" || op_.kind == "Greater" || op_.kind == "Less";
    require(x.whole == y.whole || op_.kind == "Pow");
    const Sides shape = common_shape(x.shape, y.shape);
    Array a = copied(x, stretched(x, shape));
    const Array b = copied(y, stretched(y, shape));
    for (std::size_t i = 0; i < a.values.size(); ++i) {
      a.values[i] = function->second(a.values[i], b.values[i]);
      if (a.whole) a.values[i] = std::trunc(a.values[i]);
    }
    a.whole |= compares;
    return a;
  }

  Array where() const {
    const Array condition = in(0), yes = in(1), no = in(2);
    require(yes.whole == no.whole);
    const Sides shape = common_shape(common_shape(condition.shape, yes.shape), no.shape);
    const Array chosen = copied(condition, stretched(condition, shape));
    Array result = copied(yes, stretched(yes, shape));
    const Array others = copied(no, stretched(no, shape));
    for (std::size_t i = 0; i < result.values.size(); ++i) {
      if (chosen.values[i] == 0) result.values[i] = others.values[i];
    }
    return result;
  }

  // Calls body(values, stride, count) for every line of an array along an axis.
  template <typename Body>
  static void for_lines(Array& array, std::size_t axis, const Body& body) {
    const auto count = static_cast<std::size_t>(array.shape[axis]);
    const auto inner = static_cast<std::size_t>(
        count_of({array.shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, array.shape.end()}));
    for (std::size_t outer = 0; outer < array.values.size(); outer += count * inner) {
      for (std::size_t i = 0; i < inner; ++i) body(array.values.data() + outer + i, inner, count);
    }
  }

  Array softmax() const {
    Array array = in(0);
    require(!array.values.empty());
    const std::size_t axis = axis_of(integer("axis", -1), array.shape.size());
    for_lines(array, axis, [](double* values, std::size_t step, std::size_t count) {
      double most = values[0], sum = 0;
      for (std::size_t i = 0; i < count; ++i) most = std::max(most, values[i * step]);
      for (std::size_t i = 0; i < count; ++i) {
        sum += values[i * step] = std::exp(values[i * step] - most);
      }
      for (std::size_t i = 0; i < count; ++i) values[i * step] /= sum;
    });
    return array;
  }

  Array reduce() const {
    Array array = in(0);
    const auto axes = integers(1, "axes");
    require(axes && !axes->empty() && !array.values.empty());
    const bool maximum = op_.kind == "ReduceMax", mean = op_.kind == "ReduceMean";
    std::vector<std::size_t> places;
    for (const std::int64_t axis : *axes) places.push_back(axis_of(axis, array.shape.size()));
    std::ranges::sort(places, std::greater<>());
    for (const std::size_t place : places) {
      Array result{array.shape, {}, array.whole};
      result.shape[place] = 1;
      for_lines(array, place, [&](const double* values, std::size_t step, std::size_t count) {
        double total = values[0];
        for (std::size_t i = 1; i < count; ++i) {
          total = maximum ? std::max(total, values[i * step]) : total + values[i * step];
        }
        result.values.push_back(mean ? total / static_cast<double>(count) : total);
      });
      array = std::move(result);
      if (integer("keepdims", 1) == 0) {
        array.shape.erase(array.shape.begin() + static_cast<std::ptrdiff_t>(place));
      }
    }
    return array;
  }

  // The last two dimensions are matrices.
  Array multiply() const {
    const Array a = in(0), b = in(1);
    require(a.shape.size() >= 2 && b.shape.size() >= 2);
    const std::int64_t rows = a.shape.end()[-2], depth = a.shape.back(), columns = b.shape.back();
    require(b.shape.end()[-2] == depth);
    Sides batch_a(a.shape.begin(), a.shape.end() - 2), batch_b(b.shape.begin(), b.shape.end() - 2);
    const Sides batch = common_shape(batch_a, batch_b);
    const auto whole = [&](const Array& from, std::int64_t height, std::int64_t width) {
      Sides shape = batch;
      shape.insert(shape.end(), {height, width});
      return copied(from, stretched(from, shape));
    };
    const Array left = whole(a, rows, depth), right = whole(b, depth, columns);
    Array result{batch, {}, false};
    result.shape.insert(result.shape.end(), {rows, columns});
    constexpr double kMostProducts = 1e9;
    require(static_cast<double>(count_of(batch)) * static_cast<double>(rows) *
                static_cast<double>(depth) * static_cast<double>(columns) <
            kMostProducts);
    check_size(static_cast<double>(count_of(batch)) * static_cast<double>(rows) *
               static_cast<double>(columns));
    result.values.resize(static_cast<std::size_t>(count_of(result.shape)));
    for (std::int64_t n = 0; n < count_of(batch); ++n) {
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t k = 0; k < depth; ++k) {
          const double factor = left.values[(n * rows + i) * depth + k];
          for (std::int64_t j = 0; j < columns; ++j) {
            result.values[(n * rows + i) * columns + j] +=
                factor * right.values[(n * depth + k) * columns + j];
          }
        }
      }
    }
    return result;
  }

  // 1x1 convolutions, as decoders use them for weighted sums.
  Array convolve() const {
    const Array array = in(0), kernel = in(1);
    require(array.shape.size() == 4 && kernel.shape.size() == 4 && kernel.shape[2] == 1 &&
            kernel.shape[3] == 1 && kernel.shape[1] == array.shape[1] && integer("group", 1) == 1);
    const std::int64_t filters = kernel.shape[0], depth = kernel.shape[1];
    const std::int64_t pixels = array.shape[2] * array.shape[3];
    Array result{{array.shape[0], filters, array.shape[2], array.shape[3]}, {}, false};
    check_size(static_cast<double>(count_of(result.shape)));
    result.values.resize(static_cast<std::size_t>(count_of(result.shape)));
    const std::vector<double> bias =
        has(2) ? in(2).values : std::vector<double>(static_cast<std::size_t>(filters));
    require(std::ssize(bias) == filters);
    for (std::int64_t n = 0; n < array.shape[0]; ++n) {
      for (std::int64_t f = 0; f < filters; ++f) {
        double* to = result.values.data() + (n * filters + f) * pixels;
        std::fill_n(to, pixels, bias[f]);
        for (std::int64_t c = 0; c < depth; ++c) {
          const double* from = array.values.data() + (n * depth + c) * pixels;
          const double tap = kernel.values[f * depth + c];
          for (std::int64_t i = 0; i < pixels; ++i) to[i] += tap * from[i];
        }
      }
    }
    return result;
  }

  const Operation& op_;
  double most_;
};

}  // namespace

std::optional<std::vector<Tensor>> evaluate(const Operation& operation, std::size_t most_bytes) {
  try {
    return Evaluator(operation, most_bytes).run();
  } catch (const NotSupported&) {
    return {};
  }
}

}  // namespace oko::formats
