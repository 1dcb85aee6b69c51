#include "oko/seal/manifest.h"

#include "oko/base/error.h"
#include "oko/seal/fields.h"

namespace oko::seal {
namespace {

constexpr const char* kFormat = "oko sealed model";

Manifest parse(const Json& json, const std::string& name) {
  check_format(json, kFormat, name);
  Manifest manifest;
  manifest.content = id_field(json, "content", name);
  manifest.model = id_field(json, "model", name);
  manifest.release = number_field(json, "release", name);
  manifest.created = time_field(json, "created", name);
  if (json.contains("expires")) manifest.expires = time_field(json, "expires", name);
  manifest.minimum_app = app_version_field(json, "minimum_app", name);
  manifest.customer = json_get_or<std::string>(json, "customer", "", name);
  const Json plain = json_get<Json>(json, "plain", name);
  manifest.size = json_get<std::uint64_t>(plain, "size", name + ": plain");
  manifest.hash = hash_field(plain, "blake2b", name + ": plain");
  const Json sealed = json_get<Json>(json, "sealed", name);
  manifest.sealed_size = json_get<std::uint64_t>(sealed, "size", name + ": sealed");
  manifest.sealed_hash = hash_field(sealed, "blake2b", name + ": sealed");
  manifest.input = json_get<Json>(json, "input", name);
  for (const char* side : {"channels", "height", "width"}) {
    if (json_get<int>(manifest.input, side, name + ": input") < 1) {
      throw input_error(name + ": input", std::string("\"") + side + "\" is below 1");
    }
  }
  manifest.preprocess = json_get<Json>(json, "preprocess", name);
  if (!manifest.preprocess.is_object()) {
    throw input_error(name, "\"preprocess\" is not an object");
  }
  const Json classes = json_get<Json>(json, "classes", name);
  if (!classes.is_array()) throw input_error(name, "\"classes\" is not a list");
  for (const Json& one : classes) {
    if (!one.is_string()) throw input_error(name, "\"classes\" has a name that is not text");
    manifest.classes.push_back(one.get<std::string>());
  }
  return manifest;
}

}  // namespace

std::string manifest_text(const Manifest& manifest) {
  Json json = {{"format", kFormat},
               {"version", kTextVersion},
               {"content", manifest.content},
               {"model", manifest.model},
               {"release", manifest.release}};
  if (!manifest.minimum_app.empty()) json["minimum_app"] = manifest.minimum_app;
  json["created"] = utc_text(manifest.created);
  if (manifest.expires != 0) json["expires"] = utc_text(manifest.expires);
  if (!manifest.customer.empty()) json["customer"] = manifest.customer;
  json["plain"] = {{"size", manifest.size}, {"blake2b", manifest.hash}};
  json["sealed"] = {{"size", manifest.sealed_size}, {"blake2b", manifest.sealed_hash}};
  json["input"] = manifest.input;
  json["preprocess"] = manifest.preprocess;
  json["classes"] = manifest.classes;
  return canonical_text(json);
}

Manifest read_manifest(std::string_view text, const std::string& name) {
  Manifest manifest;
  read_canonically(
      text, name, [&](const Json& json) { manifest = parse(json, name); },
      [&] { return manifest_text(manifest); });
  return manifest;
}

}  // namespace oko::seal
