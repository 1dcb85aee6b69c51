#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "oko/cli/job.h"
#include "oko/cli/table.h"
#include "oko/cost/cost.h"
#include "oko/jobs/duration.h"
#include "oko/jobs/seen.h"
#include "oko/jobs/shell.h"
#include "oko/storage/places.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

using jobs::Job;
using jobs::Seen;
using jobs::Standing;
using jobs::Status;
using jobs::wall_time;

// Shorter where it lies below the working folder.
std::string from_here(const std::string& path) {
  std::error_code error;
  const std::string here = std::filesystem::current_path(error).string() + "/";
  return !error && path.starts_with(here) ? path.substr(here.size()) : path;
}

std::vector<std::string> after_success(const Job& job) {
  std::vector<std::string> steps;
  std::string run = job.spec.id;
  if (job.backend->sees_this_disk(job.spec) && storage::is_local(job.spec.run)) {
    run = from_here(job.spec.run);
  } else {
    steps.push_back("oko job fetch " + job.spec.id);
  }
  const std::string model = jobs::shell_word(storage::join(run, "model.oko"));
  steps.push_back("oko detect " + model + " PHOTO.jpg -o found.jpg");
  steps.push_back("oko export " + model + " --to coreml");
  return steps;
}

// "oko job retry ID", with a limit that is twice the one that was reached.
std::string retry_of_stopped(const Job& job, const Status& status) {
  const jobs::Resources& limits = job.spec.resources;
  std::string command = "oko job retry " + job.spec.id;
  const double hours = status.seconds / 3600;
  if (limits.max_hours > 0 && hours >= .99 * limits.max_hours) {
    const double minutes = std::max(1., std::ceil(2 * limits.max_hours * 60));
    command += " --max-time " + (std::fmod(minutes, 60) == 0 ? fmt::format("{:.0f}h", minutes / 60)
                                                             : fmt::format("{:.0f}m", minutes));
  }
  if (limits.max_cost > 0 && status.cost >= .99 * limits.max_cost) {
    command += fmt::format(" --max-cost {:g}", 2 * limits.max_cost);
  }
  return command;
}

std::vector<std::string> after_failure(const Job& job, const Status& status) {
  const int code = status.state ? status.state->code : 0;
  const std::string log = status.state ? "oko job logs -n 100 " : "oko job logs --engine ";
  std::vector<std::string> steps = {log + job.spec.id};
  if (code == static_cast<int>(ErrorCode::kUsage)) {  // the same command fails in the same way
    steps.emplace_back("oko job submit …   # with other arguments after --");
  } else {
    steps.push_back("oko job retry " + job.spec.id + "   # when its cause is removed");
  }
  return steps;
}

void say_limits(const Job& job, const Status& status, Context& context) {
  const jobs::Resources& limits = job.spec.resources;
  const auto of = [](const std::string& now, const std::string& most) {
    return most.empty() ? now : now.empty() ? "at most " + most : now + " of at most " + most;
  };
  say_field(context, "ran",
            of(running_time(status),
               limits.max_hours > 0 ? jobs::duration_text(limits.max_hours * 3600) : ""));
  say_field(context, "cost",
            of(cost_text(job, status), limits.max_cost > 0 ? cost::usd_text(limits.max_cost) : ""));
}

std::string machines_text(const Job& job) {
  const jobs::Resources& r = job.spec.resources;
  std::string text = job.spec.backend;
  if (r.workers > 1) {
    text += fmt::format(", {} workers: 0 to {}", r.workers, r.workers - 1);
  }
  if (r.gpus > 0) {
    text += fmt::format(", {} × {}", r.gpus, r.gpu_type.empty() ? "GPU" : r.gpu_type);
  }
  return text;
}

void say_state(const Job& job, const Seen& seen, Context& context) {
  const Status& status = seen.status;
  std::string text(word_of(status.standing));
  if (!seen.fault.empty()) text += ", seen " + jobs::age_text(wall_time() - seen.time) + " ago";
  say_field(context, "state", text + (status.why.empty() ? "" : ": " + status.why));
  say_field(context, "now", seen.fault.empty() ? "" : "cannot be asked: " + seen.fault);
  say_field(context, "hint", other_hint(job, status));
}

void show(const std::string& name, Context& context) {
  const Job job = jobs::open_job(name);
  const Seen seen = jobs::see(job);
  const Status& status = seen.status;
  std::string command = "oko";
  for (const std::string& word : job.spec.command) command += " " + jobs::shell_word(word);
  say_field(context, "job", job.spec.id);
  say_state(job, seen, context);
  say_field(context, "command", command);
  say_field(context, "on", machines_text(job));
  if (status.state) {
    say_field(
        context, "worker 0",
        fmt::format("process {} on {}, attempt {}, {}", status.state->process, status.state->host,
                    status.state->attempt, counted(status.state->restarts, "restart")));
  }
  say_field(context, "epoch", epochs_of(status));
  if (status.has_loss) say_field(context, "loss", fmt::format("{:.3f}", status.loss));
  if (status.has_map) say_field(context, "mAP50", fmt::format("{:.3f}", status.map50));
  say_limits(job, status, context);
  say_field(context, "folder", job.folder->place());
  say_field(context, "run", job.spec.run);
  say_last_lines(status, context);
  say_next_steps(job, status, context);
  context.emit(job_json(job, seen));
}

}  // namespace

std::vector<std::string> next_steps(const Job& job, const Status& status) {
  const std::string& id = job.spec.id;
  switch (status.standing) {
    case Standing::kQueued:
    case Standing::kStarting:
    case Standing::kRunning:
      return {"oko job logs -f " + id};
    case Standing::kPreempted:
      if (status.hint.empty()) return {"oko job logs -f " + id};  // its engine starts it again
      return {"oko job retry " + id};
    case Standing::kSucceeded:
      return after_success(job);
    case Standing::kFailed:
      return after_failure(job, status);
    case Standing::kCancelled:
    case Standing::kLost:
      return {"oko job retry " + id};
    case Standing::kStopped:
      return {retry_of_stopped(job, status)};
    case Standing::kEnding:
      return {"oko job cancel " + id + "   # ends what still runs"};
    case Standing::kUnknown:
      break;
  }
  return {};
}

std::string other_hint(const Job& job, const Status& status) {
  const std::vector<std::string> steps = next_steps(job, status);
  const bool known = std::ranges::any_of(
      steps, [&](const std::string& step) { return status.hint.starts_with(step); });
  return known ? "" : status.hint;
}

void say_next_steps(const Job& job, const Status& status, const Context& context) {
  const char* name = "next";
  for (const std::string& step : next_steps(job, status)) {
    say_field(context, std::exchange(name, ""), step);
  }
}

void add_job_show_command(CLI::App& job, Context& context) {
  CLI::App* command =
      job.add_subcommand("show", "Show a job: its state, progress, cost, and what to do next");
  const auto name = std::make_shared<std::string>();
  add_job_argument(*command, *name);
  command->footer("Examples:\n  oko job show raccoon\n  oko job show gs://photos/jobs/raccoon-1");
  command->callback([name, &context] { show(*name, context); });
}

}  // namespace oko::cli
