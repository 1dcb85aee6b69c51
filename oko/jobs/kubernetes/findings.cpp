#include "oko/jobs/kubernetes/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "oko/base/text.h"
#include "oko/jobs/kubernetes/body.h"

namespace oko::jobs::kubernetes {
namespace {

using Phase = Observation::Phase;

constexpr std::size_t kMostText = 600;

struct Why {
  std::string reason, hint;
};

const Json* at(const Json& object, const char* pointer) {
  const Json::json_pointer where(pointer);
  return object.contains(where) ? &object.at(where) : nullptr;
}

const Json& list_at(const Json& object, const char* pointer) {
  static const Json kNone = Json::array();
  const Json* found = at(object, pointer);
  return found != nullptr && found->is_array() ? *found : kNone;
}

int number_at(const Json& object, const char* pointer, int fallback = 0) {
  const Json* found = at(object, pointer);
  if (found == nullptr || !found->is_number_integer()) return fallback;
  return static_cast<int>(std::clamp<std::int64_t>(found->get<std::int64_t>(), -1, 1'000'000));
}

// The condition of that type with the status True or False; null if there is none.
const Json* condition(const Json& object, std::string_view type, std::string_view status = "True") {
  for (const Json& one : list_at(object, "/status/conditions")) {
    if (text_at(one, "/type") == type && text_at(one, "/status") == status) return &one;
  }
  return nullptr;
}

// Of our container.
const Json* state(const Json& pod, const char* which) {
  for (const Json& container : list_at(pod, "/status/containerStatuses")) {
    if (text_at(container, "/name") == kContainer) return at(container, which);
  }
  return nullptr;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

// A label's key with a '/' in a JSON pointer.
std::string label(const Json& object, const std::string& key) {
  const Json* labels = at(object, "/metadata/labels");
  if (labels == nullptr || !labels->is_object() || !labels->contains(key)) return {};
  const Json& value = (*labels)[key];
  return value.is_string() ? printable(value.get<std::string>().substr(0, 63)) : "";
}

std::string gpu_of(const Json& node) {
  for (const char* key : {"cloud.google.com/gke-accelerator", "nvidia.com/gpu.product",
                          "karpenter.k8s.aws/instance-gpu-name"}) {
    if (std::string type = label(node, key); !type.empty()) return type;
  }
  return "unlabelled GPUs";
}

// "2 nodes with nvidia-l4 (1 each), 3 without GPUs"
std::string nodes_text(const std::vector<Json>& nodes) {
  std::map<std::string, int> counts;
  for (const Json& node : nodes) {
    const Json* amount = at(node, "/status/allocatable/nvidia.com~1gpu");
    const std::string gpus =
        amount != nullptr && amount->is_string() ? printable(amount->get<std::string>()) : "";
    const bool none = gpus.empty() || gpus == "0";
    ++counts[none ? "without GPUs" : fmt::format("with {} ({} each)", gpu_of(node), gpus)];
  }
  std::string text;
  for (const auto& [kind, count] : counts) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, kind);
  }
  return text.empty() ? "none" : text;
}

// The newest event about an object with one of these reasons.
std::string event_text(const std::vector<Json>& events, const std::string& uid,
                       std::initializer_list<std::string_view> reasons) {
  std::string newest, text;
  for (const Json& event : events) {
    if (text_at(event, "/involvedObject/uid") != uid) continue;
    const std::string reason = text_at(event, "/reason");
    if (std::ranges::find(reasons, reason) == reasons.end()) continue;
    const std::string time = text_at(event, "/lastTimestamp");
    if (!text.empty() && time < newest) continue;
    newest = time;
    text = text_at(event, "/message");
  }
  return text;
}

Why unschedulable(const Json& pod, const std::string& message, const Findings& findings) {
  Why why{"no node can take it: " + message, {}};
  if (findings.nodes) why.reason += " The cluster's nodes: " + nodes_text(*findings.nodes);
  const bool gpu = has(message, "nvidia.com/gpu");
  const bool selected = has(message, "node affinity") || has(message, "node selector");
  std::string selector;
  if (const Json* wanted = at(pod, "/spec/nodeSelector");
      wanted != nullptr && wanted->is_object()) {
    for (const auto& [key, value] : wanted->items()) {
      if (value.is_string()) selector += " " + key + "=" + value.get<std::string>();
    }
  }
  if (has(message, "persistentvolumeclaim") || has(message, "PersistentVolumeClaim")) {
    why.hint = "kubectl describe pvc says what the claim waits for";
  } else if (selected && !selector.empty()) {
    why.hint = "it asks for nodes with" + printable(selector) +
               "; an autoscaler may add one within minutes, else choose another --gpu-type, "
               "--machine or --node-selector";
  } else if (gpu) {
    why.hint =
        "it starts when enough GPUs are free, or an autoscaler adds a node; else ask for "
        "fewer by --gpus or --workers";
  } else {
    why.hint = "it starts when a node has room; else ask for less by --cpu and --memory";
  }
  return why;
}

Why image_failure(const std::string& reason, const std::string& message, const Json& pod) {
  const Json& containers = list_at(pod, "/spec/containers");
  const std::string image = containers.empty() ? "" : text_at(containers[0], "/image");
  Why why{fmt::format("the image {} cannot be pulled", image), {}};
  // "Back-off pulling image" says no more than the reason.
  if (!message.empty() && !message.starts_with("Back-off")) why.reason += ": " + message;
  why.hint = reason == "InvalidImageName"
                 ? "submit again with the right --image"
                 : "check --image, and that its registry lets the nodes in: a private one needs "
                   "--pull-secret";
  return why;
}

Why container_failure(const std::string& message) {
  Why why{"the container cannot be created: " + message, {}};
  if (has(message, "secret") && has(message, "not found")) {
    why.hint = "create it: kubectl create secret generic NAME --from-literal=KEY=VALUE";
  } else if (has(message, "executable file not found") || has(message, "no such file")) {
    why.hint = "the image has no program \"oko\" in its PATH";
  }
  return why;
}

Why why_pending(const Json& pod, const Findings& findings) {
  const std::string uid = text_at(pod, "/metadata/uid");
  if (const Json* scheduled = condition(pod, "PodScheduled", "False")) {
    return unschedulable(pod, text_at(*scheduled, "/message"), findings);
  }
  if (const Json* waiting = state(pod, "/state/waiting")) {
    const std::string reason = text_at(*waiting, "/reason");
    std::string message = text_at(*waiting, "/message");
    if (has(reason, "Image")) {
      if (message.empty() || message.starts_with("Back-off")) {
        if (const std::string event = event_text(findings.events, uid, {"Failed"});
            has(event, "image")) {
          message = event;
        }
      }
      return image_failure(reason, message, pod);
    }
    if (reason.ends_with("Error")) return container_failure(message.empty() ? reason : message);
  }
  const std::string mount = event_text(findings.events, uid, {"FailedMount", "FailedAttachVolume"});
  if (!mount.empty()) {
    return {"a volume cannot be mounted: " + mount,
            has(mount, "secret") && has(mount, "not found")
                ? "create the secret that --secret names"
                : "check --volume; kubectl describe pvc says what it waits for"};
  }
  return {"the pod is starting", {}};
}

Why why_ended(const Json& pod) {
  const std::string reason = text_at(pod, "/status/reason");
  const Json* ended = state(pod, "/state/terminated");
  const std::string how = ended == nullptr ? "" : text_at(*ended, "/reason");
  const std::string message = ended == nullptr ? "" : text_at(*ended, "/message");
  const int code = ended == nullptr ? -1 : number_at(*ended, "/exitCode", -1);
  if (how == "OOMKilled") {
    return {"a worker was killed because it ran out of memory",
            "request more by --memory, or train with a smaller --batch"};
  }
  if (reason == "Evicted") {
    return {"a worker was evicted: " + text_at(pod, "/status/message"),
            "request what it needs by --memory and --cpu"};
  }
  if (reason == "DeadlineExceeded") return {"a worker ran longer than --max-time", {}};
  if (how == "ContainerCannotRun" || how == "StartError") return container_failure(message);
  if (const Json* disrupted = condition(pod, "DisruptionTarget")) {
    return {"a worker was preempted: " + text_at(*disrupted, "/message"), {}};
  }
  if (code == 130) return {"a worker was preempted", {}};
  if (code > 0) return {fmt::format("a worker ended with exit code {}", code), {}};
  return {};
}

std::string phase_of(const Json& pod) { return text_at(pod, "/status/phase"); }

Why why_failed(const Json& condition, const Findings& findings) {
  const std::string reason = text_at(condition, "/reason");
  Why last;
  for (const Json& pod : findings.pods) {
    if (phase_of(pod) == "Failed" && last.reason.empty()) last = why_ended(pod);
  }
  if (reason == "DeadlineExceeded") return {"it ran longer than --max-time", {}};
  std::string text =
      reason == "BackoffLimitExceeded"
          ? fmt::format("its workers failed {} times", number_at(findings.job, "/status/failed"))
          : text_at(condition, "/message");
  if (text.empty()) text = reason;
  if (!last.reason.empty()) text += (text.empty() ? "" : "; ") + last.reason;
  return {text, last.hint};
}

Why why_no_pod(const Findings& findings) {
  const std::string refused =
      event_text(findings.events, text_at(findings.job, "/metadata/uid"), {"FailedCreate"});
  if (refused.empty()) return {"waits for the cluster to create its pods", {}};
  if (has(refused, "exceeded quota")) {
    return {"the namespace's quota is used up: " + refused,
            "ask for less, or wait until other jobs have ended (kubectl describe resourcequota)"};
  }
  return {"the cluster refuses its pods: " + refused,
          has(refused, "serviceaccount") ? "check --service-account" : ""};
}

}  // namespace

std::string text_at(const Json& object, const char* pointer) {
  const Json* found = at(object, pointer);
  if (found == nullptr || !found->is_string()) return {};
  return printable(found->get_ref<const std::string&>().substr(0, kMostText));
}

bool is_finished(const Json& job) {
  return condition(job, "Complete") != nullptr || condition(job, "Failed") != nullptr;
}

bool waits_for_a_node(const std::vector<Json>& pods) {
  return std::ranges::any_of(
      pods, [](const Json& pod) { return condition(pod, "PodScheduled", "False") != nullptr; });
}

void sort_by_age(std::vector<Json>& pods) {
  std::ranges::stable_sort(pods, std::ranges::greater(), [](const Json& pod) {
    return text_at(pod, "/metadata/creationTimestamp");
  });
}

Observation observation_of(const Findings& findings) {
  Observation seen;
  seen.restarts = number_at(findings.job, "/status/failed");
  const auto with = [&](Phase phase, Why why) {
    seen.phase = phase;
    seen.reason = std::move(why.reason);
    seen.hint = std::move(why.hint);
    return seen;
  };
  if (const Json* failed = condition(findings.job, "Failed")) {
    return with(Phase::kEnded, why_failed(*failed, findings));
  }
  if (condition(findings.job, "Complete") != nullptr) return with(Phase::kEnded, {});
  if (at(findings.job, "/metadata/deletionTimestamp") != nullptr) {
    return with(Phase::kRunning, {"is being deleted; its workers write their checkpoint", {}});
  }
  if (condition(findings.job, "Suspended") != nullptr) {
    return with(Phase::kQueued, {"is suspended", "kubectl or the cluster's queue resumes it"});
  }
  int running = 0, pending = 0;
  Why why;
  for (const Json& pod : findings.pods) {
    if (phase_of(pod) == "Running") ++running;
    if (phase_of(pod) != "Pending") continue;
    ++pending;
    if (why.reason.empty()) why = why_pending(pod, findings);
  }
  if (running > 0 && pending > 0) {
    why.reason = fmt::format("{} of {} workers run; ", running, running + pending) + why.reason;
    return with(Phase::kRunning, why);
  }
  if (running > 0) return with(Phase::kRunning, {});
  if (pending > 0) return with(Phase::kQueued, why);
  why = why_no_pod(findings);
  if (!findings.pods.empty()) {
    const Why last = why_ended(findings.pods.front());
    if (!last.reason.empty()) why = {last.reason + "; it will be started again", last.hint};
  }
  return with(Phase::kQueued, why);
}

}  // namespace oko::jobs::kubernetes
