#pragma once

#include <functional>
#include <string>
#include <vector>

#include "oko/formats/format.h"

namespace oko::convert {

// The memory-mapped files of one model; if there are two, the one with the structure comes first.
struct ModelFiles {
  const formats::Format* format = nullptr;
  std::vector<formats::File> files;
  bool was_sealed = false;
};

// The .oko file inside a sealed one (oko/seal), in memory.
using Unseal = std::function<Bytes(const formats::File& sealed)>;

// Opens a model by name: a file or folder with one of the extensions of formats::formats(), or a
// run folder. `second` is its companion file, if there is one (.weights, .bin); where a format says
// so it is found automatically. Files with an unknown extension are recognized by their first
// bytes. A sealed model is opened by `unseal`; without it, it is refused with a usage Error. Throws
// an input Error for a missing file, a usage Error for anything that is not a model.
ModelFiles open_model(const std::string& path, const std::string& second = {},
                      const Unseal& unseal = nullptr);

// The names of the files that open_model(path) reads, which need not exist.
std::vector<std::string> files_of_model(const std::string& path);

// Whether a file is a model of some format, by its extension.
bool is_model(const std::string& path);
// Whether a file holds the weights that another one's network is for, by its extension.
bool is_companion(const std::string& path);

}  // namespace oko::convert
