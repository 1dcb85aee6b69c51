#include "oko/package/image.h"

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <system_error>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/package/gzip.h"
#include "oko/storage/checksum.h"
#include "oko/storage/store.h"
#include "oko/storage/tar.h"

namespace oko::package {
namespace {

namespace fs = std::filesystem;
using Part = BundleFile::Part;

constexpr const char* kHome = "opt/oko/";
constexpr const char* kLink = "usr/local/bin/oko";
constexpr const char* kEntry = "/opt/oko/bin/oko";
constexpr std::string_view kSha256 = "sha256:";

std::string digest_of(std::string_view text) {
  return "sha256:" + storage::sha256(std::as_bytes(std::span(text)));
}

// The files of one layer, by their names in the image.
std::vector<BundleFile> files_of(const std::vector<BundleFile>& bundle, Part part, bool alone) {
  std::vector<BundleFile> files;
  for (BundleFile file : bundle) {
    if (file.part != part) continue;
    file.name = kHome + file.name;
    files.push_back(std::move(file));
  }
  if (part == Part::kProgram) files.push_back({.name = kLink, .path = {}, .link = kEntry});
  if (part == Part::kLibrary && alone) {
    files.push_back({.name = "tmp/", .path = {}, .link = {}, .shared_folder = true});
  }
  return files;
}

bool uses_cuda(const std::vector<BundleFile>& files) {
  return std::ranges::any_of(files, [](const BundleFile& file) {
    return file.name.starts_with("lib/libtorch_cuda") || file.name.starts_with("lib/libcudart");
  });
}

std::string time_text(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  char text[32];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text, length};
}

struct Base {
  ImageReference reference;  // by its digest
  Manifest manifest;
  ImageConfig config;
};

Base fetch_base_documents(ImageReference reference, const RegistryOptions& options) {
  Registry registry(reference, false, options);
  const std::string place = reference.text();
  Registry::Document document = registry.manifest(reference.version());
  if (is_index(document.text, place)) {
    document = registry.manifest(parse_index(document.text, this_architecture(), place).digest);
  }
  Base base;
  base.manifest = parse_manifest(document.text, place);
  reference.digest = document.digest;
  base.reference = std::move(reference);
  const Descriptor& config = base.manifest.config;
  base.config = parse_image_config(registry.small_blob(config.digest, config.size), place);
  if (base.config.diff_ids.size() != base.manifest.layers.size()) {
    throw input_error(place, "the manifest and the configuration have different numbers of layers");
  }
  return base;
}

class Builder {
 public:
  Builder(const ImageOptions& options, Image& image, Progress& progress)
      : options_(options), image_(image), progress_(progress) {}

  void run(const std::string& name) {
    const std::vector<BundleFile> files = bundle_files(options_.bundle);
    if (options_.base) base_ = fetch_base_documents(*options_.base, options_.registry);
    progress_.begin("packing", files.size(), "files");
    const std::vector<NewLayer> layers{layer(files_of(files, Part::kLibrary, !base_), "libraries"),
                                       layer(files_of(files, Part::kProgram, !base_), "oko")};
    progress_.end();
    const std::string config =
        make_image_config(base_ ? &base_->config : nullptr, layers, details(uses_cuda(files)));
    const Descriptor config_blob = keep(config, media_type::kConfig);
    if (base_) {
      image_.layers = base_->manifest.layers;
      image_.base = base_->reference;
    }
    image_.base_layers = image_.layers.size();
    for (const NewLayer& one : layers) image_.layers.push_back(one.blob);
    const std::string manifest = make_manifest(config_blob, image_.layers, annotations());
    const Descriptor blob = keep(manifest, media_type::kManifest);
    image_.digest = blob.digest;
    write_index(blob, name);
  }

 private:
  NewLayer layer(const std::vector<BundleFile>& files, const std::string& comment) {
    storage::Sha256 plain, packed;
    NewLayer layer;
    layer.comment = comment;
    layer.blob.media_type = media_type::kLayer;
    const std::string unnamed = storage::join(image_.folder, "layer");
    const auto file = storage::upload(unnamed);
    GzipWriter gzip([&](std::span<const std::byte> content) {
      packed.add(content);
      layer.blob.size += content.size();
      file->write(content);
    });
    write_tar(
        files, "",
        [&](std::span<const std::byte> content) {
          plain.add(content);
          gzip.write(content);
        },
        progress_);
    gzip.finish();
    file->finish();
    layer.diff_id = "sha256:" + plain.finish();
    layer.blob.digest = "sha256:" + packed.finish();
    const std::string path = image_.blob_path(layer.blob.digest);
    fs::create_directories(fs::path(path).parent_path());
    fs::rename(unnamed, path);
    return layer;
  }

  Descriptor keep(const std::string& document, const char* type) {
    const Descriptor blob{type, digest_of(document), document.size()};
    storage::write(image_.blob_path(blob.digest), document);
    return blob;
  }

  std::map<std::string, std::string> annotations() const {
    const std::string key = "org.opencontainers.image.";
    std::map<std::string, std::string> all{
        {key + "title", "oko"},
        {key + "description",
         "oko (Apache-2.0) and the libraries it is linked with, under their own licenses"},
        {key + "licenses", "Apache-2.0"},
        {key + "version", options_.version}};
    if (options_.created) all[key + "created"] = time_text(*options_.created);
    if (base_) {
      ImageReference name = base_->reference;
      name.digest.clear();
      all[key + "base.name"] = name.text();
      all[key + "base.digest"] = base_->reference.digest;
    }
    return all;
  }

  ImageDetails details(bool cuda) const {
    ImageDetails details;
    details.architecture = this_architecture();
    if (options_.created) details.created = time_text(*options_.created);
    details.entrypoint = {kEntry};
    details.labels = annotations();
    if (!base_) {
      details.environment.emplace_back(
          "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    }
    if (cuda) {
      details.environment.emplace_back("NVIDIA_VISIBLE_DEVICES", "all");
      details.environment.emplace_back("NVIDIA_DRIVER_CAPABILITIES", "compute,utility");
      // Where engines mount the driver: NVIDIA's container toolkit, Google's nodes.
      details.environment.emplace_back(
          "LD_LIBRARY_PATH", "/usr/local/nvidia/lib64:/usr/lib64:/usr/lib/x86_64-linux-gnu");
    }
    return details;
  }

  void write_index(const Descriptor& manifest, const std::string& name) const {
    Json entry = to_json(manifest);
    entry["platform"] = {{"architecture", this_architecture()}, {"os", "linux"}};
    if (!name.empty()) entry["annotations"] = {{"org.opencontainers.image.ref.name", name}};
    const Json index = {{"schemaVersion", 2},
                        {"mediaType", media_type::kIndex},
                        {"manifests", Json::array({entry})}};
    storage::write(storage::join(image_.folder, "index.json"), index.dump());
    storage::write(storage::join(image_.folder, "oci-layout"), R"({"imageLayoutVersion":"1.0.0"})");
  }

  const ImageOptions& options_;
  Image& image_;
  Progress& progress_;
  std::optional<Base> base_;
};

std::string config_digest(const Image& image) {
  return parse_manifest(storage::read_text(image.blob_path(image.digest)), image.folder)
      .config.digest;
}

}  // namespace

std::string Image::blob_path(const std::string& blob) const {
  return storage::join(folder, "blobs/sha256/" + blob.substr(kSha256.size()));
}

Image build_image(const ImageOptions& options, const std::string& folder, const std::string& name,
                  Progress& progress) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
    throw Error(ErrorCode::kUsage, folder, "is not empty", "name a new folder");
  }
  Image image;
  image.folder = folder;
  Builder(options, image, progress).run(name);
  return image;
}

void fetch_base(const Image& image, const RegistryOptions& options, Progress& progress) {
  if (!image.base) return;
  Registry registry(*image.base, false, options);
  progress.begin("fetching the base", image.base_layers, "layers");
  for (std::size_t i = 0; i < image.base_layers; ++i) {
    const Descriptor& layer = image.layers[i];
    registry.pull_blob(layer.digest, layer.size, image.blob_path(layer.digest));
    progress.advance();
  }
  progress.end();
}

void write_archive(const Image& image, const std::string& file) {
  storage::TarWriter tar(storage::upload(file));
  for (const storage::Entry& entry : storage::list(image.folder, true)) {
    const std::string name = fs::path(entry.uri).lexically_relative(image.folder).string();
    tar.add(name, storage::map(entry.uri).span());
  }
  tar.finish();
}

Pushed push_image(const Image& image, const ImageReference& to, const RegistryOptions& options,
                  Progress& progress) {
  Registry registry(to, true, options);
  Pushed pushed;
  progress.begin("pushing", image.layers.size(), "layers");
  for (std::size_t i = 0; i < image.layers.size(); ++i) {
    const Descriptor& layer = image.layers[i];
    const bool mountable = i < image.base_layers && image.base->registry == to.registry;
    const std::string path = image.blob_path(layer.digest);
    if (registry.has_blob(layer.digest)) {
      ++pushed.already_there;
    } else if (mountable && registry.mount_blob(layer.digest, image.base->repository)) {
      ++pushed.mounted;
    } else {
      if (!storage::exists(path)) {
        Registry(*image.base, false, options).pull_blob(layer.digest, layer.size, path);
      }
      registry.push_blob(layer.digest, path);
      ++pushed.uploaded;
      pushed.uploaded_bytes += layer.size;
    }
    progress.advance();
  }
  const std::string config = config_digest(image);
  if (!registry.has_blob(config)) registry.push_blob(config, image.blob_path(config));
  registry.put_manifest(to.version(), storage::read_text(image.blob_path(image.digest)));
  progress.end();
  return pushed;
}

}  // namespace oko::package
