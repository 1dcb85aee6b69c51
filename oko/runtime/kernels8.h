#pragma once

#include <cstddef>
#include <cstdint>

#include "oko/runtime/kernels.h"

// The int8 inner loops. An activation a is stored as q = round(a / scale) + zero, unsigned; a
// weight as a signed byte with a scale per filter (Jacob et al. 2018). Sums are exact in 32 bits;
// the epilogue is computed in float32, in units of the output's scale.
namespace oko::runtime {

// After the complete sums s of a column: v = s · scale + bias in units of the output, then the
// clamps of MatrixCall, then q = round(v) + zero. `start` compensates the zero point of A, whose
// numbers have Kernels8::number_bytes: a_row and a_tap are in bytes.
template <typename Out>
struct Matrix8Call : MatrixCall<std::uint8_t, Out> {
  const std::int32_t* start = nullptr;
  const float* scale = nullptr;
  float zero = 0;                               // of the output; float outputs: 0
  float residual_scale = 1, residual_zero = 0;  // in units of the output
};

// Winograd F(2x2, 3x3): F(4x4, 3x3) would save more, but the dynamic range of its transforms is too
// large for int8 (docs/engine.md has the figures).
inline constexpr int kTile8 = 2, kPatch8 = 4, kPoints8 = kPatch8 * kPatch8;

struct Winograd8Input {
  View<const std::uint8_t> in;
  int zero = 0;  // of the input
  int pad_top = 1, pad_left = 1;
  int tiles_across = 0, first_tile = 0, tile_count = 0;
  // A point's transformed value t becomes (t · factor >> 12, rounded) + 128.
  const std::int16_t* factors = nullptr;  // [kPoints8]
  std::uint8_t* v = nullptr;              // [kPoints8][tile_count][v_row], an A of gemm_sums()
  std::ptrdiff_t v_row = 0, v_point = 0;  // bytes
};

struct Winograd8Output {
  const std::int32_t* m = nullptr;  // [kPoints8][tile_count][m_row]
  std::ptrdiff_t m_row = 0, m_point = 0;
  const float* scale = nullptr;  // [kPoints8] rows of scale_row: to units of the output
  std::ptrdiff_t scale_row = 0;
  const float* bias = nullptr;
  int channels = 0;
  int tiles_across = 0, first_tile = 0, tile_count = 0;
  View<std::uint8_t> out, pooled;  // as in WinogradOutput
  View<const std::uint8_t> residual;
  float zero = 0, residual_scale = 1, residual_zero = 0;
  Clamp clamp, residual_clamp;
};

// As DepthwiseCall, with weights [column of the window][rows / group, rounded up][channels rounded
// up to lanes][group] (depthwise_group) and a start for each channel, as in Matrix8Call: (shift −
// in_zero) times the sum of its weights.
struct Depthwise8Call {
  View<const std::uint8_t> in;
  View<std::uint8_t> out;
  const void* weights = nullptr;
  const std::int32_t* start = nullptr;
  const float* scale = nullptr;
  const float* bias = nullptr;
  int size = 3, stride = 1, pad_top = 1, pad_left = 1;
  int first_row = 0, row_count = 0;
  int in_zero = 0;
  float zero = 0;
  Clamp clamp;
  View<const std::uint8_t> residual;
  float residual_scale = 1, residual_zero = 0;
  Clamp residual_clamp;
};

struct Kernels8 {
  int lanes, max_rows;  // as in Kernels
  // Adjacent numbers of a row of A and weights of a column that one instruction multiplies, and
  // bytes of each number of A: at least 4 of 1 where bytes are multiplied, else 2 of 2. Weights are
  // always bytes.
  int group, number_bytes;
  int shift;  // subtracted from every byte of A before multiplication: 128 for signed products
  int depthwise_group, depthwise_weight_bytes, depthwise_shift;  // of the depthwise kernel
  void (*gemm)(const Matrix8Call<std::uint8_t>&);
  void (*gemm_float)(const Matrix8Call<float>&);
  void (*gemm_sums)(const Matrix8Call<std::int32_t>&);  // the sums themselves
  void (*winograd_input)(const Winograd8Input&);
  void (*winograd_output)(const Winograd8Output&);
  void (*depthwise)(const Depthwise8Call&);
  void (*max_pool)(const PoolCall<std::uint8_t>&);
  // Bytes to numbers of A; null where those are bytes.
  void (*widen)(const std::uint8_t* from, int count, std::uint8_t* to);
  // q = round(v · scale) + zero, clamped to 0 to 255.
  void (*quantize)(const float* from, std::size_t count, float scale, float zero, std::uint8_t* to);
  void (*blend)(const BlendCall<std::uint8_t>&);  // rounded
  void (*zip)(const std::uint8_t* a, const std::uint8_t* b, int count, std::uint8_t* to);
};

const Kernels8& kernels8(SimdTarget target);
const Kernels8& scalar_kernels8();

}  // namespace oko::runtime
