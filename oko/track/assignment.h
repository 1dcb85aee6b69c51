#pragma once

#include <span>
#include <vector>

namespace oko::track {

// Matches rows to columns, each at most once, so that the sum of (cost − limit) over the matches is
// the lowest possible: pairs of at least `limit` are never matched. Shortest augmenting paths
// (Jonker and Volgenant 1987). Its memory grows to the largest problem so far, and stays.
class Assignment {
 public:
  void reserve(int rows, int columns);
  // `costs`: rows × columns, finite or infinite. Returns for each row its column, or -1; valid
  // until the next call.
  std::span<const int> solve(std::span<const float> costs, int rows, int columns, float limit);

 private:
  double cost(int row, int column) const;
  void augment(int row);

  std::span<const float> costs_;
  int rows_ = 0, columns_ = 0;
  double limit_ = 0;
  // Columns from columns_ on stand for "row i stays alone", at the limit.
  std::vector<double> row_price_, column_price_, distance_;
  std::vector<int> row_of_, column_of_, from_, open_;
};

}  // namespace oko::track
