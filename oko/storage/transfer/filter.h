#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace oko::storage {

// Whether a name matches a pattern: '*' is anything but '/', "**" anything at all, '?' one
// character but '/', [a-c] and [!a-c] character sets. A pattern without '/' is for the last part of
// the name
// ("*.jpg" matches "a/b.jpg"); one that ends with '/' is for everything in that folder.
bool matches(std::string_view pattern, std::string_view name);

// Which names of a folder are included: all, or those that match one of `include`, except those
// that match one of `exclude`.
struct Filter {
  std::vector<std::string> include, exclude;
  bool takes(std::string_view name) const;
};

}  // namespace oko::storage
