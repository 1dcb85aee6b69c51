#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "oko/base/progress.h"
#include "oko/dataset/loader.h"
#include "oko/train/checkpoint.h"
#include "oko/train/journal.h"
#include "oko/train/learner.h"

namespace oko::train {

// What a run decides about the updates of an epoch.
struct EpochHooks {
  // The learning rate of the update that this batch of the epoch belongs to.
  std::function<double(int batch)> rate;
  // After each update; `position` already counts it.
  std::function<void(const UpdateRecord&)> updated;
  // After that. What it throws ends the epoch.
  std::function<void()> pause;
  // In place of an update that would break the network; must throw. `samples`: the images whose
  // gradients it sums.
  std::function<void(const std::string& why, const std::vector<std::size_t>& samples)> diverged;
};

// Trains the rest of an epoch, from the batch in `position`, which it advances.
class EpochLoop {
 public:
  // All must outlive it.
  EpochLoop(Learner& learner, dataset::Loader& loader, const Recipe& recipe, Position& position,
            const EpochHooks& hooks, Progress& progress);

  // Returns how long it took and how long it waited for batches.
  EpochTimes run();

 private:
  // Whether the batch ended with an update.
  bool train(const dataset::Batch& batch);

  Learner& learner_;
  dataset::Loader& loader_;
  const Recipe& recipe_;
  Position& position_;
  const EpochHooks& hooks_;
  Progress& progress_;
  const int batches_;
  int gathered_ = 0;                  // batches whose gradients are accumulated
  std::vector<std::size_t> samples_;  // of them
};

}  // namespace oko::train
