// Winograd's convolution and its gradients compared with LibTorch's own in double precision.
#include "oko/train/winograd.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "oko/train/test_convolutions.h"
#include "oko/train/winograd_passes.h"

namespace oko::train {
namespace {

struct Case {
  std::int64_t images, in, out, height, width;
  int padding = 1;
};

// Inputs and results of one convolution. All targets get the same values.
struct Passes {
  explicit Passes(const Case& c) {
    at::manual_seed(11);
    x = at::randn({c.images, c.in, c.height, c.width}).contiguous(at::MemoryFormat::ChannelsLast);
    kernel = (at::randn({c.out, c.in, 3, 3}) * .2).contiguous(at::MemoryFormat::ChannelsLast);
    gradient =
        at::randn({c.images, c.out, c.height + 2 * c.padding - 2, c.width + 2 * c.padding - 2})
            .contiguous(at::MemoryFormat::ChannelsLast);
    shape = {c.images, c.height, c.width, c.in, c.out, c.padding};
  }

  void through(const ConvolutionKernels& kernels) {
    y = at::empty(gradient.sizes(), x.options(), at::MemoryFormat::ChannelsLast);
    by_x = at::empty(x.sizes(), x.options(), at::MemoryFormat::ChannelsLast);
    by_kernel = at::empty(kernel.sizes(), x.options(), at::MemoryFormat::ChannelsLast);
    const auto values = [](const at::Tensor& t) { return t.data_ptr<float>(); };
    winograd_forward(kernels, shape, values(x), values(kernel), values(y));
    winograd_input_gradient(kernels, shape, values(gradient), values(kernel), values(by_x));
    winograd_kernel_gradient(kernels, shape, values(x), values(gradient), values(by_kernel));
  }

  void through_libtorch() {
    const at::Tensor wide_x = x.to(at::kDouble).requires_grad_();
    const at::Tensor wide_kernel = kernel.to(at::kDouble).requires_grad_();
    y = at::conv2d(wide_x, wide_kernel, {}, 1, shape.padding);
    torch::autograd::backward({y}, {gradient.to(at::kDouble)});
    by_x = wide_x.grad();
    by_kernel = wide_kernel.grad();
  }

  WinogradShape shape;
  at::Tensor x, kernel, gradient, y, by_x, by_kernel;
};

class Winograd : public ::testing::TestWithParam<Case> {};

TEST_P(Winograd, ValuesAndGradientsMatchLibTorchOnEveryTarget) {
  Passes libtorch(GetParam());
  libtorch.through_libtorch();
  for (const SimdTarget target : simd_targets()) {
    const ConvolutionKernels* kernels = convolution_kernels(target);
    if (kernels == nullptr) continue;
    SCOPED_TRACE(name_of(target));
    Passes ours(GetParam());
    ours.through(*kernels);
    EXPECT_LT(relative_difference(ours.y, libtorch.y), 2e-5);
    EXPECT_LT(relative_difference(ours.by_x, libtorch.by_x), 2e-5);
    EXPECT_LT(relative_difference(ours.by_kernel, libtorch.by_kernel), 2e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Winograd,
                         ::testing::Values(Case{2, 16, 32, 8, 8}, Case{1, 1, 1, 1, 1},
                                           Case{3, 5, 7, 1, 1}, Case{1, 16, 16, 2, 9},
                                           Case{2, 17, 33, 13, 11}, Case{2, 3, 40, 37, 41},
                                           Case{2, 24, 20, 9, 30, 0}, Case{2, 24, 20, 6, 5, 2},
                                           // kernels and maps computed part by part
                                           Case{3, 130, 100, 13, 13}, Case{2, 200, 331, 5, 6},
                                           Case{3, 700, 24, 47, 50}, Case{9, 20, 24, 64, 61}),
                         [](const auto& test) {
                           const Case& c = test.param;
                           return std::to_string(c.images) + "x" + std::to_string(c.in) + "x" +
                                  std::to_string(c.height) + "x" + std::to_string(c.width) + "To" +
                                  std::to_string(c.out) + "Padding" + std::to_string(c.padding);
                         });

// Through autograd.
struct Gradients {
  at::Tensor y, by_x, by_kernel;
};
Gradients gradients_of(Passes passes, bool by_x, bool by_kernel) {
  passes.x.requires_grad_(by_x);
  passes.kernel.requires_grad_(by_kernel);
  const at::Tensor y = convolve_winograd(passes.x, passes.kernel, passes.shape.padding);
  torch::autograd::backward({y}, {passes.gradient});
  return {y.detach(), passes.x.grad(), passes.kernel.grad()};
}

class WinogradFunction : public ::testing::Test {
 protected:
  void SetUp() override {
    if (convolution_kernels(best_simd_target()) == nullptr) {
      GTEST_SKIP() << "this machine has no vector instructions that oko uses";
    }
  }
};

TEST_F(WinogradFunction, IsTheSameWithAnyNumberOfThreads) {
  for (const Case& c : {Case{5, 24, 40, 61, 67}, Case{3, 130, 100, 13, 13}}) {
    const int threads = at::get_num_threads();
    at::set_num_threads(1);
    const Gradients one = gradients_of(Passes(c), true, true);
    at::set_num_threads(3);
    const Gradients three = gradients_of(Passes(c), true, true);
    at::set_num_threads(threads);
    EXPECT_TRUE(at::equal(one.y, three.y));
    EXPECT_TRUE(at::equal(one.by_x, three.by_x));
    EXPECT_TRUE(at::equal(one.by_kernel, three.by_kernel));
  }
}

TEST_F(WinogradFunction, ComputesOnlyTheGradientsThatAreNeeded) {
  const Case c{2, 16, 24, 7, 9};
  const Gradients both = gradients_of(Passes(c), true, true);
  const Gradients frozen = gradients_of(Passes(c), true, false);
  const Gradients first = gradients_of(Passes(c), false, true);
  EXPECT_TRUE(at::equal(frozen.by_x, both.by_x));
  EXPECT_FALSE(frozen.by_kernel.defined());
  EXPECT_FALSE(first.by_x.defined());
  EXPECT_TRUE(at::equal(first.by_kernel, both.by_kernel));
}

TEST_F(WinogradFunction, AcceptsTensorsAndGradientsOfAnyLayout) {
  const Case c{2, 16, 24, 7, 9};
  const Gradients expected = gradients_of(Passes(c), true, true);
  Passes planar(c);
  for (at::Tensor* t : {&planar.x, &planar.kernel, &planar.gradient}) *t = t->contiguous();
  const Gradients ours = gradients_of(planar, true, true);
  EXPECT_TRUE(at::equal(ours.y, expected.y));
  EXPECT_TRUE(at::equal(ours.by_x, expected.by_x));
  EXPECT_TRUE(at::equal(ours.by_kernel, expected.by_kernel));
}

TEST(HasWinograd, IsForDenseFloat32ConvolutionsOf3x3) {
  if (convolution_kernels(best_simd_target()) == nullptr) GTEST_SKIP();
  const at::Tensor x = at::zeros({1, 32, 8, 8});
  const graph::Convolution usual{.filters = 32, .size = 3, .stride = 1};
  EXPECT_TRUE(has_winograd(usual, x));
  EXPECT_FALSE(has_winograd(usual, x.to(at::kBFloat16)));
  const auto changed = [&](auto change) {
    graph::Convolution conv = usual;
    change(conv);
    return has_winograd(conv, x);
  };
  EXPECT_FALSE(changed([](graph::Convolution& c) { c.size = 1; }));
  EXPECT_FALSE(changed([](graph::Convolution& c) { c.stride = 2; }));
  EXPECT_FALSE(changed([](graph::Convolution& c) { c.dilation = 2; }));
  EXPECT_FALSE(changed([](graph::Convolution& c) { c.groups = 32; }));
}

}  // namespace
}  // namespace oko::train
