#include "oko/formats/ncnn/points.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

namespace oko::formats::ncnn {
namespace {

// Of the first level: how many x rise, and in how many such rows y does.
struct Grid {
  std::ptrdiff_t columns = 0, rows = 0;
};
Grid first_grid(std::span<const float> points) {
  const auto count = std::ssize(points) / 2;
  const float *const x = points.data(), *const y = x + count;
  Grid grid{1, 1};
  while (grid.columns < count && x[grid.columns] > x[grid.columns - 1]) ++grid.columns;
  for (auto i = grid.columns; i < count && y[i] > y[i - grid.columns]; i += grid.columns) {
    ++grid.rows;
  }
  return grid;
}

}  // namespace

std::optional<image::Size> guessed_size(const std::vector<Line>& lines) {
  for (const Line& line : lines) {
    if (line.kind != "MemoryData" || line.integer(1, 0) != 2 || line.has(2)) continue;
    const int cells = line.integer(0, 0);
    struct Levels {
      int cells, stride;  // of the coarsest cell
    };
    for (const Levels& levels : {Levels{1 + 4 + 16, 32}, Levels{1 + 4 + 16 + 64, 64}}) {
      if (cells < 1 || cells % levels.cells != 0) continue;
      const int coarsest = cells / levels.cells;
      int rows = static_cast<int>(std::sqrt(static_cast<double>(coarsest)));
      while (coarsest % rows != 0) --rows;
      return image::Size{coarsest / rows * levels.stride, rows * levels.stride};
    }
  }
  return {};
}

std::optional<image::Size> size_of_points(const std::map<std::string, graph::Tensor>& constants) {
  for (const auto& [name, points] : constants) {
    if (points.shape.size() != 2 || points.shape[0] != 2) continue;
    const std::int64_t cells = points.shape[1];
    for (const auto& [other, strides] : constants) {
      if (strides.count() != cells) continue;
      const Grid grid = first_grid(points.floats());
      const float stride = strides.floats().front();
      constexpr float kMostStride = 1024;
      if (grid.columns < 2 || grid.rows < 2 || stride < 1 || stride > kMostStride) continue;
      const auto side = [&](std::ptrdiff_t count) {
        return static_cast<int>(std::lround(static_cast<float>(count) * stride));
      };
      return image::Size{side(grid.columns), side(grid.rows)};
    }
  }
  return {};
}

}  // namespace oko::formats::ncnn
