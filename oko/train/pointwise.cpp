#include "oko/train/pointwise.h"

#include <vector>

#include "oko/train/convolution_kernels.h"
#include "oko/train/map_runs.h"
#include "oko/train/matrix_panels.h"
#include "oko/train/parts.h"

namespace oko::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

const ConvolutionKernels* best_kernels() {
  static const ConvolutionKernels* const kernels = convolution_kernels(best_simd_target());
  return kernels;
}

// C[pixels × columns] = A[pixels × depth] · matrix.
void multiply(const float* a, std::int64_t pixels, const MatrixView& matrix, float* c) {
  // Values of both maps that a thread works on at a time: they stay in its second-level cache.
  constexpr std::int64_t kBlock = 32'000;
  const runtime::Kernels& kernels = runtime::kernels(best_simd_target());
  const std::vector<float> panels = packed(matrix, kernels.lanes);
  const std::int64_t blocks = kBlock / (matrix.depth + matrix.columns) / kernels.max_rows;
  const std::int64_t length = std::max<std::int64_t>(4, blocks) * kernels.max_rows;
  for_each_part(pixels, length, [&](std::int64_t first, std::int64_t count) {
    runtime::GemmCall call;
    call.a = a + first * matrix.depth;
    call.a_row = matrix.depth;
    call.rows = static_cast<int>(count);
    call.depth = static_cast<int>(matrix.depth);
    call.columns = static_cast<int>(matrix.columns);
    call.b = panels.data();
    call.c = c + first * matrix.columns;
    call.c_row = matrix.columns;
    kernels.gemm(call);
  });
}

// Rows of vectors of channels, with their memory.
struct OwnRows {
  OwnRows(std::int64_t rows, std::int64_t channels_)
      : channels(channels_),
        lanes(best_kernels()->lanes),
        vectors(divide_up(channels, lanes)),
        memory(at::empty({vectors * rows * lanes}, at::kFloat)),
        points{values_of<float>(memory), 0, rows * lanes} {}

  void fill(const float* pixels, std::int64_t count) const {
    best_kernels()->copy_pixels(
        {pixels, channels, channels, count, points.data, lanes, points.vector});
  }

  std::int64_t channels, lanes, vectors;
  at::Tensor memory;
  Points<float> points;
};

// The gradient of the kernel [out × in] = gradient[pixels × out]ᵀ · x[pixels × in]. Every part of
// the pixels has sums of its own.
void kernel_gradient(const float* x, const float* gradient, std::int64_t pixels, std::int64_t in,
                     std::int64_t out, float* by_kernel) {
  constexpr std::int64_t kMostParts = 16, kLeastPixels = 1024;
  constexpr std::int64_t kChunk = 128;  // pixels: a few vectors of them stay in the first cache
  const ConvolutionKernels& kernels = *best_kernels();
  const int lanes = kernels.lanes;
  const std::int64_t parts = std::clamp<std::int64_t>(pixels / kLeastPixels, 1, kMostParts);
  const std::int64_t part = divide_up(pixels, parts), rows = divide_up(out, lanes) * lanes;
  std::vector<OwnRows> sums;
  for (std::int64_t i = 0; i * part < pixels; ++i) sums.emplace_back(rows, in);
  for_each_part(pixels, part, [&](std::int64_t first, std::int64_t count) {
    const OwnRows& total = sums[static_cast<std::size_t>(first / part)];
    const OwnRows from(kChunk, in), to(kChunk, out);
    for (std::int64_t i = 0; i < count; i += kChunk) {
      const std::int64_t n = std::min(kChunk, count - i);
      from.fill(x + (first + i) * in, n);
      to.fill(gradient + (first + i) * out, n);
      kernels.multiply_transposed({to.points.data, from.points.data, total.points.data,
                                   to.points.vector, from.points.vector, total.points.vector, out,
                                   n, static_cast<int>(from.vectors), i != 0});
    }
  });
  for_each_part(out, 1, [&](std::int64_t row, std::int64_t) {
    for (std::int64_t c = 0; c < in; ++c) {
      const std::int64_t at = c / lanes * rows * lanes + row * lanes + c % lanes;
      double sum = 0;
      for (const OwnRows& one : sums) sum += one.points.data[at];
      by_kernel[row * in + c] = static_cast<float>(sum);
    }
  });
}

struct ConvolvePointwise : torch::autograd::Function<ConvolvePointwise> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& weights) {
    const at::Tensor x = channels_last(input), kernel = weights.contiguous();
    const std::int64_t in = x.size(1), out = kernel.size(0);
    at::Tensor y = at::empty({x.size(0), out, x.size(2), x.size(3)}, x.options(),
                             at::MemoryFormat::ChannelsLast);
    multiply(values_of<float>(x), x.numel() / in, {values_of<float>(kernel), in, out, 1, in},
             values_of<float>(y));
    context->save_for_backward({x, kernel});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &kernel = saved[1];
    const at::Tensor gradient = channels_last(gradients[0]);
    const float* g = values_of<float>(gradient);
    const std::int64_t in = x.size(1), out = kernel.size(0), pixels = x.numel() / in;
    at::Tensor by_input, by_kernel;
    if (context->needs_input_grad(0)) {
      by_input = at::empty(x.sizes(), x.options(), at::MemoryFormat::ChannelsLast);
      multiply(g, pixels, {values_of<float>(kernel), out, in, in, 1}, values_of<float>(by_input));
    }
    if (context->needs_input_grad(1)) {
      by_kernel = at::empty(kernel.sizes(), x.options());
      kernel_gradient(values_of<float>(x), g, pixels, in, out, values_of<float>(by_kernel));
    }
    return {by_input, by_kernel};
  }
};

}  // namespace

bool has_pointwise(const graph::Convolution& conv, const at::Tensor& x) {
  constexpr std::int64_t kMostWeights = 1 << 18;
  return conv.size == 1 && conv.stride == 1 && conv.groups == 1 &&
         x.size(1) * conv.filters <= kMostWeights && x.is_cpu() && x.scalar_type() == at::kFloat &&
         best_kernels() != nullptr;
}

at::Tensor convolve_pointwise(const at::Tensor& x, const at::Tensor& kernel) {
  return ConvolvePointwise::apply(x, kernel);
}

}  // namespace oko::train
