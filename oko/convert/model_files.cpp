#include "oko/convert/model_files.h"

#include <algorithm>
#include <utility>

#include "oko/base/error.h"
#include "oko/seal/sealed_model.h"
#include "oko/storage/store.h"

namespace oko::convert {
namespace {

using formats::File;
using formats::Format;

constexpr std::size_t kStart = 16;              // bytes that Format::recognize() gets
constexpr const char* kRunModel = "model.oko";  // of a run folder

// The format of a model, or (&Format::weight_extensions) of its weights, by the extension.
const Format* format_by_name(const std::string& path,
                             std::vector<std::string_view> Format::*list = &Format::extensions) {
  const std::string extension = storage::extension(path);
  for (const Format* format : formats::formats()) {
    const auto& extensions = format->*list;
    if (std::ranges::find(extensions, extension) != extensions.end()) return format;
  }
  return nullptr;
}

std::string known_extensions() {
  std::string text;
  for (const Format* format : formats::formats()) {
    for (const std::string_view extension : format->extensions) {
      text += (text.empty() ? "" : ", ") + std::string(extension);
    }
  }
  return text;
}

const Format* format_of(const std::string& path) {
  if (const Format* format = format_by_name(path)) return format;
  const Bytes bytes = storage::map(path);
  const std::string_view start = bytes.text().substr(0, kStart);
  for (const Format* format : formats::formats()) {
    if (format->recognize != nullptr && format->recognize(start)) return format;
  }
  throw Error(ErrorCode::kUsage, path, "not a model file that oko reads",
              "give a run folder, or a model that ends in " + known_extensions());
}

File mapped(const std::string& path) { return {path, storage::map(path)}; }

ModelFiles open_folder(const std::string& path) {
  if (const Format* format = format_by_name(path)) {
    ModelFiles model{format, {}};
    for (const storage::Entry& entry : storage::list(path, true)) {
      model.files.push_back(mapped(entry.uri));
    }
    return model;
  }
  const std::string inside = storage::join(path, kRunModel);
  if (storage::exists(inside)) return {format_by_name(inside), {mapped(inside)}};
  throw input_error(path, "this folder contains no model.oko",
                    "give a run folder or a model; models end in " + known_extensions());
}

// The weights that are found beside a file of the format.
std::string weights_name(const std::string& path, const Format& format) {
  return storage::join(storage::parent(path),
                       storage::stem(path) + std::string(format.weight_extensions.front()));
}

File found_weights(const std::string& path, const Format& format) {
  const std::string name = weights_name(path, format);
  if (!storage::exists(name)) {
    throw input_error(path, "its weights, " + name + ", are missing",
                      "give the " + std::string(format.weight_extensions.front()) + " too");
  }
  return mapped(name);
}

ModelFiles open_sealed(const File& file, const std::string& second, const Unseal& unseal) {
  if (!second.empty()) {
    throw Error(ErrorCode::kUsage, second,
                "is one file too many: " + file.name + " contains its own weights", "omit it");
  }
  if (!unseal) {
    throw Error(ErrorCode::kUsage, file.name, "is a sealed model",
                "oko seal open makes a plain file of it");
  }
  return {format_by_name(kRunModel), {{file.name, unseal(file)}}, true};
}

}  // namespace

bool is_model(const std::string& path) { return format_by_name(path) != nullptr; }

std::vector<std::string> files_of_model(const std::string& path) {
  std::vector<std::string> names{path};
  const Format* format = format_by_name(path);
  if (format == nullptr) {
    names.push_back(storage::join(path, kRunModel));
  } else if (format->finds_weights) {
    names.push_back(weights_name(path, *format));
  } else if (const auto entry = storage::stat(path); entry && entry->is_folder) {
    for (const storage::Entry& inside : storage::list(path, true)) names.push_back(inside.uri);
  }
  return names;
}

bool is_companion(const std::string& path) {
  return format_by_name(path, &Format::weight_extensions) != nullptr;
}

ModelFiles open_model(const std::string& path, const std::string& second, const Unseal& unseal) {
  const auto entry = storage::stat(path);
  if (!entry) throw input_error(path, "no such file");
  if (entry->is_folder && second.empty()) return open_folder(path);
  if (const Format* format = format_by_name(path, &Format::weight_extensions)) {
    throw Error(ErrorCode::kUsage, path,
                "this file holds only weights, not the network they belong to",
                "give the " + std::string(format->extensions.front()) +
                    " as the model and this file with it");
  }
  File file = mapped(path);
  if (seal::is_sealed(file.bytes.span())) return open_sealed(file, second, unseal);
  ModelFiles model{format_of(path), {std::move(file)}};
  if (!second.empty()) {
    if (model.format->weight_extensions.empty()) {
      throw Error(ErrorCode::kUsage, second,
                  "is one file too many: " + path + " contains its own weights", "omit it");
    }
    model.files.push_back(mapped(second));
  } else if (model.format->finds_weights) {
    model.files.push_back(found_weights(path, *model.format));
  }
  return model;
}

}  // namespace oko::convert
