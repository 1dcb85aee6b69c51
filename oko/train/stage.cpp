#include "oko/train/stage.h"

#include <algorithm>

namespace oko::train {
namespace {

int epochs_of(const Recipe& recipe, bool is_first) {
  return is_first ? recipe.frozen_epochs : recipe.epochs - recipe.frozen_epochs;
}

std::int64_t updates_in(int batches, int together) { return (batches + together - 1) / together; }

ScheduleOptions schedule_options(const Recipe& recipe, bool is_first,
                                 std::int64_t updates_per_epoch) {
  ScheduleOptions options;
  options.kind = recipe.schedule;
  options.rate = is_first ? recipe.frozen_rate : recipe.rate;
  options.final_factor = is_first ? 1 : recipe.final_factor;  // the full stage warms up again
  options.warmup_steps =
      static_cast<std::int64_t>(std::min(recipe.warmup_epochs, epochs_of(recipe, is_first) / 3.0) *
                                static_cast<double>(updates_per_epoch));
  return options;
}

}  // namespace

Stage::Stage(const Setup& setup, const Position& position)
    : setup_(setup),
      is_first_(position.stage == 1),
      updates_per_epoch_(
          updates_in(loader(position.epoch).batches_per_epoch(), setup.recipe.accumulate)),
      schedule_(schedule_options(setup.recipe, is_first_, updates_per_epoch_),
                updates_per_epoch_ * epochs_of(setup.recipe, is_first_)) {}

std::vector<bool> Stage::frozen_layers() const {
  return is_first_ ? setup_.pretrained : std::vector<bool>(setup_.network.layers.size(), false);
}

dataset::Loader& Stage::loader(int epoch) {
  const bool plain = epoch >= setup_.recipe.epochs - setup_.recipe.plain_epochs;
  if (loader_ == nullptr || plain != plain_) {
    plain_ = plain;
    loader_ = std::make_unique<dataset::Loader>(setup_.train, loader_options(setup_, plain));
  }
  return *loader_;
}

double Stage::rate(const Position& position, int batch) const {
  const int first = is_first_ ? 0 : setup_.recipe.frozen_epochs;
  return schedule_.rate((position.epoch - first) * updates_per_epoch_ +
                        batch / setup_.recipe.accumulate);
}

bool Stage::is_over(const Position& position) const {
  return is_first_ && position.epoch >= setup_.recipe.frozen_epochs;
}

bool patience_is_over(const Recipe& recipe, const Position& position) {
  if (recipe.patience == 0 || position.stage == 1 || position.best_epoch < 0) return false;
  const int since = position.epoch - 1 - std::max(position.best_epoch, recipe.frozen_epochs);
  return since >= recipe.patience;
}

}  // namespace oko::train
