#include "oko/jobs/kubernetes/backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "oko/base/text.h"
#include "oko/jobs/kubernetes/body.h"
#include "oko/jobs/kubernetes/findings.h"
#include "oko/jobs/kubernetes/names.h"

namespace oko::jobs::kubernetes {
namespace {

using std::chrono::seconds;

constexpr const char* kEngine = "engine.json";

std::string space_of(const Options& options, const Access& access) {
  return options.namespace_.empty() ? checked_label(access.namespace_, "kubeconfig's namespace")
                                    : options.namespace_;
}

// What a pod writes to its own disk is gone with it.
void check_folder(const std::string& folder, const Options& options) {
  const bool in_bucket = folder.find("://") != std::string::npos && !folder.starts_with("file:");
  const bool on_volume = !options.mount.empty() && folder.starts_with(options.mount + "/");
  if (!in_bucket && !on_volume) {
    throw Error(ErrorCode::kUsage, "--job-dir",
                "the job's folder is neither in a bucket nor on the volume of --volume: " + folder,
                "use gs:// or s3://, or a folder below the volume's path");
  }
  if (on_volume) checked_mount(folder, "--job-dir");
  if (on_volume && !std::filesystem::is_directory(options.mount)) {
    throw Error(ErrorCode::kUsage, "--volume",
                "this machine has nothing at " + options.mount + ", so it cannot follow the job",
                "mount the same file system here at that path, or use a bucket");
  }
}

std::string annotation(const Json& object, std::string_view key) {
  const std::string name(key);
  if (!object.contains("metadata") || !object["metadata"].is_object()) return {};
  const Json& metadata = object["metadata"];
  if (!metadata.contains("annotations") || !metadata["annotations"].is_object()) return {};
  return json_get_or<std::string>(metadata["annotations"], name.c_str(), "", "the job");
}

Json deletion_of(const std::string& uid) {
  return {{"apiVersion", "v1"},
          {"kind", "DeleteOptions"},
          {"propagationPolicy", "Foreground"},  // the pods first: they write their checkpoint
          {"preconditions", {{"uid", uid}}}};
}

// Deletes an object if it is still that one.
void remove_if_there(Api& api, const std::string& path, const std::string& uid) {
  try {
    api.remove(path, deletion_of(uid));
  } catch (const Refusal& refusal) {
    if (refusal.status() != 404 && refusal.status() != 409) throw;  // gone, or replaced
  }
}

// Waits until an object of that uid is gone.
void wait_until_gone(Api& api, const std::string& path, const std::string& uid) {
  constexpr int kMost = 120;
  for (int i = 0; i < kMost; ++i) {
    const auto object = api.find(path);
    if (!object || text_at(*object, "/metadata/uid") != uid) return;
    std::this_thread::sleep_for(seconds(1));
  }
  throw Error(ErrorCode::kFailed, api.place(), "the job's earlier run does not go away",
              "kubectl describe shows what holds it");
}

// The job that has the name of `body`, if it is the same; an Error if it is another one's.
std::optional<Json> earlier_run(Api& api, const std::string& space, const Json& body) {
  const std::string name = text_at(body, "/metadata/name");
  auto there = api.find(jobs_path(space, name));
  if (there && annotation(*there, kFolderAnnotation) != annotation(body, kFolderAnnotation)) {
    throw Error(ErrorCode::kUsage, api.place(),
                "the namespace " + space + " has another job called " + name,
                "choose another --name");
  }
  return there;
}

std::vector<Json> pods_of(Api& api, const std::string& space, const std::string& name) {
  std::vector<Json> pods =
      api.list(core_path(space, "pods"), {{"labelSelector", "job-name=" + name}});
  sort_by_age(pods);
  return pods;
}

// Something that explains a job but is not needed: whoever may not see it goes without.
std::vector<Json> list_if_allowed(Api& api, const std::string& path, const Query& query,
                                  bool& allowed) {
  try {
    allowed = true;
    return api.list(path, query);
  } catch (const Refusal&) {
    allowed = false;
    return {};
  }
}

// Whose events say why a job does not run: the first pod that waits, or the job itself.
std::string unexplained(const Json& job, const std::vector<Json>& pods) {
  for (const Json& pod : pods) {
    if (text_at(pod, "/status/phase") == "Pending") return text_at(pod, "/metadata/uid");
  }
  return text_at(job, "/metadata/uid");
}

// Without indexes no worker knows which it is.
void refuse_if_too_old(const std::vector<std::string>& dropped) {
  if (std::ranges::count(dropped, "spec.completionMode") == 0) return;
  throw Error(ErrorCode::kUsage, "--workers",
              "this cluster is too old for several workers: it needs Kubernetes 1.24",
              "train with one worker");
}

std::string request_text(const Api& api, const std::string& path, const Query& query,
                         const Json& body) {
  return "POST " + api.access().server + path + query_of(query) + "\n" + body.dump(2) + "\n";
}

const Query kStrict = {{"fieldValidation", "Strict"}};

}  // namespace

Cloud cloud_of(const Options& options, const Access& access) {
  if (const auto cloud = value_named<Cloud>(options.cloud)) return *cloud;
  const std::string_view address = access.server;
  const std::string_view host = address.substr(0, address.find_first_of(":/", 8));
  if (host.ends_with(".eks.amazonaws.com")) return Cloud::kEks;
  if (host.ends_with(".azmk8s.io")) return Cloud::kAks;
  const bool google = access.plugin && access.plugin->command.ends_with("gke-gcloud-auth-plugin");
  return google || access.context.starts_with("gke_") ? Cloud::kGke : Cloud::kOther;
}

KubernetesBackend::KubernetesBackend(Environment environment, storage::http::Policy policy)
    : environment_(std::move(environment)), policy_(policy) {}

Api& KubernetesBackend::api_of(const std::string& context, const std::string& server) const {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Api>& api = apis_[context + "\n" + server];
  if (!api) {
    api = std::make_unique<Api>(find_access(context, server, environment_),
                                storage::http::shared_client(), policy_);
  }
  return *api;
}

KubernetesBackend::Found KubernetesBackend::found(const Json& engine) const {
  const auto word = [&](const char* key) { return json_get<std::string>(engine, key, kEngine); };
  return {api_of(word("context"), word("server")), word("namespace"), word("name"), word("uid")};
}

std::optional<Json> KubernetesBackend::find_job(const Found& found, const Json& engine) {
  const auto& [api, space, name, uid] = found;
  auto job = api.find(jobs_path(space, name));
  if (job && text_at(*job, "/metadata/uid") == uid) return job;
  const std::string server = json_get<std::string>(engine, "server", kEngine);
  if (api.access().server == server) return std::nullopt;
  throw Error(
      ErrorCode::kUsage, api.place(),
      "does not know the job, and is not the server that it was submitted to, " + printable(server),
      "use a kubeconfig with that cluster");
}

std::string KubernetesBackend::default_folder(const Spec& spec, const std::string&) const {
  const Options options = options_of(spec);
  if (!options.mount.empty()) return options.mount + "/oko-jobs/" + spec.id;
  throw Error(ErrorCode::kUsage, "--job-dir",
              "is missing: pods cannot reach this machine's disk, so the job's folder must be "
              "where both can",
              "name a folder in a bucket (gs://BUCKET/jobs/NAME), or a shared file system by "
              "--volume CLAIM:PATH");
}

void KubernetesBackend::check(const Spec& spec) const {
  const Options options = options_of(spec);
  check_folder(spec.folder, options);
  Api& api = api_of(options.context);
  const std::string space = space_of(options, api.access());
  const Json body = job_body(spec, options, cloud_of(options, api.access()));
  if (!options.claim.empty()) {
    const std::string path = core_path(space, "persistentvolumeclaims", options.claim);
    bool may_look = true;
    try {
      if (api.find(path)) may_look = false;
    } catch (const Refusal& refusal) {
      if (refusal.status() != 403) throw;
      may_look = false;
    }
    if (may_look) {
      throw Error(ErrorCode::kUsage, "--volume",
                  "there is no claim " + options.claim + " in the namespace " + space,
                  "kubectl get pvc lists them");
    }
  }
  try {  // everything but the creation itself: rights, names, fields, admission
    const Json answer =
        api.post(jobs_path(space), body, {{"fieldValidation", "Strict"}, {"dryRun", "All"}});
    refuse_if_too_old(dropped_fields(body, answer));
  } catch (const Refusal& refusal) {
    if (refusal.reason() != "AlreadyExists") throw;
    earlier_run(api, space, body);
  }
}

std::string KubernetesBackend::preview(const Spec& spec) const {
  const Options options = options_of(spec);
  check_folder(spec.folder, options);
  const Api& api = api_of(options.context);
  const std::string space = space_of(options, api.access());
  std::string text = request_text(api, jobs_path(space), kStrict,
                                  job_body(spec, options, cloud_of(options, api.access())));
  if (spec.resources.workers > 1) {
    text += "\n" + request_text(api, core_path(space, "services"), kStrict,
                                service_body(spec, "UID-OF-THE-JOB"));
  }
  return text;
}

// The job's name is taken if the answer to an earlier attempt was lost, or if the job has run
// before. A run that goes on is the job; one that has ended makes room.
Json KubernetesBackend::create_job(Api& api, const std::string& space, const Json& body,
                                   Progress& progress) const {
  try {
    return api.post(jobs_path(space), body, kStrict);
  } catch (const Refusal& refusal) {
    if (refusal.reason() != "AlreadyExists") throw;
  }
  if (const auto there = earlier_run(api, space, body)) {
    const bool leaving = !text_at(*there, "/metadata/deletionTimestamp").empty();
    if (!leaving && !is_finished(*there)) return *there;
    progress.line("removing the job's earlier run from the cluster");
    const std::string path = jobs_path(space, text_at(body, "/metadata/name"));
    const std::string uid = text_at(*there, "/metadata/uid");
    remove_if_there(api, path, uid);
    wait_until_gone(api, path, uid);
  }
  return api.post(jobs_path(space), body, kStrict);
}

void KubernetesBackend::create_service(Api& api, const std::string& space, const Spec& spec,
                                       const Json& job) const {
  const std::string uid = text_at(job, "/metadata/uid");
  const Json body = service_body(spec, uid);
  const std::string path = core_path(space, "services", spec.id);
  try {
    api.post(core_path(space, "services"), body, kStrict);
    return;
  } catch (const Refusal& refusal) {
    if (refusal.reason() != "AlreadyExists") throw;
  }
  const auto there = api.find(path);
  if (there && text_at(*there, "/metadata/ownerReferences/0/uid") == uid) return;
  if (there && text_at(*there, "/metadata/labels/app.kubernetes.io~1managed-by") != "oko") {
    throw Error(ErrorCode::kUsage, api.place(),
                "the namespace " + space + " has another service called " + spec.id,
                "choose another --name");
  }
  // Of the job's earlier run, not removed yet.
  if (there) remove_if_there(api, path, text_at(*there, "/metadata/uid"));
  api.post(core_path(space, "services"), body, kStrict);
}

Json KubernetesBackend::submit(const Spec& spec, Folder&, Progress& progress) const {
  const Options options = options_of(spec);
  Api& api = api_of(options.context);
  const std::string space = space_of(options, api.access());
  const Json body = job_body(spec, options, cloud_of(options, api.access()));
  if (!api.access().tls.verify) {
    progress.line(
        "warning: the kubeconfig says insecure-skip-tls-verify: anyone on the network "
        "between here and the cluster can read these credentials");
  }
  const Json job = create_job(api, space, body, progress);
  const std::string uid = text_at(job, "/metadata/uid");
  const std::vector<std::string> dropped = dropped_fields(body, job);
  for (const std::string& sentence : consequences_of(dropped))
    progress.line("warning: " + sentence);
  try {
    refuse_if_too_old(dropped);
    if (spec.resources.workers > 1) create_service(api, space, spec, job);
  } catch (const Error&) {  // never leave workers that cannot find each other
    remove_if_there(api, jobs_path(space, spec.id), uid);
    throw;
  }
  return {{"context", api.access().context},
          {"server", api.access().server},
          {"namespace", space},
          {"name", spec.id},
          {"uid", uid}};
}

Observation KubernetesBackend::observe(const Spec&, const Json& engine) const {
  try {
    const Found where = found(engine);
    const auto job = find_job(where, engine);
    if (!job) return {};
    const auto& [api, space, name, uid] = where;
    Findings findings{*job, pods_of(api, space, name), {}, std::nullopt};
    bool allowed = false;
    if (!is_finished(*job)) {
      findings.events = list_if_allowed(
          api, core_path(space, "events"),
          {{"fieldSelector", "involvedObject.uid=" + unexplained(*job, findings.pods)}}, allowed);
    }
    if (waits_for_a_node(findings.pods)) {
      std::vector<Json> nodes = list_if_allowed(api, "/api/v1/nodes", {}, allowed);
      if (allowed) findings.nodes = std::move(nodes);
    }
    return observation_of(findings);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    return {Observation::Phase::kUnreachable, error.place() + ": " + error.message(), error.hint()};
  }
}

void KubernetesBackend::cancel(const Spec&, const Json& engine) const {
  const Found where = found(engine);
  if (!find_job(where, engine)) return;
  remove_if_there(where.api, jobs_path(where.space, where.name), where.uid);
}

std::string KubernetesBackend::engine_log(const Spec&, const Json& engine, int lines) const {
  const auto [api, space, name, uid] = found(engine);
  constexpr const char* kMostBytes = "1048576";
  for (const Json& pod : pods_of(api, space, name)) {  // the newest that has written anything
    const std::string path = core_path(space, "pods", text_at(pod, "/metadata/name")) + "/log";
    try {
      std::string log = api.text(path, {{"container", std::string(kContainer)},
                                        {"tailLines", std::to_string(lines)},
                                        {"limitBytes", kMostBytes}});
      if (!log.empty()) return log;
    } catch (const Refusal& refusal) {  // 400 while it is starting, 404 if its node is gone
      if (refusal.status() != 400 && refusal.status() != 404) throw;
    }
  }
  return {};
}

}  // namespace oko::jobs::kubernetes

namespace oko::jobs {

const Backend& kubernetes_backend() {
  static const kubernetes::KubernetesBackend backend;
  return backend;
}

}  // namespace oko::jobs
