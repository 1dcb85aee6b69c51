#pragma once

#include <array>
#include <string>
#include <vector>

#include "oko/dataset/dataset.h"
#include "oko/image/letterbox.h"

namespace oko::dataset {

// One class: boxes in each split (in Stats::splits order) and images that contain it.
struct ClassStats {
  std::string name;
  std::vector<int> boxes;
  int all_boxes = 0, pictures = 0, difficult = 0;
};

struct SplitStats {
  std::string name;
  int pictures = 0, backgrounds = 0, boxes = 0;
};

// Octaves of √area in pixels of the network's input: below 4, 4 to 8, …, 256 and more.
inline constexpr int kSizeBins = 8;

struct Stats {
  std::vector<SplitStats> splits;
  std::vector<ClassStats> classes;
  int pictures = 0, boxes = 0;
  // By COCO's limits of area, 32² and 96², in pixels of the network's input.
  int small = 0, medium = 0, large = 0;
  std::array<int, kSizeBins> sizes{};
  double boxes_a_picture = 0;
  int median_boxes = 0, most_boxes = 0;
  image::Size smallest_picture, largest_picture;  // by area
};

// Counts a dataset whose samples have sizes (fill_sizes), without crowd regions.
Stats measure(const Dataset& dataset, image::Size input, const image::Preprocess& preprocess);

}  // namespace oko::dataset
