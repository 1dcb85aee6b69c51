#pragma once

#include <cstddef>
#include <cstdint>

#include "oko/base/half.h"
#include "oko/base/simd.h"
#include "oko/graph/network.h"

// The inner loops of the phone engine: one table of functions for each instruction set. Tensors are
// channels-last: the channels of a pixel are contiguous, pixels `pixel` elements apart. Kernels
// read whole vectors, up to kSlack bytes past the last channel they need, and write only what is
// requested. Excess reads are discarded: in a concatenated tensor another thread may be writing
// there, which ThreadSanitizer reports.
namespace oko::runtime {

inline constexpr std::size_t kAlignment = 64;
// Bytes, rounded up to a multiple of it.
template <typename T>
constexpr T aligned(T bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}
inline constexpr std::size_t kSlack = 256;  // readable bytes after every buffer

// The epilogue of a sum: v = min(max(v, slope·v), cap), then, if there is a residual, v + residual
// through the second pair. Linear: {1, ∞}, leaky: {.1, ∞}, relu: {0, ∞}, relu6: {0, 6}. NaN stays
// NaN.
struct Clamp {
  float slope = 1, cap = 3.4e38F;
};

// C[rows × columns] = finish(A · B + bias). A: `rows` rows `a_row` apart, each `taps` runs of
// `depth` elements, runs `a_tap` apart. B: packed in panels (pack.h), each
// [points][taps·depth][width], of which the one at `point` is used. Per-column arrays are as long
// as the columns of all panels. Floats without an epilogue may be added to what C has (`add`): of
// all columns of its panels then.
template <typename In, typename Out>
struct MatrixCall {
  const In* a = nullptr;
  std::ptrdiff_t a_row = 0, a_tap = 0;
  int rows = 0, taps = 1, depth = 0, columns = 0;
  int points = 1, point = 0;
  const void* b = nullptr;      // floats, or bytes of int8
  const float* bias = nullptr;  // of columns; null: 0
  bool add = false;
  Out* c = nullptr;
  std::ptrdiff_t c_row = 0;
  Clamp clamp;
  const Out* residual = nullptr;
  std::ptrdiff_t residual_row = 0;
  Clamp residual_clamp;
};
using GemmCall = MatrixCall<float, float>;

// A tensor in memory.
template <typename T>
struct View {
  T* data = nullptr;
  int height = 0, width = 0, channels = 0;
  std::ptrdiff_t pixel = 0, row = 0;  // elements from one pixel, row to the next
  T* at(int y, int x) const { return data + y * row + x * pixel; }
};

// Winograd F(4x4, 3x3): tiles of 4x4 outputs, in rows, each from 6x6 inputs.
inline constexpr int kTile = 4, kPatch = 6, kPoints = kPatch * kPatch, kTaps = 9;

struct WinogradInput {
  View<const float> in;
  int pad_top = 1, pad_left = 1;
  int tiles_across = 0, first_tile = 0, tile_count = 0;
  float* v = nullptr;  // [kPoints][tile_count][v_row]
  std::ptrdiff_t v_row = 0, v_point = 0;
};

// The points of 3x3 kernels, of one panel: what A is multiplied by.
struct WinogradKernels {
  const float* kernels = nullptr;  // [rows][kTaps][width]
  int rows = 0, width = 0;         // a narrow or a wide panel
  float* points = nullptr;         // [kPoints], `point` apart, each [rows][width]
  std::ptrdiff_t point = 0;
};

struct WinogradOutput {
  const float* m = nullptr;  // [kPoints][tile_count][m_row]
  std::ptrdiff_t m_row = 0, m_point = 0;
  const float* bias = nullptr;
  int channels = 0;  // of this part
  int tiles_across = 0, first_tile = 0, tile_count = 0;
  View<float> out;     // data null: only the pooled output is needed
  View<float> pooled;  // 2x2 maxima; data null: none
  View<const float> residual;
  Clamp clamp, residual_clamp;
};

// Depthwise: kernel [size·size][channels rounded up to lanes].
struct DepthwiseCall {
  View<const float> in;
  View<float> out;
  const float* weights = nullptr;
  const float* bias = nullptr;
  int size = 3, stride = 1, pad_top = 1, pad_left = 1;
  int first_row = 0, row_count = 0;  // of the output
  Clamp clamp;
  View<const float> residual;
  Clamp residual_clamp;
};

template <typename T>
struct PoolCall {
  View<const T> in;
  View<T> out;
  int size = 2, stride = 2, pad_top = 0, pad_left = 0;
  int first_row = 0, row_count = 0;
};

// A bilinear interpolation: of each channel, the values at four pixels times the weights.
template <typename T>
struct BlendCall {
  const T* corners[4] = {};
  float weights[4] = {};
  int channels = 0;
  T* out = nullptr;
};

struct Kernels {
  int lanes;     // columns of a narrow panel of packed weights; a wide one has twice as many
  int max_rows;  // of a block of gemm(): the engine splits its work into multiples
  void (*gemm)(const GemmCall&);
  // Packed float16 to floats; `count` is a multiple of lanes.
  void (*widen)(const Half* from, std::size_t count, float* to);
  void (*winograd_input)(const WinogradInput&);
  void (*winograd_kernels)(const WinogradKernels&);
  void (*winograd_output)(const WinogradOutput&);
  void (*depthwise)(const DepthwiseCall&);
  void (*max_pool)(const PoolCall<float>&);
  // `channels` planes of `count` elements, `plane` apart, to channels-last.
  void (*interleave)(const float* planes, std::ptrdiff_t plane, int channels, int count, float* to);
  // The reverse: `count` pixels of `channels` elements, `pixel` apart, to planes `plane` apart.
  void (*to_planes)(const float* from, std::ptrdiff_t pixel, int channels, int count, float* planes,
                    std::ptrdiff_t plane);
  void (*add)(const float* a, const float* b, float* out, std::size_t count, Clamp clamp);
  void (*multiply)(const float* a, const float* b, float* out, std::size_t count, Clamp clamp);
  void (*blend)(const BlendCall<float>&);
  // a and b in turn: 2 · count values.
  void (*zip)(const float* a, const float* b, int count, float* to);
  // An activation that is not a Clamp, or none, over `count` values.
  void (*activate)(graph::Activation activation, float* values, std::size_t count);
};

// The kernels of a target that this machine can run (simd_targets()).
const Kernels& kernels(SimdTarget target);
// Plain loops, the reference for all others.
const Kernels& scalar_kernels();

}  // namespace oko::runtime
