// Depthwise convolutions compared with LibTorch's in double precision.
#include "oko/train/depthwise.h"

#include <fmt/format.h>
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
  std::int64_t images, channels, height, width, size, stride, padding;
};

TEST(Depthwise, ValuesAndGradientsMatchLibTorchWithAnyNumberOfThreads) {
  if (best_simd_target() == SimdTarget::kScalar) GTEST_SKIP();
  const int threads = at::get_num_threads();
  for (const Case& c :
       {Case{2, 16, 13, 11, 5, 1, 2}, Case{3, 37, 12, 15, 5, 2, 2}, Case{1, 1, 1, 1, 5, 1, 2},
        Case{2, 20, 9, 8, 7, 3, 1}, Case{1, 8, 6, 6, 5, 1, 0}, Case{1, 4, 2, 3, 5, 1, 4},
        Case{2, 24, 21, 22, 3, 1, 1}, Case{2, 33, 20, 23, 3, 2, 1}, Case{1, 7, 9, 9, 3, 2, 0},
        Case{1, 5, 6, 8, 2, 2, 0}, Case{2, 200, 33, 40, 3, 1, 1}, Case{1, 100, 70, 90, 5, 2, 2}}) {
    SCOPED_TRACE(fmt::format("{} channels, {}x{}", c.channels, c.size, c.size));
    at::manual_seed(5);
    const at::Tensor wide_x =
        at::randn({c.images, c.channels, c.height, c.width}, at::kDouble).requires_grad_();
    const at::Tensor wide_kernel =
        at::randn({c.channels, 1, c.size, c.size}, at::kDouble).requires_grad_();
    const at::Tensor expected =
        at::conv2d(wide_x, wide_kernel, {}, c.stride, c.padding, 1, c.channels);
    const at::Tensor gradient = at::randn(expected.sizes());
    torch::autograd::backward({expected}, {gradient.to(at::kDouble)});
    std::vector<at::Tensor> by_kernel;
    for (const int count : {1, 3}) {
      at::set_num_threads(count);
      const at::Tensor x = wide_x.detach().to(at::kFloat).requires_grad_();
      const at::Tensor kernel = wide_kernel.detach().to(at::kFloat).requires_grad_();
      const at::Tensor y = convolve_depthwise(x, kernel, c.stride, c.padding);
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
  at::Tensor x = at::randn({c.images, c.channels, c.height, c.width}).requires_grad_();
  at::Tensor kernel = at::randn({c.channels, 1, c.size, c.size}).requires_grad_();
  const TrainedNorm norm{(at::rand({c.channels}) + .5).requires_grad_(),
                         at::randn({c.channels}).requires_grad_(),
                         at::randn({c.channels}),
                         at::rand({c.channels}) + .5,
                         .9,
                         graph::BatchNorm()};
  const at::Tensor y =
      at_once ? convolve_depthwise_and_normalize(x, kernel, norm, .1)
              : batch_norm_activate(convolve_depthwise(x, kernel, 1, c.padding), norm, .1);
  torch::autograd::backward({y}, {at::randn(y.sizes())});
  return {y.detach(),       x.grad(),           kernel.grad(), norm.scale.grad(),
          norm.bias.grad(), norm.mean.detach(), norm.variance};
}

TEST(Depthwise, NormalizesAtOnceAsAfterwards) {
  if (best_simd_target() == SimdTarget::kScalar) GTEST_SKIP();
  const int threads = at::get_num_threads();
  for (const Case& c : {Case{2, 16, 13, 11, 3, 1, 1}, Case{3, 48, 40, 31, 5, 1, 2},
                        Case{1, 32, 2, 1, 3, 1, 1}, Case{2, 208, 24, 9, 3, 1, 1}}) {
    SCOPED_TRACE(fmt::format("{} channels, {}x{}", c.channels, c.size, c.size));
    const std::vector<at::Tensor> expected = block(c, false);
    std::vector<at::Tensor> by_kernel;
    for (const int count : {1, 3}) {
      at::set_num_threads(count);
      const std::vector<at::Tensor> ours = block(c, true);
      for (std::size_t i = 0; i < ours.size(); ++i) {
        // Only the sums of the kernel's gradient have another order.
        if (i == 2) continue;
        EXPECT_TRUE(at::equal(ours[i], expected[i])) << i;
      }
      EXPECT_LT(relative_difference(ours[2], expected[2].to(at::kDouble)), 2e-6);
      by_kernel.push_back(ours[2]);
    }
    EXPECT_TRUE(at::equal(by_kernel[0], by_kernel[1]));
  }
  at::set_num_threads(threads);
}

TEST(Depthwise, NormalizesAtOnceWhereBandsAreWholeVectors) {
  if (best_simd_target() == SimdTarget::kScalar) GTEST_SKIP();
  const graph::Convolution usual{
      .filters = 32, .size = 5, .stride = 1, .groups = 32, .padding = graph::Padding::all(2)};
  EXPECT_TRUE(has_depthwise_and_normalize(usual, at::zeros({1, 32, 8, 8})));
  const auto changed = [&](auto change, int channels = 32) {
    graph::Convolution conv = usual;
    change(conv);
    return has_depthwise_and_normalize(conv, at::zeros({1, channels, 8, 8}));
  };
  EXPECT_FALSE(changed([](graph::Convolution& c) { c.stride = 2; }));
  EXPECT_FALSE(changed([](graph::Convolution& c) { c.padding.bottom = 3; }));
  EXPECT_FALSE(changed([](graph::Convolution& c) { c.padding = graph::Padding::all(1); }));
  EXPECT_FALSE(changed([](graph::Convolution& c) { c.groups = c.filters = 33; }, 33));
}

TEST(Depthwise, IsForOneWindowOfEachChannel) {
  if (best_simd_target() == SimdTarget::kScalar) GTEST_SKIP();
  const graph::Convolution usual{.filters = 16, .size = 5, .groups = 16};
  const at::Tensor x = at::zeros({1, 16, 8, 8});
  EXPECT_TRUE(has_depthwise(usual, x));
  EXPECT_FALSE(has_depthwise(usual, x.to(at::kBFloat16)));
  graph::Convolution dense = usual, doubled = usual;
  dense.groups = 1;
  doubled.filters = 32;
  EXPECT_FALSE(has_depthwise(dense, x));
  EXPECT_FALSE(has_depthwise(doubled, x));
}

}  // namespace
}  // namespace oko::train
