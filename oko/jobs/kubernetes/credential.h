#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "oko/base/json.h"
#include "oko/jobs/kubernetes/kubeconfig.h"

namespace oko::jobs::kubernetes {

// What a plugin prints: an ExecCredential.
struct Credential {
  std::string token;             // or
  std::string certificate, key;  // PEM
  std::optional<std::time_t> expires;
};

// Throws an input Error with `name` that contains nothing of the text.
Credential parse_credential(std::string_view text, const std::string& api_version,
                            const std::string& name);
// "2026-11-29T20:15:00Z", with a fraction or an offset; nothing if it is not such a time.
std::optional<std::time_t> parse_rfc3339(std::string_view text);

// What the plugin finds in KUBERNETES_EXEC_INFO.
Json exec_info(const Access& access, bool interactive);
// Runs the plugin; it may use the terminal if it wants to and there is one. Throws an Error with
// the end of what it wrote to standard error, and its installation hint if it is missing.
Credential ask_plugin(const Access& access);

}  // namespace oko::jobs::kubernetes
