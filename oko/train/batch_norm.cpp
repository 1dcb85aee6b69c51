#include "oko/train/batch_norm.h"

namespace oko::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double kBackwardEpsilon = 1e-5;

// Per-channel vectors as 1 × channels × 1 × 1, to broadcast over feature maps.
at::Tensor across(const at::Tensor& v) { return v.view({1, -1, 1, 1}); }
at::Tensor channel_sum(const at::Tensor& x) { return x.sum({0, 2, 3}); }

struct DarknetBatchNorm : torch::autograd::Function<DarknetBatchNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& scale,
                            const at::Tensor& bias, at::Tensor running_mean,
                            at::Tensor running_variance, double momentum, double epsilon) {
    const double n = static_cast<double>(x.numel() / x.size(1));
    const at::Tensor wide = x.to(at::kFloat);
    const at::Tensor mean = channel_sum(wide) / n;
    const at::Tensor centred = wide - across(mean);
    const at::Tensor variance = channel_sum(centred.square()) / std::max(1.0, n - 1);
    running_mean.mul_(momentum).add_(mean, 1 - momentum);
    running_variance.mul_(momentum).add_(variance, 1 - momentum);
    const at::Tensor root = variance.sqrt() + epsilon;
    const at::Tensor normal = centred / across(root);
    // Darknet's backward pass uses a different epsilon in a different place than its forward pass.
    const at::Tensor slope = (variance + kBackwardEpsilon).rsqrt();
    context->save_for_backward({normal, scale, root, slope});
    return (normal * across(scale) + across(bias)).to(x.scalar_type());
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &normal = saved[0], &scale = saved[1], &root = saved[2], &slope = saved[3];
    const at::Tensor g = gradients[0].to(at::kFloat);
    const double n = static_cast<double>(g.numel() / g.size(1));
    const at::Tensor by_scale = channel_sum(g * normal), by_bias = channel_sum(g);
    const at::Tensor along = across((root * slope).square() * by_scale / n);
    const at::Tensor by_input = across(scale * slope) * (g - across(by_bias / n) - normal * along);
    return {by_input.to(gradients[0].scalar_type()), by_scale, by_bias, {}, {}, {}, {}};
  }
};

}  // namespace

at::Tensor darknet_batch_norm(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& bias,
                              at::Tensor mean, at::Tensor variance, double momentum,
                              double epsilon) {
  return DarknetBatchNorm::apply(x, scale, bias, std::move(mean), std::move(variance), momentum,
                                 epsilon);
}

}  // namespace oko::train
