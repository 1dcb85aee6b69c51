#include "oko/jobs/vertex/body.h"

#include <charconv>
#include <cmath>
#include <cstdint>

#include "oko/base/error.h"
#include "oko/jobs/vertex/machines.h"
#include "oko/jobs/vertex/names.h"
#include "oko/storage/uri.h"

namespace oko::jobs::vertex {
namespace {

// The job ends itself at --max-time, with a checkpoint. The service ends what did not.
constexpr std::int64_t kGraceSeconds = 600;

int disk_gb(const std::string& text) {
  constexpr int kLeast = 100, kMost = 64'000;
  int size = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, size);
  if (error == std::errc() && last == end && size >= kLeast && size <= kMost) return size;
  throw Error(ErrorCode::kUsage, "--boot-disk-gb", "\"" + text + "\" is not a size of a boot disk",
              "use 100 to 64000");
}

Json worker_pool(const Spec& spec, int workers) {
  const Machine machine = machine_for(spec.resources);
  Json pool;
  pool["machineSpec"]["machineType"] = machine.type;
  if (machine.accelerators > 0) {
    pool["machineSpec"]["acceleratorType"] = machine.accelerator;
    pool["machineSpec"]["acceleratorCount"] = machine.accelerators;
  }
  pool["replicaCount"] = std::to_string(workers);  // an int64, which JSON has as text
  if (const std::string size = spec.setting("boot-disk-gb"); !size.empty()) {
    pool["diskSpec"] = {{"bootDiskType", "pd-ssd"}, {"bootDiskSizeGb", disk_gb(size)}};
  }
  pool["containerSpec"]["imageUri"] = checked_image(spec.setting("image"));
  pool["containerSpec"]["command"] = Json::array({"oko"});
  pool["containerSpec"]["args"] = worker_words(spec);
  return pool;
}

Json scheduling(const Resources& resources) {
  Json scheduling = {{"strategy", resources.spot ? "SPOT" : "STANDARD"}};
  if (resources.max_hours > 0) {
    const auto seconds = static_cast<std::int64_t>(std::ceil(resources.max_hours * 3600));
    scheduling["timeout"] = std::to_string(seconds + kGraceSeconds) + "s";
  }
  // Workers find each other once, at the start: if one is replaced, all begin again from the last
  // checkpoint.
  if (resources.workers > 1) scheduling["restartJobOnWorkerRestart"] = true;
  return scheduling;
}

}  // namespace

Json custom_job(const Spec& spec) {
  if (storage::Uri(spec.folder).scheme() != "gs") {
    throw Error(ErrorCode::kUsage, "--job-dir",
                spec.folder + " is out of reach: Vertex AI's machines can only use Cloud Storage",
                "use a folder such as gs://BUCKET/jobs/" + spec.id);
  }
  Json job = {{"displayName", spec.id}, {"labels", {{kLabel, spec.id}}}};
  Json& job_spec = job["jobSpec"];
  job_spec["workerPoolSpecs"] = Json::array({worker_pool(spec, 1)});
  if (spec.resources.workers > 1) {
    job_spec["workerPoolSpecs"].push_back(worker_pool(spec, spec.resources.workers - 1));
  }
  job_spec["scheduling"] = scheduling(spec.resources);
  if (const std::string account = spec.setting("service-account"); !account.empty()) {
    job_spec["serviceAccount"] = checked_account(account);
  }
  if (const std::string network = spec.setting("network"); !network.empty()) {
    job_spec["network"] = checked_network(network);
  }
  job_spec["baseOutputDirectory"]["outputUriPrefix"] = spec.folder;
  return job;
}

}  // namespace oko::jobs::vertex
