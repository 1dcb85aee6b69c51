#include "oko/jobs/slurm/commands.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "oko/base/command.h"
#include "oko/base/error.h"
#include "oko/jobs/shell.h"
#include "oko/jobs/slurm/reasons.h"

namespace oko::jobs::slurm {
namespace {

// The list of a large cluster has a few hundred kilobytes.
constexpr std::size_t kMostOutput = std::size_t{16} << 20;
// A busy controller takes seconds, and clients repeat their questions themselves for a minute.
constexpr double kStallSeconds = 90;
constexpr int kNoProgram = 127;

// On many clusters only login shells find Slurm.
std::string script_for(const std::vector<std::string>& words) {
  return fmt::format(
      "command -v {} >/dev/null || [ ! -r /etc/profile ] || . /etc/profile >/dev/null 2>&1\n{}",
      words.front(), shell_command(words));
}

}  // namespace

struct Commands::Answer {
  int code = 0;
  std::string output, complaint;

  bool does_not_know() const { return complaint.find("Invalid job id") != std::string::npos; }
};

Commands::Answer Commands::run(const std::vector<std::string>& words,
                               std::string_view input) const {
  Answer answer;
  const std::string& program = words.front();
  std::string errors;
  const auto next = [&input] { return std::exchange(input, std::string_view()); };
  const auto keep = [&](std::string_view piece) {
    if (answer.output.size() + piece.size() > kMostOutput) {
      throw Error(ErrorCode::kFailed, program, "prints more than 16 MiB");
    }
    answer.output += piece;
  };
  if (login_) {
    const ssh::Connection::Result result = login_->run(script_for(words), next, keep);
    answer.code = result.code;
    errors = result.errors;
  } else {
    const CommandResult result = run_command({words, next, keep, kStallSeconds});
    if (result.stalled) throw Error(ErrorCode::kFailed, program, "does not answer");
    answer.code = result.code;
    errors = result.errors;
  }
  if (answer.code == kNoProgram) {
    throw Error(ErrorCode::kUsage, program,
                "is not installed on " + (login_ ? login_->host().text() : "this machine"),
                "name a login node of the Slurm cluster: --login USER@HOST");
  }
  answer.complaint = complaint(errors);
  return answer;
}

void Commands::fail(const std::string& program, const Answer& answer) {
  const std::string what = answer.complaint.empty()
                               ? "ended with code " + std::to_string(answer.code)
                               : answer.complaint;
  throw Error(ErrorCode::kFailed, program, what, hint_for_refusal(answer.complaint));
}

// Accounting remembers for longer than the controller, but not every cluster has it.
std::optional<JobAnswer> Commands::ask_accounting(std::int64_t id) const {
  try {
    const Answer answer = run({"sacct", "--noheader", "--parsable2", "--allocations",
                               "--format=State,ExitCode", "--jobs=" + std::to_string(id)});
    return answer.code == 0 ? parse_sacct(answer.output) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

Cluster Commands::ask_cluster() const {
  const std::string format = "--format=" + std::string(kSinfoFormat);
  const Answer all = run({"sinfo", "--noheader", "--all", format});
  if (all.code != 0) fail("sinfo", all);
  Cluster cluster{parse_sinfo(all.output), {}};
  // %P is the partition's name with a '*' if it is the default.
  const Answer names = run({"sinfo", "--noheader", "--format=%P"});
  cluster.default_partition = parse_default_partition(names.output);
  return cluster;
}

std::int64_t Commands::submit(const Request& request) const {
  const Answer answer = run(request.words, request.script);
  if (answer.code != 0) fail("sbatch", answer);
  const std::int64_t id = parse_submitted(answer.output);
  if (id > 0) return id;
  throw Error(ErrorCode::kFailed, "sbatch", "did not print the job's number",
              "squeue --me shows whether it was submitted");
}

std::optional<JobAnswer> Commands::ask_job(std::int64_t id) const {
  const Answer answer = run({"scontrol", "show", "job", "--oneliner", std::to_string(id)});
  if (answer.code == 0) {
    if (auto job = parse_scontrol(answer.output)) return job;
  } else if (!answer.does_not_know()) {
    fail("scontrol", answer);
  }
  return ask_accounting(id);
}

void Commands::cancel(std::int64_t id) const {
  const Answer answer = run({"scancel", std::to_string(id)});
  if (answer.code != 0 && !answer.does_not_know()) fail("scancel", answer);
}

}  // namespace oko::jobs::slurm
