#include "oko/train/batch_norm.h"

namespace oko::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Darknet's backward pass uses a different epsilon in a different place than its forward pass.
constexpr double kBackwardEpsilon = 1e-5;

// Per-channel vectors as 1 × channels × 1 × 1, to broadcast over feature maps.
at::Tensor across(const at::Tensor& v) { return v.view({1, -1, 1, 1}); }
at::Tensor channel_sum(const at::Tensor& x) { return x.sum({0, 2, 3}); }

// The sums over all workers. A batch's own count is at the end.
at::Tensor over_all(at::Tensor sums, Workers* workers) {
  sums = sums.contiguous();
  if (workers != nullptr) workers->sum(sums);
  return sums;
}

at::Tensor count_of(const at::Tensor& x) {
  return at::full({1}, static_cast<double>(x.numel() / x.size(1)), x.options().dtype(at::kFloat));
}

struct BatchNormFunction : torch::autograd::Function<BatchNormFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& scale,
                            const at::Tensor& bias, const TrainedNorm& trained) {
    const graph::BatchNorm& norm = trained.norm;
    Workers* const workers = trained.workers;
    const std::int64_t channels = x.size(1);
    const at::Tensor wide = x.to(at::kFloat);
    const at::Tensor sums = over_all(at::cat({channel_sum(wide), count_of(x)}), workers);
    const at::Tensor n = sums.narrow(0, channels, 1);
    const at::Tensor mean = sums.narrow(0, 0, channels) / n;
    const at::Tensor centred = wide - across(mean);
    const at::Tensor squares = over_all(channel_sum(centred.square()), workers);
    const at::Tensor unbiased = squares / (n - 1).clamp_min(1);
    trained.mean.mul_(trained.momentum).add_(mean, 1 - trained.momentum);
    trained.variance.mul_(trained.momentum).add_(unbiased, 1 - trained.momentum);
    const bool darknet = norm.epsilon_outside_root;
    const at::Tensor root =
        darknet ? unbiased.sqrt() + norm.epsilon : (squares / n + norm.epsilon).sqrt();
    const at::Tensor slope = darknet ? (unbiased + kBackwardEpsilon).rsqrt() : root.reciprocal();
    const at::Tensor normal = centred / across(root);
    context->save_for_backward({normal, scale, root, slope});
    context->saved_data["workers"] = reinterpret_cast<std::int64_t>(workers);
    return (normal * across(scale) + across(bias)).to(x.scalar_type());
  }

  // The gradient of the input depends on all workers' batches; those of scale and bias are of the
  // own one, like every parameter's, and summed later.
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &normal = saved[0], &scale = saved[1], &root = saved[2], &slope = saved[3];
    auto* const workers = reinterpret_cast<Workers*>(context->saved_data["workers"].toInt());
    const at::Tensor g = gradients[0].to(at::kFloat);
    const std::int64_t channels = g.size(1);
    const at::Tensor by_scale = channel_sum(g * normal), by_bias = channel_sum(g);
    const at::Tensor sums = over_all(at::cat({by_scale, by_bias, count_of(g)}), workers);
    const at::Tensor n = sums.narrow(0, 2 * channels, 1);
    const at::Tensor along = across((root * slope).square() * sums.narrow(0, 0, channels) / n);
    const at::Tensor shift = across(sums.narrow(0, channels, channels) / n);
    const at::Tensor by_input = across(scale * slope) * (g - shift - normal * along);
    return {by_input.to(gradients[0].scalar_type()), by_scale, by_bias, {}};
  }
};

}  // namespace

at::Tensor batch_norm(const at::Tensor& x, const TrainedNorm& trained) {
  return BatchNormFunction::apply(x, trained.scale, trained.bias, trained);
}

}  // namespace oko::train
