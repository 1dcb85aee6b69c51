// The kernels as plain loops: slow, short, and correct by inspection.
#include <algorithm>
#include <bit>
#include <cmath>

#include "oko/base/half.h"
#include "oko/runtime/kernels.h"

namespace oko::runtime {
namespace {

constexpr int kLanes = 4;

float clamped(float v, const Clamp& clamp) {
  return std::min(std::max(v, v * clamp.slope), clamp.cap);
}
float finished(float sum, const Clamp& clamp, const float* residual, const Clamp& residual_clamp) {
  const float value = clamped(sum, clamp);
  return residual ? clamped(value + *residual, residual_clamp) : value;
}

void widen(const Half* from, std::size_t count, float* to) {
  for (std::size_t i = 0; i < count; ++i) to[i] = to_float(from[i]);
}

void gemm(const GemmCall& g) {
  const float* panel = static_cast<const float*>(g.b);
  for (int column = 0; column < g.columns;) {
    const int width = g.columns - column > kLanes ? 2 * kLanes : kLanes;
    for (int r = 0; r < g.rows; ++r) {
      for (int c = 0; c < std::min(width, g.columns - column); ++c) {
        float sum = g.add ? g.c[r * g.c_row + column + c] : g.bias ? g.bias[column + c] : 0;
        for (int tap = 0; tap < g.taps; ++tap) {
          const float* a = g.a + r * g.a_row + tap * g.a_tap;
          const float* b = panel + (std::ptrdiff_t{g.point} * g.taps + tap) * g.depth * width + c;
          for (int k = 0; k < g.depth; ++k) sum += a[k] * b[std::ptrdiff_t{k} * width];
        }
        const float* residual = g.residual ? g.residual + r * g.residual_row + column + c : nullptr;
        g.c[r * g.c_row + column + c] = finished(sum, g.clamp, residual, g.residual_clamp);
      }
    }
    panel += std::ptrdiff_t{g.points} * g.taps * g.depth * width;
    column += width;
  }
}

constexpr float kInput[kPatch][kPatch] = {{4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0},
                                          {0, 4, -4, -1, 1, 0}, {0, -2, -1, 2, 1, 0},
                                          {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}};
constexpr float kOutput[kTile][kPatch] = {
    {1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}};

void winograd_input(const WinogradInput& w) {
  for (int i = 0; i < w.tile_count; ++i) {
    const int top = (w.first_tile + i) / w.tiles_across * kTile - w.pad_top;
    const int left = (w.first_tile + i) % w.tiles_across * kTile - w.pad_left;
    for (int c = 0; c < w.in.channels; ++c) {
      float d[kPatch][kPatch] = {};
      for (int y = 0; y < kPatch; ++y) {
        for (int x = 0; x < kPatch; ++x) {
          if (top + y < 0 || top + y >= w.in.height) continue;
          if (left + x < 0 || left + x >= w.in.width) continue;
          d[y][x] = w.in.at(top + y, left + x)[c];
        }
      }
      for (int py = 0; py < kPatch; ++py) {
        for (int px = 0; px < kPatch; ++px) {
          float sum = 0;
          for (int y = 0; y < kPatch; ++y) {
            for (int x = 0; x < kPatch; ++x) sum += kInput[py][y] * kInput[px][x] * d[y][x];
          }
          w.v[(py * kPatch + px) * w.v_point + i * w.v_row + c] = sum;
        }
      }
    }
  }
}

constexpr float kKernel[kPatch][3] = {{1.F / 4, 0, 0},
                                      {-1.F / 6, -1.F / 6, -1.F / 6},
                                      {-1.F / 6, 1.F / 6, -1.F / 6},
                                      {1.F / 24, 1.F / 12, 1.F / 6},
                                      {1.F / 24, -1.F / 12, 1.F / 6},
                                      {0, 0, 1}};

void winograd_kernels(const WinogradKernels& w) {
  for (std::ptrdiff_t i = 0; i < std::ptrdiff_t{w.rows} * w.width; ++i) {
    const float* kernel = w.kernels + i / w.width * kTaps * w.width + i % w.width;
    for (int py = 0; py < kPatch; ++py) {
      for (int px = 0; px < kPatch; ++px) {
        float sum = 0;
        for (int y = 0; y < 3; ++y) {
          for (int x = 0; x < 3; ++x) {
            sum += kKernel[py][y] * kKernel[px][x] * kernel[std::ptrdiff_t{y * 3 + x} * w.width];
          }
        }
        w.points[(py * kPatch + px) * w.point + i] = sum;
      }
    }
  }
}

// One output of a tile before the activation.
float winograd_sum(const WinogradOutput& w, int i, int y, int x, int c) {
  float sum = 0;
  for (int py = 0; py < kPatch; ++py) {
    for (int px = 0; px < kPatch; ++px) {
      sum +=
          kOutput[y][py] * kOutput[x][px] * w.m[(py * kPatch + px) * w.m_point + i * w.m_row + c];
    }
  }
  return sum;
}

void winograd_output(const WinogradOutput& w) {
  const View<float>& shape = w.out.data ? w.out : w.pooled;
  const int scale = w.out.data ? 1 : 2;
  for (int i = 0; i < w.tile_count; ++i) {
    const int top = (w.first_tile + i) / w.tiles_across * kTile;
    const int left = (w.first_tile + i) % w.tiles_across * kTile;
    const int rows = std::min(kTile, shape.height * scale - top);
    const int columns = std::min(kTile, shape.width * scale - left);
    for (int c = 0; c < w.channels; ++c) {
      float values[kTile][kTile];
      for (int y = 0; y < rows; ++y) {
        for (int x = 0; x < columns; ++x) {
          const float* residual = w.residual.data ? w.residual.at(top + y, left + x) + c : nullptr;
          values[y][x] = finished(winograd_sum(w, i, y, x, c) + w.bias[c], w.clamp, residual,
                                  w.residual_clamp);
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

void depthwise(const DepthwiseCall& d) {
  const std::ptrdiff_t w_tap = (d.out.channels + kLanes - 1) / kLanes * kLanes;
  for (int y = d.first_row; y < d.first_row + d.row_count; ++y) {
    for (int x = 0; x < d.out.width; ++x) {
      for (int c = 0; c < d.out.channels; ++c) {
        float sum = d.bias[c];
        for (int ky = 0; ky < d.size; ++ky) {
          for (int kx = 0; kx < d.size; ++kx) {
            const int iy = y * d.stride - d.pad_top + ky, ix = x * d.stride - d.pad_left + kx;
            if (iy < 0 || iy >= d.in.height || ix < 0 || ix >= d.in.width) continue;
            sum += d.in.at(iy, ix)[c] * d.weights[(ky * d.size + kx) * w_tap + c];
          }
        }
        const float* residual = d.residual.data ? d.residual.at(y, x) + c : nullptr;
        d.out.at(y, x)[c] = finished(sum, d.clamp, residual, d.residual_clamp);
      }
    }
  }
}

void max_pool(const PoolCall<float>& p) {
  for (int y = p.first_row; y < p.first_row + p.row_count; ++y) {
    for (int x = 0; x < p.out.width; ++x) {
      for (int c = 0; c < p.out.channels; ++c) {
        float best = -INFINITY;
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

void interleave(const float* planes, std::ptrdiff_t plane, int channels, int count, float* to) {
  for (int i = 0; i < count; ++i) {
    for (int c = 0; c < channels; ++c) *to++ = planes[c * plane + i];
  }
}

void to_planes(const float* from, std::ptrdiff_t pixel, int channels, int count, float* planes,
               std::ptrdiff_t plane) {
  for (int i = 0; i < count; ++i) {
    for (int c = 0; c < channels; ++c) planes[c * plane + i] = from[i * pixel + c];
  }
}

void add(const float* a, const float* b, float* out, std::size_t count, Clamp clamp) {
  for (std::size_t i = 0; i < count; ++i) out[i] = clamped(a[i] + b[i], clamp);
}

void blend(const BlendCall<float>& b) {
  for (int c = 0; c < b.channels; ++c) {
    float sum = 0;
    for (int i = 0; i < 4; ++i) sum += b.corners[i][c] * b.weights[i];
    b.out[c] = sum;
  }
}

void zip(const float* a, const float* b, int count, float* to) {
  for (int i = 0; i < count; ++i) {
    *to++ = a[i];
    *to++ = b[i];
  }
}

void multiply(const float* a, const float* b, float* out, std::size_t count, Clamp clamp) {
  for (std::size_t i = 0; i < count; ++i) out[i] = clamped(a[i] * b[i], clamp);
}

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }
float hard_sigmoid(float x) { return std::clamp(x / 6 + .5F, 0.F, 1.F); }
// ln(1 + exp(x)) without overflow.
float softplus(float x) { return std::max(x, 0.F) + std::log1p(std::exp(-std::fabs(x))); }

float activated(float x, graph::Activation activation) {
  using graph::Activation;
  switch (activation) {
    case Activation::kLogistic:
      return sigmoid(x);
    case Activation::kSwish:
      return x * sigmoid(x);
    case Activation::kMish:
      return x * std::tanh(softplus(x));
    case Activation::kHardSigmoid:
      return hard_sigmoid(x);
    case Activation::kHardSwish:
      return x * hard_sigmoid(x);
    case Activation::kElu:
      return x > 0 ? x : std::expm1(x);
    case Activation::kTanh:
      return std::tanh(x);
    case Activation::kLinear:
    case Activation::kLeaky:
    case Activation::kRelu:
    case Activation::kRelu6:
      break;  // clamps, applied by the other kernels
  }
  return x;
}

void activate(graph::Activation activation, float* values, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) values[i] = activated(values[i], activation);
}

}  // namespace

const Kernels& scalar_kernels() {
  static constexpr Kernels kTable{
      kLanes,           8,          &gemm,     &widen,      &winograd_input, &winograd_kernels,
      &winograd_output, &depthwise, &max_pool, &interleave, &to_planes,      &add,
      &multiply,        &blend,     &zip,      &activate};
  return kTable;
}

}  // namespace oko::runtime
