// Kernels compared with plain loops, on every instruction set of this machine.
#include "oko/train/convolution_kernels.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace oko::train {
namespace {

// Different small whole numbers: products and their sums are exact.
std::vector<float> numbers(std::int64_t count) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(i * 37 % 23 - 11));
  return values;
}

template <typename Body>
void on_every_target(Body body) {
  for (const SimdTarget target : simd_targets()) {
    const ConvolutionKernels* kernels = convolution_kernels(target);
    if (kernels == nullptr) continue;
    SCOPED_TRACE(name_of(target));
    body(*kernels);
  }
}

TEST(ConvolutionKernels, CopyPixelsReadingNothingBeyondTheirChannels) {
  on_every_target([](const ConvolutionKernels& kernels) {
    const int lanes = kernels.lanes;
    for (const int channels : {1, lanes - 1, lanes, lanes + 1, 3 * lanes, 3 * lanes + 2}) {
      SCOPED_TRACE(channels);
      const std::int64_t count = 5, step = channels + 3, vectors = (channels + lanes - 1) / lanes;
      // Ends with the last channel of the last pixel, so that a sanitizer sees what is read beyond.
      const std::vector<float> from = numbers((count - 1) * step + channels);
      const std::int64_t vector = (count + 2) * lanes;
      std::vector<float> to(static_cast<std::size_t>(vectors * vector), 99);
      kernels.copy_pixels({from.data(), step, channels, count, to.data(), lanes, vector});
      for (std::int64_t i = 0; i < count; ++i) {
        for (std::int64_t c = 0; c < vectors * lanes; ++c) {
          const float expected = c < channels ? from[i * step + c] : 0;
          EXPECT_EQ(to[c / lanes * vector + i * lanes + c % lanes], expected) << i << " " << c;
        }
      }
      EXPECT_EQ(to[count * lanes], 99);  // of no pixel
    }
  });
}

TEST(ConvolutionKernels, AddTheProductsOfEveryTap) {
  on_every_target([](const ConvolutionKernels& kernels) {
    const int lanes = kernels.lanes;
    for (const int size : {1, 2, 3, 5, 7}) {
      for (const int stride : {1, 2, 3}) {
        SCOPED_TRACE(fmt::format("{}x{} by {}", size, size, stride));
        const std::int64_t count = 6, pixel = 2 * lanes,
                           row = ((count - 1) * stride + size) * pixel;
        const std::vector<float> input = numbers(size * row), gradient = numbers(count * lanes);
        std::vector<float> sums = numbers(size * size * pixel), expected = sums;
        for (int tap = 0; tap < size * size; ++tap) {
          for (std::int64_t i = 0; i < count; ++i) {
            for (int c = 0; c < lanes; ++c) {
              expected[tap * pixel + c] +=
                  input[tap / size * row + (i * stride + tap % size) * pixel + c] *
                  gradient[i * lanes + c];
            }
          }
        }
        kernels.add_tap_products({input.data(), row, pixel, gradient.data(), lanes, count, size,
                                  stride, sums.data(), pixel});
        EXPECT_EQ(sums, expected);
      }
    }
  });
}

}  // namespace
}  // namespace oko::train
