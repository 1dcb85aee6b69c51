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
struct MapRuns {
  explicit MapRuns(const at::Tensor& x)
      : total(x.numel()), channels(x.size(1)), period(period_of(channels)) {
    constexpr std::int64_t kValues = 1 << 16;
    length = (kValues + period - 1) / period * period;
    count = (total + length - 1) / length;
  }

  std::int64_t length_of(std::int64_t run) const { return std::min(length, total - run * length); }
  // Calls body(run, offset, length) for each, on several threads.
  template <typename Body>
  void for_each(Body body) const {
    at::parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t run = begin; run < end; ++run) {
        body(run, run * length, length_of(run));
      }
    });
  }

  std::int64_t total, channels, period;  // values
  std::int64_t length, count;            // of a run; number of runs
};

}  // namespace oko::train
