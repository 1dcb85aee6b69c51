#include "oko/runtime/steps.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "oko/graph/interpolation.h"
#include "oko/graph/space_to_depth.h"

namespace oko::runtime {
namespace {

// Calls body(T()) with a tensor's element type.
template <typename Body>
void with_numbers(const Map& map, const Body& body) {
  map.number == Number::kByte ? body(std::uint8_t{}) : body(float{});
}

// A pixel's channels as floats, and back. Both have pixel_bytes().
void read_pixel(const StepContext& context, const Map& map, int y, int x, float* to) {
  with_numbers(map, [&]<typename T>(T) {
    const T* from = context.read<T>(map).at(y, x);
    const auto zero = static_cast<float>(map.scale.zero);
    for (int c = 0; c < map.shape.channels; ++c) {
      to[c] = (static_cast<float>(from[c]) - zero) * map.scale.scale;
    }
  });
}
void write_pixel(const StepContext& context, const Map& map, int y, int x, const float* from) {
  const auto count = static_cast<std::size_t>(map.shape.channels);
  if (map.number == Number::kByte) {
    context.kernels8.quantize(from, count, 1 / map.scale.scale, static_cast<float>(map.scale.zero),
                              context.view<std::uint8_t>(map).at(y, x));
  } else {
    std::copy_n(from, count, context.view<float>(map).at(y, x));
  }
}

// Per-thread buffer for pixels as floats.
float* scratch_of(const StepContext& context, int thread) {
  return reinterpret_cast<float*>(context.scratch[thread]);
}

void max_pool(const StepContext& context, const PoolCall<float>& call) {
  context.kernels.max_pool(call);
}
void max_pool(const StepContext& context, const PoolCall<std::uint8_t>& call) {
  context.kernels8.max_pool(call);
}

void blend(const StepContext& context, const BlendCall<float>& call) {
  context.kernels.blend(call);
}
void blend(const StepContext& context, const BlendCall<std::uint8_t>& call) {
  context.kernels8.blend(call);
}
void zip(const StepContext& context, const float* a, const float* b, int count, float* to) {
  context.kernels.zip(a, b, count, to);
}
void zip(const StepContext& context, const std::uint8_t* a, const std::uint8_t* b, int count,
         std::uint8_t* to) {
  context.kernels8.zip(a, b, count, to);
}

struct Run {
  const StepContext& context;

  void operator()(const ConvolutionStep& step) const { run_convolution(step, context); }

  void operator()(const InputStep& step) const {
    const graph::Shape& shape = step.out.shape;
    const std::ptrdiff_t plane = std::ptrdiff_t{shape.height} * shape.width;
    context.team.run(shape.height, [&](int y, int thread) {
      const float* from = context.input + std::ptrdiff_t{y} * shape.width;
      if (step.out.number == Number::kFloat) {
        float* to = context.view<float>(step.out).at(y, 0);
        context.kernels.interleave(from, plane, shape.channels, shape.width, to);
        return;
      }
      float* row = scratch_of(context, thread);
      context.kernels.interleave(from, plane, shape.channels, shape.width, row);
      context.kernels8.quantize(
          row, static_cast<std::size_t>(shape.width) * static_cast<std::size_t>(shape.channels),
          1 / step.out.scale.scale, static_cast<float>(step.out.scale.zero),
          context.view<std::uint8_t>(step.out).at(y, 0));
    });
  }

  void operator()(const QuantizeStep& step) const {
    const View<float> in = context.view<float>(step.in);
    context.team.run(in.height, [&](int y, int) {
      for (int x = 0; x < in.width; ++x) {
        const auto channels = static_cast<std::size_t>(in.channels);
        context.kernels.activate(step.activation, in.at(y, x), channels);
        context.kernels8.quantize(in.at(y, x), channels, 1 / step.out.scale.scale,
                                  static_cast<float>(step.out.scale.zero),
                                  context.view<std::uint8_t>(step.out).at(y, x));
      }
    });
  }

  void operator()(const PoolStep& step) const {
    with_numbers(step.in, [&]<typename T>(T) {
      PoolCall<T> call;
      call.in = context.read<T>(step.in);
      call.out = context.view<T>(step.out);
      call.size = step.pool.size;
      call.stride = step.pool.stride;
      call.pad_top = step.pool.padding.top;
      call.pad_left = step.pool.padding.left;
      call.row_count = 1;
      context.team.run(call.out.height, [&](int y, int) {
        PoolCall<T> row = call;
        row.first_row = y;
        max_pool(context, row);
      });
    });
  }

  void operator()(const AverageStep& step) const {
    const graph::Shape& shape = step.in.shape;
    graph::AveragePool pool = step.pool;
    if (pool.is_global()) {
      average(step, 0, 0, {0, shape.height}, {0, shape.width}, 0);
      return;
    }
    const auto window = [&](int i, int padding, int side) {
      const int first = i * pool.stride - padding;
      return Span{std::max(first, 0), std::min(first + pool.size, side)};
    };
    context.team.run(step.out.shape.height, [&](int y, int thread) {
      const Span rows = window(y, pool.padding.top, shape.height);
      for (int x = 0; x < step.out.shape.width; ++x) {
        average(step, y, x, rows, window(x, pool.padding.left, shape.width), thread);
      }
    });
  }
  struct Span {
    int first, end;
  };
  void average(const AverageStep& step, int y, int x, Span rows, Span columns, int thread) const {
    float* pixel = scratch_of(context, thread);
    const std::span<float> sum(pixel + pixel_bytes(step.in) / sizeof(float),
                               static_cast<std::size_t>(step.in.shape.channels));
    std::fill(sum.begin(), sum.end(), 0.F);
    for (int v = rows.first; v < rows.end; ++v) {
      for (int u = columns.first; u < columns.end; ++u) {
        read_pixel(context, step.in, v, u, pixel);
        for (std::size_t c = 0; c < sum.size(); ++c) sum[c] += pixel[c];
      }
    }
    const auto inside =
        static_cast<float>(rows.end - rows.first) * static_cast<float>(columns.end - columns.first);
    const auto whole = static_cast<float>(step.pool.size) * static_cast<float>(step.pool.size);
    for (float& v : sum) v /= step.pool.counts_padding ? whole : inside;
    write_pixel(context, step.out, y, x, sum.data());
  }

  void operator()(const UpsampleStep& step) const {
    with_numbers(step.in, [&]<typename T>(T) {
      const View<const T> in = context.read<T>(step.in);
      const View<T> out = context.view<T>(step.out);
      const std::size_t bytes = static_cast<std::size_t>(in.channels) * sizeof(T);
      context.team.run(out.height, [&](int y, int) {
        for (int x = 0; x < out.width; ++x) {
          std::memcpy(out.at(y, x), in.at(y / step.scale, x / step.scale), bytes);
        }
      });
    });
  }

  // Input and output have one scale, so that int8 values can be interpolated as they are.
  void operator()(const BilinearStep& step) const {
    with_numbers(step.in, [&]<typename T>(T) {
      const View<const T> in = context.read<T>(step.in);
      const View<T> out = context.view<T>(step.out);
      context.team.run(out.height, [&](int y, int) {
        const auto rows = graph::between(step.grid, y, in.height, out.height);
        BlendCall<T> call;
        call.channels = in.channels;
        for (int x = 0; x < out.width; ++x) {
          const auto columns = graph::between(step.grid, x, in.width, out.width);
          const float right = columns.part, down = rows.part;
          const T* corners[] = {in.at(rows.low, columns.low), in.at(rows.low, columns.high),
                                in.at(rows.high, columns.low), in.at(rows.high, columns.high)};
          const float weights[] = {(1 - right) * (1 - down), right * (1 - down), (1 - right) * down,
                                   right * down};
          std::copy_n(corners, 4, call.corners);
          std::copy_n(weights, 4, call.weights);
          call.out = out.at(y, x);
          blend(context, call);
        }
      });
    });
  }

  void operator()(const ShuffleStep& step) const {
    with_numbers(step.out, [&]<typename T>(T) {
      const View<T> out = context.view<T>(step.out);
      const std::size_t groups = step.in.size();
      context.team.run(out.height, [&](int y, int) {
        if (groups == 2) {
          const View<const T> a = context.read<T>(step.in[0]), b = context.read<T>(step.in[1]);
          for (int x = 0; x < out.width; ++x) {
            zip(context, a.at(y, x), b.at(y, x), a.channels, out.at(y, x));
          }
          return;
        }
        for (std::size_t g = 0; g < groups; ++g) {
          const View<const T> in = context.read<T>(step.in[g]);
          for (int x = 0; x < out.width; ++x) {
            const T* from = in.at(y, x);
            T* to = out.at(y, x) + g;
            for (int i = 0; i < in.channels; ++i) to[i * groups] = from[i];
          }
        }
      });
    });
  }

  void operator()(const SpaceToDepthStep& step) const {
    with_numbers(step.in, [&]<typename T>(T) {
      const View<const T> in = context.read<T>(step.in);
      const View<T> out = context.view<T>(step.out);
      context.team.run(out.height, [&](int y, int) {
        for (int x = 0; x < out.width; ++x) {
          T* to = out.at(y, x);
          for (int c = 0; c < out.channels; ++c) {
            const auto from = graph::space_to_depth_source(step.layout, step.in.shape, {c, y, x});
            to[c] = in.at(from.row, from.column)[from.channel];
          }
        }
      });
    });
  }

  void operator()(const AddStep& step) const { combine(step, context.kernels.add); }
  void operator()(const MultiplyStep& step) const { combine(step, context.kernels.multiply); }

  // Inputs of one pixel go for all; channels beyond those of the output are not looked at.
  template <typename T, typename Kernel>
  void combine(const T& step, Kernel kernel) const {
    const auto channels = static_cast<std::size_t>(step.out.shape.channels);
    std::size_t widest = 0;
    for (const Map& in : step.in) widest = std::max(widest, pixel_bytes(in));
    context.team.run(step.out.shape.height, [&](int y, int thread) {
      float* result = scratch_of(context, thread);
      float* pixel = result + widest / sizeof(float);
      for (int x = 0; x < step.out.shape.width; ++x) {
        read_pixel(context, step.in[0], y, x, result);
        for (std::size_t i = 1; i < step.in.size(); ++i) {
          const Map& in = step.in[i];
          const bool one = in.shape.height == 1 && in.shape.width == 1;
          read_pixel(context, in, one ? 0 : y, one ? 0 : x, pixel);
          const std::size_t common =
              std::min(channels, static_cast<std::size_t>(in.shape.channels));
          std::fill(pixel + common, pixel + channels, 0.F);
          const bool last = i + 1 == step.in.size();
          kernel(result, pixel, result, channels, last ? step.finish.clamp : Clamp{});
        }
        context.kernels.activate(step.finish.after, result, channels);
        write_pixel(context, step.out, y, x, result);
      }
    });
  }

  void operator()(const AttentionStep& step) const {
    const graph::Shape& shape = step.in.shape;
    const int pixels = shape.height * shape.width;
    const std::size_t row = pixel_bytes(step.in) / sizeof(float);
    float* all = reinterpret_cast<float*>(context.shared);
    context.team.run(pixels, [&](int p, int) {
      read_pixel(context, step.in, p / shape.width, p % shape.width,
                 all + static_cast<std::size_t>(p) * row);
    });
    context.team.run(pixels, [&](int p, int thread) {
      float* result = scratch_of(context, thread);
      float* shares = result + pixel_bytes(step.out) / sizeof(float);
      const int keys = step.attention.key_channels;
      const int values = step.out.shape.channels / step.attention.heads;
      for (int head = 0; head < step.attention.heads; ++head) {
        const int first = head * (2 * keys + values);
        attend({all + first, row, pixels, p}, keys, values, step.attention.scale, shares,
               result + head * values);
      }
      write_pixel(context, step.out, p / shape.width, p % shape.width, result);
    });
  }
  // The queries, keys and values of one head in all pixels, and the pixel that asks.
  struct Attending {
    const float* all;
    std::size_t row;
    int pixels, query;
    const float* at(int pixel) const { return all + static_cast<std::size_t>(pixel) * row; }
  };
  static void attend(const Attending& from, int keys, int values, float scale, float* shares,
                     float* result) {
    const float* query = from.at(from.query);
    for (int q = 0; q < from.pixels; ++q) {
      const float* key = from.at(q) + keys;
      float dot = 0;
      for (int c = 0; c < keys; ++c) dot += query[c] * key[c];
      shares[q] = dot * scale;
    }
    const float most = *std::max_element(shares, shares + from.pixels);
    float sum = 0;
    for (int q = 0; q < from.pixels; ++q) sum += shares[q] = std::exp(shares[q] - most);
    std::fill_n(result, values, 0.F);
    for (int q = 0; q < from.pixels; ++q) {
      const float* value = from.at(q) + std::ptrdiff_t{2} * keys;
      const float share = shares[q] / sum;
      for (int c = 0; c < values; ++c) result[c] += share * value[c];
    }
  }

  void operator()(const CopyStep& step) const {
    with_numbers(step.in, [&]<typename T>(T) {
      const View<const T> in = context.read<T>(step.in);
      const View<T> out = context.view<T>(step.out);
      const std::size_t bytes = static_cast<std::size_t>(in.channels) * sizeof(T);
      context.team.run(out.height, [&](int y, int) {
        for (int x = 0; x < out.width; ++x) std::memcpy(out.at(y, x), in.at(y, x), bytes);
      });
    });
  }

  // Over the channels of each pixel.
  void operator()(const SoftmaxStep& step) const {
    const std::span<float> values(scratch_of(context, 0),
                                  static_cast<std::size_t>(step.in.shape.channels));
    for (int y = 0; y < step.out.shape.height; ++y) {
      for (int x = 0; x < step.out.shape.width; ++x) {
        read_pixel(context, step.in, y, x, values.data());
        const float most = *std::max_element(values.begin(), values.end());
        float sum = 0;
        for (float& v : values) sum += v = std::exp(v - most);
        for (float& v : values) v /= sum;
        write_pixel(context, step.out, y, x, values.data());
      }
    }
  }

  void operator()(const HeadStep& step) const {
    const graph::Shape& shape = step.in.shape;
    float* head = context.heads[step.head];
    if (step.in.number == Number::kByte) {
      float* pixel = scratch_of(context, 0);
      const int pixels = shape.height * shape.width;
      for (int p = 0; p < pixels; ++p) {
        read_pixel(context, step.in, p / shape.width, p % shape.width, pixel);
        context.kernels.to_planes(pixel, 0, shape.channels, 1, head + p, pixels);
      }
      return;
    }
    const View<const float> in = context.read<float>(step.in);
    context.team.run(shape.height, [&](int y, int) {
      const std::ptrdiff_t plane = std::ptrdiff_t{shape.height} * shape.width;
      context.kernels.to_planes(in.at(y, 0), in.pixel, shape.channels, shape.width,
                                head + std::ptrdiff_t{y} * shape.width, plane);
    });
  }
};

}  // namespace

void run_step(const Step& step, const StepContext& context) { std::visit(Run{context}, step.work); }

}  // namespace oko::runtime
