#include "oko/convert/model_files.h"

#include <algorithm>
#include <array>
#include <utility>

#include "oko/base/error.h"
#include "oko/base/text.h"
#include "oko/storage/store.h"

namespace oko::convert {
namespace {

constexpr std::array<std::pair<Format, const char*>, 10> kNames{{
    {Format::kOko, "oko"},
    {Format::kDarknet, "darknet"},
    {Format::kKeras, "keras"},
    {Format::kTensorFlow, "tensorflow"},
    {Format::kOnnx, "onnx"},
    {Format::kCoreMl, "coreml"},
    {Format::kTflite, "tflite"},
    {Format::kNcnn, "ncnn"},
    {Format::kSafetensors, "safetensors"},
    {Format::kMps, "mps"},
}};

constexpr std::array<std::pair<std::string_view, Format>, 14> kEndings{{
    {".oko", Format::kOko},
    {".cfg", Format::kDarknet},
    {".weights", Format::kDarknet},
    {".h5", Format::kKeras},
    {".hdf5", Format::kKeras},
    {".keras", Format::kKeras},
    {".pb", Format::kTensorFlow},
    {".onnx", Format::kOnnx},
    {".mlmodel", Format::kCoreMl},
    {".mlpackage", Format::kCoreMl},
    {".tflite", Format::kTflite},
    {".param", Format::kNcnn},
    {".bin", Format::kNcnn},
    {".safetensors", Format::kSafetensors},
}};

std::optional<Format> format_by_content(std::string_view start) {
  if (start.starts_with("\x89HDF\r\n\x1a\n")) return Format::kKeras;
  if (start.size() > 8 && start.substr(4, 4) == "TFL3") return Format::kTflite;
  if (without_bom(start).starts_with("7767517")) return Format::kNcnn;
  if (start.size() > 9 && start[8] == '{') return Format::kSafetensors;
  return std::nullopt;
}

Format format_of(const std::string& path) {
  const std::string ending = storage::extension(path);
  const auto known = std::ranges::find(kEndings, ending, &decltype(kEndings)::value_type::first);
  if (known != kEndings.end()) return known->second;
  if (const auto format = format_by_content(storage::map(path).text().substr(0, 16))) {
    return *format;
  }
  throw Error(ErrorCode::kUsage, path, "not a model file that oko reads",
              "give an .oko, .onnx, .tflite, .mlmodel, .h5, .pb or .safetensors file, an "
              ".mlpackage, a run folder, a Darknet .cfg, or an ncnn .param");
}

InputFile mapped(const std::string& path) { return {path, storage::map(path)}; }

ModelFiles open_folder(const std::string& path) {
  if (storage::extension(path) == ".mlpackage") {
    ModelFiles model{Format::kCoreMl, {}};
    for (const storage::Entry& entry : storage::list(path, true)) {
      model.files.push_back(mapped(entry.uri));
    }
    return model;
  }
  const std::string inside = storage::join(path, "model.oko");
  if (storage::exists(inside)) return {Format::kOko, {mapped(inside)}};
  throw input_error(path, "this folder contains no model.oko",
                    "give a run folder, an .mlpackage or a model file");
}

// The files that weights without a network belong to.
[[noreturn]] void fail_weights_alone(const std::string& path, const std::string& first) {
  throw Error(ErrorCode::kUsage, path,
              "this file holds only weights, not the network they belong to",
              "give the " + first + " as the model and this file with it");
}

}  // namespace

const char* name_of(Format format) {
  return std::ranges::find(kNames, format, &decltype(kNames)::value_type::first)->second;
}

std::optional<Format> format_named(std::string_view name) {
  for (const auto& [format, known] : kNames) {
    if (name == known) return format;
  }
  return std::nullopt;
}

ModelFiles open_model(const std::string& path, const std::string& second) {
  const auto entry = storage::stat(path);
  if (!entry) throw input_error(path, "no such file");
  if (entry->is_folder && second.empty()) return open_folder(path);
  const std::string ending = storage::extension(path);
  if (ending == ".weights") fail_weights_alone(path, ".cfg");
  if (ending == ".bin") fail_weights_alone(path, ".param");
  ModelFiles model{format_of(path), {mapped(path)}};
  if (!second.empty()) {
    if (model.format != Format::kDarknet && model.format != Format::kNcnn) {
      throw Error(ErrorCode::kUsage, second,
                  "belongs to a .cfg or a .param; " + path + " contains its own weights",
                  "omit it");
    }
    model.files.push_back(mapped(second));
  } else if (model.format == Format::kNcnn) {
    const std::string bin = storage::join(storage::parent(path), storage::stem(path) + ".bin");
    if (!storage::exists(bin)) {
      throw input_error(path, "its weights, " + bin + ", are missing", "give the .bin too");
    }
    model.files.push_back(mapped(bin));
  }
  return model;
}

ModelFiles files_of(Format format, const std::vector<formats::File>& files) {
  ModelFiles model{format, {}};
  for (const formats::File& file : files) model.files.push_back({file.name, Bytes(file.bytes)});
  return model;
}

}  // namespace oko::convert
