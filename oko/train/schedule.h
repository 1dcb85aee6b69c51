#pragma once

#include <cstdint>
#include <vector>

#include "oko/base/json.h"
#include "oko/train/choices.h"

namespace oko::train {

struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::kCosine;
  double rate = 1e-3;             // after warm-up
  double final_factor = .01;      // cosine: rate at the end, as a fraction of `rate`
  std::int64_t warmup_steps = 0;  // the rate grows as (step / warmup)^warmup_power
  double warmup_power = 1;
  std::vector<double> milestones{.8, .9};  // step: where the rate drops, as fractions of the stage
  double factor = .1;                      // step and plateau: factor of each drop
  int patience = 3;  // plateau: evaluations without a better loss before a drop
};

// The learning rate of each step of one stage.
class Schedule {
 public:
  Schedule(ScheduleOptions options, std::int64_t total_steps)
      : options_(options), total_(total_steps) {}
  double rate(std::int64_t step) const;
  // Reports an evaluation's loss; only kPlateau uses it.
  void observe(double loss);
  Json state() const;
  void restore(const Json& state, const std::string& place);

 private:
  ScheduleOptions options_;
  std::int64_t total_;
  double scale_ = 1, best_ = 0;
  int waiting_ = 0;
  bool any_ = false;
};

}  // namespace oko::train
