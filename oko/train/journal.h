#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "oko/base/progress.h"
#include "oko/run/run.h"
#include "oko/run/tensorboard.h"
#include "oko/train/verdict.h"

namespace oko::train {

// An update, as logged. Loss and images are those of its last batch.
struct UpdateRecord {
  std::int64_t step = 0;  // counted from 1
  int epoch = 0, stage = 1;
  int images = 0;
  LossSums loss;  // summed over the images
  double l2 = 0, rate = 0, gradient_norm = 0;
  double seconds = 0, waited = 0;  // the whole step; waiting for images
  int width = 0, height = 0;
};

// How an epoch went, apart from its losses.
struct EpochTimes {
  double seconds = 0, waited = 0;
  double summed = 0;  // several workers: waiting for sums of gradients
};

Json start_event(Json recipe, const std::vector<std::string>& notes,
                 std::span<const LossPart> loss_parts);

// Reports a run: its events, to the log and TensorBoard's file, and the lines that people see.
class Journal {
 public:
  Journal(run::Writer& writer, const run::Paths& paths, Progress& progress);

  void write(Json event) { tensorboard_.write(log_.write(std::move(event))); }
  void warn(const std::string& text);
  void updated(const UpdateRecord& update);
  // `epochs`: of the whole run.
  void epoch_ended(const EpochSummary& summary, std::int64_t step, const Verdict& verdict,
                   const EpochTimes& times, int epochs);
  void ended(const std::string& reason, std::int64_t step, const Json& more = Json::object());

  // The log's length once everything is written, for a checkpoint.
  std::uint64_t log_bytes() const { return log_.size(); }
  // Drops what was logged after a checkpoint.
  void go_back(std::uint64_t log_bytes);
  // A new log of the epochs so far, where the old one is missing.
  void rebuild(Json start, std::span<const EpochSummary> epochs, std::int64_t steps_per_epoch);
  void clear() { log_.truncate(0); }

 private:
  run::Writer& writer_;
  const std::string log_uri_;
  Progress& progress_;
  run::Log log_;
  run::TensorBoardFile tensorboard_;
};

}  // namespace oko::train
