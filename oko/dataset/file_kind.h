#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "oko/dataset/format.h"

namespace oko::dataset {

// The kind of a file that may contain annotations.
struct FileKind {
  std::string name;                // "COCO annotations", "an export of Label Studio", …
  const Format* format = nullptr;  // that reads it; null if none does
};

inline constexpr const char* kListOfImages = "a list of images";

// By the extension of a file (".json", in lower case) and the start of its text; nothing if it does
// not look like annotations.
std::optional<FileKind> kind_of_file(std::string_view extension, std::string_view text);

// The same for label files. Many other files look like them, so they count only beside images.
std::optional<FileKind> kind_of_label(std::string_view extension, std::string_view text);

// Whether the lines of a .txt file start with box coordinates: at least four numbers on the first
// non-empty line, possibly after a name. Only meant for files named like an image.
bool has_box_lines(std::string_view text);

// Whether JSON is Label Studio's own format, full or JSON-MIN, which looks like Create ML's.
bool is_label_studio(std::string_view text);

}  // namespace oko::dataset
