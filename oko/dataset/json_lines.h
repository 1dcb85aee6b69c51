#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace oko::dataset {

// The line, from 1, on which each element of a list starts: for lists that are members of the root
// object, by key; for a root list, by "". Only for places in messages: invalid JSON gives
// unspecified lines.
std::map<std::string, std::vector<int>> element_lines(std::string_view text);

// Replaces NaN, Infinity and -Infinity, which Python writes but JSON does not allow, by null.
// `count`: how many there were.
std::string without_nan(std::string_view text, int& count);

}  // namespace oko::dataset
