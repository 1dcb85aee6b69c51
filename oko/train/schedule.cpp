#include "oko/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace oko::train {

double Schedule::rate(std::int64_t step) const {
  const auto& o = options_;
  if (step < o.warmup_steps) {
    const double part = static_cast<double>(step + 1) / static_cast<double>(o.warmup_steps);
    return o.rate * scale_ * std::pow(part, o.warmup_power);
  }
  const double span = static_cast<double>(std::max<std::int64_t>(1, total_ - o.warmup_steps));
  const double progress = std::min(1.0, static_cast<double>(step - o.warmup_steps) / span);
  switch (o.kind) {
    case ScheduleKind::kCosine:
      return o.rate * (o.final_factor +
                       (1 - o.final_factor) * .5 * (1 + std::cos(std::numbers::pi * progress)));
    case ScheduleKind::kStep: {
      double rate = o.rate;
      for (const double milestone : o.milestones) {
        if (static_cast<double>(step) >= milestone * static_cast<double>(total_)) rate *= o.factor;
      }
      return rate;
    }
    case ScheduleKind::kPlateau:
      return o.rate * scale_;
    case ScheduleKind::kConstant:
      return o.rate;
  }
  return o.rate;
}

void Schedule::observe(double loss) {
  if (options_.kind != ScheduleKind::kPlateau) return;
  if (std::isfinite(loss) && (!any_ || loss < best_ * .9999)) {
    best_ = loss;
    any_ = true;
    waiting_ = 0;
  } else if (++waiting_ > options_.patience) {
    scale_ *= options_.factor;
    waiting_ = 0;
  }
}

Json Schedule::state() const {
  return {{"scale", scale_}, {"best", best_}, {"waiting", waiting_}, {"any", any_}};
}

void Schedule::restore(const Json& state, const std::string& place) {
  scale_ = json_get<double>(state, "scale", place);
  best_ = json_get<double>(state, "best", place);
  waiting_ = json_get<int>(state, "waiting", place);
  any_ = json_get<bool>(state, "any", place);
}

}  // namespace oko::train
