// Int8 kernels, compiled once for each target (kernels8.cpp includes it through Highway).
#include "oko/runtime/arm8-inl.h"
#include "oko/runtime/depthwise8-inl.h"
#include "oko/runtime/maps-inl.h"
#include "oko/runtime/sums8-inl.h"
#include "oko/runtime/winograd-inl.h"

#if defined(OKO_RUNTIME_INT8_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OKO_RUNTIME_INT8_INL_H_
#undef OKO_RUNTIME_INT8_INL_H_
#else
#define OKO_RUNTIME_INT8_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace oko::runtime::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

// ---- Matrix product ---------------------------------------------------------------------------

// As gemm_block(), of products that have a lane for each column (arm8-inl.h has others).
template <typename DotKind, int kRows, int kVectors>
HWY_INLINE void make_sums8(DotKind, const Sums8& g, V32 (&sum)[kRows][kVectors]) {
  constexpr int kGroup = DotKind::kGroup;
  repeat<kVectors>([&](auto v) HWY_ATTR {
    const V32 first = hn::LoadU(D32(), g.start + v * kLanes);
    repeat<kRows>([&](auto r) HWY_ATTR { sum[r][v] = first; });
  });
  constexpr int kStep = kGroup * kLanes;  // bytes of a vector of weights
  const std::ptrdiff_t a_row = g.a_row;
  const std::uint8_t* a = g.a;
  const std::int8_t* b = g.b;
  for (int tap = 0; tap < g.taps; ++tap, a += g.a_tap) {
    const std::uint8_t* from = a;
    for (int k = 0; k < g.depth; k += kGroup, from += 4, b += kVectors * kStep) {
      V32 weight[kVectors];
      repeat<kVectors>([&](auto v) HWY_ATTR { weight[v] = DotKind::weight(b + v * kStep); });
      repeat<kRows>([&](auto r) HWY_ATTR {
        const V32 factor = DotKind::factor(from + r * a_row);
        repeat<kVectors>([&](auto v)
                             HWY_ATTR { sum[r][v] = DotKind::add(sum[r][v], factor, weight[v]); });
      });
    }
  }
}

template <typename DotKind, int kRows, int kVectors>
HWY_NOINLINE void gemm8_block(const Sums8& g) {
  V32 sum[kRows][kVectors];
  make_sums8(DotKind(), g, sum);
  std::int32_t* to = g.to;
  repeat<kRows>([&](auto r) HWY_ATTR {
    if (DotKind::kRowStep > 1 && r == kRows - 1 && g.rows < kRows) return;
    repeat<kVectors>([&](auto v) HWY_ATTR { hn::StoreU(sum[r][v], D32(), to + v * kLanes); });
    to += g.to_row;
  });
}

// The largest block, of whole vectors of bytes without a residual, which most are: its sums are
// finished in registers.
template <typename DotKind, int kVectors>
HWY_NOINLINE void gemm8_finished(const Sums8& s, const Matrix8Call<std::uint8_t>& g, int row,
                                 int column) {
  V32 sum[DotKind::kRows][kVectors];
  make_sums8(DotKind(), s, sum);
  const End8 end(g);
  V scale[kVectors], bias[kVectors];
  repeat<kVectors>([&](auto v) HWY_ATTR {
    scale[v] = hn::LoadU(D(), g.scale + column + v * kLanes);
    bias[v] = hn::LoadU(D(), g.bias + column + v * kLanes);
  });
  std::uint8_t* to = g.c + row * g.c_row + column;
  repeat<DotKind::kRows>([&](auto r) HWY_ATTR {
    V values[kVectors];
    repeat<kVectors>([&](auto v) HWY_ATTR {
      values[v] = end.clamp(hn::MulAdd(hn::ConvertTo(D(), sum[r][v]), scale[v], bias[v]));
    });
    store_whole(values, end.zero, to);
    to += g.c_row;
  });
}

// For blocks of a multiple of kRowStep rows, or of one less than that.
template <typename DotKind, int kVectors, std::size_t... kIndex>
HWY_INLINE auto gemm8_block_of(int rows, std::index_sequence<kIndex...>) {
  using Block = void (*)(const Sums8&);
  constexpr int kStep = DotKind::kRowStep;
  static constexpr Block kBlocks[] = {&gemm8_block<DotKind, kStep*(int{kIndex} + 1), kVectors>...};
  return kBlocks[(rows - 1) / kStep];
}

// As finish_rows().
template <int kVectors, bool kResidual, bool kWhole, typename Out>
HWY_NOINLINE void finish_rows8(const Matrix8Call<Out>& g, const std::int32_t* sums, int rows,
                               int row, int column) {
  const End8 end(g);
  V scale[kVectors], bias[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    scale[v] = hn::LoadU(D(), g.scale + column + v * kLanes);
    bias[v] = hn::LoadU(D(), g.bias + column + v * kLanes);
  }
  Out* to = g.c + row * g.c_row + column;
  const Out* other = kResidual ? g.residual + row * g.residual_row + column : nullptr;
  for (int r = 0; r < rows; ++r, sums += kVectors * kLanes, to += g.c_row) {
    V values[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      const V sum = hn::ConvertTo(D(), hn::Load(D32(), sums + v * kLanes));
      values[v] = end.clamp(hn::MulAdd(sum, scale[v], bias[v]));
      if constexpr (kResidual) values[v] = end.add(values[v], to_float(other + v * kLanes));
    }
    if constexpr (kWhole) {
      store_whole(values, end.zero, to);
    } else {
      for (int v = 0; v < kVectors; ++v) {
        store_number(values[v], end.zero, to + v * kLanes, g.columns - column - v * kLanes);
      }
    }
    if constexpr (kResidual) other += g.residual_row;
  }
}

template <int kVectors, typename Out>
HWY_INLINE void finish_block8(const Matrix8Call<Out>& g, const std::int32_t* sums, int rows,
                              int row, int column) {
  const bool whole = g.columns - column >= kVectors * kLanes;
  const auto finish = g.residual ? (whole ? &finish_rows8<kVectors, true, true, Out>
                                          : &finish_rows8<kVectors, true, false, Out>)
                                 : (whole ? &finish_rows8<kVectors, false, true, Out>
                                          : &finish_rows8<kVectors, false, false, Out>);
  finish(g, sums, rows, row, column);
}

// As gemm() in gemm-inl.h. Rows of plain sums have room for whole panels.
template <typename DotKind, typename Out>
void gemm8(const Matrix8Call<Out>& g) {
  using Rows = std::make_index_sequence<DotKind::kRows / DotKind::kRowStep>;
  HWY_ALIGN std::int32_t sums[DotKind::kRows * 2 * kLanes];
  const auto* b = static_cast<const std::int8_t*>(g.b);
  const std::ptrdiff_t groups = (g.depth + DotKind::kGroup - 1) / DotKind::kGroup;
  const std::ptrdiff_t column_bytes = g.taps * groups * DotKind::kGroup;
  for (int column = 0; column < g.columns;) {
    const int vectors = g.columns - column > kLanes ? 2 : 1;
    const std::ptrdiff_t panel = column_bytes * vectors * kLanes;
    const bool whole = g.columns - column >= vectors * kLanes && g.residual == nullptr;
    for (int row = 0, rows; row < g.rows; row += rows) {
      rows = rows_of_block(g.rows - row, DotKind::kRows);
      const auto block = vectors == 2 ? gemm8_block_of<DotKind, 2>(rows, Rows())
                                      : gemm8_block_of<DotKind, 1>(rows, Rows());
      Sums8 call{
          g.a + row * g.a_row, g.a_row, g.a_tap,         rows, g.taps, g.depth, b + g.point * panel,
          g.start + column,    sums,    vectors * kLanes};
      if constexpr (std::is_same_v<Out, std::int32_t>) {
        call.to = g.c + row * g.c_row + column;
        call.to_row = g.c_row;
        block(call);
      } else {
        if constexpr (std::is_same_v<Out, std::uint8_t>) {
          if (whole && rows == DotKind::kRows) {
            vectors == 2 ? gemm8_finished<DotKind, 2>(call, g, row, column)
                         : gemm8_finished<DotKind, 1>(call, g, row, column);
            continue;
          }
        }
        block(call);
        vectors == 2 ? finish_block8<2>(g, sums, rows, row, column)
                     : finish_block8<1>(g, sums, rows, row, column);
      }
    }
    b += g.points * panel;
    column += vectors * kLanes;
  }
}

// ---- Winograd ---------------------------------------------------------------------------------

#if HWY_TARGET <= HWY_AVX2
using D16 = hn::ScalableTag<std::int16_t>;
#else
using D16 = hn::CappedTag<std::int16_t, 8>;
#endif
using V16 = hn::Vec<D16>;
constexpr int kLanes16 = static_cast<int>(hn::MaxLanes(D16()));

// One row or column of the 4x4 input transform. From bytes, both passes stay below 4 · 255.
HWY_INLINE void to_points16(const V16 d[kPatch8], V16 out[kPatch8]) {
  out[0] = hn::Sub(d[0], d[2]);
  out[1] = hn::Add(d[1], d[2]);
  out[2] = hn::Sub(d[2], d[1]);
  out[3] = hn::Sub(d[1], d[3]);
}

// One row or column of the output transform: 4 points to 2 values.
HWY_INLINE void from_points8(const V m[kPatch8], V out[kTile8]) {
  out[0] = hn::Add(hn::Add(m[0], m[1]), m[2]);
  out[1] = hn::Sub(hn::Sub(m[1], m[2]), m[3]);
}

// Stores transformed values as numbers of A.
template <int kBytes>
HWY_INLINE void store_points(V16 values, std::uint8_t* to) {
  const hn::Rebind<std::uint8_t, D16> d8;
  const auto bytes = hn::DemoteTo(d8, values);
  if constexpr (kBytes == 1) {
    hn::StoreU(bytes, d8, to);
  } else {
    hn::StoreU(hn::PromoteTo(D16(), bytes), D16(), reinterpret_cast<std::int16_t*>(to));
  }
}

template <int kBytes>
HWY_INLINE void winograd8_input(const Winograd8Input& w) {
  const hn::Rebind<std::uint8_t, D16> d8;
  const V16 zero = hn::Set(D16(), static_cast<std::int16_t>(w.zero));
  const View<const std::uint8_t>& in = w.in;
  for (int i = 0; i < w.tile_count; ++i) {
    const int tile = w.first_tile + i;
    const int top = tile / w.tiles_across * kTile8 - w.pad_top;
    const int left = tile % w.tiles_across * kTile8 - w.pad_left;
    const bool inside =
        top >= 0 && left >= 0 && top + kPatch8 <= in.height && left + kPatch8 <= in.width;
    for (int c = 0; c < in.channels; c += kLanes16) {
      const auto pixel = [&](int y, int x) {
        const bool there =
            inside || (static_cast<unsigned>(top + y) < static_cast<unsigned>(in.height) &&
                       static_cast<unsigned>(left + x) < static_cast<unsigned>(in.width));
        if (!there) return hn::Zero(D16());
        return hn::Sub(hn::PromoteTo(D16(), hn::LoadU(d8, in.at(top + y, left + x) + c)), zero);
      };
      V16 rows[kPatch8][kPatch8];  // [y][point of x]
      for (int y = 0; y < kPatch8; ++y) {
        V16 pixels[kPatch8];
        for (int x = 0; x < kPatch8; ++x) pixels[x] = pixel(y, x);
        to_points16(pixels, rows[y]);
      }
      std::uint8_t* v = w.v + i * w.v_row + c * kBytes;
      for (int x = 0; x < kPatch8; ++x) {
        V16 column[kPatch8], points[kPatch8];
        for (int y = 0; y < kPatch8; ++y) column[y] = rows[y][x];
        to_points16(column, points);
        for (int y = 0; y < kPatch8; ++y) {
          const int point = y * kPatch8 + x;
          const V16 product =
              hn::MulHigh(hn::ShiftLeft<5>(points[y]), hn::Set(D16(), w.factors[point]));
          const V16 rounded = hn::ShiftRight<1>(hn::Add(product, hn::Set(D16(), 1)));
          const V16 moved = hn::Add(rounded, hn::Set(D16(), 128));
          store_points<kBytes>(moved, v + point * w.v_point);
        }
      }
    }
  }
}

inline void winograd8_output(const Winograd8Output& w) {
  const End8 end(w);
  const View<std::uint8_t>& shape = w.out.data ? w.out : w.pooled;
  const int scale = w.out.data ? 1 : 2;
  const int height = shape.height * scale, width = shape.width * scale;
  for (int i = 0; i < w.tile_count; ++i) {
    const int tile = w.first_tile + i;
    const int top = tile / w.tiles_across * kTile8, left = tile % w.tiles_across * kTile8;
    const int rows = HWY_MIN(kTile8, height - top), columns = HWY_MIN(kTile8, width - left);
    for (int c = 0; c < w.channels; c += kLanes) {
      const std::int32_t* m = w.m + i * w.m_row + c;
      const float* scales = w.scale + c;
      V points[kTile8][kPatch8];  // [y][point of x]
      for (int x = 0; x < kPatch8; ++x) {
        V column[kPatch8], sums[kTile8];
        for (int y = 0; y < kPatch8; ++y) {
          const int point = y * kPatch8 + x;
          column[y] = hn::Mul(hn::ConvertTo(D(), hn::LoadU(D32(), m + point * w.m_point)),
                              hn::LoadU(D(), scales + point * w.scale_row));
        }
        from_points8(column, sums);
        for (int y = 0; y < kTile8; ++y) points[y][x] = sums[y];
      }
      const V bias = hn::LoadU(D(), w.bias + c);
      const int count = w.channels - c;
      V values[kTile8][kTile8];
      for (int y = 0; y < kTile8; ++y) {
        from_points8(points[y], values[y]);
        for (int x = 0; x < kTile8; ++x) values[y][x] = end.clamp(hn::Add(values[y][x], bias));
      }
      if (w.residual.data) {
        for (int y = 0; y < rows; ++y) {
          for (int x = 0; x < columns; ++x) {
            values[y][x] = end.add(values[y][x], to_float(w.residual.at(top + y, left + x) + c));
          }
        }
      }
      if (w.out.data) {
        for (int y = 0; y < rows; ++y) {
          for (int x = 0; x < columns; ++x) {
            store_number(values[y][x], end.zero, w.out.at(top + y, left + x) + c, count);
          }
        }
      }
      if (w.pooled.data) {
        for (int y = 0; y < rows; y += 2) {
          for (int x = 0; x < columns; x += 2) {
            const V best = hn::Max(hn::Max(values[y][x], values[y][x + 1]),
                                   hn::Max(values[y + 1][x], values[y + 1][x + 1]));
            store_number(best, end.zero, w.pooled.at((top + y) / 2, (left + x) / 2) + c, count);
          }
        }
      }
    }
  }
}

// ---- Channel by channel -----------------------------------------------------------------------

#if HWY_TARGET <= HWY_AVX2
using DByte = hn::ScalableTag<std::uint8_t>;
#else
using DByte = hn::CappedTag<std::uint8_t, 16>;
#endif

template <typename Tag>
HWY_INLINE int max_pool8_row(const PoolCall<std::uint8_t>& p, Tag tag, int y0, int y1, int x0,
                             int x1, std::uint8_t* to, int c) {
  const int lanes = static_cast<int>(hn::MaxLanes(tag));
  for (; c + lanes <= p.out.channels; c += lanes) {
    auto best = hn::Zero(tag);
    for (int y = y0; y < y1; ++y) {
      const std::uint8_t* from = p.in.at(y, x0) + c;
      for (int x = x0; x < x1; ++x, from += p.in.pixel) best = hn::Max(best, hn::LoadU(tag, from));
    }
    hn::StoreU(best, tag, to + c);
  }
  return c;
}

inline void max_pool8(const PoolCall<std::uint8_t>& p) {
  for (int y = p.first_row; y < p.first_row + p.row_count; ++y) {
    const int top = y * p.stride - p.pad_top;
    const int y0 = HWY_MAX(0, top), y1 = HWY_MIN(p.in.height, top + p.size);
    for (int x = 0; x < p.out.width; ++x) {
      const int left = x * p.stride - p.pad_left;
      const int x0 = HWY_MAX(0, left), x1 = HWY_MIN(p.in.width, left + p.size);
      std::uint8_t* to = p.out.at(y, x);
      int c = max_pool8_row(p, DByte(), y0, y1, x0, x1, to, 0);
      c = max_pool8_row(p, hn::CappedTag<std::uint8_t, 8>(), y0, y1, x0, x1, to, c);
      for (; c < p.out.channels; ++c) {
        std::uint8_t best = 0;
        for (int iy = y0; iy < y1; ++iy) {
          for (int ix = x0; ix < x1; ++ix) best = HWY_MAX(best, p.in.at(iy, ix)[c]);
        }
        to[c] = best;
      }
    }
  }
}

inline void widen(const std::uint8_t* from, int count, std::uint8_t* to) {
  const hn::Rebind<std::uint8_t, D16> d8;
  auto* numbers = reinterpret_cast<std::int16_t*>(to);
  int i = 0;
  for (; i + kLanes16 <= count; i += kLanes16) {
    hn::StoreU(hn::PromoteTo(D16(), hn::LoadU(d8, from + i)), D16(), numbers + i);
  }
  for (; i < count; ++i) numbers[i] = from[i];
}

inline void quantize(const float* from, std::size_t count, float scale, float zero,
                     std::uint8_t* to) {
  const V factor = hn::Set(D(), scale), most = hn::Set(D(), kMostBeforeBytes);
  for (std::size_t i = 0; i < count; i += kLanes) {
    const V held = hn::Min(most, hn::Mul(hn::LoadU(D(), from + i), factor));
    store_number(held, zero, to + i, static_cast<int>(HWY_MIN(count - i, std::size_t{kLanes})));
  }
}

inline void blend8(const BlendCall<std::uint8_t>& b) {
  for (int c = 0; c < b.channels; c += kLanes) {
    V sum = hn::Zero(D());
    for (int i = 0; i < 4; ++i) {
      sum = hn::MulAdd(to_float(b.corners[i] + c), hn::Set(D(), b.weights[i]), sum);
    }
    store_number(sum, 0, b.out + c, b.channels - c);
  }
}

template <typename DotKind, typename DepthwiseDot = DotKind>
const Kernels8& table8() {
  static constexpr Kernels8 kTable{kLanes,
                                   DotKind::kRows,
                                   DotKind::kGroup,
                                   DotKind::kBytes,
                                   DotKind::kShift,
                                   DepthwiseDot::kGroup,
                                   DepthwiseDot::kBytes,
                                   DepthwiseDot::kShift,
                                   &gemm8<DotKind, std::uint8_t>,
                                   &gemm8<DotKind, float>,
                                   &gemm8<DotKind, std::int32_t>,
                                   &winograd8_input<DotKind::kBytes>,
                                   &winograd8_output,
                                   &depthwise8<DepthwiseDot>,
                                   &max_pool8,
                                   DotKind::kBytes == 1 ? nullptr : &widen,
                                   &quantize,
                                   &blend8,
                                   &zip<std::uint8_t>};
  return kTable;
}

#endif  // HWY_TARGET != HWY_SCALAR
}  // namespace oko::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard
