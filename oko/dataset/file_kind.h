#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace oko::dataset {

// What a file that may hold annotations is.
struct FileKind {
  std::string name;    // "COCO annotations", "an export of Label Studio", …
  std::string format;  // of ours, which reads it; "" where none does
};

inline constexpr const char* kListOfImages = "a list of images";

// By the extension of a file (".json", in lower case) and the beginning of its text; nothing where
// it does not look like annotations.
std::optional<FileKind> kind_of_file(std::string_view extension, std::string_view text);

// Whether lines of a .txt file begin with numbers of boxes: at least four on the first line that is
// not empty, perhaps behind a name. Only a file called like an image should be asked.
bool has_box_lines(std::string_view text);

// Whether JSON is Label Studio's own, whole or JSON-MIN, which looks like Create ML's.
bool is_label_studio(std::string_view text);

}  // namespace oko::dataset
