#include "oko/cli/job.h"

#include <fmt/format.h>

#include "oko/cli/progress_bar.h"

namespace oko::cli {

CLI::Option* add_job_argument(CLI::App& command, std::string& job) {
  return command.add_option("JOB", job, "Name of a job, its beginning, or the job's folder")
      ->required()
      ->type_name("JOB");
}

std::string running_time(const jobs::Status& status) {
  return status.seconds > 0 ? duration_text(status.seconds) : "";
}

std::string cost_text(const jobs::Job& job, const jobs::Status& status) {
  return job.spec.price > 0 && status.state ? fmt::format("${:.2f}", status.cost) : "";
}

void add_job_command(CLI::App& app, Context& context) {
  CLI::App* job =
      app.add_subcommand("job", "Train on this machine, by SSH, on a cluster or in a cloud");
  job->require_subcommand(1);
  job->footer(
      "Example:\n  oko job submit --on ssh --hosts me@gpu-box -- train photos --epochs 100");
  add_job_submit_command(*job, context);
  add_job_watch_commands(*job, context);
  add_job_change_commands(*job, context);
  add_job_run_command(*job, context);
  add_job_bundle_command(*job, context);
  add_job_image_command(*job, context);
}

}  // namespace oko::cli
