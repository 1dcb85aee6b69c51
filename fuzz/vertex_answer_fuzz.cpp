// needs: jobs
// Any answer of Vertex AI, Cloud Logging and Service Usage is read or refused, as the answer to any
// request; what is shown of it is one line, and names of jobs are safe in URLs.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "oko/base/error.h"
#include "oko/base/text.h"
#include "oko/jobs/vertex/answers.h"
#include "oko/jobs/vertex/explain.h"
#include "oko/jobs/vertex/names.h"

namespace {

using namespace oko::jobs::vertex;

template <typename Read>
void read_or_refuse(const Read& read) {
  try {
    read();
  } catch (const oko::Error&) {
  }
}

void must_be_shown_safely(const std::string& text) {
  if (oko::printable(text) != text) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  read_or_refuse([&] {
    const CustomJob job = parse_job(text, "input");
    must_be_shown_safely(job.error);
    must_be_shown_safely(job.state);
    explain(job.error, "p", "us-central1");
  });
  read_or_refuse([&] { parse_jobs(text, "input"); });
  read_or_refuse([&] {
    for (const std::string& line : parse_log(text, "input").lines) must_be_shown_safely(line);
  });
  read_or_refuse([&] { parse_quota(text, "input").regions_with(1); });
  read_or_refuse([&] { must_be_shown_safely(parse_bucket_location(text, "input")); });
  const Refusal refusal = parse_refusal(text);
  must_be_shown_safely(refusal.message);
  refusal_error(refusal, "p", "us-central1");
  read_or_refuse([&] {
    const JobName name = parse_job_name(std::string(text), "input");
    if (name.text.find_first_of("?#%@ \\") != std::string::npos) std::abort();
    if (name.region.find_first_of("./") != std::string::npos) std::abort();
  });
  const std::string word = filter_word(text);
  if (word.size() < 2 || word.front() != '"' || word.back() != '"') std::abort();
  return 0;
}
