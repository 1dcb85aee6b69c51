#pragma once

// CPU loops over channels-last feature maps, without LibTorch: how batch_norm_activate(),
// max_pool_2x2() and drop_out() process one run of values. T is float or Bfloat16; all arithmetic
// is float.
//
// A run begins at channel 0 and holds whole pixels. Per-channel vectors are repeated to `period`
// values (see period_of), so that few channels also fill the SIMD vectors.

#include <bit>
#include <cstdint>

namespace oko::train {

// The upper half of a float.
struct Bfloat16 {
  std::uint16_t bits;
};

inline float to_float(float v) { return v; }
inline float to_float(Bfloat16 v) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(v.bits) << 16);
}

// A multiple of `channels`: long enough for a loop, and whole SIMD vectors if possible.
std::int64_t period_of(std::int64_t channels);

// Adds x − shift to `sum` and its square to `square`, `period` sums each.
template <typename T>
void add_moments(const T* x, std::int64_t count, std::int64_t period, const float* shift,
                 float* sum, float* square);

// `period` long vectors of a batch norm and its activation:
// z = (x − mean)·factor + bias, y = z where z > 0, else slope·z.
struct NormVectors {
  const float *mean, *factor, *bias;
  float slope;
};

template <typename T>
void normalize(const T* x, T* y, std::int64_t count, std::int64_t period, NormVectors norm);

// With h = d loss / d z: adds h to `sum` and h·(x − mean) to `product`.
template <typename T>
void add_gradients(const T* x, const T* gradient, std::int64_t count, std::int64_t period,
                   NormVectors norm, float* sum, float* product);

// d loss / d x = through·h + along·(x − mean) + across.
struct GradientVectors {
  const float *through, *along, *across;
};

template <typename T>
void input_gradient(const T* x, const T* gradient, T* out, std::int64_t count, std::int64_t period,
                    NormVectors norm, GradientVectors by);

// The largest of each 2×2 window of two rows of pixels: `columns` pixels.
template <typename T>
void max_of_pairs(const T* upper, const T* lower, T* out, std::int64_t columns,
                  std::int64_t channels);

// normalize() and the largest of each 2×2 window, with vectors of `channels` values.
template <typename T>
void normalize_pairs(const T* upper, const T* lower, T* out, std::int64_t columns,
                     std::int64_t channels, NormVectors norm);

// add_gradients() and input_gradient() with the gradients of windows, which are those of the first
// of their largest values.
template <typename T>
void add_pair_gradients(const T* upper, const T* lower, const T* gradient, std::int64_t columns,
                        std::int64_t channels, NormVectors norm, float* sum, float* product);
template <typename T>
void pair_input_gradient(const T* upper, const T* lower, const T* gradient, T* out_upper,
                         T* out_lower, std::int64_t columns, std::int64_t channels,
                         NormVectors norm, GradientVectors by);

// Assigns each window's gradient to the first of its largest values and 0 to the others.
template <typename T>
void max_of_pairs_gradient(const T* upper, const T* lower, const T* gradient, T* out_upper,
                           T* out_lower, std::int64_t columns, std::int64_t channels);

// y = keep·x or 0. Value i is dropped if a hash of (key, i) is below `threshold`.
template <typename T>
void drop(const T* x, T* y, std::int64_t count, std::uint64_t key, std::uint32_t threshold,
          float keep);

}  // namespace oko::train
