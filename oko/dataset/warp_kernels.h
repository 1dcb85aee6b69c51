#pragma once

#include <cstddef>
#include <cstdint>

#include "oko/base/simd.h"

// The inner loops of warp.cpp, for each instruction set. Every operation rounds once and in the
// same order everywhere, so the result is the same on every machine, to the last bit.
namespace oko::dataset {

// How colours change: hue from 0 to 6, and factors (warp.h's ColorShift).
struct FloatShift {
  float hue = 0, saturation = 1, value = 1;
};

struct WarpKernels {
  // line[k] = Σ_t weight[t] · source[t · stride + k] for k < count: taps rows of bytes.
  void (*blend_rows)(const std::uint8_t* source, std::size_t stride, const float* weight, int taps,
                     float* line, std::size_t count);
  // Resamples interleaved RGB along x into three rows: output k is the sum over t < taps of
  // weight[k · taps + t] · line[3 · (start[k] + t) + channel]. A float after the last is read.
  void (*blend_columns)(const float* line, const int* start, const float* weight, int taps,
                        int count, float* red, float* green, float* blue);
  // To HSV, the shift, and back.
  void (*shift_colors)(float* red, float* green, float* blue, int count, const FloatShift& shift);
};

const WarpKernels& warp_kernels(SimdTarget target = best_simd_target());

}  // namespace oko::dataset
