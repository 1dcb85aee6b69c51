#include "oko/train/loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "oko/base/clock.h"

namespace oko::train {
EpochLoop::EpochLoop(Learner& learner, dataset::Loader& loader, const Recipe& recipe,
                     Position& position, const EpochHooks& hooks, Progress& progress)
    : learner_(learner),
      loader_(loader),
      recipe_(recipe),
      position_(position),
      hooks_(hooks),
      progress_(progress),
      batches_(loader.batches_per_epoch()) {}

EpochTimes EpochLoop::run() {
  const auto start = Clock::now();
  EpochTimes times;
  loader_.start(position_.epoch, position_.batch);
  progress_.begin(fmt::format("epoch {}/{}", position_.epoch + 1, recipe_.epochs),
                  static_cast<std::uint64_t>(batches_ - position_.batch), "batches");
  while (auto batch = loader_.next()) {
    times.waited += batch->waited_seconds;
    const bool updated = train(*batch);
    loader_.recycle(std::move(*batch));
    progress_.advance();
    if (updated) hooks_.pause();
  }
  progress_.end();
  times.seconds = seconds_since(start);
  return times;
}

bool EpochLoop::train(const dataset::Batch& batch) {
  const auto start = Clock::now();
  if (gathered_ == 0) {
    learner_.begin_update();
    samples_.clear();
  }
  samples_.insert(samples_.end(), batch.whole.begin(), batch.whole.end());
  UpdateRecord update;
  update.images = static_cast<int>(batch.whole.size());
  // The epoch's last update may have fewer batches.
  const int together = std::min(recipe_.accumulate, batches_ - batch.index + gathered_);
  const bool last = gathered_ + 1 >= recipe_.accumulate || batch.index + 1 >= batches_;
  update.loss = learner_.accumulate(batch, position_.step, 1. / (update.images * together), last);
  position_.epoch_sum += update.loss;
  position_.epoch_pictures += update.images;
  position_.batch = batch.index + 1;
  ++gathered_;
  if (!last) return false;

  gathered_ = 0;
  update.gradient_norm = learner_.clip_gradient();
  const std::string why = add_loss(position_.trend, update.loss.total() / update.images,
                                   update.gradient_norm, learner_.may_overflow());
  if (!why.empty()) hooks_.diverged(why, samples_);
  update.rate = hooks_.rate(batch.index);
  learner_.update(update.rate);
  update.step = ++position_.step;
  update.epoch = position_.epoch;
  update.stage = position_.stage;
  update.seconds = seconds_since(start) + batch.waited_seconds;
  update.waited = batch.waited_seconds;
  update.l2 = learner_.l2_loss();
  update.width = batch.size.width;
  update.height = batch.size.height;
  hooks_.updated(update);
  return true;
}

}  // namespace oko::train
