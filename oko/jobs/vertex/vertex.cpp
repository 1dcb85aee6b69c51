#include "oko/jobs/vertex/vertex.h"

#include <algorithm>
#include <array>
#include <optional>

#include "oko/jobs/vertex/answers.h"
#include "oko/jobs/vertex/body.h"
#include "oko/jobs/vertex/check.h"
#include "oko/jobs/vertex/explain.h"
#include "oko/jobs/vertex/names.h"

namespace oko::jobs {
namespace vertex {
namespace {

namespace http = storage::http;

constexpr std::array kSettings = {
    Setting{"project", "ID", "Google Cloud project (default: that of the credentials)"},
    Setting{"image", "IMAGE", "Container image with oko, in Artifact Registry", true},
    Setting{"service-account", "EMAIL", "Account that the workers run as"},
    Setting{"network", "NETWORK", "VPC network: projects/NUMBER/global/networks/NAME"},
    Setting{"boot-disk-gb", "N", "Size of a worker's disk, 100 to 64000"},
};
// Looking at a job must not take long, even if nothing answers.
constexpr double kPatience = 20;
// Of a list; searches may have pages without entries.
constexpr int kMostPages = 100, kLogPage = 1000;

std::string place_of(const std::string& region) { return "Vertex AI in " + region; }

struct Engine {
  JobName name;
  std::string project;
};
Engine engine_of(const Json& json) {
  const std::string place = "engine.json";
  Engine engine{parse_job_name(json_get<std::string>(json, "name", place), place), {}};
  engine.project = checked_project(json_get<std::string>(json, "project", place));
  return engine;
}

std::string job_url(Api& api, const JobName& name) {
  return api.training(name.region) + "/v1/" + name.text;
}

// A job of this id that has not ended: what came of a request without an answer.
std::optional<CustomJob> find_job(Api& api, const std::string& jobs_url, const Spec& spec,
                                  const std::string& project, const std::string& place) {
  const std::string filter = std::string("labels.") + kLabel + "=" + filter_word(spec.id);
  std::string token;
  for (int pages = 0; pages < kMostPages; ++pages) {
    const http::Response response =
        api.get(jobs_url + "?pageSize=100&filter=" + http::percent_encode(filter) +
                    (token.empty() ? "" : "&pageToken=" + http::percent_encode(token)),
                place);
    if (!response.ok()) {
      throw refusal_error(parse_refusal(response.body), project, spec.resources.region);
    }
    JobPage page = parse_jobs(response.body, place);
    for (CustomJob& job : page.jobs) {
      if (!job.over()) return std::move(job);
    }
    if (page.next.empty()) break;
    token = std::move(page.next);
  }
  return std::nullopt;
}

Observation observation_of(const CustomJob& job, const Engine& engine) {
  using enum Observation::Phase;
  const std::string& state = job.state;
  Observation seen;
  if (job.over()) {
    seen.phase = kEnded;
    const Explanation why = explain(job.error, engine.project, engine.name.region);
    seen.reason = why.reason;
    seen.hint = why.hint;
    if (seen.reason.empty() && state == "EXPIRED") seen.reason = "its time was over";
  } else if (state == "QUEUED") {
    seen.phase = kQueued;
    seen.reason = "waits in Vertex AI's queue, which usually means for quota";
  } else if (state == "PENDING" || state == "PAUSED") {
    seen.phase = kQueued;
    seen.reason = state == "PAUSED" ? "is paused" : "Vertex AI prepares its machines";
  } else if (state == "RUNNING" || state == "UPDATING" || state == "CANCELLING") {
    seen.phase = kRunning;
    if (state == "CANCELLING") seen.reason = "Vertex AI is cancelling it";
  } else {
    seen.phase = kUnreachable;
    seen.reason = "Vertex AI reports an unknown state: \"" + state + "\"";
  }
  return seen;
}

}  // namespace

Api& Vertex::api() const {
  const std::lock_guard lock(mutex_);
  if (!api_) api_ = std::make_unique<Api>(options_());
  return *api_;
}

std::span<const Setting> Vertex::settings() const { return kSettings; }

std::string Vertex::default_folder(const Spec&, const std::string&) const {
  throw Error(ErrorCode::kUsage, "--job-dir",
              "is needed with --on vertex: its machines can only reach a bucket",
              "use --job-dir gs://BUCKET/jobs/NAME, in the job's region");
}

void Vertex::check(const Spec& spec) const { vertex::check(api(), spec); }

std::string Vertex::preview(const Spec& spec) const {
  return "POST " + jobs_url(api(), spec) + "\n" + custom_job(spec).dump(2) + "\n";
}

Json Vertex::submit(const Spec& spec, Folder&, Progress& progress) const {
  const std::string project = project_for(api(), spec);
  const std::string& region = checked_region(spec.resources.region);
  const std::string place = place_of(region), url = jobs_url(api(), spec);
  const Json body = custom_job(spec);
  std::optional<CustomJob> job;
  bool uncertain = false;
  for (http::Retry retry = api().retry(place); !job;) {
    // A second job of the same id would train in the same folder.
    if (uncertain && (job = find_job(api(), url, spec, project, place))) break;
    const http::Response response = api().post_once(url, body);
    if (response.ok()) {
      job = parse_job(response.body, place);
    } else if (http::is_transient(response) && !is_out_of_quota(response)) {
      uncertain = uncertain || response.status != 429;
      retry.wait(response);
    } else if (response.failure != http::Response::Failure::kNone) {
      http::refuse(response, place);
    } else {
      throw refusal_error(parse_refusal(response.body), project, region);
    }
  }
  const JobName name = parse_job_name(job->name, place);
  progress.line("https://console.cloud.google.com/vertex-ai/locations/" + name.region +
                "/training/" + name.number + "?project=" + project);
  return {{"name", name.text}, {"project", project}};
}

Observation Vertex::observe(const Spec& spec, const Json& json) const {
  const Engine engine = engine_of(json);
  const std::string place = place_of(engine.name.region);
  try {
    const http::Response response = api().get(job_url(api(), engine.name), place, kPatience);
    if (response.status == 404) {
      return {Observation::Phase::kGone, "Vertex AI does not know the job any more", "", 0};
    }
    if (!response.ok()) {
      throw refusal_error(parse_refusal(response.body), engine.project, engine.name.region);
    }
    const CustomJob job = parse_job(response.body, place);
    Observation seen = observation_of(job, engine);
    // "The replica workerpool0-0 exited with a non-zero status of 3" hides the cause.
    if (job.state == "FAILED" && job.error.find("non-zero status") != std::string::npos) {
      seen.reason += last_line(spec, json);
      if (seen.hint.empty()) seen.hint = "oko job logs --engine " + spec.id;
    }
    return seen;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    return {Observation::Phase::kUnreachable, error.what(), "", 0};
  }
}

std::string Vertex::last_line(const Spec& spec, const Json& engine) const {
  try {
    const std::string last = engine_log(spec, engine, 1);
    return last.empty() ? "" : " Its last line: " + last.substr(0, last.find('\n'));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInterrupted) throw;
    return {};  // the job's end is known, whoever may read its log
  }
}

void Vertex::cancel(const Spec&, const Json& json) const {
  const Engine engine = engine_of(json);
  const std::string place = place_of(engine.name.region), url = job_url(api(), engine.name);
  const http::Response response = api().post(url + ":cancel", Json::object(), place);
  if (response.ok() || response.status == 404) return;
  // It may have ended in the meantime, or by an attempt whose answer was lost.
  const http::Response now = api().get(url, place);
  if (now.ok()) {
    const CustomJob job = parse_job(now.body, place);
    if (job.over() || job.state == "CANCELLING") return;
  }
  throw refusal_error(parse_refusal(response.body), engine.project, engine.name.region);
}

std::string Vertex::engine_log(const Spec&, const Json& json, int lines) const {
  const Engine engine = engine_of(json);
  const std::string place = "Cloud Logging";
  Json body = {{"resourceNames", Json::array({"projects/" + engine.project})},
               {"filter", "resource.type=\"ml_job\" AND resource.labels.job_id=" +
                              filter_word(engine.name.number)},
               {"orderBy", "timestamp desc"},
               {"pageSize", std::clamp(lines, 1, kLogPage)}};
  std::vector<std::string> newest_first;
  for (int pages = 0; pages < kMostPages && std::ssize(newest_first) < lines; ++pages) {
    const http::Response response =
        api().post(api().logging() + "/v2/entries:list", body, place, kPatience);
    if (!response.ok()) {
      const Refusal refusal = parse_refusal(response.body);
      throw Error(ErrorCode::kFailed, place, "refused: " + refusal.message,
                  response.status == 403 ? "give the account the role Logs Viewer" : "");
    }
    LogPage page = parse_log(response.body, place);
    std::move(page.lines.begin(), page.lines.end(), std::back_inserter(newest_first));
    if (page.next.empty()) break;
    body["pageToken"] = page.next;
  }
  if (std::ssize(newest_first) > lines) newest_first.resize(static_cast<std::size_t>(lines));
  std::string text;
  for (auto line = newest_first.rbegin(); line != newest_first.rend(); ++line) text += *line + "\n";
  return text;
}

}  // namespace vertex

const Backend& vertex_backend() {
  static const vertex::Vertex backend;
  return backend;
}

}  // namespace oko::jobs
