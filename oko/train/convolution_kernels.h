#pragma once

// The inner loops of convolutions and of their gradients, without LibTorch: one table of functions
// for each instruction set.
//
// Those of 3x3 use Winograd F(4x4, 3x3) as the phone engine does (oko/runtime/winograd-inl.h): an
// output tile of 4x4 is computed from 36 points, which are products of the points of an input patch
// and those of the kernel, summed over channels. So at each point there is one matrix product.

#include <cstddef>
#include <cstdint>

#include "oko/base/simd.h"

namespace oko::train {

// Rows (tiles, or channels of a kernel) of channels at each point, by vectors of `lanes` channels:
// channel c of row r at point p is data[p · point + c / lanes · vector + r · lanes + c % lanes].
template <typename T>
struct Points {
  T* data = nullptr;
  std::ptrdiff_t point = 0, vector = 0;

  Points at(std::int64_t row, std::int64_t first_vector, int lanes) const {
    return {data + first_vector * vector + row * lanes, point, vector};
  }
  operator Points<const T>() const { return {data, point, vector}; }
};

// A batch of channels-last maps, and the tiles of the convolution's output, numbered by image, then
// in rows.
template <typename T>
struct TiledMaps {
  T* data = nullptr;
  std::int64_t height = 0, width = 0, channels = 0;
  std::int64_t tiles_down = 0, tiles_across = 0;
};

// A 3x3 kernel between two sets of channels: `rows` and `lanes` name what they become in Points.
// One of their steps is 1.
struct KernelView {
  const float* data = nullptr;
  std::int64_t rows = 0, lanes = 0;
  std::ptrdiff_t row = 0, lane = 0, tap = 0;  // steps, in values
};

// C[rows × vectors] = A[rows × depth] · B[depth × vectors] at one point; each is laid out as Points
// are. If `transposed`, A is [depth × rows], and rows beyond a multiple of lanes are computed too.
struct PointProduct {
  const float* a = nullptr;
  const float* b = nullptr;
  float* c = nullptr;
  std::ptrdiff_t a_vector = 0, b_vector = 0, c_vector = 0;
  std::int64_t rows = 0, depth = 0;
  int vectors = 0;
  bool add = false;  // to C, in multiply_transposed()
};

// Copies pixels as vectors of channels; lanes beyond the channels become 0. Steps are in values.
struct PixelCopy {
  const float* from = nullptr;
  std::ptrdiff_t from_pixel = 0;
  std::int64_t channels = 0, count = 0;
  float* to = nullptr;
  std::ptrdiff_t to_pixel = 0, to_vector = 0;
};

// What a window's taps meet: at output pixel i < count and tap (y, x) of `size` x `size`, one
// vector of channels of the input, input + y · row + (i · stride + x) · pixel, and one of the
// output's gradient, gradient + i · gradient_pixel. Steps are in values.
struct TapProducts {
  const float* input = nullptr;
  std::ptrdiff_t row = 0, pixel = 0;
  const float* gradient = nullptr;
  std::ptrdiff_t gradient_pixel = 0;
  std::int64_t count = 0;
  int size = 0, stride = 1;
  float* sums = nullptr;  // to which the products are added: a vector for each tap, `sum` apart
  std::ptrdiff_t sum = 0;
};

struct ConvolutionKernels {
  int lanes;
  // The points of the patches that tiles [first, first + count) read. `padding` rows and columns of
  // zeros surround the maps. All channels; lanes beyond them are 0.
  void (*input_points)(const TiledMaps<const float>& maps, int padding, std::int64_t first,
                       std::int64_t count, const Points<float>& to);
  // The points of gradients of output tiles: the transposed transform of output_values().
  void (*gradient_points)(const TiledMaps<const float>& maps, std::int64_t first,
                          std::int64_t count, const Points<float>& to);
  // Output tiles from their points, for `vectors` vectors of channels from `channel` on.
  void (*output_values)(const Points<const float>& from, const TiledMaps<float>& maps,
                        std::int64_t first, std::int64_t count, std::int64_t channel, int vectors);
  // The points of a kernel, for `vectors` vectors from `first` on.
  void (*kernel_points)(const KernelView& kernel, std::int64_t first, int vectors,
                        const Points<float>& to);
  // The gradient of a kernel, [rows][9][channels], from that of its points, for `vectors` vectors
  // of channels from `channel` on and `rows` rows. `add`: to what is there.
  void (*kernel_gradient)(const Points<const float>& from, float* gradient, std::int64_t rows,
                          std::int64_t channels, std::int64_t channel, int vectors, bool add);
  void (*multiply)(const PointProduct&);
  void (*multiply_transposed)(const PointProduct&);
  void (*copy_pixels)(const PixelCopy&);
  void (*add_tap_products)(const TapProducts&);
};

// Null if there are none for this target: kScalar has none.
const ConvolutionKernels* convolution_kernels(SimdTarget target);

// Those of best_simd_target().
const ConvolutionKernels* best_convolution_kernels();

}  // namespace oko::train
