#pragma once

#include <cstdint>
#include <string>

namespace oko::train {

// The loss of the updates so far, smoothed; part of a checkpoint.
struct LossTrend {
  double smoothed = 0, lowest = 0;
  std::int64_t updates = 0;
};

// Adds the mean loss of an update's last batch. Returns why the update must not be applied: the
// loss or the gradient's norm is not finite, or the loss has risen far above its minimum. Empty if
// all is well. With `may_overflow` (fp16) a norm that is not finite is accepted: that update is
// skipped.
std::string add_loss(LossTrend& trend, double loss, double norm, bool may_overflow);

}  // namespace oko::train
