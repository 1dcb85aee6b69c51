#pragma once

#include <cstdint>
#include <string>

#include "oko/run/evaluate.h"
#include "oko/run/run.h"
#include "oko/train/checkpoint.h"
#include "oko/train/setup.h"

namespace oko::train {

// Writes a run's checkpoints, models and run.toml.
class Saver {
 public:
  Saver(run::Writer& writer, const run::Paths& paths, const Setup& setup);

  // Everything that the end of an epoch writes, without weights: values that cannot be stored and a
  // full disk are detected before the first step. `values`: of the network.
  void rehearse(std::int64_t values) const;

  void record(std::vector<std::string> changes, const std::optional<Asked>& asked) const;
  // Returns once the first one is written; later ones are written in the background. `state`:
  // optimizer and average. Returns its URI.
  std::string checkpoint(const Position& position, graph::Weights weights, graph::Weights state);
  void mark_checkpoint() { has_checkpoint_ = true; }
  // `evaluation`: of these weights, if they were evaluated.
  void model(const std::string& uri, const Position& position, graph::Weights weights,
             const run::Evaluation* evaluation);

 private:
  Json facts(const Position& position) const;

  run::Writer& writer_;
  const run::Paths& paths_;
  const Setup& setup_;
  bool has_checkpoint_ = false;  // the run can be resumed
};

}  // namespace oko::train
