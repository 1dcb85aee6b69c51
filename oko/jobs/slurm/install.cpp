#include "oko/jobs/slurm/install.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "oko/base/error.h"
#include "oko/jobs/program.h"
#include "oko/jobs/registry.h"
#include "oko/package/bundle.h"
#include "oko/storage/store.h"

namespace oko::jobs::slurm {
namespace {

namespace fs = std::filesystem;
using package::BundleFile;

constexpr std::string_view kBundle = "bundle";

bool same_disk(std::string one, const std::string& other) {
  struct stat first {
  }, second{};
  // The registry may not exist yet.
  while (::stat(one.c_str(), &first) != 0 && one.size() > 1) one = fs::path(one).parent_path();
  return ::stat(other.c_str(), &second) == 0 && first.st_dev == second.st_dev;
}

bool uses_bundle(const std::string& setting) {
  if (!setting.empty()) return setting == kBundle;
  return !same_disk(fs::absolute(registry_folder()), this_program());
}

// Bundles with equal contents share a folder.
fs::path folder_of(const std::vector<BundleFile>& files) {
  return fs::path(storage::join(registry_folder(), "packages")) / package::bundle_key(files);
}

std::string program_in(const fs::path& folder) { return (folder / "bin/oko").string(); }

void copy(const BundleFile& file, const fs::path& to) {
  fs::create_directories(to.parent_path());
  if (!file.link.empty()) {
    fs::create_symlink(file.link, to);
    return;
  }
  fs::copy_file(file.path, to);
  fs::permissions(to, file.executable ? fs::perms(0755) : fs::perms(0644));
}

// Copied beside its place and moved there in one step. Two jobs may do this at the same time: the
// second finds the first's copy there.
void copy_all(const std::vector<BundleFile>& files, const fs::path& folder, Progress& progress) {
  const fs::path part = folder.string() + ".part-" + this_host() + "-" + std::to_string(::getpid());
  progress.begin("copying oko for the nodes", files.size(), "files");
  try {
    for (const BundleFile& file : files) {
      copy(file, part / file.name);
      progress.advance();
    }
    std::error_code taken;
    fs::rename(part, folder, taken);
    if (!fs::exists(program_in(folder))) fs::rename(part, folder);
    fs::remove_all(part);
  } catch (const fs::filesystem_error& error) {
    std::error_code ignored;
    fs::remove_all(part, ignored);
    throw Error(ErrorCode::kStorage, folder.string(), error.code().message(),
                "OKO_JOBS names another folder for jobs and their program");
  }
  progress.end();
}

}  // namespace

std::string program_on_nodes(const std::string& setting) {
  if (uses_bundle(setting)) return program_in(folder_of(package::bundle_files()));
  return setting.empty() ? this_program() : setting;
}

void install_program(const std::string& setting, Progress& progress) {
  if (!uses_bundle(setting)) return;
  const std::vector<BundleFile> files = package::bundle_files();
  const fs::path folder = folder_of(files);
  if (!fs::exists(program_in(folder))) copy_all(files, folder, progress);
}

}  // namespace oko::jobs::slurm
