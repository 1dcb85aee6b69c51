#include "oko/package/manifest.h"

#include <sys/utsname.h>

#include <algorithm>
#include <array>

#include "oko/base/error.h"
#include "oko/package/reference.h"

namespace oko::package {
namespace {

constexpr std::size_t kMostLayers = 512;
constexpr std::uint64_t kMostBlobBytes = std::uint64_t{1} << 40;

Json checked_document(std::string_view json, const std::string& place) {
  if (json.size() > kMostManifestBytes) throw input_error(place, "the document is too long");
  Json document = parse_json(json, place);
  if (!document.is_object()) throw input_error(place, "is not a JSON object");
  return document;
}

const Json& list_of(const Json& object, const char* key, const std::string& place) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_array()) {
    throw input_error(place, std::string("has no list \"") + key + "\"");
  }
  if (it->size() > kMostLayers) throw input_error(place, std::string(key) + ": too many");
  return *it;
}

Descriptor descriptor_of(const Json& json, const std::string& place) {
  Descriptor descriptor{json_get_or<std::string>(json, "mediaType", "", place),
                        json_get<std::string>(json, "digest", place),
                        json_get<std::uint64_t>(json, "size", place)};
  if (!is_digest(descriptor.digest)) throw input_error(place, "a digest is not of SHA-256");
  if (descriptor.size > kMostBlobBytes) throw input_error(place, "a size is implausible");
  return descriptor;
}

std::string layer_type(const std::string& type, const std::string& place) {
  constexpr std::string_view kOci = "application/vnd.oci.image.layer.v1.tar";
  if (type == "application/vnd.docker.image.rootfs.diff.tar.gzip") return media_type::kLayer;
  if (type == kOci || type == media_type::kLayer || type == std::string(kOci) + "+zstd") {
    return type;
  }
  throw input_error(place, "has a layer of another kind: " + type.substr(0, 100),
                    "choose another base image");
}

bool is_index_type(std::string_view type) {
  return type == media_type::kIndex || type == media_type::kDockerIndex;
}

Json& member(Json& object, const char* key, Json initial) {
  Json& value = object[key];
  if (value.type() != initial.type()) value = std::move(initial);
  return value;
}

// "NAME=value" replaces what the base has for NAME.
void set_variable(Json& list, const std::string& name, const std::string& value) {
  for (Json& entry : list) {
    if (!entry.is_string() || !entry.get_ref<const std::string&>().starts_with(name + "="))
      continue;
    entry = name + "=" + value;
    return;
  }
  list.push_back(name + "=" + value);
}

}  // namespace

Json to_json(const Descriptor& descriptor) {
  return {{"mediaType", descriptor.media_type},
          {"digest", descriptor.digest},
          {"size", descriptor.size}};
}

Manifest parse_manifest(std::string_view json, const std::string& place) {
  const Json document = checked_document(json, place);
  const std::string type =
      json_get_or<std::string>(document, "mediaType", media_type::kManifest, place);
  if (type != media_type::kManifest && type != media_type::kDockerManifest) {
    throw input_error(place, "is not the manifest of an image",
                      "very old images have another form: push it again");
  }
  Manifest manifest;
  manifest.config = descriptor_of(json_get<Json>(document, "config", place), place);
  for (const Json& layer : list_of(document, "layers", place)) {
    Descriptor descriptor = descriptor_of(layer, place);
    descriptor.media_type = layer_type(descriptor.media_type, place);
    manifest.layers.push_back(std::move(descriptor));
  }
  return manifest;
}

std::string this_architecture() {
  utsname name{};
  ::uname(&name);
  const std::string machine = name.machine;
  if (machine == "x86_64") return "amd64";
  return machine == "aarch64" ? "arm64" : machine;
}

Descriptor parse_index(std::string_view json, const std::string& architecture,
                       const std::string& place) {
  const Json document = checked_document(json, place);
  for (const Json& entry : list_of(document, "manifests", place)) {
    if (!entry.is_object()) throw input_error(place, "an entry is not an object");
    const auto platform = entry.find("platform");
    if (platform == entry.end()) continue;
    if (json_get_or<std::string>(*platform, "os", "", place) != "linux" ||
        json_get_or<std::string>(*platform, "architecture", "", place) != architecture) {
      continue;
    }
    return descriptor_of(entry, place);
  }
  throw input_error(place, "has no image for Linux on " + architecture,
                    "choose a base for this kind of processor");
}

bool is_index(std::string_view json, const std::string& place) {
  const Json document = checked_document(json, place);
  const std::string type = json_get_or<std::string>(document, "mediaType", "", place);
  return type.empty() ? document.contains("manifests") : is_index_type(type);
}

ImageConfig parse_image_config(std::string_view json, const std::string& place) {
  ImageConfig config;
  config.document = checked_document(json, place);
  const Json rootfs = json_get<Json>(config.document, "rootfs", place);
  if (!rootfs.is_object()) throw input_error(place, "\"rootfs\" is not an object");
  for (const Json& id : list_of(rootfs, "diff_ids", place)) {
    if (!id.is_string() || !is_digest(id.get<std::string>())) {
      throw input_error(place, "a diff_id is not of SHA-256");
    }
    config.diff_ids.push_back(id.get<std::string>());
  }
  return config;
}

std::string make_image_config(const ImageConfig* base, const std::vector<NewLayer>& layers,
                              const ImageDetails& details) {
  Json document = base != nullptr ? base->document : Json::object();
  document.erase("created");
  if (!details.created.empty()) document["created"] = details.created;
  document["architecture"] = details.architecture;
  document["os"] = "linux";
  Json& config = member(document, "config", Json::object());
  Json& environment = member(config, "Env", Json::array());
  for (const auto& [name, value] : details.environment) set_variable(environment, name, value);
  config["Entrypoint"] = details.entrypoint;
  config.erase("Cmd");
  Json& labels = member(config, "Labels", Json::object());
  for (const auto& [name, value] : details.labels) labels[name] = value;
  Json ids = Json::array();
  if (base != nullptr) ids = base->diff_ids;
  Json& history = member(document, "history", Json::array());
  for (const NewLayer& layer : layers) {
    ids.push_back(layer.diff_id);
    Json entry = {{"created_by", "oko job image"}, {"comment", layer.comment}};
    if (!details.created.empty()) entry["created"] = details.created;
    history.push_back(std::move(entry));
  }
  document["rootfs"] = {{"type", "layers"}, {"diff_ids", std::move(ids)}};
  return document.dump();
}

std::string make_manifest(const Descriptor& config, const std::vector<Descriptor>& layers,
                          const std::map<std::string, std::string>& annotations) {
  Json list = Json::array();
  for (const Descriptor& layer : layers) list.push_back(to_json(layer));
  const Json document = {{"schemaVersion", 2},
                         {"mediaType", media_type::kManifest},
                         {"config", to_json(config)},
                         {"layers", std::move(list)},
                         {"annotations", annotations}};
  return document.dump();
}

}  // namespace oko::package
