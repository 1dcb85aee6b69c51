#include "oko/cli/input_files.h"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "oko/base/error.h"
#include "oko/convert/model_files.h"
#include "oko/dataset/voc.h"
#include "oko/media/picture.h"
#include "oko/storage/identity.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

constexpr const char* kOutside =
    "choose a folder outside: a command never writes into what it reads";

[[noreturn]] void refuse(const std::string& output, const char* why) {
  throw Error(ErrorCode::kUsage, output, why,
              "choose another name: a command never overwrites its input");
}

std::string folder_of(const std::string& uri) {
  const std::string folder = storage::parent(uri);
  return folder.empty() ? "." : folder;
}

// Extensions of files that belong to datasets.
bool may_be_of_dataset(const std::string& uri) {
  constexpr std::array<std::string_view, 10> kAnnotations{
      ".xml", ".json", ".jsonl", ".txt", ".csv", ".yaml", ".yml", ".data", ".names", ".tar"};
  return media::is_picture_name(uri) ||
         std::ranges::find(kAnnotations, storage::extension(uri)) != kAnnotations.end();
}

bool any_in(const std::unordered_set<std::string>& known, const std::vector<std::string>& places) {
  return std::ranges::any_of(places,
                             [&](const std::string& place) { return known.contains(place); });
}

}  // namespace

void InputFiles::add(const std::string& file) {
  if (file.empty()) return;
  if (storage::is_local(file) && !storage::exists(file)) return;
  inputs_.insert(storage::identity(file));
}

void InputFiles::add(const ModelArguments& model) {
  add(model.weights);
  add(model.names);
  add(model.keys);
  for (const std::string& file : convert::files_of_model(model.path)) add(file);
  if (model.heads_from.empty()) return;
  for (const std::string& file : convert::files_of_model(model.heads_from)) add(file);
}

void InputFiles::add(const KeyArguments& keys) {
  for (const std::string& source : {keys.key, keys.signer, keys.passphrase}) add(source);
}

void InputFiles::add(const dataset::Dataset& data) {
  add_dataset(data.uri);
  std::set<std::string> folders;
  for (const dataset::Sample& sample : data.samples) {
    add(sample.image);
    add(sample.annotation);
    folders.insert(folder_of(sample.image));
    if (!sample.annotation.empty()) folders.insert(folder_of(sample.annotation));
  }
  for (const std::string& folder : folders) dataset_folders_.insert(storage::identity(folder));
}

void InputFiles::add_dataset(const std::string& uri) {
  if (uri.empty()) return;
  add(uri);
  const auto entry = storage::stat(uri);
  if (!entry) return;  // reading it will say so
  const bool is_folder = entry->is_folder;
  const std::string folder = is_folder ? uri : folder_of(uri);
  datasets_.insert(storage::identity(folder));
  dataset_folders_.insert(storage::identity(folder));
  if (!is_folder && dataset::is_annotations_folder(storage::filename(folder))) {
    dataset_folders_.insert(storage::identity(folder_of(folder)));
  }
}

void InputFiles::add_folder(const std::string& folder) {
  folders_.insert(storage::identity(folder));
}

void InputFiles::claim(const std::string& output) {
  const std::string identity = storage::identity(output);
  if (inputs_.contains(identity)) refuse(output, "is an input of this command");
  if (!datasets_.empty() && may_be_of_dataset(output)) {
    const std::vector<std::string> above = storage::identities_above(output);
    if (any_in(datasets_, above) && storage::exists(output)) {
      refuse(output, "is a file of the dataset that this command reads");
    }
    if (any_in(dataset_folders_, above)) {
      throw Error(ErrorCode::kUsage, output, "would become a file of the dataset", kOutside);
    }
  }
  if (!outputs_.insert(identity).second) {
    throw Error(ErrorCode::kUsage, output, "is the name of two outputs", "give each its own name");
  }
}

void InputFiles::refuse_folder(const std::string& output) const {
  const std::string identity = storage::identity(output);
  if (folders_.contains(identity)) {
    refuse(output, "is the folder of this command's input files");
  }
  if (inputs_.contains(identity)) refuse(output, "is an input of this command");
  if (outputs_.contains(identity)) {
    throw Error(ErrorCode::kUsage, output, "is the name of two outputs", "give each its own name");
  }
}

void InputFiles::refuse_within_dataset(const std::string& output) const {
  std::vector<std::string> places = storage::identities_above(output);
  places.push_back(storage::identity(output));
  if (!any_in(dataset_folders_, places)) return;
  throw Error(ErrorCode::kUsage, output, "is inside the dataset that this command reads", kOutside);
}

}  // namespace oko::cli
