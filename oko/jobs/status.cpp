#include "oko/jobs/status.h"

#include <fmt/format.h>

#include "oko/base/error.h"
#include "oko/jobs/duration.h"
#include "oko/storage/store.h"

namespace oko::jobs {
namespace {

// Enough of the end of a run's log to contain its last epoch, and of the start the recipe.
constexpr std::uint64_t kLogEnd = std::uint64_t{256} << 10;

Standing standing_of(Phase phase) {
  switch (phase) {
    case Phase::kRunning:
      return Standing::kRunning;
    case Phase::kPreempted:
      return Standing::kPreempted;
    case Phase::kSucceeded:
      return Standing::kSucceeded;
    case Phase::kFailed:
      return Standing::kFailed;
    case Phase::kCancelled:
      return Standing::kCancelled;
    case Phase::kStopped:
      return Standing::kStopped;
  }
  return Standing::kUnknown;
}

// A broken one counts as none; `fault` says what is wrong with it.
std::optional<State> state_in(Folder& folder, std::string& fault) {
  fault.clear();
  const auto text = folder.read(kStateFile);
  if (!text) return std::nullopt;
  const std::string name = storage::join(folder.place(), kStateFile);
  try {
    return state_from_json(parse_json(*text, name), name);
  } catch (const Error& error) {
    fault = error.what();
    return std::nullopt;
  }
}

// Reads lines of a run's log.jsonl (docs/run-folder.md); what is not such a line is skipped.
void read_progress(std::string_view text, Status& status) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return;
    const Json event = Json::parse(text.substr(0, end), nullptr, false);
    text.remove_prefix(end + 1);
    if (!event.is_object() || !event.contains("event") || !event["event"].is_string()) continue;
    const auto number = [&](const char* key, auto& value) {
      if (!event.contains(key) || !event[key].is_number()) return false;
      if (std::is_integral_v<std::decay_t<decltype(value)>> && !event[key].is_number_unsigned()) {
        return false;
      }
      value = event[key].template get<std::decay_t<decltype(value)>>();
      return true;
    };
    const std::string kind = event.value("event", std::string());
    if (kind == "start" && event.contains("recipe") && event["recipe"].is_object()) {
      const Json& recipe = event["recipe"];
      if (recipe.contains("epochs") && recipe["epochs"].is_number_integer()) {
        status.epochs = recipe["epochs"].get<int>();
      }
    } else if (kind == "epoch" && number("epoch", status.epoch)) {
      ++status.epoch;
      status.has_map = number("map50", status.map50);
    } else if (kind == "step") {
      status.has_loss = number("loss", status.loss);
    }
  }
}

void add_progress(const Job& job, Status& status) {
  const Spec& spec = job.spec;
  std::unique_ptr<Folder> elsewhere;
  std::string name = "run/log.jsonl";
  Folder* folder = job.folder.get();
  if (spec.run != storage::join(spec.folder, "run")) {
    elsewhere = open_folder(spec.run);
    folder = elsewhere.get();
    name = "log.jsonl";
  }
  const std::uint64_t size = folder->size(name);
  if (size == 0) return;
  if (size > kLogEnd) {
    const std::string start = folder->read_from(name, 0);
    read_progress(std::string_view(start).substr(0, start.find('\n') + 1), status);
  }
  std::string end = folder->read_from(name, size > kLogEnd ? size - kLogEnd : 0);
  if (size > kLogEnd) end.erase(0, end.find('\n') + 1);
  read_progress(end, status);
}

// For so long after a job's last word its engine is asked whether it knows better: engines let go
// of a machine, or start a worker again, within minutes.
constexpr double kEngineCatchesUp = 3600;

// Of a job that may run although nobody hears of it.
std::string hint_of_lost(const Job& job) {
  return job.backend->rents() || job.spec.price > 0
             ? "its machine may still be charged: look at the engine's own list of machines"
             : "oko job cancel " + job.spec.id + " ends what still runs";
}

// The state says that it runs, or that it waits to run again.
void judge_unfinished(const Job& job, const Observation& engine, double now, Status& status) {
  const State& state = *status.state;
  const double silence = now - state.time;
  const bool silent = silence > kLostSeconds;
  using enum Observation::Phase;
  const bool ended = engine.phase == kEnded || engine.phase == kGone || engine.first_ended;
  if (state.phase == Phase::kPreempted) {
    status.standing = Standing::kPreempted;
    status.why = state.reason;
    if (engine.phase == kQueued && !engine.reason.empty()) {  // what it waits for now
      status.why = engine.reason;
      status.hint = engine.hint;
    }
    status.engine_runs = engine.first_ended;
    if (ended) {
      status.hint = "oko job retry " + job.spec.id + " continues from the last checkpoint";
    }
    return;
  }
  switch (engine.phase) {
    case kRunning:
      if (engine.first_ended) break;
      if (!silent) return;
      status.standing = Standing::kLost;
      status.why =
          "no sign of life for " + age_text(silence) + ", though its engine says that it runs";
      status.hint = hint_of_lost(job);
      return;
    case kQueued:
      status.standing = Standing::kPreempted;
      status.why = engine.reason.empty() ? "waits to be started again" : engine.reason;
      return;
    case kEnded:
    case kGone:
      break;
    case kUnreachable:
      status.standing = silent ? Standing::kLost : Standing::kUnknown;
      status.why = engine.reason;
      if (silent) {
        status.why = "no sign of life for " + age_text(silence) + "; " + engine.reason;
        status.hint = hint_of_lost(job);
      }
      return;
  }
  status.standing = Standing::kLost;
  status.why = "it ended without reporting why" +
               (engine.reason.empty() ? std::string() : ": " + engine.reason);
  status.hint = "oko job retry " + job.spec.id + " continues from the last checkpoint";
}

// The folder says that it has ended.
void judge_ended(const Job& job, double now, Status& status) {
  if (job.engine.is_null() || !status.state || now - status.state->time > kEngineCatchesUp) return;
  const Observation engine = job.backend->observe(job.spec, job.engine);
  const bool waits = engine.phase == Observation::Phase::kQueued;
  status.engine_runs = engine.phase == Observation::Phase::kRunning;
  if (status.standing == Standing::kSucceeded || (!waits && !status.engine_runs)) return;
  status.why = fmt::format("{}{}{}; {}", word_of(status.standing), status.why.empty() ? "" : ": ",
                           status.why,
                           waits                ? "its engine starts it again"
                           : engine.first_ended ? "other workers still run"
                                                : "its engine still runs it");
  status.standing = waits ? Standing::kQueued : Standing::kEnding;
}

// The worker code has not written anything yet.
void judge_unstarted(const Job& job, const Observation& engine, Status& status) {
  using enum Observation::Phase;
  status.why = engine.reason;
  status.hint = engine.hint;
  switch (engine.phase) {
    case kQueued:
      status.standing = Standing::kQueued;
      return;
    case kRunning:
      status.standing = Standing::kStarting;
      return;
    case kEnded:
    case kGone:
      status.standing = Standing::kFailed;
      if (status.why.empty()) status.why = "it ended before training began";
      if (status.hint.empty()) status.hint = "oko job logs --engine " + job.spec.id;
      return;
    case kUnreachable:
      status.standing = Standing::kUnknown;
      return;
  }
}

// What the folder alone decides: the marker of success, or worker 0's last word. False if the job
// has not ended by them.
bool has_ended(const Job& job, Status& status, std::string& fault) {
  status.state = state_in(*job.folder, fault);
  if (job.folder->read(kDoneFile)) {
    status.standing = Standing::kSucceeded;
    return true;
  }
  if (!status.state) return false;
  status.standing = standing_of(status.state->phase);
  status.why = status.state->reason;
  return status.over() && status.standing != Standing::kSucceeded;
}

// `submit` ended before it could write the engine's name.
void judge_without_engine(const Job& job, double now, Status& status) {
  if (!status.state && !job.engine_fault.empty()) {
    status.why = job.engine_fault;
    status.hint = "oko job cancel " + job.spec.id + " lets its workers end if there are any";
    return;
  }
  if (!status.state) {
    status.standing = Standing::kFailed;
    status.why = "it was not submitted completely";
    status.hint = "oko job retry " + job.spec.id;
    return;
  }
  judge_unfinished(job, {.phase = Observation::Phase::kUnreachable}, now, status);
  if (status.standing == Standing::kUnknown) status.standing = Standing::kRunning;
}

void judge(const Job& job, double now, Status& status) {
  std::string fault;  // of the state
  if (has_ended(job, status, fault)) return judge_ended(job, now, status);
  if (!status.state && fault.empty() && !job.folder->read(kSpecFile)) {
    status.why = "its folder is not there: " + job.folder->place();
    status.hint = "is it on a disk that is not mounted, or was it moved?";
    return;
  }
  const bool cancelling = job.folder->read(kCancelFile).has_value();
  if (job.engine.is_null()) {
    judge_without_engine(job, now, status);
    if (cancelling && !status.state) status.standing = Standing::kCancelled;
    return;
  }
  const Observation engine = job.backend->observe(job.spec, job.engine);
  const bool gone =
      engine.phase == Observation::Phase::kEnded || engine.phase == Observation::Phase::kGone;
  if (gone && has_ended(job, status, fault)) return;  // since the folder was read
  if (cancelling && gone) {
    status.standing = Standing::kCancelled;
    status.why = "before it could report so itself";
    return;
  }
  if (status.state) {
    judge_unfinished(job, engine, now, status);
  } else {
    judge_unstarted(job, engine, status);
  }
  if (!fault.empty()) {
    if (status.standing != Standing::kFailed) status.standing = Standing::kUnknown;
    status.why = fault;
    status.hint = gone ? "oko job retry " + job.spec.id : "";
  }
  if (cancelling) status.why = "is being cancelled" + (status.why.empty() ? "" : "; " + status.why);
}

}  // namespace

bool Status::over() const {
  using enum Standing;
  return standing == kSucceeded || standing == kFailed || standing == kCancelled ||
         standing == kStopped;
}

bool Status::charged() const {
  using enum Standing;
  return engine_runs || standing == kStarting || standing == kRunning || standing == kLost ||
         standing == kUnknown || standing == kEnding;
}

Status status_of(const Job& job, double now) {
  Status status;
  try {
    judge(job, now, status);
    if (status.state) add_progress(job, status);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    status.standing = Standing::kUnknown;
    status.why = error.what();
  }
  if (status.state) {
    // Nobody knows how long a machine ran after its last sign of life.
    const bool lost = status.standing == Standing::kLost;
    status.seconds = status.state->seconds(lost ? status.state->time : now);
    status.cost = status.seconds / 3600 * job.spec.price;
  }
  return status;
}

}  // namespace oko::jobs
