// Depthwise convolutions compared with LibTorch's in double precision.
#include "oko/train/depthwise.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <vector>

#include "oko/base/simd.h"
#include "oko/train/test_convolutions.h"

namespace oko::train {
namespace {

struct Case {
  std::int64_t images, channels, height, width, size, stride, padding;

  ConvolutionShape shape() const {
    return {
        {images, channels, height, width}, {channels, 1, size, size}, stride, padding, channels};
  }
};

TEST(Depthwise, ValuesAndGradientsMatchLibTorchWithAnyNumberOfThreads) {
  if (best_simd_target() == SimdTarget::kScalar) GTEST_SKIP();
  for (const Case& c :
       {Case{2, 16, 13, 11, 5, 1, 2}, Case{3, 37, 12, 15, 5, 2, 2}, Case{1, 1, 1, 1, 5, 1, 2},
        Case{2, 20, 9, 8, 7, 3, 1}, Case{1, 8, 6, 6, 5, 1, 0}, Case{1, 4, 2, 3, 5, 1, 4},
        Case{2, 24, 21, 22, 3, 1, 1}, Case{2, 33, 20, 23, 3, 2, 1}, Case{1, 7, 9, 9, 3, 2, 0},
        Case{1, 5, 6, 8, 2, 2, 0}, Case{2, 200, 33, 40, 3, 1, 1}, Case{1, 100, 70, 90, 5, 2, 2}}) {
    SCOPED_TRACE(fmt::format("{} channels, {}x{}", c.channels, c.size, c.size));
    expect_like_libtorch(c.shape(), [&](const at::Tensor& x, const at::Tensor& kernel) {
      return convolve_depthwise(x, kernel, c.stride, c.padding);
    });
  }
}

TEST(Depthwise, NormalizesAtOnceAsAfterwards) {
  if (best_simd_target() == SimdTarget::kScalar) GTEST_SKIP();
  const int threads = at::get_num_threads();
  for (const Case& c : {Case{2, 16, 13, 11, 3, 1, 1}, Case{3, 48, 40, 31, 5, 1, 2},
                        Case{1, 32, 2, 1, 3, 1, 1}, Case{2, 208, 24, 9, 3, 1, 1}}) {
    SCOPED_TRACE(fmt::format("{} channels, {}x{}", c.channels, c.size, c.size));
    const Block expected = block_of(
        c.shape(), [&](const at::Tensor& x, const at::Tensor& kernel, const auto&... norm) {
          return batch_norm_activate(convolve_depthwise(x, kernel, 1, c.padding), norm...);
        });
    std::vector<at::Tensor> by_kernel;
    for (const int count : {1, 3}) {
      at::set_num_threads(count);
      const Block ours = block_of(c.shape(), convolve_depthwise_and_normalize);
      expect_equal_blocks(ours, expected);
      EXPECT_LT(relative_difference(ours.by_kernel, expected.by_kernel.to(at::kDouble)), 2e-6);
      by_kernel.push_back(ours.by_kernel);
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
