#include "oko/detect/exponential.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace oko::detect {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Calls visit(x) for values of both signs and every exponent, `per_power` between two powers of 2.
template <typename Visit>
void for_many_floats(std::uint32_t per_power, Visit visit) {
  const std::uint32_t step = (1U << 23) / per_power;
  for (std::uint32_t bits = 0; bits < std::bit_cast<std::uint32_t>(kInfinity); bits += step) {
    visit(std::bit_cast<float>(bits));
    visit(-std::bit_cast<float>(bits));
  }
}

// Error of `value`, in units in the last place of a float.
long double ulps(float value, long double truth) {
  if (truth > std::numeric_limits<float>::max()) return std::isinf(value) ? 0 : 1e9L;
  int exponent = 0;
  std::frexp(truth, &exponent);
  const long double unit = std::ldexp(1.0L, std::max(exponent - 24, -149));
  return std::abs(static_cast<long double>(value) - truth) / unit;
}

TEST(Exponential, IsWithinOneUnitOfTheLastPlace) {
  long double worst = 0;
  for_many_floats(301, [&](float x) {
    worst = std::max(worst, ulps(exponential(x), std::exp(static_cast<long double>(x))));
  });
  EXPECT_LT(worst, .501L);
}

TEST(Sigmoid, IsWithinOneUnitOfTheLastPlace) {
  long double worst = 0;
  for_many_floats(301, [&](float x) {
    const auto truth = 1 / (1 + std::exp(-static_cast<long double>(x)));
    worst = std::max(worst, ulps(sigmoid(x), truth));
  });
  EXPECT_LT(worst, .501L);
}

TEST(Exponential, HandlesTheLimits) {
  EXPECT_EQ(exponential(0), 1);
  EXPECT_EQ(exponential(-0.F), 1);
  EXPECT_TRUE(std::isfinite(exponential(88.72283F)));  // ln of the largest float is 88.722839
  EXPECT_EQ(exponential(88.72284F), kInfinity);
  EXPECT_EQ(exponential(kInfinity), kInfinity);
  EXPECT_EQ(exponential(-103.9F), std::numeric_limits<float>::denorm_min());
  EXPECT_EQ(exponential(-104), 0);
  EXPECT_EQ(exponential(-kInfinity), 0);
  EXPECT_TRUE(std::isnan(exponential(std::nanf(""))));
}

TEST(Sigmoid, HandlesTheLimits) {
  EXPECT_EQ(sigmoid(0), .5F);
  EXPECT_EQ(sigmoid(20), 1);
  EXPECT_EQ(sigmoid(kInfinity), 1);
  EXPECT_EQ(sigmoid(-kInfinity), 0);
  EXPECT_GT(sigmoid(-100), 0);
  EXPECT_TRUE(std::isnan(sigmoid(std::nanf(""))));
}

TEST(Sigmoid, IsMonotonic) {
  float before = 0;
  for (float x = -30; x < 30; x += .0005F) {
    const float y = sigmoid(x);
    ASSERT_GE(y, before) << x;
    before = y;
  }
}

// A hash of the bits of every result: it must be the same on every machine.
TEST(Exponential, GivesTheSameBitsEverywhere) {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a of the words
  for_many_floats(101, [&](float x) {
    for (const float y : {exponential(x), sigmoid(x)}) {
      hash = (hash ^ std::bit_cast<std::uint32_t>(y)) * 0x100000001b3U;
    }
  });
  EXPECT_EQ(hash, 9343612203317849700U);
}

}  // namespace
}  // namespace oko::detect
