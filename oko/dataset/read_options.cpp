#include "oko/dataset/read_options.h"

namespace oko::dataset {

std::optional<BoxPixels> box_pixels_named(std::string_view name) {
  if (name == "auto") return BoxPixels::kAuto;
  if (name == "upright") return BoxPixels::kUpright;
  if (name == "stored") return BoxPixels::kStored;
  return std::nullopt;
}

}  // namespace oko::dataset
