// Convolutions of a few channels compared with LibTorch's in double precision.
#include "oko/train/few_channels.h"

#include <gtest/gtest.h>

#include "oko/base/simd.h"
#include "oko/train/test_convolutions.h"

namespace oko::train {
namespace {

struct Case {
  std::int64_t images, in, out, height, width, size, stride, padding;
};

TEST(FewChannels, ValuesAndGradientsMatchLibTorch) {
  for (const Case& c :
       {Case{2, 3, 16, 21, 34, 3, 1, 1}, Case{3, 3, 24, 32, 29, 3, 2, 1},
        Case{1, 4, 33, 19, 17, 6, 2, 2}, Case{2, 1, 7, 5, 6, 1, 1, 0}, Case{1, 2, 8, 1, 1, 3, 1, 1},
        Case{1, 3, 40, 11, 13, 3, 1, 0}, Case{1, 3, 5, 12, 9, 7, 4, 3}}) {
    SCOPED_TRACE(c.out);
    at::manual_seed(5);
    at::Tensor x = at::randn({c.images, c.in, c.height, c.width})
                       .contiguous(at::MemoryFormat::ChannelsLast)
                       .requires_grad_();
    at::Tensor kernel = at::randn({c.out, c.in, c.size, c.size}).requires_grad_();
    const at::Tensor y = convolve_few_channels(x, kernel, c.stride, c.padding);
    const at::Tensor gradient = at::randn(y.sizes());
    torch::autograd::backward({y}, {gradient});
    const at::Tensor wide_x = x.detach().to(at::kDouble).requires_grad_();
    const at::Tensor wide_kernel = kernel.detach().to(at::kDouble).requires_grad_();
    const at::Tensor expected = at::conv2d(wide_x, wide_kernel, {}, c.stride, c.padding);
    torch::autograd::backward({expected}, {gradient.to(at::kDouble)});
    EXPECT_LT(relative_difference(y, expected), 1e-6);
    EXPECT_LT(relative_difference(x.grad(), wide_x.grad()), 1e-5);
    EXPECT_LT(relative_difference(kernel.grad(), wide_kernel.grad()), 1e-5);
  }
}

TEST(FewChannels, AreTheSameWithAnyNumberOfThreads) {
  at::manual_seed(5);
  const at::Tensor x = at::randn({3, 3, 70, 50}), kernel = at::randn({16, 3, 3, 3});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor one = convolve_few_channels(x, kernel, 1, 1);
  at::set_num_threads(3);
  const at::Tensor three = convolve_few_channels(x, kernel, 1, 1);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(one, three));
}

TEST(FewChannels, AreThoseOfImages) {
  if (best_simd_target() == SimdTarget::kScalar) GTEST_SKIP();
  const graph::Convolution usual{.filters = 16, .size = 3, .stride = 2};
  const at::Tensor image = at::zeros({1, 3, 8, 8});
  EXPECT_TRUE(has_few_channels(usual, image));
  EXPECT_FALSE(has_few_channels(usual, at::zeros({1, 16, 8, 8})));
  EXPECT_FALSE(has_few_channels(usual, image.to(at::kBFloat16)));
  graph::Convolution depthwise = usual;
  depthwise.groups = 3;
  EXPECT_FALSE(has_few_channels(depthwise, image));
}

}  // namespace
}  // namespace oko::train
