#include "oko/formats/coreml/program_arithmetic.h"

#include "oko/formats/coreml/suppressed_rows.h"

namespace oko::formats::coreml {
namespace {

Sides sides_of(const std::array<std::int64_t, 3>& shape) {
  return {1, shape[0], shape[1], shape[2]};
}

}  // namespace

ProgramArithmetic::Operation ProgramArithmetic::add(const char* type, const std::string& what,
                                                    const Shape& shape) {
  const std::string output = to_.name(named(what));
  shapes_[output] = shape;
  return to_.add(type, named(what), kFloat32, sides_of(shape), output);
}
ProgramArithmetic::Operation ProgramArithmetic::on(const char* type, const std::string& what,
                                                   const std::string& x, const Shape& shape) {
  Operation operation = add(type, what, shape);
  operation.give("x", x);
  return operation;
}

std::string ProgramArithmetic::with(const char* type, const std::string& what, const std::string& x,
                                    float y) {
  const std::string constant = to_.number(named(what) + ".y", kFloat32, y);
  return on(type, what, x, shapes_.at(x)).give("y", constant).output;
}
std::string ProgramArithmetic::with(const char* type, const std::string& what, const std::string& x,
                                    const Constants& y) {
  const std::string constant = to_.blob(named(what) + ".y", kFloat32, y.values, sides_of(y.shape));
  return on(type, what, x, shapes_.at(x)).give("y", constant).output;
}

std::string ProgramArithmetic::linear(const std::string& what, const std::string& from,
                                      float factor, float shift) {
  if (shift == 0) return with("mul", what, from, factor);
  return with("add", what, with("mul", what + ".scaled", from, factor), shift);
}

// Not sigmoid_hard, which is this: networks end with it, and readers take it for a layer.
std::string ProgramArithmetic::clamped(const std::string& what, const std::string& from,
                                       float factor, float shift) {
  const bool plain = factor == 1 && shift == 0;
  const std::string x = plain ? from : linear(what + ".line", from, factor, shift);
  const std::string least = to_.number(named(what) + ".alpha", kFloat32, 0);
  const std::string most = to_.number(named(what) + ".beta", kFloat32, 1);
  return on("clip", what, x, shapes_.at(x)).give("alpha", least).give("beta", most).output;
}

std::string ProgramArithmetic::sigmoid(const std::string& what, const std::string& from) {
  return on("sigmoid", what, from, shapes_.at(from)).output;
}
std::string ProgramArithmetic::tanh(const std::string& what, const std::string& from) {
  return on("tanh", what, from, shapes_.at(from)).output;
}
std::string ProgramArithmetic::exponential(const std::string& what, const std::string& from) {
  return on("exp", what, from, shapes_.at(from)).output;
}
std::string ProgramArithmetic::power(const std::string& what, const std::string& from,
                                     float exponent) {
  return with("pow", what, from, exponent);
}
std::string ProgramArithmetic::at_least(const std::string& what, const std::string& from,
                                        float limit) {
  return with("maximum", what, from, limit);
}

std::string ProgramArithmetic::softmax(const std::string& what, const std::string& from) {
  const std::string axis = to_.integer(named(what) + ".axis", 1);
  return on("softmax", what, from, shapes_.at(from)).give("axis", axis).output;
}

std::string ProgramArithmetic::sum(const std::string& what, const std::string& a,
                                   const std::string& b) {
  return on("add", what, a, shapes_.at(a)).give("y", b).output;
}
std::string ProgramArithmetic::product(const std::string& what, const std::string& a,
                                       const std::string& b) {
  return on("mul", what, a, shapes_.at(a)).give("y", b).output;
}

std::string ProgramArithmetic::joined(const std::string& what,
                                      const std::vector<std::string>& parts) {
  Shape shape = shapes_.at(parts.front());
  shape[0] = 0;
  for (const std::string& part : parts) shape[0] += shapes_.at(part)[0];
  const std::string axis = to_.integer(named(what) + ".axis", 1);
  const std::string interleave = to_.flag(named(what) + ".interleave", false);
  Operation operation = add("concat", what, shape);
  for (const std::string& part : parts) operation.give("values", part);
  return operation.give("axis", axis).give("interleave", interleave).output;
}

std::string ProgramArithmetic::reduced(const char* type, const std::string& what,
                                       const std::string& from) {
  const Shape& shape = shapes_.at(from);
  const std::string axes = to_.integers(named(what) + ".axes", {1});
  const std::string keep = to_.flag(named(what) + ".keep_dims", true);
  return on(type, what, from, {1, shape[1], shape[2]})
      .give("axes", axes)
      .give("keep_dims", keep)
      .output;
}
std::string ProgramArithmetic::sum_of_channels(const std::string& what, const std::string& from) {
  return reduced("reduce_sum", what, from);
}
std::string ProgramArithmetic::largest_channel(const std::string& what, const std::string& from) {
  return reduced("reduce_max", what, from);
}

std::string ProgramArithmetic::weighted(const std::string& what, const std::string& from,
                                        const std::vector<float>& factors) {
  const std::string by = with("mul", what + ".parts", from,
                              {{static_cast<std::int64_t>(factors.size()), 1, 1}, factors});
  return reduced("reduce_sum", what, by);
}

std::string ProgramArithmetic::scaled(const std::string& what, const std::string& from,
                                      const Constants& factors, const Constants& shifts) {
  if (shifts.values.empty()) return with("mul", what, from, factors);
  return with("add", what, with("mul", what + ".scaled", from, factors), shifts);
}

std::string ProgramArithmetic::channels(const std::string& what, const std::string& from, int begin,
                                        int end) {
  const Shape& shape = shapes_.at(from);
  const Shape made{end - begin, shape[1], shape[2]};
  const std::string first = to_.integers(named(what) + ".begin", {0, begin, 0, 0});
  const std::string size = to_.integers(named(what) + ".size", sides_of(made));
  return on("slice_by_size", what, from, made).give("begin", first).give("size", size).output;
}

std::string ProgramArithmetic::reshaped(const std::string& what, const std::string& from,
                                        const Shape& shape) {
  const std::string sides = to_.integers(named(what) + ".shape", sides_of(shape));
  return on("reshape", what, from, shape).give("shape", sides).output;
}

std::string ProgramArithmetic::turned(const std::string& what, const std::string& from) {
  const Shape& shape = shapes_.at(from);
  const std::string order = to_.integers(named(what) + ".perm", {0, 2, 1, 3});
  return on("transpose", what, from, {shape[1], shape[0], shape[2]}).give("perm", order).output;
}

void ProgramArithmetic::finish(const std::string& name, const std::vector<std::string>& parts,
                               std::int64_t boxes, std::int64_t values) {
  const std::string all = parts.size() > 1 ? joined(name + ".all", parts) : parts.front();
  const std::int64_t missing = suppressed_row(static_cast<int>(values)) - values;
  const std::string rows = missing == 0 ? name : to_.name(named(name + ".rows"));
  const Sides sides{boxes, values}, wide{boxes, values + missing};
  const std::string sides_name = to_.integers(named(name + ".shape"), sides);
  to_.add("reshape", rows, kFloat32, sides, rows).give("x", all).give("shape", sides_name);
  to_.output(name);
  if (missing == 0) return;
  const std::string amounts = to_.integers(named(name + ".pad"), {0, 0, 0, missing});
  const std::string mode = to_.text(named(name + ".mode"), "constant");
  const std::string zero = to_.number(named(name + ".zero"), kFloat32, 0);
  to_.add("pad", name, kFloat32, wide, name)
      .give("x", rows)
      .give("pad", amounts)
      .give("mode", mode)
      .give("constant_val", zero);
}

}  // namespace oko::formats::coreml
