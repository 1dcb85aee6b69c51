#include <algorithm>

#include "tests/storage/gcs_calls.h"

namespace oko::testing::gcs {
namespace {

constexpr std::size_t kMostComponents = 32;

std::string number_text(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// One source of a compose request, after its own conditions.
const Object& source_of(State& state, const std::string& bucket, const Json& item) {
  if (!item.is_object() || !item.contains("name")) throw Refusal{400, "required", "Required"};
  const Object& object = state.object(bucket, item["name"].get<std::string>());
  Target target{""};
  if (item.contains("generation")) {
    target.query.emplace_back("generation", number_text(item["generation"]));
  }
  if (item.contains("objectPreconditions") &&
      item["objectPreconditions"].contains("ifGenerationMatch")) {
    target.query.emplace_back("ifGenerationMatch",
                              number_text(item["objectPreconditions"]["ifGenerationMatch"]));
  }
  check_generation(target, object);
  check_conditions(target, &object, false);
  return object;
}

}  // namespace

// POST /storage/v1/b/BUCKET/o/NAME/compose
Reply compose(Request& request, State& state) {
  const Json sent = request.json();
  const Json sources = sent.value("sourceObjects", Json::array());
  if (!sources.is_array() || sources.empty()) {
    throw Refusal{400, "required", "You must provide at least one source component."};
  }
  if (sources.size() > kMostComponents) {
    throw Refusal{400, "invalid",
                  "The number of source components provided (" + std::to_string(sources.size()) +
                      ") exceeds the maximum (32)"};
  }
  const std::scoped_lock lock(state.mutex);
  std::string content;
  int components = 0;
  for (const Json& item : sources) {
    const Object& source = source_of(state, request.path[3], item);
    content += *source.content;
    components += std::max(1, source.components);
  }
  Json settings = settings_of(sent.value("destination", Json::object()));
  settings.erase("crc32c");  // gcloud sends the first source's
  settings.erase("md5Hash");
  return json_reply(state
                        .put(request.path[3], request.path[5], settings,
                             std::make_shared<const std::string>(std::move(content)),
                             request.target, components)
                        .resource(request.root));
}

// POST /storage/v1/b/BUCKET/o/NAME/rewriteTo/b/BUCKET/o/NAME, and copyTo
Reply rewrite(Request& request, State& state, const GcsOptions& options) {
  const Json sent = request.json();
  const std::scoped_lock lock(state.mutex);
  const Object source = state.object(request.path[3], request.path[5]);
  check_generation(request.target, source, "sourceGeneration");
  check_conditions(request.target, &source, false, "Source");
  const std::uint64_t size = source.content->size();
  const bool at_once = request.path[6] == "copyTo";
  const std::string about = request.target.path + " " + std::to_string(source.generation);
  std::uint64_t done = 0;
  if (const std::string token = request.target.get("rewriteToken"); !token.empty()) {
    const auto found = state.rewrites.find(token);
    if (found == state.rewrites.end() || !found->second.starts_with(about + " ")) {
      throw Refusal{400, "invalid", "Invalid argument: rewriteToken"};
    }
    done = std::stoull(found->second.substr(about.size() + 1));
  }
  done = options.rewrite_step == 0 || at_once ? size : std::min(size, done + options.rewrite_step);
  Json answer = {{"kind", "storage#rewriteResponse"},
                 {"totalBytesRewritten", std::to_string(done)},
                 {"objectSize", std::to_string(size)},
                 {"done", done == size}};
  if (done < size) {
    const std::string token = "rewrite-" + std::to_string(state.rewrites.size());
    state.rewrites[token] = about + " " + std::to_string(done);
    answer["rewriteToken"] = token;
    return json_reply(answer);
  }
  Json settings = sent.empty() ? source.settings : settings_of(sent);
  settings.erase("crc32c");
  settings.erase("md5Hash");
  const Object& made = state.put(request.path[8], request.path[10], settings, source.content,
                                 request.target, source.components);
  if (at_once) return json_reply(made.resource(request.root));
  answer["resource"] = made.resource(request.root);
  return json_reply(answer);
}

}  // namespace oko::testing::gcs
