#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "oko/cli/cli.h"
#include "oko/jobs/registry.h"
#include "oko/jobs/seen.h"
#include "oko/jobs/status.h"

namespace oko::cli {

void add_job_submit_command(CLI::App& job, Context& context);
void add_job_list_command(CLI::App& job, Context& context);
void add_job_show_command(CLI::App& job, Context& context);
// logs, wait
void add_job_watch_commands(CLI::App& job, Context& context);
// cancel, retry
void add_job_change_commands(CLI::App& job, Context& context);
void add_job_fetch_command(CLI::App& job, Context& context);
void add_job_run_command(CLI::App& job, Context& context);
void add_job_bundle_command(CLI::App& job, Context& context);
void add_job_image_command(CLI::App& job, Context& context);

// The group with only the command that back ends start on the machines that train; it needs neither
// LibTorch nor OpenCV.
void add_job_worker_command(CLI::App& app, Context& context);

CLI::Option* add_job_argument(CLI::App& command, std::string& job);

// What several commands show of a job. All texts are empty if there is nothing to show.
std::string epochs_of(const jobs::Status& status);     // "12/100"
std::string running_time(const jobs::Status& status);  // "64 min"
// "$0.42"; empty if the price is unknown.
std::string cost_text(const jobs::Job& job, const jobs::Status& status);
Json job_json(const jobs::Job& job, const jobs::Seen& seen);
// Whether a machine may still cost money, as far as anybody can be charged for it at all.
bool may_be_charged(const jobs::Job& job, const jobs::Status& status);

// A line "name      value", if there is a value.
void say_field(const Context& context, const char* name, const std::string& value);
// Of the log of a job that failed.
void say_last_lines(const jobs::Status& status, const Context& context);

// Commands that make sense now: to follow it, to use its model, to start it again.
std::vector<std::string> next_steps(const jobs::Job& job, const jobs::Status& status);
// The status's hint, unless it only explains one of these commands.
std::string other_hint(const jobs::Job& job, const jobs::Status& status);
void say_next_steps(const jobs::Job& job, const jobs::Status& status, const Context& context);

}  // namespace oko::cli
