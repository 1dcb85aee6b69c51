#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "oko/dataset/loader.h"
#include "oko/train/checkpoint.h"
#include "oko/train/schedule.h"
#include "oko/train/setup.h"

namespace oko::train {

// Stage 1 trains only layers that are not pretrained, stage 2 all.
class Stage {
 public:
  // The stage of this position. `setup` must outlive it.
  Stage(const Setup& setup, const Position& position);

  std::vector<bool> frozen_layers() const;
  // The loader of that epoch: the last epochs are without mosaic and mix-up.
  dataset::Loader& loader(int epoch);
  Schedule& schedule() { return schedule_; }
  // The learning rate of the update that this batch of the current epoch belongs to, as if every
  // epoch had had the current number of images.
  double rate(const Position& position, int batch) const;
  std::int64_t updates_per_epoch() const { return updates_per_epoch_; }
  // Whether its epochs are done and the next stage begins.
  bool is_over(const Position& position) const;

 private:
  const Setup& setup_;
  const bool is_first_;
  bool plain_ = false;
  std::unique_ptr<dataset::Loader> loader_;
  std::int64_t updates_per_epoch_;
  Schedule schedule_;
};

// Whether the run ends because its best epoch is too long ago.
bool patience_is_over(const Recipe& recipe, const Position& position);

}  // namespace oko::train
