#pragma once

#include <map>
#include <string>

#include "oko/dataset/dataset.h"
#include "oko/dataset/dropped.h"

namespace oko::dataset {

// How far in pixels an edge may be past its image's: relative edges are written with six digits.
inline constexpr float kRounding = .05F;

// A dataset as one format can represent it, and what is lost.
struct Fitted {
  Dataset data;
  Dropped dropped;        // "crowd": no such regions in the format; "outside-box"
  int boxes_clipped = 0;  // to the edges of their images
  // Boxes that are kept but lose a flag: "crowd", "difficult", "truncated"; images that are in two
  // splits, "val has the images of train" (unless Holds::same_splits); images of a split that is
  // none of train, val and test, "split holdout" (unless Holds::any_split: files are still called
  // by it).
  std::map<std::string, int> flags_lost;
};

// As Format::holds says. Where edges are inside of images, boxes outside (if the size is known) are
// dropped; those past an edge are clipped, fractions only where they would be outside 0 to 1.
Fitted fitted(Dataset dataset, const std::string& format);

}  // namespace oko::dataset
