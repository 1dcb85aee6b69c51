#include "tests/jobs/kubernetes/api_server.h"

#include <algorithm>

#include "oko/base/error.h"

namespace oko::testing {
namespace {

ApiServer::Answer json_answer(int status, const Json& json) {
  return {status, json.dump(), {{"Content-Type", "application/json"}}};
}

ApiServer::Answer refusal(int code, const std::string& reason, const std::string& message) {
  return json_answer(code, ApiServer::status(code, reason, message));
}

ApiServer::Answer not_found(const std::string& path) {
  const auto name = path.rfind('/'), kind = path.rfind('/', name - 1);
  return refusal(
      404, "NotFound",
      path.substr(kind + 1, name - kind - 1) + " \"" + path.substr(name + 1) + "\" not found");
}

bool is_collection(const std::string& path) {
  return std::ranges::any_of(
      std::initializer_list<std::string_view>{"/jobs", "/pods", "/services", "/events", "/nodes",
                                              "/persistentvolumeclaims"},
      [&](std::string_view end) { return path.ends_with(end); });
}

// "job-name=x": the only kind of selector that is understood here.
bool fits(const Json& object, const std::string& selector) {
  if (selector.empty()) return true;
  const auto equals = selector.find('=');
  const Json labels = object["metadata"].value("labels", Json::object());
  return labels.value(selector.substr(0, equals), "") == selector.substr(equals + 1);
}

}  // namespace

Json ApiServer::status(int code, const std::string& reason, const std::string& message) {
  return {{"kind", "Status"},          {"apiVersion", "v1"}, {"metadata", Json::object()},
          {"status", "Failure"},       {"message", message}, {"reason", reason},
          {"details", Json::object()}, {"code", code}};
}

ApiServer::ApiServer() : listener_(0, [this](Connection& connection) { serve(connection); }) {}

std::optional<Json> ApiServer::object(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  const auto found = objects_.find(path);
  return found == objects_.end() ? std::nullopt : std::optional(found->second);
}

void ApiServer::put(const std::string& path, Json object) {
  const std::scoped_lock lock(mutex_);
  if (!object["metadata"].contains("uid")) {
    object["metadata"]["uid"] = "uid-" + std::to_string(++uids_);
  }
  object["metadata"]["name"] = path.substr(path.rfind('/') + 1);
  objects_[path] = std::move(object);
}

void ApiServer::set_log(const std::string& pod, const std::string& text) {
  const std::scoped_lock lock(mutex_);
  logs_[pod] = text;
}

void ApiServer::accept_token(const std::string& token) {
  const std::scoped_lock lock(mutex_);
  token_ = token;
}

void ApiServer::answer_next(Answer next) {
  const std::scoped_lock lock(mutex_);
  next_.push_back(std::move(next));
}

void ApiServer::forget_field(const std::string& pointer) {
  const std::scoped_lock lock(mutex_);
  forgotten_.push_back(pointer);
}

void ApiServer::set_page(std::size_t items) {
  const std::scoped_lock lock(mutex_);
  page_ = items;
}

std::vector<ApiServer::Seen> ApiServer::requests() {
  const std::scoped_lock lock(mutex_);
  return seen_;
}

void ApiServer::serve(Connection& connection) {
  while (const auto head = connection.read_head()) {
    const std::string body = connection.read_whole_body(*head);
    const Answer reply = answer(*head, body);
    Head out;
    out.start = "HTTP/1.1 " + std::to_string(reply.status) + " -";
    out.fields = reply.fields;
    out.set("Content-Length", std::to_string(reply.body.size()));
    connection.send(out.text() + reply.body);
  }
}

ApiServer::Answer ApiServer::answer(const Head& head, const std::string& body) {
  const std::scoped_lock lock(mutex_);
  const std::string authorization = head.get("Authorization");
  const std::string token =
      authorization.starts_with("Bearer ") ? authorization.substr(7) : authorization;
  seen_.push_back({head.method() + " " + head.target(), body, token, head.get("Impersonate-User")});
  if (!next_.empty()) {
    Answer planned = std::move(next_.front());
    next_.erase(next_.begin());
    return planned;
  }
  if (token_ && token != *token_) return refusal(401, "Unauthorized", "Unauthorized");
  const Target target(head.target());
  if (head.method() == "POST") return create(target, body);
  if (head.method() == "DELETE") return remove(target.path, body);
  if (target.path.ends_with("/log")) return log_of(target);
  if (is_collection(target.path)) return list(target);
  const auto found = objects_.find(target.path);
  return found == objects_.end() ? not_found(target.path) : json_answer(200, found->second);
}

ApiServer::Answer ApiServer::create(const Target& target, const std::string& body) {
  Json object = parse_json(body, "body");
  const std::string path = target.path + "/" + object["metadata"]["name"].get<std::string>();
  if (objects_.contains(path)) {
    return refusal(409, "AlreadyExists", "jobs.batch \"" + path + "\" already exists");
  }
  for (const std::string& pointer : forgotten_) {
    const Json::json_pointer where(pointer);
    if (object.contains(where)) object[where.parent_pointer()].erase(where.back());
  }
  object["metadata"]["uid"] = "uid-" + std::to_string(++uids_);
  if (target.get("dryRun").empty()) objects_[path] = object;
  return json_answer(201, object);
}

ApiServer::Answer ApiServer::list(const Target& target) {
  std::vector<Json> fitting;
  for (const auto& [path, object] : objects_) {
    const bool inside = path.starts_with(target.path + "/") &&
                        path.find('/', target.path.size() + 1) == std::string::npos;
    if (inside && fits(object, target.get("labelSelector"))) fitting.push_back(object);
  }
  const std::string from = target.get("continue");
  const std::size_t first = from.empty() ? 0 : std::stoul(from);
  const std::size_t last = std::min(first + page_, fitting.size());
  Json answer = {{"kind", "List"}, {"metadata", Json::object()}, {"items", Json::array()}};
  for (std::size_t i = first; i < last; ++i) answer["items"].push_back(fitting[i]);
  if (last < fitting.size()) answer["metadata"]["continue"] = std::to_string(last);
  return json_answer(200, answer);
}

ApiServer::Answer ApiServer::remove(const std::string& path, const std::string& body) {
  const auto found = objects_.find(path);
  if (found == objects_.end()) return not_found(path);
  const Json options = parse_json(body, "body");
  const std::string wanted = options.value(Json::json_pointer("/preconditions/uid"), "");
  if (!wanted.empty() && wanted != found->second["metadata"]["uid"]) {
    return refusal(409, "Conflict", "the UID in the precondition does not match");
  }
  const Json object = found->second;
  objects_.erase(found);
  return json_answer(200, object);
}

ApiServer::Answer ApiServer::log_of(const Target& target) {
  const std::string pod = target.path.substr(0, target.path.size() - 4);
  const auto found = logs_.find(pod.substr(pod.rfind('/') + 1));
  if (found == logs_.end()) {
    return refusal(400, "BadRequest", "container \"oko\" is waiting to start: ContainerCreating");
  }
  return {200, found->second, {{"Content-Type", "text/plain"}}};
}

}  // namespace oko::testing
