#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace oko::formats::coreml {

// The class names that exporters of detectors write into a model's metadata: {0: 'cat', 1: "dog"},
// a dictionary of Python. Nothing if it is another text, or numbers are missing or given twice.
std::optional<std::vector<std::string>> names_of_dictionary(std::string_view text);

}  // namespace oko::formats::coreml
