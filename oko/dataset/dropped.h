#pragma once

#include <map>
#include <string>
#include <vector>

#include "oko/dataset/dataset.h"
#include "oko/dataset/read.h"

namespace oko::dataset {

struct Content {
  int images = 0, boxes = 0, classes = 0;
};
Content content_of(const Dataset& dataset);

// What a source has and a dataset read or written from it has not, by reason: the kind of the
// finding that tells of it (docs/datasets.md), or "crowd" for regions that a format cannot hold.
struct Dropped {
  std::map<std::string, int> images, boxes;

  void add_images(const std::string& reason, int count);
  void add_boxes(const std::string& reason, int count);
  void add(const Dropped& other);
  int image_count() const;
  int box_count() const;
  // "dropped: 12 boxes (empty-box 10, no-box 2)", a line for images and one for boxes where there
  // are any.
  std::vector<std::string> lines() const;
  // Boxes but those that are still there once: of entries that became one, and copies of a box.
  int boxes_lost() const;
};

// What reading left out, and boxes that it took once although they are there twice.
Dropped dropped_in_reading(const std::vector<Finding>& findings);

}  // namespace oko::dataset
