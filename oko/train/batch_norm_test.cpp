// Batch norm with its activation, and dropout, compared with LibTorch's own.
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "oko/train/batch_norm.h"
#include "oko/train/batch_norm_activate.h"
#include "oko/train/dropout.h"
#include "oko/train/max_pool.h"
#include "oko/train/test_convolutions.h"
#include "oko/train/test_workers.h"

namespace oko::train {
namespace {

constexpr double kMomentum = .9;
constexpr graph::BatchNorm kNorm{.epsilon = 1e-5F};

struct Case {
  std::int64_t pictures, channels, height, width;
  double slope;
  at::ScalarType type;
  double mean = .5, deviation = 2;  // of the values
};

// All inputs, outputs and state of a batch norm.
struct BatchNormRun {
  explicit BatchNormRun(const Case& c) {
    at::manual_seed(7);
    x = (at::randn({c.pictures, c.channels, c.height, c.width}) * c.deviation + c.mean)
            .contiguous(at::MemoryFormat::ChannelsLast)
            .to(c.type);
    scale = at::rand({c.channels}) - .3;
    bias = at::randn({c.channels});
    mean = at::randn({c.channels});
    variance = at::rand({c.channels}) + .5;
    gradient = at::randn(x.sizes()).to(c.type);
  }

  TrainedNorm trained(const graph::BatchNorm& norm, Workers* workers = nullptr) const {
    return {scale, bias, mean, variance, kMomentum, norm, workers};
  }

  template <typename Forward>
  void through(Forward forward) {
    for (at::Tensor* t : {&x, &scale, &bias}) t->requires_grad_();
    y = forward(*this);
    torch::autograd::backward({y}, {gradient});
  }

  void through_ours(double slope) {
    through(
        [&](const BatchNormRun& r) { return batch_norm_activate(r.x, r.trained(kNorm), slope); });
  }

  // In double, from exactly the same values.
  void through_libtorch(double slope) {
    for (at::Tensor* t : {&x, &scale, &bias, &mean, &variance, &gradient}) *t = t->to(at::kDouble);
    through([&](const BatchNormRun& r) {
      return at::leaky_relu(at::batch_norm(r.x, r.scale, r.bias, r.mean, r.variance, true,
                                           1 - kMomentum, kNorm.epsilon, false),
                            slope);
    });
  }

  at::Tensor x, scale, bias, mean, variance, gradient, y;
};

class BatchNormActivate : public ::testing::TestWithParam<Case> {};

TEST_P(BatchNormActivate, ValuesGradientsAndStatisticsMatchLibTorch) {
  const Case& c = GetParam();
  BatchNormRun ours(c), libtorch(c);
  ours.through_ours(c.slope);
  libtorch.through_libtorch(c.slope);
  const double map = c.type == at::kFloat ? 2e-5 : 1. / 256, vector = 2e-5;
  EXPECT_EQ(ours.y.scalar_type(), c.type);
  EXPECT_LT(relative_difference(ours.y, libtorch.y), map);
  EXPECT_LT(relative_difference(ours.x.grad(), libtorch.x.grad()), map);
  EXPECT_LT(relative_difference(ours.scale.grad(), libtorch.scale.grad()), vector);
  EXPECT_LT(relative_difference(ours.bias.grad(), libtorch.bias.grad()), vector);
  EXPECT_LT(relative_difference(ours.mean, libtorch.mean), vector);
  EXPECT_LT(relative_difference(ours.variance, libtorch.variance), vector);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, BatchNormActivate,
    ::testing::Values(Case{2, 16, 8, 8, .1, at::kFloat}, Case{2, 16, 8, 8, .1, at::kBFloat16},
                      Case{1, 1, 37, 41, .1, at::kFloat}, Case{3, 1, 5, 7, .1, at::kBFloat16},
                      Case{3, 17, 13, 11, 1, at::kFloat}, Case{3, 24, 13, 11, 0, at::kFloat},
                      Case{3, 255, 7, 9, .1, at::kFloat}, Case{1, 300, 5, 3, .1, at::kBFloat16},
                      Case{2, 1024, 1, 1, 1, at::kFloat},
                      // several runs, the last a short one; and a mean far from 0
                      Case{2, 24, 61, 67, .1, at::kFloat}, Case{2, 40, 61, 67, .1, at::kBFloat16},
                      Case{2, 8, 91, 97, .1, at::kFloat, 300, .5}),
    [](const auto& test) {
      const Case& c = test.param;
      return std::to_string(c.pictures) + "x" + std::to_string(c.channels) + "x" +
             std::to_string(c.height) + "x" + std::to_string(c.width) +
             (c.type == at::kFloat ? "Float" : "Bfloat16");
    });

TEST(BatchNormActivate, HalvesLikeThePoolingAfterIt) {
  for (const Case& c :
       {Case{2, 16, 8, 6, .1, at::kFloat}, Case{2, 16, 8, 6, 0, at::kBFloat16},
        Case{3, 5, 2, 2, 1, at::kFloat}, Case{2, 300, 4, 10, .1, at::kFloat},
        Case{2, 24, 86, 90, .1, at::kFloat, 30}, Case{2, 24, 86, 90, .1, at::kBFloat16}}) {
    BatchNormRun halved(c), pooled(c);
    for (BatchNormRun* run : {&halved, &pooled}) {
      run->gradient = at::max_pool2d(run->gradient.to(at::kFloat), 2).to(c.type);
    }
    halved.through([&](const BatchNormRun& r) {
      return batch_norm_activate(r.x, r.trained(kNorm), c.slope, true);
    });
    pooled.through([&](const BatchNormRun& r) {
      return max_pool_2x2(batch_norm_activate(r.x, r.trained(kNorm), c.slope));
    });
    EXPECT_TRUE(at::equal(halved.y, pooled.y));
    EXPECT_TRUE(at::equal(halved.mean, pooled.mean));
    // Values that differ as floats may be equal in bfloat16, and the first gets the gradient.
    if (c.type == at::kBFloat16) continue;
    EXPECT_LT(relative_difference(halved.x.grad(), pooled.x.grad()), 2e-6);
    EXPECT_LT(relative_difference(halved.scale.grad(), pooled.scale.grad()), 2e-6);
    EXPECT_LT(relative_difference(halved.bias.grad(), pooled.bias.grad()), 2e-6);
  }
}

TEST(BatchNormActivate, DarknetBatchNormMatchesLibTorchOperations) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const Case c{2, 17, 61, 67, 1, type};
    const graph::BatchNorm norm{.epsilon = 1e-3F, .epsilon_outside_root = true};
    BatchNormRun ours(c), libtorch(c);
    ours.through(
        [&](const BatchNormRun& r) { return batch_norm_activate(r.x, r.trained(norm), 1); });
    libtorch.through([&](const BatchNormRun& r) { return batch_norm(r.x, r.trained(norm)); });
    EXPECT_EQ(libtorch.y.scalar_type(), type);
    const double map = type == at::kFloat ? 2e-5 : 1. / 128, vector = 2e-5;
    EXPECT_LT(relative_difference(ours.y, libtorch.y), map);
    EXPECT_LT(relative_difference(ours.x.grad(), libtorch.x.grad()), map);
    EXPECT_LT(relative_difference(ours.scale.grad(), libtorch.scale.grad()), vector);
    EXPECT_LT(relative_difference(ours.bias.grad(), libtorch.bias.grad()), vector);
    EXPECT_LT(relative_difference(ours.mean, libtorch.mean), vector);
    EXPECT_LT(relative_difference(ours.variance, libtorch.variance), vector);
  }
}

TEST(BatchNormActivate, IsTheSameWithAnyNumberOfThreads) {
  const Case c{2, 24, 61, 67, .1, at::kFloat};
  BatchNormRun one(c), three(c);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  one.through_ours(c.slope);
  at::set_num_threads(3);
  three.through_ours(c.slope);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(one.y, three.y));
  EXPECT_TRUE(at::equal(one.x.grad(), three.x.grad()));
  EXPECT_TRUE(at::equal(one.scale.grad(), three.scale.grad()));
  EXPECT_TRUE(at::equal(one.variance, three.variance));
}

TEST(BatchNormActivate, HalvesTheSameWithAnyNumberOfThreads) {
  const auto through = [](int threads) {
    BatchNormRun run({2, 24, 86, 90, .1, at::kFloat});
    run.gradient = at::max_pool2d(run.gradient, 2);
    at::set_num_threads(threads);
    run.through(
        [](const BatchNormRun& r) { return batch_norm_activate(r.x, r.trained(kNorm), .1, true); });
    return run;
  };
  const int threads = at::get_num_threads();
  const BatchNormRun one = through(1), three = through(3);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(one.y, three.y));
  EXPECT_TRUE(at::equal(one.x.grad(), three.x.grad()));
  EXPECT_TRUE(at::equal(one.scale.grad(), three.scale.grad()));
}

TEST(BatchNormActivate, AcceptsTensorsAndGradientsOfAnyLayout) {
  const Case c{2, 6, 9, 5, .1, at::kFloat};
  BatchNormRun planar(c), channels_last(c);
  planar.x = planar.x.contiguous();
  channels_last.gradient = channels_last.gradient.contiguous(at::MemoryFormat::ChannelsLast);
  planar.through_ours(c.slope);
  channels_last.through_ours(c.slope);
  EXPECT_TRUE(at::equal(planar.y, channels_last.y));
  EXPECT_TRUE(at::equal(planar.x.grad(), channels_last.x.grad()));
}

TEST(BatchNormActivate, PropagatesNaN) {
  const Case c{2, 8, 4, 4, .1, at::kBFloat16};
  BatchNormRun run(c);
  run.x[1][3][2][1] = std::numeric_limits<float>::quiet_NaN();
  run.through_ours(c.slope);
  EXPECT_TRUE(run.y.select(1, 3).isnan().all().item<bool>());
  EXPECT_FALSE(run.y.select(1, 2).isnan().any().item<bool>());
}

TEST(DropOut, KeepsTheMeanAndDropsTheGivenFraction) {
  const at::Tensor x = at::ones({4, 24, 61, 67});
  const at::Tensor y = drop_out(x, .3, 11, 5);
  const double dropped = (y == 0).to(at::kDouble).mean().item<double>();
  EXPECT_NEAR(dropped, .3, .003);  // four standard deviations of 392 000 draws
  EXPECT_NEAR(y.to(at::kDouble).mean().item<double>(), 1, .006);
  EXPECT_TRUE(at::equal(y.masked_select(y != 0), at::full({(y != 0).sum().item<long>()}, 1 / .7)));
}

// Each of three workers has some of the pictures: together they compute what one does.
TEST(BatchNormOfWorkers, IsThatOfAllTheirPictures) {
  const Case c{6, 24, 13, 11, .1, at::kFloat, 30};
  const std::vector<std::int64_t> first{0, 1, 3, 6};
  for (const bool darknet : {false, true}) {
    const graph::BatchNorm norm{.epsilon = 1e-3F, .epsilon_outside_root = darknet};
    for (const bool fused : {false, true}) {
      const auto forward = [&](const BatchNormRun& r, Workers* workers) {
        return fused ? batch_norm_activate(r.x, r.trained(norm, workers), 1)
                     : batch_norm(r.x, r.trained(norm, workers));
      };
      BatchNormRun one(c);
      one.through([&](const BatchNormRun& r) { return forward(r, nullptr); });
      std::vector<BatchNormRun> parts;  // here, since all draw from one generator
      for (int i = 0; i < 3; ++i) parts.emplace_back(c);
      as_workers(3, [&](ThreadWorkers& workers) {
        BatchNormRun& part = parts[workers.rank()];
        const std::int64_t begin = first[workers.rank()];
        const std::int64_t count = first[workers.rank() + 1] - begin;
        part.x = part.x.narrow(0, begin, count).clone();
        part.gradient = part.gradient.narrow(0, begin, count);
        part.through([&](const BatchNormRun& r) { return forward(r, &workers); });
      });
      const auto joined = [&](auto of) { return at::cat({of(0), of(1), of(2)}); };
      const auto y = joined([&](int i) { return parts[i].y.detach(); });
      const auto by_x = joined([&](int i) { return parts[i].x.grad(); });
      EXPECT_LT(relative_difference(y, one.y), 2e-5);
      EXPECT_LT(relative_difference(by_x, one.x.grad()), 2e-5);
      const at::Tensor by_scale =
          parts[0].scale.grad() + parts[1].scale.grad() + parts[2].scale.grad();
      EXPECT_LT(relative_difference(by_scale, one.scale.grad()), 2e-5);
      for (const BatchNormRun& part : parts) {
        EXPECT_LT(relative_difference(part.mean, one.mean), 2e-6);
        EXPECT_LT(relative_difference(part.variance, one.variance), 2e-5);
        EXPECT_TRUE(at::equal(part.mean, parts[0].mean));
      }
    }
  }
}

TEST(DropOut, OfAPartOfTheBatchIsThatPartOfTheWhole) {
  const at::Tensor x = at::ones({5, 24, 61, 67});
  const at::Tensor y = drop_out(x, .5, 11, 5);
  EXPECT_TRUE(at::equal(drop_out(x.narrow(0, 2, 3), .5, 11, 5, 2), y.narrow(0, 2, 3)));
}

TEST(DropOut, GradientFollowsTheKeptValues) {
  at::Tensor x = at::ones({2, 8, 5, 3}, at::kBFloat16).requires_grad_();
  const at::Tensor y = drop_out(x, .5, 11, 5);
  torch::autograd::backward({y}, {at::ones_like(y)});
  EXPECT_TRUE(at::equal(x.grad(), y.detach()));
}

TEST(DropOut, DependsOnlyOnSeedAndLayer) {
  const at::Tensor x = at::ones({2, 24, 61, 67});
  const at::Tensor y = drop_out(x, .5, 11, 5);
  const int threads = at::get_num_threads();
  at::set_num_threads(3);
  EXPECT_TRUE(at::equal(y, drop_out(x, .5, 11, 5)));
  at::set_num_threads(threads);
  const auto agreement = [&](const at::Tensor& other) {
    return (y == other).to(at::kDouble).mean().item<double>();
  };
  EXPECT_NEAR(agreement(drop_out(x, .5, 12, 5)), .5, .005);
  EXPECT_NEAR(agreement(drop_out(x, .5, 11, 6)), .5, .005);
}

}  // namespace
}  // namespace oko::train
