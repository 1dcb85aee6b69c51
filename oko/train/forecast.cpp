#include "oko/train/forecast.h"

#include <fmt/format.h>

#include <algorithm>

#include "oko/base/error.h"
#include "oko/train/estimate.h"

namespace oko::train {
namespace {

std::int64_t decoded_bytes(const dataset::Dataset& data) {
  std::int64_t bytes = 0;
  for (const auto& s : data.samples) bytes += std::int64_t{3} * s.size.width * s.size.height;
  return bytes;
}

// The largest part of a batch that one worker has.
int batch_here(const Setup& setup) {
  return (setup.recipe.batch + setup.shares - 1) / setup.shares;
}

MemoryEstimate memory_of(const Setup& setup, const Learner& learner) {
  const Recipe& recipe = setup.recipe;
  EstimateOptions options;
  options.batch = batch_here(setup);
  options.half_precision = learner.half_precision();
  options.moments = moments_of(recipe.optimizer);
  options.cache_bytes =
      std::min(static_cast<std::int64_t>(recipe.cache_mb) << 20, decoded_bytes(setup.train));
  return estimate_memory(setup.network, options);
}

}  // namespace

void forecast(const Setup& setup, Learner& learner, int epochs_left, Progress& progress) {
  const int batch = setup.recipe.batch;
  // Per image; evaluating takes a third.
  const double seconds = learner.measure(batch_here(setup)) / setup.shares;
  const double per_epoch = seconds * static_cast<double>(setup.train.samples.size()) +
                           seconds / 3 * static_cast<double>(setup.val.samples.size());
  const MemoryEstimate memory = memory_of(setup, learner);
  const std::int64_t available = available_memory();
  progress.line(fmt::format(
      "predicted: {} for {} epochs at {:.1f} images/s ({}); {} of memory (activations {}, "
      "parameters {}, images {}), {} free",
      human_seconds(per_epoch * epochs_left), epochs_left, 1 / seconds, learner.description(),
      human_bytes(memory.total()), human_bytes(memory.activations), human_bytes(memory.parameters),
      human_bytes(memory.pictures), human_bytes(available)));
  if (available > 0 && memory.total() > available) {
    throw Error(ErrorCode::kFailed, "--batch " + std::to_string(batch),
                fmt::format("a step needs about {} of memory, but only {} is free",
                            human_bytes(memory.total()), human_bytes(available)),
                "halve --batch and double --accumulate, or reduce the input size");
  }
}

}  // namespace oko::train
