#include "oko/jobs/vertex/explain.h"

#include <cctype>
#include <vector>

namespace oko::jobs::vertex {
namespace {

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

// "custom_model_training_nvidia_l4_gpus" or "CustomModelTrainingL4GPUsPerProjectPerRegion".
std::string quota_in(std::string_view message) {
  for (const std::string_view start : {"custom_model_training", "CustomModelTraining"}) {
    const std::size_t at = message.find(start);
    if (at == message.npos) continue;
    std::size_t end = at;
    while (end < message.size() &&
           (std::isalnum(static_cast<unsigned char>(message[end])) != 0 || message[end] == '_')) {
      ++end;
    }
    return std::string(message.substr(at, end - at));
  }
  return {};
}

std::string quota_page(const std::string& project) {
  return "https://console.cloud.google.com/iam-admin/quotas?project=" + project;
}

}  // namespace

Explanation explain(std::string_view message, const std::string& project,
                    const std::string& region) {
  const std::string said(message);
  if (const std::string quota = quota_in(message); !quota.empty()) {
    return {"the project's quota in " + region + " is too small: " + quota,
            "ask for more at " + quota_page(project) +
                ", or use another --region, --gpu-type or less --workers; spot machines have a "
                "quota of their own"};
  }
  if (has(message, "Resources are insufficient")) {
    return {"no such machine is free in " + region + ": " + said,
            "try again later, or use another --region or --gpu-type"};
  }
  if (has(message, "exited with a non-zero status") || has(message, "ran out of memory")) {
    const bool memory = has(message, "ran out of memory");
    return {said, memory ? "use a --machine with more memory, or a smaller batch" : ""};
  }
  if (has(message, "same regional location")) {
    return {said, "use the bucket's region as --region, or a bucket in " + region};
  }
  if (has(message, "actAs") || has(message, "act as")) {
    return {said,
            "give yourself the role Service Account User for the account of "
            "--service-account"};
  }
  const bool image = has(message, "pkg.dev") || has(message, "gcr.io") || has(message, "image");
  if (image && (has(message, "not found") || has(message, "permission") ||
                has(message, "does not exist") || has(message, "denied"))) {
    return {said,
            "check --image, and that the Vertex AI service agent of the project may read it "
            "(Artifact Registry Reader)"};
  }
  return {said, ""};
}

Error refusal_error(const Refusal& refusal, const std::string& project, const std::string& region) {
  const std::string place = "Vertex AI in " + region;
  if (refusal.reason == "SERVICE_DISABLED") {
    return Error(ErrorCode::kFailed, place, "the API is not enabled in the project " + project,
                 "run gcloud services enable aiplatform.googleapis.com --project " + project);
  }
  const Explanation known = explain(refusal.message, project, region);
  std::string hint = known.hint;
  const char* said = "refused: ";
  switch (refusal.code) {
    case 401:
      if (hint.empty()) hint = "log in again (gcloud auth application-default login)";
      return Error(ErrorCode::kStorage, place, "the credentials are no longer valid", hint);
    case 403:
      if (hint.empty()) {
        hint = has(refusal.message, "quota project")
                   ? "run gcloud auth application-default set-quota-project " + project
                   : "give the account the role Vertex AI User (roles/aiplatform.user) in the "
                     "project " +
                         project;
      }
      break;
    case 404:
      if (hint.empty()) hint = "check --project and --region";
      break;
    default:
      break;
  }
  return Error(ErrorCode::kFailed, place, said + known.reason, hint);
}

Error quota_error(const std::string& quota, std::int64_t needed, const Quota& limits,
                  const std::string& project, const std::string& region) {
  std::string elsewhere;
  for (const std::string& other : limits.regions_with(needed)) {
    elsewhere += (elsewhere.empty() ? "" : ", ") + other;
  }
  const std::string ask = "ask for more at " + quota_page(project);
  return Error(ErrorCode::kFailed, "Vertex AI in " + region,
               "the project's quota " + quota + " is " + std::to_string(limits.in(region)) +
                   ", and the job needs " + std::to_string(needed),
               elsewhere.empty()
                   ? ask + "; no other region has it either"
                   : "use --region with one that has it: " + elsewhere + "; or " + ask);
}

}  // namespace oko::jobs::vertex
