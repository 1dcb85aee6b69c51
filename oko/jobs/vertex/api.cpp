#include "oko/jobs/vertex/api.h"

#include <algorithm>
#include <chrono>

#include "oko/base/error.h"
#include "oko/jobs/vertex/answers.h"

namespace oko::jobs::vertex {
namespace {

namespace http = storage::http;

constexpr const char* kScope = "https://www.googleapis.com/auth/cloud-platform";

storage::GcsOptions token_options(const ApiOptions& options) {
  storage::GcsOptions tokens;
  tokens.environment = options.environment;
  tokens.retry = options.retry;
  tokens.timeouts = options.timeouts;
  tokens.anonymous =
      storage::bucket::is_true(options.environment("CLOUDSDK_AUTH_DISABLE_CREDENTIALS"));
  return tokens;
}

http::Request json_request(const std::string& url, const std::string& body,
                           const http::Timeouts& timeouts) {
  http::Request request;
  request.method = "POST";
  request.url = url;
  request.timeouts = timeouts;
  request.max_body = 16 << 20;
  request.headers = {{"Content-Type", "application/json"}};
  request.body = {std::as_bytes(std::span(body))};
  return request;
}

std::string checked_address(const std::string& variable, std::string address) {
  while (address.ends_with('/')) address.pop_back();
  if (http::may_carry_secrets(address)) return address;
  throw Error(ErrorCode::kUsage, variable, "is neither https nor on this machine",
              "use an https address: requests carry an access token");
}

}  // namespace

Api::Api(const ApiOptions& options)
    : options_(options), client_(http::shared_client()), tokens_(token_options(options), kScope) {}

std::string Api::endpoint(const char* service, const std::string& usual) const {
  const std::string variable = std::string("CLOUDSDK_API_ENDPOINT_OVERRIDES_") + service;
  const std::string address = options_.environment(variable.c_str());
  return address.empty() ? usual : checked_address(variable, address);
}

std::string Api::training(const std::string& region) const {
  return endpoint("AIPLATFORM", "https://" + region + "-aiplatform.googleapis.com");
}

std::string Api::logging() const { return endpoint("LOGGING", "https://logging.googleapis.com"); }

std::string Api::quotas() const {
  return endpoint("SERVICEUSAGE", "https://serviceusage.googleapis.com");
}

std::string Api::storage() const {
  // gcloud's variable has the path of the API, "/storage/v1".
  const std::string emulator = options_.environment("STORAGE_EMULATOR_HOST");
  if (emulator.empty()) return endpoint("STORAGE", "https://storage.googleapis.com/storage/v1");
  const bool bare = emulator.find("://") == std::string::npos;
  return checked_address("STORAGE_EMULATOR_HOST", (bare ? "http://" : "") + emulator) +
         "/storage/v1";
}

std::string Api::project() {
  for (const char* variable : {"GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"}) {
    if (std::string project = options_.environment(variable); !project.empty()) return project;
  }
  return tokens_.project();
}

http::Response Api::attempt(const http::Request& request) {
  for (bool renewed = false;; renewed = true) {
    const std::string token = tokens_.get();
    http::Request ready = request;
    if (!token.empty()) ready.headers.emplace_back("Authorization", "Bearer " + token);
    if (const std::string project = tokens_.quota_project(); !project.empty()) {
      ready.headers.emplace_back("X-Goog-User-Project", project);
    }
    http::Response response = client_.send(ready);
    if (response.status != 401 || renewed || token.empty()) return response;
    tokens_.renew(token);
    ++http::counters().refreshed;
  }
}

http::Retry Api::retry(const std::string& place) const {
  return http::Retry(client_, options_.retry, place);
}

http::Response Api::send(const http::Request& request, const std::string& place, double seconds) {
  http::Policy policy = options_.retry;
  const auto most = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  policy.budget = std::min(policy.budget, most);
  policy.budget_of_strangers = std::min(policy.budget_of_strangers, most);
  for (http::Retry retry(client_, policy, place);;) {
    http::Response response = attempt(request);
    if (!http::is_transient(response) || is_out_of_quota(response)) {
      if (response.failure != http::Response::Failure::kNone) http::refuse(response, place);
      return response;
    }
    retry.wait(response);
  }
}

http::Response Api::get(const std::string& url, const std::string& place, double seconds) {
  http::Request request;
  request.url = url;
  request.timeouts = options_.timeouts;
  request.max_body = 16 << 20;
  return send(request, place, seconds);
}

http::Response Api::post(const std::string& url, const Json& body, const std::string& place,
                         double seconds) {
  const std::string text = body.dump();
  return send(json_request(url, text, options_.timeouts), place, seconds);
}

http::Response Api::post_once(const std::string& url, const Json& body) {
  const std::string text = body.dump();
  http::Request request = json_request(url, text, options_.timeouts);
  request.once = true;
  return attempt(request);
}

bool is_out_of_quota(const http::Response& response) {
  if (response.status != 429) return false;
  // "… exceed quota limits: aiplatform.googleapis.com/custom_model_training_nvidia_l4_gpus", "The
  // following quotas are exceeded: CustomModelTrainingL4GPUsPerProjectPerRegion"
  const std::string message = parse_refusal(response.body).message;
  return message.find("custom_model_training") != std::string::npos ||
         message.find("CustomModelTraining") != std::string::npos;
}

}  // namespace oko::jobs::vertex
