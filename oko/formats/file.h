#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace oko::formats {

// One file of a model in another format, as a writer makes it: nothing here touches a disk.
struct File {
  std::string name;  // relative to where the model goes, with '/': "model.mlpackage/Manifest.json"
  std::vector<std::byte> bytes;
};

// What a model says about itself where its format has a place for it. Empty fields are left out.
struct ModelInfo {
  std::string description, author, license, version;
};

}  // namespace oko::formats
