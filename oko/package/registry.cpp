#include "oko/package/registry.h"

#include <algorithm>
#include <memory>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/base/text.h"
#include "oko/package/manifest.h"
#include "oko/storage/checksum.h"
#include "oko/storage/store.h"

namespace oko::package {
namespace {

namespace http = storage::http;

constexpr std::size_t kMostAnswer = 1 << 20;
constexpr std::size_t kMostShown = 300;  // bytes of a registry's message

// What the registry says of an error: the first one of its list.
std::string message_of(const http::Response& response) {
  try {
    const Json body = parse_json(response.body, "");
    const Json& error = body.at("errors").at(0);
    std::string text = error.at("code").get<std::string>();
    if (error.contains("message") && error["message"].is_string()) {
      text += ", " + error["message"].get<std::string>();
    }
    return printable(text.substr(0, kMostShown));
  } catch (const std::exception&) {
    return {};
  }
}

std::string form_of(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string form;
  for (const auto& [name, value] : fields) {
    form += (form.empty() ? "" : "&") + name + "=" + http::percent_encode(value);
  }
  return form;
}

std::string with_query(const std::string& url, const std::string& query) {
  return url + (url.find('?') == url.npos ? "?" : "&") + query;
}

std::string digest_of(std::string_view text) {
  return "sha256:" + storage::sha256(std::as_bytes(std::span(text)));
}

std::string basic(const Login& login) {
  const std::string both = login.user + ":" + login.password;
  return "Basic " + storage::base64(std::as_bytes(std::span(both)));
}

}  // namespace

Registry::Registry(ImageReference image, bool push, const RegistryOptions& options)
    : image_(std::move(image)),
      options_(options),
      client_(options.client != nullptr ? *options.client : http::shared_client()),
      origin_(image_.origin(options.plain_http)),
      scopes_{"repository:" + image_.repository + (push ? ":pull,push" : ":pull")} {}

http::Request Registry::request(const std::string& method, const std::string& path) const {
  http::Request request;
  request.method = method;
  request.url = origin_ + "/v2/" + image_.repository + path;
  request.timeouts = options_.timeouts;
  request.max_body = kMostAnswer;
  return request;
}

http::Response Registry::send(http::Request request, bool authorized) {
  const http::Headers plain = request.headers;
  for (bool first = true;; first = false) {
    request.headers = plain;
    if (authorized && !authorization_.empty()) {
      request.headers.emplace_back("Authorization", authorization_);
    }
    http::Response response = http::send_patiently(client_, request, options_.retry, image_.text());
    if (response.status != 401 || !authorized || !first) return response;
    authorize(response.header("www-authenticate"));
  }
}

void Registry::authorize(std::string_view header) {
  const std::optional<Challenge> challenge = parse_challenge(header);
  if (!challenge) {
    throw Error(ErrorCode::kStorage, image_.text(),
                "the registry asks for a login of an unknown kind");
  }
  if (challenge->scheme == Challenge::Scheme::kBearer) return take_token(*challenge);
  const std::optional<Login> login = find_login(image_, options_.environment);
  if (!login) {
    throw Error(ErrorCode::kUsage, image_.registry, "the registry asks for a login",
                "log in (docker login, podman login), or set REGISTRY_AUTH_FILE");
  }
  authorization_ = basic(*login);
}

void Registry::take_token(const Challenge& challenge) {
  const bool is_plain = options_.plain_http && challenge.realm.starts_with("http://");
  if (!http::may_carry_secrets(challenge.realm) && !is_plain) {
    throw Error(ErrorCode::kStorage, image_.registry,
                "the registry's token server is not reached by https");
  }
  const std::optional<Login> login = find_login(image_, options_.environment);
  authorization_ =
      "Bearer " + parse_registry_token(token_answer(challenge, login), image_.registry).text;
}

std::string Registry::token_answer(const Challenge& challenge, const std::optional<Login>& login) {
  std::vector<std::pair<std::string, std::string>> fields;
  if (!challenge.service.empty()) fields.emplace_back("service", challenge.service);
  http::Request request;
  request.timeouts = options_.timeouts;
  request.max_body = kMostAnswer;
  request.url = challenge.realm;
  std::string form;
  if (login && !login->identity_token.empty()) {
    std::string scopes;
    for (const std::string& scope : scopes_) scopes += (scopes.empty() ? "" : " ") + scope;
    fields.insert(fields.end(), {{"grant_type", "refresh_token"},
                                 {"client_id", "oko"},
                                 {"scope", scopes},
                                 {"refresh_token", login->identity_token}});
    form = form_of(fields);
    request.method = "POST";
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = {std::as_bytes(std::span(form))};
  } else {
    for (const std::string& scope : scopes_) fields.emplace_back("scope", scope);
    if (login) {
      fields.emplace_back("account", login->user);
      request.headers = {{"Authorization", basic(*login)}};
    }
    request.url = with_query(request.url, form_of(fields));
  }
  const http::Response response =
      http::send_patiently(client_, request, options_.retry, image_.registry);
  if (response.ok()) return response.body;
  const bool wrong = response.status == 401 || response.status == 403 || response.status == 400;
  throw Error(wrong ? ErrorCode::kUsage : ErrorCode::kStorage, image_.registry,
              "no token: the token server responded " + std::to_string(response.status),
              wrong ? "log in again (docker login, podman login)" : "");
}

void Registry::refuse(const http::Response& response) const {
  const std::string said = message_of(response);
  const std::string what = "the registry responded " + std::to_string(response.status) +
                           (said.empty() ? "" : " (" + said + ")");
  if (response.status == 401 || response.status == 403) {
    throw Error(ErrorCode::kUsage, image_.text(), what,
                "log in with an account that may do this (docker login, podman login), or set "
                "REGISTRY_AUTH_FILE");
  }
  if (response.status == 404) {
    throw input_error(image_.text(), what, "check the name, or create the repository first");
  }
  throw Error(ErrorCode::kStorage, image_.text(), what);
}

http::Location Registry::location_of(const http::Response& response) const {
  const auto location = http::resolve_location(origin_, response.header("location"));
  if (location) return *location;
  throw Error(ErrorCode::kStorage, image_.text(), "the registry's answer has no usable Location");
}

Registry::Document Registry::manifest(const std::string& version) {
  http::Request get = request("GET", "/manifests/" + version);
  get.headers = {{"Accept", std::string(media_type::kManifest) + ", " + media_type::kIndex + ", " +
                                media_type::kDockerManifest + ", " + media_type::kDockerIndex}};
  get.max_body = kMostManifestBytes;
  const http::Response response = send(get);
  if (!response.ok()) refuse(response);
  Document document{response.body, digest_of(response.body)};
  const std::string_view said = response.header("docker-content-digest");
  const std::string wanted = is_digest(version) ? version : std::string(said);
  if (!wanted.empty() && wanted != document.digest) {
    throw Error(ErrorCode::kStorage, image_.text(),
                "the registry sent other content than " + wanted);
  }
  return document;
}

std::string Registry::put_manifest(const std::string& version, std::string_view text) {
  http::Request put = request("PUT", "/manifests/" + version);
  put.headers = {{"Content-Type", media_type::kManifest}};
  put.body = {std::as_bytes(std::span(text))};
  const http::Response response = send(put);
  if (!response.ok()) refuse(response);
  const Document stored = manifest(version);
  if (stored.digest != digest_of(text)) {
    throw Error(ErrorCode::kStorage, image_.text(), "the registry stored another manifest",
                "push the image again");
  }
  return stored.digest;
}

bool Registry::has_blob(const std::string& digest) {
  const http::Response response = send(request("HEAD", "/blobs/" + digest));
  // A redirect to the blob means that there is one.
  if (response.ok() || http::is_redirect(response)) return true;
  if (response.status == 404) return false;
  refuse(response);
}

bool Registry::mount_blob(const std::string& digest, const std::string& repository) {
  if (scopes_.insert("repository:" + repository + ":pull").second) {
    if (authorization_.starts_with("Bearer ")) authorization_.clear();  // it lacks that right
  }
  const std::string query = form_of({{"mount", digest}, {"from", repository}});
  const http::Response response = send(request("POST", "/blobs/uploads/?" + query));
  if (response.status == 201) return true;
  if (response.status == 202) {  // an ordinary upload was started
    const http::Location location = location_of(response);
    http::Request cancel = request("DELETE", "");
    cancel.url = location.url;
    if (location.same_origin) send(cancel);
    return false;
  }
  if (response.status == 404 || response.status == 405) return false;
  refuse(response);
}

void Registry::push_blob(const std::string& digest, const std::string& path) {
  const Bytes content = storage::map(path);
  for (http::Retry retry(client_, options_.retry, image_.text());;) {
    if (upload(digest, content.span())) return;
    retry.wait("the registry lost the upload");
  }
}

bool Registry::upload(const std::string& digest, std::span<const std::byte> content) {
  const http::Response started = send(request("POST", "/blobs/uploads/"));
  if (started.status != 202) refuse(started);
  const http::Location location = location_of(started);
  http::Request put = request("PUT", "");
  put.url = with_query(location.url, form_of({{"digest", digest}}));
  put.headers = {{"Content-Type", "application/octet-stream"}};
  put.body = {content};
  const http::Response response = send(put, location.same_origin);
  if (response.status == 201) return true;
  // The session is gone, or the content was damaged on the way.
  if (response.status == 404 || response.status == 400 || response.status == 416) return false;
  refuse(response);
}

http::Response Registry::follow(http::Request request) {
  bool authorized = true;
  for (int hop = 0;; ++hop) {
    http::Response response = send(request, authorized);
    if (response.ok()) return response;
    if (!http::is_redirect(response) || hop == http::kMostRedirects) refuse(response);
    const http::Location next = location_of(response);
    request.url = next.url;
    authorized = authorized && next.same_origin;
  }
}

void Registry::read_blob(const std::string& digest, std::uint64_t size,
                         const std::function<void()>& start, const storage::Sink& sink) {
  std::optional<storage::Sha256> sum;
  std::uint64_t received = 0;
  const auto restart = [&] {
    sum.emplace();
    received = 0;
    start();
  };
  restart();
  http::Request get = request("GET", "/blobs/" + digest);
  get.begin = [&](const http::Response&) { restart(); };  // anew after a failure
  get.sink = [&](std::span<const std::byte> content) {
    received += content.size();
    if (received > size) {
      throw Error(ErrorCode::kStorage, image_.text(), "a blob is longer than its manifest says");
    }
    sum->add(content);
    sink(content);
  };
  follow(std::move(get));
  if (received != size || "sha256:" + sum->finish() != digest) {
    throw Error(ErrorCode::kStorage, image_.text(), "a blob arrived damaged", "try again");
  }
}

void Registry::pull_blob(const std::string& digest, std::uint64_t size, const std::string& path) {
  std::unique_ptr<storage::Upload> file;
  read_blob(
      digest, size, [&] { file = storage::upload(path); },
      [&](std::span<const std::byte> content) { file->write(content); });
  file->finish();
}

std::string Registry::small_blob(const std::string& digest, std::uint64_t size) {
  if (size > kMostManifestBytes) {
    throw input_error(image_.text(), "the image's configuration is too long");
  }
  std::string text;
  read_blob(
      digest, size, [&] { text.clear(); },
      [&](std::span<const std::byte> content) {
        text.append(reinterpret_cast<const char*>(content.data()), content.size());
      });
  return text;
}

}  // namespace oko::package
