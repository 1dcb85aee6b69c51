#include <csignal>
#include <cstdlib>

#include "oko/cli/job.h"
#include "oko/jobs/program.h"
#include "oko/jobs/supervisor.h"

namespace oko::cli {
namespace {

volatile std::sig_atomic_t g_signals = 0;

extern "C" void count_signal(int) { g_signals = g_signals + 1; }

std::optional<std::string> variable(const char* name) {
  const char* const value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

void run(const std::string& folder, Context& context) {
  // The supervisor outlives terminals and decides itself what a signal means.
  std::signal(SIGTERM, count_signal);
  std::signal(SIGINT, count_signal);
  std::signal(SIGHUP, SIG_IGN);
  jobs::SupervisorOptions options;
  options.folder = folder;
  options.program = jobs::this_program();
  options.placement = jobs::placement_of(variable);
  options.signals = [] { return static_cast<int>(g_signals); };
  context.exit_code = jobs::supervise(options);
}

}  // namespace

void add_job_run_command(CLI::App& job, Context& context) {
  CLI::App* command = job.add_subcommand("run", "Run one worker of a job (started by back ends)");
  const auto folder = std::make_shared<std::string>();
  command->add_option("FOLDER", *folder, "Folder of the job: a path or URI")
      ->required()
      ->type_name("FOLDER");
  command->footer(R"(
Trains as the job's folder says, keeps its log, state and marker of success there, restarts the
training after a crash and resumes it after an interruption. Which worker it is comes from RANK and
WORLD_SIZE, or from what Slurm, Kubernetes and Vertex AI set. Ends with 0 once the job has succeeded,
with 130 when it was interrupted and should be started again, and with another code when not.

Examples:
  oko job run gs://photos/jobs/raccoon-1)");
  command->callback([folder, &context] { run(*folder, context); });
}

void add_job_worker_command(CLI::App& app, Context& context) {
  CLI::App* job =
      app.add_subcommand("job", "Train on this machine, by SSH, on a cluster or in a cloud");
  job->require_subcommand(1);
  add_job_run_command(*job, context);
}

}  // namespace oko::cli
