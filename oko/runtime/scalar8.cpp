// The int8 kernels as plain loops: slow, short, and correct by inspection.
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "oko/runtime/kernels8.h"

namespace oko::runtime {
namespace {

constexpr int kLanes = 4, kGroup = 4;

float clamped(float v, const Clamp& clamp) {
  return std::min(std::max(v, v * clamp.slope), clamp.cap);
}

void store(float v, float zero, std::uint8_t* to) {
  const float held = std::min(std::max(0.F, std::nearbyint(v + zero)), 255.F);  // NaN becomes 0
  *to = static_cast<std::uint8_t>(held);
}
void store(float v, float, float* to) { *to = v; }

// The epilogue of a sum that is already in units of the output.
template <typename Call, typename T>
void finish(float sum, const Call& call, const T* residual, T* to) {
  float value = clamped(sum, call.clamp);
  if (residual) {
    const float other = (static_cast<float>(*residual) - call.residual_zero) * call.residual_scale;
    value = clamped(value + other, call.residual_clamp);
  }
  store(value, call.zero, to);
}

template <typename Out>
void gemm(const Matrix8Call<Out>& g) {
  const auto* panel = static_cast<const std::int8_t*>(g.b);
  const int groups = (g.depth + kGroup - 1) / kGroup;
  for (int column = 0; column < g.columns;) {
    const int width = g.columns - column > kLanes ? 2 * kLanes : kLanes;
    const std::ptrdiff_t matrix = std::ptrdiff_t{g.taps} * groups * kGroup * width;
    for (int r = 0; r < g.rows; ++r) {
      for (int c = 0; c < std::min(width, g.columns - column); ++c) {
        std::int32_t sum = g.start[column + c];
        for (int tap = 0; tap < g.taps; ++tap) {
          const std::uint8_t* a = g.a + r * g.a_row + tap * g.a_tap;
          const std::int8_t* b =
              panel + g.point * matrix + (std::ptrdiff_t{tap} * groups * width + c) * kGroup;
          for (int k = 0; k < g.depth; ++k) {
            sum += a[k] * b[std::ptrdiff_t{k / kGroup} * width * kGroup + k % kGroup];
          }
        }
        Out* to = g.c + r * g.c_row + column + c;
        if constexpr (std::is_same_v<Out, std::int32_t>) {
          *to = sum;
        } else {
          const Out* residual = g.residual ? g.residual + r * g.residual_row + column + c : nullptr;
          finish(static_cast<float>(sum) * g.scale[column + c] + g.bias[column + c], g, residual,
                 to);
        }
      }
    }
    panel += g.points * matrix;
    column += width;
  }
}

constexpr int kInput[kPatch8][kPatch8] = {
    {1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
constexpr float kOutput[kTile8][kPatch8] = {{1, 1, 1, 0}, {0, 1, -1, -1}};

void winograd_input(const Winograd8Input& w) {
  for (int i = 0; i < w.tile_count; ++i) {
    const int top = (w.first_tile + i) / w.tiles_across * kTile8 - w.pad_top;
    const int left = (w.first_tile + i) % w.tiles_across * kTile8 - w.pad_left;
    for (int c = 0; c < w.in.channels; ++c) {
      int d[kPatch8][kPatch8] = {};
      for (int y = 0; y < kPatch8; ++y) {
        for (int x = 0; x < kPatch8; ++x) {
          if (top + y < 0 || top + y >= w.in.height) continue;
          if (left + x < 0 || left + x >= w.in.width) continue;
          d[y][x] = w.in.at(top + y, left + x)[c] - w.zero;
        }
      }
      for (int py = 0; py < kPatch8; ++py) {
        for (int px = 0; px < kPatch8; ++px) {
          int sum = 0;
          for (int y = 0; y < kPatch8; ++y) {
            for (int x = 0; x < kPatch8; ++x) sum += kInput[py][y] * kInput[px][x] * d[y][x];
          }
          const int point = py * kPatch8 + px;
          const int product = (sum * 32 * w.factors[point]) >> 16;
          w.v[point * w.v_point + i * w.v_row + c] =
              static_cast<std::uint8_t>(std::clamp(((product + 1) >> 1) + 128, 0, 255));
        }
      }
    }
  }
}

float winograd_sum(const Winograd8Output& w, int i, int y, int x, int c) {
  float sum = 0;
  for (int py = 0; py < kPatch8; ++py) {
    for (int px = 0; px < kPatch8; ++px) {
      const int point = py * kPatch8 + px;
      sum += kOutput[y][py] * kOutput[x][px] * w.scale[point * w.scale_row + c] *
             static_cast<float>(w.m[point * w.m_point + i * w.m_row + c]);
    }
  }
  return sum;
}

void winograd_output(const Winograd8Output& w) {
  const View<std::uint8_t>& shape = w.out.data ? w.out : w.pooled;
  const int scale = w.out.data ? 1 : 2;
  for (int i = 0; i < w.tile_count; ++i) {
    const int top = (w.first_tile + i) / w.tiles_across * kTile8;
    const int left = (w.first_tile + i) % w.tiles_across * kTile8;
    const int rows = std::min(kTile8, shape.height * scale - top);
    const int columns = std::min(kTile8, shape.width * scale - left);
    for (int c = 0; c < w.channels; ++c) {
      std::uint8_t values[kTile8][kTile8];
      for (int y = 0; y < rows; ++y) {
        for (int x = 0; x < columns; ++x) {
          const std::uint8_t* residual =
              w.residual.data ? w.residual.at(top + y, left + x) + c : nullptr;
          finish(winograd_sum(w, i, y, x, c) + w.bias[c], w, residual, &values[y][x]);
          if (w.out.data) w.out.at(top + y, left + x)[c] = values[y][x];
        }
      }
      if (!w.pooled.data) continue;
      for (int y = 0; y < rows; y += 2) {
        for (int x = 0; x < columns; x += 2) {
          w.pooled.at((top + y) / 2, (left + x) / 2)[c] =
              std::max({values[y][x], values[y][x + 1], values[y + 1][x], values[y + 1][x + 1]});
        }
      }
    }
  }
}

void depthwise(const Depthwise8Call& d) {
  const auto* weights = static_cast<const std::int8_t*>(d.weights);
  const int all = (d.out.channels + kLanes - 1) / kLanes * kLanes;
  const int groups = (d.size + kGroup - 1) / kGroup;
  for (int y = d.first_row; y < d.first_row + d.row_count; ++y) {
    for (int x = 0; x < d.out.width; ++x) {
      for (int c = 0; c < d.out.channels; ++c) {
        std::int32_t sum = d.start[c];
        for (int ky = 0; ky < d.size; ++ky) {
          for (int kx = 0; kx < d.size; ++kx) {
            const int iy = y * d.stride - d.pad_top + ky, ix = x * d.stride - d.pad_left + kx;
            const bool inside = iy >= 0 && iy < d.in.height && ix >= 0 && ix < d.in.width;
            const int value = inside ? d.in.at(iy, ix)[c] : d.in_zero;
            const std::ptrdiff_t row = kx * groups + ky / kGroup;
            sum += value * weights[(row * all + c) * kGroup + ky % kGroup];
          }
        }
        const std::uint8_t* residual = d.residual.data ? d.residual.at(y, x) + c : nullptr;
        finish(static_cast<float>(sum) * d.scale[c] + d.bias[c], d, residual, d.out.at(y, x) + c);
      }
    }
  }
}

void max_pool(const PoolCall<std::uint8_t>& p) {
  for (int y = p.first_row; y < p.first_row + p.row_count; ++y) {
    for (int x = 0; x < p.out.width; ++x) {
      for (int c = 0; c < p.out.channels; ++c) {
        std::uint8_t best = 0;
        for (int ky = 0; ky < p.size; ++ky) {
          for (int kx = 0; kx < p.size; ++kx) {
            const int iy = y * p.stride - p.pad_top + ky, ix = x * p.stride - p.pad_left + kx;
            if (iy < 0 || iy >= p.in.height || ix < 0 || ix >= p.in.width) continue;
            best = std::max(best, p.in.at(iy, ix)[c]);
          }
        }
        p.out.at(y, x)[c] = best;
      }
    }
  }
}

void quantize(const float* from, std::size_t count, float scale, float zero, std::uint8_t* to) {
  for (std::size_t i = 0; i < count; ++i) store(from[i] * scale, zero, to + i);
}

void blend(const BlendCall<std::uint8_t>& b) {
  for (int c = 0; c < b.channels; ++c) {
    float sum = 0;
    for (int i = 0; i < 4; ++i) sum += static_cast<float>(b.corners[i][c]) * b.weights[i];
    store(sum, 0, b.out + c);
  }
}

void zip(const std::uint8_t* a, const std::uint8_t* b, int count, std::uint8_t* to) {
  for (int i = 0; i < count; ++i) {
    *to++ = a[i];
    *to++ = b[i];
  }
}

}  // namespace

const Kernels8& scalar_kernels8() {
  static constexpr Kernels8 kTable{kLanes,
                                   8,
                                   kGroup,
                                   1,
                                   0,
                                   kGroup,
                                   1,
                                   0,
                                   &gemm<std::uint8_t>,
                                   &gemm<float>,
                                   &gemm<std::int32_t>,
                                   &winograd_input,
                                   &winograd_output,
                                   &depthwise,
                                   &max_pool,
                                   nullptr,
                                   &quantize,
                                   &blend,
                                   &zip};
  return kTable;
}

}  // namespace oko::runtime
