// The matrix kernel, compiled once for each target (kernels.cpp includes it through Highway).
#include <type_traits>
#include <utility>

#include "oko/runtime/kernels.h"

#if defined(OKO_RUNTIME_GEMM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OKO_RUNTIME_GEMM_INL_H_
#undef OKO_RUNTIME_GEMM_INL_H_
#else
#define OKO_RUNTIME_GEMM_INL_H_
#endif

#include "hwy/cache_control.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace oko::runtime::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET <= HWY_AVX2
using D = hn::ScalableTag<float>;
#else
using D = hn::CappedTag<float, 4>;
#endif
using V = hn::Vec<D>;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(D()));

// 32 vector registers (AVX-512, 64-bit NEON) or 16.
constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64;

// Rows of a block of sums held in registers, two vectors wide. With the two weights and a factor
// they fill the registers; 64-bit NEON takes four factors of each row at a time, and weights ahead.
// Browsers multiply and add in two instructions, with a product between them, and on x86 keep a
// register for themselves.
#if HWY_ARCH_WASM
constexpr int kMaxRows = 5;
#elif HWY_ARCH_ARM_A64
constexpr int kMaxRows = 8;
#else
constexpr int kMaxRows = kManyRegisters ? 14 : 6;
#endif

// The next block of `left` rows: as many as possible, but 16 rows are two blocks of 8, not 14
// and 2.
HWY_INLINE int rows_of_block(int left, int most) {
  return left >= 2 * most ? most : left > most ? (left + 1) / 2 : left;
}

HWY_INLINE V load(const float* from) { return hn::LoadU(D(), from); }

struct ClampVectors {
  V slope, cap;
  explicit HWY_INLINE ClampVectors(const Clamp& c)
      : slope(hn::Set(D(), c.slope)), cap(hn::Set(D(), c.cap)) {}
  // NaN is kept NaN. Of two numbers of which one is NaN, x86's minimum is the second, Highway's on
  // Arm the other, and Arm's own NaN.
  HWY_INLINE V operator()(V v) const {
    const V sloped = hn::Max(v, hn::Mul(v, slope));
#if HWY_ARCH_ARM
    return V{vminq_f32(cap.raw, sloped.raw)};
#else
    return hn::Min(cap, sloped);
#endif
  }
};

// Stores the first `count` lanes and nothing beyond.
HWY_INLINE void store_part(V v, float* to, int count) {
  if (count >= kLanes) {
    hn::StoreU(v, D(), to);
    return;
  }
#if HWY_TARGET <= HWY_AVX2  // has masked stores
  hn::BlendedStore(v, hn::FirstN(D(), static_cast<std::size_t>(count)), D(), to);
#else
  HWY_ALIGN float all[kLanes];
  hn::Store(v, D(), all);
  for (int i = 0; i < count; ++i) to[i] = all[i];
#endif
}

inline void widen_half(const Half* from, std::size_t count, float* to) {
  const hn::Rebind<hwy::float16_t, D> half;
  const auto* halves = reinterpret_cast<const hwy::float16_t*>(from);
  constexpr auto kStep = static_cast<std::size_t>(kLanes);
  for (std::size_t i = 0; i < count; i += kStep) {
    hn::StoreU(hn::PromoteTo(D(), hn::LoadU(half, halves + i)), D(), to + i);
  }
}

// Calls body(0), body(1), …, body(kCount - 1), with each number known at compile time. GCC unrolls
// loops too late to keep an array that they go over in registers.
template <typename Body, int... kIndex>
HWY_INLINE void repeat(const Body& body, std::integer_sequence<int, kIndex...>) {
  (body(std::integral_constant<int, kIndex>()), ...);
}
template <int kCount, typename Body>
HWY_INLINE void repeat(const Body& body) {
  repeat(body, std::make_integer_sequence<int, kCount>());
}

// Weights of large kernels are read from memory once per image; kAhead of them are prefetched.
constexpr std::ptrdiff_t kAhead = 512;

#if HWY_ARCH_ARM_A64
// Adds the products of `fours` times four columns of A and as many rows of a panel. An instruction
// takes its factor from a lane, so that four of a row are one load. Every load is written before
// the products that precede its own, for processors that run instructions in order; the last ones
// are not used.
template <int kRows, int kVectors>
HWY_INLINE void add_fours(int fours, const float* from, std::ptrdiff_t a_row, const float* b,
                          V (&sum)[kRows][kVectors]) {
  if (fours == 0) return;
  V factor[kRows], weight[kVectors];
  repeat<kRows>([&](auto r) HWY_ATTR { factor[r] = load(from + r * a_row); });
  repeat<kVectors>([&](auto v) HWY_ATTR { weight[v] = load(b + v * kLanes); });
  for (; fours > 0; --fours) {
    from += kLanes;
    repeat<kLanes>([&](auto lane) HWY_ATTR {
      b += kVectors * kLanes;
      V next[kVectors];
      repeat<kVectors>([&](auto v) HWY_ATTR { next[v] = load(b + v * kLanes); });
      if (lane * kVectors * kLanes * sizeof(float) % 64 == 0) hwy::Prefetch(b + kAhead);
      repeat<kRows>([&](auto r) HWY_ATTR {
        repeat<kVectors>([&](auto v) HWY_ATTR {
          sum[r][v] = V{vfmaq_laneq_f32(sum[r][v].raw, weight[v].raw, factor[r].raw, lane)};
        });
        if (lane == kLanes - 1) factor[r] = load(from + r * a_row);
      });
      repeat<kVectors>([&](auto v) HWY_ATTR { weight[v] = next[v]; });
    });
  }
}
#endif

// Sums of kRows rows of one panel, kVectors vectors of columns, to rows `to_row` apart. There is
// one of these for every block shape, so the epilogue is left to finish_block(). Most blocks are of
// the largest shape, though: it has a variant that clamps (kClamped).
template <int kRows, int kVectors, bool kClamped>
HWY_NOINLINE void gemm_block(const GemmCall& g, const float* a, const float* b, const float* bias,
                             float* to, std::ptrdiff_t to_row) {
  V sum[kRows][kVectors];
  // What every row begins with, or, a stride apart, each of them.
  HWY_ALIGN static constexpr float kZeros[2 * kLanes] = {};
  const float* first = g.add ? to : bias ? bias : kZeros;
  const std::ptrdiff_t first_row = g.add ? to_row : 0;
  repeat<kRows>([&](auto r) HWY_ATTR {
    repeat<kVectors>([&](auto v) HWY_ATTR { sum[r][v] = hn::LoadU(D(), first + v * kLanes); });
    first += first_row;
  });
  const std::ptrdiff_t a_row = g.a_row;
  for (int tap = 0; tap < g.taps; ++tap, a += g.a_tap) {
    const float* from = a;
    int k = 0;
#if HWY_ARCH_ARM_A64
    k = g.depth / kLanes * kLanes;
    add_fours(g.depth / kLanes, from, a_row, b, sum);
    from += k;
    b += k * kVectors * kLanes;
#endif
    for (; k < g.depth; ++k, ++from, b += kVectors * kLanes) {
      V weight[kVectors];
      repeat<kVectors>([&](auto v) HWY_ATTR {
        weight[v] = load(b + v * kLanes);
        hwy::Prefetch(b + v * kLanes + kAhead);
      });
      repeat<kRows>([&](auto r) HWY_ATTR {
        const V factor = hn::Set(D(), from[r * a_row]);
        repeat<kVectors>([&](auto v)
                             HWY_ATTR { sum[r][v] = hn::MulAdd(factor, weight[v], sum[r][v]); });
      });
    }
  }
  const ClampVectors clamp(g.clamp);
  repeat<kRows>([&](auto r) HWY_ATTR {
    repeat<kVectors>([&](auto v) HWY_ATTR {
      hn::StoreU(kClamped ? clamp(sum[r][v]) : sum[r][v], D(), to + v * kLanes);
    });
    to += to_row;
  });
}

using GemmBlock = void (*)(const GemmCall&, const float*, const float*, const float*, float*,
                           std::ptrdiff_t);

template <int kVectors, std::size_t... kIndex>
HWY_INLINE GemmBlock gemm_block_of(int rows, std::index_sequence<kIndex...>) {
  static constexpr GemmBlock kBlocks[] = {&gemm_block<int{kIndex} + 1, kVectors, false>...};
  return kBlocks[rows - 1];
}

// Clamps sums, adds the residual, and stores what belongs to the call's columns: whole vectors, or
// part of the last.
template <int kVectors, bool kResidual, bool kWhole>
HWY_NOINLINE void finish_rows(const GemmCall& g, const float* sums, int rows, int row, int column) {
  const ClampVectors clamp(g.clamp), residual_clamp(g.residual_clamp);
  float* to = g.c + row * g.c_row + column;
  const float* other = kResidual ? g.residual + row * g.residual_row + column : nullptr;
  for (int r = 0; r < rows; ++r, sums += kVectors * kLanes, to += g.c_row) {
    for (int v = 0; v < kVectors; ++v) {
      V value = clamp(hn::Load(D(), sums + v * kLanes));
      if constexpr (kResidual) {
        value = residual_clamp(hn::Add(value, hn::LoadU(D(), other + v * kLanes)));
      }
      if constexpr (kWhole) {
        hn::StoreU(value, D(), to + v * kLanes);
      } else {
        store_part(value, to + v * kLanes, g.columns - column - v * kLanes);
      }
    }
    if constexpr (kResidual) other += g.residual_row;
  }
}

template <int kVectors>
HWY_INLINE void finish_block(const GemmCall& g, const float* sums, int rows, int row, int column) {
  const bool whole = g.columns - column >= kVectors * kLanes;
  const auto finish =
      g.residual
          ? (whole ? &finish_rows<kVectors, true, true> : &finish_rows<kVectors, true, false>)
          : (whole ? &finish_rows<kVectors, false, true> : &finish_rows<kVectors, false, false>);
  finish(g, sums, rows, row, column);
}

// Panels outside, blocks of rows inside: a panel of weights stays in the cache while the rows pass.
inline void gemm(const GemmCall& g) {
  using Rows = std::make_index_sequence<kMaxRows>;
  HWY_ALIGN float sums[kMaxRows * 2 * kLanes];
  const float* b = static_cast<const float*>(g.b);
  const std::ptrdiff_t depth = std::ptrdiff_t{g.taps} * g.depth;
  // Sums without an epilogue, such as Winograd's points, are stored directly.
  const bool plain = g.clamp.slope == 1 && g.clamp.cap == Clamp().cap && g.residual == nullptr;
  for (int column = 0; column < g.columns;) {
    const int left = g.columns - column;
    const int vectors = left > kLanes ? 2 : 1;
    const bool whole = left >= vectors * kLanes;
    for (int row = 0, rows; row < g.rows; row += rows) {
      rows = rows_of_block(g.rows - row, kMaxRows);
      const bool clamped = whole && !plain && rows == kMaxRows && g.residual == nullptr;
      const bool direct = clamped || (whole && plain);
      const auto block =
          clamped
              ? (vectors == 2 ? &gemm_block<kMaxRows, 2, true> : &gemm_block<kMaxRows, 1, true>)
              : (vectors == 2 ? gemm_block_of<2>(rows, Rows()) : gemm_block_of<1>(rows, Rows()));
      block(g, g.a + row * g.a_row, b + g.point * depth * vectors * kLanes,
            g.bias ? g.bias + column : nullptr, direct ? g.c + row * g.c_row + column : sums,
            direct ? g.c_row : vectors * kLanes);
      if (!direct) {
        vectors == 2 ? finish_block<2>(g, sums, rows, row, column)
                     : finish_block<1>(g, sums, rows, row, column);
      }
    }
    b += g.points * depth * vectors * kLanes;
    column += vectors * kLanes;
  }
}

#endif  // HWY_TARGET != HWY_SCALAR
}  // namespace oko::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
