#include <algorithm>
#include <charconv>

#include "tests/storage/gcs_calls.h"

namespace oko::testing::gcs {
namespace {

constexpr std::uint64_t kChunk = 256 * 1024;

struct Part {
  Head head;
  std::string content;
};

std::string boundary_of(const std::string& type) {
  const auto at = lower(type).find("boundary=");
  if (at == std::string::npos) throw Refusal{400, "badRequest", "Missing boundary"};
  std::string value = type.substr(at + 9);
  if (!value.empty() && (value.front() == '"' || value.front() == '\'')) {
    return value.substr(1, value.find(value.front(), 1) - 1);
  }
  return value.substr(0, value.find_first_of("; "));
}

// The text up to the next line end, CRLF or LF, which is taken too.
std::string take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  if (end == std::string_view::npos) throw Refusal{400, "badRequest", "Malformed multipart body."};
  std::string line(rest.substr(0, end));
  if (line.ends_with('\r')) line.pop_back();
  rest.remove_prefix(end + 1);
  return line;
}

// Parts of a multipart/related body, whose line ends may be CRLF or bare LF (gcloud).
std::vector<Part> parts_of(std::string_view body, const std::string& boundary) {
  const auto first = body.find("--" + boundary);
  if (first == std::string_view::npos) throw Refusal{400, "badRequest", "Missing first boundary"};
  std::string_view rest = body.substr(first);
  const std::string_view line_end =
      rest.substr(boundary.size() + 2).starts_with("\r\n") ? "\r\n" : "\n";
  const std::string delimiter = std::string(line_end) + "--" + boundary;
  take_line(rest);
  std::vector<Part> parts;
  while (true) {
    Part part;
    for (std::string line = take_line(rest); !line.empty(); line = take_line(rest)) {
      const auto colon = std::min(line.find(':'), line.size());
      const auto value = std::min(line.find_first_not_of(" :", colon), line.size());
      part.head.fields.emplace_back(line.substr(0, colon), line.substr(value));
    }
    const auto end = rest.find(delimiter);
    if (end == std::string_view::npos) throw Refusal{400, "badRequest", "Missing end boundary"};
    part.content = rest.substr(0, end);
    parts.push_back(std::move(part));
    rest.remove_prefix(end + delimiter.size());
    if (rest.starts_with("--")) return parts;
    take_line(rest);
  }
}

// Checksums that came in x-goog-hash, as members of the resource.
void add_hashes(const Head& head, Json& settings) {
  for (const auto& [name, value] : head.fields) {
    if (lower(name) != "x-goog-hash") continue;
    for (std::string_view rest = value; !rest.empty();) {
      const auto end = std::min(rest.find(','), rest.size());
      const std::string item(rest.substr(rest.find_first_not_of(' '), end));
      if (item.starts_with("crc32c=")) settings["crc32c"] = item.substr(7);
      if (item.starts_with("md5=")) settings["md5Hash"] = item.substr(4);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
  }
}

std::string name_of(const Request& request, const Json& sent) {
  const std::string in_query = request.target.get("name");
  const std::string name =
      in_query.empty() && sent.contains("name") ? sent["name"].get<std::string>() : in_query;
  if (name.empty()) throw Refusal{400, "required", "Required"};
  return name;
}

Reply store(Request& request, State& state, const std::string& name, const Json& settings,
            std::string content) {
  auto shared = std::make_shared<const std::string>(std::move(content));
  const std::scoped_lock lock(state.mutex);
  return json_reply(state.put(request.path[4], name, settings, std::move(shared), request.target)
                        .resource(request.root));
}

Reply media(Request& request, State& state) {
  std::string content = request.body();
  Json settings = Json::object();
  const std::string type = request.head.get("Content-Type");
  settings["contentType"] = type.empty() ? "application/octet-stream" : type;
  add_hashes(request.head, settings);
  return store(request, state, name_of(request, Json::object()), settings, std::move(content));
}

Reply multipart(Request& request, State& state) {
  const std::string body = request.body();
  std::vector<Part> parts = parts_of(body, boundary_of(request.head.get("Content-Type")));
  if (parts.size() != 2) {
    throw Refusal{400, "badRequest", "Malformed multipart body: it has two parts"};
  }
  const Json sent = parse_json(parts[0].content, "metadata");
  Json settings = settings_of(sent);
  const std::string type = parts[1].head.get("Content-Type");
  if (!settings.contains("contentType")) {
    settings["contentType"] = type.empty() ? "application/octet-stream" : type;
  }
  add_hashes(request.head, settings);
  return store(request, state, name_of(request, sent), settings, std::move(parts[1].content));
}

std::uint64_t number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw Refusal{400, "badRequest", "Failed to parse Content-Range header."};
  }
  return value;
}

struct ContentRange {
  std::optional<std::uint64_t> first, last, total;
};

ContentRange content_range(const Request& request, std::uint64_t body) {
  const std::string text = request.head.get("Content-Range");
  if (text.empty()) return {0, body - 1, body};
  const auto slash = text.find('/'), dash = text.find('-');
  if (!text.starts_with("bytes ") || slash == std::string::npos) number("?");
  ContentRange range;
  if (text.substr(slash + 1) != "*") range.total = number(std::string_view(text).substr(slash + 1));
  if (text[6] == '*') return range;
  if (dash == std::string::npos) number("?");
  range.first = number(std::string_view(text).substr(6, dash - 6));
  // "bytes 0-*/N": the body goes to the end of the object. Google's Node client sends it.
  if (std::string_view(text).substr(dash + 1, slash - dash - 1) == "*") {
    range.last = *range.first + body - 1;
    if (!range.total) range.total = *range.first + body;
    return range;
  }
  range.last = number(std::string_view(text).substr(dash + 1, slash - dash - 1));
  if (*range.last - *range.first + 1 != body) {
    throw Refusal{400, "badRequest", "Content-Range and the length of the body differ."};
  }
  return range;
}

Reply begin_session(Request& request, State& state) {
  const std::string text = request.body();
  const Json sent = text.empty() ? Json::object() : parse_json(text, "metadata");
  const auto session = std::make_shared<Session>();
  session->bucket = request.path[4];
  session->name = name_of(request, sent);
  session->settings = settings_of(sent);
  session->conditions = request.target;
  const std::string type = request.head.get("X-Upload-Content-Type");
  if (!session->settings.contains("contentType")) {
    session->settings["contentType"] = type.empty() ? "application/octet-stream" : type;
  }
  const std::string length = request.head.get("X-Upload-Content-Length");
  if (!length.empty()) session->announced = number(length);
  const std::scoped_lock lock(state.mutex);
  Bucket& bucket = state.bucket(session->bucket);
  const auto found = bucket.objects.find(session->name);
  check_conditions(request.target, found == bucket.objects.end() ? nullptr : &found->second, false);
  const std::string id = "session-" + std::to_string(++state.sessions_made);
  state.sessions[id] = session;
  return {200,
          "",
          {{"Location", request.root + "/upload/storage/v1/b/" + session->bucket +
                            "/o?uploadType=resumable&upload_id=" + id},
           {"X-GUploader-UploadID", id}}};
}

std::shared_ptr<Session> session_of(State& state, const std::string& id) {
  const std::scoped_lock lock(state.mutex);
  const auto found = state.sessions.find(id);
  if (found == state.sessions.end()) throw Refusal{404, "notFound", "Upload session not found."};
  return found->second;
}

// Where the upload stands: 308, and the range held, if any. Clients written in Go ask for a 200
// that says so in a field.
Reply resume_incomplete(const Request& request, const Session& session) {
  Reply reply{308, "", {}};
  if (!session.content.empty()) {
    reply.fields.emplace_back("Range", "bytes=0-" + std::to_string(session.content.size() - 1));
  }
  if (lower(request.head.get("X-GUploader-No-308")) == "yes") {
    reply.status = 200;
    reply.fields.emplace_back("X-Http-Status-Code-Override", "308");
  }
  return reply;
}

// Adds what is new of a chunk that begins at `first`.
void add_chunk(Session& session, std::uint64_t first, std::string_view chunk) {
  const std::uint64_t held = session.content.size();
  if (first > held) {
    throw Refusal{503, "backendError",
                  "Invalid request. According to the Content-Range header, the upload offset is " +
                      std::to_string(first) + " byte(s), which exceeds already uploaded size of " +
                      std::to_string(held) + " byte(s)."};
  }
  const std::uint64_t known = std::min<std::uint64_t>(held - first, chunk.size());
  session.content.append(chunk.substr(known));
}

// The body of a chunk. Where it is cut short, whole quarters of a MiB of it are kept.
std::string chunk_body(Request& request, State& state, Session& session) {
  std::string chunk;
  request.body_read = true;
  try {
    request.connection.read_body(request.head, [&](std::string_view piece) { chunk += piece; });
  } catch (const Broken&) {
    const std::string text = request.head.get("Content-Range");
    if (text.starts_with("bytes ") && text[6] != '*') {
      const std::uint64_t first = number(std::string_view(text).substr(6, text.find('-') - 6));
      const std::scoped_lock lock(state.mutex);
      const std::uint64_t end = (first + chunk.size()) / kChunk * kChunk;
      if (!session.finished && first <= session.content.size() && end > session.content.size()) {
        add_chunk(session, first, std::string_view(chunk).substr(0, end - first));
      }
    }
    throw;
  }
  return chunk;
}

Reply finish(const Request& request, State& state, Session& session, const std::string& id) {
  add_hashes(request.head, session.settings);
  try {
    session.finished = state.put(session.bucket, session.name, session.settings,
                                 std::make_shared<const std::string>(std::move(session.content)),
                                 session.conditions);
  } catch (const Refusal&) {
    state.sessions.erase(id);
    throw;
  }
  return json_reply(session.finished->resource(request.root));
}

Reply continue_session(Request& request, State& state, const GcsOptions& options) {
  const std::string id = request.target.get("upload_id");
  const auto session = session_of(state, id);
  const std::string chunk = chunk_body(request, state, *session);
  const std::scoped_lock lock(state.mutex);
  if (!state.sessions.contains(id)) throw Refusal{404, "notFound", "Upload session not found."};
  if (session->finished) return json_reply(session->finished->resource(request.root));
  const ContentRange range = content_range(request, chunk.size());
  if (range.total && session->announced && *range.total != *session->announced) {
    throw Refusal{400, "badRequest", "The size differs from X-Upload-Content-Length."};
  }
  if (range.total) session->announced = range.total;
  if (range.first) {
    const bool last = range.total && *range.last + 1 == *range.total;
    if (!last && (chunk.size() % kChunk != 0 || chunk.empty())) {
      throw Refusal{400, "badRequest",
                    "Invalid request. The number of bytes uploaded is required to be equal or "
                    "greater than 262144, except for the final request. The chunk size must be a "
                    "multiple of 262144 bytes."};
    }
    add_chunk(*session, *range.first, chunk);
  }
  const auto made = std::stoull(id.substr(id.find('-') + 1));
  if (options.lose_session > 0 && made % static_cast<unsigned>(options.lose_session) == 0 &&
      range.first) {
    state.sessions.erase(id);
  }
  if (range.total && session->content.size() == *range.total) {
    return finish(request, state, *session, id);
  }
  if (range.total && session->content.size() > *range.total) {
    throw Refusal{400, "badRequest", "More bytes than announced."};
  }
  return resume_incomplete(request, *session);
}

}  // namespace

Json settings_of(const Json& sent) {
  if (!sent.is_object()) throw Refusal{400, "parseError", "Parse Error"};
  Json settings = Json::object();
  for (const char* key : {"contentType", "contentEncoding", "cacheControl", "contentDisposition",
                          "contentLanguage", "storageClass", "customTime", "crc32c", "md5Hash"}) {
    if (!sent.contains(key) || sent[key].is_null()) continue;
    if (!sent[key].is_string()) throw Refusal{400, "invalid", std::string("Invalid value: ") + key};
    settings[key] = sent[key];
  }
  if (sent.contains("acl")) settings["acl"] = sent["acl"];
  if (!sent.contains("metadata")) return settings;
  for (const auto& [key, value] : sent["metadata"].items()) {
    if (!value.is_string()) throw Refusal{400, "invalid", "Invalid value for metadata: " + key};
    settings["metadata"][key] = value;
  }
  return settings;
}

Reply upload(Request& request, State& state, const GcsOptions& options) {
  const std::string kind = request.target.get("uploadType");
  if (kind == "resumable" && request.target.has("upload_id")) {
    if (request.method != "DELETE") return continue_session(request, state, options);
    session_of(state, request.target.get("upload_id"));
    const std::scoped_lock lock(state.mutex);
    state.sessions.erase(request.target.get("upload_id"));
    return {499, "", {}};
  }
  if (request.method != "POST") throw Refusal{405, "methodNotAllowed", "Method not allowed"};
  if (kind == "media") return media(request, state);
  if (kind == "multipart") return multipart(request, state);
  if (kind == "resumable") return begin_session(request, state);
  throw Refusal{400, "invalid", "Invalid upload type: " + kind};
}

}  // namespace oko::testing::gcs
