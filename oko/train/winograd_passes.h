#pragma once

// A 3x3 convolution with stride 1 of channels-last float32 maps on a CPU, and its gradients, by
// Winograd's algorithm (convolution_kernels.h). The work is divided by shape alone and sums are
// made in a fixed order: the result is the same with any number of threads. A pass takes up to 50
// MB while it runs, and a few for each thread.

#include <cstdint>

#include "oko/train/convolution_kernels.h"

namespace oko::train {

struct WinogradShape {
  std::int64_t images = 0, height = 0, width = 0, in = 0, out = 0;  // of the input; channels
  int padding = 1;                                                  // 0 to 2, on all sides

  std::int64_t out_height() const { return height + 2 * padding - 2; }
  std::int64_t out_width() const { return width + 2 * padding - 2; }
};

// output = convolution of input with kernel [out][3][3][in].
void winograd_forward(const ConvolutionKernels& kernels, const WinogradShape& shape,
                      const float* input, const float* kernel, float* output);

// The gradient of the input from that of the output.
void winograd_input_gradient(const ConvolutionKernels& kernels, const WinogradShape& shape,
                             const float* output_gradient, const float* kernel,
                             float* input_gradient);

// The gradient of the kernel, [out][3][3][in].
void winograd_kernel_gradient(const ConvolutionKernels& kernels, const WinogradShape& shape,
                              const float* input, const float* output_gradient,
                              float* kernel_gradient);

}  // namespace oko::train
