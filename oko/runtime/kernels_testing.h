#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "oko/base/random.h"
#include "oko/runtime/kernels.h"

// For kernel tests: tensors with neighbours that must not change, and comparisons.
namespace oko::runtime {

// The targets with their own table, to be compared with the scalar one.
inline std::vector<SimdTarget> vector_targets() {
  const auto all = simd_targets();
  return {all.begin(), all.end() - 1};
}

template <typename T>
T random_number(Random& random) {
  if constexpr (std::is_same_v<T, float>) return static_cast<float>(random.uniform(-2, 2));
  return static_cast<T>(random.below(256));
}

// A tensor inside wider pixels, between foreign channels, with readable bytes after it.
template <typename T>
struct TestMap {
  std::vector<T> values;
  int height, width, channels, pixel, first;

  // `outside` fills everything else.
  TestMap(int h, int w, int c, Random& random, T outside)
      : height(h), width(w), channels(c), pixel(c + below(random, 5)), first(0) {
    first = below(random, pixel - c + 1);
    values.assign(static_cast<std::size_t>(h * w * pixel) + kSlack, outside);
  }
  void fill(Random& random) {
    for (int p = 0; p < height * width; ++p) {
      for (int c = 0; c < channels; ++c) {
        values[p * pixel + first + c] = random_number<T>(random);
      }
    }
  }
  View<T> view() {
    return {values.data() + first, height, width, channels, pixel, std::ptrdiff_t{pixel} * width};
  }
  View<const T> read() const {
    return {values.data() + first, height, width, channels, pixel, std::ptrdiff_t{pixel} * width};
  }

  static int below(Random& random, int count) {
    return static_cast<int>(random.below(static_cast<std::uint64_t>(count)));
  }
};

inline Clamp random_clamp(Random& random) {
  constexpr Clamp kClamps[] = {Clamp{}, {.1F}, {0}, {0, 6}};
  return kClamps[random.below(4)];
}

// Rounding only: a fraction of the largest value.
inline void expect_close(std::span<const float> found, std::span<const float> expected,
                         float share = 1e-5F) {
  ASSERT_EQ(found.size(), expected.size());
  float size = 1;
  for (const float v : expected) size = std::max(size, std::isfinite(v) ? std::fabs(v) : 0.F);
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], share * size) << "number " << i << " of " << found.size();
  }
}

// Epilogues round in float32, so values next to a tie may go either way: few do.
inline void expect_close(std::span<const std::uint8_t> found,
                         std::span<const std::uint8_t> expected) {
  ASSERT_EQ(found.size(), expected.size());
  std::size_t different = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], 1) << "number " << i << " of " << found.size();
    different += found[i] != expected[i] ? 1 : 0;
  }
  EXPECT_LE(different, 1 + found.size() / 200);
}

}  // namespace oko::runtime
