#include "oko/storage/gcs/credentials.h"

#include <algorithm>

#include "oko/base/json.h"

namespace oko::storage::gcs {
namespace {

constexpr const char* kTokenUri = "https://oauth2.googleapis.com/token";
constexpr std::time_t kBeforeEnd = 300;

// Keys are only sent over TLS or to this machine.
void check_token_uri(const std::string& uri, const std::string& name) {
  if (http::may_carry_secrets(uri)) return;
  throw input_error(name, "\"token_uri\" is neither https nor on this machine");
}

Json parse_quietly(std::string_view json, const std::string& name) {
  try {
    return parse_json(json, name);
  } catch (const Error&) {
    throw input_error(name, "is not JSON");  // the parser's message may quote it
  }
}

std::string text_of(const Json& json, const char* key, const std::string& name) {
  if (!json.is_object() || !json.contains(key) || !json[key].is_string()) {
    throw input_error(
        name, std::string("has no string \"") + key + "\"",
        "create the file again (gcloud auth application-default login, or a new key)");
  }
  return json[key].get<std::string>();
}

std::string text_or(const Json& json, const char* key, const std::string& fallback) {
  return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : fallback;
}

}  // namespace

Account parse_account(std::string_view text, const std::string& name) {
  const Json json = parse_quietly(text, name);
  const std::string type = text_of(json, "type", name);
  Account account;
  account.token_uri = text_or(json, "token_uri", kTokenUri);
  check_token_uri(account.token_uri, name);
  if (type == "service_account") {
    account.is_service = true;
    account.email = text_of(json, "client_email", name);
    account.private_key = text_of(json, "private_key", name);
    account.key_id = text_or(json, "private_key_id", "");
    account.project = text_or(json, "project_id", "");
    return account;
  }
  if (type == "authorized_user") {
    account.client_id = text_of(json, "client_id", name);
    account.client_secret = text_of(json, "client_secret", name);
    account.refresh_token = text_of(json, "refresh_token", name);
    account.project = text_or(json, "quota_project_id", "");
    return account;
  }
  throw input_error(name, "contains unsupported credentials",
                    "use a service account key or gcloud auth application-default login");
}

TokenSource::TokenSource(const GcsOptions& options, std::string scope)
    : options_(options),
      scope_(std::move(scope)),
      client_(options.client != nullptr ? *options.client : http::shared_client()) {}

std::string TokenSource::get() {
  if (options_.anonymous) return {};
  const std::lock_guard lock(mutex_);
  if (!known_ || std::time(nullptr) >= known_->expires - kBeforeEnd) known_ = find();
  return known_->text;
}

void TokenSource::renew(const std::string& stale) {
  const std::lock_guard lock(mutex_);
  if (known_ && known_->text == stale) known_.reset();
}

std::string TokenSource::project() {
  const std::lock_guard lock(mutex_);
  return !options_.anonymous && account() ? account()->project : "";
}

std::string TokenSource::quota_project() {
  const std::lock_guard lock(mutex_);
  return !options_.anonymous && account() && !account()->is_service ? account()->project : "";
}

const std::optional<Account>& TokenSource::account() {
  if (looked_) return account_;
  const bucket::Environment& environment = options_.environment;
  std::string path = environment("GOOGLE_APPLICATION_CREDENTIALS");
  const bool named = !path.empty();
  if (!named) {
    const std::string config = environment("CLOUDSDK_CONFIG");
    const std::string folder =
        config.empty() ? bucket::in_home(environment, ".config/gcloud") : config;
    if (!folder.empty()) path = join(folder, "application_default_credentials.json");
  }
  const std::string text = path.empty() ? "" : bucket::read_small_file(path);
  if (text.empty() && named) {
    throw Error(ErrorCode::kUsage, path, "is missing or empty",
                "fix or unset GOOGLE_APPLICATION_CREDENTIALS");
  }
  if (!text.empty()) account_ = parse_account(text, path);
  looked_ = true;
  return account_;
}

TokenSource::Token TokenSource::find() {
  const auto& found = account();
  if (!found) return of_machine();
  return found->is_service ? of_service(*found) : of_user(*found);
}

TokenSource::Token TokenSource::ask(const http::Request& request, const std::string& place) {
  const http::Response response = http::send_patiently(client_, request, options_.retry, place);
  if (!response.ok()) {
    throw Error(ErrorCode::kStorage, place,
                "no access token: the server responded " + std::to_string(response.status),
                "check the account and this machine's clock, or log in again (gcloud auth "
                "application-default login)");
  }
  const Json answer = parse_quietly(response.body, place);
  Token token;
  token.text = text_of(answer, "access_token", place);
  const auto lifetime = json_get_or<std::int64_t>(answer, "expires_in", 3600, place);
  // A short-lived one is used for half of its lifetime instead of being requested each time.
  const std::int64_t usable = std::max(lifetime - kBeforeEnd, lifetime / 2);
  token.expires = std::time(nullptr) + std::clamp<std::int64_t>(usable, 0, 86'400) + kBeforeEnd;
  return token;
}

TokenSource::Token TokenSource::post(const Account& account, const std::string& form,
                                     const std::string& place) {
  http::Request request;
  request.method = "POST";
  request.url = account.token_uri;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = {std::as_bytes(std::span(form))};
  request.max_body = 1 << 20;
  return ask(request, place);
}

TokenSource::Token TokenSource::of_service(const Account& account) {
  const std::time_t now = std::time(nullptr);
  Json header = {{"alg", "RS256"}, {"typ", "JWT"}};
  if (!account.key_id.empty()) header["kid"] = account.key_id;
  const Json claims = {{"iss", account.email},
                       {"scope", scope_},
                       {"aud", account.token_uri},
                       {"iat", now},
                       {"exp", now + 3600}};
  const std::string form =
      "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
      "&assertion=" +
      make_jwt(header.dump(), claims.dump(), account.private_key);
  return post(account, form, "the service account's token");
}

TokenSource::Token TokenSource::of_user(const Account& account) {
  const std::string form =
      "grant_type=refresh_token&client_id=" + http::percent_encode(account.client_id) +
      "&client_secret=" + http::percent_encode(account.client_secret) +
      "&refresh_token=" + http::percent_encode(account.refresh_token);
  return post(account, form, "the user's token");
}

TokenSource::Token TokenSource::of_machine() {
  std::string host = options_.environment("GCE_METADATA_HOST");
  if (host.empty()) host = "metadata.google.internal";
  http::Request request;
  request.url = "http://" + host + "/computeMetadata/v1/instance/service-accounts/default/token";
  request.headers = {{"Metadata-Flavor", "Google"}};
  request.timeouts.connect = std::chrono::seconds(3);
  request.timeouts.stall = std::chrono::seconds(10);
  request.max_body = 1 << 20;
  const http::Response first = client_.send(request);
  if (first.failure == http::Response::Failure::kConnect || first.status == 404 ||
      (first.failure == http::Response::Failure::kTimeout && first.status == 0)) {
    throw Error(ErrorCode::kStorage, "gs",
                "no credentials: GOOGLE_APPLICATION_CREDENTIALS is not set, gcloud's "
                "application-default file is missing, and this is not a Google machine",
                "run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS");
  }
  return ask(request, "the machine's token");
}

}  // namespace oko::storage::gcs
