#include "oko/train/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "oko/train/test_support.h"

namespace oko::train {
namespace {

std::vector<float> floats_of(const at::Tensor& values) {
  const at::Tensor here = values.detach().contiguous();
  return {here.data_ptr<float>(), here.data_ptr<float>() + here.numel()};
}

// The gradient of a quadratic around .1, varied by step so that moments matter.
void set_gradient(Parameters& parameters, int step) {
  const at::NoGradGuard no_grad;
  at::Tensor gradient = parameters.gradient();
  gradient.copy_((parameters.flat().narrow(0, 0, gradient.numel()) - .1) * (1 + step % 3));
}

graph::Network some_network() {
  graph::Network network = tiny_network();
  fill_weights(network, 11);
  return network;
}

// The update rules in double, one value at a time, as in their papers.
struct Reference {
  explicit Reference(const Parameters& parameters)
      : first(static_cast<std::size_t>(parameters.gradient().numel())), second(first.size()) {
    for (const float v : floats_of(parameters.flat())) w.push_back(v);
    decays.resize(first.size());
    for (const Parameter& p : parameters.parameters()) {
      for (std::int64_t i = 0; i < p.count; ++i) {
        decays[p.offset + i] = p.decay;
      }
    }
  }
  void step(const std::vector<float>& gradient, const OptimizerOptions& o, double rate) {
    ++steps;
    for (std::size_t i = 0; i < first.size(); ++i) {
      const double decay = decays[i] ? o.weight_decay : 0;
      double g = gradient[i];
      if (o.kind == OptimizerKind::kSgd) {
        first[i] = o.momentum * first[i] + g + decay * w[i];
        w[i] -= rate * first[i];
        continue;
      }
      if (o.kind == OptimizerKind::kAdam) g += decay * w[i];
      if (o.kind == OptimizerKind::kAdamW) w[i] -= rate * decay * w[i];
      first[i] = o.beta1 * first[i] + (1 - o.beta1) * g;
      second[i] = o.beta2 * second[i] + (1 - o.beta2) * g * g;
      const double m = first[i] / (1 - std::pow(o.beta1, steps));
      const double v = second[i] / (1 - std::pow(o.beta2, steps));
      w[i] -= rate * m / (std::sqrt(v) + o.epsilon);
    }
  }
  std::vector<double> w, first, second;
  std::vector<bool> decays;
  int steps = 0;
};

class Optimizers : public ::testing::TestWithParam<OptimizerKind> {
 protected:
  OptimizerOptions options() const {
    OptimizerOptions options;
    options.kind = GetParam();
    options.weight_decay = .05;
    return options;
  }
};

TEST_P(Optimizers, StepsMatchTheRule) {
  Parameters parameters(some_network(), at::kCPU, 1);
  Optimizer optimizer(parameters, options());
  Reference reference(parameters);
  for (int step = 0; step < 5; ++step) {
    set_gradient(parameters, step);
    const std::vector<float> gradient = floats_of(parameters.gradient());
    const double rate = .01 * (step + 1);
    optimizer.step(rate);
    reference.step(gradient, options(), rate);
    const std::vector<float> w = floats_of(parameters.flat());
    for (std::size_t i = 0; i < w.size(); ++i) {
      ASSERT_NEAR(w[i], reference.w[i], 5e-6) << "value " << i << " after step " << step + 1;
    }
  }
}

TEST_P(Optimizers, FrozenLayersAndStatisticsAreUntouched) {
  Parameters parameters(some_network(), at::kCPU, 1);
  const graph::Weights before = parameters.weights(parameters.flat());
  Optimizer optimizer(parameters, options());
  optimizer.set_frozen({true, false, true, false, false});
  for (int step = 0; step < 3; ++step) {
    set_gradient(parameters, step);
    optimizer.step(.1);
  }
  for (const auto& [name, tensor] : parameters.weights(parameters.flat())) {
    const bool trained = (name.starts_with("layers.1.") || name.starts_with("layers.3.")) &&
                         !name.ends_with(".mean") && !name.ends_with(".variance");
    EXPECT_EQ(tensor.data.text() != before.at(name).data.text(), trained) << name;
  }
}

TEST_P(Optimizers, StateResumesBitForBit) {
  Parameters first(some_network(), at::kCPU, 1);
  Optimizer one(first, options());
  for (int step = 0; step < 3; ++step) {
    set_gradient(first, step);
    one.step(.02);
  }
  graph::Network middle = some_network();
  middle.weights = first.weights(first.flat());
  Parameters second(middle, at::kCPU, 2);
  Optimizer other(second, options());
  other.restore(one.state(), "checkpoint");
  for (int step = 3; step < 6; ++step) {
    set_gradient(first, step);
    one.step(.02);
    set_gradient(second, step);
    other.step(.02);
  }
  EXPECT_EQ(floats_of(first.flat()), floats_of(second.flat()));
}

TEST_P(Optimizers, StateOfAnotherNetworkIsAnInputError) {
  Parameters parameters(some_network(), at::kCPU, 1);
  Optimizer optimizer(parameters, options());
  graph::Weights state = optimizer.state();
  state.insert_or_assign("optimizer.first", graph::Tensor::of({1, 2}, {2}));
  EXPECT_EQ(error_of([&] { optimizer.restore(state, "c.oko"); }).code(), ErrorCode::kInput);
  EXPECT_EQ(error_of([&] { optimizer.restore({}, "c.oko"); }).place(), "c.oko");
}

INSTANTIATE_TEST_SUITE_P(Kinds, Optimizers,
                         ::testing::Values(OptimizerKind::kSgd, OptimizerKind::kAdam,
                                           OptimizerKind::kAdamW),
                         [](const auto& test) {
                           return test.param == OptimizerKind::kSgd    ? "Sgd"
                                  : test.param == OptimizerKind::kAdam ? "Adam"
                                                                       : "AdamW";
                         });

TEST(Optimizer, ClippingScalesTheGradientToTheLimit) {
  Parameters parameters(some_network(), at::kCPU, 1);
  Optimizer optimizer(parameters, {});
  at::Tensor gradient = parameters.gradient();
  gradient.fill_(.5F);
  const double norm = .5 * std::sqrt(static_cast<double>(gradient.numel()));
  EXPECT_NEAR(optimizer.clip_gradient(2 * norm), norm, 1e-4 * norm);
  EXPECT_EQ(gradient[0].item<float>(), .5F);  // below the limit
  EXPECT_NEAR(optimizer.clip_gradient(0), norm, 1e-4 * norm);
  EXPECT_EQ(gradient[0].item<float>(), .5F);  // no limit
  EXPECT_NEAR(optimizer.clip_gradient(norm / 5), norm, 1e-4 * norm);
  EXPECT_NEAR(gradient[0].item<float>(), .1, 1e-5);
  EXPECT_NEAR(optimizer.clip_gradient(0), norm / 5, 1e-4 * norm);
}

TEST(Optimizer, ClippingUsesOnlyUnfrozenLayers) {
  Parameters parameters(some_network(), at::kCPU, 1);
  Optimizer optimizer(parameters, {});
  optimizer.set_frozen({true, true, true, false, false});
  at::Tensor gradient = parameters.gradient();
  gradient.fill_(1.F);
  EXPECT_NEAR(optimizer.clip_gradient(1), std::sqrt(18. * 25), 1e-3);  // 18 x (24 + 1) values
}

TEST(Optimizer, LongCountsOfStepsAreKeptExactly) {
  Parameters parameters(some_network(), at::kCPU, 1);
  Optimizer optimizer(parameters, {});
  graph::Weights state = optimizer.state();
  // 2^30 + 77 steps: beyond the integers that a float represents exactly
  state.insert_or_assign("optimizer.steps", graph::Tensor::of({1024, 77}, {2}));
  optimizer.restore(state, "c.oko");
  optimizer.step(0);
  const auto steps = optimizer.state().at("optimizer.steps");
  EXPECT_EQ(steps.floats()[0], 1024);
  EXPECT_EQ(steps.floats()[1], 78);
}

TEST(Ema, FollowsWithADecayThatGrows) {
  Parameters parameters(some_network(), at::kCPU, 1);
  Ema ema(parameters, .9, 5);
  double expected = parameters.flat()[0].item<float>();
  at::Tensor flat = parameters.flat();
  for (int update = 1; update <= 20; ++update) {
    flat.fill_(static_cast<float>(update));
    ema.update(parameters);
    const double decay = .9 * (1 - std::exp(-update / 5.));
    expected = decay * expected + (1 - decay) * update;
    EXPECT_NEAR(ema.flat()[0].item<float>(), expected, 1e-4);
  }
}

TEST(Ema, WithoutDecayItEqualsTheParameters) {
  Parameters parameters(some_network(), at::kCPU, 1);
  Ema ema(parameters, 0, 200);
  at::Tensor flat = parameters.flat();
  flat.mul_(1.7F);
  ema.update(parameters);
  EXPECT_EQ(floats_of(ema.flat()), floats_of(parameters.flat()));
}

TEST(Ema, RestartsFromTheCurrentValues) {
  Parameters parameters(some_network(), at::kCPU, 1);
  Ema ema(parameters, .9, 5), fresh(parameters, .9, 5);
  at::Tensor flat = parameters.flat();
  const at::Tensor start = flat.clone();
  for (int i = 0; i < 5; ++i) {
    flat.add_(1);
    ema.update(parameters);
  }
  flat.copy_(start);
  ema.restart(parameters);
  EXPECT_EQ(floats_of(ema.flat()), floats_of(start));
  flat.add_(1);
  ema.update(parameters);
  fresh.update(parameters);
  EXPECT_EQ(floats_of(ema.flat()), floats_of(fresh.flat()));
}

TEST(Ema, StateResumesBitForBit) {
  Parameters parameters(some_network(), at::kCPU, 1);
  Ema one(parameters, .99, 5);
  at::Tensor flat = parameters.flat();
  for (int i = 0; i < 3; ++i) {
    flat.mul_(1.1F);
    one.update(parameters);
  }
  Ema other(parameters, .99, 5);
  other.restore(one.state(), "c.oko");
  flat.mul_(1.1F);
  one.update(parameters);
  other.update(parameters);
  EXPECT_EQ(floats_of(one.flat()), floats_of(other.flat()));
  EXPECT_EQ(error_of([&] { other.restore({}, "c.oko"); }).code(), ErrorCode::kInput);
}

}  // namespace
}  // namespace oko::train
