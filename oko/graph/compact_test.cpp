#include "oko/graph/compact.h"

#include <gtest/gtest.h>

#include <cmath>

#include "oko/base/error.h"
#include "oko/graph/oko_file.h"

namespace oko::graph {
namespace {

TEST(Precision, NamesComeBack) {
  for (const Precision p : {Precision::kFloat32, Precision::kFloat16, Precision::kInt8}) {
    EXPECT_EQ(value_named<Precision>(word_of(p)), p);
  }
  EXPECT_FALSE(value_named<Precision>("fp64").has_value());
  EXPECT_FALSE(value_named<Precision>("model").has_value());
}

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

Network reread(const Network& network, Precision storage) {
  return read_oko(Bytes(write_oko(network, {}, storage)), "test").network;
}

TEST(Compact, StoredKernelsRoundTripWithinTheirRounding) {
  const Network network = one_convolution();
  EXPECT_EQ(largest_error(network, reread(network, Precision::kFloat32), 2), 0);
  for (std::size_t f = 0; f < 3; ++f) {
    const float size = static_cast<float>(f + 1);
    EXPECT_LE(largest_error(network, reread(network, Precision::kFloat16), f), size / 2048);
    EXPECT_LE(largest_error(network, reread(network, Precision::kInt8), f), size / 254 * 1.001F);
  }
  const Network back = reread(network, Precision::kInt8);
  EXPECT_EQ(back.weights.size(), 2U);  // the scales are removed
  EXPECT_EQ(back.weights.at("a.bias").floats()[2], 3);
  EXPECT_GT(largest_error(network, back, 0), 0);
}

TEST(Compact, RoundedInt8KernelsAreNotRoundedAgain) {
  const Network once = reread(one_convolution(), Precision::kInt8);
  const Network twice = reread(once, Precision::kInt8);
  for (std::size_t f = 0; f < 3; ++f) EXPECT_LT(largest_error(once, twice, f), 1e-6F);
}

TEST(Compact, AFilterOfZerosStaysZero) {
  Network network = one_convolution();
  network.weights["a.kernel"] = Tensor::of(std::vector<float>(54), {3, 2, 3, 3});
  EXPECT_EQ(largest_error(network, reread(network, Precision::kInt8), 1), 0);
}

TEST(Compact, FiltersOfTheSmallestFloatsBecomeInt8) {
  Network network = one_convolution();
  std::vector<float> kernel(54);
  kernel[0] = 1e-38F;
  kernel[1] = 1e-45F;
  network.weights["a.kernel"] = Tensor::of(kernel, {3, 2, 3, 3});
  EXPECT_LT(largest_error(network, reread(network, Precision::kInt8), 0), 1e-40F);
}

std::string refusal(float number, Precision storage) {
  Network network = one_convolution();
  std::vector<float> kernel(54, 1);
  kernel[7] = number;
  network.weights["a.kernel"] = Tensor::of(kernel, {3, 2, 3, 3});
  try {
    compacted(network, storage);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    return error.what();
  }
  return "nothing was refused";
}

TEST(Compact, ValuesThatAStorageCannotHoldAreRejectedByLayer) {
  constexpr const char* kDiverged = " (use a checkpoint from before the training diverged)";
  const std::string place = "layer 0 (a, convolution): the kernel has ";
  for (const Precision storage : {Precision::kFloat16, Precision::kInt8}) {
    EXPECT_EQ(refusal(NAN, storage), place + "nan at 7" + kDiverged);
    EXPECT_EQ(refusal(-INFINITY, storage), place + "-inf at 7" + kDiverged);
    EXPECT_EQ(refusal(-65504, storage), "nothing was refused");
  }
  EXPECT_EQ(refusal(-70000, Precision::kFloat16),
            place + "-70000 at 7; float16 ends at 65504 (keep the weights as float32)");
  EXPECT_EQ(refusal(3e38F, Precision::kInt8), "nothing was refused");
  EXPECT_EQ(refusal(NAN, Precision::kFloat32), "nothing was refused");
}

TEST(Compact, Int8KernelsWithoutScalesAreRejected) {
  Weights weights = compacted(one_convolution(), Precision::kInt8);
  ASSERT_EQ(weights.count("a.kernel_scale"), 1U);
  Weights short_scales = weights;
  short_scales["a.kernel_scale"] = Tensor::of({1, 2}, {2});
  EXPECT_THROW(expand(short_scales, "x"), Error);
  weights.erase("a.kernel_scale");
  EXPECT_THROW(expand(weights, "x"), Error);
}

}  // namespace
}  // namespace oko::graph
