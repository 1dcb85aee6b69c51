#pragma once

#include <span>
#include <string>
#include <vector>

#include "oko/jobs/registry.h"
#include "oko/jobs/status.h"

namespace oko::jobs {

// A job's status as this machine saw it last. The registry keeps it (seen.json), so that a job
// whose machine cannot be reached is still known, and one that has ended need not be asked again.
struct Seen {
  Status status;
  double time = 0;    // when it was asked, seconds since 1970
  std::string fault;  // why it could not be asked now; empty if it could, or has ended for good
};

// seen.json. Throws an input Error at `name` for anything else.
Json to_json(const Seen& seen);
Seen seen_from_json(const Json& json, const std::string& name);

// Asks all jobs at the same time, for at most about 20 seconds. A job that has ended is not asked
// if nobody can have started it again: it has succeeded, or only this machine reaches its folder.
std::vector<Seen> see_all(std::span<const Job> jobs);
// Asks one job, also if it has ended.
Seen see(const Job& job);

}  // namespace oko::jobs
