#include "tests/storage/gcs_server.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "oko/base/error.h"
#include "tests/storage/gcs_calls.h"

namespace oko::testing {
namespace gcs {

std::string Request::body() {
  body_read = true;
  return connection.read_whole_body(head);
}

Json Request::json() {
  const std::string text = body();
  return text.empty() ? Json::object() : parse_json(text, "body");
}

Reply json_reply(const Json& json, int status) {
  return {status, json.dump(), {{"Content-Type", "application/json; charset=UTF-8"}}};
}

namespace {

Reply refusal_reply(const Refusal& refusal) {
  if (refusal.status == 304) return {304, "", {}};
  return json_reply(
      {{"error",
        {{"code", refusal.status},
         {"message", refusal.message},
         {"errors",
          {{{"message", refusal.message}, {"domain", "global"}, {"reason", refusal.reason}}}}}}},
      refusal.status);
}

std::vector<std::string> segments_of(const std::string& path) {
  std::vector<std::string> segments;
  for (std::size_t at = 1; at <= path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    segments.push_back(decode_percent(std::string_view(path).substr(at, end - at)));
    at = end + 1;
  }
  return segments;
}

std::int64_t number(std::string_view text) {
  std::int64_t value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : -1;
}

// Bytes "first-last", "first-" or "-count" of an object, or all where the field is not understood.
Reply media_reply(const Object& object, const std::string& range) {
  const auto size = static_cast<std::int64_t>(object.content->size());
  std::int64_t first = 0, last = size - 1;
  bool part = false;
  if (const auto dash = range.find('-'); range.starts_with("bytes=") && dash != std::string::npos) {
    const std::string begin = range.substr(6, dash - 6), end = range.substr(dash + 1);
    part = true;
    if (begin.empty()) {
      first = std::max<std::int64_t>(0, size - number(end));
    } else {
      first = number(begin);
      if (!end.empty()) last = std::min(last, number(end));
    }
    if (first >= size || first < 0 || last < first) {
      Reply refused{416, "", {{"Content-Range", "bytes */" + std::to_string(size)}}};
      return refused;
    }
  }
  Reply reply{part ? 206 : 200, "", {}};
  reply.body = object.content->substr(static_cast<std::size_t>(first),
                                      static_cast<std::size_t>(last - first + 1));
  if (part) {
    reply.fields.emplace_back(
        "Content-Range",
        "bytes " + std::to_string(first) + "-" + std::to_string(last) + "/" + std::to_string(size));
  }
  reply.fields.emplace_back("Content-Type",
                            object.settings.value("contentType", "application/octet-stream"));
  reply.fields.emplace_back("X-Goog-Hash", "crc32c=" + object.crc32c);
  if (!object.md5.empty()) reply.fields.emplace_back("X-Goog-Hash", "md5=" + object.md5);
  reply.fields.emplace_back("X-Goog-Generation", std::to_string(object.generation));
  reply.fields.emplace_back("X-Goog-Stored-Content-Length", std::to_string(size));
  reply.fields.emplace_back("X-Goog-Stored-Content-Encoding", "identity");
  return reply;
}

// Members of a patch replace those there; null takes one away.
void patch(Object& object, const Json& sent) {
  for (const auto& [key, value] : sent.items()) {
    if (key == "metadata" && value.is_object()) {
      for (const auto& [name, text] : value.items()) {
        if (text.is_null()) {
          object.settings["metadata"].erase(name);
        } else {
          object.settings["metadata"][name] = text;
        }
      }
    } else if (value.is_null()) {
      object.settings.erase(key);
    } else if (key == "contentType" || key == "cacheControl" || key == "customTime" ||
               key == "contentEncoding" || key == "contentDisposition") {
      object.settings[key] = value;
    }
  }
  ++object.metageneration;
}

}  // namespace
}  // namespace gcs

using gcs::Refusal;
using gcs::Reply;
using gcs::Request;

struct GcsServer::Inside {
  explicit Inside(const GcsOptions& given)
      : options(given),
        tokens(options),
        listener(options.port, [this](Connection& connection) { serve(connection); }) {}

  void serve(Connection& connection);
  Reply answer(Request& request);
  Reply on_buckets(Request& request);
  Reply on_bucket(Request& request);
  Reply on_object(Request& request);

  GcsOptions options;
  gcs::State state;
  gcs::Tokens tokens;
  Listener listener;
};

void GcsServer::Inside::serve(Connection& connection) {
  while (const auto head = connection.read_head()) {
    Request request{connection, *head, Target(head->target()), {}, head->method(), {}};
    request.root = "http://" + head->get("Host");
    request.path = gcs::segments_of(request.target.path);
    Reply reply;
    try {
      reply = answer(request);
    } catch (const Refusal& refusal) {
      reply = gcs::refusal_reply(refusal);
    } catch (const Error& error) {  // JSON that is none
      reply = gcs::refusal_reply({400, "parseError", error.what()});
    } catch (const Json::exception& error) {
      reply = gcs::refusal_reply({400, "invalid", error.what()});
    }
    if (!request.body_read) request.body();
    if (options.log) std::fprintf(stderr, "%d %s\n", reply.status, head->start.c_str());
    Head out;
    out.start = "HTTP/1.1 " + std::to_string(reply.status) + " -";
    out.fields = reply.fields;
    if (reply.status != 204 && reply.status != 304) {
      out.set("Content-Length", std::to_string(reply.body.size()));
    }
    connection.send(request.method == "HEAD" ? out.text() : out.text() + reply.body);
    if (lower(head->get("Connection")) == "close") return;
  }
}

Reply GcsServer::Inside::answer(Request& request) {
  const std::string& path = request.target.path;
  if (path == "/computeMetadata/v1/instance/service-accounts/default/token") {
    return tokens.from_metadata(request);
  }
  if (path == "/token" && request.method == "POST") return tokens.from_grant(request);
  tokens.check(request);
  auto& parts = request.path;
  if (parts[0] == "resumable") parts.erase(parts.begin());  // gcloud's way of writing it
  if (parts.size() == 6 && parts[0] == "upload" && parts[3] == "b" && parts[5] == "o") {
    return gcs::upload(request, state, options);
  }
  if (path.starts_with("/download/storage/v1/")) parts.erase(parts.begin());
  if (parts.size() < 3 || parts[0] != "storage" || parts[1] != "v1" || parts[2] != "b") {
    throw Refusal{404, "notFound", "Not Found"};
  }
  if (parts.size() == 3) return on_buckets(request);
  if (parts.size() == 4 || (parts.size() == 5 && parts[4] == "o")) return on_bucket(request);
  if (parts[4] == "storageLayout") {
    return gcs::json_reply({{"kind", "storage#storageLayout"},
                            {"bucket", parts[3]},
                            {"hierarchicalNamespace", {{"enabled", false}}}});
  }
  if (parts[4] == "managedFolders" || parts[4] == "folders") {  // gcloud asks; there are none
    return gcs::json_reply(Json::object());
  }
  if (parts[4] != "o") throw Refusal{501, "notImplemented", "Not implemented by this test server"};
  if (parts.size() == 7 && parts[6] == "compose" && request.method == "POST") {
    return gcs::compose(request, state);
  }
  if (parts.size() == 11 && (parts[6] == "rewriteTo" || parts[6] == "copyTo") &&
      request.method == "POST") {
    return gcs::rewrite(request, state, options);
  }
  if (parts.size() != 6) throw Refusal{404, "notFound", "Not Found"};
  return on_object(request);
}

// /storage/v1/b
Reply GcsServer::Inside::on_buckets(Request& request) {
  if (request.target.get("project").empty()) {
    throw Refusal{400, "required", "Required parameter: project"};
  }
  const Json sent = request.json();
  const std::scoped_lock lock(state.mutex);
  if (request.method == "POST") {
    return gcs::json_reply(state.insert_bucket(sent).resource(request.root));
  }
  Json answer = {{"kind", "storage#buckets"}};
  for (const auto& [name, bucket] : state.buckets) {
    if (name.starts_with(request.target.get("prefix"))) {
      answer["items"].push_back(bucket.resource(request.root));
    }
  }
  return gcs::json_reply(answer);
}

// /storage/v1/b/BUCKET and /storage/v1/b/BUCKET/o
Reply GcsServer::Inside::on_bucket(Request& request) {
  const std::scoped_lock lock(state.mutex);
  gcs::Bucket& bucket = state.bucket(request.path[3]);
  if (request.path.size() == 5) {
    return gcs::json_reply(gcs::list(bucket, request.target, request.root, options.page));
  }
  if (request.method == "GET") return gcs::json_reply(bucket.resource(request.root));
  if (request.method != "DELETE") throw Refusal{405, "methodNotAllowed", "Method not allowed"};
  if (!bucket.objects.empty()) {
    throw Refusal{409, "conflict", "The bucket you tried to delete is not empty."};
  }
  state.buckets.erase(request.path[3]);
  return {204, "", {}};
}

// /storage/v1/b/BUCKET/o/NAME
Reply GcsServer::Inside::on_object(Request& request) {
  const Json sent = request.json();
  const bool reading = request.method == "GET" || request.method == "HEAD";
  const std::scoped_lock lock(state.mutex);
  gcs::Object& object = state.object(request.path[3], request.path[5]);
  gcs::check_generation(request.target, object);
  gcs::check_conditions(request.target, &object, reading);
  if (reading && request.target.get("alt") == "media") {
    return gcs::media_reply(object, request.head.get("Range"));
  }
  if (reading) return gcs::json_reply(object.resource(request.root));
  if (request.method == "DELETE") {
    state.bucket(request.path[3]).objects.erase(request.path[5]);
    return {204, "", {}};
  }
  if (request.method != "PATCH" && request.method != "PUT") {
    throw Refusal{405, "methodNotAllowed", "Method not allowed"};
  }
  gcs::patch(object, sent);
  return gcs::json_reply(object.resource(request.root));
}

GcsServer::GcsServer(const GcsOptions& options) : inside_(std::make_unique<Inside>(options)) {}
GcsServer::~GcsServer() = default;
int GcsServer::port() const { return inside_->listener.port(); }

}  // namespace oko::testing
