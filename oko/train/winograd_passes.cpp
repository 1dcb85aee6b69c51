#include "oko/train/winograd_passes.h"

#include <algorithm>
#include <vector>

#include "oko/train/parts.h"

namespace oko::train {
namespace {

constexpr std::int64_t kTile = 4, kPoints = 36, kTaps = 9;

// Floats. What one thread works on at a time stays in its second-level cache; the points of a
// kernel are computed once for all threads if they fit in there too, else part by part where they
// are needed. The points of maps that all threads share stay below a bound.
constexpr std::int64_t kBlock = 100'000, kSmallKernel = 400'000, kSharedPoints = 6'000'000;
// Channels that a thread computes at a time. More of them read the points of maps less often.
constexpr std::int64_t kPanel = 32;

// Points with their memory. One vector lies between those of two points: at a distance of a power
// of two, the 36 places that a transform writes to would share a few lines of the cache.
struct OwnPoints {
  OwnPoints(std::int64_t rows, std::int64_t vectors, int lanes)
      : memory(at::empty({kPoints * (vectors * rows + 1) * lanes}, at::kFloat)),
        points{memory.data_ptr<float>(), (vectors * rows + 1) * lanes, rows * lanes} {}

  at::Tensor memory;
  Points<float> points;
};

// A convolution of `input` with `kernel`, whose rows are the input's channels and whose lanes are
// the output's.
class Convolution {
 public:
  Convolution(const ConvolutionKernels& kernels, const TiledMaps<const float>& input, int padding,
              const KernelView& kernel, const TiledMaps<float>& output, std::int64_t tiles)
      : k_(kernels),
        input_(input),
        padding_(padding),
        kernel_(kernel),
        output_(output),
        tiles_(tiles),
        depth_vectors_(divide_up(kernel.rows, kernels.lanes)),
        vectors_(divide_up(kernel.lanes, kernels.lanes)),
        panel_(std::max<std::int64_t>(2, kPanel / kernels.lanes)) {}

  void run() const {
    const std::int64_t kernel_points = kPoints * kernel_.rows * vectors_ * k_.lanes;
    kernel_points <= kSmallKernel ? by_tiles() : by_panels();
  }

 private:
  std::int64_t input_points_per_tile() const { return kPoints * depth_vectors_ * k_.lanes; }
  std::int64_t output_points_per_tile() const { return kPoints * panel_ * k_.lanes; }

  // A few tiles at a time go through all steps.
  void by_tiles() const {
    const OwnPoints kernel(kernel_.rows, vectors_, k_.lanes);
    for_each_part(vectors_, 1, [&](std::int64_t vector, std::int64_t) {
      k_.kernel_points(kernel_, vector, 1, kernel.points.at(0, vector, k_.lanes));
    });
    const std::int64_t most = kBlock / (input_points_per_tile() + output_points_per_tile());
    const std::int64_t length = std::max<std::int64_t>(8, most);
    for_each_part(tiles_, length, [&](std::int64_t first, std::int64_t count) {
      const OwnPoints in(length, depth_vectors_, k_.lanes), out(length, panel_, k_.lanes);
      k_.input_points(input_, padding_, first, count, in.points);
      for (std::int64_t vector = 0; vector < vectors_; vector += panel_) {
        outputs(in.points, kernel.points.at(0, vector, k_.lanes), out.points, first, count, vector);
      }
    });
  }

  // The points of the input first, then some of the output's channels at a time.
  void by_panels() const {
    const std::int64_t batch =
        std::max<std::int64_t>(kTile, kSharedPoints / input_points_per_tile());
    const std::int64_t length = std::max<std::int64_t>(8, kBlock / output_points_per_tile());
    for (std::int64_t done = 0; done < tiles_; done += batch) {
      const std::int64_t tiles = std::min(batch, tiles_ - done);
      const OwnPoints in(tiles, depth_vectors_, k_.lanes);
      for_each_part(tiles, 4, [&](std::int64_t first, std::int64_t count) {
        k_.input_points(input_, padding_, done + first, count, in.points.at(first, 0, k_.lanes));
      });
      for_each_part(vectors_, panel_, [&](std::int64_t vector, std::int64_t count) {
        const OwnPoints kernel(kernel_.rows, panel_, k_.lanes), out(length, panel_, k_.lanes);
        k_.kernel_points(kernel_, vector, static_cast<int>(count), kernel.points);
        for (std::int64_t first = 0; first < tiles; first += length) {
          outputs(in.points.at(first, 0, k_.lanes), kernel.points, out.points, done + first,
                  std::min(length, tiles - first), vector);
        }
      });
    }
  }

  // Tiles of the channels of one panel.
  void outputs(const Points<float>& in, const Points<float>& kernel, const Points<float>& out,
               std::int64_t first, std::int64_t count, std::int64_t vector) const {
    const int vectors = static_cast<int>(std::min(panel_, vectors_ - vector));
    PointProduct product{in.data,    kernel.data, out.data,     in.vector, kernel.vector,
                         out.vector, count,       kernel_.rows, vectors};
    for (std::int64_t point = 0; point < kPoints; ++point) {
      k_.multiply(product);
      product.a += in.point;
      product.b += kernel.point;
      product.c += out.point;
    }
    k_.output_values(out, output_, first, count, vector * k_.lanes, vectors);
  }

  const ConvolutionKernels& k_;
  TiledMaps<const float> input_;
  int padding_;
  KernelView kernel_;
  TiledMaps<float> output_;
  std::int64_t tiles_, depth_vectors_, vectors_, panel_;
};

// The gradient of a kernel [out][3][3][in]. At each point it is a matrix product over the tiles.
class KernelGradient {
 public:
  KernelGradient(const ConvolutionKernels& kernels, const WinogradShape& shape,
                 const TiledMaps<const float>& input, const TiledMaps<const float>& output,
                 std::int64_t tiles, float* gradient)
      : k_(kernels),
        shape_(shape),
        input_(input),
        output_(output),
        tiles_(tiles),
        gradient_(gradient),
        in_vectors_(divide_up(shape.in, kernels.lanes)),
        out_vectors_(divide_up(shape.out, kernels.lanes)) {}

  void run() const {
    const std::int64_t kernel_points = kPoints * out_vectors_ * in_vectors_ * k_.lanes * k_.lanes;
    kernel_points <= kSmallKernel ? by_tiles() : by_panels();
  }

 private:
  std::int64_t points_per_tile() const { return kPoints * (in_vectors_ + out_vectors_) * k_.lanes; }

  // Every part of the tiles has a sum of its own.
  void by_tiles() const {
    constexpr std::int64_t kMostParts = 16, kLeastTiles = 64;
    const std::int64_t parts = std::clamp<std::int64_t>(tiles_ / kLeastTiles, 1, kMostParts);
    const std::int64_t part = divide_up(tiles_, parts);
    // Fewer tiles at a time, and loading and storing the sums takes longer than adding to them.
    constexpr std::int64_t kFewest = 28;
    const std::int64_t length = std::max(kFewest, kBlock / points_per_tile());
    const std::int64_t rows = out_vectors_ * k_.lanes;
    std::vector<OwnPoints> sums;
    for (std::int64_t i = 0; i * part < tiles_; ++i) sums.emplace_back(rows, in_vectors_, k_.lanes);
    for_each_part(tiles_, part, [&](std::int64_t first, std::int64_t count) {
      const OwnPoints in(length, in_vectors_, k_.lanes), out(length, out_vectors_, k_.lanes);
      for (std::int64_t i = 0; i < count; i += length) {
        const std::int64_t n = std::min(length, count - i);
        k_.input_points(input_, shape_.padding, first + i, n, in.points);
        k_.gradient_points(output_, first + i, n, out.points);
        add_products(in.points, out.points, n, sums[static_cast<std::size_t>(first / part)].points,
                     static_cast<int>(in_vectors_), shape_.out, i != 0);
      }
    });
    for_each_part(in_vectors_, 1, [&](std::int64_t vector, std::int64_t) {
      const Points<float> total = sums[0].points.at(0, vector, k_.lanes);
      for (std::size_t i = 1; i < sums.size(); ++i) {
        const Points<float> other = sums[i].points.at(0, vector, k_.lanes);
        for (std::int64_t point = 0; point < kPoints; ++point) {
          float* to = total.data + point * total.point;
          const float* from = other.data + point * other.point;
          for (std::int64_t j = 0; j < total.vector; ++j) to[j] += from[j];
        }
      }
      k_.kernel_gradient(total, gradient_, shape_.out, shape_.in, vector * k_.lanes, 1, false);
    });
  }

  // The points of both maps first, then a part of the kernel at a time.
  void by_panels() const {
    const std::int64_t panel = 2 * kPanel / k_.lanes, rows = 2 * kPanel;
    const std::int64_t panels = divide_up(in_vectors_, panel);
    const std::int64_t batch = std::max<std::int64_t>(kTile, 2 * kSharedPoints / points_per_tile());
    for (std::int64_t done = 0; done < tiles_; done += batch) {
      const std::int64_t tiles = std::min(batch, tiles_ - done);
      const OwnPoints in(tiles, in_vectors_, k_.lanes), out(tiles, out_vectors_, k_.lanes);
      for_each_part(tiles, 4, [&](std::int64_t first, std::int64_t count) {
        k_.input_points(input_, shape_.padding, done + first, count,
                        in.points.at(first, 0, k_.lanes));
        k_.gradient_points(output_, done + first, count, out.points.at(first, 0, k_.lanes));
      });
      for_each_part(panels * divide_up(shape_.out, rows), 1, [&](std::int64_t i, std::int64_t) {
        const std::int64_t vector = i % panels * panel, row = i / panels * rows;
        const int vectors = static_cast<int>(std::min(panel, in_vectors_ - vector));
        const std::int64_t count = std::min(rows, shape_.out - row);
        const OwnPoints sums(rows, panel, k_.lanes);
        add_products(in.points.at(0, vector, k_.lanes), out.points.at(0, row / k_.lanes, k_.lanes),
                     tiles, sums.points, vectors, count, false);
        k_.kernel_gradient(sums.points, gradient_ + row * kTaps * shape_.in, count, shape_.in,
                           vector * k_.lanes, vectors, done != 0);
      });
    }
  }

  // sums[rows × vectors] = out[tiles × rows]ᵀ · in[tiles × vectors] at all points; `add`: +=.
  void add_products(const Points<float>& in, const Points<float>& out, std::int64_t tiles,
                    const Points<float>& sums, int vectors, std::int64_t rows, bool add) const {
    PointProduct product{out.data,    in.data, sums.data, out.vector, in.vector,
                         sums.vector, rows,    tiles,     vectors,    add};
    for (std::int64_t point = 0; point < kPoints; ++point) {
      k_.multiply_transposed(product);
      product.a += out.point;
      product.b += in.point;
      product.c += sums.point;
    }
  }

  const ConvolutionKernels& k_;
  WinogradShape shape_;
  TiledMaps<const float> input_, output_;
  std::int64_t tiles_;
  float* gradient_;
  std::int64_t in_vectors_, out_vectors_;
};

// Tiles of maps of height × width.
template <typename T>
TiledMaps<T> tiled(T* data, std::int64_t height, std::int64_t width, std::int64_t channels,
                   std::int64_t out_height, std::int64_t out_width) {
  return {data, height, width, channels, divide_up(out_height, kTile), divide_up(out_width, kTile)};
}
template <typename T>
std::int64_t count_tiles(std::int64_t images, const TiledMaps<T>& maps) {
  return images * maps.tiles_down * maps.tiles_across;
}

}  // namespace

void winograd_forward(const ConvolutionKernels& kernels, const WinogradShape& s, const float* input,
                      const float* kernel, float* output) {
  const std::int64_t h = s.out_height(), w = s.out_width();
  const auto in = tiled(input, s.height, s.width, s.in, h, w);
  const auto out = tiled(output, h, w, s.out, h, w);
  const KernelView view{kernel, s.in, s.out, 1, kTaps * s.in, s.in};
  Convolution(kernels, in, s.padding, view, out, count_tiles(s.images, out)).run();
}

// A convolution as well, of the output's gradient with the kernel turned by 180 degrees.
void winograd_input_gradient(const ConvolutionKernels& kernels, const WinogradShape& s,
                             const float* output_gradient, const float* kernel,
                             float* input_gradient) {
  const auto in = tiled(output_gradient, s.out_height(), s.out_width(), s.out, s.height, s.width);
  const auto out = tiled(input_gradient, s.height, s.width, s.in, s.height, s.width);
  const KernelView view{kernel + (kTaps - 1) * s.in, s.out, s.in, kTaps * s.in, 1, -s.in};
  Convolution(kernels, in, 2 - s.padding, view, out, count_tiles(s.images, out)).run();
}

void winograd_kernel_gradient(const ConvolutionKernels& kernels, const WinogradShape& s,
                              const float* input, const float* output_gradient,
                              float* kernel_gradient) {
  const std::int64_t h = s.out_height(), w = s.out_width();
  const auto in = tiled(input, s.height, s.width, s.in, h, w);
  const auto out = tiled(output_gradient, h, w, s.out, h, w);
  KernelGradient(kernels, s, in, out, count_tiles(s.images, out), kernel_gradient).run();
}

}  // namespace oko::train
