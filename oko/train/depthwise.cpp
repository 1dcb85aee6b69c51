#include "oko/train/depthwise.h"

#include <optional>
#include <vector>

#include "oko/runtime/kernels.h"
#include "oko/train/convolution_kernels.h"
#include "oko/train/convolve_and_normalize.h"
#include "oko/train/map_runs.h"
#include "oko/train/parts.h"

namespace oko::train {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// A batch of maps.
struct Maps {
  explicit Maps(const at::Tensor& x)
      : data(values_of<float>(x)),
        images(x.size(0)),
        channels(x.size(1)),
        height(x.size(2)),
        width(x.size(3)) {}
  float* at(std::int64_t image, std::int64_t y) const {
    return data + (image * height + y) * width * channels;
  }

  float* data;
  std::int64_t images, channels, height, width;
};

// Some rows and channels of a map with the zeros around it that windows read, in memory of its own:
// loops over it have no borders to look at, and read whole vectors. `spread` puts that many pixels
// less one, which are 0, between those of the map, and so for its rows.
class Band {
 public:
  Band(std::int64_t rows, std::int64_t columns, std::int64_t channels)
      : rows_(rows),
        columns_(columns),
        channels_(channels),
        memory_(static_cast<std::size_t>(rows * columns * channels) +
                runtime::kSlack / sizeof(float)) {}

  // From row `top` of the spread map on, with `left` columns of zeros before it. Every call is for
  // the same `left`, `spread` and width of maps: what lies between the pixels stays 0.
  void fill(const Maps& maps, std::int64_t image, std::int64_t top, std::int64_t left,
            std::int64_t spread, std::int64_t first_channel) {
    const std::int64_t count = std::min(channels_, maps.channels - first_channel);
    for (std::int64_t y = 0; y < rows_; ++y) {
      float* const row = memory_.data() + y * columns_ * channels_;
      const std::int64_t from = top + y;
      if (from < 0 || from % spread != 0 || from / spread >= maps.height) {
        std::fill_n(row, columns_ * channels_, 0.F);
        continue;
      }
      const std::int64_t fit = divide_up(columns_ - left, spread);
      best_convolution_kernels()->copy_pixels({maps.at(image, from / spread) + first_channel,
                                               maps.channels, count, std::min(maps.width, fit),
                                               row + left * channels_, spread * channels_,
                                               best_convolution_kernels()->lanes});
    }
  }

  const float* row(std::int64_t y) const { return memory_.data() + y * columns_ * channels_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  std::int64_t channels() const { return channels_; }

 private:
  std::int64_t rows_, columns_, channels_;
  std::vector<float> memory_;
};

// How a pass over output maps is divided: into bands of rows, and those into groups of channels
// that are whole vectors, so that a group's band of the input stays in a thread's cache.
struct Bands {
  Bands(const Maps& output, std::int64_t size, std::int64_t stride, std::int64_t lanes) {
    constexpr std::int64_t kRows = 8, kBlock = 32'000;
    rows = std::min(kRows, output.height);
    in_rows = (rows - 1) * stride + size;
    in_columns = (output.width - 1) * stride + size;
    const std::int64_t all = divide_up(output.channels, lanes);
    channels = std::clamp<std::int64_t>(kBlock / (in_rows * in_columns * lanes), 1, all) * lanes;
    down = divide_up(output.height, rows);
    count = output.images * down;
  }

  std::int64_t rows = 0;                     // of the output, in a band
  std::int64_t in_rows = 0, in_columns = 0;  // that they read
  std::int64_t channels = 0;                 // in a group
  std::int64_t down = 0, count = 0;          // bands of an image, of all
};

// The taps of groups of channels, rounded up to whole vectors: [group][size·size][channels].
std::vector<float> packed(const at::Tensor& kernel, std::int64_t group, int lanes, bool flipped) {
  const std::int64_t channels = kernel.size(0), taps = kernel.numel() / channels;
  const std::int64_t all = divide_up(channels, lanes) * lanes;
  const float* values = values_of<float>(kernel);
  std::vector<float> result;
  for (std::int64_t first = 0; first < all; first += group) {
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      const std::int64_t from = flipped ? taps - 1 - tap : tap;
      for (std::int64_t c = first; c < std::min(all, first + group); ++c) {
        result.push_back(c < channels ? values[c * taps + from] : 0.F);
      }
    }
  }
  return result;
}

// One window for each channel, moved over maps.
struct Windows {
  std::int64_t size, stride, padding;
};

template <typename T>
runtime::View<T> view(T* data, std::int64_t height, std::int64_t width, std::int64_t channels,
                      std::int64_t pixel) {
  return {data,
          static_cast<int>(height),
          static_cast<int>(width),
          static_cast<int>(channels),
          pixel,
          width * pixel};
}

// Rows [first, first + count) of `out`. The windows begin `padding` rows and columns before `in`.
void convolve_rows(const Windows& windows, const runtime::View<const float>& in,
                   std::int64_t padding, const float* weights, const float* bias,
                   const runtime::View<float>& out, std::int64_t first, std::int64_t count) {
  runtime::DepthwiseCall call;
  call.in = in;
  call.out = out;
  call.weights = weights;
  call.bias = bias;
  call.size = static_cast<int>(windows.size);
  call.stride = static_cast<int>(windows.stride);
  call.pad_top = call.pad_left = static_cast<int>(padding);
  call.first_row = static_cast<int>(first);
  call.row_count = static_cast<int>(count);
  runtime::kernels(best_simd_target()).depthwise(call);
}

// output = convolution of the input, spread, with the kernel.
void convolve(const Maps& input, std::int64_t spread, const at::Tensor& kernel, bool flipped,
              const Windows& windows, const Maps& output) {
  const int lanes = runtime::kernels(best_simd_target()).lanes;
  const Bands bands(output, windows.size, windows.stride, lanes);
  // The engine's kernel reads whole vectors, so it needs a band unless pixels consist of them.
  const bool direct = spread == 1 && output.channels % lanes == 0;
  const std::int64_t group = direct ? output.channels : bands.channels;
  const std::vector<float> weights = packed(kernel, group, lanes, flipped);
  const std::vector<float> bias(static_cast<std::size_t>(group));
  at::parallel_for(0, bands.count, 1, [&](std::int64_t begin, std::int64_t end) {
    std::optional<Band> band;
    if (!direct) band.emplace(bands.in_rows, bands.in_columns, bands.channels);
    for (std::int64_t first = 0; first < output.channels; first += group) {
      const std::int64_t channels = std::min(group, output.channels - first);
      const float* taps = weights.data() + first * windows.size * windows.size;
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t image = i / bands.down, y = i % bands.down * bands.rows;
        const std::int64_t rows = std::min(bands.rows, output.height - y);
        if (direct) {
          convolve_rows(
              windows,
              view<const float>(input.at(image, 0), input.height, input.width, channels, channels),
              windows.padding, taps, bias.data(),
              view(output.at(image, 0), output.height, output.width, channels, channels), y, rows);
          continue;
        }
        band->fill(input, image, y * windows.stride - windows.padding, windows.padding, spread,
                   first);
        convolve_rows(
            windows,
            view<const float>(band->row(0), band->rows(), band->columns(), channels,
                              band->channels()),
            0, taps, bias.data(),
            view(output.at(image, y) + first, rows, output.width, channels, output.channels), 0,
            rows);
      }
    }
  });
}

// The gradient of the kernel, [channels][size][size]. Each band of the output has sums of its own.
class KernelGradient {
 public:
  KernelGradient(std::int64_t channels, const Windows& windows, std::int64_t bands)
      : kernels_(*best_convolution_kernels()),
        windows_(windows),
        channels_(channels),
        all_(divide_up(channels, kernels_.lanes) * kernels_.lanes),
        taps_(windows.size * windows.size),
        bands_(bands),
        sums_(static_cast<std::size_t>(bands * taps_ * all_)) {}

  // Of `gradient`, some rows of an output and its channels from `first` on, and the band of the
  // input that they read.
  void add(std::int64_t band, const Band& in, const runtime::View<const float>& gradient,
           std::int64_t first) {
    TapProducts products;
    products.row = in.columns() * in.channels();
    products.pixel = in.channels();
    products.gradient_pixel = gradient.pixel;
    products.count = gradient.width;
    products.size = static_cast<int>(windows_.size);
    products.stride = static_cast<int>(windows_.stride);
    products.sum = all_;
    const std::int64_t channels = std::min(in.channels(), all_ - first);
    for (std::int64_t c = 0; c < channels; c += kernels_.lanes) {
      products.sums = sums_.data() + band * taps_ * all_ + first + c;
      for (int y = 0; y < gradient.height; ++y) {
        products.input = in.row(y * windows_.stride) + c;
        products.gradient = gradient.at(y, 0) + c;
        kernels_.add_tap_products(products);
      }
    }
  }

  void write(float* by_kernel) const {
    for_each_part(taps_, 1, [&](std::int64_t tap, std::int64_t) {
      std::vector<double> total(static_cast<std::size_t>(channels_));
      for (std::int64_t i = 0; i < bands_; ++i) {
        const float* row = sums_.data() + (i * taps_ + tap) * all_;
        for (std::size_t c = 0; c < total.size(); ++c) total[c] += row[c];
      }
      for (std::int64_t c = 0; c < channels_; ++c) {
        by_kernel[c * taps_ + tap] = static_cast<float>(total[static_cast<std::size_t>(c)]);
      }
    });
  }

 private:
  const ConvolutionKernels& kernels_;
  Windows windows_;
  std::int64_t channels_, all_, taps_, bands_;  // all_: channels, rounded up to whole vectors
  std::vector<float> sums_;
};

void kernel_gradient(const Maps& x, const Maps& gradient, const Windows& windows,
                     float* by_kernel) {
  const Bands bands(gradient, windows.size, windows.stride, best_convolution_kernels()->lanes);
  KernelGradient sums(x.channels, windows, bands.count);
  at::parallel_for(0, bands.count, 1, [&](std::int64_t begin, std::int64_t end) {
    Band in(bands.in_rows, bands.in_columns, bands.channels);
    Band out(bands.rows, gradient.width, bands.channels);
    for (std::int64_t first = 0; first < x.channels; first += bands.channels) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t image = i / bands.down, y = i % bands.down * bands.rows;
        in.fill(x, image, y * windows.stride - windows.padding, windows.padding, 1, first);
        out.fill(gradient, image, y, 0, 1, first);
        sums.add(i, in,
                 view<const float>(out.row(0), std::min(bands.rows, gradient.height - y),
                                   out.columns(), bands.channels, out.channels()),
                 first);
      }
    }
  });
  sums.write(by_kernel);
}

// Whether both gradients can be computed band by band: the output is as large as the input, and
// pixels are whole vectors.
bool has_same_bands(const Windows& windows, std::int64_t channels) {
  return windows.stride == 1 && windows.size == 2 * windows.padding + 1 &&
         channels % best_convolution_kernels()->lanes == 0;
}

// The gradients that the context needs of its first two inputs, x and the kernel, if
// has_same_bands(). The output's gradient is what rows(first pixel, count, memory) returns:
// [count × channels], in memory or elsewhere.
template <typename GradientRows>
ConvolutionGradients backward_in_bands(AutogradContext* context, const at::Tensor& x,
                                       const at::Tensor& kernel, const GradientRows& rows) {
  const Maps input(x);
  const std::int64_t size = kernel.size(2), padding = size / 2, width = input.width;
  const std::int64_t channels = input.channels;
  const Windows windows{size, 1, padding};
  const int lanes = best_convolution_kernels()->lanes;
  const Bands bands(input, size, 1, lanes);
  ConvolutionGradients result;
  if (context->needs_input_grad(0)) {
    result.by_input = at::empty(x.sizes(), x.options(), at::MemoryFormat::ChannelsLast);
  }
  std::optional<KernelGradient> sums;
  if (context->needs_input_grad(1)) sums.emplace(channels, windows, bands.count);
  const std::vector<float> weights = packed(kernel, channels, lanes, true);
  const std::vector<float> bias(static_cast<std::size_t>(channels));
  at::parallel_for(0, bands.count, 1, [&](std::int64_t begin, std::int64_t end) {
    Band in(bands.in_rows, bands.in_columns, bands.channels);
    std::vector<float> memory(
        static_cast<std::size_t>((bands.rows + 2 * padding) * width * channels));
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t image = i / bands.down, y = i % bands.down * bands.rows;
      const std::int64_t count = std::min(bands.rows, input.height - y);
      // With the rows around them that the windows of the input's gradient read.
      const std::int64_t top = std::max<std::int64_t>(0, y - padding);
      const std::int64_t all = std::min(input.height, y + count + padding) - top;
      const float* g = rows((image * input.height + top) * width, all * width, memory.data());
      if (result.by_input.defined()) {
        convolve_rows(windows, view(g, all, width, channels, channels), padding, weights.data(),
                      bias.data(),
                      view(Maps(result.by_input).at(image, top), all, width, channels, channels),
                      y - top, count);
      }
      for (std::int64_t first = 0; sums && first < channels; first += bands.channels) {
        in.fill(input, image, y - padding, padding, 1, first);
        sums->add(
            i, in,
            view(g + (y - top) * width * channels + first, count, width, bands.channels, channels),
            first);
      }
    }
  });
  if (sums) {
    result.by_kernel = at::empty(kernel.sizes(), x.options());
    sums->write(values_of<float>(result.by_kernel));
  }
  return result;
}

at::Tensor forward_pass(const at::Tensor& x, const at::Tensor& kernel, std::int64_t stride,
                        std::int64_t padding) {
  const at::Tensor y = map_for_convolution(x, kernel, stride, padding);
  convolve(Maps(x), 1, kernel, false, {kernel.size(2), stride, padding}, Maps(y));
  return y;
}

struct ConvolveDepthwise : torch::autograd::Function<ConvolveDepthwise> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input,
                            const at::Tensor& weights, std::int64_t stride, std::int64_t padding) {
    const at::Tensor x = channels_last(input), kernel = weights.contiguous();
    const at::Tensor y = forward_pass(x, kernel, stride, padding);
    context->save_for_backward({x, kernel});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &kernel = saved[1];
    const std::int64_t stride = context->saved_data["stride"].toInt();
    const std::int64_t padding = context->saved_data["padding"].toInt();
    const std::int64_t size = kernel.size(2);
    const at::Tensor gradient = channels_last(gradients[0]);
    at::Tensor by_x, by_kernel;
    if (context->needs_input_grad(0)) {
      by_x = at::empty(x.sizes(), x.options(), at::MemoryFormat::ChannelsLast);
      convolve(Maps(gradient), stride, kernel, true, {size, 1, size - 1 - padding}, Maps(by_x));
    }
    if (context->needs_input_grad(1)) {
      by_kernel = at::empty(kernel.sizes(), x.options());
      kernel_gradient(Maps(x), Maps(gradient), {size, stride, padding},
                      values_of<float>(by_kernel));
    }
    return {by_x, by_kernel, {}, {}};
  }
};

struct NormalizedPasses {
  static Convolved forward(const at::Tensor& x, const at::Tensor& kernel) {
    const at::Tensor y = forward_pass(x, kernel, 1, kernel.size(2) / 2);
    return {y, batch_moments<float>(y)};
  }
  static ConvolutionGradients backward(AutogradContext* context, const at::Tensor& x,
                                       const at::Tensor& kernel, const NormGradient& rows) {
    return backward_in_bands(context, x, kernel, rows);
  }
};

}  // namespace

bool has_depthwise(const graph::Convolution& conv, const at::Tensor& x) {
  return conv.groups == conv.filters && conv.groups == x.size(1) && conv.size > 1 &&
         conv.dilation == 1 && x.is_cpu() && x.scalar_type() == at::kFloat &&
         best_convolution_kernels() != nullptr;
}

at::Tensor convolve_depthwise(const at::Tensor& x, const at::Tensor& kernel, std::int64_t stride,
                              std::int64_t padding) {
  return ConvolveDepthwise::apply(x, kernel, stride, padding);
}

bool has_depthwise_and_normalize(const graph::Convolution& conv, const at::Tensor& x) {
  const std::int64_t padding = conv.padding.top;
  return has_depthwise(conv, x) && conv.padding == graph::Padding::all(conv.padding.top) &&
         has_same_bands({conv.size, conv.stride, padding}, x.size(1));
}

at::Tensor convolve_depthwise_and_normalize(const at::Tensor& x, const at::Tensor& kernel,
                                            const TrainedNorm& trained, double slope) {
  return ConvolveAndNormalize<NormalizedPasses>::apply(x, kernel, trained.scale, trained.bias,
                                                       trained, slope);
}

}  // namespace oko::train
