#include "oko/train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "oko/base/error.h"

namespace oko::train {
namespace {

graph::Tensor to_tensor(const at::Tensor& values) {
  const at::Tensor here = values.detach().to(at::kCPU).contiguous();
  std::vector<float> copy(static_cast<std::size_t>(here.numel()));
  std::memcpy(copy.data(), here.data_ptr<float>(), copy.size() * sizeof(float));
  return graph::Tensor::of(std::move(copy), {here.numel()});
}

// Step and update counts are split before being stored as 32-bit floats: a float is exact only up
// to 2^24.
graph::Tensor to_tensor(std::int64_t count) {
  return graph::Tensor::of({static_cast<float>(count >> 20), static_cast<float>(count & 0xfffff)},
                           {2});
}

const graph::Tensor& find(const graph::Weights& state, const std::string& name, std::int64_t count,
                          const std::string& place) {
  const auto it = state.find(name);
  if (it == state.end() || it->second.dtype != graph::DType::kF32 || it->second.count() != count) {
    throw input_error(place, "\"" + name + "\" is missing or does not fit this network",
                      "resume with the recipe that the run was started with");
  }
  return it->second;
}

void restore_vector(const graph::Weights& state, const std::string& name, at::Tensor into,
                    const std::string& place) {
  const auto values = find(state, name, into.numel(), place).floats();
  into.copy_(at::from_blob(const_cast<float*>(values.data()), {into.numel()}, at::kFloat));
}

std::int64_t restore_count(const graph::Weights& state, const std::string& name,
                           const std::string& place) {
  const auto values = find(state, name, 2, place).floats();
  return (static_cast<std::int64_t>(values[0]) << 20) + static_cast<std::int64_t>(values[1]);
}

}  // namespace

OptimizerOptions optimizer_options(const Recipe& recipe) {
  OptimizerOptions options;
  options.kind = recipe.optimizer;
  options.momentum = recipe.momentum;
  options.weight_decay = recipe.weight_decay;
  return options;
}

Optimizer::Optimizer(Parameters& parameters, OptimizerOptions options)
    : parameters_(parameters), options_(options) {
  first_ = at::zeros_like(parameters.gradient());
  if (options.kind != OptimizerKind::kSgd) second_ = at::zeros_like(parameters.gradient());
  std::int64_t layers = 0;
  for (const auto& p : parameters.parameters())
    layers = std::max<std::int64_t>(layers, p.layer + 1);
  set_frozen(std::vector<bool>(static_cast<std::size_t>(layers), false));
}

void Optimizer::set_frozen(const std::vector<bool>& layers) {
  segments_.clear();
  for (const Parameter& p : parameters_.parameters()) {
    if (layers[p.layer]) continue;
    const double decay = p.decay ? options_.weight_decay : 0;
    if (!segments_.empty() && segments_.back().decay == decay &&
        segments_.back().offset + segments_.back().count == p.offset) {
      segments_.back().count += p.count;
    } else {
      segments_.push_back({p.offset, p.count, decay});
    }
  }
}

double Optimizer::clip_gradient(double limit) {
  at::NoGradGuard no_grad;
  double square = 0;
  for (const Segment& s : segments_) {
    const at::Tensor g = parameters_.gradient().narrow(0, s.offset, s.count);
    square += at::dot(g, g).item<double>();
  }
  const double norm = std::sqrt(square);
  if (limit > 0 && norm > limit) {
    for (const Segment& s : segments_) {
      parameters_.gradient().narrow(0, s.offset, s.count).mul_(limit / norm);
    }
  }
  return norm;
}

void Optimizer::step(double rate) {
  at::NoGradGuard no_grad;
  ++steps_;
  // On a CPU a rule's operations pass over values that stay in a core's cache, not over all of them
  // in memory.
  constexpr std::int64_t kBlock = 1 << 15;
  for (const Segment& s : segments_) {
    if (!parameters_.flat().is_cpu()) {
      step(s, rate);
      continue;
    }
    at::parallel_for(0, (s.count + kBlock - 1) / kBlock, 1, [&](std::int64_t i, std::int64_t end) {
      const at::NoGradGuard no_grad_here;
      for (; i < end; ++i) {
        step({s.offset + i * kBlock, std::min(kBlock, s.count - i * kBlock), s.decay}, rate);
      }
    });
  }
}

void Optimizer::step(const Segment& segment, double rate) {
  options_.kind == OptimizerKind::kSgd ? step_sgd(segment, rate) : step_adam(segment, rate);
}

void Optimizer::step_sgd(const Segment& s, double rate) {
  at::Tensor w = parameters_.flat().narrow(0, s.offset, s.count);
  const at::Tensor g = parameters_.gradient().narrow(0, s.offset, s.count);
  at::Tensor v = first_.narrow(0, s.offset, s.count);
  v.mul_(options_.momentum).add_(g);
  if (s.decay != 0) v.add_(w, s.decay);
  w.add_(v, -rate);
}

void Optimizer::step_adam(const Segment& s, double rate) {
  at::Tensor w = parameters_.flat().narrow(0, s.offset, s.count);
  at::Tensor g = parameters_.gradient().narrow(0, s.offset, s.count);
  at::Tensor m = first_.narrow(0, s.offset, s.count), v = second_.narrow(0, s.offset, s.count);
  if (s.decay != 0 && options_.kind == OptimizerKind::kAdam) g.add_(w, s.decay);
  if (s.decay != 0 && options_.kind == OptimizerKind::kAdamW) w.mul_(1 - rate * s.decay);
  m.lerp_(g, 1 - options_.beta1);
  v.mul_(options_.beta2).addcmul_(g, g, 1 - options_.beta2);
  const double steps = static_cast<double>(steps_);
  const double correction1 = 1 - std::pow(options_.beta1, steps);
  const double correction2 = 1 - std::pow(options_.beta2, steps);
  const at::Tensor root = v.sqrt().div_(std::sqrt(correction2)).add_(options_.epsilon);
  w.addcdiv_(m, root, -rate / correction1);
}

graph::Weights Optimizer::state() const {
  graph::Weights state;
  state.emplace("optimizer.first", to_tensor(first_));
  if (second_.defined()) state.emplace("optimizer.second", to_tensor(second_));
  state.emplace("optimizer.steps", to_tensor(steps_));
  return state;
}

void Optimizer::restore(const graph::Weights& state, const std::string& place) {
  restore_vector(state, "optimizer.first", first_, place);
  if (second_.defined()) restore_vector(state, "optimizer.second", second_, place);
  steps_ = restore_count(state, "optimizer.steps", place);
}

Ema::Ema(const Parameters& parameters, double decay, double ramp)
    : decay_(decay), ramp_(ramp), flat_(parameters.flat().detach().clone()) {}

void Ema::update(const Parameters& parameters) {
  at::NoGradGuard no_grad;
  ++updates_;
  const double decay = decay_ * (1 - std::exp(-static_cast<double>(updates_) / ramp_));
  flat_.lerp_(parameters.flat(), 1 - decay);
}

void Ema::restart(const Parameters& parameters) {
  at::NoGradGuard no_grad;
  flat_.copy_(parameters.flat());
  updates_ = 0;
}

graph::Weights Ema::state() const {
  graph::Weights state;
  state.emplace("ema.values", to_tensor(flat_));
  state.emplace("ema.updates", to_tensor(updates_));
  return state;
}

void Ema::restore(const graph::Weights& state, const std::string& place) {
  restore_vector(state, "ema.values", flat_, place);
  updates_ = restore_count(state, "ema.updates", place);
}

}  // namespace oko::train
