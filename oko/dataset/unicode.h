#pragma once

#include <string>
#include <string_view>

namespace oko::dataset {

// The text in Unicode's form C: "é" as one character. macOS stores names in form D, as "e" and an
// accent. Text that is not UTF-8 is returned unchanged.
std::string composed(std::string_view text);

// The text in form D.
std::string decomposed(std::string_view text);

// Case-folded form C, equal for names that a file system may treat as the same.
std::string folded(std::string_view text);

}  // namespace oko::dataset
