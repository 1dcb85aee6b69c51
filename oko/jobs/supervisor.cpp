#include "oko/jobs/supervisor.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <iostream>
#include <optional>

#include "oko/base/clock.h"
#include "oko/base/error.h"
#include "oko/cost/cost.h"
#include "oko/jobs/child.h"
#include "oko/jobs/duration.h"
#include "oko/jobs/program.h"
#include "oko/jobs/reporter.h"
#include "oko/jobs/spec.h"
#include "oko/jobs/state.h"
#include "oko/storage/store.h"

namespace oko::jobs {
namespace {

constexpr int kPreempted = static_cast<int>(ErrorCode::kInterrupted);
constexpr int kLostWorker = static_cast<int>(ErrorCode::kWorkerLost);
constexpr int kMostCrashesInARow = 3;
// A training that ran for this long has made progress: earlier crashes no longer count.
constexpr double kGoodSeconds = 600;
// Of another worker with worker 0's word on why all ended.
constexpr double kPatienceWithFirst = 10;
// By which worker 0 keeps the limits sooner than the others, so that all agree on why they end.
constexpr double kLimitSlack = 30;
constexpr int kLastLines = 12;
constexpr std::size_t kLongestTail = 4096;

std::string time_text(double seconds) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

// The end of the output, for the message of a failure.
class Tail {
 public:
  void add(std::string_view text) {
    text_ += text;
    if (text_.size() > 2 * kLongestTail) text_.erase(0, text_.size() - kLongestTail);
  }
  std::string lines() const {
    const std::string_view end =
        std::string_view(text_).substr(text_.size() - std::min(text_.size(), kLongestTail));
    return std::string(last_lines(end, kLastLines));
  }

 private:
  std::string text_;
};

bool was_interrupted(const Ending& ending) {
  return ending.signal == 0 && ending.code == kPreempted;
}

Spec read_spec(const std::string& folder) {
  const auto text = open_folder(folder)->read(kSpecFile);
  const std::string name = storage::join(folder, kSpecFile);
  if (!text) {
    throw input_error(name, "does not exist: this is not a job's folder",
                      "oko job submit creates one");
  }
  return spec_from_json(parse_json(*text, name), name);
}

std::optional<State> read_state(Folder& folder) {
  const auto text = folder.read(kStateFile);
  if (!text) return std::nullopt;
  const std::string name = storage::join(folder.place(), kStateFile);
  try {
    return state_from_json(parse_json(*text, name), name);
  } catch (const Error& error) {  // no reason not to train
    std::cerr << "oko job: " << error.what() << "; ignored\n";
    return std::nullopt;
  }
}

// Why the supervisor ends the training, in the order in which they count.
struct Request {
  Phase phase = Phase::kRunning;  // that the job is in afterwards
  std::string reason;
};

class Supervisor {
 public:
  Supervisor(const SupervisorOptions& options, Spec spec)
      : options_(options),
        spec_(std::move(spec)),
        is_first_(options.placement.rank == 0),
        reporter_(options.folder, spec_.created, options.placement.rank, is_first_,
                  storage::is_local(options.folder) ? .2 : 10, options.heartbeat_seconds) {}

  int run();
  // A later attempt has taken the job over: nothing of it is this one's business any more.
  bool replaced() const { return replaced_; }

 private:
  void begin();
  Ending run_child();
  ChildOptions child_options() const;
  // `slack`: seconds after a limit at which it counts.
  Request request(double slack = 0);
  // Worker 0's last word, if it has written one since this worker began. A worker on a machine with
  // a disk of its own never gets one.
  std::optional<Request> word_of_first(Folder& folder) const;
  // Whether the training should be started again after this ending.
  bool restarts_after(const Ending& ending, double seconds);
  bool wait_before_restart();
  void look_again();
  int conclude(const Ending& ending);
  int code_for_engine(int code) const;
  int finish(Phase phase, const std::string& reason, int code);
  void say(const std::string& text);
  void print(std::string_view text);
  // Seconds of running in all attempts. The clock of a machine that has just started may jump.
  double ran() const { return ran_before_ + seconds_since(begun_); }
  void report();

  const SupervisorOptions& options_;
  const Spec spec_;
  const bool is_first_;
  Reporter reporter_;
  State state_;
  double ran_before_ = 0;
  const Clock::time_point begun_ = Clock::now();
  Tail tail_;
  Request asked_;                // once the training was told to end
  std::optional<State> before_;  // the job's state when this worker began
  int crashes_ = 0;
  bool replaced_ = false;
};

void Supervisor::print(std::string_view text) {
  std::cout << text << std::flush;
  reporter_.log(text);
}

void Supervisor::say(const std::string& text) {
  print(fmt::format("--- {}: {}\n", time_text(wall_time()), text));
}

void Supervisor::report() {
  state_.ran = ran();
  reporter_.set(state_);
}

void Supervisor::begin() {
  const auto folder = open_folder(options_.folder);
  before_ = read_state(*folder);
  if (const auto& last = before_) {
    state_.attempt = last->attempt + (is_first_ ? 1 : 0);
    // A supervisor that was killed did not write its end: its last heartbeat counts.
    ran_before_ = last->ran;
  }
  state_.host = this_host();
  state_.process = ::getpid();
  state_.workers = options_.placement.size;
  report();
  const std::string which =
      options_.placement.size == 1
          ? ""
          : fmt::format(", worker {} of {}", options_.placement.rank, options_.placement.size);
  say(fmt::format("job {}, attempt {}{}, on {}", spec_.id, state_.attempt, which, state_.host));
}

ChildOptions Supervisor::child_options() const {
  ChildOptions child;
  child.program = options_.program;
  child.words = spec_.command;
  child.words.insert(child.words.end(), {"--out", spec_.run});
  // Other workers get the state of the run from worker 0.
  if (storage::exists(storage::join(spec_.run, "run.toml"))) child.words.push_back("--resume");
  child.directory = spec_.directory;
  child.set["OKO_JOB"] = spec_.id;
  const Placement& placement = options_.placement;
  if (placement.size > 1) {
    child.set["RANK"] = std::to_string(placement.rank);
    child.set["WORLD_SIZE"] = std::to_string(placement.size);
    child.set["LOCAL_RANK"] = std::to_string(placement.local_rank);
    child.set["MASTER_ADDR"] = placement.master_address;
    child.set["MASTER_PORT"] = std::to_string(placement.master_port);
  } else {
    child.unset = {"RANK", "WORLD_SIZE"};
  }
  // The workers that are left go on soon. After a preemption, whose machines come back at different
  // times, all are waited for.
  if (state_.restarts > 0) child.set["OKO_RESTART"] = "1";
  return child;
}

Request Supervisor::request(double slack) {
  if (const auto why = reporter_.cancelled()) return {Phase::kCancelled, *why};
  if (reporter_.removed()) return {Phase::kCancelled, "its folder was removed"};
  if (options_.signals() > 0) {
    return {Phase::kPreempted, "the machine was taken away, or the job was ended from outside"};
  }
  const Resources& limits = spec_.resources;
  const double hours = (ran() - slack) / 3600;
  if (limits.max_hours > 0 && hours >= limits.max_hours) {
    return {Phase::kStopped, "it ran for " + duration_text(hours * 3600) + " (--max-time)"};
  }
  if (limits.max_cost > 0 && hours * spec_.price >= limits.max_cost) {
    return {Phase::kStopped,
            "it has cost about " + cost::usd_text(hours * spec_.price) + " (--max-cost)"};
  }
  return {};
}

Ending Supervisor::run_child() {
  Child child(child_options());
  std::optional<Clock::time_point> told;  // to end
  bool killed = false;
  for (;;) {
    const std::string output = child.read(100);
    if (!output.empty()) {
      print(output);
      tail_.add(output);
    }
    if (!told) {
      asked_ = request(is_first_ ? 0 : kLimitSlack);
      if (asked_.phase != Phase::kRunning) {
        told = Clock::now();
        say("ends the training: " + asked_.reason);
        // A checkpoint would bring back what someone has removed.
        killed = reporter_.removed() && spec_.run == storage::join(spec_.folder, "run");
        child.signal(killed ? SIGKILL : SIGTERM);
      }
    } else if (!killed && seconds_since(*told) > options_.grace_seconds) {
      killed = true;
      say("the training does not end: killed");
      child.signal(SIGKILL);
    }
    if (!output.empty()) continue;
    if (const auto ending = child.ended()) {
      for (std::string rest = child.read(0); !rest.empty(); rest = child.read(0)) {
        print(rest);
        tail_.add(rest);
      }
      return *ending;
    }
  }
}

bool Supervisor::restarts_after(const Ending& ending, double seconds) {
  if (asked_.phase != Phase::kRunning) return false;
  if (seconds >= kGoodSeconds) crashes_ = 0;
  const bool left_alone = !is_first_ && was_interrupted(ending);  // see look_again()
  const bool crashed = ending.signal != 0 || ending.code == kLostWorker || left_alone ||
                       ending.code == static_cast<int>(ErrorCode::kStorage);
  if (!crashed || ++crashes_ > kMostCrashesInARow) return false;
  const std::string what =
      ending.signal != 0
          ? fmt::format("the training was ended by signal {} ({}){}", ending.signal,
                        strsignal(ending.signal),
                        ending.signal == SIGKILL ? ": the machine may have too little memory" : "")
      : left_alone ? "another worker ended the training, and worker 0 does not say why"
      : ending.code == kLostWorker ? "another worker was lost"
                                   : "the training could not reach its files";
  say(fmt::format("{}; starts it again, {} of {}", what, crashes_, kMostCrashesInARow));
  return true;
}

// False if the job is to end instead.
bool Supervisor::wait_before_restart() {
  const auto start = Clock::now();
  while (seconds_since(start) < options_.pause_seconds * crashes_) {
    asked_ = request();
    if (asked_.phase == Phase::kPreempted) look_again();
    if (asked_.phase != Phase::kRunning) return false;
    ::poll(nullptr, 0, 100);
  }
  if (!is_first_) {
    const auto word = word_of_first(*open_folder(options_.folder));
    if (word && word->phase != Phase::kPreempted) {  // `oko job retry` writes that too
      asked_ = *word;
      return false;
    }
  }
  ++state_.restarts;
  report();
  return true;
}

std::optional<Request> Supervisor::word_of_first(Folder& folder) const {
  const auto first = read_state(folder);
  if (!first || first->phase == Phase::kRunning) return std::nullopt;
  if (before_ && to_json(*first) == to_json(*before_)) return std::nullopt;
  const bool failed = first->phase == Phase::kFailed;
  return Request{first->phase, (failed ? "worker 0 failed: " : "") + first->reason};
}

// Why the training was interrupted, if it is not a preemption. Whoever cancels writes the marker
// first, then sends the signal, which may be seen earlier; and workers stop together, whichever of
// them was told to. Without a word of worker 0 it is as if that one was lost: this worker waits for
// it, within its own limits, and ends for good if it does not come back.
void Supervisor::look_again() {
  const auto folder = open_folder(options_.folder);
  const auto start = Clock::now();
  do {
    if (const auto why = cancellation(*folder)) {
      asked_ = {Phase::kCancelled, *why};
      return;
    }
    if (asked_.phase == Phase::kRunning) asked_ = request();
    if (is_first_ || asked_.phase != Phase::kRunning) return;
    if (const auto word = word_of_first(*folder)) {
      asked_ = *word;
      return;
    }
    ::poll(nullptr, 0, 500);
  } while (seconds_since(start) < kPatienceWithFirst);
}

// Engines may start again what ended with 4, whose folder could not be reached, and with 5, which
// has lost worker 0. A training that has failed for good must look like neither.
int Supervisor::code_for_engine(int code) const {
  if (!is_first_ && (code == kLostWorker || code == kPreempted)) return kLostWorker;
  return code == kLostWorker || code == static_cast<int>(ErrorCode::kStorage) ? 1 : code;
}

int Supervisor::conclude(const Ending& ending) {
  state_.code = ending.code;
  if (ending.signal == 0 && ending.code == 0) {
    return finish(Phase::kSucceeded, "", 0);  // also if it was told to end, but too late
  }
  if (asked_.phase == Phase::kPreempted)
    return finish(Phase::kPreempted, asked_.reason, kPreempted);
  if (asked_.phase != Phase::kRunning) {
    return finish(asked_.phase, asked_.reason, asked_.phase == Phase::kSucceeded ? 0 : 1);
  }
  if (is_first_ && was_interrupted(ending)) {
    return finish(Phase::kPreempted, "the training was interrupted", kPreempted);
  }
  state_.last_lines = tail_.lines();
  if (ending.signal != 0) {
    return finish(Phase::kFailed,
                  fmt::format("the training was ended by signal {} ({})", ending.signal,
                              strsignal(ending.signal)),
                  1);
  }
  const int code = code_for_engine(ending.code);
  return finish(Phase::kFailed,
                code == kLostWorker ? "worker 0 has ended, and did not come back"
                                    : fmt::format("the training ended with code {}", ending.code),
                code);
}

int Supervisor::finish(Phase phase, const std::string& reason, int code) {
  const double seconds = ran();
  state_.phase = phase;
  state_.reason = reason;
  say(std::string(word_of(phase)) + (reason.empty() ? "" : ": " + reason));
  std::optional<std::string> marker;
  if (phase == Phase::kSucceeded) {
    const Json done = {{"time", wall_time()},
                       {"model", storage::join(spec_.run, "model.oko")},
                       {"seconds", seconds},
                       {"attempts", state_.attempt}};
    marker = json_file(done);
  }
  state_.ran = seconds;
  replaced_ = !reporter_.finish(state_, marker);
  return code;
}

int Supervisor::run() {
  begin();
  try {
    for (;;) {
      const auto start = Clock::now();
      const Ending ending = run_child();
      const bool succeeded = ending.signal == 0 && ending.code == 0;
      if ((asked_.phase == Phase::kPreempted && !succeeded) ||
          (asked_.phase == Phase::kRunning && was_interrupted(ending))) {
        look_again();
      }
      if (!restarts_after(ending, seconds_since(start))) return conclude(ending);
      if (!wait_before_restart()) return conclude(ending);
    }
  } catch (const Error& error) {
    if (state_.phase != Phase::kRunning) throw;  // its end could not be written
    return finish(Phase::kFailed, error.what(), code_for_engine(static_cast<int>(error.code())));
  }
}

// Ends a rented machine, if the job says how. Told on standard error, which every engine keeps.
void run_when_done(const Spec& spec) {
  const std::string command = spec.setting("when-done");
  if (command.empty()) return;
  std::cerr << "--- runs " << command << '\n';
  try {
    Child child({"/bin/sh", {"-c", command}, {{"OKO_JOB", spec.id}}, {}, {}});
    while (!child.ended()) std::cerr << child.read(100);
    for (std::string rest = child.read(0); !rest.empty(); rest = child.read(0)) std::cerr << rest;
  } catch (const Error& error) {
    std::cerr << "oko job: " << error.what() << '\n';
  }
}

}  // namespace

int supervise(const SupervisorOptions& options) {
  Spec spec = read_spec(options.folder);
  const auto folder = open_folder(options.folder);
  if (folder->read(kDoneFile)) {
    std::cout << "job " << spec.id << " has already succeeded\n";
    return 0;
  }
  if (folder->read(kCancelFile)) {
    std::cout << "job " << spec.id << " was cancelled\n";
    run_when_done(spec);
    return 1;
  }
  Supervisor supervisor(options, spec);
  int code = 0;
  try {
    code = supervisor.run();
  } catch (...) {
    run_when_done(spec);  // a machine must not be paid for because a disk is full
    throw;
  }
  if (code != kPreempted && !supervisor.replaced()) run_when_done(spec);
  return code;
}

}  // namespace oko::jobs
