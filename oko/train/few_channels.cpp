#include "oko/train/few_channels.h"

#include <algorithm>
#include <vector>

#include "oko/train/map_runs.h"
#include "oko/train/matrix_panels.h"

namespace oko::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Rows [first, first + count) of a map [height][length] of zeros surrounded by `border` values on
// both sides, of rows above and below the map too.
void copy_rows(const float* map, std::int64_t height, std::int64_t length, std::int64_t first,
               std::int64_t count, std::int64_t border, float* to) {
  for (std::int64_t y = first; y < first + count; ++y) {
    const bool inside = y >= 0 && y < height;
    to = std::fill_n(to, inside ? border : border + length, 0.F);
    if (inside) to = std::copy_n(map + y * length, length, to);
    to = std::fill_n(to, border, 0.F);
  }
}

void convolve(const at::Tensor& x, const at::Tensor& kernel, std::int64_t stride,
              std::int64_t padding, const at::Tensor& y) {
  const runtime::Kernels& kernels = runtime::kernels(best_simd_target());
  const std::int64_t channels = x.size(1), height = x.size(2), length = x.size(3) * channels;
  const std::int64_t size = kernel.size(2), columns = kernel.size(0);
  const std::int64_t depth = size * size * channels;
  const std::vector<float> panels =
      packed({values_of<float>(kernel), depth, columns, 1, depth}, kernels.lanes);
  const std::int64_t out_height = y.size(2), out_width = y.size(3);
  const std::int64_t border = padding * channels, row = length + 2 * border;
  constexpr std::int64_t kRows = 8;  // of the output, by one thread at a time
  const std::int64_t parts = (out_height + kRows - 1) / kRows;
  at::parallel_for(0, x.size(0) * parts, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> rows(static_cast<std::size_t>(((kRows - 1) * stride + size) * row) +
                            runtime::kSlack / sizeof(float));
    for (std::int64_t part = begin; part < end; ++part) {
      const std::int64_t image = part / parts, first = part % parts * kRows;
      const std::int64_t count = std::min(kRows, out_height - first);
      copy_rows(values_of<float>(x) + image * height * length, height, length,
                first * stride - padding, (count - 1) * stride + size, border, rows.data());
      runtime::GemmCall call;
      call.a_row = stride * channels;
      call.a_tap = row;
      call.rows = static_cast<int>(out_width);
      call.taps = static_cast<int>(size);
      call.depth = static_cast<int>(size * channels);
      call.columns = static_cast<int>(columns);
      call.b = panels.data();
      call.c_row = columns;
      for (std::int64_t i = 0; i < count; ++i) {
        call.a = rows.data() + i * stride * row;
        call.c = values_of<float>(y) + (image * out_height + first + i) * out_width * columns;
        kernels.gemm(call);
      }
    }
  });
}

struct ConvolveFewChannels : torch::autograd::Function<ConvolveFewChannels> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& weights, std::int64_t stride, std::int64_t padding) {
    const at::Tensor x = channels_last(input), kernel = channels_last(weights);
    const at::Tensor y = map_for_convolution(x, kernel, stride, padding);
    convolve(x, kernel, stride, padding, y);
    context->save_for_backward({x, kernel});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const std::int64_t stride = context->saved_data["stride"].toInt();
    const std::int64_t padding = context->saved_data["padding"].toInt();
    const auto [by_x, by_kernel, by_bias] = at::convolution_backward(
        gradients[0], saved[0], saved[1], c10::nullopt, {stride, stride}, {padding, padding},
        {1, 1}, false, {0, 0}, 1,
        {context->needs_input_grad(0), context->needs_input_grad(1), false});
    return {by_x, by_kernel, {}, {}};
  }
};

}  // namespace

bool has_few_channels(const graph::Convolution& conv, const at::Tensor& x) {
  constexpr std::int64_t kFew = 4;
  return conv.groups == 1 && conv.dilation == 1 && x.size(1) <= kFew && x.is_cpu() &&
         x.scalar_type() == at::kFloat && best_simd_target() != SimdTarget::kScalar;
}

at::Tensor convolve_few_channels(const at::Tensor& x, const at::Tensor& kernel, std::int64_t stride,
                                 std::int64_t padding) {
  return ConvolveFewChannels::apply(x, kernel, stride, padding);
}

}  // namespace oko::train
