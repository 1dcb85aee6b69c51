// 1x1 convolutions compared with LibTorch's in double precision.
#include "oko/train/pointwise.h"

#include <gtest/gtest.h>

#include <vector>

#include "oko/base/simd.h"
#include "oko/train/batch_norm_activate.h"

namespace oko::train {
namespace {

// max |a − b| / max |b|
double relative_difference(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  const at::Tensor wide = a.detach().to(at::kDouble), expected = b.detach();
  return (wide - expected).abs().max().item<double>() / expected.abs().max().item<double>();
}

struct Case {
  std::int64_t images, in, out, height, width;
};

class Pointwise : public ::testing::Test {
 protected:
  void SetUp() override {
    if (best_simd_target() == SimdTarget::kScalar) {
      GTEST_SKIP() << "this machine has no vector instructions that oko uses";
    }
  }
};

TEST_F(Pointwise, ValuesAndGradientsMatchLibTorchWithAnyNumberOfThreads) {
  const int threads = at::get_num_threads();
  for (const Case& c : {Case{2, 16, 32, 13, 11}, Case{3, 37, 5, 40, 31}, Case{1, 1, 1, 1, 1},
                        Case{2, 116, 70, 61, 9}, Case{1, 8, 48, 129, 1}, Case{5, 96, 24, 1, 1},
                        Case{1, 300, 401, 6, 7}}) {
    SCOPED_TRACE(c.in);
    at::manual_seed(5);
    const at::Tensor wide_x = at::randn({c.images, c.in, c.height, c.width}, at::kDouble)
                                  .contiguous(at::MemoryFormat::ChannelsLast)
                                  .requires_grad_();
    const at::Tensor wide_kernel = at::randn({c.out, c.in, 1, 1}, at::kDouble).requires_grad_();
    const at::Tensor expected = at::conv2d(wide_x, wide_kernel);
    const at::Tensor gradient = at::randn(expected.sizes());
    torch::autograd::backward({expected}, {gradient.to(at::kDouble)});
    std::vector<at::Tensor> by_kernel;
    for (const int count : {1, 3}) {
      at::set_num_threads(count);
      const at::Tensor x = wide_x.detach().to(at::kFloat).requires_grad_();
      const at::Tensor kernel = wide_kernel.detach().to(at::kFloat).requires_grad_();
      const at::Tensor y = convolve_pointwise(x, kernel);
      torch::autograd::backward({y}, {gradient});
      EXPECT_LT(relative_difference(y, expected), 1e-6);
      EXPECT_LT(relative_difference(x.grad(), wide_x.grad()), 1e-6);
      EXPECT_LT(relative_difference(kernel.grad(), wide_kernel.grad()), 2e-6);
      by_kernel.push_back(kernel.grad());
    }
    EXPECT_TRUE(at::equal(by_kernel[0], by_kernel[1]));
  }
  at::set_num_threads(threads);
}

// All that a block of convolution, batch norm and activation computes.
std::vector<at::Tensor> block(const Case& c, bool at_once) {
  at::manual_seed(9);
  at::Tensor x = at::randn({c.images, c.in, c.height, c.width}).requires_grad_();
  at::Tensor kernel = at::randn({c.out, c.in, 1, 1}).requires_grad_();
  const TrainedNorm norm{(at::rand({c.out}) + .5).requires_grad_(),
                         at::randn({c.out}).requires_grad_(),
                         at::randn({c.out}),
                         at::rand({c.out}) + .5,
                         .9,
                         graph::BatchNorm()};
  const at::Tensor y = at_once ? convolve_pointwise_and_normalize(x, kernel, norm, .1)
                               : batch_norm_activate(convolve_pointwise(x, kernel), norm, .1);
  torch::autograd::backward({y}, {at::randn(y.sizes())});
  return {y.detach(),       x.grad(),           kernel.grad(), norm.scale.grad(),
          norm.bias.grad(), norm.mean.detach(), norm.variance};
}

TEST_F(Pointwise, NormalizesAtOnceAsAfterwards) {
  const int threads = at::get_num_threads();
  for (const Case& c : {Case{2, 16, 32, 13, 11}, Case{3, 37, 5, 40, 31}, Case{2, 116, 70, 61, 9},
                        Case{2, 24, 48, 61, 67}, Case{5, 96, 24, 1, 1}}) {
    SCOPED_TRACE(c.in);
    const std::vector<at::Tensor> expected = block(c, false);
    for (const int count : {1, 3}) {
      at::set_num_threads(count);
      const std::vector<at::Tensor> ours = block(c, true);
      for (std::size_t i = 0; i < ours.size(); ++i) {
        EXPECT_TRUE(at::equal(ours[i], expected[i])) << i;
      }
    }
  }
  at::set_num_threads(threads);
}

TEST_F(Pointwise, ComputesOnlyTheGradientsThatAreNeeded) {
  const at::Tensor x = at::randn({2, 8, 5, 5}).requires_grad_(), kernel = at::randn({4, 8, 1, 1});
  convolve_pointwise(x, kernel).sum().backward();
  EXPECT_TRUE(x.grad().defined());
  const at::Tensor first = x.detach(), trained = kernel.clone().requires_grad_();
  convolve_pointwise(first, trained).sum().backward();
  EXPECT_TRUE(trained.grad().defined());
  EXPECT_FALSE(first.grad().defined());
}

TEST_F(Pointwise, IsForDenseFloat32ConvolutionsOf1x1) {
  const at::Tensor x = at::zeros({1, 32, 8, 8});
  const graph::Convolution usual{.filters = 32, .size = 1, .stride = 1};
  EXPECT_TRUE(has_pointwise(usual, x));
  EXPECT_FALSE(has_pointwise(usual, x.to(at::kBFloat16)));
  const auto changed = [&](auto change) {
    graph::Convolution conv = usual;
    change(conv);
    return has_pointwise(conv, x);
  };
  EXPECT_FALSE(changed([](graph::Convolution& c) { c.size = 3; }));
  EXPECT_FALSE(changed([](graph::Convolution& c) { c.stride = 2; }));
  EXPECT_FALSE(changed([](graph::Convolution& c) { c.groups = 32; }));
  EXPECT_FALSE(changed([](graph::Convolution& c) { c.filters = 1 << 20; }));
}

}  // namespace
}  // namespace oko::train
