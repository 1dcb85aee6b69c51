#pragma once

#include "oko/base/progress.h"
#include "oko/train/learner.h"
#include "oko/train/setup.h"

namespace oko::train {

// Times a step, prints how long the rest of the run takes and how much memory it needs. Throws
// kFailed if that is more than there is. Called with nothing frozen: the frozen stage needs less.
void forecast(const Setup& setup, Learner& learner, int epochs_left, Progress& progress);

}  // namespace oko::train
