#include "oko/storage/gcs/answers.h"

#include <algorithm>
#include <cctype>

#include "oko/base/json.h"
#include "oko/storage/bucket/content_range.h"
#include "oko/storage/checksum.h"

namespace oko::storage::gcs {
namespace {

Object object_of(const Json& json, const std::string& name) {
  Object object;
  object.name = json_get<std::string>(json, "name", name);
  object.entry.version = json_get<std::string>(json, "generation", name);
  const auto size = bucket::parse_size(json_get<std::string>(json, "size", name));
  if (!size || !bucket::parse_size(object.entry.version)) {
    throw input_error(name, "\"size\" or \"generation\" is not a number");
  }
  object.entry.size = *size;
  object.entry.crc32c = parse_crc32c(json_get_or<std::string>(json, "crc32c", "", name));
  const auto digest = from_base64(json_get_or<std::string>(json, "md5Hash", "", name));
  if (digest && digest->size() == 16) object.entry.md5 = hex(std::as_bytes(std::span(*digest)));
  if (json.contains("metadata")) {
    object.write_mark = json_get_or<std::string>(json["metadata"], "oko-write", "", name);
  }
  return object;
}

const Json& array_of(const Json& json, const char* key, const std::string& name) {
  static const Json none = Json::array();
  if (!json.contains(key)) return none;
  if (!json[key].is_array())
    throw input_error(name, std::string("\"") + key + "\" is not an array");
  return json[key];
}

Json object_json(std::string_view text, const std::string& name) {
  Json json = parse_json(text, name);
  if (!json.is_object()) throw input_error(name, "the server's response is not a JSON object");
  return json;
}

}  // namespace

Object parse_object(std::string_view json, const std::string& name) {
  return object_of(object_json(json, name), name);
}

Listing parse_listing(std::string_view text, const std::string& name) {
  const Json json = object_json(text, name);
  Listing listing;
  for (const Json& item : array_of(json, "items", name)) {
    listing.objects.push_back(object_of(item, name));
  }
  for (const Json& prefix : array_of(json, "prefixes", name)) {
    if (!prefix.is_string()) throw input_error(name, "a prefix is not a string");
    listing.prefixes.push_back(prefix.get<std::string>());
  }
  listing.next = json_get_or<std::string>(json, "nextPageToken", "", name);
  return listing;
}

Rewrite parse_rewrite(std::string_view text, const std::string& name) {
  const Json json = object_json(text, name);
  Rewrite rewrite;
  if (json_get<bool>(json, "done", name)) {
    if (!json.contains("resource")) throw input_error(name, "the response has no \"resource\"");
    rewrite.object = object_of(json["resource"], name);
  } else {
    rewrite.token = json_get<std::string>(json, "rewriteToken", name);
  }
  return rewrite;
}

ErrorAnswer parse_error(std::string_view text) {
  ErrorAnswer answer;
  try {
    const Json json = parse_json(text, "");
    const Json& error = json.at("error");
    answer.message = error.value("message", "");
    if (error.contains("errors") && error["errors"].is_array() && !error["errors"].empty()) {
      answer.reason = error["errors"][0].value("reason", "");
    }
  } catch (const std::exception&) {
    answer.message = text;
  }
  answer.message = answer.message.substr(0, 300);
  for (char& c : answer.message) {
    if (std::iscntrl(static_cast<unsigned char>(c)) != 0) c = ' ';
  }
  return answer;
}

std::optional<std::uint64_t> parse_held(std::string_view range) {
  if (range.empty()) return 0;
  for (const std::string_view start : {"bytes=0-", "bytes 0-", "0-"}) {
    if (!range.starts_with(start)) continue;
    const auto last = bucket::parse_size(range.substr(start.size()));
    if (last && *last < ~std::uint64_t{0}) return *last + 1;
  }
  return std::nullopt;
}

}  // namespace oko::storage::gcs
