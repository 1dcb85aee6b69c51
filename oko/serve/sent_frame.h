#pragma once

#include <vector>

#include "oko/base/bytes.h"
#include "oko/dataset/dataset.h"

namespace oko::serve {

// A frame that somebody at a phone found to be detected wrongly.
struct SentFrame {
  enum class Kind {
    kBackground,  // it shows nothing that is to be found
    kToLabel      // its boxes are wrong or incomplete
  };
  Kind kind = Kind::kBackground;
  // What the model saw in it, within the image; empty for a background.
  std::vector<dataset::Object> objects;
  Bytes jpeg;
  image::Size size;
};

// Bytes that a phone may send at once.
inline constexpr std::size_t kMostFrameBytes = std::size_t{8} << 20;

// Reads what the page posts: a line of JSON, {"kind": "background" or "label", "boxes": [[class,
// left, top, right, bottom], …]} with edges in pixels, and then the JPEG file. The image is decoded
// once to prove that it is whole. Throws input Errors at "frame" for anything that is not that, for
// a class that is not below `classes`, and for more than the limits in sent_frame.cpp.
SentFrame parse_sent_frame(const Bytes& body, int classes);

}  // namespace oko::serve
