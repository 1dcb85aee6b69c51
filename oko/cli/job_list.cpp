#include <fmt/format.h>

#include <iostream>

#include "oko/base/text.h"
#include "oko/cli/job.h"
#include "oko/cli/standard_streams.h"
#include "oko/cli/table.h"
#include "oko/jobs/duration.h"
#include "oko/jobs/seen.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

using jobs::Job;
using jobs::Seen;
using jobs::Standing;
using jobs::Status;
using jobs::wall_time;

// A folder may be that of one job, or hold several.
std::vector<Job> jobs_in(const std::string& folder, std::vector<std::string>& broken) {
  if (folder.empty()) return jobs::list_jobs(jobs::registry_folder(), broken);
  if (storage::exists(storage::join(folder, jobs::kSpecFile))) {
    std::vector<Job> one;
    one.push_back(jobs::open_job(folder));
    return one;
  }
  if (storage::is_local(folder) && !storage::exists(folder)) {
    throw input_error(folder, "does not exist",
                      "oko job list lists all jobs, oko job show shows one by its name");
  }
  return jobs::list_jobs(folder, broken);
}

std::string state_text(const Seen& seen, double now) {
  const Status& status = seen.status;
  std::string text(word_of(status.standing));
  const bool is_old = !seen.fault.empty() && seen.time > 0 && !status.over() &&
                      status.standing != Standing::kUnknown;
  return is_old ? text + " " + jobs::age_text(now - seen.time) + " ago" : text;
}

void add_row(Table& table, const Job& job, const Seen& seen, double now) {
  const Status& status = seen.status;
  const auto age = now - static_cast<double>(job.spec.created);
  table.add({job.spec.id, state_text(seen, now), job.spec.backend, epochs_of(status),
             status.has_map ? fmt::format("{:.3f}", status.map50) : "", running_time(status),
             cost_text(job, status), job.spec.created > 0 ? jobs::age_text(age) : ""});
}

// What the table cannot say.
void say_notes(const std::vector<Job>& found, const std::vector<Seen>& seen, double now,
               const Context& context) {
  int lost = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Status& status = seen[i].status;
    lost += status.standing == Standing::kLost && may_be_charged(found[i], status) ? 1 : 0;
    std::string fault =
        seen[i].fault.empty() && status.standing == Standing::kUnknown ? status.why : seen[i].fault;
    if (fault.empty()) continue;
    if (seen[i].time > 0 && !seen[i].fault.empty()) {
      fault += "; last seen " + jobs::age_text(now - seen[i].time) + " ago";
    }
    for (const std::string& line : wrapped(found[i].spec.id + ": " + fault)) context.say(line);
  }
  if (lost > 0) {
    context.say(counted(lost, "job") +
                " lost: machines may still be charged; oko job show JOB says more");
  }
}

void list(const std::string& folder, Context& context) {
  std::vector<std::string> broken;
  const std::vector<Job> found = jobs_in(folder, broken);
  const std::vector<Seen> seen = jobs::see_all(found);
  const double now = wall_time();
  Table table({"job", "state", "on", "epoch", "mAP50", "ran", "cost", "age"});
  Json all = Json::array();
  for (std::size_t i = 0; i < found.size(); ++i) {
    add_row(table, found[i], seen[i], now);
    all.push_back(job_json(found[i], seen[i]));
  }
  for (const std::string& line : broken) std::cerr << "oko: warning: " << printable(line) << '\n';
  if (found.empty()) {
    context.say(folder.empty() ? "no jobs; oko job submit starts one" : "no jobs in " + folder);
  } else {
    // Age, mAP50, back end and running time are given up, in this order, for a narrow terminal.
    table.drop_empty();
    table.fit(output_columns(), {7, 4, 2, 5});
    context.say_lines(table.text());
    say_notes(found, seen, now, context);
  }
  context.emit({{"jobs", std::move(all)}, {"broken", broken}});
}

}  // namespace

void add_job_list_command(CLI::App& job, Context& context) {
  CLI::App* command = job.add_subcommand("list", "List the jobs and what they cost");
  const auto folder = std::make_shared<std::string>();
  command
      ->add_option("FOLDER", *folder,
                   "Folder of a job, or of several jobs (default: all jobs submitted from this "
                   "machine)")
      ->type_name("FOLDER");
  command->footer("Examples:\n  oko job list\n  oko job list gs://photos/jobs");
  command->callback([folder, &context] { list(*folder, context); });
}

}  // namespace oko::cli
