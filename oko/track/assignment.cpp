#include "oko/track/assignment.h"

#include <algorithm>
#include <cstddef>
#include <limits>

namespace oko::track {
namespace {
constexpr double kNever = std::numeric_limits<double>::infinity();
}

void Assignment::reserve(int rows, int columns) {
  const auto all = static_cast<std::size_t>(rows) + static_cast<std::size_t>(columns);
  row_price_.reserve(static_cast<std::size_t>(rows));
  column_of_.reserve(static_cast<std::size_t>(rows));
  column_price_.reserve(all);
  distance_.reserve(all);
  row_of_.reserve(all);
  from_.reserve(all);
  open_.reserve(all);
}

double Assignment::cost(int row, int column) const {
  if (column >= columns_) return column - columns_ == row ? limit_ : kNever;
  const double cost = costs_[static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_) +
                             static_cast<std::size_t>(column)];
  return cost < limit_ ? cost : kNever;
}

std::span<const int> Assignment::solve(std::span<const float> costs, int rows, int columns,
                                       float limit) {
  costs_ = costs;
  rows_ = rows;
  columns_ = columns;
  limit_ = limit;
  const auto all = static_cast<std::size_t>(rows) + static_cast<std::size_t>(columns);
  row_price_.assign(static_cast<std::size_t>(rows), 0);
  column_of_.assign(static_cast<std::size_t>(rows), -1);
  column_price_.assign(all, 0);
  row_of_.assign(all, -1);
  distance_.resize(all);
  from_.resize(all);
  for (int row = 0; row < rows; ++row) augment(row);
  for (int& column : column_of_) {
    if (column >= columns_) column = -1;
  }
  return column_of_;
}

// Dijkstra's search from `start` to the nearest free column, over prices that keep all reduced
// costs at 0 or above; then the matches along the path are exchanged.
void Assignment::augment(int start) {
  std::fill(distance_.begin(), distance_.end(), kNever);
  open_.clear();
  for (int column = 0; column < columns_ + rows_; ++column) {
    // Of the columns that stand for "alone" only those of rows on the path can be reached.
    if (column < columns_ || column - columns_ <= start) open_.push_back(column);
  }
  int row = start, end = -1;
  double reached = 0;
  while (end < 0) {
    double nearest = kNever;
    std::size_t best = 0;
    for (std::size_t i = 0; i < open_.size(); ++i) {
      const int column = open_[i];
      const double through = reached + cost(row, column) - row_price_[row] - column_price_[column];
      if (through < distance_[column]) {
        distance_[column] = through;
        from_[column] = row;
      }
      if (distance_[column] < nearest) {
        nearest = distance_[column];
        best = i;
      }
    }
    const int column = open_[best];
    open_[best] = open_.back();
    open_.pop_back();
    reached = nearest;
    if (row_of_[column] < 0) {
      end = column;
    } else {
      row = row_of_[column];
    }
  }
  // Prices change by how much nearer than the end each visited column was.
  for (int column = 0; column < columns_ + rows_; ++column) {
    const double nearer = reached - distance_[column];
    const bool visited = nearer > 0 && row_of_[column] >= 0;
    if (!visited) continue;
    column_price_[column] -= nearer;
    row_price_[row_of_[column]] += nearer;
  }
  row_price_[start] += reached;
  for (int column = end; column >= 0;) {
    const int from = from_[column];
    row_of_[column] = from;
    std::swap(column_of_[from], column);
  }
}

}  // namespace oko::track
