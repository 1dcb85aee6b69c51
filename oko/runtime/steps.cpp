#include "oko/runtime/steps.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace oko::runtime {
namespace {

template <typename Function>
void transform_each(float* values, std::size_t count, const Function& function) {
  for (std::size_t i = 0; i < count; ++i) values[i] = function(values[i]);
}

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }
// ln(1 + exp(x)) without overflow.
float softplus(float x) { return std::max(x, 0.F) + std::log1p(std::exp(-std::fabs(x))); }

struct Run {
  const StepContext& context;

  void operator()(const ConvolutionStep& step) const { run_convolution(step, context); }

  void operator()(const InputStep& step) const {
    const View<float> out = context.view(step.out);
    const std::ptrdiff_t plane = std::ptrdiff_t{out.height} * out.width;
    context.team.run(out.height, [&](int y, int) {
      context.kernels.interleave(context.input + std::ptrdiff_t{y} * out.width, plane, out.channels,
                                 out.width, out.at(y, 0));
    });
  }

  void operator()(const PoolStep& step) const {
    PoolCall<float> call;
    call.in = context.read(step.in);
    call.out = context.view(step.out);
    call.size = step.pool.size;
    call.stride = step.pool.stride;
    call.pad_top = step.pool.padding.top;
    call.pad_left = step.pool.padding.left;
    call.row_count = 1;
    context.team.run(call.out.height, [&](int y, int) {
      PoolCall<float> row = call;
      row.first_row = y;
      context.kernels.max_pool(row);
    });
  }

  void operator()(const AverageStep& step) const {
    const View<const float> in = context.read(step.in);
    float* out = context.view(step.out).data;
    std::fill_n(out, in.channels, 0.F);
    for (int y = 0; y < in.height; ++y) {
      for (int x = 0; x < in.width; ++x) {
        const float* from = in.at(y, x);
        for (int c = 0; c < in.channels; ++c) out[c] += from[c];
      }
    }
    const float share = 1 / static_cast<float>(in.height * in.width);
    for (int c = 0; c < in.channels; ++c) out[c] *= share;
  }

  void operator()(const UpsampleStep& step) const {
    const View<const float> in = context.read(step.in);
    const View<float> out = context.view(step.out);
    const std::size_t bytes = static_cast<std::size_t>(in.channels) * sizeof(float);
    context.team.run(out.height, [&](int y, int) {
      for (int x = 0; x < out.width; ++x) {
        std::memcpy(out.at(y, x), in.at(y / step.scale, x / step.scale), bytes);
      }
    });
  }

  void operator()(const AddStep& step) const {
    const View<float> out = context.view(step.out);
    const auto channels = static_cast<std::size_t>(out.channels);
    context.team.run(out.height, [&](int y, int) {
      for (int x = 0; x < out.width; ++x) {
        float* to = out.at(y, x);
        const float* sum = context.read(step.in[0]).at(y, x);
        for (std::size_t i = 1; i < step.in.size(); ++i) {
          const bool last = i + 1 == step.in.size();
          context.kernels.add(sum, context.read(step.in[i]).at(y, x), to, channels,
                              last ? step.finish.clamp : Clamp{});
          sum = to;
        }
        activate(step.finish.after, to, channels);
      }
    });
  }

  void operator()(const CopyStep& step) const {
    const View<const float> in = context.read(step.in);
    const View<float> out = context.view(step.out);
    const std::size_t bytes = static_cast<std::size_t>(in.channels) * sizeof(float);
    context.team.run(out.height, [&](int y, int) {
      for (int x = 0; x < out.width; ++x) std::memcpy(out.at(y, x), in.at(y, x), bytes);
    });
  }

  // Over the channels of each pixel.
  void operator()(const SoftmaxStep& step) const {
    const View<const float> in = context.read(step.in);
    const View<float> out = context.view(step.out);
    for (int y = 0; y < out.height; ++y) {
      for (int x = 0; x < out.width; ++x) {
        const float* from = in.at(y, x);
        float* to = out.at(y, x);
        const float most = *std::max_element(from, from + in.channels);
        float sum = 0;
        for (int c = 0; c < in.channels; ++c) sum += to[c] = std::exp(from[c] - most);
        for (int c = 0; c < in.channels; ++c) to[c] /= sum;
      }
    }
  }

  // Blocks of pixels × channels that fit in the first-level cache.
  void operator()(const HeadStep& step) const {
    constexpr int kBlock = 32;
    const View<const float> in = context.read(step.in);
    const int pixels = in.height * in.width;  // a map has no gaps between its rows
    float* head = context.heads[static_cast<std::size_t>(step.head)];
    context.team.run((in.channels + kBlock - 1) / kBlock, [&](int task, int) {
      const int first = task * kBlock, last = std::min(in.channels, first + kBlock);
      for (int begin = 0; begin < pixels; begin += kBlock) {
        const int end = std::min(pixels, begin + kBlock);
        for (int c = first; c < last; ++c) {
          float* to = head + std::ptrdiff_t{c} * pixels;
          for (int p = begin; p < end; ++p) to[p] = in.data[p * in.pixel + c];
        }
      }
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
