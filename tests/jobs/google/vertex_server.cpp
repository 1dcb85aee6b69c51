#include "tests/jobs/google/vertex_server.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "oko/base/error.h"
#include "tests/jobs/google/protos.h"
#include "tests/storage/wire.h"

namespace oko::testing::google {
namespace {

struct Refused {
  int status;
  Json body;  // of {"error": …}
};

Refused refusal(int status, const char* name, const std::string& message) {
  return {status, {{"code", status}, {"message", message}, {"status", name}}};
}

struct Call {
  std::string method, path, body, host;
  Target target{""};
};

struct Entry {
  std::string job, task, text, id;
};

std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    parts.push_back(decode_percent(std::string_view(path).substr(at, end - at)));
    at = end + 1;
  }
  return parts;
}

// A page of `all` as lists are paged: the token is where to go on.
template <typename T>
std::vector<T> page_of(const std::vector<T>& all, std::size_t size, const std::string& token,
                       std::string& next) {
  const std::size_t first = token.empty() ? 0 : std::stoul(token);
  const std::size_t last = std::min(all.size(), first + size);
  if (last < all.size()) next = std::to_string(last);
  return {all.begin() + static_cast<std::ptrdiff_t>(std::min(first, all.size())),
          all.begin() + static_cast<std::ptrdiff_t>(last)};
}

// The value in KEY="VALUE" of a filter.
std::optional<std::string> filtered(const std::string& filter, const std::string& key) {
  const std::size_t at = filter.find(key + "=\"");
  if (at == std::string::npos) return std::nullopt;
  std::string value;
  for (std::size_t i = at + key.size() + 2; i < filter.size() && filter[i] != '"'; ++i) {
    if (filter[i] == '\\') ++i;
    value += filter[i];
  }
  return value;
}

// A state that a job has from now on; ends have a time.
void enter(Json& job, const std::string& state) {
  job["state"] = "JOB_STATE_" + state;
  const bool over = state == "SUCCEEDED" || state == "FAILED" || state == "CANCELLED";
  if (over) job["endTime"] = "2026-11-29T03:00:00Z";
}

// What the service checks beyond its definitions, by the comments there and by its known errors.
void check_pools(const Json& job) {
  const Json& pools = job["jobSpec"]["workerPoolSpecs"];
  for (std::size_t i = 0; i < pools.size(); ++i) {
    const std::string field = "job_spec.worker_pool_specs[" + std::to_string(i) + "]";
    const Json machine = pools[i].value("machineSpec", Json::object());
    if (machine.value("machineType", "").empty()) {
      throw refusal(400, "INVALID_ARGUMENT", field + ".machine_spec.machine_type is required.");
    }
    if (machine.contains("acceleratorType") != machine.contains("acceleratorCount")) {
      throw refusal(400, "INVALID_ARGUMENT",
                    "List of found errors: 1.Field: " + field +
                        ".machine_spec.accelerator_type; Message: Both `accelerator_type` and "
                        "`accelerator_count` should be specified or none. ");
    }
    if (i == 0 && pools[i].contains("replicaCount") && pools[i]["replicaCount"] != "1") {
      throw refusal(400, "INVALID_ARGUMENT", "The first worker pool has one replica.");
    }
  }
}

}  // namespace

struct VertexServer::Inside {
  explicit Inside(const VertexOptions& given)
      : options(given),
        protos(Protos::find(lenient)),
        listener(given.port, [this](Connection& connection) { serve(connection); }) {}

  void serve(Connection& connection);
  Json answer(const Call& call);
  Json on_jobs(const Call& call, const std::string& project, const std::string& region);
  Json on_job(const Call& call, const std::string& name);
  Json create(const Call& call, const std::string& parent, const std::string& region);
  Json list(const Call& call, const std::string& parent);
  Json entries(const Call& call);
  void say(const std::string& job, const std::string& task, const std::string& text) {
    log.push_back({job.substr(job.rfind('/') + 1), task, text, std::to_string(log.size())});
  }
  Json quota(const std::string& metric);
  void check_token(const std::string& authorization);
  void check(const char* message, const std::string& json) const;
  void check_own(const char* message, const Json& json) const;

  VertexOptions options;
  std::string lenient;
  const Protos* protos;
  mutable std::mutex mutex;
  std::vector<Json> jobs;
  std::vector<Entry> log;  // oldest first
  std::map<std::string, std::map<std::string, std::int64_t>> quotas;
  std::map<std::string, std::string> buckets;
  std::set<std::string> images;       // as paths of their manifests
  std::map<std::string, int> tokens;  // and how often each was used
  std::deque<Refused> refusals;
  int lost_answers = 0;
  bool break_now = false, logs_refused = false;
  std::vector<std::string> requests;
  Listener listener;
};

void VertexServer::Inside::check(const char* message, const std::string& json) const {
  if (!protos) return;
  const std::string wrong = protos->wrong_in_request(message, json);
  if (wrong.empty()) return;
  throw refusal(400, "INVALID_ARGUMENT", "Invalid JSON payload received. " + wrong);
}

// A response of ours must fit the definitions too.
void VertexServer::Inside::check_own(const char* message, const Json& json) const {
  const std::string wrong = protos ? protos->wrong_in_response(message, json.dump()) : "";
  if (!wrong.empty()) {
    std::fprintf(stderr, "the test server's own %s: %s\n", message, wrong.c_str());
    std::abort();
  }
}

void VertexServer::Inside::check_token(const std::string& authorization) {
  if (options.token_calls == 0) return;
  const auto found =
      authorization.starts_with("Bearer ") ? tokens.find(authorization.substr(7)) : tokens.end();
  if (found != tokens.end() && ++found->second <= options.token_calls) return;
  throw refusal(401, "UNAUTHENTICATED",
                "Request had invalid authentication credentials. Expected OAuth 2 access token.");
}

void VertexServer::Inside::serve(Connection& connection) {
  while (const auto head = connection.read_head()) {
    Call call{head->method(),
              {},
              connection.read_whole_body(*head),
              head->get("Host"),
              Target(head->target())};
    call.path = call.target.path;
    int status = 200;
    std::string body;
    bool broken = false;
    {
      const std::scoped_lock lock(mutex);
      requests.push_back(call.method + " " + head->target());
      try {
        if (call.path == "/computeMetadata/v1/instance/service-accounts/default/token") {
          if (head->get("Metadata-Flavor") != "Google")
            throw refusal(403, "FORBIDDEN", "Forbidden");
          const std::string token = "ya29.vertex-" + std::to_string(tokens.size() + 1);
          tokens[token] = 0;
          body = Json({{"access_token", token}, {"expires_in", 3599}, {"token_type", "Bearer"}})
                     .dump();
        } else {
          check_token(head->get("Authorization"));
          body = answer(call).dump();
        }
      } catch (const Refused& refused) {
        status = refused.status;
        body = Json({{"error", refused.body}}).dump();
      } catch (const std::exception& error) {
        status = 400;
        body = Json({{"error", refusal(400, "INVALID_ARGUMENT", error.what()).body}}).dump();
      }
      broken = std::exchange(break_now, false);
    }
    if (broken) return connection.reset();
    Head out;
    out.start = "HTTP/1.1 " + std::to_string(status) + " -";
    out.set("Content-Type", "application/json; charset=UTF-8");
    out.set("Content-Length", std::to_string(body.size()));
    connection.send(out.text() + body);
    if (lower(head->get("Connection")) == "close") return;
  }
}

Json VertexServer::Inside::answer(const Call& call) {
  const std::vector<std::string> parts = parts_of(call.path);
  if (parts == std::vector<std::string>{"v2", "entries:list"}) return entries(call);
  if (parts.size() == 4 && parts[0] == "storage" && parts[2] == "b") {
    const auto found = buckets.find(parts[3]);
    if (found == buckets.end()) {
      throw refusal(404, "NOT_FOUND", "The specified bucket does not exist.");
    }
    return {{"location", found->second}};
  }
  if (parts.size() > 4 && parts[0] == "v2" && parts[parts.size() - 2] == "manifests") {
    if (parts[1] == "private") throw refusal(403, "DENIED", "Permission denied");
    if (images.contains(call.path)) return {{"schemaVersion", 2}};
    throw refusal(404, "NOT_FOUND", "Manifest unknown");
  }
  if (parts.size() == 7 && parts[0] == "v1beta1" && parts[5] == "consumerQuotaMetrics") {
    return quota(parts[6]);
  }
  if (parts.size() < 6 || parts[0] != "v1" || parts[1] != "projects" || parts[3] != "locations" ||
      !parts[5].starts_with("customJobs")) {
    throw refusal(404, "NOT_FOUND", "There is no " + call.path);
  }
  if (parts.size() == 6) return on_jobs(call, parts[2], parts[4]);
  return on_job(call, call.path.substr(4));
}

Json VertexServer::Inside::on_jobs(const Call& call, const std::string& project,
                                   const std::string& region) {
  const std::string parent = "projects/" + project + "/locations/" + region;
  if (call.method == "POST") return create(call, parent, region);
  return list(call, parent);
}

Json VertexServer::Inside::create(const Call& call, const std::string& parent,
                                  const std::string& region) {
  if (!refusals.empty()) {
    const Refused next = refusals.front();
    refusals.pop_front();
    throw next;
  }
  check("google.cloud.aiplatform.v1.CustomJob", call.body);
  Json job = parse_json(call.body, "body");
  check_pools(job);
  const std::string output =
      job["jobSpec"].value("baseOutputDirectory", Json::object()).value("outputUriPrefix", "");
  if (output.starts_with("gs://")) {
    const std::string bucket = output.substr(5, output.find('/', 5) - 5);
    if (const auto found = buckets.find(bucket); found != buckets.end()) {
      if (lower(found->second) != region) {
        throw refusal(400, "FAILED_PRECONDITION",
                      "The Cloud Storage bucket of `" + output + "` is in location `" +
                          lower(found->second) +
                          "`. It must be in the same regional location as the service location `" +
                          region + "`.");
      }
    }
  }
  job["name"] = parent + "/customJobs/" + std::to_string(7000000000000000001 + std::ssize(jobs));
  enter(job, "PENDING");
  job["createTime"] = job["updateTime"] = "2026-11-29T02:00:00Z";
  jobs.push_back(job);
  if (options.advance) {
    const std::string name = job["name"];
    say(name, "service", "Vertex AI is setting up this job.");
  }
  check_own("google.cloud.aiplatform.v1.CustomJob", job);
  if (lost_answers > 0) {
    --lost_answers;
    break_now = true;
  }
  return job;
}

Json VertexServer::Inside::list(const Call& call, const std::string& parent) {
  const auto label = filtered(call.target.get("filter"), "labels.oko-job");
  std::vector<Json> found;
  for (auto job = jobs.rbegin(); job != jobs.rend(); ++job) {
    const Json labels = job->value("labels", Json::object());
    if ((*job)["name"].get<std::string>().starts_with(parent + "/") &&
        (!label || labels.value("oko-job", "") == *label)) {
      found.push_back(*job);
    }
  }
  std::string next;
  Json answer = {{"customJobs", page_of(found, static_cast<std::size_t>(options.page),
                                        call.target.get("pageToken"), next)}};
  if (!next.empty()) answer["nextPageToken"] = next;
  check_own("google.cloud.aiplatform.v1.ListCustomJobsResponse", answer);
  return answer;
}

Json VertexServer::Inside::on_job(const Call& call, const std::string& path) {
  const bool cancel = path.ends_with(":cancel");
  const std::string name = cancel ? path.substr(0, path.size() - 7) : path;
  const auto job =
      std::find_if(jobs.begin(), jobs.end(), [&](const Json& one) { return one["name"] == name; });
  if (job == jobs.end()) {
    throw refusal(404, "NOT_FOUND", "The CustomJob does not exist: " + name);
  }
  const std::string state = (*job)["state"];
  if (cancel) {
    Json request = call.body.empty() ? Json::object() : parse_json(call.body, "body");
    request["name"] = name;  // comes from the path
    check("google.cloud.aiplatform.v1.CancelCustomJobRequest", request.dump());
    if (state != "JOB_STATE_PENDING" && state != "JOB_STATE_RUNNING") {
      throw refusal(400, "FAILED_PRECONDITION",
                    "The CustomJob is in state " + state + " and cannot be canceled.");
    }
    enter(*job, "CANCELLED");
    (*job)["error"] = {{"code", 1}, {"message", "CANCELED"}};
    return Json::object();
  }
  if (call.method == "DELETE") {
    jobs.erase(job);
    return {{"name", name + "/operations/1"}, {"done", true}};
  }
  const Json answer = *job;
  if (options.advance && state == "JOB_STATE_RUNNING") enter(*job, "SUCCEEDED");
  if (options.advance && state == "JOB_STATE_PENDING") enter(*job, "RUNNING");
  return answer;
}

Json VertexServer::Inside::entries(const Call& call) {
  if (logs_refused) throw refusal(403, "PERMISSION_DENIED", "logging.logEntries.list");
  check("google.logging.v2.ListLogEntriesRequest", call.body);
  const Json request = parse_json(call.body, "body");
  const std::string filter = request.value("filter", "");
  const auto job = filtered(filter, "resource.labels.job_id");
  if (filtered(filter, "resource.type") != "ml_job" || !job) {
    throw refusal(400, "INVALID_ARGUMENT", "Unparseable filter: " + filter);
  }
  std::vector<Entry> found;
  for (const Entry& entry : log) {
    if (entry.job == *job) found.push_back(entry);
  }
  const std::string order = request.value("orderBy", "timestamp asc");
  if (order == "timestamp desc") {
    std::reverse(found.begin(), found.end());
  } else if (order != "timestamp asc") {
    throw refusal(400, "INVALID_ARGUMENT", "orderBy: " + order);
  }
  std::string next;
  const auto size = static_cast<std::size_t>(std::min(options.page, request.value("pageSize", 50)));
  Json answer = {{"entries", Json::array()}};
  for (const Entry& entry : page_of(found, size, request.value("pageToken", ""), next)) {
    answer["entries"].push_back(
        {{"logName", "projects/p/logs/" + entry.task},
         {"resource",
          {{"type", "ml_job"}, {"labels", {{"job_id", entry.job}, {"task_name", entry.task}}}}},
         {"timestamp", "2026-11-29T02:00:00Z"},
         {"insertId", entry.id},
         {"jsonPayload", {{"message", entry.text}}}});
  }
  if (!next.empty()) answer["nextPageToken"] = next;
  check_own("google.logging.v2.ListLogEntriesResponse", answer);
  return answer;
}

Json VertexServer::Inside::quota(const std::string& metric) {
  const std::string name = metric.substr(metric.find('/') + 1);
  const auto found = quotas.find(name);
  if (found == quotas.end()) throw refusal(403, "PERMISSION_DENIED", "Service Usage");
  Json buckets_of = Json::array();
  for (const auto& [region, limit] : found->second) {
    Json bucket = {{"effectiveLimit", std::to_string(limit)}, {"defaultLimit", "0"}};
    if (!region.empty()) bucket["dimensions"] = {{"region", region}};
    buckets_of.push_back(bucket);
  }
  return {{"metric", metric},
          {"displayName", name},
          {"consumerQuotaLimits",
           {{{"metric", metric}, {"unit", "1/{project}/{region}"}, {"quotaBuckets", buckets_of}}}}};
}

VertexServer::VertexServer(const VertexOptions& options)
    : inside_(std::make_unique<Inside>(options)) {}
VertexServer::~VertexServer() = default;
int VertexServer::port() const { return inside_->listener.port(); }
const std::string& VertexServer::lenient() const { return inside_->lenient; }

void VertexServer::refuse_create(int http_status, const Json& status) {
  const std::scoped_lock lock(inside_->mutex);
  inside_->refusals.push_back({http_status, status});
}

void VertexServer::lose_answers(int times) {
  const std::scoped_lock lock(inside_->mutex);
  inside_->lost_answers = times;
}

void VertexServer::refuse_logs() {
  const std::scoped_lock lock(inside_->mutex);
  inside_->logs_refused = true;
}

void VertexServer::set_state(const std::string& job, const std::string& state,
                             const std::string& error) {
  const std::scoped_lock lock(inside_->mutex);
  for (Json& one : inside_->jobs) {
    if (one["name"] != job) continue;
    enter(one, state);
    if (!error.empty()) one["error"] = {{"code", 3}, {"message", error}};
  }
}

void VertexServer::add_log(const std::string& job, const std::string& task,
                           const std::string& text) {
  const std::scoped_lock lock(inside_->mutex);
  inside_->say(job, task, text);
}

void VertexServer::set_quota(const std::string& quota, const std::string& region,
                             std::int64_t limit) {
  const std::scoped_lock lock(inside_->mutex);
  inside_->quotas[quota][region] = limit;
}

void VertexServer::set_bucket(const std::string& bucket, const std::string& location) {
  const std::scoped_lock lock(inside_->mutex);
  inside_->buckets[bucket] = location;
}

void VertexServer::add_image(const std::string& repository, const std::string& tag) {
  const std::scoped_lock lock(inside_->mutex);
  inside_->images.insert("/v2/" + repository + "/manifests/" + tag);
}

std::vector<Json> VertexServer::jobs() const {
  const std::scoped_lock lock(inside_->mutex);
  return inside_->jobs;
}

std::vector<std::string> VertexServer::requests() const {
  const std::scoped_lock lock(inside_->mutex);
  return inside_->requests;
}

}  // namespace oko::testing::google
