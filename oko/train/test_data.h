#pragma once

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "oko/storage/store.h"

namespace oko::train {

// A file or folder of the reference data, or "" where the machine has none (the test is skipped).
inline std::string reference_data(const std::string& name) {
  const char* root = std::getenv("OKO_DATA");
  const std::string path = root != nullptr ? storage::join(root, name) : "";
  return !path.empty() && storage::exists(path) ? path : "";
}

inline std::vector<float> read_floats(const std::string& path) {
  const Bytes bytes = storage::read(path);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

}  // namespace oko::train
