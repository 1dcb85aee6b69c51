#pragma once

// For tests of convolutions: comparison with LibTorch's in double precision, and blocks of a
// convolution, batch norm and activation.
#include <gtest/gtest.h>

#include <vector>

#include "oko/train/aten.h"
#include "oko/train/batch_norm_activate.h"

namespace oko::train {

// max |a − b| / max |b|
inline double relative_difference(const at::Tensor& a, const at::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  const at::Tensor wide = a.detach().to(at::kDouble), expected = b.detach();
  return (wide - expected).abs().max().item<double>() / expected.abs().max().item<double>();
}

struct ConvolutionShape {
  std::vector<std::int64_t> x, kernel;
  std::int64_t stride = 1, padding = 0, groups = 1;
};

// Values and gradients of convolve(x, kernel), the last the same with any number of threads.
template <typename Convolve>
void expect_like_libtorch(const ConvolutionShape& c, const Convolve& convolve) {
  const int threads = at::get_num_threads();
  at::manual_seed(5);
  const at::Tensor wide_x = at::randn(c.x, at::kDouble).requires_grad_();
  const at::Tensor wide_kernel = at::randn(c.kernel, at::kDouble).requires_grad_();
  const at::Tensor expected = at::conv2d(wide_x, wide_kernel, {}, c.stride, c.padding, 1, c.groups);
  const at::Tensor gradient = at::randn(expected.sizes());
  torch::autograd::backward({expected}, {gradient.to(at::kDouble)});
  std::vector<at::Tensor> by_kernel;
  for (const int count : {1, 3}) {
    at::set_num_threads(count);
    const at::Tensor x = wide_x.detach().to(at::kFloat).requires_grad_();
    const at::Tensor kernel = wide_kernel.detach().to(at::kFloat).requires_grad_();
    const at::Tensor y = convolve(x, kernel);
    torch::autograd::backward({y}, {gradient});
    EXPECT_LT(relative_difference(y, expected), 1e-6);
    EXPECT_LT(relative_difference(x.grad(), wide_x.grad()), 1e-6);
    EXPECT_LT(relative_difference(kernel.grad(), wide_kernel.grad()), 2e-6);
    by_kernel.push_back(kernel.grad());
  }
  EXPECT_TRUE(at::equal(by_kernel[0], by_kernel[1]));
  at::set_num_threads(threads);
}

// All that a block with leaky activation computes.
struct Block {
  at::Tensor y, by_x, by_kernel, by_scale, by_bias, mean, variance;
};

// Of forward(x, kernel, norm, slope), from the same values in every call.
template <typename Forward>
Block block_of(const ConvolutionShape& c, const Forward& forward) {
  at::manual_seed(9);
  const std::int64_t out = c.kernel[0];
  at::Tensor x = at::randn(c.x).requires_grad_();
  at::Tensor kernel = at::randn(c.kernel).requires_grad_();
  const TrainedNorm norm{(at::rand({out}) + .5).requires_grad_(),
                         at::randn({out}).requires_grad_(),
                         at::randn({out}),
                         at::rand({out}) + .5,
                         .9,
                         graph::BatchNorm()};
  const at::Tensor y = forward(x, kernel, norm, .1);
  torch::autograd::backward({y}, {at::randn(y.sizes())});
  return {y.detach(),       x.grad(),  kernel.grad(), norm.scale.grad(),
          norm.bias.grad(), norm.mean, norm.variance};
}

// All but by_kernel, whose sums may have another order.
inline void expect_equal_blocks(const Block& a, const Block& b) {
  EXPECT_TRUE(at::equal(a.y, b.y));
  EXPECT_TRUE(at::equal(a.by_x, b.by_x));
  EXPECT_TRUE(at::equal(a.by_scale, b.by_scale));
  EXPECT_TRUE(at::equal(a.by_bias, b.by_bias));
  EXPECT_TRUE(at::equal(a.mean, b.mean));
  EXPECT_TRUE(at::equal(a.variance, b.variance));
}

}  // namespace oko::train
