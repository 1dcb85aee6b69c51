#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "oko/jobs/slurm/answers.h"
#include "oko/jobs/slurm/cluster.h"
#include "oko/jobs/slurm/request.h"
#include "oko/jobs/ssh/connection.h"

namespace oko::jobs::slurm {

// Slurm's commands, on this machine or on a login node. All throw an Error that names the command
// and what it complained about: of kUsage if there is no such program, of kStorage if the login
// node cannot be reached, of kFailed otherwise.
class Commands {
 public:
  explicit Commands(std::optional<ssh::Connection> login) : login_(std::move(login)) {}

  Cluster ask_cluster() const;
  // Returns the job's number.
  std::int64_t submit(const Request& request) const;
  // Nothing if Slurm does not remember the job.
  std::optional<JobAnswer> ask_job(std::int64_t id) const;
  // Asks the workers to end, and kills them after the cluster's KillWait (30 s). Not an error if
  // the job has ended.
  void cancel(std::int64_t id) const;

 private:
  struct Answer;
  Answer run(const std::vector<std::string>& words, std::string_view input = {}) const;
  std::optional<JobAnswer> ask_accounting(std::int64_t id) const;
  [[noreturn]] static void fail(const std::string& program, const Answer& answer);

  std::optional<ssh::Connection> login_;
};

}  // namespace oko::jobs::slurm
