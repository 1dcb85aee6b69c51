#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oko/dataset/dataset.h"
#include "oko/dataset/finding.h"

namespace oko::dataset {

// What the reader of a format extracts from a file's bytes, before it is known which images exist
// and which classes are valid.

struct ParsedObject : Object {  // class_id: the number in the file, or -1 if it names the class
  std::string class_name{};     // or empty if the file has a number
};

struct ParsedPicture {
  std::string name;   // of the picture, as the file writes it
  std::string place;  // where it is in the file
  image::Size size;
  int depth = 0;
  std::string split;  // if the file itself has it
  std::vector<ParsedObject> objects;
  bool boxes_upright = false;  // regardless of its size: the program that wrote the file is known
};

struct ParsedFile {
  std::vector<ParsedPicture> pictures;
  std::vector<std::string> classes;  // the file's own list, if it has one
  std::vector<Finding> findings;
};

// "missing-image": an entry that is lost with its boxes.
void add_missing_image(std::vector<Finding>& findings, const ParsedPicture& picture,
                       std::string message);

// Two opposite corners as in a file.
struct Corners {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
  bool inclusive = false;  // VOC's 1-based pixels, both inside the box
  bool scaled = false;     // relative to the image in the file, as in YOLO
};

// The box between two corners. Swapped corners are put in order with a warning "inverted-box"; a
// box without area, or of at most one pixel in both directions, is dropped with "empty-box", values
// that are not finite or beyond ±1e7 with "bad-number", fractions all within the first pixel with
// "relative-box": relative values in a pixel format.
std::optional<image::Box> usable_box(Corners corners, const std::string& place,
                                     std::vector<Finding>& findings);

// Edges of a box rounded to whole pixels, inside the image if its size is known, at least one pixel
// in each direction and two in one, so that it does not read back as empty.
struct PixelBox {
  long left = 0, top = 0, right = 0, bottom = 0;
};
PixelBox whole_pixels(const image::Box& box, image::Size picture);

}  // namespace oko::dataset
