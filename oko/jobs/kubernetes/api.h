#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/jobs/kubernetes/credential.h"
#include "oko/jobs/kubernetes/kubeconfig.h"
#include "oko/storage/http/retry.h"

namespace oko::jobs::kubernetes {

// The server refused a request.
class Refusal : public Error {
 public:
  Refusal(int status, std::string reason, ErrorCode code, std::string place, std::string message,
          std::string hint)
      : Error(code, std::move(place), std::move(message), std::move(hint)),
        status_(status),
        reason_(std::move(reason)) {}
  int status() const { return status_; }
  const std::string& reason() const { return reason_; }  // "AlreadyExists"

 private:
  int status_;
  std::string reason_;
};

// The Error for an answer that is not a success; `body` is a Status, or anything else.
Refusal refusal_of(int status, std::string_view body, const std::string& place);

using Query = std::vector<std::pair<std::string, std::string>>;

// "/apis/batch/v1/namespaces/NAMESPACE/jobs" and the like; `name` may be empty.
std::string jobs_path(const std::string& space, const std::string& name = {});
// "/api/v1/namespaces/NAMESPACE/KIND/NAME".
std::string core_path(const std::string& space, const std::string& kind,
                      const std::string& name = {});
std::string query_of(const Query& query);  // "?a=b&c=d", or nothing

// A cluster's API server, by REST. Requests are repeated where that is safe or harmless, at most
// for a minute: creating twice ends in a 409. Thread-safe. Functions throw Refusals, and Errors of
// kStorage if there is no answer.
class Api {
 public:
  explicit Api(Access access, storage::http::Client& client = storage::http::shared_client(),
               storage::http::Policy policy = usual_policy());

  static storage::http::Policy usual_policy();
  const Access& access() const { return access_; }
  std::string place() const;  // for messages: "kubernetes (kind-test)"

  Json get(const std::string& path, const Query& query = {});
  std::optional<Json> find(const std::string& path);  // nothing if it does not exist
  Json post(const std::string& path, const Json& body, const Query& query = {});
  void remove(const std::string& path, const Json& options);
  // All items of a list, of any number of pages.
  std::vector<Json> list(const std::string& path, const Query& query = {});
  std::string text(const std::string& path, const Query& query);  // a log

 private:
  storage::http::Response send(const std::string& method, const std::string& path,
                               const Query& query, const Json* body);
  storage::http::Response attempt(storage::http::Request request, const Credential& credential);
  std::vector<Json> list_once(const std::string& path, const Query& query);
  // What the user has, or what the plugin said last; asks it again if it said `refused`.
  Credential credential(const std::string* refused = nullptr);

  Access access_;
  storage::http::Client& client_;
  storage::http::Policy policy_;
  std::mutex mutex_;
  std::optional<Credential> known_;  // of the plugin
};

}  // namespace oko::jobs::kubernetes
