#include "oko/storage/bucket/environment.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "oko/base/error.h"
#include "oko/storage/local/local.h"

namespace oko::storage::bucket {

std::string process_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string read_small_file(const std::string& path) {
  const auto disk = make_local_store();
  const auto entry = disk->stat(path);
  if (!entry || entry->is_folder) return {};
  constexpr std::uint64_t kMost = 1 << 20;
  if (entry->size > kMost) throw input_error(path, "is too long for a settings file");
  return std::string(disk->read_range(path, 0, kMost).text());
}

std::string in_home(const Environment& environment, const std::string& name) {
  const std::string home = environment("HOME");
  return home.empty() ? "" : join(home, name);
}

bool is_true(std::string value) {
  std::transform(value.begin(), value.end(), value.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return value == "true" || value == "1" || value == "yes";
}

}  // namespace oko::storage::bucket
