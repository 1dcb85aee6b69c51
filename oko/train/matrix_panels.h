#pragma once

#include <vector>

#include "oko/runtime/kernels.h"
#include "oko/runtime/panels.h"

namespace oko::train {

// A matrix [depth × columns] in memory.
struct MatrixView {
  const float* data = nullptr;
  std::int64_t depth = 0, columns = 0;
  std::ptrdiff_t step = 0, column_step = 0;  // in values, from one row and column to the next
};

// As runtime::MatrixCall::b: panels of columns, each [depth][width], with the bytes after them that
// kernels may read.
inline std::vector<float> packed(const MatrixView& matrix, int lanes) {
  std::vector<float> panels;
  runtime::for_panels(static_cast<int>(matrix.columns), lanes, [&](int first, int width) {
    for (std::int64_t k = 0; k < matrix.depth; ++k) {
      for (std::int64_t c = first; c < first + width; ++c) {
        const bool there = c < matrix.columns;
        panels.push_back(there ? matrix.data[k * matrix.step + c * matrix.column_step] : 0.F);
      }
    }
  });
  panels.resize(panels.size() + runtime::kSlack / sizeof(float));
  return panels;
}

}  // namespace oko::train
