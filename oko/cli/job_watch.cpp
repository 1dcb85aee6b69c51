#include <fmt/chrono.h>
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

std::string utc(std::int64_t seconds) {
  return fmt::format("{:%Y-%m-%d %H:%M}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

std::string epochs_of(const Status& status) {
  if (!status.state || (status.epoch == 0 && status.epochs == 0)) return "";
  return status.epochs > 0 ? fmt::format("{}/{}", status.epoch, status.epochs)
                           : std::to_string(status.epoch);
}

Json as_json(const Job& job, const Status& status) {
  Json json = {{"id", job.spec.id},         {"state", word_of(status.standing)},
               {"on", job.spec.backend},    {"folder", job.folder->place()},
               {"run", job.spec.run},       {"created", job.spec.created},
               {"why", status.why},         {"hint", status.hint},
               {"seconds", status.seconds}, {"price", job.spec.price},
               {"cost", status.cost},       {"may_be_charged", status.charged()},
               {"epoch", status.epoch},     {"epochs", status.epochs}};
  if (status.has_loss) json["loss"] = status.loss;
  if (status.has_map) json["map50"] = status.map50;
  if (status.state) {
    json["attempt"] = status.state->attempt;
    json["restarts"] = status.state->restarts;
    json["host"] = status.state->host;
    json["code"] = status.state->code;
  }
  return json;
}

// ---- list -------------------------------------------------------------------------------------

void list(const std::string& folder, Context& context) {
  std::vector<std::string> broken;
  const auto found = jobs::list_jobs(folder.empty() ? jobs::registry_folder() : folder, broken);
  Table table({"job", "state", "on", "epoch", "mAP50", "ran", "cost", "submitted (UTC)"});
  Json all = Json::array();
  int lost = 0;
  for (const Job& job : found) {
    const Status status = jobs::status_of(job, wall_time());
    table.add({job.spec.id, std::string(word_of(status.standing)), job.spec.backend,
               epochs_of(status), status.has_map ? fmt::format("{:.3f}", status.map50) : "",
               running_time(status), cost_text(job, status), utc(job.spec.created)});
    all.push_back(as_json(job, status));
    lost += status.standing == Standing::kLost ? 1 : 0;
  }
  for (const std::string& line : broken) std::cerr << "oko: warning: " << printable(line) << '\n';
  if (found.empty()) {
    context.say("no jobs; oko job submit starts one");
  } else {
    context.say_lines(table.text());
  }
  if (lost > 0) {
    context.say(counted(lost, "job") +
                " lost: the machines may still be charged (oko job show JOB)");
  }
  context.emit({{"jobs", std::move(all)}, {"broken", broken}});
}

// ---- show -------------------------------------------------------------------------------------

void say_field(const Context& context, const char* name, const std::string& value) {
  if (!value.empty()) context.say(fmt::format("{:<10}{}", name, value));
}

void say_last_lines(const Status& status, const Context& context) {
  if (!status.state || status.state->last_lines.empty()) return;
  context.say("last lines of its log:");
  std::string_view rest = status.state->last_lines;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    context.say("  " + std::string(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

void show(const std::string& name, Context& context) {
  const Job job = jobs::open_job(name);
  const Status status = jobs::status_of(job, wall_time());
  const jobs::Resources& r = job.spec.resources;
  std::string command = "oko";
  for (const std::string& word : job.spec.command) command += " " + word;
  say_field(context, "job", job.spec.id);
  say_field(context, "state",
            std::string(word_of(status.standing)) + (status.why.empty() ? "" : ": " + status.why));
  say_field(context, "hint", status.hint);
  say_field(context, "command", command);
  say_field(
      context, "on",
      job.spec.backend + (r.workers > 1 ? ", " + counted(r.workers, "worker") : "") +
          (r.gpus > 0 ? fmt::format(", {} × {}", r.gpus, r.gpu_type.empty() ? "GPU" : r.gpu_type)
                      : ""));
  if (status.state) {
    say_field(
        context, "worker 0",
        fmt::format("process {} on {}, attempt {}, {}", status.state->process, status.state->host,
                    status.state->attempt, counted(status.state->restarts, "restart")));
  }
  say_field(context, "epoch", epochs_of(status));
  if (status.has_loss) say_field(context, "loss", fmt::format("{:.3f}", status.loss));
  if (status.has_map) say_field(context, "mAP50", fmt::format("{:.3f}", status.map50));
  say_field(context, "ran", running_time(status));
  say_field(context, "cost", cost_text(job, status));
  say_field(context, "folder", job.folder->place());
  say_field(context, "run", job.spec.run);
  say_last_lines(status, context);
  context.emit(as_json(job, status));
}

// ---- logs, wait -------------------------------------------------------------------------------

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
        std::cerr << "oko: warning: " << error.what() << "; tries again\n";
      }
      return {};
    }
  }

 private:
  jobs::Folder& folder_;
  std::string name_;
  bool reached_ = false, warned_ = false;
};

void logs(const LogArguments& arguments) {
  const Job job = jobs::open_job(arguments.job);
  constexpr int kEngineLines = 1000;
  const int lines = arguments.lines > 0 ? arguments.lines : kEngineLines;
  if (arguments.engine) {
    if (!job.engine.is_null()) print(job.backend->engine_log(job.spec, job.engine, lines));
    return;
  }
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
  if (at == 0 && arguments.worker == 0 && !job.engine.is_null()) {
    // It failed before it could write to its folder.
    print(job.backend->engine_log(job.spec, job.engine, lines));
  }
  if (!arguments.follow || guard.interrupted()) return;
  std::cerr << "oko job: " << job.spec.id << ": " << word_of(status.standing)
            << (status.why.empty() ? "" : ": ") << printable(status.why) << '\n';
  if (!status.hint.empty()) std::cerr << "  hint: " << printable(status.hint) << '\n';
}

void wait(const std::string& name, Context& context) {
  const Job job = jobs::open_job(name);
  const InterruptGuard guard;
  for (;;) {
    const Status status = jobs::status_of(job, wall_time());
    if (status.over() || status.standing == Standing::kLost) {
      context.say(job.spec.id + ": " + std::string(word_of(status.standing)) +
                  (status.why.empty() ? "" : ": " + status.why));
      say_field(context, "hint", status.hint);
      say_last_lines(status, context);
      context.emit(as_json(job, status));
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
  CLI::App* command = job.add_subcommand("list", "List the jobs and what they cost");
  const auto folder = std::make_shared<std::string>();
  command->add_option("FOLDER", *folder, "Folder whose subfolders are jobs; without: all from here")
      ->type_name("FOLDER");
  command->footer("Examples:\n  oko job list\n  oko job list gs://photos/jobs");
  command->callback([folder, &context] { list(*folder, context); });

  command = job.add_subcommand("show", "Show a job: its state, progress and cost");
  const auto name = std::make_shared<std::string>();
  add_job_argument(*command, *name);
  command->footer("Examples:\n  oko job show raccoon\n  oko job show gs://photos/jobs/raccoon-1");
  command->callback([name, &context] { show(*name, context); });

  command = job.add_subcommand("logs", "Print what a job has printed");
  const auto arguments = std::make_shared<LogArguments>();
  add_job_argument(*command, arguments->job);
  command->add_flag("-f,--follow", arguments->follow, "Go on until the job has ended");
  constexpr int kMostWorkers = 4095, kMostLines = 1'000'000;
  command->add_option("--worker", arguments->worker, "Which worker's log")
      ->check(CLI::Range(0, kMostWorkers))
      ->capture_default_str()
      ->type_name("N");
  command->add_option("-n,--lines", arguments->lines, "Only the last N lines; 0: all")
      ->check(CLI::Range(0, kMostLines))
      ->capture_default_str()
      ->type_name("N");
  command->add_flag("--engine", arguments->engine,
                    "What the engine itself kept: why a job failed before it began");
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
