#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "oko/dataset/parsed.h"
#include "oko/dataset/read_options.h"
#include "oko/dataset/source.h"
#include "oko/dataset/tree.h"

namespace oko::dataset {

// A YOLO label file, one object per line: "class x_centre y_centre width height", relative to an
// image of `size`; or "class x1 y1 x2 y2 x3 y3 …", a polygon, whose bounding box is used. Lines
// that cannot be used become findings; never throws.
struct LabelForm {
  int keypoint_values = 0;  // of each line, after a box; they are dropped
  bool ambiguous = false;   // lines longer than a box may be keypoints or polygons: errors
};
ParsedFile parse_yolo_labels(std::string_view text, const std::string& name, image::Size size,
                             const LabelForm& form = {});

// Decides, over all label files, whether long lines are polygons or, without a kpt_shape, boxes
// with keypoints. Both are an odd count of numbers from 0 to 1.
class LongLines {
 public:
  void add(std::string_view line);
  // Whether they must be polygons: too many make no sense as a box with keypoints near it, or they
  // have many lengths. A single length proves nothing.
  bool are_polygons() const;
  bool empty() const { return count_ == 0; }

 private:
  std::size_t count_ = 0, unlike_pose_ = 0;
  std::map<std::size_t, std::size_t> by_length_;
};

// The label lines of a sample, without crowd regions, which the format cannot mark.
std::string yolo_labels_text(const Sample& sample);

// data.yaml for these classes and splits (each with its pictures in images/<split>), and for splits
// that are the same as others (Dataset::same_splits).
std::string data_yaml_text(const std::vector<std::string>& classes,
                           const std::vector<std::string>& splits,
                           const std::map<std::string, std::string>& same_splits = {});

// Images with labels next to them or in labels/ instead of images/ (or JPEGImages/). Splits come
// from data.yaml, a Darknet .data file, lists of pictures (train.txt, …) or folder names.
// Boxes are relative to the upright image, or to the stored one by `exif`.
Source read_yolo(const Tree& tree, BoxPixels exif);

// Whether a .txt file looks like labels: its first non-empty line is a class and numbers.
bool is_yolo_labels(std::string_view text);

}  // namespace oko::dataset
