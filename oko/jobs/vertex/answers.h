#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oko::jobs::vertex {

// Parses JSON responses of Vertex AI, Cloud Logging and Service Usage. Each function throws an
// input Error with `place` if the text is not as expected. Texts for people have no control
// characters.

// What is used of a CustomJob.
struct CustomJob {
  std::string name;   // "projects/P/locations/R/customJobs/N"
  std::string state;  // a JobState without "JOB_STATE_": "RUNNING"
  std::string error;  // why it failed or was cancelled
  bool over() const;  // nothing more will happen to it
};
CustomJob parse_job(std::string_view json, const std::string& place);

struct JobPage {
  std::vector<CustomJob> jobs;
  std::string next;  // token of the next page; empty after the last
};
JobPage parse_jobs(std::string_view json, const std::string& place);

// A page of log entries that are listed newest first: lines of the job's output, newest first.
// Those of all but the first worker, and of the service itself, begin with their source:
// "workerpool1-0: ".
struct LogPage {
  std::vector<std::string> lines;
  std::string next;
};
LogPage parse_log(std::string_view json, const std::string& place);

// The limits of a quota, by region; those of "" hold where no other is given. -1: unlimited.
struct Quota {
  std::map<std::string, std::int64_t> limits;
  std::int64_t in(const std::string& region) const;
  // Where at least `needed` is allowed, in the order of names.
  std::vector<std::string> regions_with(std::int64_t needed) const;
};
Quota parse_quota(std::string_view json, const std::string& place);

// The location of a bucket, in lower case: "us-central1" or, of more than one region, "us".
std::string parse_bucket_location(std::string_view json, const std::string& place);

// google.rpc.Status, or an error response that has one. Never throws.
struct Refusal {
  int code = 0;         // of HTTP in responses
  std::string status;   // "RESOURCE_EXHAUSTED"
  std::string reason;   // of google.rpc.ErrorInfo: "SERVICE_DISABLED"
  std::string message;  // at most 600 bytes, one line
};
Refusal parse_refusal(std::string_view json);

}  // namespace oko::jobs::vertex
