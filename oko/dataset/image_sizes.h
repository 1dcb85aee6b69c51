#pragma once

#include <string>
#include <vector>

#include "oko/dataset/dataset.h"
#include "oko/dataset/finding.h"
#include "oko/media/picture.h"

namespace oko::dataset {

// Sizes of images: as annotations state them, and as the files have them.

inline bool is_known(image::Size size) { return size.width > 0 && size.height > 0; }
std::string size_text(image::Size size);  // "640x480"

// An image's header; without a size if it cannot be read.
media::PictureInfo picture_header(storage::Files& files, const std::string& name);
// Why an image without a size in its header cannot be read: "is HEIC, which …".
std::string why_unreadable(storage::Files& files, const std::string& name);
// The upright size of an image, from its header; 0×0 if it cannot be read.
image::Size picture_size(storage::Files& files, const std::string& name);

// The same shape within a pixel: a smaller or larger copy was labelled.
bool same_shape(image::Size stated, image::Size real);

// How an image's real size compares with its annotation's; both upright.
enum class SizeFit {
  kSame,
  kUnstated,  // the annotation has no size
  kScaled,    // the same shape: boxes were drawn on a larger or smaller copy
  kTurned,    // the same shape with the sides swapped: one of them was rotated later
  kOther
};
SizeFit compare_sizes(image::Size stated, image::Size real);

// "the annotation says 640x480, the image is 480x640"
std::string mismatch_text(image::Size stated, image::Size real);

// Reads the headers of images whose size no annotation has. If one cannot be read, its sample is
// dropped and reported in `findings`; without them, an input Error is thrown.
void fill_sizes(Dataset& dataset, std::vector<Finding>* findings = nullptr);

// Whether the annotations of the dataset's format state sizes.
bool states_sizes(const Dataset& dataset);

// Throws an input Error if an image is not the size its annotation says: then it is unknown which
// pixels the boxes are measured in. Reads the headers of all images whose annotation has a size.
void expect_stated_sizes(const Dataset& dataset);

}  // namespace oko::dataset
