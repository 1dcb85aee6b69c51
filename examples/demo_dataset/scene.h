#pragma once

#include <opencv2/core.hpp>
#include <vector>

#include "oko/base/random.h"

namespace demo {

// An object in a finished picture. Its box is what can be seen of it, in whole pixels.
struct Placed {
  int kind = 0;
  cv::Rect box;
  bool truncated = false;  // partly outside the picture
  bool difficult = false;  // more than 60 % of it is outside or behind something
};

struct Scene {
  cv::Mat picture;  // RGB bytes
  std::vector<Placed> objects;
};

// Puts glyphs (RGBA floats, see glyphs.h) into a piece of one of the photographs (RGB bytes):
// turned, sheared, scaled, lit from one side, shadowed, blurred and partly hidden by each other and
// by pieces of other photographs; the whole then goes through a poor camera's blur and noise. About
// one scene in eight has no object.
Scene make_scene(const std::vector<cv::Mat>& photographs, const std::vector<cv::Mat>& glyphs,
                 oko::Random& random);

}  // namespace demo
