#include "oko/graph/compact.h"

#include <gtest/gtest.h>

#include <cmath>

#include "oko/base/error.h"
#include "oko/graph/oko_file.h"

namespace oko::graph {
namespace {

Network one_convolution() {
  Network network;
  network.input = {2, 4, 4};
  network.layers = {{"a", Convolution{3, 3, 1, 1, Padding::all(1)}, {kNetworkInput}, {}}};
  infer_shapes(network);
  std::vector<float> kernel(3 * 2 * 9), bias{1, 2, 3};
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    kernel[i] = std::sin(static_cast<float>(i)) * static_cast<float>(i / 18 + 1);
  }
  network.weights["a.kernel"] = Tensor::of(kernel, {3, 2, 3, 3});
  network.weights["a.bias"] = Tensor::of(bias, {3});
  return network;
}

float largest_error(const Network& a, const Network& b, std::size_t filter) {
  const auto x = a.weights.at("a.kernel").floats(), y = b.weights.at("a.kernel").floats();
  float most = 0;
  for (std::size_t i = filter * 18; i < (filter + 1) * 18; ++i) {
    most = std::max(most, std::fabs(x[i] - y[i]));
  }
  return most;
}

Network reread(const Network& network, KernelStorage storage) {
  return read_oko(Bytes(write_oko(network, {}, storage)), "test").network;
}

TEST(Compact, StoredKernelsComeBackAsFloatsWithinTheirRounding) {
  const Network network = one_convolution();
  EXPECT_EQ(largest_error(network, reread(network, KernelStorage::kFloat32), 2), 0);
  for (std::size_t f = 0; f < 3; ++f) {
    const float size = static_cast<float>(f + 1);
    EXPECT_LE(largest_error(network, reread(network, KernelStorage::kFloat16), f), size / 2048);
    EXPECT_LE(largest_error(network, reread(network, KernelStorage::kInt8), f),
              size / 254 * 1.001F);
  }
  const Network back = reread(network, KernelStorage::kInt8);
  EXPECT_EQ(back.weights.size(), 2U);  // the scales are taken away
  EXPECT_EQ(back.weights.at("a.bias").floats()[2], 3);
  EXPECT_GT(largest_error(network, back, 0), 0);
}

TEST(Compact, BytesRoundedOnceAreNotRoundedAgain) {
  const Network once = reread(one_convolution(), KernelStorage::kInt8);
  const Network twice = reread(once, KernelStorage::kInt8);
  for (std::size_t f = 0; f < 3; ++f) EXPECT_LT(largest_error(once, twice, f), 1e-6F);
}

TEST(Compact, AFilterOfZerosStaysZero) {
  Network network = one_convolution();
  network.weights["a.kernel"] = Tensor::of(std::vector<float>(54), {3, 2, 3, 3});
  EXPECT_EQ(largest_error(network, reread(network, KernelStorage::kInt8), 1), 0);
}

TEST(Compact, BytesWithoutTheirScalesAreRefused) {
  Weights weights = compacted(one_convolution(), KernelStorage::kInt8);
  ASSERT_EQ(weights.count("a.kernel_scale"), 1U);
  Weights short_scales = weights;
  short_scales["a.kernel_scale"] = Tensor::of({1, 2}, {2});
  EXPECT_THROW(expand(short_scales, "x"), Error);
  weights.erase("a.kernel_scale");
  EXPECT_THROW(expand(weights, "x"), Error);
}

}  // namespace
}  // namespace oko::graph
