#include "oko/train/max_pool.h"

#include <gtest/gtest.h>

#include <limits>

namespace oko::train {
namespace {

class MaxPool2x2 : public ::testing::TestWithParam<at::ScalarType> {};

// Few distinct values, so that windows contain ties.
at::Tensor coarse_map(at::IntArrayRef shape, at::ScalarType type) {
  at::manual_seed(3);
  return (at::rand(shape) * 4)
      .floor()
      .to(type)
      .contiguous(at::MemoryFormat::ChannelsLast)
      .requires_grad_();
}

TEST_P(MaxPool2x2, ValuesAndGradientsMatchLibTorch) {
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{2, 16, 8, 6}, {3, 1, 5, 7}, {1, 35, 9, 4}, {2, 3, 2, 2}}) {
    at::Tensor x = coarse_map(shape, GetParam()), same = coarse_map(shape, GetParam());
    const at::Tensor y = max_pool_2x2(x), expected = at::max_pool2d(same, {2, 2}, {2, 2});
    ASSERT_TRUE(at::equal(y, expected));
    const at::Tensor gradient = at::randn(y.sizes()).to(GetParam());
    torch::autograd::backward({y, expected}, {gradient, gradient});
    EXPECT_TRUE(at::equal(x.grad(), same.grad()));
  }
}

TEST_P(MaxPool2x2, NaNIsLargest) {
  at::Tensor x = at::ones({1, 4, 2, 8}, GetParam());
  for (std::int64_t window = 0; window < 4; ++window) {
    x[0][2][window / 2][2 * window + window % 2] = std::numeric_limits<float>::quiet_NaN();
  }
  const at::Tensor y = max_pool_2x2(x);
  EXPECT_TRUE(y.select(1, 2).isnan().all().item<bool>());
  EXPECT_TRUE(at::equal(y.select(1, 1), at::ones({1, 1, 4}, GetParam())));
}

INSTANTIATE_TEST_SUITE_P(Types, MaxPool2x2, ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& test) {
                           return test.param == at::kFloat ? "Float" : "Bfloat16";
                         });

}  // namespace
}  // namespace oko::train
