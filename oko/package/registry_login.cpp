#include "oko/package/registry_login.h"

#include <algorithm>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/package/process.h"
#include "oko/storage/checksum.h"
#include "oko/storage/gcs/credentials.h"
#include "oko/storage/store.h"

namespace oko::package {
namespace {

using storage::bucket::Environment;

constexpr const char* kGoogleScope = "https://www.googleapis.com/auth/cloud-platform";
constexpr const char* kHubKey = "https://index.docker.io/v1/";

Json parse_quietly(std::string_view text, const std::string& name) {
  try {
    return parse_json(text, name);
  } catch (const Error&) {
    throw input_error(name, "is not JSON");  // the parser's message may quote it
  }
}

const Json* object_in(const Json& json, const char* key) {
  if (!json.is_object()) return nullptr;
  const auto it = json.find(key);
  return it != json.end() && it->is_object() ? &*it : nullptr;
}

std::string text_in(const Json& json, const char* key) {
  if (!json.is_object()) return {};
  const auto it = json.find(key);
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

// "https://HOST/v1/" and "HOST/" are "HOST".
std::string_view plain_key(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  }
  for (const std::string_view end : {"/v1/", "/v2/", "/v1", "/v2", "/"}) {
    if (key.ends_with(end)) key.remove_suffix(end.size());
  }
  return key == "index.docker.io" ? "docker.io" : key;
}

// The keys of the file that apply to the image, the most specific first: auth.json may have one for
// a registry's namespace.
std::vector<std::string> keys_for(const Json& entries, const ImageReference& image) {
  const std::string whole = image.registry + "/" + image.repository;
  std::vector<std::string> keys;
  for (const auto& [key, value] : entries.items()) {
    const std::string_view plain = plain_key(key);
    const bool applies =
        plain == image.registry || plain == whole ||
        (whole.starts_with(std::string(plain) + "/") && plain.starts_with(image.registry + "/"));
    if (applies) keys.push_back(key);
  }
  std::ranges::stable_sort(keys, [](const std::string& a, const std::string& b) {
    return plain_key(a).size() > plain_key(b).size();
  });
  return keys;
}

bool is_helper_name(std::string_view name) {
  return !name.empty() && name.size() < 100 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

std::optional<Login> login_of(const Json& entry, const std::string& name) {
  Login login{text_in(entry, "username"), text_in(entry, "password"),
              text_in(entry, "identitytoken")};
  if (const std::string both = text_in(entry, "auth"); !both.empty()) {
    const auto plain = storage::from_base64(both);
    const auto colon = plain ? plain->find(':') : std::string::npos;
    if (colon == std::string::npos) throw input_error(name, "\"auth\" is not USER:PASSWORD");
    login.user = plain->substr(0, colon);
    login.password = plain->substr(colon + 1);
    while (login.password.ends_with('\0')) login.password.pop_back();
  }
  if (login.user.empty() && login.identity_token.empty()) return std::nullopt;
  return login;
}

bool is_googles(std::string_view registry) {
  return registry == "gcr.io" || registry.ends_with(".gcr.io") || registry.ends_with(".pkg.dev");
}

std::optional<Login> ask_helper(const LoginEntry& entry) {
  const ProcessResult result = run_process({.words = {"docker-credential-" + entry.helper, "get"},
                                            .environment = {},
                                            .input = entry.server,
                                            .most_output = 1 << 20});
  return result.exit_code == 0 ? parse_helper_answer(result.output) : std::nullopt;
}

std::vector<std::string> login_files(const Environment& environment) {
  if (const std::string file = environment("REGISTRY_AUTH_FILE"); !file.empty()) return {file};
  std::vector<std::string> files;
  if (const std::string folder = environment("XDG_RUNTIME_DIR"); !folder.empty()) {
    files.push_back(storage::join(folder, "containers/auth.json"));
  }
  files.push_back(storage::bucket::in_home(environment, ".config/containers/auth.json"));
  const std::string docker = environment("DOCKER_CONFIG");
  files.push_back(docker.empty() ? storage::bucket::in_home(environment, ".docker/config.json")
                                 : storage::join(docker, "config.json"));
  std::erase(files, "");
  return files;
}

}  // namespace

LoginEntry parse_login_file(std::string_view json, const std::string& name,
                            const ImageReference& image) {
  const Json document = parse_quietly(json, name);
  LoginEntry entry;
  entry.server = image.registry == "docker.io" ? kHubKey : image.registry;
  if (const Json* helpers = object_in(document, "credHelpers")) {
    for (const std::string& key : keys_for(*helpers, image)) {
      if (entry.helper.empty()) entry.helper = text_in(*helpers, key.c_str());
    }
  }
  if (const Json* logins = object_in(document, "auths");
      logins != nullptr && entry.helper.empty()) {
    for (const std::string& key : keys_for(*logins, image)) {
      entry.login = login_of((*logins)[key], name);
      if (entry.login) return entry;
    }
  }
  if (entry.helper.empty()) entry.helper = text_in(document, "credsStore");
  if (!entry.helper.empty() && !is_helper_name(entry.helper)) {
    throw input_error(name, "names an invalid credential helper");
  }
  return entry;
}

std::optional<Login> parse_helper_answer(std::string_view json) {
  const Json answer = parse_quietly(json, "the credential helper's answer");
  const std::string user = text_in(answer, "Username"), secret = text_in(answer, "Secret");
  if (secret.empty()) return std::nullopt;
  if (user == "<token>") return Login{.user = {}, .password = {}, .identity_token = secret};
  return Login{.user = user, .password = secret, .identity_token = {}};
}

std::optional<Login> find_login(const ImageReference& image, const Environment& environment) {
  for (const std::string& file : login_files(environment)) {
    const std::string text = storage::bucket::read_small_file(file);
    if (text.empty()) continue;
    const LoginEntry entry = parse_login_file(text, file, image);
    if (entry.login) return entry.login;
    if (entry.helper.empty()) continue;
    if (auto login = ask_helper(entry)) return login;
  }
  if (!is_googles(image.registry)) return std::nullopt;
  storage::GcsOptions options;
  options.environment = environment;
  return Login{.user = "oauth2accesstoken",
               .password = storage::gcs::TokenSource(options, kGoogleScope).get(),
               .identity_token = {}};
}

}  // namespace oko::package
