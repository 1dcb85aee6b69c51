// Winograd F(4x4, 3x3): Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015,
// with the interpolation points 0, 1, -1, 2, -2 and infinity. Compiled once for each target.
#include "oko/runtime/gemm-inl.h"

#if defined(OKO_RUNTIME_WINOGRAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OKO_RUNTIME_WINOGRAD_INL_H_
#undef OKO_RUNTIME_WINOGRAD_INL_H_
#else
#define OKO_RUNTIME_WINOGRAD_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace oko::runtime::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

// One row or column of the 6x6 input transform.
HWY_INLINE void to_points(const V d[kPatch], V out[kPatch]) {
  const D t;
  const V two = hn::Set(t, 2.F), four = hn::Set(t, 4.F), five = hn::Set(t, 5.F);
  const V even = hn::NegMulAdd(four, d[2], d[4]), odd = hn::NegMulAdd(four, d[1], d[3]);
  const V difference = hn::Sub(d[4], d[2]), slope = hn::Mul(two, hn::Sub(d[3], d[1]));
  out[0] = hn::MulAdd(four, d[0], hn::NegMulAdd(five, d[2], d[4]));
  out[1] = hn::Add(even, odd);
  out[2] = hn::Sub(even, odd);
  out[3] = hn::Add(difference, slope);
  out[4] = hn::Sub(difference, slope);
  out[5] = hn::MulAdd(four, d[1], hn::NegMulAdd(five, d[3], d[5]));
}

// One row or column of the transform of a kernel: 3 values to 6 points.
HWY_INLINE void kernel_points(const V k[3], V out[kPatch]) {
  const D t;
  const V sixth = hn::Set(t, -1.F / 6), twelfth = hn::Set(t, 1.F / 12);
  const V even = hn::Mul(hn::Add(k[0], k[2]), sixth), odd = hn::Mul(k[1], sixth);
  // (k0 + 4 k2) / 24
  const V wide = hn::Mul(hn::MulAdd(hn::Set(t, 4.F), k[2], k[0]), hn::Set(t, 1.F / 24));
  out[0] = hn::Mul(k[0], hn::Set(t, .25F));
  out[1] = hn::Add(even, odd);
  out[2] = hn::Sub(even, odd);
  out[3] = hn::MulAdd(k[1], twelfth, wide);
  out[4] = hn::NegMulAdd(k[1], twelfth, wide);
  out[5] = k[2];
}

inline void winograd_kernels(const WinogradKernels& w) {
  const float* kernels = w.kernels;
  float* to = w.points;
  for (int row = 0; row < w.rows; ++row, kernels += kTaps * w.width) {
    for (int c = 0; c < w.width; c += kLanes, to += kLanes) {
      V rows[3][kPatch];  // [y][point of x]
      for (int y = 0; y < 3; ++y) {
        V pixels[3];
        for (int x = 0; x < 3; ++x) pixels[x] = load(kernels + (y * 3 + x) * w.width + c);
        kernel_points(pixels, rows[y]);
      }
      for (int x = 0; x < kPatch; ++x) {
        const V column[3] = {rows[0][x], rows[1][x], rows[2][x]};
        V points[kPatch];
        kernel_points(column, points);
        for (int y = 0; y < kPatch; ++y) {
          hn::StoreU(points[y], D(), to + (y * kPatch + x) * w.point);
        }
      }
    }
  }
}

// One row or column of the output transform: 6 points to 4 values.
HWY_INLINE void from_points(const V m[kPatch], V out[kTile]) {
  const D t;
  const V sum1 = hn::Add(m[1], m[2]), difference1 = hn::Sub(m[1], m[2]);
  const V sum2 = hn::Add(m[3], m[4]), difference2 = hn::Sub(m[3], m[4]);
  out[0] = hn::Add(m[0], hn::Add(sum1, sum2));
  out[1] = hn::MulAdd(hn::Set(t, 2.F), difference2, difference1);
  out[2] = hn::MulAdd(hn::Set(t, 4.F), sum2, sum1);
  out[3] = hn::MulAdd(hn::Set(t, 8.F), difference2, hn::Add(difference1, m[5]));
}

// The 36 points of one tile for all its channels. `patch(y, x)` is the pixel's address.
template <typename Patch>
HWY_INLINE void transform_input(const Patch& patch, int channels, float* v,
                                std::ptrdiff_t v_point) {
  for (int c = 0; c < channels; c += kLanes) {
    V rows[kPatch][kPatch];  // [y][point of x]
    for (int y = 0; y < kPatch; ++y) {
      V pixels[kPatch];
      for (int x = 0; x < kPatch; ++x) pixels[x] = hn::LoadU(D(), patch(y, x) + c);
      to_points(pixels, rows[y]);
    }
    for (int x = 0; x < kPatch; ++x) {
      V column[kPatch], points[kPatch];
      for (int y = 0; y < kPatch; ++y) column[y] = rows[y][x];
      to_points(column, points);
      for (int y = 0; y < kPatch; ++y) {
        hn::StoreU(points[y], D(), v + (y * kPatch + x) * v_point + c);
      }
    }
  }
}

inline void winograd_input(const WinogradInput& w) {
  HWY_ALIGN static constexpr float kZeros[kLanes] = {};
  const View<const float>& in = w.in;
  for (int i = 0; i < w.tile_count; ++i) {
    const int tile = w.first_tile + i;
    const int top = tile / w.tiles_across * kTile - w.pad_top;
    const int left = tile % w.tiles_across * kTile - w.pad_left;
    float* v = w.v + i * w.v_row;
    const bool inside =
        top >= 0 && left >= 0 && top + kPatch <= in.height && left + kPatch <= in.width;
    if (inside) {
      const float* corner = in.at(top, left);
      transform_input([&](int y, int x) { return corner + y * in.row + x * in.pixel; }, in.channels,
                      v, w.v_point);
      continue;
    }
    for (int c = 0; c < in.channels; c += kLanes) {
      const auto patch = [&](int y, int x) {
        const bool there = static_cast<unsigned>(top + y) < static_cast<unsigned>(in.height) &&
                           static_cast<unsigned>(left + x) < static_cast<unsigned>(in.width);
        return there ? in.at(top + y, left + x) + c : kZeros;
      };
      transform_input(patch, 1, v + c, w.v_point);
    }
  }
}

inline void winograd_output(const WinogradOutput& w) {
  const ClampVectors clamp(w.clamp), residual_clamp(w.residual_clamp);
  const View<float>& shape = w.out.data ? w.out : w.pooled;
  const int scale = w.out.data ? 1 : 2;
  const int height = shape.height * scale, width = shape.width * scale;
  for (int i = 0; i < w.tile_count; ++i) {
    const int tile = w.first_tile + i;
    const int top = tile / w.tiles_across * kTile, left = tile % w.tiles_across * kTile;
    const int rows = HWY_MIN(kTile, height - top), columns = HWY_MIN(kTile, width - left);
    for (int c = 0; c < w.channels; c += kLanes) {
      const float* m = w.m + i * w.m_row + c;
      V points[kTile][kPatch];  // [y][point of x]
      for (int x = 0; x < kPatch; ++x) {
        V column[kPatch], sums[kTile];
        for (int y = 0; y < kPatch; ++y) {
          column[y] = hn::LoadU(D(), m + (y * kPatch + x) * w.m_point);
        }
        from_points(column, sums);
        for (int y = 0; y < kTile; ++y) points[y][x] = sums[y];
      }
      const V bias = hn::LoadU(D(), w.bias + c);
      const int count = w.channels - c;
      V values[kTile][kTile];
      for (int y = 0; y < kTile; ++y) {
        from_points(points[y], values[y]);
        for (int x = 0; x < kTile; ++x) values[y][x] = clamp(hn::Add(values[y][x], bias));
      }
      if (w.residual.data) {
        for (int y = 0; y < rows; ++y) {
          for (int x = 0; x < columns; ++x) {
            const V other = hn::LoadU(D(), w.residual.at(top + y, left + x) + c);
            values[y][x] = residual_clamp(hn::Add(values[y][x], other));
          }
        }
      }
      if (w.out.data) {
        for (int y = 0; y < rows; ++y) {
          for (int x = 0; x < columns; ++x) {
            store_part(values[y][x], w.out.at(top + y, left + x) + c, count);
          }
        }
      }
      if (w.pooled.data) {  // the sides are even, so a tile has complete windows
        for (int y = 0; y < rows; y += 2) {
          for (int x = 0; x < columns; x += 2) {
            const V best = hn::Max(hn::Max(values[y][x], values[y][x + 1]),
                                   hn::Max(values[y + 1][x], values[y + 1][x + 1]));
            store_part(best, w.pooled.at((top + y) / 2, (left + x) / 2) + c, count);
          }
        }
      }
    }
  }
}

#endif  // HWY_TARGET != HWY_SCALAR
}  // namespace oko::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
