#pragma once

#include <algorithm>

#include "oko/runtime/pack.h"
#include "oko/runtime/steps.h"
#include "oko/runtime/tiling.h"

// Shared by both convolution algorithms.
namespace oko::runtime {

void run_gemm_convolution(const ConvolutionStep& step, const StepContext& context);
void run_winograd_convolution(const ConvolutionStep& step, const StepContext& context);

inline int pieces(int count, int size) { return (count + size - 1) / size; }

// At most `most` of `count` rows or tiles per task, fewer if threads would be idle; at least
// `least`, below which a task does not pay off.
inline int share_of(int count, int most, int least, const Team& team) {
  constexpr int kPieces = 4;  // per thread, so that all finish at about the same time
  if (team.size() == 1) return most;
  return std::min(most, std::max(least, pieces(count, kPieces * team.size())));
}

// The parts of a call that finish a sum, in units of the output: its quantization steps, or ones.
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
