// needs: jobs
// Any output of Slurm's commands is read or skipped, whichever command it is taken for; what is
// read is printable and consistent.

#include <cstdlib>

#include "oko/base/text.h"
#include "oko/jobs/slurm/reasons.h"

namespace {

using namespace oko::jobs;

void require(bool holds) {
  if (!holds) std::abort();
}

void require_printable(const std::string& text) { require(oko::visible(text) == text); }

void check(const slurm::JobAnswer& job) {
  require(job.code >= 0 && job.signal >= 0 && job.restarts >= 0);
  require_printable(job.state);
  const Observation seen = slurm::observation_of(job);
  require(seen.phase == Observation::Phase::kQueued || seen.phase == Observation::Phase::kRunning ||
          seen.phase == Observation::Phase::kEnded);
  require_printable(seen.reason);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  require(slurm::parse_submitted(text) >= 0);
  if (const auto job = slurm::parse_scontrol(text)) check(*job);
  if (const auto job = slurm::parse_sacct(text)) check(*job);
  for (const slurm::Nodes& nodes : slurm::parse_sinfo(text)) {
    require(nodes.minutes >= 0 && nodes.count >= 0);
    require_printable(nodes.partition);
    for (const slurm::Gpus& gpus : nodes.gpus) {
      require(gpus.count > 0);
      require_printable(gpus.type);
    }
  }
  require_printable(slurm::parse_default_partition(text));
  const std::string complaint = slurm::complaint(text);
  require_printable(complaint);
  slurm::hint_for_refusal(complaint);
  return 0;
}
