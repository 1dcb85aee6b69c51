#pragma once

#include <cstdint>
#include <vector>

#include "oko/train/aten.h"
#include "oko/train/batch_norm_passes.h"

namespace oko::train {

// The output of a convolution, and the moments of its channels.
struct Convolved {
  at::Tensor map;
  std::vector<Moments> moments;
};

// Undefined where a gradient is not needed.
struct ConvolutionGradients {
  at::Tensor by_input, by_kernel;
};

// A convolution of float32 maps, its batch norm and activation as one function of x, the kernel,
// and the norm's scale and bias. The passes of a convolution are
//   static Convolved forward(x, kernel)
//   static ConvolutionGradients backward(context, x, kernel, const NormGradient& rows)
// with a channels-last x and a contiguous kernel; the context's first two inputs are these.
template <typename Passes>
struct ConvolveAndNormalize : torch::autograd::Function<ConvolveAndNormalize<Passes>> {
  using Context = torch::autograd::AutogradContext;

  static at::Tensor forward(Context* context, const at::Tensor& input, const at::Tensor& weights,
                            const at::Tensor&, const at::Tensor&, const TrainedNorm& trained,
                            double slope) {
    const at::Tensor x = channels_last(input), kernel = weights.contiguous();
    const auto [y, moments] = Passes::forward(x, kernel);
    const at::Tensor z = at::empty_like(y);
    const Rows rows = rows_of(trained, moments);
    WholeMap<float>(y, rows, slope).normalize(values_of<float>(z));
    context->save_for_backward({x, kernel, y, rows.tensor});
    context->saved_data["slope"] = slope;
    context->saved_data["workers"] = reinterpret_cast<std::int64_t>(trained.workers);
    return z;
  }

  static torch::autograd::variable_list backward(Context* context,
                                                 torch::autograd::variable_list gradients) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    auto* const workers = reinterpret_cast<Workers*>(context->saved_data["workers"].toInt());
    const NormGradient rows(saved[2], Rows(saved[3]), context->saved_data["slope"].toDouble(),
                            workers, gradients[0]);
    const ConvolutionGradients by = Passes::backward(context, saved[0], saved[1], rows);
    return {by.by_input, by.by_kernel, rows.by_channel().by_scale, rows.by_channel().by_bias, {},
            {}};
  }
};

}  // namespace oko::train
