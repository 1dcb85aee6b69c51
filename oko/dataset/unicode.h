#pragma once

#include <string>
#include <string_view>

namespace oko::dataset {

// The text in Unicode's form C: "é" as one character. macOS gives names in form D, as "e" and an
// accent. Text that is not UTF-8 stays as it is.
std::string composed(std::string_view text);

// The text in form D.
std::string decomposed(std::string_view text);

// Form C for names that a file system may take for one, without regard to case.
std::string folded(std::string_view text);

}  // namespace oko::dataset
