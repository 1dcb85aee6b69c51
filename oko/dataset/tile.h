#pragma once

#include "oko/dataset/dataset.h"
#include "oko/dataset/new_dataset.h"

namespace oko::dataset {

struct TileOptions {
  int tiles = 2;      // in a row, and rows
  bool whole = true;  // keep the whole images too
  // A box of which less than this part is in a tile is left out there: what shows hardly tells what
  // it is.
  float least_visible = .5F;
};

// A dataset cut into tiles as detection with tiles cuts images, and the files of its images: tiles
// are JPEG of quality 95, PNG where the image is one; whole images are the source's files.
struct Tiled {
  Dataset data;
  PictureFiles pictures;
  int boxes_cut = 0;      // in tiles, that show a part of the object
  int boxes_nowhere = 0;  // without whole images: of objects too large for any tile
};

// `dataset` has the sizes of its images (fill_sizes()) and must outlive the result.
Tiled tiled(const Dataset& dataset, const TileOptions& options);

}  // namespace oko::dataset
