// needs: storage
// Any file is accepted as the manifest of a transfer: invalid content is skipped, and what is read
// is consistent. One that is rewritten when opened is equivalent to before.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "oko/storage/store.h"
#include "oko/storage/transfer/manifest.h"

namespace {

using oko::storage::BegunFile;
using oko::storage::Manifest;

void check(const std::optional<BegunFile>& file) {
  if (!file) return;
  for (const auto& [index, sums] : file->parts) {
    if (index < 0 || sums.md5.size() != 16) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // In a memory-backed folder if there is one: on a disk every write waits for it.
  static const std::string folder = std::filesystem::exists("/dev/shm")
                                        ? "/dev/shm"
                                        : std::filesystem::temp_directory_path().string();
  static const std::string path = folder + "/oko_manifest_fuzz_" + std::to_string(getpid());
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::string long_text = text + '\n';  // long enough to be rewritten
  for (int i = 0; i < 1050; ++i) long_text += "1\n";
  for (const std::string& content : {text, long_text}) {
    oko::storage::write(path, content);
    const Manifest first(path, "from", "to");
    const Manifest again(path, "from", "to");
    for (const char* name : {"a", "b"}) {
      check(first.begun(name, "v"));
      if (first.begun(name, "v").has_value() != again.begun(name, "v").has_value()) std::abort();
      if (first.is_done(name, "v", "w") != again.is_done(name, "v", "w")) std::abort();
    }
  }
  std::filesystem::remove(path);
  return 0;
}
