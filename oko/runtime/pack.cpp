#include "oko/runtime/pack.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "oko/base/half.h"
#include "oko/base/locked.h"
#include "oko/graph/compact.h"
#include "oko/runtime/file.h"
#include "oko/runtime/kernels8.h"
#include "oko/runtime/panels.h"
#include "oko/runtime/tiling.h"

namespace oko::runtime {
namespace {

int rounded(int count, int step) { return (count + step - 1) / step * step; }

// The factor that maps weights of this magnitude to int8; 0 if they are all zero.
float byte_factor(float most) { return most > 1e-30F ? 127 / most : 0; }

// Winograd's G: the kernel's 3 values at the points of F(4, 3), and of F(2, 3) for int8.
constexpr double kKernelPoints[kPatch][3] = {{1. / 4, 0, 0},
                                             {-1. / 6, -1. / 6, -1. / 6},
                                             {-1. / 6, 1. / 6, -1. / 6},
                                             {1. / 24, 1. / 12, 1. / 6},
                                             {1. / 24, -1. / 12, 1. / 6},
                                             {0, 0, 1}};
constexpr double kKernelPoints8[kPatch8][3] = {
    {1, 0, 0}, {1. / 2, 1. / 2, 1. / 2}, {1. / 2, -1. / 2, 1. / 2}, {0, 0, 1}};

// The matrices that a convolution multiplies by: `points` of them (36 or 16 for Winograd, else 1),
// each of `runs` runs of `depth` rows. Late kernels (tiling.h) are rows of their taps.
struct Form {
  bool late = false;
  int points = 1, runs = 1, depth = 0, columns = 0, groups = 1, lanes = 1;
  int run_rows = 0;  // depth as packed: a multiple of the group size
  std::ptrdiff_t rows() const { return std::ptrdiff_t{runs} * run_rows; }
};

Form form_of(const ConvolutionStep& step, SimdTarget target) {
  const int in_channels = step.in.shape.channels;
  const graph::Convolution& c = step.convolution;
  const bool winograd = step.algorithm == Algorithm::kWinograd;
  const int group = is_int8(step) ? kernels8(target).group : 1;
  Form form;
  form.late = winograd && winograd_tiling(step, block_of(step, target)).late;
  form.points = winograd && !form.late ? points_of(step) : 1;
  form.runs = winograd ? 1 : c.size;
  form.groups = c.groups;
  form.depth = in_channels / c.groups * (form.late ? kTaps : winograd ? 1 : c.size);
  form.run_rows = rounded(form.depth, group);
  form.columns = c.filters / c.groups;
  form.lanes = block_of(step, target).lanes;
  return form;
}

// Length of a per-column array for all groups.
std::size_t column_array(const Form& form) {
  return static_cast<std::size_t>(form.groups * form.columns + 2 * form.lanes);
}

// All points of one 3x3 kernel: its columns first, then its rows.
template <std::size_t kSide>
void transform(const float* kernel, const double (&matrix)[kSide][3], float* points) {
  double columns[kSide][3];
  for (std::size_t p = 0; p < kSide; ++p) {
    for (std::size_t x = 0; x < 3; ++x) {
      columns[p][x] = matrix[p][0] * static_cast<double>(kernel[x]) +
                      matrix[p][1] * static_cast<double>(kernel[3 + x]) +
                      matrix[p][2] * static_cast<double>(kernel[6 + x]);
    }
  }
  for (std::size_t p = 0; p < kSide; ++p) {
    for (std::size_t q = 0; q < kSide; ++q) {
      *points++ = static_cast<float>(columns[p][0] * matrix[q][0] + columns[p][1] * matrix[q][1] +
                                     columns[p][2] * matrix[q][2]);
    }
  }
}

// One panel in float32: [point][run][row][width].
class Panel {
 public:
  Panel(const Form& form, int width) : form_(form), width_(width) {
    values_.resize(static_cast<std::size_t>(form.points * form.rows()) *
                   static_cast<std::size_t>(width));
  }
  Panel(const Panel&) = delete;
  Panel& operator=(const Panel&) = delete;
  // Freed memory keeps its content, and these may be weights of a sealed model.
  ~Panel() { wipe(std::as_writable_bytes(std::span(values_))); }

  int width() const { return width_; }
  float& at(int point, std::ptrdiff_t row, int column) {
    return values_[(point * form_.rows() + row) * width_ + column];
  }
  std::span<const float> values() const { return values_; }

  // From the folded kernel [filters][in/groups][size][size]; `filter` is the panel's first.
  void fill(const ConvolutionStep& step, const graph::Folded& folded, int filter, int count) {
    const int size = step.convolution.size, taps = size * size;
    const bool winograd = step.algorithm == Algorithm::kWinograd;
    const int channels = step.in.shape.channels / form_.groups;
    for (int c = 0; c < count; ++c) {
      const float* kernel = folded.kernel.data() + std::ptrdiff_t{filter + c} * channels * taps;
      for (int k = 0; k < channels; ++k, kernel += taps) {
        if (form_.late) {
          for (int t = 0; t < taps; ++t) at(0, std::ptrdiff_t{k} * taps + t, c) = kernel[t];
          continue;
        }
        if (winograd) {
          float points[kPoints];
          is_int8(step) ? transform(kernel, kKernelPoints8, points)
                        : transform(kernel, kKernelPoints, points);
          for (int p = 0; p < form_.points; ++p) at(p, k, c) = points[p];
          continue;
        }
        for (int y = 0; y < size; ++y) {
          for (int x = 0; x < size; ++x) {
            at(0, std::ptrdiff_t{y} * form_.run_rows + x * channels + k, c) = kernel[y * size + x];
          }
        }
      }
    }
  }

 private:
  const Form& form_;
  int width_;
  std::vector<float> values_;
};

std::byte* write_floats(const Panel& panel, std::byte* to) {
  const std::size_t bytes = panel.values().size_bytes();
  std::memcpy(to, panel.values().data(), bytes);
  return to + bytes;
}

std::byte* write_halves(const Panel& panel, std::byte* to) {
  for (const float value : panel.values()) {
    const Half half = to_half(value);
    std::memcpy(to, &half, sizeof half);
    to += sizeof half;
  }
  return to;
}

// Quantizes a convolution's panels to int8 and stores what the kernels need to dequantize.
class ByteWriter {
 public:
  ByteWriter(const Plan& plan, const ConvolutionStep& step, const Form& form, std::byte* out)
      : form_(form),
        target_(kernels8(plan.target)),
        winograd_(step.algorithm == Algorithm::kWinograd),
        scales_(reinterpret_cast<float*>(out + step.scales)),
        starts_(reinterpret_cast<std::int32_t*>(out + step.starts)),
        factors_(reinterpret_cast<const std::int16_t*>(out + step.factors)),
        unit_(step.in.scale.scale / output_unit(step)),
        in_zero_(step.in.scale.zero) {
    const std::size_t count = column_array(form) * static_cast<std::size_t>(form.points);
    std::fill_n(scales_, count, 0.F);
    std::fill_n(starts_, count, 0);
  }

  // The unit of a step's output; one for floats.
  static float output_unit(const ConvolutionStep& step) {
    const Map& map = step.out ? *step.out : *step.pooled;
    return map.number == Number::kByte ? map.scale.scale : 1;
  }

  std::byte* write(Panel& panel, int column, int count, std::byte* to) {
    std::vector<float> factors(static_cast<std::size_t>(panel.width()));
    for (int p = 0; p < form_.points; ++p) {
      for (int c = 0; c < count; ++c) {
        factors[c] = measure(panel, p, column, c);
      }
      for (std::ptrdiff_t row = 0; row < form_.rows(); row += target_.group) {
        for (int c = 0; c < panel.width(); ++c) {
          for (int k = 0; k < target_.group; ++k) {
            *to++ = static_cast<std::byte>(byte_of(panel.at(p, row + k, c) * factors[c]));
          }
        }
      }
    }
    return to;
  }

 private:
  // Sets the scale and the start of a column, and returns the factor for its weights.
  float measure(Panel& panel, int point, int column, int c) {
    float most = 0;
    for (std::ptrdiff_t row = 0; row < form_.rows(); ++row) {
      most = std::max(most, std::fabs(panel.at(point, row, c)));
    }
    const float factor = byte_factor(most);
    if (factor == 0) return 0;
    std::int32_t sum = 0;
    for (std::ptrdiff_t row = 0; row < form_.rows(); ++row) {
      sum += byte_of(panel.at(point, row, c) * factor);
    }
    const std::size_t index = static_cast<std::size_t>(point) * column_array(form_) +
                              static_cast<std::size_t>(column + c);
    // Winograd's transformed bytes are centred at 128, in units of 2^12 / factor of the input's.
    const int zero = winograd_ ? 128 : in_zero_;
    starts_[index] = (target_.shift - zero) * sum;
    scales_[index] = unit_ / factor;
    if (winograd_) scales_[index] *= 4096.F / static_cast<float>(factors_[point]);
    return factor;
  }

  static std::int32_t byte_of(float value) {
    return static_cast<std::int32_t>(std::min(std::max(-127.F, std::nearbyint(value)), 127.F));
  }

  const Form& form_;
  const Kernels8& target_;
  bool winograd_;
  float* scales_;
  std::int32_t* starts_;
  const std::int16_t* factors_;
  float unit_;
  int in_zero_;
};

// The factor of each point of the transformed input, such that its largest value fits int8.
void write_factors(const ConvolutionStep& step, std::span<const float> sizes, std::byte* to) {
  for (std::size_t p = 0; p < kPoints8; ++p) {
    const float most = std::max(1.F, sizes[p] / step.in.scale.scale);  // in units of the input
    const float factor = std::clamp(std::nearbyint(127 / most * 4096), 1.F, 32767.F);
    const auto number = static_cast<std::int16_t>(factor);
    std::memcpy(to + p * sizeof number, &number, sizeof number);
  }
}

void pack_matrices(const Plan& plan, const ConvolutionStep& step, const Form& form,
                   const graph::Folded& folded, std::byte* out) {
  std::byte* to = out + step.weights;
  std::optional<ByteWriter> bytes;
  if (is_int8(step)) bytes.emplace(plan, step, form, out);
  for (int g = 0; g < form.groups; ++g) {
    for_panels(form.columns, form.lanes, [&](int first, int width) {
      const int count = std::min(width, form.columns - first);
      const int column = g * form.columns + first;
      Panel panel(form, width);
      panel.fill(step, folded, column, count);
      to = bytes       ? bytes->write(panel, column, count, to)
           : step.half ? write_halves(panel, to)
                       : write_floats(panel, to);
    });
  }
}

// Bytes of the packed kernel of a depthwise convolution.
std::size_t depthwise_bytes(const ConvolutionStep& step, SimdTarget target) {
  const int size = step.convolution.size;
  const int columns = rounded(step.convolution.filters, block_of(step, target).lanes);
  const Kernels8& table = kernels8(target);
  const int weights =
      size * columns * (is_int8(step) ? rounded(size, table.depthwise_group) : size);
  const std::size_t number =
      is_int8(step) ? static_cast<std::size_t>(table.depthwise_weight_bytes) : sizeof(float);
  return static_cast<std::size_t>(weights) * number;
}

// [taps][filters]
void pack_depthwise(const Plan& plan, const ConvolutionStep& step, const graph::Folded& folded,
                    std::byte* out) {
  const graph::Convolution& c = step.convolution;
  const int taps = c.size * c.size;
  const int columns = rounded(c.filters, block_of(step, plan.target).lanes);
  auto* weights = reinterpret_cast<float*>(out + step.weights);
  for (int f = 0; f < c.filters; ++f) {
    for (int t = 0; t < taps; ++t) weights[t * columns + f] = folded.kernel[f * taps + t];
  }
}

// [columns of the window][rows / group][filters][group]
void pack_depthwise8(const Plan& plan, const ConvolutionStep& step, const graph::Folded& folded,
                     std::byte* out) {
  const int size = step.convolution.size, filters = step.convolution.filters;
  const Kernels8& table = kernels8(plan.target);
  const int columns = rounded(filters, block_of(step, plan.target).lanes);
  const std::ptrdiff_t rows = rounded(size, table.depthwise_group);
  auto* scales = reinterpret_cast<float*>(out + step.scales);
  auto* starts = reinterpret_cast<std::int32_t*>(out + step.starts);
  for (int f = 0; f < filters; ++f) {
    const auto kernel = std::span(folded.kernel).subspan(f * size * size, size * size);
    float most = 0;
    for (const float value : kernel) most = std::max(most, std::fabs(value));
    const float factor = byte_factor(most);
    for (int y = 0; y < size; ++y) {
      for (int x = 0; x < size; ++x) {
        const auto number =
            static_cast<std::int32_t>(std::nearbyint(kernel[y * size + x] * factor));
        const std::ptrdiff_t place =
            (x * rows + y / table.depthwise_group * table.depthwise_group) * columns +
            f * table.depthwise_group + y % table.depthwise_group;
        std::memcpy(out + step.weights + place * table.depthwise_weight_bytes, &number,
                    static_cast<std::size_t>(table.depthwise_weight_bytes));
        starts[f] += (table.depthwise_shift - step.in.scale.zero) * number;
      }
    }
    scales[f] = factor > 0 ? step.in.scale.scale / factor / ByteWriter::output_unit(step) : 0;
  }
}

Precision storage_of(const ConvolutionStep& step) {
  return is_int8(step) ? Precision::kInt8 : step.half ? Precision::kFloat16 : Precision::kFloat32;
}

}  // namespace

int packed_columns(int columns, int lanes) {
  int all = 0;
  for_panels(columns, lanes, [&](int, int width) { all += width; });
  return all;
}

std::size_t packed_column_bytes(const ConvolutionStep& step, SimdTarget target) {
  const Form form = form_of(step, target);
  const std::size_t number = is_int8(step) ? sizeof(std::int8_t)
                             : step.half   ? sizeof(Half)
                                           : sizeof(float);
  return static_cast<std::size_t>(form.points * form.rows()) * number;
}

std::size_t packed_group_bytes(const ConvolutionStep& step, SimdTarget target) {
  const Form form = form_of(step, target);
  return packed_column_bytes(step, target) *
         static_cast<std::size_t>(packed_columns(form.columns, form.lanes));
}

std::size_t packed_column_array(const ConvolutionStep& step, SimdTarget target) {
  return column_array(form_of(step, target));
}

void place_weights(ConvolutionStep& step, Plan& plan) {
  const auto take = [&](std::size_t bytes) {
    const std::size_t at = plan.weight_bytes;
    plan.weight_bytes += aligned(bytes);
    return at;
  };
  const graph::Convolution& c = step.convolution;
  const Form form = form_of(step, plan.target);
  if (step.algorithm == Algorithm::kDepthwise) {
    step.weights = take(depthwise_bytes(step, plan.target));
  } else {
    step.weights = take(static_cast<std::size_t>(c.groups) * packed_group_bytes(step, plan.target));
  }
  const std::size_t columns = column_array(form);
  step.bias = take(columns * sizeof(float));
  if (!is_int8(step)) return;
  const std::size_t rows = static_cast<std::size_t>(form.points);
  step.scales = take(rows * columns * sizeof(float));
  step.starts = take(rows * columns * sizeof(std::int32_t));
  step.factors = take(kPoints8 * sizeof(std::int16_t));
}

void pack_weights(const graph::Network& network, const Plan& plan, std::span<std::byte> out,
                  std::span<const std::byte> mapped) {
  std::fill(out.begin(), out.end(), std::byte{0});
  const auto quantization =
      plan.precision == Precision::kInt8 ? quantization_of(network) : std::nullopt;
  for (const Step& any : plan.steps) {
    const auto* step = std::get_if<ConvolutionStep>(&any.work);
    if (step == nullptr) continue;
    graph::Folded folded = graph::fold(network, step->layer);
    drop_pages(graph::weight_of(network, network.layers[step->layer], "kernel").data.span(),
               mapped);
    graph::check_kernel(folded.kernel, storage_of(*step),
                        graph::place_of(network, static_cast<std::size_t>(step->layer)));
    const std::string& name = network.layers[step->layer].name;
    if (is_int8(*step) && step->algorithm == Algorithm::kWinograd) {
      write_factors(*step, quantization->layers.at(name).points, out.data() + step->factors);
    }
    if (step->algorithm == Algorithm::kDepthwise) {
      is_int8(*step) ? pack_depthwise8(plan, *step, folded, out.data())
                     : pack_depthwise(plan, *step, folded, out.data());
    } else {
      pack_matrices(plan, *step, form_of(*step, plan.target), folded, out.data());
    }
    auto* bias = reinterpret_cast<float*>(out.data() + step->bias);
    const float unit = is_int8(*step) ? ByteWriter::output_unit(*step) : 1;
    for (std::size_t f = 0; f < folded.bias.size(); ++f) bias[f] = folded.bias[f] / unit;
    for (std::vector<float>* values : {&folded.kernel, &folded.bias}) {  // as ~Panel() does
      wipe(std::as_writable_bytes(std::span(*values)));
    }
  }
}

}  // namespace oko::runtime
