#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace oko::dataset {

// Which pixels the boxes of a source refer to in images that EXIF rotates.
enum class BoxPixels {
  kAuto,     // the upright ones, as labelling tools show them, unless sizes in the source indicate
             // stored ones
  kUpright,  // as displayed
  kStored    // as stored, ignoring EXIF
};
constexpr auto words_of(BoxPixels) {
  return std::to_array<std::string_view>({"auto", "upright", "stored"});
}

struct ReadOptions {
  std::string format;                // empty: recognized from the files
  std::vector<std::string> classes;  // the order to use; empty: the source's own, or as first seen
  std::string classes_file;          // one name per line
  BoxPixels exif = BoxPixels::kAuto;
};

}  // namespace oko::dataset
