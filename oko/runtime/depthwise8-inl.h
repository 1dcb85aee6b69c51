// The int8 depthwise convolution, compiled once for each target.
#include "oko/runtime/sums8-inl.h"

#if defined(OKO_RUNTIME_DEPTHWISE8_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OKO_RUNTIME_DEPTHWISE8_INL_H_
#undef OKO_RUNTIME_DEPTHWISE8_INL_H_
#else
#define OKO_RUNTIME_DEPTHWISE8_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace oko::runtime::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

// ---- Four vectors of channels -----------------------------------------------------------------

// The bytes of 4 · kLanes channels are spread over four vectors of 32-bit lanes by interleaving
// within blocks of 16 bytes: block b of vector v has the channels from 16 · b + 4 · v on. Packing
// restores the order.
using DBytes = hn::Repartition<std::uint8_t, D32>;
using VBytes = hn::Vec<DBytes>;

// Lanes of (a, b, c, d), a in the lowest byte.
HWY_INLINE void spread(VBytes a, VBytes b, VBytes c, VBytes d, V32 (&out)[4]) {
  const DBytes bytes;
  const hn::Repartition<std::uint16_t, D32> words;
  const auto low_ab = hn::BitCast(words, hn::InterleaveLower(bytes, a, b));
  const auto low_cd = hn::BitCast(words, hn::InterleaveLower(bytes, c, d));
  const auto high_ab = hn::BitCast(words, hn::InterleaveUpper(bytes, a, b));
  const auto high_cd = hn::BitCast(words, hn::InterleaveUpper(bytes, c, d));
  out[0] = hn::BitCast(D32(), hn::InterleaveLower(words, low_ab, low_cd));
  out[1] = hn::BitCast(D32(), hn::InterleaveUpper(words, low_ab, low_cd));
  out[2] = hn::BitCast(D32(), hn::InterleaveLower(words, high_ab, high_cd));
  out[3] = hn::BitCast(D32(), hn::InterleaveUpper(words, high_ab, high_cd));
}

// Numbers of a channel each, for vector v of kVectors.
template <int kVectors, typename T>
HWY_INLINE auto load_part(const T* from, int v) {
  const hn::Rebind<T, D> d;
  if constexpr (kVectors == 1) return hn::LoadU(d, from);
  from += 4 * v;
#if HWY_TARGET == HWY_AVX3_DL
  const auto* block = reinterpret_cast<const __m128i*>(from);
  __m512i all = _mm512_castsi128_si512(_mm_loadu_si128(block));
  all = _mm512_inserti32x4(all, _mm_loadu_si128(block + 4), 1);
  all = _mm512_inserti32x4(all, _mm_loadu_si128(block + 8), 2);
  all = _mm512_inserti32x4(all, _mm_loadu_si128(block + 12), 3);
  return hn::BitCast(d, V32{all});
#elif HWY_TARGET == HWY_AVX2
  const auto* block = reinterpret_cast<const __m128i*>(from);
  const __m256i all = _mm256_castsi128_si256(_mm_loadu_si128(block));
  return hn::BitCast(d, V32{_mm256_inserti128_si256(all, _mm_loadu_si128(block + 4), 1)});
#else
  return hn::LoadU(d, from);
#endif
}

// 4 · kLanes integers, held to 0 to 255.
HWY_INLINE void store_spread(const V32 (&v)[4], std::uint8_t* to) {
#if HWY_TARGET == HWY_AVX3_DL
  const __m512i low = _mm512_packs_epi32(v[0].raw, v[1].raw);
  const __m512i high = _mm512_packs_epi32(v[2].raw, v[3].raw);
  _mm512_storeu_si512(to, _mm512_packus_epi16(low, high));
#elif HWY_TARGET == HWY_AVX2
  const __m256i low = _mm256_packs_epi32(v[0].raw, v[1].raw);
  const __m256i high = _mm256_packs_epi32(v[2].raw, v[3].raw);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_packus_epi16(low, high));
#else
  for (int i = 0; i < 4; ++i) store_bytes(v[i], to + i * kLanes);
#endif
}

// ---- The convolution --------------------------------------------------------------------------

// kGroup neighbouring rows of one column of the input, side by side in every lane, meet as many
// weights, so that a window of 5x5 takes 5 · 2 dot products of 4 bytes.
template <typename DotKind>
struct Depthwise8 {
  static constexpr int kGroup = DotKind::kGroup, kShift = 32 / kGroup % 32;
  static constexpr int groups(int size) { return (size + kGroup - 1) / kGroup; }

  const Depthwise8Call& call;
  End8 end{call};
  V32 outside = shifted(hn::Set(D32(), repeated(call.in_zero)));  // a column of zero points

  // The same number in all places of a lane.
  static std::int32_t repeated(int number) {
    std::uint32_t all = 0;
    for (int k = 0; k < kGroup; ++k) all |= static_cast<std::uint32_t>(number) << kShift * k;
    return static_cast<std::int32_t>(all);
  }
  static HWY_INLINE V32 shifted(V32 column) {
    return DotKind::kShift == 0 ? column
                                : hn::Xor(column, hn::Set(D32(), repeated(DotKind::kShift)));
  }

  // Of the weights [column][group of rows][channels rounded up to lanes][kGroup].
  const std::int32_t* weights(int column, int group, int c) const {
    const int all = (call.out.channels + kLanes - 1) / kLanes * kLanes;
    const auto* from =
        static_cast<const std::int8_t*>(call.weights) +
        (std::ptrdiff_t{column * groups(call.size) + group} * all + c) * kGroup * DotKind::kBytes;
    return reinterpret_cast<const std::int32_t*>(from);
  }

  // One output of any window.
  HWY_NOINLINE void one(int y, int x, int c) const {
    const int top = y * call.stride - call.pad_top, left = x * call.stride - call.pad_left;
    V32 sum = hn::LoadU(D32(), call.start + c);
    for (int column = 0; column < call.size; ++column) {
      for (int group = 0; group < groups(call.size); ++group) {
        V32 rows = hn::Zero(D32());
        for (int k = kGroup - 1; k >= 0; --k) {
          const int iy = top + group * kGroup + k, ix = left + column;
          const bool inside = static_cast<unsigned>(iy) < static_cast<unsigned>(call.in.height) &&
                              static_cast<unsigned>(ix) < static_cast<unsigned>(call.in.width);
          const V32 row = inside ? hn::PromoteTo(D32(), hn::LoadU(D8(), call.in.at(iy, ix) + c))
                                 : hn::Set(D32(), call.in_zero);
          rows = hn::Or(hn::ShiftLeft<kShift>(rows), row);
        }
        sum = DotKind::add(sum, shifted(rows), hn::LoadU(D32(), weights(column, group, c)));
      }
    }
    V values[1] = {end.clamp(hn::MulAdd(hn::ConvertTo(D(), sum), hn::LoadU(D(), call.scale + c),
                                        hn::LoadU(D(), call.bias + c)))};
    store(values, y, x, c);
  }

  // A row of outputs, of the channels of one vector of sums or four. A column is read once for all
  // windows that it belongs to. Four vectors that need few weights keep the window's columns in
  // registers, others the sums of the windows: sum[t] is that of the output t to the left of the
  // newest. (What compilers keep in registers decides: measured for each.)
  template <int kSize, int kStride, int kVectors>
  HWY_NOINLINE void row(int y, int c) const {
    constexpr int kGroups = groups(kSize), kSums = (kSize - 1) / kStride + 1;
    constexpr int kKept = kSize - kStride;
    const std::uint8_t* rows[kSize];
    V32 weights[kSize][kGroups][kVectors], start[kVectors];
    prepare(y * kStride - call.pad_top, c, rows, weights, start);
    V scale[kVectors], bias[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      scale[v] = load_part<kVectors>(call.scale + c, v);
      bias[v] = load_part<kVectors>(call.bias + c, v);
    }
    const auto finish = [&](const V32(&sum)[kVectors], int x) {
      V values[kVectors];
      for (int v = 0; v < kVectors; ++v) {
        values[v] = end.clamp(hn::MulAdd(hn::ConvertTo(D(), sum[v]), scale[v], bias[v]));
      }
      store(values, y, x, c);
    };
    if constexpr (kVectors == 4 && kGroup == 4) {
      V32 window[kSize][kGroups][kVectors];
      int next = -call.pad_left;  // column of the input
      for (int i = 0; i < kKept; ++i) read(rows, next++, window[kStride + i]);
      for (int x = 0; x < call.out.width; ++x) {
        for (int i = 0; i < kKept; ++i) copy(window[i + kStride], window[i]);
        for (int i = kKept; i < kSize; ++i) read(rows, next++, window[i]);
        V32 sum[kVectors];
        copy(start, sum);
        for (int i = 0; i < kSize; ++i) add(window[i], weights[i], sum);
        finish(sum, x);
      }
    } else {
      V32 sum[kSums][kVectors];
      for (auto& s : sum) copy(start, s);
      for (int newest = 0; newest < call.out.width + kSums - 1; ++newest) {
        for (int t = kSums - 1; t > 0; --t) copy(sum[t - 1], sum[t]);
        copy(start, sum[0]);
        for (int phase = 0; phase < kStride; ++phase) {
          V32 column[kGroups][kVectors];
          read(rows, newest * kStride + phase - call.pad_left, column);
          for (int t = 0; phase + kStride * t < kSize; ++t) {
            add(column, weights[phase + kStride * t], sum[t]);
          }
        }
        if (newest >= kSums - 1) finish(sum[kSums - 1], newest - kSums + 1);
      }
    }
  }
  template <int kGroups, int kVectors>
  static HWY_INLINE void add(const V32 (&column)[kGroups][kVectors],
                             const V32 (&weight)[kGroups][kVectors], V32 (&sum)[kVectors]) {
    for (int g = 0; g < kGroups; ++g) {
      for (int v = 0; v < kVectors; ++v) sum[v] = DotKind::add(sum[v], column[g][v], weight[g][v]);
    }
  }
  template <int kVectors>
  static HWY_INLINE void copy(const V32 (&from)[kVectors], V32 (&to)[kVectors]) {
    for (int v = 0; v < kVectors; ++v) to[v] = from[v];
  }
  template <int kGroups, int kVectors>
  static HWY_INLINE void copy(const V32 (&from)[kGroups][kVectors], V32 (&to)[kGroups][kVectors]) {
    for (int g = 0; g < kGroups; ++g) copy(from[g], to[g]);
  }

  // Where the window's rows begin, its weights, and the initial sums. Rows outside of the input
  // count nothing: any other is read instead, with weights of 0.
  template <int kSize, int kGroups, int kVectors>
  HWY_INLINE void prepare(int top, int c, const std::uint8_t* (&rows)[kSize],
                          V32 (&all)[kSize][kGroups][kVectors], V32 (&start)[kVectors]) const {
    std::uint32_t used[kGroups] = {};
    for (int k = 0; k < kSize; ++k) {
      const bool inside = top + k >= 0 && top + k < call.in.height;
      rows[k] = call.in.at(inside ? top + k : HWY_MIN(HWY_MAX(top, 0), call.in.height - 1), 0) + c;
      constexpr std::uint32_t kAll = ~0U >> (32 - 32 / kGroup);
      if (inside) used[k / kGroup] |= kAll << k % kGroup * kShift;
    }
    for (int v = 0; v < kVectors; ++v) {
      V32 sum = hn::Zero(D32());  // of the weights: products with 1
      for (int column = 0; column < kSize; ++column) {
        for (int g = 0; g < kGroups; ++g) {
          const auto mask = hn::Set(D32(), static_cast<std::int32_t>(used[g]));
          all[column][g][v] = hn::And(load_part<kVectors>(weights(column, g, c), v), mask);
          sum = DotKind::add(sum, hn::Set(D32(), repeated(1)), all[column][g][v]);
        }
      }
      start[v] = hn::Mul(sum, hn::Set(D32(), DotKind::kShift - call.in_zero));
    }
  }

  template <int kSize, int kGroups, int kVectors>
  HWY_INLINE void read(const std::uint8_t* const (&rows)[kSize], int x,
                       V32 (&column)[kGroups][kVectors]) const {
    if (static_cast<unsigned>(x) >= static_cast<unsigned>(call.in.width)) {
      for (auto& group : column) {
        for (V32& v : group) v = outside;
      }
      return;
    }
    const std::ptrdiff_t at = x * call.in.pixel;
    for (int g = 0; g < kGroups; ++g) {
      const int count = HWY_MIN(kGroup, kSize - g * kGroup);
      const std::uint8_t* from[kGroup];
      for (int k = 0; k < kGroup; ++k) from[k] = rows[g * kGroup + HWY_MIN(k, count - 1)] + at;
      join(from, count, column[g]);
      for (V32& v : column[g]) v = shifted(v);
    }
  }

  // The bytes of `count` rows, side by side; what is in the other places does not matter.
  HWY_INLINE static void join(const std::uint8_t* const (&rows)[kGroup], int count, V32 (&out)[1]) {
    out[0] = hn::PromoteTo(D32(), hn::LoadU(D8(), rows[0]));
    if constexpr (kGroup > 1) {
      if (count > 1) add_row<1>(rows[1], out[0]);
    }
    if constexpr (kGroup == 4) {
      if (count > 2) add_row<2>(rows[2], out[0]);
      if (count > 3) add_row<3>(rows[3], out[0]);
    }
  }
  template <int kPlace>
  static HWY_INLINE void add_row(const std::uint8_t* from, V32& out) {
    const V32 row = hn::PromoteTo(D32(), hn::LoadU(D8(), from));
    out = hn::Or(out, hn::ShiftLeft<kPlace * kShift>(row));
  }
  HWY_INLINE static void join(const std::uint8_t* const (&rows)[kGroup], int count, V32 (&out)[4]) {
    const VBytes zero = hn::Zero(DBytes());
    VBytes row[kGroup];
    for (int k = 0; k < kGroup; ++k) row[k] = k < count ? hn::LoadU(DBytes(), rows[k]) : zero;
    if constexpr (kGroup == 1) {
      spread(row[0], zero, zero, zero, out);
    } else if constexpr (kGroup == 2) {
      spread(row[0], zero, row[1], zero, out);
    } else {
      spread(row[0], row[1], row[2], row[3], out);
    }
  }

  HWY_INLINE void store(V (&values)[1], int y, int x, int c) const {
    if (call.residual.data) values[0] = end.add(values[0], to_float(call.residual.at(y, x) + c));
    store_number(values[0], end.zero, call.out.at(y, x) + c, call.out.channels - c);
  }
  // Without a residual.
  HWY_INLINE void store(V (&values)[4], int y, int x, int c) const {
    const V zero = hn::Set(D(), end.zero);
    V32 numbers[4];
    for (int v = 0; v < 4; ++v) numbers[v] = to_nearest(hn::Add(values[v], zero));
    store_spread(numbers, call.out.at(y, x) + c);
  }

  void any_row(int y, int c) const {
    for (int x = 0; x < call.out.width; ++x) one(y, x, c);
  }
};

template <typename DotKind>
void depthwise8(const Depthwise8Call& d) {
  using Kernel = Depthwise8<DotKind>;
  const Kernel kernel{d};
  const auto row = d.size == 3 && d.stride == 1   ? &Kernel::template row<3, 1, 1>
                   : d.size == 3 && d.stride == 2 ? &Kernel::template row<3, 2, 1>
                   : d.size == 5 && d.stride == 1 ? &Kernel::template row<5, 1, 1>
                   : d.size == 5 && d.stride == 2 ? &Kernel::template row<5, 2, 1>
                                                  : &Kernel::any_row;
  // Of the most frequent window.
  const auto four_row =
      d.stride == 1 ? &Kernel::template row<3, 1, 4> : &Kernel::template row<3, 2, 4>;
  const bool wide = d.size == 3 && (d.stride == 1 || d.stride == 2) && d.residual.data == nullptr;
  const int channels = d.out.channels, four = wide ? channels / (4 * kLanes) * 4 * kLanes : 0;
  for (int y = d.first_row; y < d.first_row + d.row_count; ++y) {
    for (int c = 0; c < four; c += 4 * kLanes) (kernel.*four_row)(y, c);
    for (int c = four; c < channels; c += kLanes) (kernel.*row)(y, c);
  }
}

#endif  // HWY_TARGET != HWY_SCALAR
}  // namespace oko::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
