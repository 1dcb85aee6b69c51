#include "oko/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "oko/base/clock.h"
#include "oko/base/error.h"
#include "oko/base/threads.h"
#include "oko/run/owner.h"
#include "oko/run/writer.h"
#include "oko/storage/store.h"
#include "oko/train/engine.h"
#include "oko/train/estimate.h"
#include "oko/train/forecast.h"
#include "oko/train/head.h"
#include "oko/train/loop.h"
#include "oko/train/report.h"
#include "oko/train/resumption.h"
#include "oko/train/run_folder.h"
#include "oko/train/saver.h"
#include "oko/train/setup.h"
#include "oko/train/stage.h"
#include "oko/train/validate.h"

namespace oko::train {
namespace {

// The score that decides which epoch's weights become model.oko: both headline metrics, so that box
// tightness breaks ties of a saturated mAP50.
double fitness(const run::Evaluation& evaluation) { return evaluation.map50 + evaluation.coco.ap; }

class Trainer {
 public:
  Trainer(Setup setup, std::optional<Resumption> resumption, const TrainOptions& options,
          Progress& progress)
      : setup_(std::move(setup)),
        resumption_(std::move(resumption)),
        options_(options),
        progress_(progress),
        paths_{options.out},
        writer_(writer_options()),
        journal_(writer_, paths_, progress),
        saver_(writer_, paths_, setup_),
        learner_(make_learner(setup_.network, setup_.recipe)),
        validation_(setup_.val, setup_.network, threads(), kValidationCache) {}

  TrainResult run() {
    // Again: another run may have started during set_up().
    if (!options_.resume) refuse_a_second_run(paths_);
    owner_.emplace(paths_.folder);
    saver_.rehearse(learner_->value_count());
    options_.resume ? resume() : begin();
    const auto start = Clock::now();
    while (position_.epoch < recipe().epochs && !patience_is_over(recipe(), position_)) {
      if (stage_->is_over(position_)) next_stage();
      train_epoch_safely();
    }
    return finish(seconds_since(start));
  }

 private:
  static constexpr std::size_t kValidationCache = std::size_t{1} << 30;

  const Recipe& recipe() const { return setup_.recipe; }
  int threads() const { return recipe().threads > 0 ? recipe().threads : available_processors(); }
  run::WriterOptions writer_options() {
    run::WriterOptions options;
    options.check = [this] { owner_->check(); };  // nothing is written before it exists
    return options;
  }

  // ---- beginning -------------------------------------------------------------------------------

  void begin() {
    position_.stage = recipe().frozen_epochs > 0 ? 1 : 2;
    position_.epoch_sum = LossSums(loss_parts());
    record({});
    journal_.write(start());
    forecast(setup_, *learner_, recipe().epochs, progress_);
    enter_stage();
  }

  std::span<const LossPart> loss_parts() const {
    return head_kind(setup_.network, recipe().network).loss_parts();
  }

  Json start() const { return start_event(recipe_json(recipe()), setup_.notes, loss_parts()); }

  void record(std::vector<std::string> changes) {
    saver_.record(std::move(changes), resumption_ ? resumption_->record.asked : setup_.asked);
  }

  void record_changes(const std::vector<std::string>& lines) {
    std::vector<std::string> all = resumption_->record.changes;
    for (const std::string& line : lines) {
      all.push_back(fmt::format("step {}: {}", position_.step, line));
      progress_.line("changed: " + line);
    }
    record(std::move(all));
  }

  void resume() {
    const auto checkpoint = newest_now(*resumption_, setup_.network.classes, paths_);
    const std::vector<std::string> changes = changes_of(*resumption_, setup_.data_differences);
    if (!checkpoint) {  // stopped before its first checkpoint: start over
      journal_.clear();
      begin();
      record_changes(changes);
      journal_.warn("there is no checkpoint yet: the run starts over");
      return;
    }
    go_back_to(*checkpoint);
    if (!changes.empty()) record_changes(changes);
    Json event{{"event", run::kResumeEvent}, {"step", position_.step}};
    if (!changes.empty()) event["changes"] = changes;
    journal_.write(std::move(event));
    progress_.line(fmt::format("resumed at epoch {} of {}, step {}, learning rate {:.3g} ({})",
                               position_.epoch + 1, recipe().epochs, position_.step,
                               stage_->rate(position_, position_.batch),
                               changes.empty() ? "nothing changed" : "with the changes above"));
  }

  void go_back_to(const Checkpoint& checkpoint) {
    position_ = checkpoint.position;
    saver_.mark_checkpoint();
    take_changed_data();
    learner_->load(checkpoint.network.weights, checkpoint.uri);
    forecast(setup_, *learner_, recipe().epochs - position_.epoch, progress_);
    enter_stage();
    learner_->restore(checkpoint.extra, paths_.checkpoints());
    stage_->schedule().restore(position_.schedule, paths_.checkpoints());
    const bool has_log = storage::exists(paths_.log());
    has_log ? journal_.go_back(position_.log_bytes)
            : journal_.rebuild(start(), position_.epochs, stage_->updates_per_epoch());
    for (const auto& text : resumption_->skipped) journal_.warn(text);
    if (!has_log) {
      journal_.warn("log.jsonl was missing: rebuilt from the checkpoint, one line per epoch");
    }
    if (position_.best_epoch >= 0 && !storage::exists(paths_.model())) {
      position_.best_fitness = position_.best_epoch = -1;
      journal_.warn("model.oko was missing: the best of the remaining epochs will be written");
    }
  }

  // Different images make different batches: the epoch starts over. Scores on different validation
  // images cannot be compared.
  void take_changed_data() {
    if (setup_.data_differences.empty()) return;
    position_.begin_epoch();
    if (resumption_->record.data.val.hash == setup_.data.val.hash) return;
    position_.best_fitness = position_.best_epoch = -1;
    progress_.line("the best mAP so far was measured on other validation images and is discarded");
  }

  // ---- stages ----------------------------------------------------------------------------------

  void enter_stage() {
    stage_.emplace(setup_, position_);
    learner_->freeze(stage_->frozen_layers());
  }

  void next_stage() {
    saver_.model(paths_.stage_model(), position_, learner_->averaged_weights(), nullptr);
    progress_.line("stage model: " + paths_.stage_model());
    position_.stage = 2;
    learner_->restart();
    enter_stage();
  }

  // ---- an epoch --------------------------------------------------------------------------------

  // An unreadable image or a network failure must not cost what was trained since the last
  // checkpoint.
  void train_epoch_safely() {
    at_last_update_ = position_;
    try {
      train_epoch();
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kInput && e.code() != ErrorCode::kStorage) throw;
      std::string uri;
      try {
        position_ = at_last_update_;
        uri = checkpoint();
        journal_.ended(e.what(), position_.step);
        writer_.flush();
      } catch (const Error&) {
        throw e;  // the run folder itself failed
      }
      throw Error(e.code(), e.place(), e.message() + "; checkpoint written: " + uri,
                  (e.hint().empty() ? "" : e.hint() + "; then ") + how_to_continue());
    }
  }

  std::string how_to_continue() const {
    return "continue with oko train --resume --out " + paths_.folder;
  }

  void train_epoch() {
    last_checkpoint_ = Clock::now();
    EpochHooks hooks;
    hooks.rate = [this](int batch) { return stage_->rate(position_, batch); };
    hooks.updated = [this](const UpdateRecord& update) {
      at_last_update_ = position_;
      journal_.updated(update);
    };
    hooks.pause = [this] { pause_if_asked(); };
    hooks.diverged = [this](const auto& why, const auto& samples) { give_up(why, samples); };
    EpochLoop loop(*learner_, stage_->loader(position_.epoch), recipe(), position_, hooks,
                   progress_);
    finish_epoch(loop.run());
  }

  // Stops before a broken step touches the weights.
  [[noreturn]] void give_up(const std::string& why, const std::vector<std::size_t>& samples) {
    std::string names;
    for (const std::size_t i : samples) {
      names += (names.empty() ? "" : ", ") + storage::filename(setup_.train.samples[i].image);
    }
    journal_.ended(why, position_.step, {{"images", names}});
    write_report();
    throw Error(ErrorCode::kFailed,
                fmt::format("epoch {}, step {}", position_.epoch + 1, position_.step + 1),
                why + "; the batch was: " + names,
                "check those images with oko data show, or start a new run with a lower --rate; "
                "the last good checkpoint is kept in " +
                    paths_.checkpoints());
  }

  // After an update: stops if a signal arrived, else writes a checkpoint if one is due.
  void pause_if_asked() {
    if (options_.stop()) leave(checkpoint());
    if (seconds_since(last_checkpoint_) < 60 * recipe().checkpoint_minutes) return;
    checkpoint();
    last_checkpoint_ = Clock::now();
  }

  [[noreturn]] void leave(const std::string& uri) {
    progress_.end();
    journal_.ended(run::kInterrupted, position_.step);
    write_report();
    throw Error(ErrorCode::kInterrupted, paths_.folder, "stopped; checkpoint written: " + uri,
                how_to_continue());
  }

  std::string checkpoint() {
    position_.schedule = stage_->schedule().state();
    position_.log_bytes = journal_.log_bytes();
    return saver_.checkpoint(position_, learner_->weights(), learner_->state());
  }

  void finish_epoch(const EpochTimes& times) {
    EpochSummary summary;
    summary.epoch = position_.epoch;
    summary.stage = position_.stage;
    summary.train = position_.mean_loss();
    if (!setup_.val.samples.empty()) validate(summary);
    stage_->schedule().observe(summary.has_val ? summary.val.total() : summary.train.total());
    position_.epochs.push_back(summary);
    journal_.epoch_ended(summary, position_.step, judge(position_.epochs), times, recipe().epochs);
    ++position_.epoch;
    position_.begin_epoch();
    const std::string uri = checkpoint();
    if (options_.stop()) leave(uri);
  }

  void validate(EpochSummary& summary) {
    graph::Network network = setup_.network;
    network.weights = learner_->averaged_weights();
    const auto engine = make_torch_engine(network, {threads(), recipe().device});
    auto [loss, evaluation] =
        validation_.run(*engine, network, loss_options(recipe()), recipe().batch, progress_);
    summary.has_val = true;
    summary.val = loss /= static_cast<double>(setup_.val.samples.size());
    summary.map50 = evaluation.map50;
    summary.map = evaluation.coco.ap;
    if (fitness(evaluation) <= position_.best_fitness) return;
    position_.best_fitness = fitness(evaluation);
    position_.best_epoch = position_.epoch;
    saver_.model(paths_.model(), position_, std::move(network.weights), &evaluation);
  }

  // ---- the end ---------------------------------------------------------------------------------

  TrainResult finish(double seconds) {
    writer_.flush();
    const bool validated = !setup_.val.samples.empty();
    if (!validated || !storage::exists(paths_.model())) {
      saver_.model(paths_.model(), position_, learner_->averaged_weights(), nullptr);
    }
    const bool early = position_.epoch < recipe().epochs;
    journal_.ended(
        early ? fmt::format("no better mAP for {} epochs", recipe().patience) : run::kDone,
        position_.step, {{"peak_memory", peak_resident_memory()}});
    const auto evaluation = write_report();
    TrainResult result;
    result.model = paths_.model();
    result.report = paths_.report();
    result.validated = validated;
    result.map50 = evaluation.map50;
    result.map = evaluation.coco.ap;
    result.seconds = seconds;
    result.verdict = judge(position_.epochs).name;
    return result;
  }

  run::Evaluation write_report() {
    writer_.flush();
    return train::write_report(paths_, setup_.val, threads(), recipe().device, progress_);
  }

  Setup setup_;
  std::optional<Resumption> resumption_;
  const TrainOptions& options_;
  Progress& progress_;
  const run::Paths paths_;
  std::optional<run::Owner> owner_;
  run::Writer writer_;
  Journal journal_;
  Saver saver_;
  std::unique_ptr<Learner> learner_;
  Validation validation_;
  std::optional<Stage> stage_;
  Position position_, at_last_update_;
  Clock::time_point last_checkpoint_;
};

void check_use(const TrainOptions& options) {
  if (!options.accept_changed_data || options.resume) return;
  throw Error(ErrorCode::kUsage, "--accept-changed-data", "has no effect without --resume",
              "omit it");
}

TrainResult resume_run(const Recipe& wanted, const TrainOptions& options, Progress& progress) {
  const run::Paths paths{options.out};
  Resumption r = read_run(wanted, options, paths);
  if (auto done = nothing_to_do(r, paths)) return *done;
  check_outputs(paths);
  ResumedRun resumed{options.out, r.record.data, r.checkpoint ? &r.checkpoint->network : nullptr,
                     options.accept_changed_data};
  Setup setup = set_up(r.record.recipe, progress, &resumed);
  return Trainer(std::move(setup), std::move(r), options, progress).run();
}

}  // namespace

TrainResult train(Recipe recipe, const TrainOptions& options, Progress& progress) {
  check_use(options);
  keep_freed_memory();
  if (options.resume) return resume_run(recipe, options, progress);
  const run::Paths paths{options.out};
  check_effects(recipe, options.given);
  refuse_a_second_run(paths);
  check_outputs(paths);
  return Trainer(set_up(std::move(recipe), progress), std::nullopt, options, progress).run();
}

}  // namespace oko::train
