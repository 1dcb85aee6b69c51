#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/formats/file.h"

namespace oko::convert {

enum class Format {
  kOko,
  kDarknet,
  kKeras,
  kTensorFlow,
  kOnnx,
  kCoreMl,
  kTflite,
  kNcnn,
  kSafetensors,
  kMps,  // write-only
};
// As in flags and reports: "coreml", "onnx", …
const char* name_of(Format format);
std::optional<Format> format_named(std::string_view name);

struct InputFile {
  std::string name;
  Bytes bytes;
};

// The memory-mapped files of one model; if there are two, the one with the structure comes first.
struct ModelFiles {
  Format format = Format::kOko;
  std::vector<InputFile> files;
};

// Opens a model by name: an .oko, .safetensors, .onnx, .tflite, .mlmodel, .h5, .pb file, a run
// folder or .mlpackage, a Darknet .cfg, an ncnn .param. `second` is its companion file, if there is
// one (.weights, .bin, the .cfg of a weights-only file); an ncnn .bin of the same name is found
// automatically. Files with an unknown extension are recognized by their first bytes. Throws an
// input Error for a missing file, a usage Error for anything that is not a model.
ModelFiles open_model(const std::string& path, const std::string& second = {});

// The same for files produced by a writer.
ModelFiles files_of(Format format, const std::vector<formats::File>& files);

}  // namespace oko::convert
