#pragma once

#include <string>
#include <vector>

#include "oko/formats/darknet/sections.h"
#include "oko/graph/network.h"

namespace oko::formats {

// Which Darknet a .cfg is for, as far as results depend on it. The original (pjreddie's)
// letterboxes images and divides by sqrt(variance) + 1e-6 on a CPU. AlexeyAB's and hank-ai's
// stretch images unless [net] has letter_box=1, and divide by sqrt(variance + 1e-5).
struct DarknetProgram {
  // Place and name of a key or section that only newer ones know; "" for the original.
  std::string key;
  std::string letter_box;  // place and value of that key; "" without it
  bool is_letterboxed = true;

  graph::BatchNorm batch_norm() const;
  image::Preprocess::Fit fit() const;
  std::string decision() const;  // one line: the decision, its reason, and how to override it
};

DarknetProgram program_of(std::vector<DarknetSection>& sections);

}  // namespace oko::formats
