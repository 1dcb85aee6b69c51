// The int8 products of 64-bit Arm, of which there is a kind for processors without the dot product,
// with it, and with matrix products. Included by int8-inl.h.
#include "oko/runtime/sums8-inl.h"

#if defined(OKO_RUNTIME_ARM8_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OKO_RUNTIME_ARM8_INL_H_
#undef OKO_RUNTIME_ARM8_INL_H_
#else
#define OKO_RUNTIME_ARM8_INL_H_
#endif

// Clang warns of a region of attributes (Highway's) with nothing in it.
#if HWY_TARGET != HWY_SCALAR && HWY_ARCH_ARM_A64
HWY_BEFORE_NAMESPACE();
namespace oko::runtime::HWY_NAMESPACE {

// What lets the assembler accept an instruction where the compiler's own target lacks it. Clang
// before 16 does not know the extensions' names, so it gets a processor or a version that has it;
// its directives hold for one statement, GCC's until the next function: where the target has more
// than ARMv8.2 they must not take it away.
#if defined(__ARM_FEATURE_DOTPROD)
#define OKO_DOT_PRODUCT_ASM
#elif HWY_COMPILER_CLANG
#define OKO_DOT_PRODUCT_ASM ".cpu cortex-a75+crypto\n\t"
#else
#define OKO_DOT_PRODUCT_ASM ".arch armv8.2-a+crypto+dotprod\n\t"
#endif
#if defined(__ARM_FEATURE_MATMUL_INT8)
#define OKO_MATRIX_PRODUCT_ASM
#elif HWY_COMPILER_CLANG
#define OKO_MATRIX_PRODUCT_ASM ".arch armv8.6-a+crypto\n\t"
#elif defined(__ARM_FEATURE_DOTPROD)
#define OKO_MATRIX_PRODUCT_ASM ".arch_extension i8mm\n\t"
#else
#define OKO_MATRIX_PRODUCT_ASM ".arch armv8.2-a+crypto+i8mm\n\t"
#endif

HWY_INLINE V32 load_16(const void* from) {
  return hn::LoadU(D32(), static_cast<const std::int32_t*>(from));
}

// What shifts four bytes by 128.
constexpr auto kSignBits = static_cast<std::int32_t>(0x80808080U);

// ---- The dot product of ARMv8.2 ---------------------------------------------------------------

// Written as an instruction so that the rest of the library runs on processors that lack it. Both
// sides are signed: A's bytes are shifted by 128.
struct SignedDot : FourBytes {
  static constexpr int kShift = 128, kRows = 8;
  static HWY_INLINE V32 add(V32 sum, V32 a, V32 b) {
    asm(OKO_DOT_PRODUCT_ASM "sdot %0.4s, %1.16b, %2.16b" : "+w"(sum.raw) : "w"(a.raw), "w"(b.raw));
    return sum;
  }
  // Four bytes of A, those of a lane, meet all columns.
  template <int kLane>
  static HWY_INLINE V32 add_lane(V32 sum, V32 a, V32 b) {
    asm(OKO_DOT_PRODUCT_ASM "sdot %0.4s, %1.16b, %2.4b[%3]"
        : "+w"(sum.raw)
        : "w"(b.raw), "w"(a.raw), "i"(kLane));
    return sum;
  }
};

// Adds the products of four bytes of each row, those of a lane, with the next weights, and reads
// the next factors once the last lane has been used.
template <int kLane, int kRows, int kVectors>
HWY_INLINE void add_lane(const std::uint8_t* next, std::ptrdiff_t a_row, const std::int8_t*& b,
                         V32 (&factor)[kRows], V32 (&sum)[kRows][kVectors]) {
  V32 weight[kVectors];
  repeat<kVectors>([&](auto v) HWY_ATTR { weight[v] = load_16(b + v * 16); });
  b += kVectors * 16;
  repeat<kRows>([&](auto r) HWY_ATTR {
    repeat<kVectors>([&](auto v) HWY_ATTR {
      sum[r][v] = SignedDot::add_lane<kLane>(sum[r][v], factor[r], weight[v]);
    });
    if (kLane == kLanes - 1) factor[r] = load_16(next + r * a_row);
  });
}

// As add_fours(): 16 bytes of a row are one load.
template <int kRows, int kVectors>
HWY_INLINE void make_sums8(SignedDot, const Sums8& g, V32 (&sum)[kRows][kVectors]) {
  repeat<kVectors>([&](auto v) HWY_ATTR {
    const V32 first = hn::LoadU(D32(), g.start + v * kLanes);
    repeat<kRows>([&](auto r) HWY_ATTR { sum[r][v] = first; });
  });
  const V32 shift = hn::Set(D32(), kSignBits);
  const std::ptrdiff_t a_row = g.a_row;
  const std::uint8_t* a = g.a;
  const std::int8_t* b = g.b;
  for (int tap = 0; tap < g.taps; ++tap, a += g.a_tap) {
    const std::uint8_t* from = a;
    V32 factor[kRows];
    repeat<kRows>([&](auto r) HWY_ATTR { factor[r] = load_16(from + r * a_row); });
    int left = g.depth;
    for (; left > 3 * SignedDot::kGroup; left -= 16) {
      repeat<kRows>([&](auto r) HWY_ATTR { factor[r] = hn::Xor(factor[r], shift); });
      from += 16;
      add_lane<0>(from, a_row, b, factor, sum);
      add_lane<1>(from, a_row, b, factor, sum);
      add_lane<2>(from, a_row, b, factor, sum);
      add_lane<3>(from, a_row, b, factor, sum);
    }
    for (; left > 0; left -= SignedDot::kGroup, from += SignedDot::kGroup) {
      repeat<kRows>([&](auto r)
                        HWY_ATTR { factor[r] = hn::Xor(load_16(from + r * a_row), shift); });
      add_lane<0>(from, a_row, b, factor, sum);
    }
  }
}

// ---- Without the dot product ------------------------------------------------------------------

// 16 products of a row and a column become 8 sums of two in 16 bits, which are added to 4 sums in
// 32: three instructions. Weights are at least -127 (pack.cpp), so that two products of signed
// bytes, at most 2 · 128 · 127, fit 16 bits. Lanes are added after the last product only.
struct LongDot {
  static constexpr int kGroup = 16, kProducts = 16, kBytes = 1, kShift = 128;
  static constexpr int kRows = 2, kRowStep = 1;
  static HWY_INLINE V32 add(V32 sum, V32 a, V32 b) {
    const int8x16_t x = vreinterpretq_s8_s32(a.raw), y = vreinterpretq_s8_s32(b.raw);
    const int16x8_t low = vmull_s8(vget_low_s8(x), vget_low_s8(y));
    return V32{vpadalq_s16(sum.raw, vmlal_high_s8(low, x, y))};
  }
};
using Dot = LongDot;

// The rows of A are read ahead, as in add_fours().
template <int kRows, int kVectors>
HWY_INLINE void make_sums8(LongDot, const Sums8& g, V32 (&sum)[kRows][kVectors]) {
  constexpr int kColumns = kVectors * kLanes, kBytes = LongDot::kGroup;
  V32 part[kRows][kColumns];
  repeat<kRows>([&](auto r) HWY_ATTR {
    repeat<kColumns>([&](auto c) HWY_ATTR { part[r][c] = hn::Zero(D32()); });
  });
  const V32 shift = hn::Set(D32(), kSignBits);
  const std::ptrdiff_t a_row = g.a_row;
  const std::uint8_t* a = g.a;
  const std::int8_t* b = g.b;
  for (int tap = 0; tap < g.taps; ++tap, a += g.a_tap) {
    const std::uint8_t* from = a;
    V32 next[kRows];
    repeat<kRows>([&](auto r) HWY_ATTR { next[r] = load_16(from + r * a_row); });
    for (int k = 0; k < g.depth; k += kBytes) {
      from += kBytes;
      int8x16_t factor[kRows];
      repeat<kRows>([&](auto r) HWY_ATTR {
        factor[r] = vreinterpretq_s8_s32(hn::Xor(next[r], shift).raw);
        next[r] = load_16(from + r * a_row);
      });
      // Two columns at a time, each instruction for all rows before the next: processors that run
      // instructions in order would wait for the product that they have just begun.
      repeat<kColumns / 2>([&](auto pair) HWY_ATTR {
        int8x16_t weight[2];
        int16x8_t products[2][kRows];
        repeat<2>([&](auto i)
                      HWY_ATTR { weight[i] = vreinterpretq_s8_s32(load_16(b + i * kBytes).raw); });
        b += 2 * kBytes;
        repeat<2>([&](auto i) HWY_ATTR {
          repeat<kRows>([&](auto r) HWY_ATTR {
            products[i][r] = vmull_s8(vget_low_s8(factor[r]), vget_low_s8(weight[i]));
          });
        });
        repeat<2>([&](auto i) HWY_ATTR {
          repeat<kRows>([&](auto r) HWY_ATTR {
            products[i][r] = vmlal_high_s8(products[i][r], factor[r], weight[i]);
          });
        });
        repeat<2>([&](auto i) HWY_ATTR {
          repeat<kRows>([&](auto r) HWY_ATTR {
            V32& to = part[r][2 * pair + i];
            to = V32{vpadalq_s16(to.raw, products[i][r])};
          });
        });
      });
    }
  }
  repeat<kVectors>([&](auto v) HWY_ATTR {
    const V32 start = hn::LoadU(D32(), g.start + v * kLanes);
    repeat<kRows>([&](auto r) HWY_ATTR {
      const auto pairs = [&](auto c)
                             HWY_ATTR { return vpaddq_s32(part[r][c].raw, part[r][c + 1].raw); };
      constexpr int kFirst = v * kLanes;
      sum[r][v] = hn::Add(start, V32{vpaddq_s32(pairs(kFirst), pairs(kFirst + 2))});
    });
  });
}

// ---- Matrix products of ARMv8.6 ---------------------------------------------------------------

// Two rows of 8 unsigned bytes times two columns of 8 signed ones, added to a tile of 2x2 sums. As
// an instruction for the reason that SignedDot has.
struct MatrixDot {
  static constexpr int kGroup = 8, kProducts = 32, kBytes = 1, kShift = 0;
  static constexpr int kRows = 8, kRowStep = 2;
  static HWY_INLINE V32 add(V32 sum, V32 a, V32 b) {
    asm(OKO_MATRIX_PRODUCT_ASM "usmmla %0.4s, %1.16b, %2.16b"
        : "+w"(sum.raw)
        : "w"(a.raw), "w"(b.raw));
    return sum;
  }
};

// The first halves of two vectors, and the last.
HWY_INLINE V32 first_halves(V32 a, V32 b) { return hn::ConcatLowerLower(D32(), b, a); }
HWY_INLINE V32 last_halves(V32 a, V32 b) { return hn::ConcatUpperUpper(D32(), b, a); }

// Two groups at a time, of which the last may be alone. Of an odd number of rows the last is taken
// twice.
template <int kRows, int kVectors>
HWY_INLINE void make_sums8(MatrixDot, const Sums8& g, V32 (&sum)[kRows][kVectors]) {
  constexpr int kPairs = kRows / 2, kTiles = kVectors * kLanes / 2;
  V32 tile[kPairs][kTiles];
  repeat<kTiles>([&](auto t) HWY_ATTR {
    const int32x2_t start = vld1_s32(g.start + 2 * t);
    repeat<kPairs>([&](auto p) HWY_ATTR { tile[p][t] = V32{vcombine_s32(start, start)}; });
  });
  const std::ptrdiff_t a_row = g.a_row, a_last = (g.rows - 1) * a_row;
  const std::uint8_t* a = g.a;
  const std::int8_t* b = g.b;
  const auto load_row = [&](const std::uint8_t* from, int r) HWY_ATTR {
    return load_16(from + (r == kRows - 1 ? a_last : r * a_row));
  };
  const auto add = [&](const V32(&factor)[kPairs]) HWY_ATTR {
    V32 weight[kTiles];
    repeat<kTiles>([&](auto t) HWY_ATTR { weight[t] = load_16(b + 16 * t); });
    repeat<kPairs>([&](auto p) HWY_ATTR {
      repeat<kTiles>(
          [&](auto t) HWY_ATTR { tile[p][t] = MatrixDot::add(tile[p][t], factor[p], weight[t]); });
    });
    b += 16 * kTiles;
  };
  for (int tap = 0; tap < g.taps; ++tap, a += g.a_tap) {
    const std::uint8_t* from = a;
    int left = g.depth;
    for (; left > MatrixDot::kGroup; left -= 16, from += 16) {
      V32 first[kPairs], last[kPairs];
      repeat<kPairs>([&](auto p) HWY_ATTR {
        const V32 upper = load_row(from, 2 * p), lower = load_row(from, 2 * p + 1);
        first[p] = first_halves(upper, lower);
        last[p] = last_halves(upper, lower);
      });
      add(first);
      add(last);
    }
    if (left <= 0) continue;
    V32 first[kPairs];
    repeat<kPairs>([&](auto p) HWY_ATTR {
      first[p] = first_halves(load_row(from, 2 * p), load_row(from, 2 * p + 1));
    });
    add(first);
  }
  repeat<kPairs>([&](auto p) HWY_ATTR {
    repeat<kVectors>([&](auto v) HWY_ATTR {
      sum[2 * p][v] = first_halves(tile[p][2 * v], tile[p][2 * v + 1]);
      sum[2 * p + 1][v] = last_halves(tile[p][2 * v], tile[p][2 * v + 1]);
    });
  });
}

#undef OKO_DOT_PRODUCT_ASM
#undef OKO_MATRIX_PRODUCT_ASM

}  // namespace oko::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET != HWY_SCALAR && HWY_ARCH_ARM_A64

#endif  // include guard
