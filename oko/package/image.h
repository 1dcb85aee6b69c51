#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "oko/base/progress.h"
#include "oko/package/bundle.h"
#include "oko/package/manifest.h"
#include "oko/package/reference.h"
#include "oko/package/registry.h"

namespace oko::package {

// An OCI image of oko, made without Docker: the bundle in /opt/oko, `oko` in the path and as the
// entry point, in two layers, so that a new oko with the same libraries uploads only the small one.
// Equal programs and libraries give equal images, byte for byte.

struct ImageOptions {
  BundleOptions bundle;
  // An image to build on. Its layers are not downloaded if the image goes to the same registry.
  // Without one, the image has nothing but the bundle and /tmp.
  std::optional<ImageReference> base;
  std::string version;  // of oko, for the labels
  // Seconds since 1970 (SOURCE_DATE_EPOCH), stored as the time of creation; without it none is.
  std::optional<std::int64_t> created;
  RegistryOptions registry;  // of the base and of the destination
};

// An image whose new blobs are in a folder in the OCI's layout.
struct Image {
  std::string folder;
  std::string digest;                  // of the manifest
  std::vector<Descriptor> layers;      // all, the base's first
  std::size_t base_layers = 0;         // of them: not in the folder until fetch_base()
  std::optional<ImageReference> base;  // by its digest

  std::string blob_path(const std::string& digest) const;
};

// Builds into `folder`, which must be new or empty; `name` is stored in the folder's index as the
// image's name (a tag; may be empty).
Image build_image(const ImageOptions& options, const std::string& folder, const std::string& name,
                  Progress& progress);
// Downloads the base's layers into the folder, which then is complete.
void fetch_base(const Image& image, const RegistryOptions& registry, Progress& progress);
// The folder as one tar file, as `podman load` and `skopeo copy oci-archive:` read it.
void write_archive(const Image& image, const std::string& file);

struct Pushed {
  std::size_t uploaded = 0, mounted = 0, already_there = 0;  // layers
  std::uint64_t uploaded_bytes = 0;
};
// Uploads what the registry does not have, then the manifest, which it reads back and compares.
Pushed push_image(const Image& image, const ImageReference& to, const RegistryOptions& registry,
                  Progress& progress);

}  // namespace oko::package
