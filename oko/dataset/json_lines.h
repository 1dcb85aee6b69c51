#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace oko::dataset {

// The line, from 1, on which each element of a list begins: of the lists that are members of the
// root object, by key; of the root where it is a list, by "". For places in messages: text that is
// not valid JSON gives something.
std::map<std::string, std::vector<int>> element_lines(std::string_view text);

// NaN, Infinity and -Infinity, which Python writes and JSON does not know, as null. `count`: how
// many there were.
std::string without_nan(std::string_view text, int& count);

}  // namespace oko::dataset
