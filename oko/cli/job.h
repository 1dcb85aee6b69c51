#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "oko/cli/cli.h"
#include "oko/jobs/registry.h"
#include "oko/jobs/status.h"

namespace oko::cli {

void add_job_submit_command(CLI::App& job, Context& context);
// list, show, logs, wait
void add_job_watch_commands(CLI::App& job, Context& context);
// cancel, retry, fetch
void add_job_change_commands(CLI::App& job, Context& context);
void add_job_run_command(CLI::App& job, Context& context);
void add_job_bundle_command(CLI::App& job, Context& context);
void add_job_image_command(CLI::App& job, Context& context);

// The group with only the command that back ends start on the machines that train; it needs neither
// LibTorch nor OpenCV.
void add_job_worker_command(CLI::App& app, Context& context);

CLI::Option* add_job_argument(CLI::App& command, std::string& job);

// "12 s", "3 min 05 s", "1 h 04 min" of running; "" for none.
std::string running_time(const jobs::Status& status);
std::string cost_text(const jobs::Job& job, const jobs::Status& status);  // "$0.42"; "" if unknown

}  // namespace oko::cli
