#include "oko/dataset/new_dataset.h"

#include <fmt/format.h>

#include <filesystem>

#include "oko/base/error.h"
#include "oko/storage/store.h"

namespace oko::dataset {

PictureFiles stored_pictures(const Dataset& dataset) {
  return [&dataset](const Sample& sample) {
    const std::string name = storage::filename(sample.image);
    return PictureFile{name.substr(name.size() - storage::extension(name).size()),
                       picture_bytes(dataset, sample)};
  };
}

void expect_new_folder(const std::string& folder) {
  const auto entry = storage::stat(folder);
  std::error_code error;
  const bool on_disk = storage::is_local(folder);
  if (!entry && on_disk && std::filesystem::is_symlink(folder, error)) {
    throw Error(ErrorCode::kUsage, folder, "is a link that leads nowhere", "name a new folder");
  }
  if (entry && (!entry->is_folder || !storage::list(folder).empty())) {
    throw Error(ErrorCode::kUsage, folder, "already exists and is not empty",
                "choose a new folder");
  }
}

static const std::string& checked(const std::string& folder) {
  expect_new_folder(folder);
  return folder;
}

NewDataset::NewDataset(const std::string& folder) : draft_(checked(folder)) {}

std::string NewDataset::path(const std::string& name) const {
  return storage::join(draft_.path(), name);
}

void NewDataset::add(const std::string& name) {
  const std::lock_guard lock(mutex_);
  files_.push_back(name);
}

void NewDataset::fill(const std::function<void()>& write) {
  try {
    write();
    draft_.keep();
  } catch (const Error& e) {
    if (remove_files()) throw;
    throw Error(e.code(), e.place(), e.message(),
                fmt::format("{}{}an unfinished dataset remains in {}", e.hint(),
                            e.hint().empty() ? "" : "; ", draft_.path()));
  } catch (...) {
    remove_files();
    throw;
  }
}

// False if the store refuses that too, and something is left.
bool NewDataset::remove_files() const {
  bool all = true;
  for (const std::string& name : files_) {
    try {
      if (storage::exists(path(name))) storage::remove(path(name));
    } catch (const Error&) {
      all = false;
    }
  }
  return all;
}

}  // namespace oko::dataset
