#include "oko/dataset/picture_name.h"

#include "oko/storage/store.h"

namespace oko::dataset {

std::string extension_of(std::string_view format) {
  if (format == "jpeg") return ".jpg";
  if (format == "tiff") return ".tif";
  for (const char* plain : {"png", "bmp", "webp", "gif"}) {
    if (format == plain) return std::string(".") + plain;
  }
  return "";
}

std::string right_extension(const std::string& uri, std::string_view format) {
  const std::string own = storage::extension(uri), right = extension_of(format);
  const bool other_spelling =
      (right == ".jpg" && own == ".jpeg") || (right == ".tif" && own == ".tiff");
  return own == right || other_spelling ? "" : right;
}

}  // namespace oko::dataset
