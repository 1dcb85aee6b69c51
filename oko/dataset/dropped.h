#pragma once

#include <map>
#include <string>
#include <vector>

#include "oko/dataset/dataset.h"
#include "oko/dataset/finding.h"

namespace oko::dataset {

struct Content {
  int images = 0, boxes = 0, classes = 0;
};
Content content_of(const Dataset& dataset);

// What was lost between a source and a dataset read or written from it, by reason: the kind of the
// finding that reports it (docs/datasets.md), or "crowd" for regions that a format cannot
// represent.
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
  // Dropped boxes without duplicates, which still exist once: of merged entries, and copies of a
  // box.
  int boxes_lost() const;
};

// What reading dropped, including duplicate boxes that it kept once.
Dropped dropped_in_reading(const std::vector<Finding>& findings);

}  // namespace oko::dataset
