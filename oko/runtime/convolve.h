#pragma once

#include <algorithm>

#include "oko/runtime/pack.h"
#include "oko/runtime/steps.h"
#include "oko/runtime/tiling.h"

// What both ways of multiplying a convolution share.
namespace oko::runtime {

void run_gemm_convolution(const ConvolutionStep& step, const StepContext& context);
void run_winograd_convolution(const ConvolutionStep& step, const StepContext& context);

inline int pieces(int count, int size) { return (count + size - 1) / size; }

// At most `most` of `count` rows or tiles a piece of work, and fewer where that leaves threads
// without any: `least` still pay for a piece of their own.
inline int share_of(int count, int most, int least, const Team& team) {
  constexpr int kPieces = 4;  // a thread, so that all end at about the same time
  if (team.size() == 1) return most;
  return std::min(most, std::max(least, pieces(count, kPieces * team.size())));
}

// The parts of a call that end a sum, in units of the output: those of its bytes, or ones.
struct End {
  Clamp clamp, residual_clamp;
  float zero = 0, residual_scale = 1, residual_zero = 0;

  explicit End(const ConvolutionStep& step)
      : clamp(step.finish.clamp), residual_clamp(step.finish.residual_clamp) {
    const Map& out = step.out ? *step.out : *step.pooled;
    if (out.number == Number::kFloat) return;
    const float unit = out.scale.scale;
    clamp.cap /= unit;
    residual_clamp.cap /= unit;
    zero = static_cast<float>(out.scale.zero);
    if (!step.residual) return;
    residual_scale = step.residual->scale.scale / unit;
    residual_zero = static_cast<float>(step.residual->scale.zero);
  }

  template <typename Call>
  void set(Call& call) const {
    call.clamp = clamp;
    call.residual_clamp = residual_clamp;
    if constexpr (requires { call.zero; }) {
      call.zero = zero;
      call.residual_scale = residual_scale;
      call.residual_zero = residual_zero;
    }
  }
};

}  // namespace oko::runtime
