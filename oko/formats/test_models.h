#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "oko/formats/darknet.h"
#include "oko/storage/store.h"

namespace oko::formats {

// The folder of reference models, or "" where this machine has none.
inline std::string reference_models() {
  const char* data = std::getenv("OKO_DATA");
  const std::string folder = storage::join(data ? data : "", "models");
  return data && storage::exists(folder) ? folder : "";
}

inline graph::Network read_cfg(const std::string& path) {
  return read_darknet_cfg(storage::read_text(path), path);
}

}  // namespace oko::formats

#define OKO_NEEDS_REFERENCE_MODELS()                                    \
  if (::oko::formats::reference_models().empty()) {                     \
    GTEST_SKIP() << "set OKO_DATA to the folder of the reference data"; \
  }
