#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What Slurm's commands print, Slurm 20.11 to 24. The text comes from outside: what does not fit is
// skipped, nothing is thrown.
namespace oko::jobs::slurm {

// Of `sbatch --parsable`: "4711" or "4711;cluster". Lines before it (a site's greeting) are
// skipped. 0 if there is no such line.
std::int64_t parse_submitted(std::string_view text);

// A job as `scontrol show job --oneliner` or sacct describes it.
struct JobAnswer {
  std::string state;   // "PENDING"
  std::string reason;  // "Resources", "ReqNodeNotAvail,_UnavailableNodes:n[1-2]"; empty: none
  std::string start;   // "2026-11-29T20:13:37", expected or real; empty: unknown
  int code = 0;        // exit code
  int signal = 0;      // that ended it
  int restarts = 0;
};

std::optional<JobAnswer> parse_scontrol(std::string_view text);
// Of `sacct --noheader --parsable2 --format=State,ExitCode`: the last line counts.
std::optional<JobAnswer> parse_sacct(std::string_view text);

// GPUs that a node has: "gpu:a100:4(S:0-1)".
struct Gpus {
  std::string type;  // may be empty
  int count = 0;
};

// Nodes of one kind in a partition.
struct Nodes {
  std::string partition;
  bool up = true;            // the partition takes and starts jobs
  std::int64_t minutes = 0;  // longest job; 0: no limit
  int count = 0;
  std::vector<Gpus> gpus;
};

// Of `sinfo --noheader --format='%R|%a|%l|%D|%G'`.
inline constexpr std::string_view kSinfoFormat = "%R|%a|%l|%D|%G";
std::vector<Nodes> parse_sinfo(std::string_view text);

// Of `sinfo --noheader --format=%P`: the partition that is marked with '*'; empty if there is none.
std::string parse_default_partition(std::string_view text);

// "90", "30:00", "10:00:00", "2-12:00:00", "infinite": minutes, rounded down; 0: no limit. Nothing
// if it is no such time.
std::optional<std::int64_t> parse_minutes(std::string_view text);

// What a command complained about, on one line and without its own prefixes: "Batch job submission
// failed: Invalid account or account/partition combination specified".
std::string complaint(std::string_view errors);

}  // namespace oko::jobs::slurm
