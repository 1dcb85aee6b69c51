// needs: base
// Any name that passes the check stays below the folder that it is joined to, and any sanitized
// text passes the check.

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "oko/base/file_name.h"

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

bool stays_below(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path folder = "/top/folder", joined = (folder / path).lexically_normal();
  const auto inside = joined.lexically_relative(folder);
  return !inside.empty() && *inside.begin() != ".." && *inside.begin() != ".";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const oko::NameRule rule : {oko::NameRule::kPortable, oko::NameRule::kThisDisk}) {
    const bool name = oko::fault_in_file_name(text, rule).empty();
    const bool path = oko::fault_in_relative_path(text, rule).empty();
    if (name) expect(text.find('/') == text.npos && text.size() <= oko::kLongestFileName);
    if (name || path) expect(stays_below(text) && text.find('\0') == text.npos);
    if (name) expect(path);
  }
  for (const std::size_t longest : {32, 64, 200, 255}) {
    const std::string made = oko::file_name_from(text, longest);
    expect(oko::fault_in_file_name(made).empty() && made.size() <= longest && made[0] != '.');
    expect(oko::file_name_from(made, longest) == made);
  }
  return 0;
}
