// Kernels that process channels independently, compiled once for each target.
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

// Depthwise arithmetic on floats. int8-inl.h has the same for int8.
struct DepthwiseFloats {
  static constexpr bool kHasFives = true;  // code for 5x5 windows
  const DepthwiseCall& call;
  ClampVectors clamp{call.clamp}, residual_clamp{call.residual_clamp};

  // For the channels from c on: the initial sum, given the sum of all weights.
  HWY_INLINE V start(V, int c) const { return hn::LoadU(D(), call.bias + c); }
  // And the initial sum if only part of the window is inside.
  HWY_INLINE V start_at_edge(int c) const { return hn::LoadU(D(), call.bias + c); }
  static HWY_INLINE V pixel(const float* from) { return hn::LoadU(D(), from); }
  HWY_INLINE V pixel_at_edge(const float* from) const { return hn::LoadU(D(), from); }
  HWY_INLINE void store(V sum, int y, int x, int c) const {
    V value = clamp(sum);
    if (call.residual.data) {
      value = residual_clamp(hn::Add(value, hn::LoadU(D(), call.residual.at(y, x) + c)));
    }
    store_part(value, call.out.at(y, x) + c, call.out.channels - c);
  }
};

// One output anywhere, even if the window extends past the input.
template <typename Numbers, typename Call>
HWY_NOINLINE void depthwise_one(const Call& d, const Numbers& numbers, std::ptrdiff_t w_tap, int y,
                                int x, int c) {
  const int top = y * d.stride - d.pad_top, left = x * d.stride - d.pad_left;
  V sum = numbers.start_at_edge(c);
  for (int ky = HWY_MAX(0, -top); ky < d.size && top + ky < d.in.height; ++ky) {
    for (int kx = HWY_MAX(0, -left); kx < d.size && left + kx < d.in.width; ++kx) {
      sum = hn::MulAdd(numbers.pixel_at_edge(d.in.at(top + ky, left + kx) + c),
                       hn::LoadU(D(), d.weights + (ky * d.size + kx) * w_tap + c), sum);
    }
  }
  numbers.store(sum, y, x, c);
}

// kCount neighbouring outputs whose windows are inside: each pixel is read once.
template <int kSize, int kStride, int kCount, typename Numbers, typename Call>
HWY_INLINE void depthwise_inside(const Call& d, const Numbers& numbers, const float* weights,
                                 std::ptrdiff_t w_tap, V start, int y, int x, int c) {
  constexpr int kColumns = (kCount - 1) * kStride + kSize;
  V sum[kCount];
  for (int i = 0; i < kCount; ++i) sum[i] = start;
  for (int ky = 0; ky < kSize; ++ky) {
    const auto* row = d.in.at(y * kStride - d.pad_top + ky, x * kStride - d.pad_left) + c;
    V pixels[kColumns];
    for (int i = 0; i < kColumns; ++i) pixels[i] = numbers.pixel(row + i * d.in.pixel);
    for (int kx = 0; kx < kSize; ++kx) {
      const V weight = hn::LoadU(D(), weights + (ky * kSize + kx) * w_tap);
      for (int i = 0; i < kCount; ++i) {
        sum[i] = hn::MulAdd(pixels[i * kStride + kx], weight, sum[i]);
      }
    }
  }
  for (int i = 0; i < kCount; ++i) numbers.store(sum[i], y, x + i, c);
}

template <int kSize, int kStride, typename Numbers, typename Call>
HWY_INLINE void depthwise_row(const Call& d, const Numbers& numbers, std::ptrdiff_t w_tap, int y) {
  constexpr int kCount = 4;
  const int top = y * kStride - d.pad_top, width = d.out.width;
  const bool rows_inside = top >= 0 && top + kSize <= d.in.height;
  // The outputs [first, last) whose windows are inside the row.
  const int first = rows_inside ? HWY_MIN(width, (d.pad_left + kStride - 1) / kStride) : width;
  const int last = rows_inside && d.in.width >= kSize
                       ? HWY_MIN(width, (d.in.width - kSize + d.pad_left) / kStride + 1)
                       : first;
  for (int c = 0; c < d.out.channels; c += kLanes) {
    const float* weights = d.weights + c;
    V all = hn::Zero(D());
    for (int i = 0; i < kSize * kSize; ++i) all = hn::Add(all, hn::LoadU(D(), weights + i * w_tap));
    const V start = numbers.start(all, c);
    int x = 0;
    for (; x < first; ++x) depthwise_one(d, numbers, w_tap, y, x, c);
    for (; x + kCount <= last; x += kCount) {
      depthwise_inside<kSize, kStride, kCount>(d, numbers, weights, w_tap, start, y, x, c);
    }
    for (; x < width; ++x) depthwise_one(d, numbers, w_tap, y, x, c);
  }
}

template <typename Numbers, typename Call>
HWY_INLINE void depthwise_rows(const Call& d) {
  const std::ptrdiff_t w_tap = (d.out.channels + kLanes - 1) / kLanes * kLanes;
  const Numbers numbers{d};
  for (int y = d.first_row; y < d.first_row + d.row_count; ++y) {
    if (d.size == 3 && d.stride == 1) {
      depthwise_row<3, 1>(d, numbers, w_tap, y);
    } else if (d.size == 3 && d.stride == 2) {
      depthwise_row<3, 2>(d, numbers, w_tap, y);
    } else if (Numbers::kHasFives && d.size == 5 && d.stride == 1) {
      depthwise_row<5, 1>(d, numbers, w_tap, y);
    } else {
      for (int c = 0; c < d.out.channels; c += kLanes) {
        for (int x = 0; x < d.out.width; ++x) depthwise_one(d, numbers, w_tap, y, x, c);
      }
    }
  }
}

inline void depthwise(const DepthwiseCall& d) { depthwise_rows<DepthwiseFloats>(d); }

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

// Blocks of 4 pixels × 4 channels, transposed in registers.
inline void to_planes(const float* from, std::ptrdiff_t pixel, int channels, int count,
                      float* planes, std::ptrdiff_t plane) {
  const hn::CappedTag<float, 4> d;
  int c = 0;
  for (; c + 4 <= channels; c += 4) {
    float* to = planes + c * plane;
    int i = 0;
    for (; i + 4 <= count; i += 4) {
      const float* in = from + i * pixel + c;
      const auto p0 = hn::LoadU(d, in), p1 = hn::LoadU(d, in + pixel);
      const auto p2 = hn::LoadU(d, in + 2 * pixel), p3 = hn::LoadU(d, in + 3 * pixel);
      const auto low01 = hn::InterleaveLower(d, p0, p1), high01 = hn::InterleaveUpper(d, p0, p1);
      const auto low23 = hn::InterleaveLower(d, p2, p3), high23 = hn::InterleaveUpper(d, p2, p3);
      hn::StoreU(hn::ConcatLowerLower(d, low23, low01), d, to + i);
      hn::StoreU(hn::ConcatUpperUpper(d, low23, low01), d, to + plane + i);
      hn::StoreU(hn::ConcatLowerLower(d, high23, high01), d, to + 2 * plane + i);
      hn::StoreU(hn::ConcatUpperUpper(d, high23, high01), d, to + 3 * plane + i);
    }
    for (; i < count; ++i) {
      for (int k = 0; k < 4; ++k) to[k * plane + i] = from[i * pixel + c + k];
    }
  }
  for (; c < channels; ++c) {
    for (int i = 0; i < count; ++i) planes[c * plane + i] = from[i * pixel + c];
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
