#pragma once

#include <string>

#include "oko/base/json.h"
#include "oko/storage/bucket/environment.h"
#include "oko/storage/gcs/credentials.h"
#include "oko/storage/http/retry.h"

namespace oko::jobs::vertex {

struct ApiOptions {
  storage::bucket::Environment environment = storage::bucket::process_environment;
  storage::http::Policy retry = storage::http::usual_policy();
  storage::http::Timeouts timeouts = storage::http::usual_timeouts();
};

// Calls of Google's JSON APIs, with the credentials that storage uses (Google's order of sources)
// for the scope cloud-platform. Thread-safe.
class Api {
 public:
  explicit Api(const ApiOptions& options = {});

  // Where each service is: Google's host, or the address in gcloud's variable
  // CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM, _LOGGING, _SERVICEUSAGE or _STORAGE. Without '/' at
  // the end. Throws a usage Error for an address that must not get an access token.
  std::string training(const std::string& region) const;
  std::string logging() const;
  std::string quotas() const;
  std::string storage() const;

  // The project that the environment or the credentials name; may be empty.
  std::string project();
  // An Error of kStorage if there are no credentials.
  void need_credentials() { tokens_.get(); }

  // Each is one call, with a renewed token if the server says that it has expired. `place` is for
  // errors. A response may be a refusal (4xx), which the caller must interpret.
  //
  // get() and post() are retried on transient failures and throw an Error of kStorage if none
  // succeeds within `seconds`, or the usual time if that is less; for calls that can be repeated.
  storage::http::Response get(const std::string& url, const std::string& place,
                              double seconds = 900);
  storage::http::Response post(const std::string& url, const Json& body, const std::string& place,
                               double seconds = 900);
  // Sent once, whatever comes of it; again only if the server says that the token has expired.
  storage::http::Response post_once(const std::string& url, const Json& body);
  // To wait between such attempts.
  storage::http::Retry retry(const std::string& place) const;

 private:
  std::string endpoint(const char* service, const std::string& usual) const;
  storage::http::Response attempt(const storage::http::Request& request);
  storage::http::Response send(const storage::http::Request& request, const std::string& place,
                               double seconds);

  ApiOptions options_;
  storage::http::Client& client_;
  storage::gcs::TokenSource tokens_;
};

// Whether the response says that the project may not use so much: no waiting helps. (The same
// status 429 as for too many requests.)
bool is_out_of_quota(const storage::http::Response& response);

}  // namespace oko::jobs::vertex
