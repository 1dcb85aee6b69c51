#include "oko/storage/s3/credentials.h"

#include <algorithm>
#include <cstdio>

#include "oko/base/json.h"

namespace oko::storage::s3 {
namespace {

using bucket::Environment;

constexpr std::time_t kBeforeEnd = 300;

std::string file_name(const Environment& environment, const char* variable, const char* usual) {
  const std::string given = environment(variable);
  return given.empty() ? bucket::in_home(environment, usual) : given;
}

std::string value_of(const std::map<std::string, std::string>& settings, const char* key) {
  const auto found = settings.find(key);
  return found == settings.end() ? "" : found->second;
}

// Where a container's keys may come from: TLS, or this machine.
bool may_ask(std::string_view url) {
  constexpr std::string_view kNear[] = {"http://169.254.170.2/", "http://169.254.170.23/",
                                        "http://127.",           "http://localhost",
                                        "http://[::1]",          "http://[fd00:ec2::23]"};
  return url.starts_with("https://") ||
         std::any_of(std::begin(kNear), std::end(kNear),
                     [&](auto near) { return url.starts_with(near); });
}

}  // namespace

std::optional<std::time_t> parse_time(std::string_view text) {
  std::tm parts{};
  const std::string whole(text.substr(0, 40));
  char zone = 0;
  if (std::sscanf(whole.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%c", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &zone) < 6) {
    return std::nullopt;
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return ::timegm(&parts);
}

Credentials parse_credentials(std::string_view json, const std::string& name) {
  Json answer;
  try {
    answer = parse_json(json, name);
  } catch (const Error&) {
    throw input_error(name, "the response is not JSON");  // the parser's message may quote it
  }
  Credentials credentials;
  credentials.key_id = json_get<std::string>(answer, "AccessKeyId", name);
  credentials.secret = json_get<std::string>(answer, "SecretAccessKey", name);
  credentials.session_token = json_get_or<std::string>(answer, "Token", "", name);
  const auto end = json_get_or<std::string>(answer, "Expiration", "", name);
  if (!end.empty()) {
    const auto time = parse_time(end);
    if (!time) throw input_error(name, "\"Expiration\" is not a time");
    credentials.expires = *time;
  }
  return credentials;
}

std::map<std::string, std::string> profile_settings(const Environment& environment) {
  const std::string chosen = environment("AWS_PROFILE");
  const std::string profile = chosen.empty() ? "default" : chosen;
  std::map<std::string, std::string> merged;
  bool found = false;
  for (const auto& [variable, usual] :
       {std::pair{"AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"},
        std::pair{"AWS_CONFIG_FILE", ".aws/config"}}) {
    const std::string path = file_name(environment, variable, usual);
    if (path.empty()) continue;
    const Settings settings = parse_settings(bucket::read_small_file(path), path);
    const auto section = settings.find(profile);
    if (section == settings.end()) continue;
    found = true;
    merged.insert(section->second.begin(),
                  section->second.end());  // the first file takes precedence
  }
  if (!found && !chosen.empty()) {
    throw Error(ErrorCode::kUsage, "AWS_PROFILE",
                "there is no profile \"" + chosen + "\" in the credentials or config file",
                "add it there, or unset AWS_PROFILE");
  }
  return merged;
}

CredentialSource::CredentialSource(Environment environment, const bucket::Options& options)
    : environment_(std::move(environment)),
      options_(options),
      client_(options.client != nullptr ? *options.client : http::shared_client()) {}

Credentials CredentialSource::get() {
  const std::lock_guard lock(mutex_);
  const bool fresh =
      known_ && (known_->expires == 0 || std::time(nullptr) < known_->expires - kBeforeEnd);
  if (!fresh) known_ = find();
  return *known_;
}

void CredentialSource::renew(const Credentials& stale) {
  const std::lock_guard lock(mutex_);
  if (known_ && known_->key_id == stale.key_id && known_->session_token == stale.session_token) {
    known_.reset();
  }
}

Credentials CredentialSource::find() {
  if (bucket::is_true(environment_("AWS_NO_SIGN_REQUEST"))) {
    Credentials nobody;
    nobody.anonymous = true;
    return nobody;
  }
  if (auto found = from_variables()) return *found;
  if (auto found = from_files()) return *found;
  if (auto found = from_container()) return *found;
  if (auto found = from_instance()) return *found;
  throw Error(ErrorCode::kStorage, "s3",
              "no credentials: not in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, nor in "
              "~/.aws/credentials or ~/.aws/config, nor from a container or instance",
              "give them in one of these ways, or set AWS_NO_SIGN_REQUEST=true for public buckets");
}

std::optional<Credentials> CredentialSource::from_variables() const {
  Credentials found;
  found.key_id = environment_("AWS_ACCESS_KEY_ID");
  found.secret = environment_("AWS_SECRET_ACCESS_KEY");
  found.session_token = environment_("AWS_SESSION_TOKEN");
  if (found.key_id.empty() != found.secret.empty()) {
    throw Error(ErrorCode::kUsage,
                found.secret.empty() ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID",
                "is not set, but its counterpart is", "set both or neither");
  }
  if (found.key_id.empty()) return std::nullopt;
  return found;
}

std::optional<Credentials> CredentialSource::from_files() const {
  const auto settings = profile_settings(environment_);
  Credentials found;
  found.key_id = value_of(settings, "aws_access_key_id");
  found.secret = value_of(settings, "aws_secret_access_key");
  found.session_token = value_of(settings, "aws_session_token");
  if (found.key_id.empty() || found.secret.empty()) return std::nullopt;
  return found;
}

http::Response CredentialSource::ask(http::Request request, const std::string& place,
                                     bool patiently) {
  request.max_body = 1 << 20;
  request.timeouts.connect = std::chrono::seconds(2);
  request.timeouts.stall = std::chrono::seconds(5);
  http::Policy policy = options_.retry;
  policy.budget = std::min(policy.budget, std::chrono::milliseconds(30'000));
  return patiently ? http::send_patiently(client_, request, policy, place) : client_.send(request);
}

std::optional<Credentials> CredentialSource::from_container() {
  const std::string relative = environment_("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  std::string url = environment_("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (!relative.empty()) url = "http://169.254.170.2" + relative;
  if (url.empty()) return std::nullopt;
  const std::string place = "the container's credentials";
  if (!may_ask(url)) {
    throw Error(ErrorCode::kUsage, "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "is neither https nor on this machine", "use one of these");
  }
  http::Request request;
  request.url = url;
  std::string token = environment_("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  if (const std::string file = environment_("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
      !file.empty()) {
    token = bucket::read_small_file(file);
    while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  }
  if (!token.empty()) request.headers.emplace_back("Authorization", token);
  const http::Response response = ask(request, place, true);
  if (!response.ok()) {
    throw Error(ErrorCode::kStorage, place,
                "the server responded " + std::to_string(response.status),
                "check the container's role");
  }
  return parse_credentials(response.body, place);
}

std::optional<Credentials> CredentialSource::from_instance() {
  if (bucket::is_true(environment_("AWS_EC2_METADATA_DISABLED"))) return std::nullopt;
  std::string base = environment_("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  if (base.empty()) base = "http://169.254.169.254";
  while (base.ends_with('/')) base.pop_back();
  const std::string place = "the instance's credentials";
  http::Request request;
  request.method = "PUT";
  request.url = base + "/latest/api/token";
  request.headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}};
  const http::Response session = ask(request, place, false);
  if (!session.ok()) return std::nullopt;  // not such a machine
  request = {};
  request.headers = {{"X-aws-ec2-metadata-token", session.body}};
  request.url = base + "/latest/meta-data/iam/security-credentials/";
  const http::Response roles = ask(request, place, true);
  const std::string role = roles.body.substr(0, roles.body.find('\n'));
  if (!roles.ok() || role.empty()) return std::nullopt;  // it has no role
  request.url += http::percent_encode(role);
  const http::Response answer = ask(request, place, true);
  if (!answer.ok()) return std::nullopt;
  return parse_credentials(answer.body, place);
}

}  // namespace oko::storage::s3
