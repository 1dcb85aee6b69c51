#include "oko/jobs/kubernetes/body.h"

#include <algorithm>
#include <cmath>

#include "oko/base/error.h"
#include "oko/jobs/gpus.h"
#include "oko/jobs/kubernetes/names.h"

namespace oko::jobs::kubernetes {
namespace {

constexpr int kMasterPort = 29500;
// Failures of pods that are neither preemptions nor errors of the command: out of memory, a storage
// failure that outlasted all retries.
constexpr int kMostFailures = 6;
// From SIGTERM to SIGKILL: a checkpoint, and its way to a bucket.
constexpr int kGraceSeconds = 60;
// A finished job, with its pods' logs, is kept in the cluster for a week.
constexpr int kKeptSeconds = 7 * 24 * 3600;

// How a cloud marks its nodes.
struct NodeLabels {
  std::string_view gpu;        // the label with the GPU's type; empty: there is no common one
  std::string_view spot, yes;  // the label of spot nodes and its value; empty: none
  bool tainted = false;        // spot nodes have a taint of the same key and value
};

NodeLabels labels_of(Cloud cloud) {
  switch (cloud) {
    case Cloud::kGke:
      return {"cloud.google.com/gke-accelerator", "cloud.google.com/gke-spot", "true", true};
    case Cloud::kEks:
      return {"", "eks.amazonaws.com/capacityType", "SPOT", false};
    case Cloud::kAks:
      return {"", "kubernetes.azure.com/scalesetpriority", "spot", true};
    case Cloud::kOther:
      break;
  }
  return {};
}

// Google's names of the GPUs that its nodes can have.
std::string gke_accelerator(const std::string& gpu_type) {
  static const std::map<std::string_view, std::string> kNames = {{"K80", "nvidia-tesla-k80"},
                                                                 {"P100", "nvidia-tesla-p100"},
                                                                 {"V100", "nvidia-tesla-v100"},
                                                                 {"T4", "nvidia-tesla-t4"},
                                                                 {"L4", "nvidia-l4"},
                                                                 {"A100 40GB", "nvidia-tesla-a100"},
                                                                 {"A100 80GB", "nvidia-a100-80gb"},
                                                                 {"H100", "nvidia-h100-80gb"},
                                                                 {"H200", "nvidia-h200-141gb"}};
  const auto found = kNames.find(gpu_named(gpu_type).name);
  if (found != kNames.end()) return found->second;
  throw Error(ErrorCode::kUsage, "--gpu-type", "GKE has no nodes with " + gpu_type,
              "use --node-selector if yours has");
}

std::map<std::string, std::string> selector_of(const Spec& spec, const Options& options,
                                               Cloud cloud) {
  const Resources& wanted = spec.resources;
  const NodeLabels labels = labels_of(cloud);
  std::map<std::string, std::string> selector = options.selector;  // the user's word counts
  const auto add = [&](std::string_view key, const std::string& value) {
    selector.emplace(key, value);
  };
  if (!wanted.machine.empty()) {
    add("node.kubernetes.io/instance-type", checked_label_value(wanted.machine, "--machine"));
  }
  if (!wanted.region.empty()) {
    add("topology.kubernetes.io/region", checked_label_value(wanted.region, "--region"));
  }
  if (!wanted.gpu_type.empty() && !labels.gpu.empty()) {
    add(labels.gpu, gke_accelerator(wanted.gpu_type));
  } else if (!wanted.gpu_type.empty() && options.selector.empty()) {
    throw Error(ErrorCode::kUsage, "--gpu-type",
                "the nodes of this cluster have no common label for the type of their GPU",
                "add the one they have: --node-selector nvidia.com/gpu.product=Tesla-T4 (kubectl "
                "get nodes --show-labels lists them), or --cloud gke if this is GKE");
  }
  if (wanted.spot && !labels.spot.empty()) {
    add(labels.spot, std::string(labels.yes));
  } else if (wanted.spot) {
    throw Error(
        ErrorCode::kUsage, "--spot", "which label spot nodes have here is not known",
        "use --cloud gke, eks or aks; else omit --spot and choose nodes by --node-selector");
  }
  return selector;
}

Json tolerations_of(const Resources& wanted, Cloud cloud) {
  Json tolerations = Json::array();
  // Most clusters keep pods without GPUs off their GPU nodes by this taint.
  if (wanted.gpus > 0) {
    tolerations.push_back(
        {{"key", "nvidia.com/gpu"}, {"operator", "Exists"}, {"effect", "NoSchedule"}});
  }
  const NodeLabels labels = labels_of(cloud);
  if (wanted.spot && labels.tainted) {
    tolerations.push_back({{"key", labels.spot},
                           {"operator", "Equal"},
                           {"value", labels.yes},
                           {"effect", "NoSchedule"}});
  }
  return tolerations;
}

Json resources_of(const Spec& spec, const Options& options) {
  Json requests = Json::object(), limits = Json::object();
  if (!options.cpu.empty()) requests["cpu"] = options.cpu;
  if (!options.memory.empty()) requests["memory"] = limits["memory"] = options.memory;
  if (spec.resources.gpus > 0) limits["nvidia.com/gpu"] = std::to_string(spec.resources.gpus);
  Json resources = Json::object();
  if (!requests.empty()) resources["requests"] = std::move(requests);
  if (!limits.empty()) resources["limits"] = std::move(limits);
  return resources;
}

// One of the volumes that a pod has, and where the container has it.
void add_volume(Json& pod, Json& container, const char* name, const char* kind, Json source,
                std::string_view path, bool read_only = false) {
  pod["volumes"].push_back({{"name", name}, {kind, std::move(source)}});
  Json mount = {{"name", name}, {"mountPath", path}};
  if (read_only) mount["readOnly"] = true;
  container["volumeMounts"].push_back(std::move(mount));
}

void add_volumes(Json& pod, Json& container, const Spec& spec, const Options& options) {
  if (!options.secret.empty()) {
    container["envFrom"] = {{{"secretRef", {{"name", options.secret}}}}};
    add_volume(pod, container, "secret", "secret", {{"secretName", options.secret}}, kSecretFolder,
               true);
  }
  if (!options.claim.empty()) {
    if (options.user < 0) {  // root needs it to write to folders of others
      container["securityContext"]["capabilities"]["add"] = {"DAC_OVERRIDE"};
    }
    add_volume(pod, container, "files", "persistentVolumeClaim", {{"claimName", options.claim}},
               options.mount);
  }
  if (spec.resources.gpus > 0) {  // NCCL exchanges gradients there; the default is 64 MB
    add_volume(pod, container, "shm", "emptyDir", {{"medium", "Memory"}}, "/dev/shm");
  }
}

// Kubernetes replaces $(NAME) in commands, and $$ by $.
std::string unexpanded(const std::string& word) {
  std::string text;
  for (const char c : word) text += c == '$' ? "$$" : std::string(1, c);
  return text;
}

Json container_of(const Spec& spec, const Options& options) {
  Json command = {"oko"};
  for (const std::string& word : worker_words(spec)) command.push_back(unexpanded(word));
  Json container = {{"name", kContainer},
                    {"image", options.image},
                    {"command", std::move(command)},
                    {"terminationMessagePolicy", "FallbackToLogsOnError"},
                    {"securityContext",
                     {{"allowPrivilegeEscalation", false}, {"capabilities", {{"drop", {"ALL"}}}}}}};
  if (Json resources = resources_of(spec, options); !resources.empty()) {
    container["resources"] = std::move(resources);
  }
  if (spec.resources.workers > 1) {  // the rank is JOB_COMPLETION_INDEX, which Kubernetes sets
    container["env"] = {{{"name", "WORLD_SIZE"}, {"value", std::to_string(spec.resources.workers)}},
                        {{"name", "MASTER_ADDR"}, {"value", spec.id + "-0." + spec.id}},
                        {{"name", "MASTER_PORT"}, {"value", std::to_string(kMasterPort)}}};
  }
  return container;
}

Json labels_of(const Spec& spec) {
  return {{"app.kubernetes.io/name", "oko"},
          {"app.kubernetes.io/instance", spec.id},
          {"app.kubernetes.io/component", "training"},
          {"app.kubernetes.io/managed-by", "oko"}};
}

Json pod_of(const Spec& spec, const Options& options, Cloud cloud) {
  const Resources& wanted = spec.resources;
  Json pod = {{"restartPolicy", "Never"},
              {"terminationGracePeriodSeconds", kGraceSeconds},
              {"automountServiceAccountToken", false},
              {"securityContext", {{"seccompProfile", {{"type", "RuntimeDefault"}}}}}};
  Json container = container_of(spec, options);
  if (options.user > 0) {
    pod["securityContext"]["runAsUser"] = options.user;
    pod["securityContext"]["runAsNonRoot"] = true;
    pod["securityContext"]["fsGroup"] = options.user;  // who may read the secret's files
    // Without a home of its own the user may write only here.
    container["env"].push_back({{"name", "HOME"}, {"value", "/tmp"}});
  }
  add_volumes(pod, container, spec, options);
  pod["containers"].push_back(std::move(container));
  if (wanted.workers > 1) {
    pod["subdomain"] = spec.id;
    pod["topologySpreadConstraints"] = {// a node each, if there are as many
                                        {{"maxSkew", 1},
                                         {"topologyKey", "kubernetes.io/hostname"},
                                         {"whenUnsatisfiable", "ScheduleAnyway"},
                                         {"labelSelector", {{"matchLabels", labels_of(spec)}}}}};
  }
  // The worker itself ends at the limit; this is for one that cannot. It counts from the start of
  // the pod, while a job's own deadline would also count the time in the queue.
  if (wanted.max_hours > 0) {
    pod["activeDeadlineSeconds"] =
        static_cast<std::int64_t>(std::ceil(wanted.max_hours * 3600)) + 2 * kGraceSeconds;
  }
  if (const auto selector = selector_of(spec, options, cloud); !selector.empty()) {
    pod["nodeSelector"] = Json(selector);
  }
  if (Json tolerations = tolerations_of(wanted, cloud); !tolerations.empty()) {
    pod["tolerations"] = std::move(tolerations);
  }
  if (!options.service_account.empty()) pod["serviceAccountName"] = options.service_account;
  if (!options.pull_secret.empty()) {
    pod["imagePullSecrets"] = {{{"name", options.pull_secret}}};
  }
  return pod;
}

// Preemptions are started again without being counted. What would fail again ends the job.
Json failure_policy() {
  return {
      {"rules",
       {{{"action", "Ignore"},
         {"onPodConditions", {{{"type", "DisruptionTarget"}, {"status", "True"}}}}},
        {{"action", "Ignore"},
         {"onExitCodes", {{"containerName", kContainer}, {"operator", "In"}, {"values", {130}}}}},
        {{"action", "FailJob"},
         {"onExitCodes",
          {{"containerName", kContainer}, {"operator", "In"}, {"values", {1, 2, 3}}}}}}}};
}

void add_dropped(const Json& sent, const Json& kept, const std::string& path,
                 std::vector<std::string>& dropped) {
  if (sent.is_object()) {
    for (const auto& [key, value] : sent.items()) {
      const std::string below = path.empty() ? key : path + "." + key;
      if (!kept.is_object() || !kept.contains(key)) {
        dropped.push_back(below);
      } else {
        add_dropped(value, kept[key], below, dropped);
      }
    }
  } else if (sent.is_array() && kept.is_array()) {
    for (std::size_t i = 0; i < sent.size(); ++i) {
      const std::string below = path + "[" + std::to_string(i) + "]";
      if (i < kept.size()) {
        add_dropped(sent[i], kept[i], below, dropped);
      } else {
        dropped.push_back(below);
      }
    }
  }
}

}  // namespace

Json job_body(const Spec& spec, const Options& options, Cloud cloud) {
  Json job = {
      {"apiVersion", "batch/v1"},
      {"kind", "Job"},
      {"metadata",
       {{"name", spec.id},
        {"labels", labels_of(spec)},
        {"annotations", {{kFolderAnnotation, spec.folder}}}}},
      {"spec",
       {{"parallelism", spec.resources.workers},
        {"completions", spec.resources.workers},
        {"backoffLimit", kMostFailures},
        {"podFailurePolicy", failure_policy()},
        {"ttlSecondsAfterFinished", kKeptSeconds},
        {"template",
         {{"metadata", {{"labels", labels_of(spec)}}}, {"spec", pod_of(spec, options, cloud)}}}}}};
  if (spec.resources.workers > 1) job["spec"]["completionMode"] = "Indexed";
  return job;
}

Json service_body(const Spec& spec, const std::string& uid) {
  return {
      {"apiVersion", "v1"},
      {"kind", "Service"},
      {"metadata",
       {{"name", spec.id},
        {"labels", labels_of(spec)},
        {"ownerReferences",
         {{{"apiVersion", "batch/v1"}, {"kind", "Job"}, {"name", spec.id}, {"uid", uid}}}}}},
      {"spec",
       {{"clusterIP", "None"},
        // Names must resolve before the workers are ready: they wait for each other.
        {"publishNotReadyAddresses", true},
        {"selector", {{"app.kubernetes.io/name", "oko"}, {"app.kubernetes.io/instance", spec.id}}},
        {"ports", {{{"name", "master"}, {"port", kMasterPort}}}}}}};
}

std::vector<std::string> dropped_fields(const Json& sent, const Json& kept) {
  std::vector<std::string> dropped;
  add_dropped(sent, kept, "", dropped);
  return dropped;
}

std::vector<std::string> consequences_of(const std::vector<std::string>& dropped) {
  std::vector<std::string> sentences;
  for (const std::string& field : dropped) {
    if (field == "spec.podFailurePolicy") {
      sentences.push_back(
          "this server has no podFailurePolicy (Kubernetes 1.26): each preemption "
          "counts as a failure, the job ends after " +
          std::to_string(kMostFailures) +
          ", and a command that cannot succeed is started again as often");
    } else if (field == "spec.ttlSecondsAfterFinished") {
      sentences.push_back(
          "this server has no ttlSecondsAfterFinished (Kubernetes 1.21): the "
          "finished job stays until kubectl delete job");
    } else {
      sentences.push_back("this server does not know " + field + " and ignores it");
    }
  }
  return sentences;
}

}  // namespace oko::jobs::kubernetes
