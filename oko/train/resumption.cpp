#include "oko/train/resumption.h"

#include <fmt/format.h>

#include <utility>

#include "oko/base/error.h"
#include "oko/run/run.h"
#include "oko/storage/store.h"
#include "oko/train/stage.h"

namespace oko::train {
namespace {

// Reads run.toml and checks that it is complete: oko writes its dataset first and its version last.
RunRecord read_record(const run::Paths& paths) {
  try {
    RunRecord record = run_record_from_toml(storage::read_text(paths.recipe()), paths.recipe());
    if (!record.recipe.dataset.empty() && !record.oko.empty()) return record;
    throw input_error(paths.recipe(), "is empty or incomplete");
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kInput) throw;
    throw Error(e.code(), e.place(), e.message(),
                fmt::format("{}restore the file, or start another run: oko train DATASET --from {} "
                            "--out OTHER",
                            e.hint().empty() ? "" : e.hint() + "; or ", paths.model()));
  }
}

// What shows that the run had checkpoints, or "". The first checkpoint is written by the end of the
// first epoch, so a log of at most one epoch without an end loses nothing: that epoch is trained
// again with the same result.
std::string trace_of_checkpoints(const run::Paths& paths) {
  const bool has_log = storage::exists(paths.log());
  int epochs = 0;
  bool had_some = false;
  for (const Json& event : has_log ? run::read_log(paths.log()) : std::vector<Json>()) {
    const std::string kind = run::text_of(event, "event");
    if (kind == run::kEpochEvent) ++epochs;
    had_some = had_some || kind == run::kResumeEvent || epochs > 1 ||
               (kind == run::kEndEvent && epochs == 1);
  }
  if (has_log && !had_some) return "";
  for (const std::string& model : {paths.model(), paths.stage_model()}) {
    if (storage::exists(model)) return model;
  }
  return had_some ? paths.log() : "";
}

// Beginning again would replace the model, log and report of what was trained.
void refuse_lost_checkpoints(const run::Paths& paths, const std::string& dataset) {
  const std::string trace = trace_of_checkpoints(paths);
  if (trace.empty()) return;
  const std::string another =
      trace == paths.log()
          ? "another run with another --out"
          : fmt::format("another run: oko train {} --from {} --out OTHER", dataset, trace);
  throw input_error(
      paths.checkpoints(),
      "there is no checkpoint to resume from, but the run was trained: " + trace + " exists",
      "restore the checkpoints, or start " + another);
}

bool has_ended(const run::Paths& paths, std::int64_t step) {
  if (!storage::exists(paths.model()) || !storage::exists(paths.report()) ||
      !storage::exists(paths.log())) {
    return false;
  }
  const std::vector<Json> log = run::read_log(paths.log());
  return !log.empty() && run::text_of(log.back(), "event") == run::kEndEvent &&
         run::text_of(log.back(), "reason") != run::kInterrupted &&
         run::number_of(log.back(), "step") == static_cast<double>(step);
}

}  // namespace

Resumption read_run(const Recipe& wanted, const TrainOptions& options, const run::Paths& paths) {
  if (!storage::exists(paths.recipe())) {
    throw input_error(options.out, "no run to resume: run.toml is missing",
                      "omit --resume to start one");
  }
  Resumption r;
  r.record = read_record(paths);
  r.changes = change_recipe(r.record, wanted, options.given, paths.folder);
  check_recipe(r.record.recipe);
  r.checkpoint = read_newest_checkpoint(paths.checkpoints(), r.skipped);
  if (!r.checkpoint) refuse_lost_checkpoints(paths, r.record.recipe.dataset);
  if (r.checkpoint && r.record.recipe.epochs < r.checkpoint->position.epoch) {
    throw Error(ErrorCode::kUsage, fmt::format("--epochs {}", r.record.recipe.epochs),
                fmt::format("{} epochs are already trained", r.checkpoint->position.epoch),
                "give a larger number, or use the model: " + paths.model());
  }
  if (r.checkpoint && !r.checkpoint->network.classes.empty()) {
    r.record.data.classes = r.checkpoint->network.classes;
  }
  return r;
}

std::optional<TrainResult> nothing_to_do(const Resumption& r, const run::Paths& paths) {
  if (!r.checkpoint) return std::nullopt;
  const Position& position = r.checkpoint->position;
  const bool all = position.epoch >= r.record.recipe.epochs;
  if (!all && !patience_is_over(r.record.recipe, position)) return std::nullopt;
  if (!has_ended(paths, position.step)) return std::nullopt;
  TrainResult result;
  result.model = paths.model();
  result.report = paths.report();
  const Json& metadata =
      graph::read_oko(storage::map(paths.model()), paths.model()).network.metadata;
  if (const auto metrics = metadata.find("metrics"); metrics != metadata.end()) {
    result.validated = true;
    result.map50 = run::number_of(*metrics, "map50");
    result.map = run::number_of(*metrics, "map");
  }
  result.verdict = judge(position.epochs).name;
  result.nothing_to_do = all ? fmt::format("all {} epochs are already trained", position.epoch)
                             : fmt::format("stopped at epoch {}: no better mAP for {} epochs",
                                           position.epoch, r.record.recipe.patience);
  if (!r.changes.empty()) {
    std::vector<std::string> flags;
    for (const RecipeChange& c : r.changes) flags.push_back(c.flag);
    result.nothing_to_do +=
        fmt::format("; {} not recorded, since nothing was trained with it", fmt::join(flags, ", "));
  }
  result.hint = fmt::format(
      "oko train --resume --out {} {}", paths.folder,
      all ? fmt::format("--epochs {}", position.epoch + position.epoch / 2 + 1) : "--patience 0");
  return result;
}

std::optional<Checkpoint> newest_now(Resumption& r, const std::vector<std::string>& classes,
                                     const run::Paths& paths) {
  if (r.checkpoint && newest_checkpoint(paths.checkpoints()) == r.checkpoint->uri) {
    return std::move(r.checkpoint);
  }
  r.skipped.clear();
  auto checkpoint = read_newest_checkpoint(paths.checkpoints(), r.skipped);
  if (checkpoint) {
    check_same_classes(checkpoint->network.classes, classes, r.record.recipe.dataset, paths.folder);
  }
  return checkpoint;
}

std::vector<std::string> changes_of(const Resumption& r,
                                    const std::vector<std::string>& data_differences) {
  std::vector<std::string> lines;
  for (const RecipeChange& c : r.changes) {
    lines.push_back(fmt::format("{} {} -> {}", c.key, c.before, c.after));
  }
  for (const std::string& difference : data_differences) {
    lines.push_back("data changed: " + difference);
  }
  return lines;
}

}  // namespace oko::train
