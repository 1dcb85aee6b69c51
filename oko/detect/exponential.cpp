#include "oko/detect/exponential.h"

#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

// Uses only +, -, * and / of IEEE doubles and conversions, which round the same way everywhere, as
// long as the compiler keeps them separate: this folder is compiled with -ffp-contract=off (see
// CMakeLists.txt), because fused multiply-adds, which GCC and Clang otherwise generate on targets
// that have them, round once instead of twice.
static_assert(FLT_EVAL_METHOD == 0, "float and double must be computed in their own precision");
static_assert(std::numeric_limits<double>::is_iec559);

namespace oko::detect {
namespace {

// e^x for |x| < 700: x = k ln 2 + r with |r| <= ln 2 / 2, and the Taylor series of e^r, whose
// remainder r^10 / 10! is below 1e-11. As k is small, the error of k ln 2 is below 1e-14.
double exponential_of(double x) {
  const double turns = x * std::numbers::log2e;
  const auto k = static_cast<int>(turns < 0 ? turns - .5 : turns + .5);
  const double r = x - k * std::numbers::ln2;
  double sum = 1;
  for (int i = 9; i > 0; --i) sum = 1 + sum * r * (1. / i);
  const auto power = static_cast<std::uint64_t>(1023 + k) << 52;  // the bits of 2^k
  return sum * std::bit_cast<double>(power);
}

}  // namespace

float exponential(float x) {
  if (std::isnan(x)) return x;
  if (x > 88.8F) return std::numeric_limits<float>::infinity();
  if (x < -104) return 0;
  const double y = exponential_of(x);
  // Halfway from the largest float to the next power of two: rounds up from here.
  return y < 0x1.ffffffp127 ? static_cast<float>(y) : std::numeric_limits<float>::infinity();
}

float sigmoid(float x) {
  if (std::isnan(x)) return x;
  if (x > 104) return 1;
  if (x < -104) return 0;
  return static_cast<float>(1 / (1 + exponential_of(-static_cast<double>(x))));
}

}  // namespace oko::detect
