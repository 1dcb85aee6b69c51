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
#include "oko/train/agreement.h"
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
#include "oko/train/workers.h"

namespace oko::train {
namespace {

// The score that decides which epoch's weights become model.oko: both headline metrics, so that box
// tightness breaks ties of a saturated mAP50.
double fitness(const run::Evaluation& evaluation) { return evaluation.map50 + evaluation.coco.ap; }

// The run folder, as the worker that writes it has it.
class Folder {
 public:
  Folder(const run::Paths& paths, const Setup& setup, Progress& progress)
      : owner_(paths.folder),
        writer(writer_options()),
        journal(writer, paths, progress),
        saver(writer, paths, setup) {}

 private:
  run::WriterOptions writer_options() {
    run::WriterOptions options;
    options.check = [this] { owner_.check(); };
    return options;
  }

  run::Owner owner_;

 public:
  run::Writer writer;
  Journal journal;
  Saver saver;
};

class Trainer {
 public:
  // `workers` is null if there is only one.
  Trainer(Setup setup, std::optional<Resumption> resumption, const TrainOptions& options,
          Workers* workers, Progress& progress)
      : setup_(std::move(setup)),
        resumption_(std::move(resumption)),
        options_(options),
        workers_(workers),
        progress_(progress),
        paths_{options.out},
        learner_(make_learner(setup_.network, recipe_here(), workers)),
        validation_(setup_.val, setup_.network, threads(), kValidationCache) {}

  TrainResult run() {
    check_same_precision();
    if (leads()) {
      // Again: another run may have started during set_up().
      if (!options_.resume) refuse_a_second_run(paths_);
      folder_.emplace(paths_, setup_, progress_);
      folder_->saver.rehearse(learner_->value_count());
    }
    options_.resume ? resume() : begin();
    const auto start = Clock::now();
    while (position_.epoch < recipe().epochs && !patience_is_over(recipe(), position_)) {
      if (stage_->is_over(position_)) next_stage();
      train_epoch_safely();
    }
    return finish(seconds_since(start));
  }

 private:
  const Recipe& recipe() const { return setup_.recipe; }
  int threads() const { return recipe().threads > 0 ? recipe().threads : available_processors(); }
  bool leads() const { return workers_ == nullptr || workers_->leads(); }
  bool is_asked_to_stop() const {
    return workers_ == nullptr ? options_.stop() : workers_->any(options_.stop());
  }

  // Workers of one machine each have a GPU of their own.
  std::string device() const {
    const std::string& asked = recipe().device;
    const bool any_gpu = asked == "cuda" || (asked == "auto" && has_cuda());
    if (workers_ == nullptr || workers_->local_rank() < 0 || !any_gpu) return asked;
    return fmt::format("cuda:{}", workers_->local_rank());
  }
  Recipe recipe_here() const {
    Recipe here = recipe();
    here.device = device();
    return here;
  }

  // With "auto" each machine has chosen by its processor.
  void check_same_precision() {
    if (workers_ == nullptr) return;
    check_agreement({{"convolutions of", learner_->half_precision() ? "16 bits" : "32 bits"}},
                    "give --precision fp32, or bf16", *workers_);
  }

  // ---- beginning -------------------------------------------------------------------------------

  void begin() {
    position_.stage = recipe().frozen_epochs > 0 ? 1 : 2;
    position_.epoch_sum = LossSums(loss_parts());
    if (folder_) {
      record({});
      folder_->journal.write(start());
    }
    begin_together();
  }

  // From a position, and the learner's state: those of worker 0, for all.
  void begin_together() {
    if (workers_ != nullptr) share_state();
    forecast(setup_, *learner_, recipe().epochs - position_.epoch, progress_);
    enter_stage();
    if (position_.schedule.empty()) return;  // it has not begun
    stage_->schedule().restore(position_.schedule, paths_.checkpoints());
  }

  void share_state() {
    std::string text;
    if (leads()) {
      const std::vector<std::byte> bytes =
          checkpoint_bytes({network_now(), learner_->state(), position_, {}});
      text.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    text = workers_->from_leader(std::move(text));
    if (leads()) return;
    const Checkpoint state = read_checkpoint(Bytes(text), "worker 0");
    position_ = state.position;
    learner_->load(state.network.weights, state.uri);
    learner_->restore(state.extra, state.uri);
  }

  graph::Network network_now() const {
    graph::Network network = setup_.network;
    network.weights = learner_->weights();
    return network;
  }

  std::span<const LossPart> loss_parts() const {
    return head_kind(setup_.network, recipe().network).loss_parts();
  }

  Json start() const { return start_event(recipe_json(recipe()), setup_.notes, loss_parts()); }

  void record(std::vector<std::string> changes) {
    folder_->saver.record(std::move(changes),
                          resumption_ ? resumption_->record.asked : setup_.asked);
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
    if (!leads()) return begin_together();
    const auto checkpoint = newest_now(*resumption_, setup_.network.classes, paths_);
    const std::vector<std::string> changes = changes_of(*resumption_, setup_.data_differences);
    if (!checkpoint) {  // stopped before its first checkpoint: start over
      folder_->journal.clear();
      begin();
      record_changes(changes);
      folder_->journal.warn("there is no checkpoint yet: the run starts over");
      return;
    }
    go_back_to(*checkpoint);
    if (!changes.empty()) record_changes(changes);
    Json event{{"event", run::kResumeEvent}, {"step", position_.step}};
    if (!changes.empty()) event["changes"] = changes;
    if (workers_ != nullptr) event["workers"] = workers_->size();
    folder_->journal.write(std::move(event));
    progress_.line(fmt::format("resumed at epoch {} of {}, step {}, learning rate {:.3g} ({})",
                               position_.epoch + 1, recipe().epochs, position_.step,
                               stage_->rate(position_, position_.batch),
                               changes.empty() ? "nothing changed" : "with the changes above"));
  }

  void go_back_to(const Checkpoint& checkpoint) {
    position_ = checkpoint.position;
    folder_->saver.mark_checkpoint();
    take_changed_data();
    learner_->load(checkpoint.network.weights, checkpoint.uri);
    learner_->restore(checkpoint.extra, paths_.checkpoints());
    begin_together();
    Journal& journal = folder_->journal;
    const bool has_log = storage::exists(paths_.log());
    has_log ? journal.go_back(position_.log_bytes)
            : journal.rebuild(start(), position_.epochs, stage_->updates_per_epoch());
    for (const auto& text : resumption_->skipped) journal.warn(text);
    if (!has_log) {
      journal.warn("log.jsonl was missing: rebuilt from the checkpoint, one line per epoch");
    }
    if (position_.best_epoch >= 0 && !storage::exists(paths_.model())) {
      position_.best_fitness = position_.best_epoch = -1;
      journal.warn("model.oko was missing: the best of the remaining epochs will be written");
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
    if (folder_) {
      folder_->saver.model(paths_.stage_model(), position_, learner_->averaged_weights(), nullptr);
      progress_.line("stage model: " + paths_.stage_model());
    }
    position_.stage = 2;
    learner_->restart();
    enter_stage();
  }

  // ---- an epoch --------------------------------------------------------------------------------

  // An unreadable image, a network failure or a lost worker must not cost what was trained since
  // the last checkpoint.
  void train_epoch_safely() {
    at_last_update_ = position_;
    try {
      train_epoch();
    } catch (const Error& e) {
      if (e.code() != ErrorCode::kInput && e.code() != ErrorCode::kStorage &&
          e.code() != ErrorCode::kWorkerLost) {
        throw;
      }
      if (workers_ != nullptr) workers_->failed(e);  // before they wait for this one
      if (!folder_) throw;
      std::string uri;
      try {
        position_ = at_last_update_;
        learner_->undo_update();
        uri = checkpoint();
        folder_->journal.ended(e.what(), position_.step);
        folder_->writer.flush();
      } catch (const Error&) {
        throw e;  // the run folder itself failed
      }
      throw Error(e.code(), e.place(), e.message() + "; checkpoint written: " + uri,
                  (e.hint().empty() ? "" : e.hint() + "; then ") + how_to_continue(paths_.folder));
    }
  }

  void train_epoch() {
    last_checkpoint_ = Clock::now();
    EpochHooks hooks;
    hooks.rate = [this](int batch) { return stage_->rate(position_, batch); };
    hooks.updated = [this](const UpdateRecord& update) {
      at_last_update_ = position_;
      if (folder_) folder_->journal.updated(update);
    };
    hooks.pause = [this] { pause_if_asked(); };
    hooks.diverged = [this](const auto& why, const auto& samples) { give_up(why, samples); };
    EpochLoop loop(*learner_, stage_->loader(position_.epoch), recipe(), position_, hooks,
                   progress_);
    const double before = summed_seconds();
    EpochTimes times = loop.run();
    times.summed = summed_seconds() - before;
    finish_epoch(times);
  }

  double summed_seconds() const {
    return workers_ == nullptr ? 0 : workers_->traffic().waited_seconds;
  }

  // Stops before a broken step touches the weights.
  [[noreturn]] void give_up(const std::string& why, const std::vector<std::size_t>& samples) {
    if (!folder_) throw Error(ErrorCode::kFailed, place_of_worker(), why, "see worker 0");
    std::string names;
    for (const std::size_t i : samples) {
      names += (names.empty() ? "" : ", ") + storage::filename(setup_.train.samples[i].image);
    }
    folder_->journal.ended(why, position_.step, {{"images", names}});
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
    if (is_asked_to_stop()) leave(checkpoint());
    if (!folder_) return;
    if (seconds_since(last_checkpoint_) < 60 * recipe().checkpoint_minutes) return;
    checkpoint();
    last_checkpoint_ = Clock::now();
  }

  [[noreturn]] void leave(const std::string& uri) {
    progress_.end();
    if (!folder_) {
      throw Error(ErrorCode::kInterrupted, place_of_worker(),
                  "stopped with the others; worker 0 writes the checkpoint");
    }
    folder_->journal.ended(run::kInterrupted, position_.step);
    write_report();
    throw Error(ErrorCode::kInterrupted, paths_.folder, "stopped; checkpoint written: " + uri,
                how_to_continue(paths_.folder));
  }

  std::string place_of_worker() const {
    return fmt::format("worker {} of {}", workers_->rank(), workers_->size());
  }

  // Only worker 0 writes one; returns its URI.
  std::string checkpoint() {
    if (!folder_) return "";
    position_.schedule = stage_->schedule().state();
    position_.log_bytes = folder_->journal.log_bytes();
    return folder_->saver.checkpoint(position_, learner_->weights(), learner_->state());
  }

  void finish_epoch(const EpochTimes& times) {
    EpochSummary summary;
    summary.epoch = position_.epoch;
    summary.stage = position_.stage;
    summary.train = position_.mean_loss();
    if (!setup_.val.samples.empty()) validate(summary);
    stage_->schedule().observe(summary.has_val ? summary.val.total() : summary.train.total());
    position_.epochs.push_back(summary);
    if (folder_) {
      folder_->journal.epoch_ended(summary, position_.step, judge(position_.epochs), times,
                                   recipe().epochs);
    }
    ++position_.epoch;
    position_.begin_epoch();
    const std::string uri = checkpoint();
    if (is_asked_to_stop()) leave(uri);
  }

  void validate(EpochSummary& summary) {
    graph::Network network = setup_.network;
    network.weights = learner_->averaged_weights();
    const auto engine = make_torch_engine(network, {threads(), device()});
    auto [loss, evaluation] = validation_.run(*engine, network, loss_options(recipe()),
                                              recipe().batch, progress_, workers_);
    summary.has_val = true;
    summary.val = loss /= static_cast<double>(setup_.val.samples.size());
    summary.map50 = evaluation.map50;
    summary.map = evaluation.coco.ap;
    if (fitness(evaluation) <= position_.best_fitness) return;
    position_.best_fitness = fitness(evaluation);
    position_.best_epoch = position_.epoch;
    if (!folder_) return;
    folder_->saver.model(paths_.model(), position_, std::move(network.weights), &evaluation);
  }

  // ---- the end ---------------------------------------------------------------------------------

  TrainResult finish(double seconds) {
    TrainResult result;
    result.seconds = seconds;
    if (workers_ != nullptr) {
      result.worker = workers_->rank();
      result.workers = workers_->size();
    }
    if (!folder_) return result;
    folder_->writer.flush();
    const bool validated = !setup_.val.samples.empty();
    if (!validated || !storage::exists(paths_.model())) {
      folder_->saver.model(paths_.model(), position_, learner_->averaged_weights(), nullptr);
    }
    const bool early = position_.epoch < recipe().epochs;
    folder_->journal.ended(
        early ? fmt::format("no better mAP for {} epochs", recipe().patience) : run::kDone,
        position_.step, {{"peak_memory", peak_resident_memory()}});
    const auto evaluation = write_report();
    result.model = paths_.model();
    result.report = paths_.report();
    result.validated = validated;
    result.map50 = evaluation.map50;
    result.map = evaluation.coco.ap;
    result.verdict = judge(position_.epochs).name;
    return result;
  }

  run::Evaluation write_report() {
    folder_->writer.flush();
    return train::write_report(paths_, setup_.val, threads(), device(), progress_);
  }

  Setup setup_;
  std::optional<Resumption> resumption_;
  const TrainOptions& options_;
  Workers* const workers_;
  Progress& progress_;
  const run::Paths paths_;
  std::optional<Folder> folder_;  // of worker 0
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

// The recipe of worker 0, with what this worker chooses for itself; whether the run has ended.
std::pair<Recipe, bool> hear_leader(const Recipe& wanted, const TrainOptions& options,
                                    Workers& workers) {
  const std::string place = "worker 0";
  const Json told = parse_json(workers.from_leader(""), place);
  const Recipe recipe = recipe_from_toml(json_get<std::string>(told, "recipe", place), place);
  return {with_own_choices(recipe, wanted, options.resume ? &options.given : nullptr),
          json_get<bool>(told, "is_done", place)};
}

void tell_followers(const Recipe& recipe, bool is_done, Workers& workers) {
  workers.from_leader(Json{{"recipe", to_toml(recipe)}, {"is_done", is_done}}.dump());
}

TrainResult resume_run(const Recipe& wanted, const TrainOptions& options, Workers* workers,
                       Progress& progress) {
  const run::Paths paths{options.out};
  Resumption r = read_run(wanted, options, paths);
  auto done = nothing_to_do(r, paths);
  if (workers != nullptr) tell_followers(r.record.recipe, done.has_value(), *workers);
  if (done) return *done;
  check_outputs(paths);
  ResumedRun resumed{options.out, r.record.data, r.checkpoint ? &r.checkpoint->network : nullptr,
                     options.accept_changed_data};
  Setup setup = set_up(r.record.recipe, progress, &resumed, workers);
  return Trainer(std::move(setup), std::move(r), options, workers, progress).run();
}

TrainResult begin_run(Recipe recipe, const TrainOptions& options, Workers* workers,
                      Progress& progress) {
  const run::Paths paths{options.out};
  check_effects(recipe, options.given);
  refuse_a_second_run(paths);
  check_outputs(paths);
  if (workers != nullptr) tell_followers(recipe, false, *workers);
  Setup setup = set_up(std::move(recipe), progress, nullptr, workers);
  return Trainer(std::move(setup), std::nullopt, options, workers, progress).run();
}

// A worker that is not the first. It shows only what it does itself.
TrainResult follow(const Recipe& wanted, const TrainOptions& options, Workers& workers) {
  NoProgress quiet;
  const auto [recipe, is_done] = hear_leader(wanted, options, workers);
  if (is_done) {
    TrainResult result;
    result.worker = workers.rank();
    result.workers = workers.size();
    result.nothing_to_do = "all epochs are already trained";
    return result;
  }
  Setup setup = set_up(recipe, quiet, nullptr, &workers);
  return Trainer(std::move(setup), std::nullopt, options, &workers, quiet).run();
}

// Not whether they resume: worker 0 knows, and others may not see its folder.
void check_same_start(const Recipe& recipe, Workers& workers) {
  Facts facts{{"oko", OKO_VERSION}, {"LibTorch", libtorch_version()}};
  std::ranges::copy(facts_of(recipe), std::back_inserter(facts));
  check_agreement(facts, "start all workers with the same program and options", workers);
}

TrainResult train_together(Recipe recipe, const TrainOptions& options, Workers& workers,
                           Progress& progress) {
  try {
    progress.line(fmt::format("worker {} of {}", workers.rank(), workers.size()));
    check_same_start(recipe, workers);
    if (!workers.leads()) return follow(recipe, options, workers);
    return options.resume ? resume_run(recipe, options, &workers, progress)
                          : begin_run(std::move(recipe), options, &workers, progress);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::kInterrupted) workers.failed(e);  // else all have agreed
    throw;
  } catch (const std::exception& e) {
    workers.failed({ErrorCode::kWorkerLost,
                    fmt::format("worker {} of {}", workers.rank(), workers.size()),
                    std::string("failed: ") + e.what()});
    throw;
  }
}

}  // namespace

TrainResult train(Recipe recipe, const TrainOptions& options, Progress& progress) {
  check_use(options);
  keep_freed_memory();
  if (options.launch) {
    const auto workers = join_workers(*options.launch, {options.join_seconds, options.stop});
    if (workers) return train_together(std::move(recipe), options, *workers, progress);
    progress.line("warning: no other worker has come: worker 0 trains alone");
  }
  return options.resume ? resume_run(recipe, options, nullptr, progress)
                        : begin_run(std::move(recipe), options, nullptr, progress);
}

}  // namespace oko::train
