#include "oko/train/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "oko/base/error.h"
#include "oko/base/threads.h"
#include "oko/run/output.h"
#include "oko/run/owner.h"
#include "oko/run/report.h"
#include "oko/run/run.h"
#include "oko/run/tensorboard.h"
#include "oko/run/writer.h"
#include "oko/storage/store.h"
#include "oko/train/checkpoint.h"
#include "oko/train/device.h"
#include "oko/train/engine.h"
#include "oko/train/estimate.h"
#include "oko/train/module.h"
#include "oko/train/record.h"
#include "oko/train/setup.h"
#include "oko/train/step.h"
#include "oko/train/validate.h"

namespace oko::train {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The score that decides which epoch's weights become model.oko: both headline metrics, so that box
// tightness breaks ties of a saturated mAP50.
double fitness(const run::Evaluation& evaluation) { return evaluation.map50 + evaluation.coco.ap; }

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

// Checks what would otherwise fail at the first checkpoint or at the end.
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

// What train() knows of a run before it resumes it.
struct Resumption {
  RunRecord record;  // with the changed values
  std::vector<RecipeChange> changes;
  std::optional<Checkpoint> checkpoint;
  std::vector<std::string> skipped;
};

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
        log_(writer_, paths_.log()),
        tensorboard_(writer_, storage::join(paths_.tensorboard(), "events.out.tfevents.0.oko")),
        step_(setup_.network, setup_.recipe),
        optimizer_(make_optimizer()),
        ema_(step_.module().parameters(), setup_.recipe.ema, kEmaRamp),
        loss_parts_(head_kind(setup_.network, setup_.recipe.network).loss_parts()),
        threads_(setup_.recipe.threads > 0 ? setup_.recipe.threads : available_processors()),
        validation_(setup_.val, setup_.network, threads_, kValidationCache) {}

  TrainResult run() {
    if (!options_.resume) refuse_a_second_run(paths_);  // set_up() takes long
    owner_.emplace(paths_.folder);
    rehearse();
    options_.resume ? resume() : begin();
    const auto start = Clock::now();
    while (position_.epoch < recipe().epochs && !patience_is_over(recipe(), position_)) {
      if (position_.stage == 1 && position_.epoch >= recipe().frozen_epochs) next_stage();
      train_epoch_safely();
    }
    return finish(seconds_since(start));
  }

 private:
  static constexpr double kEmaRamp = 200;  // updates
  static constexpr std::size_t kValidationCache = std::size_t{1} << 30;
  static constexpr double kDiverged = 20;       // times the lowest smoothed loss
  static constexpr std::int64_t kSettled = 50;  // steps before divergence is judged

  const Recipe& recipe() const { return setup_.recipe; }
  Module& module() { return step_.module(); }
  run::WriterOptions writer_options() {
    run::WriterOptions options;
    options.check = [this] { owner_->check(); };  // nothing is written before it exists
    return options;
  }
  std::unique_ptr<Optimizer> make_optimizer() {
    return std::make_unique<Optimizer>(module().parameters(), optimizer_options(recipe()));
  }

  // ---- setup ---- -------------------------------------------------------------------------------

  void begin() {
    position_.stage = recipe().frozen_epochs > 0 ? 1 : 2;
    position_.epoch_sum = LossSums(loss_parts_);
    record({});
    write_event(start_event());
    predict();
    enter_stage();
  }

  Json start_event() const {
    return {{"event", "start"},
            {"step", 0},
            {"recipe", recipe_json()},
            {"notes", setup_.notes},
            {"loss_parts", run::to_json(loss_parts_)}};
  }

  Json recipe_json() const {
    Json json = Json::object();
    visit_recipe(recipe(), [&](const RecipeOption& option, const auto& field) {
      json[option.key] = written(field);
    });
    return json;
  }

  void record(std::vector<std::string> changes) {
    storage::write(paths_.recipe(),
                   to_toml(RunRecord{recipe(), setup_.data, OKO_VERSION,
                                     TrainingStep::library_version(), std::move(changes),
                                     resumption_ ? resumption_->record.asked : setup_.asked}));
  }

  // Everything that the end of an epoch writes, without weights: values that cannot be stored and a
  // full disk are detected before the first step.
  void rehearse() {
    graph::Network network = setup_.network;
    const std::uint64_t parameters =
        4 * static_cast<std::uint64_t>(module().parameters().flat().numel());
    network.weights.clear();
    network.metadata["training"] = training_facts();
    const Bytes bytes(graph::write_oko(network));
    graph::read_oko(bytes, paths_.model());
    static_cast<void>(
        run::make_report({storage::filename(paths_.folder), {}, "", nullptr, nullptr}));
    constexpr std::uint64_t kModels = 2,
                            kCheckpoints = 3;  // a third is written before one is removed
    const std::uint64_t moments = moments_of(recipe().optimizer);
    run::check_room(paths_.folder,
                    parameters * (kModels + kCheckpoints * (2 + moments)) + (1 << 20));
  }

  // The newest one; another process may have written it since the last read.
  std::optional<Checkpoint> newest_now() {
    Resumption& r = *resumption_;
    if (r.checkpoint && newest_checkpoint(paths_.checkpoints()) == r.checkpoint->uri) {
      return std::move(r.checkpoint);
    }
    r.skipped.clear();
    auto checkpoint = read_newest_checkpoint(paths_.checkpoints(), r.skipped);
    if (checkpoint) {
      check_same_classes(checkpoint->network.classes, setup_.network.classes, recipe().dataset,
                         paths_.folder);
    }
    return checkpoint;
  }

  // What has changed, one line each; empty if nothing has.
  std::vector<std::string> changes() const {
    std::vector<std::string> lines;
    for (const RecipeChange& c : resumption_->changes) {
      lines.push_back(fmt::format("{} {} -> {}", c.key, c.before, c.after));
    }
    for (const std::string& difference : setup_.data_differences) {
      lines.push_back("data changed: " + difference);
    }
    return lines;
  }

  void record_changes(const std::vector<std::string>& lines) {
    std::vector<std::string> all = resumption_->record.changes;
    for (const std::string& line : lines) {
      all.push_back(fmt::format("step {}: {}", position_.step, line));
      progress_.line("changed: " + line);
    }
    record(std::move(all));
  }

  // Different images make different batches: the epoch starts over. Scores on different validation
  // images cannot be compared.
  void take_changed_data() {
    if (setup_.data_differences.empty()) return;
    position_.batch = 0;
    position_.epoch_sum = LossSums(loss_parts_);
    position_.epoch_pictures = 0;
    if (resumption_->record.data.val.hash == setup_.data.val.hash) return;
    position_.best_fitness = position_.best_epoch = -1;
    progress_.line("the best mAP so far was measured on other validation images and is discarded");
  }

  // From what the checkpoint knows of the epochs so far.
  void begin_log_again() {
    log_.write(start_event());
    std::vector<EpochSummary> epochs;
    for (const EpochSummary& summary : position_.epochs) {
      epochs.push_back(summary);
      log_.write(epoch_event(summary, (summary.epoch + 1) * per_epoch_, judge(epochs)));
    }
    writer_.flush();
  }

  void resume() {
    auto checkpoint = newest_now();
    const std::vector<std::string> lines = changes();
    if (!checkpoint) {  // stopped before its first checkpoint: start over
      log_.truncate(0);
      begin();
      record_changes(lines);
      warn("there is no checkpoint yet: the run begins again with its first step");
      return;
    }
    position_ = checkpoint->position;
    has_checkpoint_ = true;
    take_changed_data();
    step_.load(checkpoint->network, checkpoint->uri);
    predict();
    enter_stage();
    optimizer_->restore(checkpoint->extra, paths_.checkpoints());
    ema_.restore(checkpoint->extra, paths_.checkpoints());
    schedule_->restore(position_.schedule, paths_.checkpoints());
    const bool has_log = storage::exists(paths_.log());
    has_log ? log_.truncate(position_.log_bytes) : begin_log_again();
    tensorboard_.restart(run::read_log(paths_.log()));
    for (const auto& text : resumption_->skipped) warn(text);
    if (!has_log) warn("log.jsonl was missing: it begins again with the epochs so far");
    if (position_.best_epoch >= 0 && !storage::exists(paths_.model())) {
      position_.best_fitness = position_.best_epoch = -1;
      warn("model.oko was missing: the best of the epochs to come takes its place");
    }
    if (!lines.empty()) record_changes(lines);
    Json event{{"event", "resume"}, {"step", position_.step}};
    if (!lines.empty()) event["changes"] = lines;
    write_event(std::move(event));
    progress_.line(fmt::format("resumed at epoch {} of {}, step {}, learning rate {:.3g} ({})",
                               position_.epoch + 1, recipe().epochs, position_.step,
                               schedule_->rate(stage_step(position_.batch)),
                               lines.empty() ? "nothing changed" : "with the changes above"));
  }

  // Called with nothing frozen: the frozen stage needs less.
  void predict() {
    const double pictures = static_cast<double>(setup_.train.samples.size());
    const StepCost cost = step_.measure(recipe().batch);
    const double per_epoch =
        cost.seconds_per_picture * pictures +
        cost.seconds_per_picture / 3 * static_cast<double>(setup_.val.samples.size());
    const double left = per_epoch * (recipe().epochs - position_.epoch);
    EstimateOptions options;
    options.batch = recipe().batch;
    options.half_precision = step_.half_precision();
    options.moments = moments_of(recipe().optimizer);
    options.cache_bytes =
        std::min(static_cast<std::int64_t>(recipe().cache_mb) << 20, dataset_bytes());
    const MemoryEstimate memory = estimate_memory(setup_.network, options);
    const std::int64_t available = available_memory();
    progress_.line(fmt::format(
        "predicted: {} for {} epochs at {:.1f} images/s ({}); {} of memory (activations {}, "
        "parameters {}, images {}), {} free",
        human_seconds(left), recipe().epochs - position_.epoch, 1 / cost.seconds_per_picture,
        step_.description(), human_bytes(memory.total()), human_bytes(memory.activations),
        human_bytes(memory.parameters), human_bytes(memory.pictures), human_bytes(available)));
    if (available > 0 && memory.total() > available) {
      throw Error(ErrorCode::kFailed, "--batch " + std::to_string(recipe().batch),
                  fmt::format("a step needs about {} of memory, but only {} is free",
                              human_bytes(memory.total()), human_bytes(available)),
                  "halve --batch and double --accumulate, or reduce the input size");
    }
  }

  std::int64_t dataset_bytes() const {
    std::int64_t bytes = 0;
    for (const auto& s : setup_.train.samples) {
      bytes += std::int64_t{3} * s.size.width * s.size.height;
    }
    return bytes;
  }

  // ---- stages ----------------------------------------------------------------------------------

  // Freezes the layers of the current stage and creates its schedule and loader.
  void enter_stage() {
    std::vector<bool> frozen(setup_.network.layers.size(), false);
    if (position_.stage == 1) frozen = setup_.pretrained;
    module().freeze(frozen);
    optimizer_->set_frozen(frozen);
    make_loader();
    const int batches = loader_->batches_per_epoch(), together = recipe().accumulate;
    const std::int64_t per_epoch = per_epoch_ = (batches + together - 1) / together;
    const int epochs =
        position_.stage == 1 ? recipe().frozen_epochs : recipe().epochs - recipe().frozen_epochs;
    schedule_ = std::make_unique<Schedule>(schedule_options(recipe(), position_.stage, per_epoch),
                                           per_epoch * epochs);
  }

  // Updates of this stage before the one that batch `batch` of the current epoch belongs to, as if
  // every epoch had had the current number of images.
  std::int64_t stage_step(int batch) const {
    const int first = position_.stage == 1 ? 0 : recipe().frozen_epochs;
    return (position_.epoch - first) * per_epoch_ + batch / recipe().accumulate;
  }

  void make_loader() {
    plain_ = position_.epoch >= recipe().epochs - recipe().plain_epochs;
    loader_ = std::make_unique<dataset::Loader>(setup_.train, loader_options(setup_, plain_));
  }

  void next_stage() {
    save_model(paths_.stage_model(), nullptr);
    progress_.line("stage model: " + paths_.stage_model());
    position_.stage = 2;
    optimizer_ = make_optimizer();
    ema_.restart(module().parameters());
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
        write_event({{"event", "end"}, {"reason", e.what()}, {"step", position_.step}});
        writer_.flush();
      } catch (const Error&) {
        throw e;  // the run folder itself failed
      }
      throw Error(e.code(), e.place(), e.message() + "; checkpoint written: " + uri,
                  (e.hint().empty() ? "" : e.hint() + "; then ") +
                      "continue with oko train --resume --out " + paths_.folder);
    }
  }

  void train_epoch() {
    const auto start = Clock::now();
    if (!plain_ && position_.epoch >= recipe().epochs - recipe().plain_epochs) make_loader();
    loader_->start(position_.epoch, position_.batch);
    const int batches = loader_->batches_per_epoch();
    progress_.begin(fmt::format("epoch {}/{}", position_.epoch + 1, recipe().epochs),
                    static_cast<std::uint64_t>(batches - position_.batch), "steps");
    double waited = 0;
    last_checkpoint_ = Clock::now();
    while (auto batch = loader_->next()) {
      waited += batch->waited_seconds;
      train_batch(*batch, batches);
      loader_->recycle(std::move(*batch));
      progress_.advance();
      if (at_update_) pause_if_asked();
    }
    progress_.end();
    finish_epoch(seconds_since(start), waited);
  }

  void train_batch(const dataset::Batch& batch, int batches) {
    const auto start = Clock::now();
    const int n = static_cast<int>(batch.truths.size());
    if (gradient_batches_ == 0) {
      module().parameters().gradient().zero_();
      update_samples_.clear();
    }
    update_samples_.insert(update_samples_.end(), batch.samples.begin(), batch.samples.end());
    const int together = std::min(recipe().accumulate, batches - batch.index + gradient_batches_);
    const LossSums loss = step_.accumulate(batch, position_.step, 1. / (n * together));
    ++gradient_batches_;
    position_.epoch_sum += loss;
    position_.epoch_pictures += n;
    position_.batch = batch.index + 1;
    at_update_ = gradient_batches_ == recipe().accumulate || position_.batch == batches;
    double norm = 0, rate = 0;
    if (at_update_) {
      gradient_batches_ = 0;
      const bool usable = step_.unscale_gradient();
      norm = optimizer_->clip_gradient(recipe().clip);
      guard(loss.total() / n, norm);
      rate = schedule_->rate(stage_step(batch.index));
      if (usable) optimizer_->step(rate);
      ema_.update(module().parameters());
      ++position_.step;
      at_last_update_ = position_;
    }
    const double seconds = seconds_since(start) + batch.waited_seconds;
    log_step(batch, loss, n, norm, rate, seconds);
  }

  void log_step(const dataset::Batch& batch, const LossSums& loss, int n, double norm, double rate,
                double seconds) {
    if (!at_update_) return;
    Json event{{"event", "step"},
               {"step", position_.step},
               {"epoch", position_.epoch},
               {"stage", position_.stage},
               {"images", n},
               {"loss", loss.total() / n}};
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < loss.values.size(); ++i) {
      event[loss.parts[i].key] = loss.values[i] / n;
      parts.push_back(fmt::format("{} {:.2f}", loss.parts[i].label, loss.values[i] / n));
    }
    event.update({{"l2", step_.l2_loss(recipe().weight_decay)},
                  {"rate", rate},
                  {"gradient_norm", norm},
                  {"images_per_second", n / seconds},
                  {"wait", batch.waited_seconds / seconds},
                  {"width", batch.size.width},
                  {"height", batch.size.height}});
    write_event(std::move(event));
    progress_.note(fmt::format("loss {:.2f} ({}), {:.1f} images/s", loss.total() / n,
                               fmt::join(parts, ", "), n / seconds));
  }

  // Stops before a broken step touches the weights.
  void guard(double loss, double norm) {
    const bool finite = std::isfinite(loss) && (std::isfinite(norm) || step_.may_overflow());
    if (finite) {
      Position& p = position_;
      const double keep = p.smoothed_steps == 0 ? 0 : .95;
      p.smoothed_loss = keep * p.smoothed_loss + (1 - keep) * loss;
      ++p.smoothed_steps;
      if (p.smoothed_steps == kSettled || p.smoothed_loss < p.lowest_loss) {
        p.lowest_loss = p.smoothed_loss;
      }
    }
    const bool diverged = position_.smoothed_steps > kSettled &&
                          position_.smoothed_loss > kDiverged * position_.lowest_loss;
    if (finite && !diverged) return;
    std::string names;
    for (const std::size_t i : update_samples_) {
      names += (names.empty() ? "" : ", ") + storage::filename(setup_.train.samples[i].image);
    }
    const std::string what =
        finite
            ? fmt::format("the loss diverges: {:.1f}, {:.0f} times its minimum",
                          position_.smoothed_loss, position_.smoothed_loss / position_.lowest_loss)
            : fmt::format("the loss or its gradient is not finite (loss {}, gradient norm {})",
                          loss, norm);
    write_event({{"event", "end"}, {"reason", what}, {"step", position_.step}, {"images", names}});
    write_report();
    throw Error(ErrorCode::kFailed,
                fmt::format("epoch {}, step {}", position_.epoch + 1, position_.step + 1),
                what + "; the batch was: " + names,
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
    write_event({{"event", "end"}, {"reason", "interrupted"}, {"step", position_.step}});
    write_report();
    throw Error(ErrorCode::kInterrupted, paths_.folder, "stopped; checkpoint written: " + uri,
                "continue with oko train --resume --out " + paths_.folder);
  }

  std::string checkpoint() {
    position_.schedule = schedule_->state();
    position_.log_bytes = log_.size();
    Checkpoint c;
    c.network = setup_.network;
    c.network.weights = module().parameters().weights(module().parameters().flat());
    c.extra = optimizer_->state();
    c.extra.merge(ema_.state());
    c.position = position_;
    const std::string uri = write_checkpoint(writer_, paths_.checkpoints(), std::move(c));
    if (!std::exchange(has_checkpoint_, true)) writer_.flush();
    return uri;
  }

  static Json epoch_event(const EpochSummary& summary, std::int64_t step, const Verdict& verdict) {
    Json event = to_json(summary);
    event["event"] = "epoch";
    event["step"] = step;
    event["verdict"] = {{"name", verdict.name}, {"why", verdict.why}};
    return event;
  }

  void finish_epoch(double seconds, double waited) {
    EpochSummary summary;
    summary.epoch = position_.epoch;
    summary.stage = position_.stage;
    summary.train = scaled(position_.epoch_sum, position_.epoch_pictures);
    if (!setup_.val.samples.empty()) validate(summary);
    schedule_->observe(summary.has_val ? summary.val.total() : summary.train.total());
    position_.epochs.push_back(summary);
    const Verdict verdict = judge(position_.epochs);
    verdict_ = verdict.name;
    Json event = epoch_event(summary, position_.step, verdict);
    event["seconds"] = seconds;
    event["wait"] = seconds > 0 ? waited / seconds : 0;
    write_event(std::move(event));
    progress_.line(fmt::format(
        "epoch {}/{}: loss {:.2f}{} in {}, {:.0f} % waiting for data; {}", position_.epoch + 1,
        recipe().epochs, summary.train.total(),
        summary.has_val ? fmt::format(", validation {:.2f}, mAP50 {:.3f}, mAP {:.3f}",
                                      summary.val.total(), summary.map50, summary.map)
                        : "",
        human_seconds(seconds), seconds > 0 ? 100 * waited / seconds : 0, verdict.name));
    ++position_.epoch;
    position_.batch = 0;
    position_.epoch_sum = LossSums(loss_parts_);
    position_.epoch_pictures = 0;
    const std::string uri = checkpoint();
    if (options_.stop()) leave(uri);
  }

  static LossSums scaled(LossSums sum, std::int64_t count) {
    return sum /= static_cast<double>(std::max<std::int64_t>(1, count));
  }

  void validate(EpochSummary& summary) {
    const graph::Network network = averaged_network();
    const auto engine = make_torch_engine(network, {threads_, recipe().device});
    const auto result =
        validation_.run(*engine, network, loss_options(recipe()), recipe().batch, progress_);
    summary.has_val = true;
    summary.val = scaled(result.loss, static_cast<std::int64_t>(setup_.val.samples.size()));
    summary.map50 = result.evaluation.map50;
    summary.map = result.evaluation.coco.ap;
    if (fitness(result.evaluation) > position_.best_fitness) {
      position_.best_fitness = fitness(result.evaluation);
      position_.best_epoch = position_.epoch;
      save_model(paths_.model(), &result.evaluation);
    }
  }

  // ---- results ---------------------------------------------------------------------------------

  graph::Network averaged_network() {
    graph::Network network = setup_.network;
    network.weights = module().parameters().weights(ema_.flat());  // the current ones with decay 0
    return network;
  }

  static std::uint64_t weights_size(const graph::Network& network) {
    std::uint64_t size = 0;
    for (const auto& [name, tensor] : network.weights) size += tensor.data.size();
    return size;
  }

  Json training_facts() const {
    return {{"dataset", recipe().dataset}, {"dataset_hash", setup_.data.train.hash},
            {"epoch", position_.epoch},    {"step", position_.step},
            {"stage", position_.stage},    {"recipe", recipe_json()},
            {"oko", OKO_VERSION},          {"libtorch", TrainingStep::library_version()}};
  }

  void save_model(const std::string& uri, const run::Evaluation* evaluation) {
    graph::Network network = averaged_network();
    network.metadata["training"] = training_facts();
    if (evaluation != nullptr) {
      network.metadata["metrics"] = {{"map50", evaluation->map50},
                                     {"map", evaluation->coco.ap},
                                     {"best_f1", evaluation->best_f1.f1},
                                     {"best_f1_score", evaluation->best_f1.score},
                                     {"pictures", evaluation->pictures.size()}};
    }
    writer_.write(uri, weights_size(network), [network] { return graph::write_oko(network); });
  }

  TrainResult finish(double seconds) {
    TrainResult result;
    writer_.flush();
    if (setup_.val.samples.empty() || !storage::exists(paths_.model())) {
      save_model(paths_.model(), nullptr);
    }
    const bool early = position_.epoch < recipe().epochs;
    write_event(
        {{"event", "end"},
         {"reason", early ? fmt::format("no better mAP for {} epochs", recipe().patience) : "done"},
         {"step", position_.step},
         {"peak_memory", peak_resident_memory()}});
    const auto evaluation = write_report();
    result.model = paths_.model();
    result.report = paths_.report();
    result.validated = !setup_.val.samples.empty();
    result.map50 = evaluation.map50;
    result.map = evaluation.coco.ap;
    result.seconds = seconds;
    result.verdict = verdict_;
    return result;
  }

  // Evaluates model.oko as `oko eval` would and writes report.html from it and the log.
  run::Evaluation write_report() {
    writer_.flush();
    run::Evaluation evaluation;
    run::ReportInput input;
    input.title = storage::filename(paths_.folder);
    input.log = run::read_log(paths_.log());
    input.recipe = storage::read_text(paths_.recipe());
    if (!setup_.val.samples.empty() && storage::exists(paths_.model())) {
      graph::Network network =
          graph::read_oko(storage::map(paths_.model()), paths_.model(), graph::Verify::kChecksum)
              .network;
      auto engine = make_torch_engine(network, {threads_, recipe().device});
      detect::Detector detector(std::move(network), std::move(engine));
      evaluation = run::evaluate(detector, setup_.val, {}, progress_);
      input.evaluation = &evaluation;
      input.dataset = &setup_.val;
    }
    storage::write(paths_.report(), run::make_report(input));
    return evaluation;
  }

  void write_event(Json event) { tensorboard_.write(log_.write(std::move(event))); }

  void warn(const std::string& text) {
    progress_.line("warning: " + text);
    write_event({{"event", "warning"}, {"text", text}});
  }

  Setup setup_;
  std::optional<Resumption> resumption_;
  const TrainOptions& options_;
  Progress& progress_;
  run::Paths paths_;
  std::optional<run::Owner> owner_;
  run::Writer writer_;
  run::Log log_;
  run::TensorBoardFile tensorboard_;
  TrainingStep step_;
  std::unique_ptr<Optimizer> optimizer_;
  Ema ema_;
  std::span<const LossPart> loss_parts_;
  int threads_;
  Validation validation_;
  std::unique_ptr<Schedule> schedule_;
  std::unique_ptr<dataset::Loader> loader_;
  Position position_, at_last_update_;
  bool has_checkpoint_ = false;  // one is there for who goes on with the run
  bool plain_ = false;           // the current loader is without mosaic and mix-up
  bool at_update_ = false;       // the last batch ended with an update: stopping is possible
  int gradient_batches_ = 0;
  std::vector<std::size_t> update_samples_;  // images whose gradients are accumulated
  std::int64_t per_epoch_ = 1;               // updates
  Clock::time_point last_checkpoint_;
  std::string verdict_ = "too early to say";
};

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

// The run's record with the user's changes; its newest checkpoint.
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

// If the run is finished and everything is written: the message for it. Nothing changes.
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

void check_use(const TrainOptions& options) {
  if (!options.accept_changed_data || options.resume) return;
  throw Error(ErrorCode::kUsage, "--accept-changed-data", "has no effect without --resume",
              "omit it");
}

TrainResult go_on(const Recipe& wanted, const TrainOptions& options, Progress& progress) {
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
  if (options.resume) return go_on(recipe, options, progress);
  const run::Paths paths{options.out};
  check_effects(recipe, options.given);
  refuse_a_second_run(paths);
  check_outputs(paths);
  return Trainer(set_up(std::move(recipe), progress), std::nullopt, options, progress).run();
}

}  // namespace oko::train
