#pragma once

#include <functional>
#include <string>

#include "oko/jobs/placement.h"

namespace oko::jobs {

struct SupervisorOptions {
  std::string folder;   // of the job: path or URI
  std::string program;  // path of oko
  Placement placement;
  // How many SIGTERM or SIGINT were received so far; asked about ten times a second.
  std::function<int()> signals = [] { return 0; };
  double heartbeat_seconds = 15;  // kHeartbeatSeconds; tests beat faster
  // Between a SIGTERM to the training and a SIGKILL. Engines give 30 seconds or more before they
  // kill the supervisor.
  double grace_seconds = 25;
  double pause_seconds = 5;  // before a crashed training is restarted; longer after each crash
};

// Runs one worker of a job, on the machine that trains: what every back end starts. Runs the
// command as a child, with --resume if the run folder already holds a run; copies its output to
// standard output and to the worker's log; restarts it after a crash or the loss of another worker;
// ends it when the job is cancelled, has run for --max-time, has cost --max-cost, or on a signal.
// Worker 0 writes the state with a heartbeat, and the marker of success. At the job's end, not when
// it is preempted, the setting "when-done" is run by /bin/sh.
//
// Returns the exit code for the engine:
//   0      training succeeded, now or in an earlier attempt
//   130    preempted, with a checkpoint: start the job again
//   5      of another worker than 0: worker 0 is lost, start this one again if that one comes back
//   other  the training's own code, or 1 if the job was cancelled or stopped, or if the training
//   could
//          not reach its files or other workers several times: do not start it again
// Throws Errors of kInput and kStorage if the job's folder cannot be read.
int supervise(const SupervisorOptions& options);

}  // namespace oko::jobs
