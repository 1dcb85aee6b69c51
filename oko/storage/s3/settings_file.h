#pragma once

#include <map>
#include <string>
#include <string_view>

namespace oko::storage::s3 {

// Sections of a file such as ~/.aws/credentials or ~/.aws/config: names and values, the names in
// lower case. "[profile x]" is section "x". Indented lines (nested settings) are skipped. Throws an
// input Error "name:line: …", without values, for any other line.
using Settings = std::map<std::string, std::map<std::string, std::string>, std::less<>>;
Settings parse_settings(std::string_view text, const std::string& name);

}  // namespace oko::storage::s3
