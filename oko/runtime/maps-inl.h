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

HWY_INLINE void store_depthwise(const DepthwiseCall& d, V sum, int y, int x, int c) {
  V value = ClampVectors(d.clamp)(sum);
  if (d.residual.data) {
    const V other = hn::LoadU(D(), d.residual.at(y, x) + c);
    value = ClampVectors(d.residual_clamp)(hn::Add(value, other));
  }
  store_part(value, d.out.at(y, x) + c, d.out.channels - c);
}

// The rows of a window that are inside the input.
struct WindowRows {
  int first, end;
  HWY_INLINE WindowRows(const DepthwiseCall& d, int top)
      : first(HWY_MAX(0, -top)), end(HWY_MIN(d.size, d.in.height - top)) {}
};

// The weights of a small window stay in registers, if its rows are unrolled: all have to be inside.
constexpr bool unrolled(int size) { return size < 5; }

// One output anywhere, even if the window extends past the input.
HWY_NOINLINE inline void depthwise_one(const DepthwiseCall& d, std::ptrdiff_t w_tap, int y, int x,
                                       int c) {
  const int top = y * d.stride - d.pad_top, left = x * d.stride - d.pad_left;
  const WindowRows rows(d, top);
  V sum = hn::LoadU(D(), d.bias + c);
  for (int ky = rows.first; ky < rows.end; ++ky) {
    for (int kx = HWY_MAX(0, -left); kx < d.size && left + kx < d.in.width; ++kx) {
      sum = hn::MulAdd(hn::LoadU(D(), d.in.at(top + ky, left + kx) + c),
                       hn::LoadU(D(), d.weights + (ky * d.size + kx) * w_tap + c), sum);
    }
  }
  store_depthwise(d, sum, y, x, c);
}

// Outputs next to each other, with a residual or part of a vector.
HWY_NOINLINE inline void store_depthwise(const DepthwiseCall& d, const float* sums, int count,
                                         int y, int x, int c) {
  for (int i = 0; i < count; ++i) {
    store_depthwise(d, hn::Load(D(), sums + i * kLanes), y, x + i, c);
  }
}

// What the outputs of row y share: kKept weights stay in registers, all of an unrolled window.
// Copies, since what is stored might be the call.
template <int kKept>
struct DepthwiseRow {
  ClampVectors clamp;
  V bias, weights[kKept];
  bool plain;                           // whole vectors, without a residual
  const float* in;                      // of the first channel
  std::ptrdiff_t first, pixel, in_row;  // elements to the first window's corner, to the next ones
  float* out;
  std::ptrdiff_t out_pixel;
  HWY_INLINE DepthwiseRow(const DepthwiseCall& d, std::ptrdiff_t w_tap, int top, int y, int c)
      : clamp(d.clamp),
        bias(hn::LoadU(D(), d.bias + c)),
        plain(d.residual.data == nullptr && d.out.channels - c >= kLanes),
        in(d.in.data + c),
        first(top * d.in.row - d.pad_left * d.in.pixel),
        pixel(d.in.pixel),
        in_row(d.in.row),
        out(d.out.at(y, 0) + c),
        out_pixel(d.out.pixel) {
    for (int i = 0; i < kKept; ++i) weights[i] = hn::LoadU(D(), d.weights + i * w_tap + c);
  }
};

// kCount neighbouring outputs whose windows are inside a row: each pixel is read once.
template <int kSize, int kStride, int kCount, int kKept>
HWY_INLINE void depthwise_inside(const DepthwiseCall& d, const DepthwiseRow<kKept>& shared,
                                 std::ptrdiff_t w_tap, int y, int x, int c) {
  constexpr int kColumns = (kCount - 1) * kStride + kSize;
  const WindowRows rows(d, y * kStride - d.pad_top);
  V sum[kCount];
  for (V& s : sum) s = shared.bias;
  const int begin = unrolled(kSize) ? 0 : rows.first, end = unrolled(kSize) ? kSize : rows.end;
  const float* row = shared.in + shared.first + x * kStride * shared.pixel + begin * shared.in_row;
  const float* weights = d.weights + begin * kSize * w_tap + c;
  for (int ky = begin; ky < end; ++ky, row += shared.in_row, weights += kSize * w_tap) {
    V pixels[kColumns];
    for (int i = 0; i < kColumns; ++i) pixels[i] = hn::LoadU(D(), row + i * shared.pixel);
    for (int kx = 0; kx < kSize; ++kx) {
      const V weight = unrolled(kSize) ? shared.weights[(ky * kSize + kx) % kKept]
                                       : hn::LoadU(D(), weights + kx * w_tap);
      for (int i = 0; i < kCount; ++i) {
        sum[i] = hn::MulAdd(pixels[i * kStride + kx], weight, sum[i]);
      }
    }
  }
  if (shared.plain) {
    float* to = shared.out + x * shared.out_pixel;
    for (int i = 0; i < kCount; ++i, to += shared.out_pixel) {
      hn::StoreU(shared.clamp(sum[i]), D(), to);
    }
    return;
  }
  HWY_ALIGN float sums[kCount * kLanes];
  for (int i = 0; i < kCount; ++i) hn::Store(sum[i], D(), sums + i * kLanes);
  store_depthwise(d, sums, kCount, y, x, c);
}

inline void depthwise_any_row(const DepthwiseCall& d, std::ptrdiff_t w_tap, int y, int c) {
  for (int x = 0; x < d.out.width; ++x) depthwise_one(d, w_tap, y, x, c);
}

// The last block of the outputs that are inside overlaps the one before.
template <int kSize, int kStride, int kCount>
inline void depthwise_row(const DepthwiseCall& d, std::ptrdiff_t w_tap, int y, int c) {
  const int width = d.out.width, top = y * kStride - d.pad_top;
  if (unrolled(kSize) && (top < 0 || top + kSize > d.in.height)) {
    depthwise_any_row(d, w_tap, y, c);
    return;
  }
  // The outputs [first, last) whose windows are inside the row.
  const int first = HWY_MIN(width, (d.pad_left + kStride - 1) / kStride);
  const int last =
      d.in.width >= kSize ? HWY_MIN(width, (d.in.width - kSize + d.pad_left) / kStride + 1) : first;
  const DepthwiseRow<unrolled(kSize) ? kSize * kSize : 1> shared(d, w_tap, top, y, c);
  int x = 0;
  for (; x < first; ++x) depthwise_one(d, w_tap, y, x, c);
#if HWY_ARCH_ARM_A64
  // A sum waits four cycles for the one before: four are too few for two and more pipes.
  constexpr int kWide = kSize == 3 && kStride == 1 ? 8 : kCount;
  for (; kWide > kCount && x + kWide <= last; x += kWide) {
    depthwise_inside<kSize, kStride, kWide>(d, shared, w_tap, y, x, c);
  }
#endif
  for (; last - first >= kCount && x < last; x += kCount) {
    x = HWY_MIN(x, last - kCount);
    depthwise_inside<kSize, kStride, kCount>(d, shared, w_tap, y, x, c);
  }
  for (; x < width; ++x) depthwise_one(d, w_tap, y, x, c);
}

inline void depthwise(const DepthwiseCall& d) {
  const std::ptrdiff_t w_tap = (d.out.channels + kLanes - 1) / kLanes * kLanes;
  constexpr int kMany = kManyRegisters ? 8 : 4;
  const auto row = d.size == 3 && d.stride == 1   ? &depthwise_row<3, 1, 4>
                   : d.size == 3 && d.stride == 2 ? &depthwise_row<3, 2, 4>
                   : d.size == 5 && d.stride == 1 ? &depthwise_row<5, 1, kMany>
                   : d.size == 5 && d.stride == 2 ? &depthwise_row<5, 2, kMany / 2>
                                                  : &depthwise_any_row;
  // Of large windows all rows of some channels, then of the next: the window's rows stay in the
  // first cache.
  const int end = d.first_row + d.row_count, channels = d.size >= 5 ? kLanes : d.out.channels;
  for (int first = 0; first < d.out.channels; first += channels) {
    for (int y = d.first_row; y < end; ++y) {
      for (int c = first; c < first + channels; c += kLanes) row(d, w_tap, y, c);
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

template <typename Function>
HWY_INLINE void combine(const float* a, const float* b, float* out, std::size_t count, Clamp clamp,
                        const Function& function) {
  const ClampVectors end(clamp);
  for (std::size_t i = 0; i < count; i += kLanes) {
    const V value = end(function(hn::LoadU(D(), a + i), hn::LoadU(D(), b + i)));
    store_part(value, out + i, static_cast<int>(HWY_MIN(count - i, std::size_t{kLanes})));
  }
}

inline void add(const float* a, const float* b, float* out, std::size_t count, Clamp clamp) {
  combine(a, b, out, count, clamp, [](V x, V y) HWY_ATTR { return hn::Add(x, y); });
}
inline void multiply(const float* a, const float* b, float* out, std::size_t count, Clamp clamp) {
  combine(a, b, out, count, clamp, [](V x, V y) HWY_ATTR { return hn::Mul(x, y); });
}

inline void blend(const BlendCall<float>& b) {
  for (int c = 0; c < b.channels; c += kLanes) {
    V sum = hn::Zero(D());
    for (int i = 0; i < 4; ++i) {
      sum = hn::MulAdd(hn::LoadU(D(), b.corners[i] + c), hn::Set(D(), b.weights[i]), sum);
    }
    store_part(sum, b.out + c, b.channels - c);
  }
}

// The last vector overlaps the one before.
template <typename T>
void zip(const T* a, const T* b, int count, T* to) {
  const hn::CappedTag<T, 16 / sizeof(T)> tag;
  const int lanes = static_cast<int>(hn::MaxLanes(tag));
  for (int i = 0; lanes <= count && i < count; i += lanes) {
    const int first = HWY_MIN(i, count - lanes);
    hn::StoreInterleaved2(hn::LoadU(tag, a + first), hn::LoadU(tag, b + first), tag,
                          to + 2 * first);
  }
  for (int i = 0; count < lanes && i < count; ++i) {
    to[2 * i] = a[i];
    to[2 * i + 1] = b[i];
  }
}

#endif  // HWY_TARGET != HWY_SCALAR
}  // namespace oko::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
