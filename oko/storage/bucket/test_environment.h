#pragma once

#include <map>
#include <string>

#include "oko/storage/bucket/environment.h"

namespace oko::storage::bucket {

// An environment with only these variables.
inline Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
}

}  // namespace oko::storage::bucket
