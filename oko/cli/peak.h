#pragma once

#include "oko/base/simd.h"
#include "oko/runtime/team.h"

namespace oko::cli {

inline constexpr int kPeakNumbers = 64;

// How fast this machine can multiply and add when nothing else holds it up: the sums of a block of
// the engine's matrix kernel stay in registers, what they are made of there or in the first-level
// cache.
class Peak {
 public:
  // Of float32, or of the products of bytes that the target's int8 kernels use.
  Peak(SimdTarget target, bool bytes, int threads);

  // Works for about a millisecond. The fastest time counts, so that a busy moment does not.
  void measure();

  // Operations a second, a multiply and an add as 2. 0 before measure() and where the kernels are
  // plain C++ (kScalar, and bytes on kSse4), which the compiler may turn into anything.
  double operations() const { return best_; }

 private:
  // Multiplies and adds some of the kPeakNumbers `rounds` times into a block of sums, which it
  // stores where they were. Returns the operations it did.
  using Loop = double (*)(int rounds, float* numbers);
  // Null where the kernels are plain C++.
  static Loop float_loop(SimdTarget target);
  static Loop byte_loop(SimdTarget target);

  Loop loop_;
  runtime::Team team_;
  double best_ = 0;
};

}  // namespace oko::cli
