#pragma once

#include <span>

#include "oko/dataset/assemble.h"
#include "oko/dataset/tree.h"

namespace oko::dataset {

// Brings the boxes and sizes of all images to upright pixels, on which everything after reading is
// (docs/datasets.md has the rule). Opens headers of images only where boxes may lie on stored
// pixels: where a size is told that is not square, or by BoxPixels::kStored. Tells of each image
// whose size or boxes it turned ("exif-orientation"). Throws a usage Error where `rule` contradicts
// a source that says itself which pixels its boxes lie on.
void turn_upright(const Tree& tree, Source& source, BoxPixels rule);

// Of boxes in pixels of an image, those that fit inside of `a` and reach well past an edge of `b`.
std::size_t count_fitting_only(std::span<const image::Box> boxes, image::Size a, image::Size b);

}  // namespace oko::dataset
