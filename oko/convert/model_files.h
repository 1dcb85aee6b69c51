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
  kMps,  // written only
};
// As flags and reports have them: "coreml", "onnx", …
const char* name_of(Format format);
std::optional<Format> format_named(std::string_view name);

struct InputFile {
  std::string name;
  Bytes bytes;
};

// The files of one model, mapped: the one that tells its structure first, where there are two.
struct ModelFiles {
  Format format = Format::kOko;
  std::vector<InputFile> files;
};

// Opens a model by name: an .oko, .safetensors, .onnx, .tflite, .mlmodel, .h5, .pb file, a run
// folder or .mlpackage, a Darknet .cfg, an ncnn .param. `second` is the file that goes with it, if
// there is one (.weights, .bin, .cfg of weights alone); an ncnn .bin of the same name is found by
// itself. Files of no known ending are told by their first bytes. Throws an input Error for a file
// that is not there, a usage Error for what is no model.
ModelFiles open_model(const std::string& path, const std::string& second = {});

// The same of files that a writer made.
ModelFiles files_of(Format format, const std::vector<formats::File>& files);

}  // namespace oko::convert
