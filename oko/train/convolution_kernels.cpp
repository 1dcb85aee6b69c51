#include "oko/train/convolution_kernels.h"

#include <utility>

#include "oko/base/simd_targets.h"

// AVX3_DL adds nothing for floats.
#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (OKO_SIMD_UNUSED | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "oko/train/convolution_kernels.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "oko/base/simd_select.h"
#include "oko/runtime/winograd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oko::train::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR
namespace hn = hwy::HWY_NAMESPACE;
namespace engine = oko::runtime::HWY_NAMESPACE;

using engine::D;
using engine::kLanes;
using engine::load;
using engine::repeat;
using engine::V;
using runtime::kPatch;
using runtime::kPoints;
using runtime::kTile;

constexpr int kTaps = 3;

// Registers for sums: what the target has without those for operands.
constexpr int kSums = engine::kManyRegisters ? 24 : 12;
constexpr int kTransposedRows = kSums == 24 ? HWY_MIN(kLanes, 8) : 4;
constexpr int kTransposedVectors = kSums / kTransposedRows;

// The first `count` lanes, then zeros; reads nothing beyond.
HWY_INLINE V load_part(const float* from, std::int64_t count) {
  if (count >= kLanes) return hn::LoadU(D(), from);
#if HWY_TARGET <= HWY_AVX2  // has masked loads
  return hn::MaskedLoad(hn::FirstN(D(), static_cast<std::size_t>(count)), D(), from);
#else
  HWY_ALIGN float all[kLanes] = {};
  for (int i = 0; i < count; ++i) all[i] = from[i];
  return hn::Load(D(), all);
#endif
}

HWY_INLINE int lanes_of(std::int64_t count) {
  return static_cast<int>(HWY_MIN(count, std::int64_t{kLanes}));
}

struct TilePlace {
  std::int64_t image, y, x;  // of the tile
};
template <typename T>
HWY_INLINE TilePlace place_of(const TiledMaps<T>& maps, std::int64_t tile) {
  const std::int64_t in_image = maps.tiles_down * maps.tiles_across;
  return {tile / in_image, tile % in_image / maps.tiles_across * kTile,
          tile % maps.tiles_across * kTile};
}

void input_points(const TiledMaps<const float>& maps, int padding, std::int64_t first,
                  std::int64_t count, const Points<float>& to) {
  const std::ptrdiff_t pixel = maps.channels, row = maps.width * maps.channels;
  for (std::int64_t i = 0; i < count; ++i) {
    const TilePlace place = place_of(maps, first + i);
    const std::int64_t top = place.y - padding, left = place.x - padding;
    const float* image = maps.data + place.image * maps.height * row;
    const bool inside =
        top >= 0 && left >= 0 && top + kPatch <= maps.height && left + kPatch <= maps.width;
    float* out = to.data + i * kLanes;
    for (std::int64_t c = 0; c < maps.channels; c += kLanes, out += to.vector) {
      if (inside && c + kLanes <= maps.channels) {
        const float* corner = image + top * row + left * pixel + c;
        engine::transform_input([&](int y, int x) { return corner + y * row + x * pixel; }, 1, out,
                                to.point);
        continue;
      }
      HWY_ALIGN float patch[kPoints][kLanes];
      for (int y = 0; y < kPatch; ++y) {
        for (int x = 0; x < kPatch; ++x) {
          const bool there =
              top + y >= 0 && top + y < maps.height && left + x >= 0 && left + x < maps.width;
          const float* from = image + (top + y) * row + (left + x) * pixel + c;
          hn::Store(there ? load_part(from, maps.channels - c) : hn::Zero(D()), D(),
                    patch[y * kPatch + x]);
        }
      }
      engine::transform_input([&](int y, int x) { return patch[y * kPatch + x]; }, 1, out,
                              to.point);
    }
  }
}

// One row or column of the transposed output transform: 4 gradients to those of 6 points.
HWY_INLINE void to_gradient_points(const V g[kTile], V out[kPatch]) {
  const D t;
  const V two = hn::Set(t, 2.F), four = hn::Set(t, 4.F), eight = hn::Set(t, 8.F);
  const V even = hn::Add(g[0], g[2]), odd = hn::Add(g[1], g[3]);
  const V even2 = hn::MulAdd(four, g[2], g[0]);
  const V odd2 = hn::MulAdd(eight, g[3], hn::Mul(two, g[1]));
  out[0] = g[0];
  out[1] = hn::Add(even, odd);
  out[2] = hn::Sub(even, odd);
  out[3] = hn::Add(even2, odd2);
  out[4] = hn::Sub(even2, odd2);
  out[5] = g[3];
}

void gradient_points(const TiledMaps<const float>& maps, std::int64_t first, std::int64_t count,
                     const Points<float>& to) {
  const std::ptrdiff_t pixel = maps.channels, row = maps.width * maps.channels;
  for (std::int64_t i = 0; i < count; ++i) {
    const TilePlace place = place_of(maps, first + i);
    const int rows = static_cast<int>(HWY_MIN(std::int64_t{kTile}, maps.height - place.y));
    const int columns = static_cast<int>(HWY_MIN(std::int64_t{kTile}, maps.width - place.x));
    const float* corner = maps.data + (place.image * maps.height + place.y) * row + place.x * pixel;
    float* out = to.data + i * kLanes;
    for (std::int64_t c = 0; c < maps.channels; c += kLanes, out += to.vector) {
      const std::int64_t left = maps.channels - c;
      V across[kTile][kPatch];
      for (int y = 0; y < kTile; ++y) {
        V values[kTile];
        for (int x = 0; x < kTile; ++x) {
          const bool there = y < rows && x < columns;
          values[x] = there ? load_part(corner + y * row + x * pixel + c, left) : hn::Zero(D());
        }
        to_gradient_points(values, across[y]);
      }
      for (int x = 0; x < kPatch; ++x) {
        V column[kTile], points[kPatch];
        for (int y = 0; y < kTile; ++y) column[y] = across[y][x];
        to_gradient_points(column, points);
        for (int y = 0; y < kPatch; ++y) {
          hn::StoreU(points[y], D(), out + (y * kPatch + x) * to.point);
        }
      }
    }
  }
}

void output_values(const Points<const float>& from, const TiledMaps<float>& maps,
                   std::int64_t first, std::int64_t count, std::int64_t channel, int vectors) {
  const std::ptrdiff_t pixel = maps.channels, row = maps.width * maps.channels;
  for (std::int64_t i = 0; i < count; ++i) {
    const TilePlace place = place_of(maps, first + i);
    const int rows = static_cast<int>(HWY_MIN(std::int64_t{kTile}, maps.height - place.y));
    const int columns = static_cast<int>(HWY_MIN(std::int64_t{kTile}, maps.width - place.x));
    float* corner = maps.data + (place.image * maps.height + place.y) * row + place.x * pixel;
    for (int v = 0; v < vectors; ++v) {
      const float* m = from.data + v * from.vector + i * kLanes;
      const std::int64_t c = channel + v * kLanes;
      const int lanes = lanes_of(maps.channels - c);
      V across[kTile][kPatch];
      for (int x = 0; x < kPatch; ++x) {
        V column[kPatch], sums[kTile];
        for (int y = 0; y < kPatch; ++y) {
          column[y] = hn::LoadU(D(), m + (y * kPatch + x) * from.point);
        }
        engine::from_points(column, sums);
        for (int y = 0; y < kTile; ++y) across[y][x] = sums[y];
      }
      for (int y = 0; y < rows; ++y) {
        V values[kTile];
        engine::from_points(across[y], values);
        for (int x = 0; x < columns; ++x) {
          engine::store_part(values[x], corner + y * row + x * pixel + c, lanes);
        }
      }
    }
  }
}

// Values of a kernel whose lanes lie far apart: kLanes rows, which are neighbours, of each lane and
// tap. At such distances a gathering of lanes would find them in a few lines of the cache.
class NearLanes {
 public:
  void copy(const KernelView& kernel, const float* from, int lanes, std::int64_t rows) {
    for (int lane = 0; lane < lanes; ++lane, from += kernel.lane) {
      for (int tap = 0; tap < kTaps * kTaps; ++tap) {
        hn::StoreU(load_part(from + tap * kernel.tap, rows), D(),
                   values_ + lane * kStep + tap * kLanes);
      }
    }
  }
  // Of one tap and row. Lanes that were not copied are 0 or those of another vector.
  HWY_INLINE V operator()(int tap, std::int64_t row) const {
    const hn::RebindToSigned<D> di;
    const auto index = hn::Mul(hn::Iota(di, 0), hn::Set(di, kStep));
    return hn::GatherIndex(D(), values_ + tap * kLanes + row, index);
  }

 private:
  static constexpr int kStep = kTaps * kTaps * kLanes + 1;
  HWY_ALIGN float values_[kLanes * kStep] = {};
};

void kernel_points(const KernelView& kernel, std::int64_t first, int vectors,
                   const Points<float>& to) {
  NearLanes near;
  for (int v = 0; v < vectors; ++v) {
    const std::int64_t lane = (first + v) * kLanes;
    const int lanes = lanes_of(kernel.lanes - lane);
    const float* base = kernel.data + lane * kernel.lane;
    float* out = to.data + v * to.vector;
    for (std::int64_t r = 0; r < kernel.rows; ++r, base += kernel.row, out += kLanes) {
      if (kernel.lane != 1 && r % kLanes == 0) near.copy(kernel, base, lanes, kernel.rows - r);
      V down[kPatch][kTaps];
      for (int x = 0; x < kTaps; ++x) {
        V column[kTaps], points[kPatch];
        for (int y = 0; y < kTaps; ++y) {
          const int tap = y * kTaps + x;
          column[y] =
              kernel.lane == 1 ? load_part(base + tap * kernel.tap, lanes) : near(tap, r % kLanes);
        }
        engine::kernel_points(column, points);
        for (int y = 0; y < kPatch; ++y) down[y][x] = points[y];
      }
      for (int y = 0; y < kPatch; ++y) {
        V points[kPatch];
        engine::kernel_points(down[y], points);
        for (int x = 0; x < kPatch; ++x) {
          hn::StoreU(points[x], D(), out + (y * kPatch + x) * to.point);
        }
      }
    }
  }
}

// One row or column of the transposed kernel transform.
HWY_INLINE void to_taps(const V u[kPatch], V out[kTaps]) {
  const D t;
  const V sixth = hn::Set(t, 1.F / 6), quarter = hn::Set(t, .25F);
  const V sum1 = hn::Add(u[1], u[2]), sum2 = hn::Add(u[3], u[4]);
  const V difference1 = hn::Sub(u[2], u[1]), difference2 = hn::Sub(u[3], u[4]);
  const V first = hn::NegMulAdd(sixth, sum1, hn::Mul(quarter, u[0]));
  out[0] = hn::MulAdd(hn::Set(t, 1.F / 24), sum2, first);
  out[1] = hn::MulAdd(hn::Set(t, 1.F / 12), difference2, hn::Mul(sixth, difference1));
  out[2] = hn::MulAdd(sixth, hn::Sub(sum2, sum1), u[5]);
}

void kernel_gradient(const Points<const float>& from, float* gradient, std::int64_t rows,
                     std::int64_t channels, std::int64_t channel, int vectors, bool add) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (int v = 0; v < vectors; ++v) {
      const float* u = from.data + v * from.vector + r * kLanes;
      const std::int64_t c = channel + v * kLanes;
      const int lanes = lanes_of(channels - c);
      V down[kTaps][kPatch];
      for (int x = 0; x < kPatch; ++x) {
        V column[kPatch], taps[kTaps];
        for (int y = 0; y < kPatch; ++y) {
          column[y] = hn::LoadU(D(), u + (y * kPatch + x) * from.point);
        }
        to_taps(column, taps);
        for (int y = 0; y < kTaps; ++y) down[y][x] = taps[y];
      }
      float* to = gradient + r * kTaps * kTaps * channels + c;
      for (int y = 0; y < kTaps; ++y) {
        V taps[kTaps];
        to_taps(down[y], taps);
        for (int x = 0; x < kTaps; ++x, to += channels) {
          engine::store_part(add ? hn::Add(taps[x], load_part(to, lanes)) : taps[x], to, lanes);
        }
      }
    }
  }
}

template <int kRows, int kVectors>
HWY_NOINLINE void multiply_block(const PointProduct& p, const float* a, const float* b, float* c) {
  V sum[kRows][kVectors];
  repeat<kRows>([&](auto r) HWY_ATTR {
    repeat<kVectors>([&](auto v) HWY_ATTR { sum[r][v] = hn::Zero(D()); });
  });
  const std::ptrdiff_t b_vector = p.b_vector;
  for (std::int64_t left = p.depth; left > 0; left -= kLanes, a += p.a_vector) {
    const float* end = b + lanes_of(left) * kLanes;
    const float* next = a + p.a_vector;
    for (const float* factors = a; b != end; b += kLanes, ++factors, next += kLanes) {
      V weight[kVectors];
      repeat<kVectors>([&](auto v) HWY_ATTR { weight[v] = hn::Load(D(), b + v * b_vector); });
      hwy::Prefetch(next);
      repeat<kRows>([&](auto r) HWY_ATTR {
        const V factor = hn::Set(D(), factors[r * kLanes]);
        repeat<kVectors>([&](auto v)
                             HWY_ATTR { sum[r][v] = hn::MulAdd(factor, weight[v], sum[r][v]); });
      });
    }
  }
  repeat<kVectors>([&](auto v) HWY_ATTR {
    repeat<kRows>([&](auto r)
                      HWY_ATTR { hn::Store(sum[r][v], D(), c + v * p.c_vector + r * kLanes); });
  });
}

using Block = void (*)(const PointProduct&, const float*, const float*, float*);

template <int kVectors, std::size_t... kIndex>
HWY_INLINE Block multiply_block_of(std::int64_t rows, std::index_sequence<kIndex...>) {
  static constexpr Block kBlocks[] = {&multiply_block<int{kIndex} + 1, kVectors>...};
  return kBlocks[rows - 1];
}

void multiply(const PointProduct& p) {
  using Rows = std::make_index_sequence<engine::kMaxRows>;
  const std::int64_t blocks = (p.rows + engine::kMaxRows - 1) / engine::kMaxRows;
  for (int v = 0; v < p.vectors; v += 2) {
    const float* b = p.b + v * p.b_vector;
    float* c = p.c + v * p.c_vector;
    for (std::int64_t i = 0, row = 0; i < blocks; ++i) {  // split evenly
      const std::int64_t rows = (p.rows - row) / (blocks - i);
      const Block block = p.vectors - v > 1 ? multiply_block_of<2>(rows, Rows())
                                            : multiply_block_of<1>(rows, Rows());
      block(p, p.a + row * kLanes, b, c + row * kLanes);
      row += rows;
    }
  }
}

template <int kVectors>
HWY_NOINLINE void transposed_block(const PointProduct& p, const float* a, const float* b,
                                   float* c) {
  V sum[kTransposedRows][kVectors];
  repeat<kTransposedRows>([&](auto r) HWY_ATTR {
    repeat<kVectors>([&](auto v) HWY_ATTR {
      sum[r][v] = p.add ? hn::Load(D(), c + v * p.c_vector + r * kLanes) : hn::Zero(D());
    });
  });
  const std::ptrdiff_t b_vector = p.b_vector;
  for (std::int64_t k = 0; k < p.depth; ++k, a += kLanes, b += kLanes) {
    V weight[kVectors];
    repeat<kVectors>([&](auto v) HWY_ATTR { weight[v] = hn::Load(D(), b + v * b_vector); });
    repeat<kTransposedRows>([&](auto r) HWY_ATTR {
      const V factor = hn::Set(D(), a[r]);
      repeat<kVectors>([&](auto v)
                           HWY_ATTR { sum[r][v] = hn::MulAdd(factor, weight[v], sum[r][v]); });
    });
  }
  repeat<kVectors>([&](auto v) HWY_ATTR {
    repeat<kTransposedRows>(
        [&](auto r) HWY_ATTR { hn::Store(sum[r][v], D(), c + v * p.c_vector + r * kLanes); });
  });
}

template <std::size_t... kIndex>
HWY_INLINE Block transposed_block_of(int vectors, std::index_sequence<kIndex...>) {
  static constexpr Block kBlocks[] = {&transposed_block<int{kIndex} + 1>...};
  return kBlocks[vectors - 1];
}

void multiply_transposed(const PointProduct& p) {
  using Vectors = std::make_index_sequence<kTransposedVectors>;
  const int blocks = (p.vectors + kTransposedVectors - 1) / kTransposedVectors;
  for (int i = 0, v = 0; i < blocks; ++i) {  // split evenly
    const int vectors = (p.vectors - v) / (blocks - i);
    const Block block = transposed_block_of(vectors, Vectors());
    for (std::int64_t row = 0; row < p.rows; row += kTransposedRows) {
      block(p, p.a + row / kLanes * p.a_vector + row % kLanes, p.b + v * p.b_vector,
            p.c + v * p.c_vector + row * kLanes);
    }
    v += vectors;
  }
}

void copy_pixels(const PixelCopy& p) {
  const std::int64_t whole = p.channels / kLanes, left = p.channels % kLanes;
  const float* from = p.from;
  float* to = p.to;
  for (std::int64_t i = 0; i < p.count; ++i, from += p.from_pixel, to += p.to_pixel) {
    for (std::int64_t v = 0; v < whole; ++v) {
      hn::StoreU(load(from + v * kLanes), D(), to + v * p.to_vector);
    }
    if (left > 0) {
      hn::StoreU(load_part(from + whole * kLanes, left), D(), to + whole * p.to_vector);
    }
  }
}

// Sums of kRows rows of a window stay in registers while the outputs pass.
template <int kRows, int kSize>
HWY_INLINE void add_tap_rows(const TapProducts& p, const float* input, float* sums) {
  V sum[kRows][kSize];
  repeat<kRows>([&](auto y) HWY_ATTR {
    repeat<kSize>([&](auto x) HWY_ATTR { sum[y][x] = load(sums + (y * kSize + x) * p.sum); });
  });
  const float* gradient = p.gradient;
  const std::ptrdiff_t step = p.stride * p.pixel;
  for (std::int64_t i = 0; i < p.count; ++i, input += step, gradient += p.gradient_pixel) {
    const V g = load(gradient);
    repeat<kRows>([&](auto y) HWY_ATTR {
      const float* row = input + y * p.row;
      repeat<kSize>(
          [&](auto x) HWY_ATTR { sum[y][x] = hn::MulAdd(load(row + x * p.pixel), g, sum[y][x]); });
    });
  }
  repeat<kRows>([&](auto y) HWY_ATTR {
    repeat<kSize>([&](auto x)
                      HWY_ATTR { hn::StoreU(sum[y][x], D(), sums + (y * kSize + x) * p.sum); });
  });
}

void add_tap_products(const TapProducts& p) {
  if (p.size == 3) return add_tap_rows<3, 3>(p, p.input, p.sums);
  for (int y = 0; y < p.size; ++y) {
    const float* input = p.input + y * p.row;
    float* sums = p.sums + y * p.size * p.sum;
    if (p.size == 5) {
      add_tap_rows<1, 5>(p, input, sums);
      continue;
    }
    for (int x = 0; x < p.size; ++x) add_tap_rows<1, 1>(p, input + x * p.pixel, sums + x * p.sum);
  }
}

const ConvolutionKernels* table() {
  static constexpr ConvolutionKernels kTable{
      kLanes,           &input_points, &gradient_points,     &output_values, &kernel_points,
      &kernel_gradient, &multiply,     &multiply_transposed, &copy_pixels,   &add_tap_products};
  return &kTable;
}

#endif  // HWY_TARGET != HWY_SCALAR
}  // namespace oko::train::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace oko::train {

const ConvolutionKernels* convolution_kernels(SimdTarget target) {
  OKO_SIMD_SELECT(target, table());
  return nullptr;
}

const ConvolutionKernels* best_convolution_kernels() {
  static const ConvolutionKernels* const kernels = convolution_kernels(best_simd_target());
  return kernels;
}

}  // namespace oko::train
#endif
