#include <fmt/format.h>

#include <iostream>
#include <thread>
#include <utility>

#include "oko/base/text.h"
#include "oko/cli/interrupt.h"
#include "oko/cli/job.h"
#include "oko/cli/standard_streams.h"
#include "oko/cli/table.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

using jobs::Job;
using jobs::Standing;
using jobs::Status;
using jobs::wall_time;

// ---- logs -------------------------------------------------------------------------------------

struct LogArguments {
  std::string job;
  int worker = 0, lines = 0;
  bool follow = false, engine = false;
};

double pause_of(const Job& job) { return storage::is_local(job.folder->place()) ? .3 : 3; }

bool sleep_unless(const InterruptGuard& guard, double seconds) {
  const double end = wall_time() + seconds;
  while (!guard.interrupted() && wall_time() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return !guard.interrupted();
}

// False if the reader of a pipe has gone.
bool print(std::string_view text) {
  std::cout << text << std::flush;
  return std::cout.good();
}

// A log that is followed. A network that is cut comes back, and the job goes on without it: then
// nothing is read for a while.
class Followed {
 public:
  Followed(jobs::Folder& folder, std::string name) : folder_(folder), name_(std::move(name)) {}

  // What it has from byte `offset` on. Throws if its folder has never been reached.
  std::string read_from(std::uint64_t offset) {
    try {
      std::string piece = folder_.read_from(name_, offset);
      reached_ = true;
      warned_ = false;
      return piece;
    } catch (const Error& error) {
      if (!reached_ || error.code() != ErrorCode::kStorage) throw;
      if (!std::exchange(warned_, true)) {
        std::cerr << "oko: warning: " << error.what() << "; trying again\n";
      }
      return {};
    }
  }

 private:
  jobs::Folder& folder_;
  std::string name_;
  bool reached_ = false, warned_ = false;
};

void note(const std::string& text) { std::cerr << "oko: note: " << printable(text) << '\n'; }

void check_worker(const Job& job, int worker) {
  const int workers = job.spec.resources.workers;
  if (worker < workers) return;
  throw Error(ErrorCode::kUsage, "--worker",
              fmt::format("{} has no worker {}", job.spec.id, worker),
              workers == 1 ? "it has only worker 0: omit --worker"
                           : fmt::format("use 0 … {}", workers - 1));
}

void engine_log(const Job& job, int lines) {
  constexpr int kEngineLines = 1000;
  const std::string text =
      job.engine.is_null()
          ? std::string()
          : job.backend->engine_log(job.spec, job.engine, lines > 0 ? lines : kEngineLines);
  if (text.empty()) return note("the engine has kept nothing of " + job.spec.id);
  print(text);
}

// Nothing was there to print.
void explain_silence(const Job& job, const LogArguments& arguments) {
  const Status status = jobs::status_of(job, wall_time());
  const std::string worker = fmt::format("worker {} of {}", arguments.worker, job.spec.id);
  const std::string state(word_of(status.standing));
  if (!status.over()) {
    return note(worker + " has not written anything yet; the job is " + state);
  }
  note(worker + " has written nothing; the job is " + state);
  // It failed before it could write to its folder.
  if (arguments.worker == 0 && !job.engine.is_null()) engine_log(job, arguments.lines);
}

void say_end(const Job& job, const Status& status) {
  std::cerr << "oko job: " << job.spec.id << ": " << word_of(status.standing)
            << (status.why.empty() ? "" : ": ") << printable(status.why) << '\n';
  const std::string hint = other_hint(job, status);
  if (!hint.empty()) std::cerr << "  hint: " << printable(hint) << '\n';
  for (const std::string& step : next_steps(job, status)) {
    std::cerr << "  next: " << printable(step) << '\n';
  }
}

void logs(const LogArguments& arguments) {
  const Job job = jobs::open_job(arguments.job);
  if (arguments.engine) return engine_log(job, arguments.lines);
  check_worker(job, arguments.worker);
  const std::string name = jobs::log_name(arguments.worker);
  std::uint64_t at = 0;
  if (arguments.lines > 0) {
    const std::string end = jobs::last_lines(*job.folder, name, arguments.lines);
    at = job.folder->size(name);
    if (!print(end)) return;
  }
  const InterruptGuard guard;
  Followed log(*job.folder, name);
  double next_status = 0;
  bool over = !arguments.follow;
  Status status;
  while (!guard.interrupted()) {
    const std::string piece = log.read_from(at);
    at += piece.size();
    if (!piece.empty() && !print(piece)) return;
    if (!piece.empty()) continue;
    if (over) break;
    if (wall_time() >= next_status) {
      constexpr double kStatusSeconds = 5;
      status = jobs::status_of(job, wall_time());
      over = status.over() || status.standing == Standing::kLost;
      next_status = wall_time() + kStatusSeconds;
      if (over) continue;  // what was written since
    }
    sleep_unless(guard, pause_of(job));
  }
  if (guard.interrupted()) return;
  if (at == 0) explain_silence(job, arguments);
  if (arguments.follow) say_end(job, status);
}

// ---- wait -------------------------------------------------------------------------------------

void wait(const std::string& name, Context& context) {
  const Job job = jobs::open_job(name);
  const InterruptGuard guard;
  for (;;) {
    const jobs::Seen seen = jobs::see(job);
    const Status& status = seen.status;
    if (seen.fault.empty() && (status.over() || status.standing == Standing::kLost)) {
      context.say(job.spec.id + ": " + std::string(word_of(status.standing)) +
                  (status.why.empty() ? "" : ": " + status.why));
      say_field(context, "hint", other_hint(job, status));
      say_last_lines(status, context);
      say_next_steps(job, status, context);
      context.emit(job_json(job, seen));
      if (status.standing != Standing::kSucceeded) {
        context.exit_code = static_cast<int>(ErrorCode::kFailed);
      }
      return;
    }
    if (!sleep_unless(guard, 2 * pause_of(job))) {
      throw Error(ErrorCode::kInterrupted, job.spec.id,
                  "is still " + std::string(word_of(status.standing)),
                  "oko job cancel " + job.spec.id + " ends it");
    }
  }
}

}  // namespace

void add_job_watch_commands(CLI::App& job, Context& context) {
  CLI::App* command = job.add_subcommand("logs", "Print a job's log");
  const auto arguments = std::make_shared<LogArguments>();
  add_job_argument(*command, arguments->job);
  command->add_flag("-f,--follow", arguments->follow, "Keep printing until the job has ended");
  constexpr int kMostWorkers = 4095, kMostLines = 1'000'000;
  command->add_option("--worker", arguments->worker, "Which worker's log; the first is 0")
      ->check(CLI::Range(0, kMostWorkers))
      ->capture_default_str()
      ->type_name("N");
  command->add_option("-n,--lines", arguments->lines, "Print only the last N lines; 0: all")
      ->check(CLI::Range(0, kMostLines))
      ->capture_default_str()
      ->type_name("N");
  command->add_flag("--engine", arguments->engine,
                    "Print the engine's own log instead: why a job failed before training began");
  command->footer("Examples:\n  oko job logs -f raccoon\n  oko job logs raccoon -n 20 --worker 1");
  command->callback([arguments] { logs(*arguments); });

  command = job.add_subcommand("wait", "Wait until a job has ended");
  const auto waited = std::make_shared<std::string>();
  add_job_argument(*command, *waited);
  command->footer(
      "Ends with code 0 if the job succeeded, 1 if not.\n\nExamples:\n  oko job wait raccoon");
  command->callback([waited, &context] { wait(*waited, context); });
}

}  // namespace oko::cli
