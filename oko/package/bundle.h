#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "oko/base/progress.h"
#include "oko/storage/uri.h"

namespace oko::package {

// A bundle is oko with everything it needs from the distribution: programs, shared libraries, their
// dynamic loader, character encodings. Unpacked into any folder of any Linux machine with the same
// kind of processor, even one without or with an older C library, bin/oko runs there; only a GPU's
// driver is the machine's own. (A folder with ':', ';' or '$' in its path is refused.)

// A file of a bundle.
struct BundleFile {
  enum class Part { kLibrary, kProgram };
  std::string name;  // "lib/libc.so.6"
  std::string path;  // on this machine; empty for a link
  std::string link;  // what a symbolic link refers to
  bool executable = false;
  bool shared_folder = false;  // of an image: a folder that everybody may write to
  Part part = Part::kLibrary;  // kProgram: changes whenever oko is built
};

struct BundleOptions {
  // bin/oko of the installation to bundle; empty: of the running one. Its libraries must be on this
  // machine.
  std::string program{};
  // Also what training does not use: video, other programs' engines (needed.h), and the page of
  // `oko phone`. Without it, commands that need them end with an error.
  bool whole = false;
};

// Sorted by name. Throws an input Error that names a missing file or library.
std::vector<BundleFile> bundle_files(const BundleOptions& options = {});

// The tar file of `files` with `folder` ("oko/" or "") before each name, given to `sink` in pieces.
// Equal files give equal bytes: times and owners are constant.
using Sink = std::function<void(std::span<const std::byte>)>;
void write_tar(const std::vector<BundleFile>& files, const std::string& folder, const Sink& sink,
               Progress& progress);

struct Bundle {
  std::string sha256;  // of the archive
  std::uint64_t bytes = 0, unpacked_bytes = 0;
  std::size_t files = 0;
};

// Writes the archive, whose files are all in a folder oko/: gzip, or plain tar if the name ends in
// ".tar". `tar xf` unpacks either. The file appears whole or not at all.
Bundle make_bundle(const BundleOptions& options, const storage::Uri& to, Progress& progress);

// SHA-256 of names and contents: two bundles with the same key are equal. A few seconds.
std::string bundle_key(const std::vector<BundleFile>& files);

}  // namespace oko::package
