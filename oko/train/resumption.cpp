#include "oko/train/resumption.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "oko/base/error.h"
#include "oko/run/output.h"
#include "oko/run/run.h"
#include "oko/storage/store.h"

namespace oko::train {
namespace {

// run.toml, whole. Oko writes its dataset first and its own version last.
RunRecord read_record(const run::Paths& paths) {
  try {
    RunRecord record = run_record_from_toml(storage::read_text(paths.recipe()), paths.recipe());
    if (!record.recipe.dataset.empty() && !record.oko.empty()) return record;
    throw input_error(paths.recipe(), "is empty or incomplete: it is not what oko wrote there");
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kInput) throw;
    throw Error(e.code(), e.place(), e.message(),
                fmt::format("{}restore the file, or start another run: oko train DATASET --from {} "
                            "--out OTHER",
                            e.hint().empty() ? "" : e.hint() + "; or ", paths.model()));
  }
}

// What shows that the run had checkpoints; empty where it may have been killed before its first
// one. That one is waited for at the end of the first epoch at the latest, so of a single epoch
// without an end nothing is lost: it is trained again, with the same result.
std::string made_with_checkpoints(const run::Paths& paths) {
  const bool has_log = storage::exists(paths.log());
  int epochs = 0;
  bool goes_on = false;  // after its first epoch
  for (const Json& event : has_log ? run::read_log(paths.log()) : std::vector<Json>()) {
    const std::string kind = run::text_of(event, "event");
    if (kind == "epoch") ++epochs;
    goes_on = goes_on || kind == "resume" || epochs > 1 || (kind == "end" && epochs == 1);
  }
  if (has_log && !goes_on) return "";
  for (const std::string& model : {paths.model(), paths.stage_model()}) {
    if (storage::exists(model)) return model;
  }
  return goes_on ? paths.log() : "";
}

// Beginning again would replace the model, log and report of what was trained.
void refuse_lost_checkpoints(const run::Paths& paths, const std::string& dataset) {
  const std::string made = made_with_checkpoints(paths);
  if (made.empty()) return;
  throw input_error(paths.checkpoints(),
                    fmt::format("there is no checkpoint to go on from, but the run has trained: {} "
                                "exists",
                                made),
                    made == paths.log()
                        ? "restore the checkpoints, or start another run with another --out"
                        : fmt::format("restore the checkpoints, or start another run: oko train {} "
                                      "--from {} --out OTHER",
                                      dataset, made));
}

bool has_ended(const run::Paths& paths, std::int64_t step) {
  if (!storage::exists(paths.model()) || !storage::exists(paths.report()) ||
      !storage::exists(paths.log())) {
    return false;
  }
  const std::vector<Json> log = run::read_log(paths.log());
  return !log.empty() && run::text_of(log.back(), "event") == "end" &&
         run::text_of(log.back(), "reason") != "interrupted" &&
         run::number_of(log.back(), "step") == static_cast<double>(step);
}

}  // namespace

void refuse_a_second_run(const run::Paths& paths) {
  if (storage::exists(paths.recipe())) {
    throw Error(ErrorCode::kUsage, paths.folder, "this folder already contains a run",
                "continue it with --resume, or choose another --out");
  }
  if (!storage::exists(paths.folder)) return;
  const std::vector<std::string> own = {paths.log(),    paths.model(),       paths.stage_model(),
                                        paths.report(), paths.checkpoints(), paths.tensorboard()};
  for (const storage::Entry& entry : storage::list(paths.folder)) {
    const auto is_it = [&](const std::string& file) {
      return storage::filename(file) == storage::filename(entry.uri);
    };
    if (std::none_of(own.begin(), own.end(), is_it)) continue;
    throw Error(ErrorCode::kUsage, entry.uri,
                "already exists and belongs to no run; training would overwrite it",
                "choose another --out, or move it away");
  }
}

void check_outputs(const run::Paths& paths) {
  if (!storage::is_local(paths.folder)) return;  // in buckets names cannot conflict
  for (const std::string& file :
       {paths.recipe(), paths.log(), paths.owner(), paths.model(), paths.stage_model(),
        paths.report(), storage::join(paths.checkpoints(), "step-00000000.oko"),
        storage::join(paths.tensorboard(), "events")}) {
    run::check_output(file);
  }
}

bool patience_is_over(const Recipe& recipe, const Position& position) {
  if (recipe.patience == 0 || position.stage == 1 || position.best_epoch < 0) return false;
  const int since = position.epoch - 1 - std::max(position.best_epoch, recipe.frozen_epochs);
  return since >= recipe.patience;
}

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
