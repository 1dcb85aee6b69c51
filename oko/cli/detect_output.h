#pragma once

#include <string>
#include <vector>

#include "oko/base/json.h"
#include "oko/detect/detector.h"
#include "oko/image/frame.h"

namespace oko::cli {

// What was found in one picture, or in one frame of a clip.
struct Found {
  std::string source;
  long frame = -1;  // in a clip, from 0; −1 for a picture
  image::Size size;
  detect::Result result;
};

// The name of a class, or its number where the model has no names.
std::string class_name(const graph::Network& network, int class_id);

// "2 dog, 1 cat", the most frequent first; "nothing".
std::string counts_text(const graph::Network& network, const detect::Result& result);

// Draws every detection with its class and score.
void draw_found(image::Picture& picture, const graph::Network& network,
                const detect::Result& result);

Json found_json(const graph::Network& network, const Found& found);

// The first line of the CSV, and the lines of one picture (RFC 4180 quoting).
std::string csv_heading();
std::string csv_lines(const graph::Network& network, const Found& found);

}  // namespace oko::cli
