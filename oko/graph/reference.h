#pragma once

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "oko/base/threads.h"
#include "oko/graph/fold.h"
#include "oko/graph/interpolation.h"
#include "oko/graph/network.h"
#include "oko/graph/space_to_depth.h"

namespace oko::graph {

// Computes a network by its definition in network.h, layer by layer, in naive loops over planar
// tensors: slow, but correct by inspection. It shares no code with the engines: tests compare them
// with it in double precision, parity compares exported files with it in float. The network needs
// weights and shapes and must outlive it.
template <typename T>
class Reference {
 public:
  // `threads`: workers besides the caller.
  explicit Reference(const Network& network, int threads = 0) : network_(network), pool_(threads) {}

  // Calls observe(layer index, its output) for every layer but heads. `input` is one image.
  template <typename Observe>
  void run(std::span<const float> input, const Observe& observe) {
    assert(std::ssize(input) == network_.input.count());
    input_.assign(input.begin(), input.end());
    maps_.assign(network_.layers.size(), {});
    for (index_ = 0; index_ < std::ssize(maps_); ++index_) {
      if (is_head(layer().operation)) continue;
      out().resize(static_cast<std::size_t>(layer().output.count()));
      std::visit([this](const auto& operation) { this->compute(operation); }, layer().operation);
      observe(index_, std::span<const T>(out()));
    }
  }

  // The outputs, in network.outputs() order.
  std::vector<std::vector<T>> run(std::span<const float> input) {
    run(input, [](int, std::span<const T>) {});
    std::vector<std::vector<T>> results;
    for (const int output : network_.outputs()) results.push_back(map(output));
    return results;
  }

 private:
  using Map = std::vector<T>;

  const Layer& layer() const { return network_.layers[index_]; }
  const Map& map(int from) const { return from == kNetworkInput ? input_ : maps_[from]; }
  const Map& in(std::size_t i = 0) const { return map(layer().inputs[i]); }
  const Shape& shape(std::size_t i = 0) const { return shape_of(network_, layer().inputs[i]); }
  Map& out() { return maps_[index_]; }
  std::span<const float> weight(const char* part) const {
    return weight_of(network_, layer(), part).floats();
  }
  static std::ptrdiff_t plane(const Shape& shape) {
    return std::ptrdiff_t{shape.height} * shape.width;
  }

  static T activated(T x, Activation activation) {
    switch (activation) {
      case Activation::kLinear:
        return x;
      case Activation::kLeaky:
        return x > 0 ? x : T{kLeakySlope} * x;
      case Activation::kRelu:
        return std::max(x, T{0});
      case Activation::kRelu6:
        return std::clamp(x, T{0}, T{6});
      case Activation::kLogistic:
        return 1 / (1 + std::exp(-x));
      case Activation::kMish:
        return x * std::tanh(std::log1p(std::exp(x)));
      case Activation::kSwish:
        return x / (1 + std::exp(-x));
      case Activation::kHardSigmoid:
        return std::clamp(x / 6 + T{.5}, T{0}, T{1});
      case Activation::kHardSwish:
        return x * std::clamp(x / 6 + T{.5}, T{0}, T{1});
      case Activation::kElu:
        return x > 0 ? x : std::expm1(x);
      case Activation::kTanh:
        return std::tanh(x);
    }
    return x;
  }

  // A filter's sums become sum · first + second.
  std::pair<T, T> norm_of(const Convolution& c, int filter) const {
    double scale = 1, offset = static_cast<double>(weight("bias")[filter]);
    if (c.batch_norm) {
      const double variance = weight("variance")[filter], epsilon = c.batch_norm->epsilon;
      const double root = c.batch_norm->epsilon_outside_root ? std::sqrt(variance) + epsilon
                                                             : std::sqrt(variance + epsilon);
      scale = weight("scale")[filter] / root;
      offset -= weight("mean")[filter] * scale;
    }
    return {static_cast<T>(scale), static_cast<T>(offset)};
  }

  // The range of outputs for which tap k reads inside the input.
  static std::pair<int, int> inside(int outputs, int inputs, int stride, int pad, int k) {
    const int first = std::max(0, (pad - k + stride - 1) / stride);
    const int last = std::min(outputs, (inputs - 1 + pad - k) / stride + 1);
    return {first, inputs - 1 + pad - k < 0 ? first : std::max(first, last)};
  }

  // The tap reads ky rows and kx columns from the corner of the window.
  void add_tap(const Convolution& c, const T* source, T tap, int ky, int kx, T* sums) const {
    const Shape &from = shape(), &to = layer().output;
    const auto [y0, y1] = inside(to.height, from.height, c.stride, c.padding.top, ky);
    const auto [x0, x1] = inside(to.width, from.width, c.stride, c.padding.left, kx);
    for (int y = y0; y < y1; ++y) {
      const T* row = source + std::ptrdiff_t{y * c.stride + ky - c.padding.top} * from.width + kx -
                     c.padding.left;
      T* sum = sums + std::ptrdiff_t{y} * to.width;
      if (c.stride == 1) {
        for (int x = x0; x < x1; ++x) sum[x] += tap * row[x];
      } else {
        for (int x = x0; x < x1; ++x) sum[x] += tap * row[std::ptrdiff_t{x} * c.stride];
      }
    }
  }

  // Tap by tap, row by row, so that the compiler can vectorize.
  void compute_filter(const Convolution& c, int filter) {
    const int channels = shape().channels / c.groups;
    const int first_channel = filter / (c.filters / c.groups) * channels;
    const float* tap =
        weight("kernel").data() + std::ptrdiff_t{filter} * channels * c.size * c.size;
    const std::span<T> sums(out().data() + filter * plane(layer().output),
                            static_cast<std::size_t>(plane(layer().output)));
    for (int channel = 0; channel < channels; ++channel) {
      const T* source = in().data() + (first_channel + channel) * plane(shape());
      for (int ky = 0; ky < c.size; ++ky) {
        for (int kx = 0; kx < c.size; ++kx) {
          add_tap(c, source, T{*tap++}, ky * c.dilation, kx * c.dilation, sums.data());
        }
      }
    }
    const auto [scale, offset] = norm_of(c, filter);
    for (T& sum : sums) sum = activated(sum * scale + offset, c.activation);
  }

  void compute(const Convolution& c) {
    pool_.parallel_for(static_cast<std::size_t>(c.filters),
                       [&](std::size_t filter) { compute_filter(c, static_cast<int>(filter)); });
  }

  // Calls reduce(begin, end) for every row of a window that is inside, and result() after its last,
  // for all outputs in order.
  template <typename Reduce, typename Result>
  void slide(const auto& pool, const Reduce& reduce, const Result& result) {
    const Shape &from = shape(), &to = layer().output;
    auto next = out().begin();
    for (int c = 0; c < to.channels; ++c) {
      const T* source = in().data() + c * plane(from);
      for (int y = 0; y < to.height; ++y) {
        for (int x = 0; x < to.width; ++x) {
          const int top = y * pool.stride - pool.padding.top;
          const int left = x * pool.stride - pool.padding.left;
          const int first = std::max(left, 0), end = std::min(left + pool.size, from.width);
          for (int v = std::max(top, 0); v < std::min(top + pool.size, from.height); ++v) {
            const T* row = source + std::ptrdiff_t{v} * from.width;
            reduce(row + first, row + end);
          }
          *next++ = result();
        }
      }
    }
  }

  void compute(const MaxPool& pool) {
    constexpr T kLeast = -std::numeric_limits<T>::infinity();
    T most = kLeast;
    slide(
        pool,
        [&](const T* begin, const T* end) {
          for (; begin < end; ++begin) most = std::max(most, *begin);
        },
        [&] { return std::exchange(most, kLeast); });
  }

  void compute(const AveragePool& pool) {
    if (!pool.is_global()) {
      average_windows(pool);
      return;
    }
    const std::size_t count = in().size() / out().size();
    for (std::size_t c = 0; c < out().size(); ++c) {
      double sum = 0;
      for (std::size_t i = 0; i < count; ++i) sum += static_cast<double>(in()[c * count + i]);
      out()[c] = static_cast<T>(sum / static_cast<double>(count));
    }
  }

  void average_windows(const AveragePool& pool) {
    T sum = 0;
    std::ptrdiff_t inside = 0;
    slide(
        pool,
        [&](const T* begin, const T* end) {
          inside += std::max<std::ptrdiff_t>(end - begin, 0);
          for (; begin < end; ++begin) sum += *begin;
        },
        [&] {
          const std::ptrdiff_t count = std::exchange(inside, 0);
          const auto whole = static_cast<T>(pool.size * pool.size);
          return std::exchange(sum, T{0}) / (pool.counts_padding ? whole : static_cast<T>(count));
        });
  }

  void compute(const Upsample& upsample) {
    const Shape &from = shape(), &to = layer().output;
    auto result = out().begin();
    for (int c = 0; c < to.channels; ++c) {
      for (int y = 0; y < to.height; ++y) {
        const T* row = in().data() + c * plane(from) + y / upsample.scale * from.width;
        for (int x = 0; x < to.width; ++x) *result++ = row[x / upsample.scale];
      }
    }
  }

  void compute(const Bilinear& bilinear) {
    const Shape &from = shape(), &to = layer().output;
    auto result = out().begin();
    for (int c = 0; c < to.channels; ++c) {
      for (int y = 0; y < to.height; ++y) {
        const Between rows = between(bilinear.grid, y, from.height, to.height);
        const T* low = in().data() + c * plane(from) + std::ptrdiff_t{rows.low} * from.width;
        const T* high = in().data() + c * plane(from) + std::ptrdiff_t{rows.high} * from.width;
        for (int x = 0; x < to.width; ++x) {
          const Between columns = between(bilinear.grid, x, from.width, to.width);
          const T a = low[columns.low] + (low[columns.high] - low[columns.low]) * columns.part;
          const T b = high[columns.low] + (high[columns.high] - high[columns.low]) * columns.part;
          *result++ = a + (b - a) * rows.part;
        }
      }
    }
  }

  void compute(const Route& route) {
    auto result = out().begin();
    for (std::size_t i = 0; i < layer().inputs.size(); ++i) {
      const std::ptrdiff_t part = std::ssize(in(i)) / route.groups;
      result = std::copy_n(in(i).begin() + part * route.group, part, result);
    }
  }

  void compute(const Slice& slice) {
    std::copy_n(in().begin() + slice.first * plane(shape()), out().size(), out().begin());
  }

  void compute(const SpaceToDepth& layout) {
    const Shape& to = layer().output;
    auto result = out().begin();
    for (int c = 0; c < to.channels; ++c) {
      for (int y = 0; y < to.height; ++y) {
        for (int x = 0; x < to.width; ++x) {
          const Pixel from = space_to_depth_source(layout, shape(), {c, y, x});
          *result++ = in()[from.channel * plane(shape()) +
                           std::ptrdiff_t{from.row} * shape().width + from.column];
        }
      }
    }
  }

  void compute(const Shuffle& shuffle) {
    const int parts = layer().output.channels / shuffle.groups;
    auto result = out().begin();
    for (int i = 0; i < parts; ++i) {
      for (int g = 0; g < shuffle.groups; ++g) {
        const auto from = in().begin() + (g * parts + i) * plane(shape());
        result = std::copy_n(from, plane(shape()), result);
      }
    }
  }

  void compute(const Shortcut& shortcut) {
    for (std::size_t i = 0; i < layer().inputs.size(); ++i) {
      const std::size_t common = std::min(out().size(), in(i).size());  // all if !unequal
      for (std::size_t k = 0; k < common; ++k) out()[k] += in(i)[k];
    }
    for (T& value : out()) value = activated(value, shortcut.activation);
  }

  void compute(const Product& product) {
    out() = in();
    for (std::size_t i = 1; i < layer().inputs.size(); ++i) {
      const std::size_t pixels = out().size() / in(i).size();  // that one number is for
      for (std::size_t k = 0; k < out().size(); ++k) out()[k] *= in(i)[k / pixels];
    }
    for (T& value : out()) value = activated(value, product.activation);
  }

  void compute(const Attention& attention) {
    const int keys = attention.key_channels, values = layer().output.channels / attention.heads;
    const std::ptrdiff_t pixels = plane(shape());
    std::vector<T> shares(static_cast<std::size_t>(pixels));
    for (int head = 0; head < attention.heads; ++head) {
      const T* query = in().data() + head * (2 * keys + values) * pixels;
      const T* key = query + keys * pixels;
      const T* value = key + keys * pixels;
      T* result = out().data() + head * values * pixels;
      for (std::ptrdiff_t p = 0; p < pixels; ++p) {
        for (std::ptrdiff_t q = 0; q < pixels; ++q) {
          T dot = 0;
          for (int c = 0; c < keys; ++c) dot += query[c * pixels + p] * key[c * pixels + q];
          shares[q] = dot * T{attention.scale};
        }
        const T most = *std::ranges::max_element(shares);
        T sum = 0;
        for (T& share : shares) sum += share = std::exp(share - most);
        for (int c = 0; c < values; ++c) {
          T total = 0;
          for (std::ptrdiff_t q = 0; q < pixels; ++q) total += shares[q] * value[c * pixels + q];
          result[c * pixels + p] = total / sum;
        }
      }
    }
  }

  void compute(const Dropout&) { out() = in(); }

  void compute(const Softmax&) {  // over the channels of each pixel
    const std::ptrdiff_t pixels = plane(shape());
    for (std::ptrdiff_t pixel = 0; pixel < pixels; ++pixel) {
      T most = in()[pixel];
      for (auto i = pixel; i < std::ssize(in()); i += pixels) most = std::max(most, in()[i]);
      double sum = 0;
      for (auto i = pixel; i < std::ssize(in()); i += pixels) {
        out()[i] = std::exp(in()[i] - most);
        sum += static_cast<double>(out()[i]);
      }
      for (auto i = pixel; i < std::ssize(in()); i += pixels) {
        out()[i] = static_cast<T>(static_cast<double>(out()[i]) / sum);
      }
    }
  }

  void compute(const HeadOperation auto&) {}  // run() skips them

  const Network& network_;
  Map input_;
  std::vector<Map> maps_;
  int index_ = 0;
  ThreadPool pool_;
};

}  // namespace oko::graph
