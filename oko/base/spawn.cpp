#include "oko/base/spawn.h"

#include <algorithm>
#include <string_view>

extern char** environ;

namespace oko {

std::vector<std::string> environment_with(const std::map<std::string, std::string>& added,
                                          const std::vector<std::string>& removed) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string name(text.substr(0, text.find('=')));
    const bool kept = !added.contains(name) && std::ranges::find(removed, name) == removed.end();
    if (kept) all.emplace_back(text);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace oko
