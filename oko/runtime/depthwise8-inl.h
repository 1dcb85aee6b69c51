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

// A vector has kLanes channels. kGroup neighbouring rows of one column of the input, side by side
// in every lane, meet as many weights, so that a window of 5x5 takes 5 · 2 dot products of 4 bytes.
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
  static HWY_INLINE V32 channels(const std::uint8_t* from) {
    return hn::PromoteTo(D32(), hn::LoadU(D8(), from));
  }

  // Of the weights [column][group of rows][channels rounded up to lanes][kGroup].
  HWY_INLINE V32 weight(int column, int group, int c) const {
    const int all = (call.out.channels + kLanes - 1) / kLanes * kLanes;
    const auto* from =
        static_cast<const std::int8_t*>(call.weights) +
        (std::ptrdiff_t{column * groups(call.size) + group} * all + c) * kGroup * DotKind::kBytes;
    return hn::LoadU(D32(), reinterpret_cast<const std::int32_t*>(from));
  }

  HWY_INLINE void store(V32 sum, int y, int x, int c) const {
    V value = end.clamp(hn::MulAdd(hn::ConvertTo(D(), sum), hn::LoadU(D(), call.scale + c),
                                   hn::LoadU(D(), call.bias + c)));
    if (call.residual.data) value = end.add(value, call.residual.at(y, x) + c);
    store_number(value, end.zero, call.out.at(y, x) + c, call.out.channels - c);
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
          const V32 row = inside ? channels(call.in.at(iy, ix) + c) : hn::Set(D32(), call.in_zero);
          rows = hn::Or(hn::ShiftLeft<kShift>(rows), row);
        }
        sum = DotKind::add(sum, shifted(rows), weight(column, group, c));
      }
    }
    store(sum, y, x, c);
  }

  // A row of outputs. A column is read once, for all windows that it belongs to: sum[t] is that of
  // the output t to the left of the newest.
  template <int kSize, int kStride>
  HWY_NOINLINE void row(int y, int c) const {
    constexpr int kGroups = groups(kSize), kSums = (kSize - 1) / kStride + 1;
    const int top = y * kStride - call.pad_top;
    const std::uint8_t* rows[kSize];
    V32 weights[kSize][kGroups];
    const V32 start = prepare(top, c, rows, weights);
    V32 sum[kSums];
    for (V32& s : sum) s = start;
    for (int newest = 0; newest < call.out.width + kSums - 1; ++newest) {
      for (int t = kSums - 1; t > 0; --t) sum[t] = sum[t - 1];
      sum[0] = start;
      for (int phase = 0; phase < kStride; ++phase) {
        V32 column[kGroups];
        read<kSize>(rows, newest * kStride + phase - call.pad_left, column);
        for (int t = 0; phase + kStride * t < kSize; ++t) {
          for (int g = 0; g < kGroups; ++g) {
            sum[t] = DotKind::add(sum[t], column[g], weights[phase + kStride * t][g]);
          }
        }
      }
      if (newest >= kSums - 1) store(sum[kSums - 1], y, newest - kSums + 1, c);
    }
  }

  // Where the window's rows begin, its weights, and the initial sum. Rows outside of the input
  // count nothing: any other is read instead, with weights of 0.
  template <int kSize, int kGroups>
  HWY_INLINE V32 prepare(int top, int c, const std::uint8_t* (&rows)[kSize],
                         V32 (&weights)[kSize][kGroups]) const {
    std::uint32_t used[kGroups] = {};
    for (int k = 0; k < kSize; ++k) {
      const bool inside = top + k >= 0 && top + k < call.in.height;
      rows[k] = call.in.at(inside ? top + k : HWY_MIN(HWY_MAX(top, 0), call.in.height - 1), 0) + c;
      constexpr std::uint32_t kAll = ~0U >> (32 - 32 / kGroup);
      if (inside) used[k / kGroup] |= kAll << k % kGroup * kShift;
    }
    V32 sum = hn::Zero(D32());  // of the weights: products with 1
    for (int column = 0; column < kSize; ++column) {
      for (int g = 0; g < kGroups; ++g) {
        const auto mask = hn::Set(D32(), static_cast<std::int32_t>(used[g]));
        weights[column][g] = hn::And(weight(column, g, c), mask);
        sum = DotKind::add(sum, hn::Set(D32(), repeated(1)), weights[column][g]);
      }
    }
    return hn::Mul(sum, hn::Set(D32(), DotKind::kShift - call.in_zero));
  }

  template <int kSize, int kGroups>
  HWY_INLINE void read(const std::uint8_t* const (&rows)[kSize], int x,
                       V32 (&column)[kGroups]) const {
    if (static_cast<unsigned>(x) >= static_cast<unsigned>(call.in.width)) {
      for (V32& group : column) group = outside;
      return;
    }
    const std::ptrdiff_t at = x * call.in.pixel;
    for (int g = 0; g < kGroups; ++g) {
      V32 group = channels(rows[g * kGroup] + at);
      if constexpr (kGroup > 1) {
        if (g * kGroup + 1 < kSize) add_row<1>(rows, g, at, group);
      }
      if constexpr (kGroup == 4) {
        if (g * kGroup + 2 < kSize) add_row<2>(rows, g, at, group);
        if (g * kGroup + 3 < kSize) add_row<3>(rows, g, at, group);
      }
      column[g] = shifted(group);
    }
  }
  template <int kRow, int kSize>
  static HWY_INLINE void add_row(const std::uint8_t* const (&rows)[kSize], int g, std::ptrdiff_t at,
                                 V32& group) {
    const V32 row = channels(rows[HWY_MIN(g * kGroup + kRow, kSize - 1)] + at);
    group = hn::Or(group, hn::ShiftLeft<kRow * kShift>(row));
  }

  void any_row(int y, int c) const {
    for (int x = 0; x < call.out.width; ++x) one(y, x, c);
  }
};

template <typename DotKind>
void depthwise8(const Depthwise8Call& d) {
  using Kernel = Depthwise8<DotKind>;
  const Kernel kernel{d};
  const auto row = d.size == 3 && d.stride == 1   ? &Kernel::template row<3, 1>
                   : d.size == 3 && d.stride == 2 ? &Kernel::template row<3, 2>
                   : d.size == 5 && d.stride == 1 ? &Kernel::template row<5, 1>
                   : d.size == 5 && d.stride == 2 ? &Kernel::template row<5, 2>
                                                  : &Kernel::any_row;
  for (int y = d.first_row; y < d.first_row + d.row_count; ++y) {
    for (int c = 0; c < d.out.channels; c += kLanes) (kernel.*row)(y, c);
  }
}

#endif  // HWY_TARGET != HWY_SCALAR
}  // namespace oko::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
