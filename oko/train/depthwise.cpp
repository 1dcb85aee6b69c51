#include "oko/train/depthwise.h"

#include <algorithm>
#include <vector>

#include "oko/train/map_runs.h"

namespace oko::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Outputs [first, end) of a row or column whose tap lies inside the map.
struct Inside {
  Inside(std::int64_t tap, std::int64_t length, std::int64_t outputs, std::int64_t stride,
         std::int64_t padding)
      : first(std::max<std::int64_t>(0, (padding - tap + stride - 1) / stride)),
        end(std::min(outputs, (length - 1 + padding - tap + stride) / stride)) {}
  std::int64_t first, end;
};

// The gradient of the kernel, [channels][size][size]: each row of the output has sums of its own.
at::Tensor kernel_gradient(const at::Tensor& x, const at::Tensor& gradient, std::int64_t size,
                           std::int64_t stride, std::int64_t padding) {
  const std::int64_t images = x.size(0), channels = x.size(1);
  const std::int64_t height = x.size(2), width = x.size(3);
  const std::int64_t rows = gradient.size(2), columns = gradient.size(3);
  const std::int64_t taps = size * size, count = taps * channels;
  std::vector<float> sums(static_cast<std::size_t>(images * rows * count));
  at::parallel_for(0, images * rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t image = i / rows, top = i % rows * stride - padding;
      const float* g = values_of<float>(gradient) + i * columns * channels;
      for (std::int64_t tap = 0; tap < taps; ++tap) {
        const std::int64_t y = top + tap / size, dx = tap % size;
        const Inside inside(dx, width, columns, stride, padding);
        if (y < 0 || y >= height || inside.first >= inside.end) continue;
        const std::int64_t left = inside.first * stride - padding + dx;
        const float* in = values_of<float>(x) + ((image * height + y) * width + left) * channels;
        add_products(in, stride * channels, g + inside.first * channels, inside.end - inside.first,
                     channels, sums.data() + i * count + tap * channels);
      }
    }
  });
  at::Tensor result = at::empty({channels, 1, size, size}, x.options());
  float* out = values_of<float>(result);
  at::parallel_for(0, taps, 1, [&](std::int64_t tap, std::int64_t end) {
    for (; tap < end; ++tap) {
      std::vector<double> total(static_cast<std::size_t>(channels));
      const float* row = sums.data() + tap * channels;
      for (std::int64_t i = 0; i < images * rows; ++i, row += count) {
        for (std::size_t c = 0; c < total.size(); ++c) total[c] += row[c];
      }
      for (std::int64_t c = 0; c < channels; ++c) {
        out[c * taps + tap] = static_cast<float>(total[static_cast<std::size_t>(c)]);
      }
    }
  });
  return result;
}

struct ConvolveDepthwise : torch::autograd::Function<ConvolveDepthwise> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& kernel, std::int64_t stride, std::int64_t padding) {
    const at::Tensor x = channels_last(input);
    context->save_for_backward({x, kernel});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    return at::conv2d(x, kernel, {}, stride, padding, 1, x.size(1));
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &kernel = saved[1];
    const std::int64_t stride = context->saved_data["stride"].toInt();
    const std::int64_t padding = context->saved_data["padding"].toInt();
    const at::Tensor gradient = channels_last(gradients[0]);
    at::Tensor by_x, by_kernel;
    if (context->needs_input_grad(0)) {
      by_x = std::get<0>(at::convolution_backward(gradient, x, kernel, c10::nullopt,
                                                  {stride, stride}, {padding, padding}, {1, 1},
                                                  false, {0, 0}, x.size(1), {true, false, false}));
    }
    if (context->needs_input_grad(1)) {
      by_kernel = kernel_gradient(x, gradient, kernel.size(2), stride, padding);
    }
    return {by_x, by_kernel, {}, {}};
  }
};

}  // namespace

bool has_depthwise(const graph::Convolution& conv, const at::Tensor& x) {
  return conv.groups == conv.filters && conv.groups == x.size(1) && conv.size > 3 &&
         conv.dilation == 1 && x.is_cpu() && x.scalar_type() == at::kFloat;
}

at::Tensor convolve_depthwise(const at::Tensor& x, const at::Tensor& kernel, std::int64_t stride,
                              std::int64_t padding) {
  return ConvolveDepthwise::apply(x, kernel, stride, padding);
}

}  // namespace oko::train
