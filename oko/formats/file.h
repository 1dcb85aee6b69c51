#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace oko::formats {

// One file of an exported model, in memory.
struct File {
  std::string name;  // relative to the output folder, with '/': "model.mlpackage/Manifest.json"
  std::vector<std::byte> bytes;
};

// What a model says about itself where its format can store it. Empty fields are not written.
struct ModelInfo {
  std::string description, author, license, version;
};

}  // namespace oko::formats
