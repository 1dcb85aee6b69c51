#include "oko/train/map_kernels.h"

#include <algorithm>
#include <numeric>

// Each public kernel is compiled for three generations of x86 CPUs and selected at load time. The
// selecting code runs before sanitizers start, so they cannot run it.
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define OKO_EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define OKO_EACH_PROCESSOR
#endif
#define OKO_INLINE [[gnu::always_inline]] inline

namespace oko::train {
namespace {

constexpr std::int64_t kShortestPeriod = 256;  // values
constexpr std::int64_t kLanes = 16;            // of the widest vectors

OKO_INLINE void store(float v, float& out) { out = v; }
// Rounds to nearest, ties to even.
OKO_INLINE void store(float v, Bfloat16& out) {
  constexpr std::uint32_t kQuietNan = 0x7fc0;  // rounding could turn NaN into infinity
  const auto bits = std::bit_cast<std::uint32_t>(v);
  const std::uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  out.bits = static_cast<std::uint16_t>(v == v ? rounded : kQuietNan);
}

// Calls body(offset, length) for each period of the run; the last may be shorter.
template <typename Body>
OKO_INLINE void for_each_period(std::int64_t count, std::int64_t period, Body body) {
  for (std::int64_t offset = 0; offset < count; offset += period) {
    body(offset, std::min(period, count - offset));
  }
}

template <typename T>
OKO_INLINE void add_moments_body(const T* x, std::int64_t count, std::int64_t period,
                                 const float* shift, float* sum, float* square) {
  for_each_period(count, period, [&](std::int64_t offset, std::int64_t length) {
    const T* row = x + offset;
#pragma omp simd
    for (std::int64_t i = 0; i < length; ++i) {
      const float v = to_float(row[i]) - shift[i];
      sum[i] += v;
      square[i] += v * v;
    }
  });
}

template <typename T>
OKO_INLINE void normalize_body(const T* x, T* y, std::int64_t count, std::int64_t period,
                               const NormVectors& norm) {
  const float *mean = norm.mean, *factor = norm.factor, *bias = norm.bias;
  const float slope = norm.slope;
  for_each_period(count, period, [&](std::int64_t offset, std::int64_t length) {
    const T* in = x + offset;
    T* out = y + offset;
#pragma omp simd
    for (std::int64_t i = 0; i < length; ++i) {
      const float z = (to_float(in[i]) - mean[i]) * factor[i] + bias[i];
      store(z > 0 ? z : slope * z, out[i]);
    }
  });
}

template <typename T>
OKO_INLINE void add_gradients_body(const T* x, const T* gradient, std::int64_t count,
                                   std::int64_t period, const NormVectors& norm, float* sum,
                                   float* product) {
  const float *mean = norm.mean, *factor = norm.factor, *bias = norm.bias;
  const float slope = norm.slope;
  for_each_period(count, period, [&](std::int64_t offset, std::int64_t length) {
    const T* in = x + offset;
    const T* g = gradient + offset;
#pragma omp simd
    for (std::int64_t i = 0; i < length; ++i) {
      const float centred = to_float(in[i]) - mean[i];
      const float h = to_float(g[i]) * (centred * factor[i] + bias[i] > 0 ? 1.F : slope);
      sum[i] += h;
      product[i] += h * centred;
    }
  });
}

template <typename T>
OKO_INLINE void input_gradient_body(const T* x, const T* gradient, T* out, std::int64_t count,
                                    std::int64_t period, const NormVectors& norm,
                                    const GradientVectors& by) {
  const float *mean = norm.mean, *factor = norm.factor, *bias = norm.bias;
  const float *through = by.through, *along = by.along, *across = by.across;
  const float slope = norm.slope;
  for_each_period(count, period, [&](std::int64_t offset, std::int64_t length) {
    const T* in = x + offset;
    const T* g = gradient + offset;
    T* o = out + offset;
#pragma omp simd
    for (std::int64_t i = 0; i < length; ++i) {
      const float centred = to_float(in[i]) - mean[i];
      const float h = to_float(g[i]) * (centred * factor[i] + bias[i] > 0 ? 1.F : slope);
      store(through[i] * h + along[i] * centred + across[i], o[i]);
    }
  });
}

// NaN if either is. (With || it would branch and not vectorize.)
OKO_INLINE float larger(float a, float b) {
  const float larger_number = b > a ? b : a;
  return b != b ? b : larger_number;
}

template <typename T>
OKO_INLINE void max_of_pairs_body(const T* upper, const T* lower, T* out, std::int64_t columns,
                                  std::int64_t channels) {
  for (std::int64_t column = 0; column < columns; ++column) {
    const T *a = upper + 2 * column * channels, *b = a + channels;
    const T *c = lower + 2 * column * channels, *d = c + channels;
    T* o = out + column * channels;
#pragma omp simd
    for (std::int64_t i = 0; i < channels; ++i) {
      store(larger(larger(to_float(a[i]), to_float(b[i])), larger(to_float(c[i]), to_float(d[i]))),
            o[i]);
    }
  }
}

template <typename T>
OKO_INLINE void max_of_pairs_gradient_body(const T* upper, const T* lower, const T* gradient,
                                           T* out_upper, T* out_lower, std::int64_t columns,
                                           std::int64_t channels) {
  for (std::int64_t column = 0; column < columns; ++column) {
    const std::int64_t left = 2 * column * channels, right = left + channels;
    const T *in_a = upper + left, *in_b = upper + right;
    const T *in_c = lower + left, *in_d = lower + right;
    T *out_a = out_upper + left, *out_b = out_upper + right;
    T *out_c = out_lower + left, *out_d = out_lower + right;
    const T* g = gradient + column * channels;
#pragma omp simd
    for (std::int64_t i = 0; i < channels; ++i) {
      const float a = to_float(in_a[i]), b = to_float(in_b[i]);
      const float c = to_float(in_c[i]), d = to_float(in_d[i]);
      const bool low = larger(c, d) > larger(a, b);
      const float whole = to_float(g[i]), above = low ? 0.F : whole, below = low ? whole : 0.F;
      store(b > a ? 0.F : above, out_a[i]);
      store(b > a ? above : 0.F, out_b[i]);
      store(d > c ? 0.F : below, out_c[i]);
      store(d > c ? below : 0.F, out_d[i]);
    }
  }
}

// Pixels of a window: two of the upper row, two of the lower.
template <typename T>
struct Window {
  T *a, *b, *c, *d;
  OKO_INLINE Window(T* upper, T* lower, std::int64_t column, std::int64_t channels)
      : a(upper + 2 * column * channels),
        b(a + channels),
        c(lower + 2 * column * channels),
        d(c + channels) {}
};

// One channel of a window: its values less the mean, and normalized and activated.
struct WindowValues {
  float ca, cb, cc, cd, a, b, c, d;

  OKO_INLINE WindowValues(float xa, float xb, float xc, float xd, float mean, float factor,
                          float bias, float slope)
      : ca(xa - mean),
        cb(xb - mean),
        cc(xc - mean),
        cd(xd - mean),
        a(activated(ca * factor + bias, slope)),
        b(activated(cb * factor + bias, slope)),
        c(activated(cc * factor + bias, slope)),
        d(activated(cd * factor + bias, slope)) {}
  OKO_INLINE static float activated(float z, float slope) { return z > 0 ? z : slope * z; }
};

template <typename T>
OKO_INLINE void normalize_pairs_body(const T* upper, const T* lower, T* out, std::int64_t columns,
                                     std::int64_t channels, const NormVectors& norm) {
  const float *mean = norm.mean, *factor = norm.factor, *bias = norm.bias;
  const float slope = norm.slope;
  for (std::int64_t column = 0; column < columns; ++column) {
    const Window<const T> x(upper, lower, column, channels);
    const T *xa = x.a, *xb = x.b, *xc = x.c, *xd = x.d;
    T* o = out + column * channels;
#pragma omp simd
    for (std::int64_t i = 0; i < channels; ++i) {
      const WindowValues w(to_float(xa[i]), to_float(xb[i]), to_float(xc[i]), to_float(xd[i]),
                           mean[i], factor[i], bias[i], slope);
      store(larger(larger(w.a, w.b), larger(w.c, w.d)), o[i]);
    }
  }
}

template <typename T>
OKO_INLINE void add_pair_gradients_body(const T* upper, const T* lower, const T* gradient,
                                        std::int64_t columns, std::int64_t channels,
                                        const NormVectors& norm, float* sum, float* product) {
  const float *mean = norm.mean, *factor = norm.factor, *bias = norm.bias;
  const float slope = norm.slope;
  for (std::int64_t column = 0; column < columns; ++column) {
    const Window<const T> x(upper, lower, column, channels);
    const T *xa = x.a, *xb = x.b, *xc = x.c, *xd = x.d;
    const T* g = gradient + column * channels;
#pragma omp simd
    for (std::int64_t i = 0; i < channels; ++i) {
      const WindowValues w(to_float(xa[i]), to_float(xb[i]), to_float(xc[i]), to_float(xd[i]),
                           mean[i], factor[i], bias[i], slope);
      const float above = w.b > w.a ? w.cb : w.ca, below = w.d > w.c ? w.cd : w.cc;
      const float most_above = larger(w.a, w.b), most_below = larger(w.c, w.d);
      const bool low = most_below > most_above;
      const float most = low ? most_below : most_above;
      const float h = to_float(g[i]) * (most > 0 ? 1.F : slope);
      sum[i] += h;
      product[i] += h * (low ? below : above);
    }
  }
}

template <typename T>
OKO_INLINE void pair_input_gradient_body(const T* upper, const T* lower, const T* gradient,
                                         T* out_upper, T* out_lower, std::int64_t columns,
                                         std::int64_t channels, const NormVectors& norm,
                                         const GradientVectors& by) {
  const float *mean = norm.mean, *factor = norm.factor, *bias = norm.bias;
  const float *through = by.through, *along = by.along, *across = by.across;
  const float slope = norm.slope;
  for (std::int64_t column = 0; column < columns; ++column) {
    const Window<const T> x(upper, lower, column, channels);
    const Window<T> out(out_upper, out_lower, column, channels);
    const T *xa = x.a, *xb = x.b, *xc = x.c, *xd = x.d;
    T *oa = out.a, *ob = out.b, *oc = out.c, *od = out.d;
    const T* g = gradient + column * channels;
#pragma omp simd
    for (std::int64_t i = 0; i < channels; ++i) {
      const WindowValues w(to_float(xa[i]), to_float(xb[i]), to_float(xc[i]), to_float(xd[i]),
                           mean[i], factor[i], bias[i], slope);
      const float most_above = larger(w.a, w.b), most_below = larger(w.c, w.d);
      const bool low = most_below > most_above;
      const float most = low ? most_below : most_above;
      const float whole = through[i] * to_float(g[i]) * (most > 0 ? 1.F : slope);
      const float above = low ? 0.F : whole, below = low ? whole : 0.F;
      store((w.b > w.a ? 0.F : above) + along[i] * w.ca + across[i], oa[i]);
      store((w.b > w.a ? above : 0.F) + along[i] * w.cb + across[i], ob[i]);
      store((w.d > w.c ? 0.F : below) + along[i] * w.cc + across[i], oc[i]);
      store((w.d > w.c ? below : 0.F) + along[i] * w.cd + across[i], od[i]);
    }
  }
}

// The last step of MurmurHash3 (32 bits), whose constants these are.
OKO_INLINE std::uint32_t mix(std::uint32_t h) {
  h = (h ^ (h >> 16)) * 0x85ebca6bU;
  h = (h ^ (h >> 13)) * 0xc2b2ae35U;
  return h ^ (h >> 16);
}

template <typename T>
OKO_INLINE void drop_body(const T* x, T* y, std::int64_t count, std::uint64_t key,
                          std::uint32_t threshold, float keep) {
  const auto low = static_cast<std::uint32_t>(key), high = static_cast<std::uint32_t>(key >> 32);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint32_t drawn = mix(mix(static_cast<std::uint32_t>(i) + low) ^ high);
    store(drawn < threshold ? 0.F : keep * to_float(x[i]), y[i]);
  }
}

}  // namespace

std::int64_t period_of(std::int64_t channels) {
  if (channels >= kShortestPeriod) return channels;
  const std::int64_t whole_vectors = kLanes / std::gcd(channels, kLanes);
  const std::int64_t repeats = (kShortestPeriod + channels - 1) / channels;
  return (repeats + whole_vectors - 1) / whole_vectors * whole_vectors * channels;
}

// Multi-versioned functions cannot be templates: hence one specialization per type, whose body is
// an always-inlined template.
#define OKO_KERNELS(T)                                                                             \
  template <>                                                                                      \
  OKO_EACH_PROCESSOR void add_moments(const T* x, std::int64_t count, std::int64_t period,         \
                                      const float* shift, float* sum, float* square) {             \
    add_moments_body(x, count, period, shift, sum, square);                                        \
  }                                                                                                \
  template <>                                                                                      \
  OKO_EACH_PROCESSOR void normalize(const T* x, T* y, std::int64_t count, std::int64_t period,     \
                                    NormVectors norm) {                                            \
    normalize_body(x, y, count, period, norm);                                                     \
  }                                                                                                \
  template <>                                                                                      \
  OKO_EACH_PROCESSOR void add_gradients(const T* x, const T* gradient, std::int64_t count,         \
                                        std::int64_t period, NormVectors norm, float* sum,         \
                                        float* product) {                                          \
    add_gradients_body(x, gradient, count, period, norm, sum, product);                            \
  }                                                                                                \
  template <>                                                                                      \
  OKO_EACH_PROCESSOR void input_gradient(const T* x, const T* gradient, T* out,                    \
                                         std::int64_t count, std::int64_t period,                  \
                                         NormVectors norm, GradientVectors by) {                   \
    input_gradient_body(x, gradient, out, count, period, norm, by);                                \
  }                                                                                                \
  template <>                                                                                      \
  OKO_EACH_PROCESSOR void drop(const T* x, T* y, std::int64_t count, std::uint64_t key,            \
                               std::uint32_t threshold, float keep) {                              \
    drop_body(x, y, count, key, threshold, keep);                                                  \
  }                                                                                                \
  template <>                                                                                      \
  OKO_EACH_PROCESSOR void max_of_pairs(const T* upper, const T* lower, T* out,                     \
                                       std::int64_t columns, std::int64_t channels) {              \
    max_of_pairs_body(upper, lower, out, columns, channels);                                       \
  }                                                                                                \
  template <>                                                                                      \
  OKO_EACH_PROCESSOR void max_of_pairs_gradient(const T* upper, const T* lower, const T* gradient, \
                                                T* out_upper, T* out_lower, std::int64_t columns,  \
                                                std::int64_t channels) {                           \
    max_of_pairs_gradient_body(upper, lower, gradient, out_upper, out_lower, columns, channels);   \
  }                                                                                                \
  template <>                                                                                      \
  OKO_EACH_PROCESSOR void normalize_pairs(const T* upper, const T* lower, T* out,                  \
                                          std::int64_t columns, std::int64_t channels,             \
                                          NormVectors norm) {                                      \
    normalize_pairs_body(upper, lower, out, columns, channels, norm);                              \
  }                                                                                                \
  template <>                                                                                      \
  OKO_EACH_PROCESSOR void add_pair_gradients(const T* upper, const T* lower, const T* gradient,    \
                                             std::int64_t columns, std::int64_t channels,          \
                                             NormVectors norm, float* sum, float* product) {       \
    add_pair_gradients_body(upper, lower, gradient, columns, channels, norm, sum, product);        \
  }                                                                                                \
  template <>                                                                                      \
  OKO_EACH_PROCESSOR void pair_input_gradient(                                                     \
      const T* upper, const T* lower, const T* gradient, T* out_upper, T* out_lower,               \
      std::int64_t columns, std::int64_t channels, NormVectors norm, GradientVectors by) {         \
    pair_input_gradient_body(upper, lower, gradient, out_upper, out_lower, columns, channels,      \
                             norm, by);                                                            \
  }
OKO_KERNELS(float)
OKO_KERNELS(Bfloat16)

}  // namespace oko::train
