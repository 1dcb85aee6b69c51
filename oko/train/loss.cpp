#include "oko/train/loss.h"

#include <cassert>
#include <numeric>

namespace oko::train {

double LossSums::total() const { return std::accumulate(values.begin(), values.end(), 0.); }

LossSums& LossSums::operator+=(const LossSums& other) {
  if (values.empty()) return *this = other;
  assert(values.size() == other.values.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] += other.values[i];
  return *this;
}

LossSums& LossSums::operator/=(double count) {
  for (double& value : values) value /= count;
  return *this;
}

}  // namespace oko::train
