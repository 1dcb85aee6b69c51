// Kernels that work on a map's channels one by one, compiled once for each target.
#include "oko/runtime/gemm-inl.h"

#if defined(OKO_RUNTIME_MAPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OKO_RUNTIME_MAPS_INL_H_
#undef OKO_RUNTIME_MAPS_INL_H_
#else
#define OKO_RUNTIME_MAPS_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace oko::runtime::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

struct DepthwiseEnd {
  const DepthwiseCall& call;
  ClampVectors clamp{call.clamp}, residual_clamp{call.residual_clamp};
  HWY_INLINE void store(V sum, int y, int x, int c) const {
    V value = clamp(sum);
    if (call.residual.data) {
      value = residual_clamp(hn::Add(value, hn::LoadU(D(), call.residual.at(y, x) + c)));
    }
    store_part(value, call.out.at(y, x) + c, call.out.channels - c);
  }
};

// One output anywhere, also where the window leaves the map.
HWY_INLINE V depthwise_one(const DepthwiseCall& d, const float* weights, std::ptrdiff_t w_tap,
                           V sum, int y, int x, int c) {
  const int top = y * d.stride - d.pad_top, left = x * d.stride - d.pad_left;
  for (int ky = HWY_MAX(0, -top); ky < d.size && top + ky < d.in.height; ++ky) {
    for (int kx = HWY_MAX(0, -left); kx < d.size && left + kx < d.in.width; ++kx) {
      sum = hn::MulAdd(hn::LoadU(D(), d.in.at(top + ky, left + kx) + c),
                       hn::LoadU(D(), weights + (ky * d.size + kx) * w_tap), sum);
    }
  }
  return sum;
}

// kCount neighbouring 3x3 outputs that lie inside: their columns are read once.
template <int kStride, int kCount>
HWY_INLINE void depthwise_3x3(const DepthwiseCall& d, const V weights[9], V bias,
                              const DepthwiseEnd& end, int y, int x, int c) {
  constexpr int kColumns = (kCount - 1) * kStride + 3;
  V sum[kCount];
  for (int i = 0; i < kCount; ++i) sum[i] = bias;
  for (int ky = 0; ky < 3; ++ky) {
    const float* row = d.in.at(y * kStride - d.pad_top + ky, x * kStride - d.pad_left) + c;
    V pixels[kColumns];
    for (int i = 0; i < kColumns; ++i) pixels[i] = hn::LoadU(D(), row + i * d.in.pixel);
    for (int i = 0; i < kCount; ++i) {
      for (int kx = 0; kx < 3; ++kx) {
        sum[i] = hn::MulAdd(pixels[i * kStride + kx], weights[ky * 3 + kx], sum[i]);
      }
    }
  }
  for (int i = 0; i < kCount; ++i) end.store(sum[i], y, x + i, c);
}

template <int kStride>
HWY_INLINE void depthwise_row_3x3(const DepthwiseCall& d, std::ptrdiff_t w_tap,
                                  const DepthwiseEnd& end, int y) {
  constexpr int kCount = 4;
  const int top = y * kStride - d.pad_top, width = d.out.width;
  const bool rows_inside = top >= 0 && top + 3 <= d.in.height;
  // The outputs [first, last) whose windows lie inside the row.
  const int first = rows_inside ? HWY_MIN(width, (d.pad_left + kStride - 1) / kStride) : width;
  const int last = rows_inside && d.in.width >= 3
                       ? HWY_MIN(width, (d.in.width - 3 + d.pad_left) / kStride + 1)
                       : first;
  for (int c = 0; c < d.out.channels; c += kLanes) {
    const float* from = d.weights + c;
    V weights[9];
    for (int i = 0; i < 9; ++i) weights[i] = hn::LoadU(D(), from + i * w_tap);
    const V bias = hn::LoadU(D(), d.bias + c);
    int x = 0;
    for (; x < first; ++x) end.store(depthwise_one(d, from, w_tap, bias, y, x, c), y, x, c);
    for (; x + kCount <= last; x += kCount) {
      depthwise_3x3<kStride, kCount>(d, weights, bias, end, y, x, c);
    }
    for (; x < last; ++x) depthwise_3x3<kStride, 1>(d, weights, bias, end, y, x, c);
    for (; x < width; ++x) end.store(depthwise_one(d, from, w_tap, bias, y, x, c), y, x, c);
  }
}

inline void depthwise(const DepthwiseCall& d) {
  const std::ptrdiff_t w_tap = (d.out.channels + kLanes - 1) / kLanes * kLanes;
  const DepthwiseEnd end{d};
  for (int y = d.first_row; y < d.first_row + d.row_count; ++y) {
    if (d.size == 3 && d.stride == 1) {
      depthwise_row_3x3<1>(d, w_tap, end, y);
    } else if (d.size == 3 && d.stride == 2) {
      depthwise_row_3x3<2>(d, w_tap, end, y);
    } else {
      for (int c = 0; c < d.out.channels; c += kLanes) {
        const V bias = hn::LoadU(D(), d.bias + c);
        for (int x = 0; x < d.out.width; ++x) {
          end.store(depthwise_one(d, d.weights + c, w_tap, bias, y, x, c), y, x, c);
        }
      }
    }
  }
}

inline void max_pool(const PoolCall<float>& p) {
  for (int y = p.first_row; y < p.first_row + p.row_count; ++y) {
    const int top = y * p.stride - p.pad_top;
    const int y0 = HWY_MAX(0, top), y1 = HWY_MIN(p.in.height, top + p.size);
    for (int x = 0; x < p.out.width; ++x) {
      const int left = x * p.stride - p.pad_left;
      const int x0 = HWY_MAX(0, left), x1 = HWY_MIN(p.in.width, left + p.size);
      float* to = p.out.at(y, x);
      for (int c = 0; c < p.out.channels; c += kLanes) {
        V best = hn::LoadU(D(), p.in.at(y0, x0) + c);
        for (int iy = y0; iy < y1; ++iy) {
          const float* from = p.in.at(iy, x0) + c;
          for (int ix = x0; ix < x1; ++ix, from += p.in.pixel) {
            best = hn::Max(best, hn::LoadU(D(), from));
          }
        }
        store_part(best, to + c, p.out.channels - c);
      }
    }
  }
}

inline void interleave(const float* planes, std::ptrdiff_t plane, int channels, int count,
                       float* to) {
  int i = 0;
  if (channels == 3) {
    for (; i + kLanes <= count; i += kLanes, to += 3 * kLanes) {
      const float* from = planes + i;
      hn::StoreInterleaved3(hn::LoadU(D(), from), hn::LoadU(D(), from + plane),
                            hn::LoadU(D(), from + 2 * plane), D(), to);
    }
  }
  for (; i < count; ++i) {
    for (int c = 0; c < channels; ++c) *to++ = planes[c * plane + i];
  }
}

inline void add(const float* a, const float* b, float* out, std::size_t count, Clamp clamp) {
  const ClampVectors end(clamp);
  for (std::size_t i = 0; i < count; i += kLanes) {
    const V sum = end(hn::Add(hn::LoadU(D(), a + i), hn::LoadU(D(), b + i)));
    store_part(sum, out + i, static_cast<int>(HWY_MIN(count - i, std::size_t{kLanes})));
  }
}

#endif  // HWY_TARGET != HWY_SCALAR
}  // namespace oko::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
