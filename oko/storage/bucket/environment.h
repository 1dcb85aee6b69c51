#pragma once

#include <functional>
#include <string>

namespace oko::storage::bucket {

// The value of an environment variable; "" if it is not set. Replaced in tests.
using Environment = std::function<std::string(const char* name)>;
std::string process_environment(const char* name);

// A small text file such as credentials; "" if it does not exist. An Error if it cannot be read or
// is larger than 1 MiB.
std::string read_small_file(const std::string& path);

// The user's settings folder: "$HOME/NAME".
std::string in_home(const Environment& environment, const std::string& name);

// True for "true", "1", "yes" in any case.
bool is_true(std::string value);

}  // namespace oko::storage::bucket
