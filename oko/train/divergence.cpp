#include "oko/train/divergence.h"

#include <fmt/format.h>

#include <cmath>

namespace oko::train {
namespace {

constexpr double kDiverged = 20;       // times the lowest smoothed loss
constexpr std::int64_t kSettled = 50;  // updates before divergence is judged

}  // namespace

std::string add_loss(LossTrend& t, double loss, double norm, bool may_overflow) {
  if (!std::isfinite(loss) || !(std::isfinite(norm) || may_overflow)) {
    return fmt::format("the loss or its gradient is not finite (loss {}, gradient norm {})", loss,
                       norm);
  }
  const double keep = t.updates == 0 ? 0 : .95;
  t.smoothed = keep * t.smoothed + (1 - keep) * loss;
  ++t.updates;
  if (t.updates == kSettled || t.smoothed < t.lowest) t.lowest = t.smoothed;
  if (t.updates <= kSettled || t.smoothed <= kDiverged * t.lowest) return "";
  return fmt::format("the loss diverges: {:.1f}, {:.0f} times its minimum", t.smoothed,
                     t.smoothed / t.lowest);
}

}  // namespace oko::train
