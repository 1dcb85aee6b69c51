#include "oko/runtime/pack.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "oko/runtime/half.h"

namespace oko::runtime {
namespace {

std::size_t rounded(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}
int rounded(int count, int step) { return (count + step - 1) / step * step; }

// Winograd's G: the kernel's 3 numbers at the 6 points.
constexpr double kKernelPoints[kPatch][3] = {{1. / 4, 0, 0},
                                             {-1. / 6, -1. / 6, -1. / 6},
                                             {-1. / 6, 1. / 6, -1. / 6},
                                             {1. / 24, 1. / 12, 1. / 6},
                                             {1. / 24, -1. / 12, 1. / 6},
                                             {0, 0, 1}};

// Writes numbers one after another as float or Half.
class Writer {
 public:
  Writer(std::byte* to, bool half) : to_(to), half_(half) {}
  void put(float value) {
    if (half_) {
      const Half bits = to_half(value);
      std::memcpy(to_, &bits, sizeof bits);
      to_ += sizeof bits;
    } else {
      std::memcpy(to_, &value, sizeof value);
      to_ += sizeof value;
    }
  }

 private:
  std::byte* to_;
  bool half_;
};

// Calls body(first column, width) for every panel of a matrix.
template <typename Body>
void for_panels(int columns, int lanes, const Body& body) {
  for (int column = 0; column < columns;) {
    const int width = columns - column > lanes ? 2 * lanes : lanes;
    body(column, width);
    column += width;
  }
}

struct Shape {
  int filters, depth, size, groups;  // depth: input channels of a group
};

void pack_gemm(const Folded& folded, const Shape& s, int lanes, Writer out) {
  const int taps = s.size * s.size, columns = s.filters / s.groups;
  for (int g = 0; g < s.groups; ++g) {
    const float* kernel = folded.kernel.data() + std::ptrdiff_t{g} * columns * s.depth * taps;
    for_panels(columns, lanes, [&](int first, int width) {
      for (int tap = 0; tap < taps; ++tap) {
        for (int k = 0; k < s.depth; ++k) {
          for (int c = first; c < first + width; ++c) {
            out.put(c < columns ? kernel[(std::ptrdiff_t{c} * s.depth + k) * taps + tap] : 0);
          }
        }
      }
    });
  }
}

// The 36 points of one 3x3 kernel.
void transform(const float* kernel, float points[kPoints]) {
  for (int py = 0; py < kPatch; ++py) {
    for (int px = 0; px < kPatch; ++px) {
      double sum = 0;
      for (int y = 0; y < 3; ++y) {
        for (int x = 0; x < 3; ++x) {
          sum +=
              kKernelPoints[py][y] * kKernelPoints[px][x] * static_cast<double>(kernel[y * 3 + x]);
        }
      }
      points[py * kPatch + px] = static_cast<float>(sum);
    }
  }
}

template <typename T>
void store(std::byte* to, std::size_t index, float value) {
  T number;
  if constexpr (sizeof(T) == sizeof(Half)) {
    number = to_half(value);
  } else {
    number = value;
  }
  std::memcpy(to + index * sizeof(T), &number, sizeof(T));
}

template <typename T>
void pack_winograd(const Folded& folded, const Shape& s, int lanes, std::byte* to) {
  const auto depth = static_cast<std::size_t>(s.depth);
  for_panels(s.filters, lanes, [&](int first, int width) {
    const auto columns = static_cast<std::size_t>(width);
    std::memset(to, 0, kPoints * depth * columns * sizeof(T));
    for (int c = 0; c < std::min(width, s.filters - first); ++c) {
      for (std::size_t k = 0; k < depth; ++k) {
        float points[kPoints];
        transform(&folded.kernel[(static_cast<std::size_t>(first + c) * depth + k) * 9], points);
        for (std::size_t p = 0; p < kPoints; ++p) {
          store<T>(to, (p * depth + k) * columns + static_cast<std::size_t>(c), points[p]);
        }
      }
    }
    to += kPoints * depth * columns * sizeof(T);
  });
}

void pack_depthwise(const Folded& folded, const Shape& s, int lanes, Writer out) {
  for (int tap = 0; tap < s.size * s.size; ++tap) {
    for (int c = 0; c < rounded(s.filters, lanes); ++c) {
      out.put(c < s.filters ? folded.kernel[static_cast<std::size_t>(c * s.size * s.size + tap)]
                            : 0);
    }
  }
}

}  // namespace

Folded fold(const graph::Network& network, int layer) {
  const graph::Layer& l = network.layers[static_cast<std::size_t>(layer)];
  const auto& convolution = std::get<graph::Convolution>(l.operation);
  const auto part = [&](const char* name) {
    return network.weights.find(l.name + "." + name)->second.floats();
  };
  Folded folded;
  const auto kernel = part("kernel"), bias = part("bias");
  folded.kernel.assign(kernel.begin(), kernel.end());
  folded.bias.assign(bias.begin(), bias.end());
  if (!convolution.batch_norm) return folded;
  const graph::BatchNorm& norm = *convolution.batch_norm;
  const auto scale = part("scale"), mean = part("mean"), variance = part("variance");
  const std::size_t filters = bias.size(), count = kernel.size() / filters;
  for (std::size_t f = 0; f < filters; ++f) {
    const double v = variance[f], epsilon = norm.epsilon;
    const double root = norm.epsilon_outside_root ? std::sqrt(v) + epsilon : std::sqrt(v + epsilon);
    const double factor = static_cast<double>(scale[f]) / root;
    folded.bias[f] = static_cast<float>(bias[f] - static_cast<double>(mean[f]) * factor);
    for (std::size_t k = f * count; k < (f + 1) * count; ++k) {
      folded.kernel[k] = static_cast<float>(folded.kernel[k] * factor);
    }
  }
  return folded;
}

int packed_columns(int columns, int lanes) {
  int all = 0;
  for_panels(columns, lanes, [&](int, int width) { all += width; });
  return all;
}

std::size_t packed_kernel_bytes(const ConvolutionStep& step, int in_channels, int lanes) {
  const graph::Convolution& c = step.convolution;
  const auto taps = static_cast<std::size_t>(c.size) * static_cast<std::size_t>(c.size);
  const std::size_t number = step.half ? sizeof(Half) : sizeof(float);
  if (step.algorithm == Algorithm::kDepthwise) {
    return rounded(taps * static_cast<std::size_t>(rounded(c.filters, lanes)) * sizeof(float));
  }
  const auto depth = static_cast<std::size_t>(in_channels / c.groups);
  const auto columns = static_cast<std::size_t>(packed_columns(c.filters / c.groups, lanes));
  const std::size_t rows = step.algorithm == Algorithm::kWinograd ? kPoints : taps;
  return rounded(static_cast<std::size_t>(c.groups) * rows * depth * columns * number);
}

std::size_t packed_bias_bytes(const ConvolutionStep& step, int lanes) {
  // Read in whole panels, also from the start of the last group.
  const int columns = step.convolution.filters + 2 * lanes;
  return rounded(static_cast<std::size_t>(columns) * sizeof(float));
}

void pack_weights(const graph::Network& network, const Plan& plan, std::span<std::byte> out) {
  const int lanes = kernels(plan.target).lanes;
  for (const Step& step : plan.steps) {
    const auto* c = std::get_if<ConvolutionStep>(&step.work);
    if (c == nullptr) continue;
    const Folded folded = fold(network, c->layer);
    const Shape shape{c->convolution.filters, c->in.shape.channels / c->convolution.groups,
                      c->convolution.size, c->convolution.groups};
    std::byte* kernel = out.data() + c->weights;
    switch (c->algorithm) {
      case Algorithm::kGemm:
        pack_gemm(folded, shape, lanes, Writer(kernel, c->half));
        break;
      case Algorithm::kWinograd:
        c->half ? pack_winograd<Half>(folded, shape, lanes, kernel)
                : pack_winograd<float>(folded, shape, lanes, kernel);
        break;
      case Algorithm::kDepthwise:
        pack_depthwise(folded, shape, lanes, Writer(kernel, false));
        break;
    }
    std::byte* bias = out.data() + c->bias;
    std::memset(bias, 0, packed_bias_bytes(*c, lanes));
    std::memcpy(bias, folded.bias.data(), folded.bias.size() * sizeof(float));
  }
}

}  // namespace oko::runtime
