#include "oko/runtime/steps.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "oko/graph/interpolation.h"

namespace oko::runtime {
namespace {

template <typename Function>
void transform_each(float* values, std::size_t count, const Function& function) {
  for (std::size_t i = 0; i < count; ++i) values[i] = function(values[i]);
}

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }
// ln(1 + exp(x)) without overflow.
float softplus(float x) { return std::max(x, 0.F) + std::log1p(std::exp(-std::fabs(x))); }

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
        activate(step.activation, in.at(y, x), channels);
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
    float* pixel = scratch_of(context, 0);
    const std::span<float> sum(pixel + pixel_bytes(step.in) / sizeof(float),
                               static_cast<std::size_t>(shape.channels));
    std::fill(sum.begin(), sum.end(), 0.F);
    for (int y = 0; y < shape.height; ++y) {
      for (int x = 0; x < shape.width; ++x) {
        read_pixel(context, step.in, y, x, pixel);
        for (std::size_t c = 0; c < sum.size(); ++c) sum[c] += pixel[c];
      }
    }
    for (float& v : sum) v /= static_cast<float>(shape.height) * static_cast<float>(shape.width);
    write_pixel(context, step.out, 0, 0, sum.data());
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

  void operator()(const AddStep& step) const {
    const auto channels = static_cast<std::size_t>(step.out.shape.channels);
    context.team.run(step.out.shape.height, [&](int y, int thread) {
      float* sum = scratch_of(context, thread);
      float* pixel = sum + pixel_bytes(step.out) / sizeof(float);
      for (int x = 0; x < step.out.shape.width; ++x) {
        read_pixel(context, step.in[0], y, x, sum);
        for (std::size_t i = 1; i < step.in.size(); ++i) {
          read_pixel(context, step.in[i], y, x, pixel);
          const bool last = i + 1 == step.in.size();
          context.kernels.add(sum, pixel, sum, channels, last ? step.finish.clamp : Clamp{});
        }
        activate(step.finish.after, sum, channels);
        write_pixel(context, step.out, y, x, sum);
      }
    });
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

void activate(graph::Activation activation, float* values, std::size_t count) {
  using graph::Activation;
  switch (activation) {
    case Activation::kLogistic:
      transform_each(values, count, sigmoid);
      return;
    case Activation::kSwish:
      transform_each(values, count, [](float x) { return x * sigmoid(x); });
      return;
    case Activation::kMish:
      transform_each(values, count, [](float x) { return x * std::tanh(softplus(x)); });
      return;
    case Activation::kLinear:
    case Activation::kLeaky:
    case Activation::kRelu:
    case Activation::kRelu6:
      return;  // clamps, applied by the kernels
  }
}

void run_step(const Step& step, const StepContext& context) { std::visit(Run{context}, step.work); }

}  // namespace oko::runtime
