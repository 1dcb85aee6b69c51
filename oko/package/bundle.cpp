#include "oko/package/bundle.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <system_error>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/package/bundle_layout.h"
#include "oko/package/gzip.h"
#include "oko/package/installation.h"
#include "oko/package/libraries.h"
#include "oko/package/needed.h"
#include "oko/storage/checksum.h"
#include "oko/storage/store.h"
#include "oko/storage/tar.h"

namespace oko::package {
namespace {

namespace fs = std::filesystem;
using Part = BundleFile::Part;

// What libraries load at run time from a folder beside them, so that no loader lists it.
struct Plugins {
  std::string_view library;  // a prefix of its name
  std::string_view from;     // beside the library; "": the library's own folder
  std::string_view prefix;   // of the files' names
  std::string_view to;       // a folder of the bundle; launcher.c points the library there
  bool needs_others = true;  // libraries that may not be in the bundle yet
};
constexpr std::array<Plugins, 5> kPlugins{{
    {"libc.so", "gconv", "", "lib/gconv", false},                  // character encodings
    {"libheif.so", "libheif/plugins", "libheif-", "lib/libheif"},  // HEIC and AVIF
    {"libcudnn.so", "", "libcudnn_", "lib"},
    {"libnvrtc.so", "", "libnvrtc-builtins", "lib"},
    {"libtorch_cuda.so", "", "libcaffe2_nvrtc", "lib"},
}};

std::string slashed(std::string_view folder, const std::string& name) {
  return std::string(folder) + "/" + name;
}

bool is_library(const fs::path& file) { return file.string().find(".so") != std::string::npos; }

// Collects the files of an installed oko.
class Collector {
 public:
  std::vector<BundleFile> run(const Installation& installation, bool whole) {
    for (const std::string& program : {installation.oko, installation.commands}) {
      const Linked linked = libraries_of(program);
      if (loader_.empty()) loader_ = linked.loader;
      add(linked.libraries);
    }
    whole ? add_page(installation) : leave_out(installation);
    add_plugins();
    add_file(kLoader, fs::canonical(loader_).string(), true);
    add_file(std::string(kPrograms) + "/oko", installation.oko, true, Part::kProgram);
    add_file(std::string(kPrograms) + "/oko-commands", installation.commands, true, Part::kProgram);
    add_file(kLauncher, installation.launcher, true, Part::kProgram);
    add_file(kCommandsLauncher, installation.launcher, true, Part::kProgram);
    files_["oko"] = {.name = "oko", .path = {}, .link = kLauncher, .part = Part::kProgram};
    add_certificates();
    std::vector<BundleFile> files;
    for (auto& [name, file] : files_) files.push_back(std::move(file));
    return files;
  }

 private:
  void add_file(const std::string& name, const std::string& path, bool executable = false,
                Part part = Part::kLibrary) {
    files_[name] = {.name = name, .path = path, .link = {}, .executable = executable, .part = part};
  }

  void add(const std::vector<Library>& libraries) {
    for (const Library& library : libraries) {
      const std::string name = slashed(kLibraries, library.name);
      if (files_.contains(name)) continue;
      const std::string path = fs::canonical(library.path).string();
      const auto [known, is_new] = names_.emplace(path, library.name);
      if (is_new) {
        add_file(name, path);
      } else {  // one file under two names
        files_[name] = {.name = name, .path = {}, .link = known->second};
      }
      found_.push_back(library);
    }
  }

  // Replaces libraries that are not needed by links to the one that stands in for them.
  void leave_out(const Installation& installation) {
    std::map<std::string, ElfFile> files;
    const std::set<std::string> programs{installation.oko, installation.commands};
    for (const std::string& program : programs) files[program] = elf_of(program);
    for (const Library& library : found_) files[library.name] = elf_of(library.path);
    const std::set<std::string> kept = needed_files(files, programs, elf_of(installation.stand_in));
    std::set<std::string_view> named;
    for (const std::string& file : kept) {
      named.insert(files.at(file).needed.begin(), files.at(file).needed.end());
    }
    for (const Library& library : found_) {
      if (kept.contains(library.name)) continue;
      const std::string name = slashed(kLibraries, library.name);
      files_.erase(name);
      if (!named.contains(library.name)) continue;
      files_[name] = {.name = name, .path = {}, .link = fs::path(kStandIn).filename().string()};
    }
    std::erase_if(found_, [&](const Library& library) { return !kept.contains(library.name); });
    add_file(kStandIn, installation.stand_in);
  }
  static ElfFile elf_of(const std::string& path) { return read_elf(storage::map(path), path); }

  void add_plugins() {
    const std::vector<Library> libraries = found_;
    for (const Plugins& plugins : kPlugins) {
      for (const Library& library : libraries) {
        if (!library.name.starts_with(plugins.library)) continue;
        // Beside the name that the loader found, or beside the file that it links to.
        for (const fs::path& file : {fs::path(library.path), fs::canonical(library.path)}) {
          add_folder(plugins, file.parent_path() / plugins.from);
        }
      }
    }
  }

  void add_folder(const Plugins& plugins, const fs::path& folder) {
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
      const std::string name = fs::relative(entry.path(), folder).string();
      if (!name.starts_with(plugins.prefix) || !entry.is_regular_file()) continue;
      if (plugins.from.empty() && name.find('/') != name.npos) continue;
      // The cache has absolute paths; without it the loader reads the text files.
      if (name == "gconv-modules.cache") continue;
      add_file(slashed(plugins.to, name), fs::canonical(entry.path()).string());
      if (!plugins.needs_others || !is_library(entry.path())) continue;
      for (const Library& needed : libraries_of_plugin(entry.path().string(), loader_).libraries) {
        if (fs::path(needed.path).parent_path() != folder) add({needed});
      }
    }
  }

  // What `oko phone` serves.
  void add_page(const Installation& installation) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(installation.page, error)) {
      if (entry.is_symlink() || !entry.is_regular_file()) continue;
      const std::string name = slashed(kPage, entry.path().filename().string());
      add_file(name, entry.path().string(), false, Part::kProgram);
    }
  }

  void add_certificates() {
    for (const char* file :
         {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"}) {
      std::error_code error;
      if (!fs::exists(file, error)) continue;
      return add_file(kCertificates, fs::canonical(file).string());
    }
  }

  std::string loader_;
  std::map<std::string, BundleFile> files_;   // by name
  std::map<std::string, std::string> names_;  // of libraries, by path
  std::vector<Library> found_;
};

// The files of a bundle, to bundle it again.
std::vector<BundleFile> files_of_bundle(const std::string& root) {
  std::vector<BundleFile> files;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_directory() && !entry.is_symlink()) continue;
    BundleFile file;
    file.name = fs::path(entry.path()).lexically_relative(root).string();
    if (entry.is_symlink()) {
      file.link = fs::read_symlink(entry.path()).string();
    } else if (entry.is_regular_file()) {
      file.path = entry.path().string();
      const auto mode = entry.status().permissions();
      file.executable = (mode & fs::perms::owner_exec) != fs::perms::none;
    } else {
      continue;
    }
    const bool is_own = file.name == "oko" || file.name.starts_with("bin/") ||
                        file.name.starts_with("libexec/") || file.name.starts_with(kPrograms);
    if (!is_own && !file.name.starts_with("lib/")) continue;  // a file of the user's
    file.part = is_own ? Part::kProgram : Part::kLibrary;
    files.push_back(std::move(file));
  }
  std::ranges::sort(files, {}, &BundleFile::name);
  return files;
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

}  // namespace

std::vector<BundleFile> bundle_files(const BundleOptions& options) {
  const Installation installation = find_installation(options.program);
  if (!installation.bundle.empty()) return files_of_bundle(installation.bundle);
  return Collector().run(installation, options.whole);
}

void write_tar(const std::vector<BundleFile>& files, const std::string& folder, const Sink& sink,
               Progress& progress) {
  for (const BundleFile& file : files) {
    const Bytes content = file.path.empty() ? Bytes() : storage::map(file.path);
    const storage::TarKind kind{
        .executable = file.executable, .link = file.link, .shared_folder = file.shared_folder};
    sink(bytes_of(storage::tar_header(folder + file.name, content.size(), kind)));
    sink(content.span());
    sink(bytes_of(storage::tar_padding(content.size())));
    progress.advance();
  }
  sink(bytes_of(storage::tar_end()));
}

Bundle make_bundle(const BundleOptions& options, const storage::Uri& to, Progress& progress) {
  const std::vector<BundleFile> files = bundle_files(options);
  Bundle bundle;
  bundle.files = files.size();
  const auto upload = storage::upload(to);
  storage::Sha256 digest;
  const auto write = [&](std::span<const std::byte> content) {
    digest.add(content);
    bundle.bytes += content.size();
    upload->write(content);
  };
  const bool compressed = !to.text().ends_with(".tar");
  GzipWriter gzip(write);
  progress.begin("bundling", files.size(), "files");
  write_tar(
      files, "oko/",
      [&](std::span<const std::byte> content) {
        bundle.unpacked_bytes += content.size();
        compressed ? gzip.write(content) : write(content);
      },
      progress);
  if (compressed) gzip.finish();
  upload->finish();
  progress.end();
  bundle.sha256 = digest.finish();
  return bundle;
}

std::string bundle_key(const std::vector<BundleFile>& files) {
  storage::Sha256 key;
  for (const BundleFile& file : files) {
    const std::string content =
        file.link.empty() ? storage::sha256(storage::map(file.path).span()) : "link " + file.link;
    key.add(bytes_of(Json({file.name, content, file.executable}).dump() + "\n"));
  }
  return key.finish();
}

}  // namespace oko::package
