#pragma once

#include <algorithm>

#include "oko/train/aten.h"
#include "oko/train/map_kernels.h"

namespace oko::train {

// Whether map_kernels.h supports this tensor.
inline bool has_map_kernels(const at::Tensor& x) {
  return x.is_cpu() && x.dim() == 4 &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
}

inline at::Tensor channels_last(const at::Tensor& x) {
  return x.contiguous(at::MemoryFormat::ChannelsLast);
}

// Memory for the convolution of x with a kernel [out][…][size][size], padded on all sides.
inline at::Tensor map_for_convolution(const at::Tensor& x, const at::Tensor& kernel,
                                      std::int64_t stride, std::int64_t padding) {
  const auto outputs = [&](int dimension) {
    return (x.size(dimension) + 2 * padding - kernel.size(dimension)) / stride + 1;
  };
  return at::empty({x.size(0), kernel.size(0), outputs(2), outputs(3)}, x.options(),
                   at::MemoryFormat::ChannelsLast);
}

template <typename T>
T* values_of(const at::Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}

// Calls body(T()) with the element type of x.
template <typename Body>
void with_type_of(const at::Tensor& x, Body body) {
  x.scalar_type() == at::kFloat ? body(float()) : body(Bfloat16());
}

// A tensor divided into runs for parallel processing. The division depends only on the shape, so
// sums computed run by run are the same with any number of threads.
struct Runs {
  static constexpr std::int64_t kValues = 1 << 16;  // about, in a run

  // Calls body(run) for each, on several threads.
  template <typename Body>
  void for_each_run(Body body) const {
    at::parallel_for(0, count, 1, [&](std::int64_t run, std::int64_t end) {
      for (; run < end; ++run) body(run);
    });
  }

  std::int64_t total = 0, channels = 0;  // values
  std::int64_t period = 0;               // of the per-channel vectors that its kernels take
  std::int64_t count = 0;                // of runs
};

// Runs of pixels in memory.
struct MapRuns : Runs {
  explicit MapRuns(const at::Tensor& x) : Runs{x.numel(), x.size(1), period_of(x.size(1))} {
    length = (kValues + period - 1) / period * period;
    count = (total + length - 1) / length;
  }

  std::int64_t length_of(std::int64_t run) const { return std::min(length, total - run * length); }
  // Calls body(run, offset, length) for each, on several threads.
  template <typename Body>
  void for_each(Body body) const {
    for_each_run([&](std::int64_t run) { body(run, run * length, length_of(run)); });
  }

  std::int64_t length = 0;  // of a run
};

// Runs of pairs of rows of x, and the rows of half its size that they become.
struct PairRuns : Runs {
  explicit PairRuns(const at::Tensor& x)
      : Runs{x.numel(), x.size(1), x.size(1)},
        height(x.size(2)),
        width(x.size(3)),
        rows(height / 2),
        columns(width / 2),
        pairs(x.size(0) * rows),
        length(std::max<std::int64_t>(1, kValues / (2 * width * channels))) {
    count = (pairs + length - 1) / length;
  }

  // Calls body(offset of the upper row, of the lower row, of the result's row), in values, for each
  // pair of a run.
  template <typename Body>
  void for_each_pair(std::int64_t run, Body body) const {
    const std::int64_t row = width * channels;
    for (std::int64_t i = run * length; i < std::min(pairs, (run + 1) * length); ++i) {
      const std::int64_t upper = (i / rows * height + i % rows * 2) * row;
      body(upper, upper + row, i * columns * channels);
    }
  }

  std::int64_t height, width;
  std::int64_t rows, columns;  // of the result
  std::int64_t pairs, length;  // of all runs, of a run
};

}  // namespace oko::train
