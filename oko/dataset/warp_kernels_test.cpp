#include "oko/dataset/warp_kernels.h"

#include <gtest/gtest.h>

#include <vector>

#include "oko/base/random.h"

namespace oko::dataset {
namespace {

// Lengths around those of vectors.
constexpr int kCounts[] = {1, 3, 4, 5, 15, 16, 17, 31, 70};

std::vector<float> floats(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.uniform());
  return values;
}

class EveryTarget : public testing::TestWithParam<SimdTarget> {
 protected:
  const WarpKernels& kernels_ = warp_kernels(GetParam());
  const WarpKernels& plain_ = warp_kernels(SimdTarget::kScalar);
};

// Bit for bit, and nothing after the last value is written.
TEST_P(EveryTarget, BlendsRowsAsPlainCode) {
  Random random(1);
  std::vector<std::uint8_t> source(5 * 100);
  for (std::uint8_t& byte : source) byte = static_cast<std::uint8_t>(random.below(256));
  const std::vector<float> weight = floats(5, 2);
  for (const int count : kCounts) {
    for (const int taps : {1, 2, 3, 5}) {
      std::vector<float> line(100, -1), wanted(100, -1);
      const auto values = static_cast<std::size_t>(count);
      kernels_.blend_rows(source.data(), 100, weight.data(), taps, line.data(), values);
      plain_.blend_rows(source.data(), 100, weight.data(), taps, wanted.data(), values);
      EXPECT_EQ(line, wanted) << count << " values, " << taps << " taps";
    }
  }
}

TEST_P(EveryTarget, BlendsColumnsAsPlainCode) {
  const std::vector<float> line = floats(3 * 80 + 1, 3), weight = floats(70 * 4, 4);
  Random random(5);
  for (const int count : kCounts) {
    for (const int taps : {1, 2, 4}) {
      std::vector<int> start;
      for (int k = 0; k < count; ++k) start.push_back(static_cast<int>(random.below(77)));
      start.back() = 80 - taps;  // to the end
      std::vector<std::vector<float>> rows(6, std::vector<float>(100, -1));
      kernels_.blend_columns(line.data(), start.data(), weight.data(), taps, count, rows[0].data(),
                             rows[1].data(), rows[2].data());
      plain_.blend_columns(line.data(), start.data(), weight.data(), taps, count, rows[3].data(),
                           rows[4].data(), rows[5].data());
      for (int c = 0; c < 3; ++c) EXPECT_EQ(rows[c], rows[3 + c]) << count << ", " << taps;
    }
  }
}

TEST_P(EveryTarget, ShiftsColoursAsPlainCode) {
  for (const int count : kCounts) {
    for (const FloatShift& shift :
         {FloatShift{.1F, 1.3F, .8F}, {5.9F, .7F, 1.4F}, {0, 1, 1}, {3, 0, 2}}) {
      std::vector<std::vector<float>> rows;
      for (std::uint64_t c = 0; c < 3; ++c) rows.push_back(floats(100, 6 + c));
      rows[0][0] = rows[1][0] = rows[2][0] = 0;  // black, grey, and two equal channels
      rows[0][2] = rows[1][2] = rows[2][2] = .5F;
      rows[0][3] = rows[1][3] = 1;
      std::vector<std::vector<float>> wanted = rows;
      kernels_.shift_colors(rows[0].data(), rows[1].data(), rows[2].data(), count, shift);
      plain_.shift_colors(wanted[0].data(), wanted[1].data(), wanted[2].data(), count, shift);
      EXPECT_EQ(rows, wanted) << count;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(WarpKernels, EveryTarget,
                         testing::ValuesIn(simd_targets().begin(), simd_targets().end()),
                         [](const auto& target) { return name_of(target.param); });

}  // namespace
}  // namespace oko::dataset
