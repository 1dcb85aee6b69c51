#include "oko/cli/job.h"

#include <algorithm>
#include <string_view>

#include "oko/cost/cost.h"
#include "oko/jobs/duration.h"

namespace oko::cli {

CLI::Option* add_job_argument(CLI::App& command, std::string& job) {
  return command.add_option("JOB", job, "Name of a job, its beginning, or the job's folder")
      ->required()
      ->type_name("JOB");
}

std::string epochs_of(const jobs::Status& status) {
  if (!status.state || (status.epoch == 0 && status.epochs == 0)) return "";
  return std::to_string(status.epoch) +
         (status.epochs > 0 ? "/" + std::to_string(status.epochs) : "");
}

std::string running_time(const jobs::Status& status) {
  return status.seconds > 0 ? jobs::duration_text(status.seconds) : "";
}

std::string cost_text(const jobs::Job& job, const jobs::Status& status) {
  return job.spec.price > 0 && status.state ? cost::usd_text(status.cost) : "";
}

Json job_json(const jobs::Job& job, const jobs::Seen& seen) {
  const jobs::Status& status = seen.status;
  Json json = {{"id", job.spec.id},         {"state", word_of(status.standing)},
               {"on", job.spec.backend},    {"folder", job.folder->place()},
               {"run", job.spec.run},       {"created", job.spec.created},
               {"why", status.why},         {"hint", status.hint},
               {"seconds", status.seconds}, {"price", job.spec.price},
               {"cost", status.cost},       {"may_be_charged", may_be_charged(job, status)},
               {"epoch", status.epoch},     {"epochs", status.epochs},
               {"seen", seen.time},         {"fault", seen.fault}};
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

bool may_be_charged(const jobs::Job& job, const jobs::Status& status) {
  return status.charged() && (job.backend->rents() || job.spec.price > 0);
}

void say_field(const Context& context, const char* name, const std::string& value) {
  constexpr std::size_t kColumn = 10;
  if (value.empty()) return;
  std::string label = name;
  label.resize(std::max(kColumn, label.size()), ' ');
  context.say(label + value);
}

void say_last_lines(const jobs::Status& status, const Context& context) {
  if (!status.state || status.state->last_lines.empty()) return;
  context.say("last lines of its log:");
  std::string_view rest = status.state->last_lines;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    context.say("  " + std::string(rest.substr(0, end)));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

void add_job_command(CLI::App& app, Context& context) {
  CLI::App* job =
      app.add_subcommand("job", "Train on this machine, by SSH, on a cluster or in a cloud");
  job->require_subcommand(1);
  job->footer(
      "Example:\n  oko job submit --on ssh --hosts me@gpu-box -- train photos --epochs 100");
  add_job_submit_command(*job, context);
  add_job_list_command(*job, context);
  add_job_show_command(*job, context);
  add_job_watch_commands(*job, context);
  add_job_change_commands(*job, context);
  add_job_fetch_command(*job, context);
  add_job_run_command(*job, context);
  add_job_bundle_command(*job, context);
  add_job_image_command(*job, context);
}

}  // namespace oko::cli
