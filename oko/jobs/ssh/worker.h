#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/jobs/process.h"
#include "oko/jobs/ssh/connection.h"

namespace oko::jobs::ssh {

// What is started on a host: `oko job run FOLDER` in a session of its own, which outlives the
// connection.
struct Worker {
  int rank = 0;
  std::string folder;  // of the job, on the host: its records and the supervisor's own errors
  std::vector<std::string> words;      // the program and its arguments
  std::vector<std::string> variables;  // "RANK=0"
};

// Starts it and prints what parse_started() reads. If the last worker that this script started in
// the folder under that rank is still alive, nothing is started and that one is printed: an answer
// may be lost on the way.
std::string start_script(const Worker& worker);
// Throws an Error of kFailed at `host` if the process has ended at once.
ProcessIdentity parse_started(std::string_view text, const std::string& host);

// Prints the state of processes, which parse_alive() reads.
std::string alive_script(const std::vector<ProcessIdentity>& processes);
struct Alive {
  std::vector<bool> alive;  // as the processes were given
  bool same_boot = true;    // false: the host was restarted since
};
Alive parse_alive(std::string_view text, const std::vector<ProcessIdentity>& processes,
                  const std::string& host);

// Sends SIGTERM to a process unless its number now belongs to another one.
std::string stop_script(const ProcessIdentity& process);
// The same for the last process that start_script() started, whose answer may be lost.
std::string stop_recorded_script(const std::string& folder, int rank);

// Prints the last lines of the supervisor's own errors, nothing if there are none.
std::string errors_script(const std::string& folder, int rank, int lines);

}  // namespace oko::jobs::ssh
