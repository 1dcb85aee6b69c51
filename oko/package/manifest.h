#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/json.h"

namespace oko::package {

// The documents of an image by the OCI image specification 1.1, and Docker's older forms of them.

namespace media_type {
inline constexpr char kManifest[] = "application/vnd.oci.image.manifest.v1+json";
inline constexpr char kIndex[] = "application/vnd.oci.image.index.v1+json";
inline constexpr char kConfig[] = "application/vnd.oci.image.config.v1+json";
inline constexpr char kLayer[] = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr char kDockerManifest[] = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr char kDockerIndex[] = "application/vnd.docker.distribution.manifest.list.v2+json";
}  // namespace media_type

inline constexpr std::size_t kMostManifestBytes = std::size_t{4} << 20;  // as registries limit it

struct Descriptor {
  std::string media_type;
  std::string digest;
  std::uint64_t size = 0;
};
Json to_json(const Descriptor& descriptor);

struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;
};
// Layers in Docker's form get the OCI's media type: the bytes are the same. An input Error at
// `place` for another document, and for layers that may not be copied ("foreign").
Manifest parse_manifest(std::string_view json, const std::string& place);

// "amd64" or "arm64": this machine, as images name it.
std::string this_architecture();
// The manifest of an index (a list of manifests by platform) for Linux on `architecture`.
Descriptor parse_index(std::string_view json, const std::string& architecture,
                       const std::string& place);
// Whether that document is an index, by its media type or, if that is missing, by its members.
bool is_index(std::string_view json, const std::string& place);

// The configuration of an image, as far as oko changes it.
struct ImageConfig {
  Json document;                      // all of it
  std::vector<std::string> diff_ids;  // of the uncompressed layers
};
ImageConfig parse_image_config(std::string_view json, const std::string& place);

// A layer made by oko.
struct NewLayer {
  Descriptor blob;
  std::string diff_id;  // digest of the uncompressed tar file
  std::string comment;  // "libraries"
};
struct ImageDetails {
  std::string architecture;
  std::string created;  // RFC 3339; empty: none is stored
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::string> entrypoint;
  std::map<std::string, std::string> labels;
};
// The configuration of `base` (null: none) with these layers and details.
std::string make_image_config(const ImageConfig* base, const std::vector<NewLayer>& layers,
                              const ImageDetails& details);
std::string make_manifest(const Descriptor& config, const std::vector<Descriptor>& layers,
                          const std::map<std::string, std::string>& annotations);

}  // namespace oko::package
