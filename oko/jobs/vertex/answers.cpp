#include "oko/jobs/vertex/answers.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "oko/base/cut.h"
#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/base/text.h"

namespace oko::jobs::vertex {
namespace {

constexpr std::size_t kMessage = 600, kLine = 4096;

Json object_of(std::string_view text, const std::string& place) {
  Json json = parse_json(text, place);
  if (!json.is_object()) throw input_error(place, "the response is not a JSON object");
  return json;
}

const Json& array_of(const Json& json, const char* key, const std::string& place) {
  static const Json none = Json::array();
  if (!json.is_object() || !json.contains(key)) return none;
  if (json[key].is_array()) return json[key];
  throw input_error(place, std::string("\"") + key + "\" is not an array");
}

std::string text_of(const Json& json, const char* key, const std::string& place) {
  return json_get_or<std::string>(json, key, "", place);
}

// At most `most` bytes on one line, cut between characters.
std::string shown(std::string_view text, std::size_t most) {
  const std::string line = printable(text);
  if (line.size() <= most) return line;
  return std::string(cut(line, most)) + "…";
}

std::int64_t int64_of(const Json& json, const char* key, const std::string& place) {
  const std::string text = json_get<std::string>(json, key, place);
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && last == end) return value;
  throw input_error(place, std::string("\"") + key + "\" is not a whole number");
}

CustomJob job_of(const Json& json, const std::string& place) {
  CustomJob job;
  job.name = json_get<std::string>(json, "name", place);
  job.state = text_of(json, "state", place);
  constexpr std::string_view kPrefix = "JOB_STATE_";
  if (job.state.starts_with(kPrefix)) job.state.erase(0, kPrefix.size());
  job.state = shown(job.state, 64);
  if (json.contains("error")) job.error = shown(text_of(json["error"], "message", place), kMessage);
  return job;
}

void add_lines(const Json& entry, const std::string& place, std::vector<std::string>& lines) {
  std::string text = text_of(entry, "textPayload", place);
  if (entry.is_object() && entry.contains("jsonPayload")) {
    text = text_of(entry["jsonPayload"], "message", place);
  }
  std::string source;
  if (entry.is_object() && entry.contains("resource") && entry["resource"].is_object() &&
      entry["resource"].contains("labels")) {
    source = text_of(entry["resource"]["labels"], "task_name", place);
  }
  if (source == "workerpool0-0") source.clear();
  if (!source.empty()) source += ": ";
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    lines.push_back(shown(source + std::string(line), kLine));
  }
}

}  // namespace

bool CustomJob::over() const {
  return state == "SUCCEEDED" || state == "FAILED" || state == "CANCELLED" || state == "EXPIRED" ||
         state == "PARTIALLY_SUCCEEDED";
}

CustomJob parse_job(std::string_view text, const std::string& place) {
  return job_of(object_of(text, place), place);
}

JobPage parse_jobs(std::string_view text, const std::string& place) {
  const Json json = object_of(text, place);
  JobPage page;
  for (const Json& job : array_of(json, "customJobs", place)) {
    page.jobs.push_back(job_of(job, place));
  }
  page.next = text_of(json, "nextPageToken", place);
  return page;
}

LogPage parse_log(std::string_view text, const std::string& place) {
  const Json json = object_of(text, place);
  LogPage page;
  for (const Json& entry : array_of(json, "entries", place)) {
    std::vector<std::string> lines;
    add_lines(entry, place, lines);
    std::move(lines.rbegin(), lines.rend(), std::back_inserter(page.lines));
  }
  page.next = text_of(json, "nextPageToken", place);
  return page;
}

std::int64_t Quota::in(const std::string& region) const {
  for (const std::string& place : {region, std::string()}) {
    if (const auto found = limits.find(place); found != limits.end()) return found->second;
  }
  return 0;
}

std::vector<std::string> Quota::regions_with(std::int64_t needed) const {
  std::vector<std::string> regions;
  for (const auto& [region, limit] : limits) {
    if (!region.empty() && (limit < 0 || limit >= needed)) regions.push_back(region);
  }
  return regions;
}

Quota parse_quota(std::string_view text, const std::string& place) {
  const Json json = object_of(text, place);
  Quota quota;
  for (const Json& limit : array_of(json, "consumerQuotaLimits", place)) {
    // Others of the same quota hold for all regions together.
    if (text_of(limit, "unit", place).find("{region}") == std::string::npos) continue;
    for (const Json& bucket : array_of(limit, "quotaBuckets", place)) {
      const Json dimensions = json_get_or<Json>(bucket, "dimensions", Json::object(), place);
      if (!bucket.is_object() || !bucket.contains("effectiveLimit")) continue;
      quota.limits[text_of(dimensions, "region", place)] =
          int64_of(bucket, "effectiveLimit", place);
    }
  }
  return quota;
}

std::string parse_bucket_location(std::string_view text, const std::string& place) {
  std::string location = json_get<std::string>(object_of(text, place), "location", place);
  std::transform(location.begin(), location.end(), location.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return shown(location, 64);
}

Refusal parse_refusal(std::string_view text) {
  Refusal refusal;
  try {
    const Json json = parse_json(text, "");
    const Json& error = json.is_object() && json.contains("error") ? json["error"] : json;
    refusal.code = json_get_or<int>(error, "code", 0, "");
    refusal.status = shown(text_of(error, "status", ""), 64);
    refusal.message = shown(json_get<std::string>(error, "message", ""), kMessage);
    for (const Json& detail : array_of(error, "details", "")) {
      if (refusal.reason.empty()) refusal.reason = shown(text_of(detail, "reason", ""), 64);
    }
  } catch (const std::exception&) {
    if (refusal.message.empty()) refusal.message = shown(text.substr(0, kMessage), kMessage);
  }
  return refusal;
}

}  // namespace oko::jobs::vertex
