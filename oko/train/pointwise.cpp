#include "oko/train/pointwise.h"

#include <optional>
#include <vector>

#include "oko/train/convolution_kernels.h"
#include "oko/train/convolve_and_normalize.h"
#include "oko/train/map_runs.h"
#include "oko/train/matrix_panels.h"
#include "oko/train/parts.h"

namespace oko::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// C[pixels × columns] = A[pixels × depth] · matrix.
class Product {
 public:
  explicit Product(const MatrixView& matrix)
      : kernels_(runtime::kernels(best_simd_target())), panels_(packed(matrix, kernels_.lanes)) {
    call_.a_row = matrix.depth;
    call_.depth = static_cast<int>(matrix.depth);
    call_.columns = static_cast<int>(matrix.columns);
    call_.b = panels_.data();
    call_.c_row = matrix.columns;
  }

  // `last`: nothing follows A in memory. Kernels may read beyond a row.
  void operator()(const float* a, std::int64_t pixels, float* c, bool last) const {
    if (last) {
      const float* row = a + (pixels - 1) * call_.depth;
      std::vector<float> copy(row, row + call_.depth);
      copy.resize(copy.size() + runtime::kSlack / sizeof(float));
      multiply(a, pixels - 1, c);
      multiply(copy.data(), 1, c + (pixels - 1) * call_.columns);
    } else {
      multiply(a, pixels, c);
    }
  }
  // As many of whose values of both maps stay in a thread's second-level cache.
  std::int64_t pixels_at_a_time() const {
    constexpr std::int64_t kBlock = 32'000;
    const std::int64_t blocks = kBlock / (call_.depth + call_.columns) / kernels_.max_rows;
    return std::max<std::int64_t>(4, blocks) * kernels_.max_rows;
  }

 private:
  void multiply(const float* a, std::int64_t pixels, float* c) const {
    runtime::GemmCall call = call_;
    call.a = a;
    call.rows = static_cast<int>(pixels);
    call.c = c;
    kernels_.gemm(call);
  }

  const runtime::Kernels& kernels_;
  std::vector<float> panels_;
  runtime::GemmCall call_;
};

// Rows of vectors of channels, with their memory.
struct OwnRows {
  OwnRows(std::int64_t rows, std::int64_t channels_)
      : channels(channels_),
        lanes(best_convolution_kernels()->lanes),
        vectors(divide_up(channels, lanes)),
        memory(at::empty({vectors * rows * lanes}, at::kFloat)),
        points{values_of<float>(memory), 0, rows * lanes} {}

  void fill(const float* pixels, std::int64_t count) const {
    best_convolution_kernels()->copy_pixels(
        {pixels, channels, channels, count, points.data, lanes, points.vector});
  }

  std::int64_t channels, lanes, vectors;
  at::Tensor memory;
  Points<float> points;
};

// The gradient of the kernel, [out × in] = gradient[pixels × out]ᵀ · x[pixels × in]. Every part of
// the pixels has sums of its own.
class KernelGradient {
 public:
  KernelGradient(const float* x, std::int64_t pixels, std::int64_t in, std::int64_t out,
                 std::int64_t part)
      : x_(x), in_(in), out_(out), rows_(divide_up(out, lanes_) * lanes_), part_(part) {
    for (std::int64_t i = 0; i * part < pixels; ++i) sums_.emplace_back(rows_, in);
  }

  // Of some pixels from `first` on, with their gradients. One thread at a time for each part, which
  // calls it for a part's beginning first.
  void add(std::int64_t first, std::int64_t count, const float* gradient, const OwnRows& x_rows,
           const OwnRows& gradient_rows) const {
    const OwnRows& sum = sums_[static_cast<std::size_t>(first / part_)];
    x_rows.fill(x_ + first * in_, count);
    gradient_rows.fill(gradient, count);
    best_convolution_kernels()->multiply_transposed(
        {gradient_rows.points.data, x_rows.points.data, sum.points.data,
         gradient_rows.points.vector, x_rows.points.vector, sum.points.vector, out_, count,
         static_cast<int>(x_rows.vectors), first % part_ != 0});
  }

  void write(float* by_kernel) const {
    for_each_part(out_, 1, [&](std::int64_t row, std::int64_t) {
      for (std::int64_t c = 0; c < in_; ++c) {
        const std::int64_t at = c / lanes_ * rows_ * lanes_ + row * lanes_ + c % lanes_;
        double sum = 0;
        for (const OwnRows& one : sums_) sum += one.points.data[at];
        by_kernel[row * in_ + c] = static_cast<float>(sum);
      }
    });
  }

 private:
  std::int64_t lanes_ = best_convolution_kernels()->lanes;
  const float* x_;
  std::int64_t in_, out_, rows_, part_;
  std::vector<OwnRows> sums_;
};

// y = convolution of x. Calls done(run) after each of its runs.
template <typename Done>
void forward_pass(const at::Tensor& x, const at::Tensor& kernel, const at::Tensor& y,
                  const MapRuns& runs, Done done) {
  const std::int64_t in = x.size(1), out = y.size(1), pixels = y.numel() / out;
  const Product product({values_of<float>(kernel), in, out, 1, in});
  const std::int64_t block = product.pixels_at_a_time();
  runs.for_each([&](std::int64_t run, std::int64_t offset, std::int64_t length) {
    const std::int64_t first = offset / out, count = length / out;
    for (std::int64_t i = first; i < first + count; i += block) {
      const std::int64_t n = std::min(block, first + count - i);
      product(values_of<float>(x) + i * in, n, values_of<float>(y) + i * out, i + n == pixels);
    }
    done(run);
  });
}

// The gradients that the context needs of its first two inputs, x and the kernel. The output's
// gradient is what rows(first pixel, count, memory) returns: [count × out], in memory or elsewhere.
template <typename GradientRows>
ConvolutionGradients backward_pass(AutogradContext* context, const at::Tensor& x,
                                   const at::Tensor& kernel, const GradientRows& rows) {
  // A few vectors of as many pixels stay in the first cache.
  constexpr std::int64_t kChunk = 128, kMostParts = 32, kLeastPixels = 8 * kChunk;
  const std::int64_t in = x.size(1), out = kernel.size(0), pixels = x.numel() / in;
  const std::int64_t parts = std::clamp<std::int64_t>(pixels / kLeastPixels, 1, kMostParts);
  const std::int64_t part = divide_up(pixels, parts);
  ConvolutionGradients result;
  std::optional<Product> input_gradient;
  if (context->needs_input_grad(0)) {
    result.by_input = at::empty(x.sizes(), x.options(), at::MemoryFormat::ChannelsLast);
    input_gradient.emplace(MatrixView{values_of<float>(kernel), out, in, in, 1});
  }
  std::optional<KernelGradient> kernel_gradient;
  if (context->needs_input_grad(1)) {
    result.by_kernel = at::empty(kernel.sizes(), x.options());
    kernel_gradient.emplace(values_of<float>(x), pixels, in, out, part);
  }
  for_each_part(pixels, part, [&](std::int64_t first, std::int64_t count) {
    const OwnRows x_rows(kChunk, in), gradient_rows(kChunk, out);
    std::vector<float> memory(static_cast<std::size_t>(kChunk * out) +
                              runtime::kSlack / sizeof(float));
    for (std::int64_t i = first; i < first + count; i += kChunk) {
      const std::int64_t n = std::min(kChunk, first + count - i);
      const float* g = rows(i, n, memory.data());
      if (kernel_gradient) kernel_gradient->add(i, n, g, x_rows, gradient_rows);
      if (input_gradient) {
        float* const by_input = values_of<float>(result.by_input) + i * in;
        (*input_gradient)(g, n, by_input, i + n == pixels);
      }
    }
  });
  if (kernel_gradient) kernel_gradient->write(values_of<float>(result.by_kernel));
  return result;
}

struct ConvolvePointwise : torch::autograd::Function<ConvolvePointwise> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& weights) {
    const at::Tensor x = channels_last(input), kernel = weights.contiguous();
    const at::Tensor y = map_for_convolution(x, kernel, 1, 0);
    forward_pass(x, kernel, y, MapRuns(y), [](std::int64_t) {});
    context->save_for_backward({x, kernel});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor gradient = channels_last(gradients[0]);
    const auto rows = [&](std::int64_t first, std::int64_t, float*) {
      return values_of<float>(gradient) + first * gradient.size(1);
    };
    const ConvolutionGradients by = backward_pass(context, saved[0], saved[1], rows);
    return {by.by_input, by.by_kernel};
  }
};

struct NormalizedPasses {
  static Convolved forward(const at::Tensor& x, const at::Tensor& kernel) {
    const at::Tensor y = map_for_convolution(x, kernel, 1, 0);
    const MapRuns runs(y);
    BatchMoments<float> moments(values_of<float>(y), runs);
    forward_pass(x, kernel, y, runs, [&](std::int64_t run) { moments.add(run); });
    return {y, moments.all()};
  }
  static ConvolutionGradients backward(AutogradContext* context, const at::Tensor& x,
                                       const at::Tensor& kernel, const NormGradient& rows) {
    return backward_pass(context, x, kernel, rows);
  }
};

}  // namespace

bool has_pointwise(const graph::Convolution& conv, const at::Tensor& x) {
  constexpr std::int64_t kMostWeights = 1 << 18;
  return conv.size == 1 && conv.stride == 1 && conv.padding == graph::Padding() &&
         conv.groups == 1 && x.size(1) * conv.filters <= kMostWeights && x.is_cpu() &&
         x.scalar_type() == at::kFloat && best_convolution_kernels() != nullptr;
}

at::Tensor convolve_pointwise(const at::Tensor& x, const at::Tensor& kernel) {
  return ConvolvePointwise::apply(x, kernel);
}

at::Tensor convolve_pointwise_and_normalize(const at::Tensor& x, const at::Tensor& kernel,
                                            const TrainedNorm& trained, double slope) {
  return ConvolveAndNormalize<NormalizedPasses>::apply(x, kernel, trained.scale, trained.bias,
                                                       trained, slope);
}

}  // namespace oko::train
