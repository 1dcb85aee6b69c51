#include "oko/formats/coreml/network_arithmetic.h"

namespace oko::formats::coreml {
namespace {

constexpr int kPower = 3, kExp = 4, kThreshold = 7;   // unary types
constexpr int kSum = 0, kMax = 7, kOverChannels = 2;  // reductions

void set_line(float factor, float shift, proto::Line& line) {
  line.set_alpha(factor);
  line.set_beta(shift);
}

}  // namespace

NetworkArithmetic::Added NetworkArithmetic::add(const std::string& what,
                                                const std::vector<std::string>& from) {
  std::string map = writer_.map_name(named(what));
  return {writer_.add(named(what), from, map), map};
}

std::string NetworkArithmetic::linear(const std::string& what, const std::string& from,
                                      float factor, float shift) {
  Added added = add(what, {from});
  set_line(factor, shift, *added.layer.mutable_activation()->mutable_linear());
  return added.map;
}

std::string NetworkArithmetic::clamped(const std::string& what, const std::string& from,
                                       float factor, float shift) {
  Added added = add(what, {from});
  set_line(factor, shift, *added.layer.mutable_activation()->mutable_hard_sigmoid());
  return added.map;
}

std::string NetworkArithmetic::sigmoid(const std::string& what, const std::string& from) {
  Added added = add(what, {from});
  added.layer.mutable_activation()->mutable_sigmoid();
  return added.map;
}

std::string NetworkArithmetic::tanh(const std::string& what, const std::string& from) {
  Added added = add(what, {from});
  added.layer.mutable_activation()->mutable_tanh();
  return added.map;
}

std::string NetworkArithmetic::unary(const std::string& what, const std::string& from, int type,
                                     float alpha) {
  Added added = add(what, {from});
  added.layer.mutable_unary()->set_type(type);
  added.layer.mutable_unary()->set_alpha(alpha);
  added.layer.mutable_unary()->set_scale(1);
  return added.map;
}

std::string NetworkArithmetic::exponential(const std::string& what, const std::string& from) {
  return unary(what, from, kExp, 0);
}
std::string NetworkArithmetic::power(const std::string& what, const std::string& from,
                                     float exponent) {
  return unary(what, from, kPower, exponent);
}
std::string NetworkArithmetic::at_least(const std::string& what, const std::string& from,
                                        float limit) {
  return unary(what, from, kThreshold, limit);
}

std::string NetworkArithmetic::softmax(const std::string& what, const std::string& from) {
  Added added = add(what, {from});
  added.layer.mutable_softmax();
  return added.map;
}

std::string NetworkArithmetic::sum(const std::string& what, const std::string& a,
                                   const std::string& b) {
  Added added = add(what, {a, b});
  added.layer.mutable_add();
  return added.map;
}

std::string NetworkArithmetic::product(const std::string& what, const std::string& a,
                                       const std::string& b) {
  Added added = add(what, {a, b});
  added.layer.mutable_multiply();
  return added.map;
}

std::string NetworkArithmetic::joined(const std::string& what,
                                      const std::vector<std::string>& parts) {
  Added added = add(what, parts);
  added.layer.mutable_concat();
  return added.map;
}

std::string NetworkArithmetic::reduced(const std::string& what, const std::string& from, int mode) {
  Added added = add(what, {from});
  added.layer.mutable_reduce()->set_mode(mode);
  added.layer.mutable_reduce()->set_axis(kOverChannels);
  return added.map;
}
std::string NetworkArithmetic::sum_of_channels(const std::string& what, const std::string& from) {
  return reduced(what, from, kSum);
}
std::string NetworkArithmetic::largest_channel(const std::string& what, const std::string& from) {
  return reduced(what, from, kMax);
}

std::string NetworkArithmetic::weighted(const std::string& what, const std::string& from,
                                        const std::vector<float>& factors) {
  Added added = add(what, {from});
  proto::Convolution& out = *added.layer.mutable_convolution();
  out.set_output_channels(1);
  out.set_kernel_channels(factors.size());
  out.set_groups(1);
  for (int i = 0; i < 2; ++i) {
    out.add_kernel_size(1);
    out.add_stride(1);
    out.add_dilation(1);
  }
  out.mutable_valid();
  out.mutable_weights()->mutable_floats()->Add(factors.begin(), factors.end());
  return added.map;
}

std::string NetworkArithmetic::scaled(const std::string& what, const std::string& from,
                                      const Constants& factors, const Constants& shifts) {
  Added added = add(what, {from});
  proto::Scale& scale = *added.layer.mutable_scale();
  const auto set = [](const Constants& constants, auto& shape, proto::Weights& weights) {
    for (const std::int64_t side : constants.shape) shape.Add(static_cast<std::uint64_t>(side));
    weights.mutable_floats()->Add(constants.values.begin(), constants.values.end());
  };
  set(factors, *scale.mutable_scale_shape(), *scale.mutable_scale());
  if (shifts.values.empty()) return added.map;
  scale.set_with_bias(true);
  set(shifts, *scale.mutable_bias_shape(), *scale.mutable_bias());
  return added.map;
}

std::string NetworkArithmetic::channels(const std::string& what, const std::string& from, int begin,
                                        int end) {
  std::string map = writer_.map_name(named(what));
  writer_.add_slice(named(what), from, map, kChannels, begin, end);
  return map;
}

std::string NetworkArithmetic::reshaped(const std::string& what, const std::string& from,
                                        const std::array<std::int64_t, 3>& shape) {
  std::string map = writer_.map_name(named(what));
  writer_.add_reshape(named(what), from, map, shape);
  return map;
}

std::string NetworkArithmetic::turned(const std::string& what, const std::string& from) {
  std::string map = writer_.map_name(named(what));
  writer_.add_permute(named(what), from, map, {kRows, kChannels, kColumns});
  return map;
}

void NetworkArithmetic::finish(const std::string& name, const std::vector<std::string>& parts,
                               std::int64_t boxes, std::int64_t values) {
  const std::string to = writer_.map_name(name);
  const bool exact = writer_.version() >= kExactRanks;
  const std::string lists = exact ? writer_.map_name(named(name + ".lists")) : to;
  proto::Layer& layer = writer_.add(named(exact ? name + ".lists" : name), parts, lists);
  if (parts.size() > 1) {
    layer.mutable_concat();
  } else {
    layer.mutable_activation()->mutable_linear()->set_alpha(1);
  }
  if (!exact) return;
  proto::Reshape& shape = *writer_.add(named(name), {lists}, to).mutable_reshape_static();
  shape.add_shape(boxes);
  shape.add_shape(values);
}

}  // namespace oko::formats::coreml
