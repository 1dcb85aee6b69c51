#include <fmt/format.h>

#include <cstdlib>
#include <thread>

#include "oko/cli/choice.h"
#include "oko/cli/interrupt.h"
#include "oko/cli/job.h"
#include "oko/cost/cost.h"
#include "oko/jobs/duration.h"
#include "oko/jobs/program.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

using jobs::Job;
using jobs::json_file;
using jobs::Standing;
using jobs::Status;
using jobs::wall_time;

// ---- cancel -----------------------------------------------------------------------------------

std::string who() {
  const char* const user = std::getenv("USER");
  return (user == nullptr ? "" : std::string(user) + "@") + jobs::this_host();
}

// Whether its engine runs it, or will, whatever its folder says.
bool runs(const Job& job) {
  if (job.engine.is_null()) return false;
  using enum jobs::Observation::Phase;
  const auto phase = job.backend->observe(job.spec, job.engine).phase;
  return phase == kQueued || phase == kRunning;
}

void cancel(const std::string& name, bool no_wait, Context& context) {
  const Job job = jobs::open_job(name);
  Status status = jobs::status_of(job, wall_time());
  if (status.over() && !runs(job)) {
    context.say(job.spec.id + " has already ended: " + std::string(word_of(status.standing)));
    context.emit({{"id", job.spec.id}, {"state", word_of(status.standing)}});
    return;
  }
  // The wish first: a worker that sees the signal then knows that it is not a preemption.
  std::optional<Error> unwritten;
  try {
    const bool is_there = job.folder->read(jobs::kSpecFile).has_value();  // else it is not created
    if (is_there) {
      job.folder->write(jobs::kCancelFile,
                        json_file({{"why", "cancelled by " + who()}, {"time", wall_time()}}));
    }
  } catch (const Error& error) {  // a full disk must not keep a machine running
    if (error.code() != ErrorCode::kStorage || job.engine.is_null()) throw;
    unwritten = error;
  }
  if (!job.engine.is_null()) job.backend->cancel(job.spec, job.engine);
  if (unwritten) {
    throw Error(
        ErrorCode::kStorage, job.folder->place(),
        "the job was told to end, but its folder could not be written: " + unwritten->message(),
        "it may be shown as preempted");
  }
  const InterruptGuard guard;
  constexpr double kPatience = 90, kPause = .5;
  const double start = wall_time();
  while (!no_wait && !guard.interrupted() && wall_time() < start + kPatience) {
    status = jobs::status_of(job, wall_time());
    if (status.over()) break;
    std::this_thread::sleep_for(std::chrono::duration<double>(kPause));
  }
  context.say(job.spec.id + ": " +
              (status.over() ? std::string(word_of(status.standing)) +
                                   (status.why.empty() ? "" : ": " + status.why)
                             : "is being cancelled; the workers write a checkpoint first"));
  context.emit({{"id", job.spec.id}, {"state", word_of(status.standing)}});
}

// ---- retry ------------------------------------------------------------------------------------

struct RetryArguments {
  std::string job, max_time;
  double max_cost = 0;
};

// Held while a job is started again, so that two people do not start it twice.
class RetryLock {
 public:
  explicit RetryLock(const Job& job) : folder_(*job.folder) {
    const std::string text = json_file({{"who", who()}, {"time", wall_time()}});
    if (folder_.create(jobs::kRetryFile, text)) return;
    const auto [other, since] = holder();
    constexpr double kForgotten = 600;  // by a retry that was killed
    if (wall_time() - since > kForgotten) {
      folder_.remove(jobs::kRetryFile);
      if (folder_.create(jobs::kRetryFile, text)) return;
    }
    throw Error(ErrorCode::kUsage, job.spec.id, "is being started again by " + other,
                "oko job show " + job.spec.id);
  }
  ~RetryLock() {
    try {
      folder_.remove(jobs::kRetryFile);
    } catch (const Error&) {  // it expires
    }
  }
  RetryLock(const RetryLock&) = delete;
  RetryLock& operator=(const RetryLock&) = delete;

 private:
  // Who has it, and since when; a broken file is nobody's.
  std::pair<std::string, double> holder() const {
    const std::string name = storage::join(folder_.place(), jobs::kRetryFile);
    try {
      const Json json = parse_json(folder_.read(jobs::kRetryFile).value_or("{}"), name);
      return {json_get_or<std::string>(json, "who", "someone else", name),
              json_get_or<double>(json, "time", 0, name)};
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kInput) throw;
      return {"", 0};
    }
  }

  jobs::Folder& folder_;
};

void refuse_unless_ended(const Job& job, const Status& status) {
  if (status.standing == Standing::kSucceeded) {
    throw Error(ErrorCode::kUsage, job.spec.id, "has succeeded: there is nothing to do again",
                "oko job submit starts a new job");
  }
  // Lost: whoever resumes takes the run folder over, so that a worker that is still alive stops.
  if (status.over() || status.standing == Standing::kLost) return;
  if (status.standing == Standing::kUnknown) {
    throw Error(ErrorCode::kUsage, job.spec.id, "cannot be continued: " + status.why, status.hint);
  }
  const bool engine_restarts =
      status.standing != Standing::kPreempted || status.hint.empty();  // see status.cpp
  if (!engine_restarts) return;
  throw Error(ErrorCode::kUsage, job.spec.id, "is " + std::string(word_of(status.standing)),
              "oko job cancel " + job.spec.id + " ends it first");
}

void retry(const RetryArguments& arguments, Context& context) {
  Job job = jobs::open_job(arguments.job);
  if (!job.folder->read(jobs::kSpecFile)) {  // or it would be created
    throw input_error(job.folder->place(), "the job's folder is not there",
                      "is it on a disk that is not mounted, or was it moved?");
  }
  const RetryLock lock(job);
  const Status status = jobs::status_of(job, wall_time());
  refuse_unless_ended(job, status);
  if (status.over() && runs(job)) {
    throw Error(ErrorCode::kUsage, job.spec.id, "is still ending",
                "oko job cancel " + job.spec.id + " ends it; its --when-done may be running");
  }
  jobs::Resources& limits = job.spec.resources;
  if (!arguments.max_time.empty()) {
    limits.max_hours = jobs::parse_hours(arguments.max_time, "--max-time");
  }
  if (arguments.max_cost > 0) limits.max_cost = arguments.max_cost;
  const double hours = status.seconds / 3600;
  if (limits.max_hours > 0 && hours >= limits.max_hours) {
    throw Error(
        ErrorCode::kUsage, "--max-time",
        fmt::format("the job has already run for {} of {}", jobs::duration_text(status.seconds),
                    jobs::duration_text(limits.max_hours * 3600)),
        "give a larger one: it counts all attempts together");
  }
  if (limits.max_cost > 0 && status.cost >= limits.max_cost) {
    throw Error(ErrorCode::kUsage, "--max-cost",
                fmt::format("the job has already cost {} of {}", cost::usd_text(status.cost),
                            cost::usd_text(limits.max_cost)),
                "give a larger one: it counts all attempts together");
  }
  job.backend->check(job.spec);
  jobs::replace_spec(job);
  job.folder->remove(jobs::kCancelFile);
  if (status.state) {
    jobs::State state = *status.state;
    state.phase = jobs::Phase::kPreempted;
    state.reason = "started again by oko job retry";
    job.folder->write(jobs::kStateFile, json_file(jobs::to_json(state)));
  }
  job.engine = job.backend->submit(job.spec, *job.folder, *context.progress);
  jobs::record_engine(job);
  context.say(job.spec.id + " was started again");
  context.say("next      oko job logs -f " + job.spec.id);
  context.emit({{"id", job.spec.id}, {"engine", job.engine}});
}

}  // namespace

void add_job_change_commands(CLI::App& job, Context& context) {
  CLI::App* command = job.add_subcommand("cancel", "End a job, with a checkpoint");
  const auto name = std::make_shared<std::string>();
  const auto no_wait = std::make_shared<bool>(false);
  add_job_argument(*command, *name);
  command->add_flag("--no-wait", *no_wait, "Return at once instead of waiting until it has ended");
  command->footer("Examples:\n  oko job cancel raccoon");
  command->callback([name, no_wait, &context] { cancel(*name, *no_wait, context); });

  command = job.add_subcommand("retry", "Start a job again from its last checkpoint");
  const auto again = std::make_shared<RetryArguments>();
  add_job_argument(*command, again->job);
  command
      ->add_option("--max-time", again->max_time,
                   "New limit of running time, all attempts together")
      ->type_name("TIME");
  command
      ->add_option("--max-cost", again->max_cost, "New limit of cost in USD, all attempts together")
      ->check(number_range(.01, 1e6))
      ->type_name("USD");
  command->footer("Examples:\n  oko job retry raccoon\n  oko job retry raccoon --max-time 8h");
  command->callback([again, &context] { retry(*again, context); });
}

}  // namespace oko::cli
