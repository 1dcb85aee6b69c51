#include "oko/jobs/kubernetes/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "oko/base/text.h"

namespace oko::jobs::kubernetes {
namespace {

namespace http = storage::http;
using http::percent_encode;

constexpr std::size_t kMostItems = 20'000, kMostText = 2000;
constexpr int kPage = 500, kConflict = 409, kGone = 410;
// A plugin is asked again so long before its credential expires.
constexpr std::time_t kBeforeEnd = 30;

std::string shown(const Json& object, const char* key) {
  if (!object.is_object() || !object.contains(key) || !object[key].is_string()) return {};
  return printable(object[key].get<std::string>().substr(0, kMostText));
}

// "spec.template.spec.containers[0].image: Required value", joined.
std::string causes_of(const Json& status) {
  constexpr std::size_t kMost = 10;
  std::string text;
  if (!status.is_object() || !status.contains("details")) return text;
  const Json& details = status["details"];
  if (!details.is_object() || !details.contains("causes") || !details["causes"].is_array()) {
    return text;
  }
  for (std::size_t i = 0; i < std::min(details["causes"].size(), kMost); ++i) {
    const Json& cause = details["causes"][i];
    if (!text.empty()) text += "; ";
    text += shown(cause, "field") + ": " + shown(cause, "message");
  }
  return text;
}

ErrorCode code_for(int status) {
  if (status == 400 || status == 404 || status == kConflict || status == 422) {
    return ErrorCode::kUsage;
  }
  return ErrorCode::kFailed;
}

std::string hint_for(int status, const std::string& message) {
  if (status == 401) {
    return "log in again; kubectl with the same context must work";
  }
  if (status == 403 && message.find("exceeded quota") != message.npos) {
    return "ask for less, or wait until other jobs have ended (kubectl describe resourcequota)";
  }
  if (status == 403) {
    return "ask the cluster's administrator for a Role with this right; docs/jobs.md lists them";
  }
  if (status == 404 && message.find("namespaces") != message.npos) {
    return "create it (kubectl create namespace), or choose one by --namespace";
  }
  if (status == 429 || status >= 500) return "try again later";
  return {};
}

void trim(std::string& text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
    text.pop_back();
  }
}

}  // namespace

Refusal refusal_of(int status, std::string_view body, const std::string& place) {
  Json json;
  try {
    json = parse_json(body, place);
  } catch (const Error&) {  // a proxy's page, or nothing
  }
  std::string message = shown(json, "message");
  if (const std::string causes = causes_of(json); status == 422 && !causes.empty()) {
    message = "the cluster refuses the job: " + causes;
  } else if (message.empty()) {
    message = fmt::format("the server responded {}", status);
  } else if (status == 401) {
    message = "the cluster does not accept these credentials (401 Unauthorized)";
  }
  std::string hint = hint_for(status, message);
  return {status, shown(json, "reason"), code_for(status),
          place,  std::move(message),    std::move(hint)};
}

std::string jobs_path(const std::string& space, const std::string& name) {
  return "/apis/batch/v1/namespaces/" + percent_encode(space) + "/jobs" +
         (name.empty() ? "" : "/" + percent_encode(name));
}

std::string core_path(const std::string& space, const std::string& kind, const std::string& name) {
  return "/api/v1/namespaces/" + percent_encode(space) + "/" + kind +
         (name.empty() ? "" : "/" + percent_encode(name));
}

std::string query_of(const Query& query) {
  std::string text;
  for (const auto& [name, value] : query) {
    text += (text.empty() ? "?" : "&") + name + "=" + percent_encode(value);
  }
  return text;
}

Api::Api(Access access, http::Client& client, http::Policy policy)
    : access_(std::move(access)), client_(client), policy_(policy) {}

http::Policy Api::usual_policy() {
  http::Policy policy = http::usual_policy();
  policy.longest = std::chrono::seconds(8);
  policy.budget = std::min<std::chrono::milliseconds>(policy.budget, std::chrono::minutes(1));
  return policy;
}

std::string Api::place() const { return "kubernetes (" + printable(access_.context) + ")"; }

Credential Api::credential(const std::string* refused) {
  const std::lock_guard lock(mutex_);
  if (!access_.plugin) {
    Credential own{access_.token, access_.tls.certificate, access_.tls.key, std::nullopt};
    if (!access_.token_file.empty()) {
      own.token = storage::bucket::read_small_file(access_.token_file);
      trim(own.token);
    }
    return own;
  }
  const bool stale =
      known_ && known_->expires && *known_->expires - kBeforeEnd < std::time(nullptr);
  const bool wrong = known_ && refused != nullptr && known_->token + known_->key == *refused;
  if (!known_ || stale || wrong) known_ = ask_plugin(access_);
  return *known_;
}

http::Response Api::attempt(http::Request request, const Credential& credential) {
  if (!credential.token.empty()) {
    request.headers.emplace_back("Authorization", "Bearer " + credential.token);
  }
  request.tls.certificate = credential.certificate;
  request.tls.key = credential.key;
  try {
    return http::send_patiently(client_, request, policy_, place());
  } catch (const Error& error) {
    if (error.message().find("certificate") == std::string::npos) throw;
    throw Error(error.code(), error.place(), error.message(),
                "check certificate-authority and tls-server-name in the kubeconfig");
  }
}

http::Response Api::send(const std::string& method, const std::string& path, const Query& query,
                         const Json* body) {
  http::Request request;
  request.method = method;
  request.url = access_.server + path + query_of(query);
  request.headers = access_.impersonation;
  request.headers.emplace_back("Accept", "application/json, */*");
  std::string text;
  if (body != nullptr) {
    text = body->dump();
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = {std::as_bytes(std::span(text))};
  }
  request.tls = access_.tls;
  request.proxy = access_.proxy;
  if (!access_.tls_server_name.empty()) {
    const auto start = request.url.find("://") + 3;
    const auto end = std::min(request.url.find_first_of("/?", start), request.url.size());
    const std::string host = request.url.substr(start, end - start);
    const auto colon = host.rfind(':');
    const bool has_port = colon != host.npos && host.find(']', colon) == host.npos;
    request.connect_to = has_port ? host : host + ":443";
    request.headers.emplace_back("Host", host);
    request.url.replace(start, end - start,
                        access_.tls_server_name + (has_port ? host.substr(colon) : ""));
  }
  Credential with = credential();
  http::Response response = attempt(request, with);
  if (response.status == 401 && access_.plugin) {
    const std::string refused = with.token + with.key;
    with = credential(&refused);
    response = attempt(request, with);
  }
  if (!response.ok()) throw refusal_of(response.status, response.body, place());
  return response;
}

Json Api::get(const std::string& path, const Query& query) {
  return parse_json(send("GET", path, query, nullptr).body, place() + path);
}

std::optional<Json> Api::find(const std::string& path) {
  try {
    return get(path);
  } catch (const Refusal& refusal) {
    if (refusal.status() == 404) return std::nullopt;
    throw;
  }
}

Json Api::post(const std::string& path, const Json& body, const Query& query) {
  return parse_json(send("POST", path, query, &body).body, place() + path);
}

void Api::remove(const std::string& path, const Json& options) {
  send("DELETE", path, {}, &options);
}

std::vector<Json> Api::list(const std::string& path, const Query& query) {
  try {
    return list_once(path, query);
  } catch (const Refusal& refusal) {  // the token for the next page has expired: from the start
    if (refusal.status() != kGone) throw;
  }
  return list_once(path, query);
}

std::vector<Json> Api::list_once(const std::string& path, const Query& query) {
  std::vector<Json> items;
  std::string next;
  do {
    Query page = query;
    page.emplace_back("limit", std::to_string(kPage));
    if (!next.empty()) page.emplace_back("continue", next);
    Json answer = get(path, page);
    next.clear();
    if (answer.is_object() && answer.contains("metadata")) {
      next = json_get_or<std::string>(answer["metadata"], "continue", "", place() + path);
    }
    if (!answer.is_object() || !answer.contains("items") || !answer["items"].is_array()) continue;
    for (Json& item : answer["items"]) items.push_back(std::move(item));
    if (items.size() > kMostItems) {
      throw Error(ErrorCode::kFailed, place() + path, "the list has no end");
    }
  } while (!next.empty());
  return items;
}

std::string Api::text(const std::string& path, const Query& query) {
  return send("GET", path, query, nullptr).body;
}

}  // namespace oko::jobs::kubernetes
