#include "oko/base/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace oko {
namespace {

Half half(unsigned bits) { return {static_cast<std::uint16_t>(bits)}; }

// From the definition of binary16.
double value_of(unsigned bits) {
  const int exponent = static_cast<int>(bits >> 10 & 31U);
  const double fraction = static_cast<double>(bits & 1023U) / 1024;
  const double size =
      exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1 + fraction, exponent - 15);
  return (bits & 0x8000U) != 0 ? -size : size;
}

TEST(Half, EveryFiniteHalfConvertsExactlyAndBack) {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    if ((bits & 0x7c00U) == 0x7c00U) continue;
    const float value = to_float(half(bits));
    ASSERT_EQ(static_cast<double>(value), value_of(bits)) << bits;
    ASSERT_EQ(std::signbit(value), (bits & 0x8000U) != 0) << bits;
    ASSERT_EQ(to_half(value).bits, bits);
  }
}

TEST(Half, InfinityAndNanArePreserved) {
  EXPECT_EQ(to_float(half(0x7c00)), std::numeric_limits<float>::infinity());
  EXPECT_EQ(to_float(half(0xfc00)), -std::numeric_limits<float>::infinity());
  for (unsigned fraction = 1; fraction < 1024; ++fraction) {
    EXPECT_TRUE(std::isnan(to_float(half(0x7c00U | fraction))));
  }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  for (unsigned bits = 0; bits < 0x7bffU; ++bits) {  // neighbours of one sign
    const double low = value_of(bits), high = value_of(bits + 1), middle = (low + high) / 2;
    const auto tie = static_cast<float>(middle);
    const unsigned even = bits % 2 == 0 ? bits : bits + 1;
    ASSERT_EQ(to_half(tie).bits, even) << bits;
    ASSERT_EQ(to_half(-tie).bits, even | 0x8000U) << bits;
    ASSERT_EQ(to_half(std::nextafter(tie, 0.F)).bits, bits);
    ASSERT_EQ(to_half(std::nextafter(tie, 1e6F)).bits, bits + 1);
  }
}

TEST(Half, TooLargeNumbersBecomeTheLargestFiniteOne) {
  for (const float large : {65504.F, 65519.F, 65520.F, 1e10F, INFINITY}) {
    EXPECT_EQ(to_float(to_half(large)), 65504.F);
    EXPECT_EQ(to_float(to_half(-large)), -65504.F);
  }
}

TEST(Half, NumbersBelowTheSmallestBecomeZero) {
  EXPECT_EQ(to_half(0x1p-26F).bits, 0);
  EXPECT_EQ(to_half(-0x1p-26F).bits, 0x8000);
  EXPECT_EQ(to_half(std::numeric_limits<float>::denorm_min()).bits, 0);
  EXPECT_EQ(to_half(0x1.8p-25F).bits, 1);
}

}  // namespace
}  // namespace oko
