#pragma once

#include <span>

#include "oko/dataset/read_options.h"
#include "oko/dataset/source.h"
#include "oko/dataset/tree.h"

namespace oko::dataset {

// Converts the boxes and sizes of all images to upright pixels, which everything after reading uses
// (see docs/datasets.md for the rule). Reads headers of images only if boxes may be on stored
// pixels: if the annotation's size is not square, or with BoxPixels::kStored. Reports each image
// whose size or boxes it rotated ("exif-orientation"). Throws a usage Error if `rule` contradicts a
// source that states which pixels its boxes are on.
void turn_upright(const Tree& tree, Source& source, BoxPixels rule);

// Counts boxes that fit inside `a` and extend well past an edge of `b`.
std::size_t count_fitting_only(std::span<const image::Box> boxes, image::Size a, image::Size b);

}  // namespace oko::dataset
