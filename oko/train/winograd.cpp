#include "oko/train/winograd.h"

#include "oko/train/map_runs.h"
#include "oko/train/winograd_passes.h"

namespace oko::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct ConvolveWinograd : torch::autograd::Function<ConvolveWinograd> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& kernel, std::int64_t padding) {
    const at::Tensor x = channels_last(input), weights = channels_last(kernel);
    const WinogradShape shape = shape_of(x, weights, padding);
    const at::Tensor y = map_for_convolution(x, weights, 1, padding);
    winograd_forward(*best_convolution_kernels(), shape, values_of<float>(x),
                     values_of<float>(weights), values_of<float>(y));
    context->save_for_backward({x, weights});
    context->saved_data["padding"] = padding;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &kernel = saved[1];
    const WinogradShape shape = shape_of(x, kernel, context->saved_data["padding"].toInt());
    const at::Tensor gradient = channels_last(gradients[0]);
    const float* g = values_of<float>(gradient);
    at::Tensor by_input, by_kernel;
    if (context->needs_input_grad(0)) {
      by_input = at::empty(x.sizes(), x.options(), at::MemoryFormat::ChannelsLast);
      winograd_input_gradient(*best_convolution_kernels(), shape, g, values_of<float>(kernel),
                              values_of<float>(by_input));
    }
    if (context->needs_input_grad(1)) {
      by_kernel = at::empty(kernel.sizes(), x.options(), at::MemoryFormat::ChannelsLast);
      winograd_kernel_gradient(*best_convolution_kernels(), shape, values_of<float>(x), g,
                               values_of<float>(by_kernel));
    }
    return {by_input, by_kernel, {}};
  }

 private:
  static WinogradShape shape_of(const at::Tensor& x, const at::Tensor& kernel,
                                std::int64_t padding) {
    return {x.size(0), x.size(2), x.size(3), x.size(1), kernel.size(0), static_cast<int>(padding)};
  }
};

}  // namespace

bool has_winograd(const graph::Convolution& conv, const at::Tensor& x) {
  constexpr std::int64_t kLeastChannels = 16;
  return conv.size == 3 && conv.stride == 1 && conv.dilation == 1 && conv.groups == 1 &&
         x.size(1) >= kLeastChannels && conv.filters >= kLeastChannels && x.is_cpu() &&
         x.scalar_type() == at::kFloat && best_convolution_kernels() != nullptr;
}

at::Tensor convolve_winograd(const at::Tensor& x, const at::Tensor& kernel, int padding) {
  return ConvolveWinograd::apply(x, kernel, std::int64_t{padding});
}

}  // namespace oko::train
