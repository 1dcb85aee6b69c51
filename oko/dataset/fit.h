#pragma once

#include <map>
#include <string>

#include "oko/dataset/dataset.h"
#include "oko/dataset/dropped.h"

namespace oko::dataset {

// A dataset as one format can hold it, and what that costs.
struct Fitted {
  Dataset data;
  Dropped dropped;        // "crowd": no such regions in the format; "outside-box"
  int boxes_clipped = 0;  // to the edges of their images
  // Boxes that stay and lose what they are marked as: "crowd", "difficult", "truncated"; pictures
  // that are two splits at once, "val has the pictures of train" (YOLO alone can say so); pictures
  // of a split that is none of train, val and test, "split holdout" (shards alone can say so: their
  // files are still called by it).
  std::map<std::string, int> flags_lost;
};

// Crowd regions become difficult in VOC and are dropped from YOLO, Keras lists and Create ML. Boxes
// outside of their images (of those whose size is known) are dropped from VOC, Keras lists and
// YOLO; those past an edge are clipped in the first two, and in YOLO where they would give a value
// outside 0 to 1. COCO, Create ML and shards hold both as they are.
Fitted fitted(Dataset dataset, const std::string& format);

}  // namespace oko::dataset
