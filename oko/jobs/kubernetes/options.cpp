#include "oko/jobs/kubernetes/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "oko/base/suggest.h"
#include "oko/base/text.h"
#include "oko/jobs/kubernetes/names.h"

namespace oko::jobs::kubernetes {
namespace {

constexpr std::array kSettings = {
    Setting{"image", "IMAGE", "Container image with oko, as the nodes pull it", true},
    Setting{"context", "NAME", "Context of the kubeconfig (default: the current one)"},
    Setting{"namespace", "NAME", "Namespace of the job (default: the context's)"},
    Setting{"cpu", "QUANTITY", "CPUs that each worker requests: 4, 500m"},
    Setting{"memory", "QUANTITY", "Memory that each worker requests and is limited to: 16Gi"},
    Setting{"secret", "NAME", "Secret whose entries are the workers' environment and files"},
    Setting{"volume", "CLAIM:PATH",
            "Persistent volume claim to mount at PATH, which this machine has mounted there too"},
    Setting{"service-account", "NAME", "Service account of the workers"},
    Setting{"run-as", "UID", "User id that the workers run as (default: the image's)"},
    Setting{"pull-secret", "NAME", "Secret with the registry's credentials"},
    Setting{"node-selector", "KEY=VALUE,…", "Labels that a node must have"},
    Setting{"cloud", "gke|eks|aks|other",
            "Whose node labels --gpu-type and --spot mean (default: from the kubeconfig)"},
};

std::map<std::string, std::string> selector_of(const std::string& text) {
  constexpr std::string_view kPlace = "--node-selector";
  std::map<std::string, std::string> labels;
  for (std::size_t at = 0; !text.empty() && at <= text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    const std::string item = text.substr(at, end - at);
    const auto equals = item.find('=');
    if (equals == item.npos) {
      throw Error(ErrorCode::kUsage, std::string(kPlace), "\"" + item + "\" has no =",
                  "example: --node-selector nvidia.com/gpu.product=Tesla-T4");
    }
    const std::string key = item.substr(0, equals), value = item.substr(equals + 1);
    labels[checked_label_key(key, kPlace)] = checked_label_value(value, kPlace);
    at = end + 1;
  }
  return labels;
}

std::int64_t user_of(const std::string& text) {
  constexpr std::int64_t kMost = 2147483647;
  std::int64_t user = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), user);
  if (error == std::errc() && end == text.data() + text.size() && user > 0 && user <= kMost) {
    return user;
  }
  throw Error(ErrorCode::kUsage, "--run-as", "\"" + printable(text) + "\" is not a user's number",
              "example: --run-as 1000 (id -u prints yours)");
}

}  // namespace

std::span<const Setting> settings() { return kSettings; }

Options options_of(const Spec& spec) {
  Options options;
  // The setting if it is given, checked.
  const auto take = [&](std::string& into, const char* name, auto check) {
    into = spec.setting(name);
    if (!into.empty()) check(into, std::string("--") + name);
  };
  options.context = spec.setting("context");
  take(options.image, "image", checked_image);
  take(options.namespace_, "namespace", checked_label);
  take(options.cpu, "cpu", checked_quantity);
  take(options.memory, "memory", checked_quantity);
  take(options.pull_secret, "pull-secret", checked_domain);
  take(options.service_account, "service-account", checked_domain);
  take(options.secret, "secret", checked_domain);
  options.selector = selector_of(spec.setting("node-selector"));
  if (options.image.empty()) {
    throw Error(
        ErrorCode::kUsage, "--image", "is missing: pods run a container image",
        "name one with oko inside that the nodes can pull; docs/jobs.md says how to make it");
  }
  if (const std::string volume = spec.setting("volume"); !volume.empty()) {
    const auto colon = std::min(volume.find(':'), volume.size());
    options.claim = checked_domain(volume.substr(0, colon), "--volume");
    options.mount =
        checked_mount(colon < volume.size() ? volume.substr(colon + 1) : "", "--volume");
  }
  if (const std::string user = spec.setting("run-as"); !user.empty()) {
    options.user = user_of(user);
  }
  options.cloud = spec.setting("cloud");
  if (!options.cloud.empty() && !value_named<Cloud>(options.cloud)) {
    throw unknown_word(ErrorCode::kUsage, "--cloud", "", options.cloud, kWords<Cloud>);
  }
  return options;
}

}  // namespace oko::jobs::kubernetes
