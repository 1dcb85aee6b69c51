// 1x1 convolutions compared with LibTorch's in double precision.
#include "oko/train/pointwise.h"

#include <gtest/gtest.h>

#include <vector>

#include "oko/base/simd.h"
#include "oko/train/test_convolutions.h"

namespace oko::train {
namespace {

struct Case {
  std::int64_t images, in, out, height, width;

  ConvolutionShape shape() const { return {{images, in, height, width}, {out, in, 1, 1}}; }
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
  for (const Case& c : {Case{2, 16, 32, 13, 11}, Case{3, 37, 5, 40, 31}, Case{1, 1, 1, 1, 1},
                        Case{2, 116, 70, 61, 9}, Case{1, 8, 48, 129, 1}, Case{5, 96, 24, 1, 1},
                        Case{1, 300, 401, 6, 7}}) {
    SCOPED_TRACE(c.in);
    expect_like_libtorch(c.shape(), convolve_pointwise);
  }
}

TEST_F(Pointwise, NormalizesAtOnceAsAfterwards) {
  const int threads = at::get_num_threads();
  for (const Case& c : {Case{2, 16, 32, 13, 11}, Case{3, 37, 5, 40, 31}, Case{2, 116, 70, 61, 9},
                        Case{2, 24, 48, 61, 67}, Case{5, 96, 24, 1, 1}}) {
    SCOPED_TRACE(c.in);
    const Block expected =
        block_of(c.shape(), [](const at::Tensor& x, const at::Tensor& kernel, const auto&... norm) {
          return batch_norm_activate(convolve_pointwise(x, kernel), norm...);
        });
    for (const int count : {1, 3}) {
      at::set_num_threads(count);
      const Block ours = block_of(c.shape(), convolve_pointwise_and_normalize);
      expect_equal_blocks(ours, expected);
      EXPECT_TRUE(at::equal(ours.by_kernel, expected.by_kernel));
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
