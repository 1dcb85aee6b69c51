#pragma once

#include <string>

#include "oko/base/error.h"
#include "oko/jobs/spec.h"

namespace oko::jobs::kubernetes {

inline Spec test_spec() {
  Spec spec;
  spec.id = "raccoon-1";
  spec.backend = "kubernetes";
  spec.folder = "gs://bucket/jobs/raccoon-1";
  spec.command = {"train", "gs://bucket/photos"};
  spec.run = "gs://bucket/jobs/raccoon-1/run";
  spec.settings["image"] = "registry.example/oko:1";
  return spec;
}

// The message of the Error that `act` throws; "" if it throws none.
template <typename Act>
std::string error_of(const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace oko::jobs::kubernetes
