#include "oko/jobs/kubernetes/credential.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "oko/base/command.h"
#include "oko/base/error.h"
#include "oko/base/text.h"
#include "oko/storage/checksum.h"

namespace oko::jobs::kubernetes {
namespace {

constexpr std::size_t kMostOutput = std::size_t{1} << 20;

// Input and error: for questions and their answers.
bool has_terminal() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1; }

// The end of what a program wrote to standard error.
std::string last_lines(std::string_view errors) {
  constexpr std::size_t kMost = 600;
  while (errors.ends_with('\n')) errors.remove_suffix(1);
  return printable(errors.substr(errors.size() - std::min(errors.size(), kMost)));
}

std::string text_or_nothing(const Json& object, const char* key, const std::string& name) {
  if (!object.contains(key) || object[key].is_null()) return {};
  if (!object[key].is_string()) throw input_error(name, std::string("its ") + key + " is not text");
  return object[key].get<std::string>();
}

// Seconds east of UTC; nothing if it is neither "Z" nor "+01:00".
std::optional<int> offset_of(std::string_view zone) {
  if (zone == "Z" || zone == "z") return 0;
  int hours = 0, minutes = 0;
  const std::string text(zone);
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') ||
      std::sscanf(text.c_str() + 1, "%2d:%2d", &hours, &minutes) != 2) {
    return std::nullopt;
  }
  return (text[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

}  // namespace

std::optional<std::time_t> parse_rfc3339(std::string_view text) {
  constexpr std::size_t kSeconds = 19;  // "2026-11-29T20:15:00"
  if (text.size() <= kSeconds || text.size() > 40) return std::nullopt;
  std::tm parts{};
  const std::string date(text.substr(0, kSeconds));
  if (std::sscanf(date.c_str(), "%4d-%2d-%2d%*1[Tt]%2d:%2d:%2d", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday, &parts.tm_hour, &parts.tm_min, &parts.tm_sec) != 6) {
    return std::nullopt;
  }
  std::string_view zone = text.substr(kSeconds);
  if (zone.starts_with('.')) {
    const auto end = zone.find_first_not_of("0123456789", 1);
    zone = zone.substr(std::min(end, zone.size()));
  }
  const auto offset = offset_of(zone);
  if (!offset) return std::nullopt;
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return ::timegm(&parts) - *offset;
}

Credential parse_credential(std::string_view text, const std::string& api_version,
                            const std::string& name) {
  Json json;
  try {
    json = parse_json(text, name);
  } catch (const Error&) {  // whose message may quote it
    throw input_error(name, "it did not print JSON");
  }
  if (!json.is_object() || text_or_nothing(json, "kind", name) != "ExecCredential" ||
      text_or_nothing(json, "apiVersion", name) != api_version) {
    throw input_error(name, "it did not print an ExecCredential of " + api_version,
                      "its version and the kubeconfig's do not match: update one of them");
  }
  if (!json.contains("status") || !json["status"].is_object()) {
    throw input_error(name, "it printed no status");
  }
  const Json& status = json["status"];
  Credential credential{text_or_nothing(status, "token", name),
                        text_or_nothing(status, "clientCertificateData", name),
                        text_or_nothing(status, "clientKeyData", name), std::nullopt};
  if (credential.certificate.empty() != credential.key.empty()) {
    throw input_error(name, "it printed a certificate or a key without the other");
  }
  if (credential.token.empty() && credential.key.empty()) {
    throw input_error(name, "it printed neither a token nor a certificate");
  }
  for (const unsigned char c : credential.token) {
    if (c <= ' ' || c >= 0x7f) throw input_error(name, "its token contains odd characters");
  }
  if (const std::string when = text_or_nothing(status, "expirationTimestamp", name);
      !when.empty()) {
    credential.expires = parse_rfc3339(when);
    if (!credential.expires) throw input_error(name, "its expirationTimestamp is not a time");
  }
  return credential;
}

Json exec_info(const Access& access, bool interactive) {
  Json info = {{"apiVersion", access.plugin->api_version},
               {"kind", "ExecCredential"},
               {"spec", {{"interactive", interactive}}}};
  if (!access.plugin->wants_cluster) return info;
  Json cluster = {{"server", access.server}};
  if (!access.tls_server_name.empty()) cluster["tls-server-name"] = access.tls_server_name;
  if (!access.tls.verify) cluster["insecure-skip-tls-verify"] = true;
  if (!access.tls.ca.empty()) {
    cluster["certificate-authority-data"] =
        storage::base64(std::as_bytes(std::span(access.tls.ca)));
  }
  if (!access.proxy.empty()) cluster["proxy-url"] = access.proxy;
  info["spec"]["cluster"] = std::move(cluster);
  return info;
}

Credential ask_plugin(const Access& access) {
  const Plugin& plugin = *access.plugin;
  const std::string name = "the credential plugin " + printable(plugin.command);
  const bool terminal = has_terminal();
  if (plugin.interactive == Plugin::Interactive::kAlways && !terminal) {
    throw Error(ErrorCode::kUsage, name, "needs a terminal, and there is none",
                "run oko in a terminal, or use other credentials");
  }
  const bool interactive = terminal && plugin.interactive != Plugin::Interactive::kNever;
  std::string output;
  Command command;
  command.words = {plugin.command};
  command.words.insert(command.words.end(), plugin.arguments.begin(), plugin.arguments.end());
  command.environment = plugin.environment;
  command.environment["KUBERNETES_EXEC_INFO"] = exec_info(access, interactive).dump();
  command.terminal = interactive;
  command.stall_seconds = interactive ? 600 : 60;  // a person may have to answer
  command.output = [&](std::string_view piece) {
    output += piece.substr(0, kMostOutput - std::min(output.size(), kMostOutput));
  };
  const CommandResult result = run_command(command);
  if (result.code == 127) {
    throw Error(ErrorCode::kUsage, name, "is not installed", printable(plugin.install_hint));
  }
  if (result.stalled || result.code != 0) {
    throw Error(ErrorCode::kFailed, name,
                (result.stalled ? "did not end in time"
                                : "failed with exit code " + std::to_string(result.code)) +
                    (result.errors.empty() ? "" : ": " + last_lines(result.errors)),
                "kubectl must work with this context; log in again if it does not either");
  }
  return parse_credential(output, plugin.api_version, name);
}

}  // namespace oko::jobs::kubernetes
