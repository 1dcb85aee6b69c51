#pragma once

// How passes over maps divide their work: by shape alone, so that results are the same with any
// number of threads.

#include <algorithm>
#include <cstdint>

#include "oko/train/aten.h"

namespace oko::train {

inline std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Calls body(first, count) for parts of `total`, `length` long, on several threads.
template <typename Body>
void for_each_part(std::int64_t total, std::int64_t length, Body body) {
  at::parallel_for(0, divide_up(total, length), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      body(i * length, std::min(length, total - i * length));
    }
  });
}

}  // namespace oko::train
