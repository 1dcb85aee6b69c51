#include "oko/runtime/convolve.h"

namespace oko::runtime {
namespace {

template <typename T, typename Call>
Call depthwise_call(const ConvolutionStep& step, const StepContext& context) {
  Call call;
  call.in = context.read<T>(step.in);
  call.out = context.view<T>(*step.out);
  call.weights = reinterpret_cast<decltype(call.weights)>(context.weights + step.weights);
  call.bias = reinterpret_cast<const float*>(context.weights + step.bias);
  call.size = step.convolution.size;
  call.stride = step.convolution.stride;
  call.pad_top = step.convolution.padding.top;
  call.pad_left = step.convolution.padding.left;
  if (step.residual) call.residual = context.read<T>(*step.residual);
  End(step).set(call);
  return call;
}

// Splits a call into bands of output rows.
template <typename Call>
void run_bands(const Call& call, Team& team, void (*kernel)(const Call&)) {
  const int height = call.out.height, band = std::max(1, height / (4 * team.size()));
  team.run(pieces(height, band), [&](int task, int) {
    Call rows = call;
    rows.first_row = task * band;
    rows.row_count = std::min(band, height - rows.first_row);
    kernel(rows);
  });
}

void run_depthwise(const ConvolutionStep& step, const StepContext& context) {
  if (!is_int8(step)) {
    run_bands(depthwise_call<float, DepthwiseCall>(step, context), context.team,
              context.kernels.depthwise);
    return;
  }
  auto call = depthwise_call<std::uint8_t, Depthwise8Call>(step, context);
  call.scale = reinterpret_cast<const float*>(context.weights + step.scales);
  call.start = reinterpret_cast<const std::int32_t*>(context.weights + step.starts);
  call.in_zero = step.in.scale.zero;
  run_bands(call, context.team, context.kernels8.depthwise);
}

// Activations that the kernels do not support, over the whole tensor.
void activate_map(const View<float>& map, graph::Activation activation,
                  const StepContext& context) {
  context.team.run(map.height, [&](int y, int) {
    for (int x = 0; x < map.width; ++x) {
      context.kernels.activate(activation, map.at(y, x), static_cast<std::size_t>(map.channels));
    }
  });
}

}  // namespace

void run_convolution(const ConvolutionStep& step, const StepContext& context) {
  switch (step.algorithm) {
    case Algorithm::kGemm:
      run_gemm_convolution(step, context);
      return;
    case Algorithm::kWinograd:
      run_winograd_convolution(step, context);
      break;
    case Algorithm::kDepthwise:
      run_depthwise(step, context);
      break;
  }
  if (step.finish.after != graph::Activation::kLinear) {
    activate_map(context.view<float>(*step.out), step.finish.after, context);
  }
}

}  // namespace oko::runtime
