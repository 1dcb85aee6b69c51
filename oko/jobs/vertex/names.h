#pragma once

#include <string>
#include <string_view>

// Names that come from users, from a job's folder or from the service, and that become parts of
// URLs, host names and filters. Each is checked or quoted by one of these functions.
namespace oko::jobs::vertex {

// A region of Vertex AI's training; it becomes part of the name of the host that gets the access
// token. Throws a usage Error with the nearest one otherwise.
const std::string& checked_region(const std::string& region);
// A project's id or number.
const std::string& checked_project(const std::string& project);
// "us-docker.pkg.dev/my-project/oko/train:1" or …@sha256:…
const std::string& checked_image(const std::string& image);
// "NAME@PROJECT.iam.gserviceaccount.com"
const std::string& checked_account(const std::string& account);
// "projects/NUMBER/global/networks/NAME"
const std::string& checked_network(const std::string& network);

// "projects/P/locations/R/customJobs/N" as the service names a job.
struct JobName {
  std::string text, region, number;
};
// Throws an input Error at `place` for anything else.
JobName parse_job_name(const std::string& text, const std::string& place);

// A word in a filter of Google's list methods: "…" with \ and " escaped, control characters
// replaced.
std::string filter_word(std::string_view text);

}  // namespace oko::jobs::vertex
