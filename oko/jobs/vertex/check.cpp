#include "oko/jobs/vertex/check.h"

#include <chrono>

#include "oko/base/error.h"
#include "oko/jobs/vertex/answers.h"
#include "oko/jobs/vertex/body.h"
#include "oko/jobs/vertex/explain.h"
#include "oko/jobs/vertex/machines.h"
#include "oko/jobs/vertex/names.h"
#include "oko/package/registry.h"
#include "oko/storage/uri.h"

namespace oko::jobs::vertex {
namespace {

namespace http = storage::http;

// Vertex AI reaches only buckets of its own region. Those of several regions ("us", "eu", pairs
// such as "nam4") are left to it.
void check_bucket(Api& api, const Spec& spec) {
  const storage::Uri folder(spec.folder);
  const std::string place = "gs://" + folder.bucket();
  const http::Response response = api.get(
      api.storage() + "/b/" + http::percent_encode(folder.bucket()) + "?fields=location", place);
  if (response.status == 404) {
    throw input_error(place, "no such bucket", "check the name, or create it with oko store mb");
  }
  // Whoever may only use its objects may not ask where it is.
  if (!response.ok()) return;
  const std::string location = parse_bucket_location(response.body, place);
  if (location == spec.resources.region || location.find('-') == std::string::npos) return;
  throw Error(ErrorCode::kUsage, "--region",
              "the bucket " + place + " is in " + location + ", and the job would run in " +
                  spec.resources.region,
              "use --region " + location + ", or a bucket in " + spec.resources.region);
}

// An image that does not exist. Whether the service may read it is not known here, and who has not
// logged in to the registry does not see what is in it.
void check_image(const std::string& name) {
  package::RegistryOptions options;
  options.retry.budget = options.retry.budget_of_strangers = std::chrono::seconds(10);
  try {
    const package::ImageReference image = package::parse_image_reference(name);
    package::Registry(image, false, options).manifest(image.version());
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInput || error.code() == ErrorCode::kInterrupted) throw;
  }
}

void check_quota(Api& api, const std::string& project, const std::string& region,
                 const std::string& quota, std::int64_t needed) {
  const std::string place = "Service Usage";
  if (quota.empty()) return;
  const http::Response response =
      api.get(api.quotas() + "/v1beta1/projects/" + http::percent_encode(project) +
                  "/services/aiplatform.googleapis.com/consumerQuotaMetrics/" +
                  http::percent_encode("aiplatform.googleapis.com/" + quota),
              place);
  if (!response.ok()) return;  // may not be read, or has another name: the job's own answer counts
  const Quota limits = parse_quota(response.body, place);
  if (limits.limits.empty()) return;
  const std::int64_t limit = limits.in(region);
  if (limit >= 0 && limit < needed) throw quota_error(quota, needed, limits, project, region);
}

}  // namespace

std::string project_for(Api& api, const Spec& spec) {
  std::string project = spec.setting("project");
  if (project.empty()) project = api.project();
  if (project.empty()) {
    throw Error(ErrorCode::kUsage, "--project",
                "Vertex AI runs jobs in a project, but none is given",
                "add --project ID, or set GOOGLE_CLOUD_PROJECT");
  }
  return checked_project(project);
}

std::string jobs_url(Api& api, const Spec& spec) {
  const std::string& region = checked_region(spec.resources.region);
  return api.training(region) + "/v1/projects/" + project_for(api, spec) + "/locations/" + region +
         "/customJobs";
}

void check(Api& api, const Spec& spec) {
  custom_job(spec);  // refuses what cannot be asked for
  const std::string url = jobs_url(api, spec), project = project_for(api, spec);
  const std::string& region = spec.resources.region;
  api.need_credentials();
  check_bucket(api, spec);
  const http::Response response = api.get(url + "?pageSize=1", "Vertex AI in " + region);
  if (!response.ok()) throw refusal_error(parse_refusal(response.body), project, region);
  check_image(spec.setting("image"));
  const Machine machine = machine_for(spec.resources);
  const int workers = spec.resources.workers;
  check_quota(api, project, region, machine.gpu_quota,
              std::int64_t{machine.accelerators} * workers);
  check_quota(api, project, region, machine.cpu_quota, std::int64_t{machine.cpus} * workers);
}

}  // namespace oko::jobs::vertex
