#pragma once

#include "oko/base/simd.h"
#include "oko/runtime/team.h"

namespace oko::runtime {

inline constexpr int kPeakNumbers = 64;

// The peak multiply-add rate of this machine: the sums of a block of the engine's matrix kernel
// stay in registers, their factors there or in the L1 cache.
class Peak {
 public:
  // For float32, or for the byte products that the target's int8 kernels use.
  Peak(SimdTarget target, bool bytes, int threads);

  // Runs for about a millisecond. The fastest time is kept, so that a busy moment has no influence.
  void measure();

  // Operations per second, a multiply-add counted as 2. 0 before measure() and if the kernels are
  // plain C++ (kScalar, and int8 on kSse4), which the compiler may transform freely.
  double operations() const { return best_; }

 private:
  // Accumulates products of the kPeakNumbers values `rounds` times into a block of sums, which it
  // stores in their place. Returns the number of operations.
  using Loop = double (*)(int rounds, float* numbers);
  // Null if the kernels are plain C++.
  static Loop float_loop(SimdTarget target);
  static Loop byte_loop(SimdTarget target);

  Loop loop_;
  runtime::Team team_;
  double best_ = 0;
};

}  // namespace oko::runtime
