#include "oko/dataset/picture_name.h"

#include <algorithm>
#include <utility>

#include "oko/storage/store.h"

namespace oko::dataset {

std::string extension_of(std::string_view format) {
  if (format == "jpeg") return ".jpg";
  if (format == "tiff") return ".tif";
  for (const char* plain : {"png", "bmp", "webp", "gif", "heic", "avif"}) {
    if (format == plain) return std::string(".") + plain;
  }
  return "";
}

std::string right_extension(const std::string& uri, std::string_view format) {
  const std::string own = storage::extension(uri), right = extension_of(format);
  constexpr std::pair<std::string_view, std::string_view> kSpellings[] = {
      {".jpg", ".jpeg"}, {".jpg", ".jpe"},   {".jpg", ".jfif"}, {".jpg", ".mpo"},
      {".tif", ".tiff"}, {".heic", ".heif"}, {".heic", ".hif"}, {".avif", ".heif"}};
  const bool other_spelling =
      std::ranges::find(kSpellings, std::pair<std::string_view, std::string_view>(right, own)) !=
      std::end(kSpellings);
  return own == right || other_spelling ? "" : right;
}

}  // namespace oko::dataset
