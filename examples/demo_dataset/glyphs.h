#pragma once

#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace demo {

// A kind of object: its name in the data set and the character that shows it.
struct Kind {
  const char* name;
  char32_t character;
};

// The picture of each kind from a font of colour bitmaps (Noto Color Emoji): RGBA floats in [0, 1],
// colour already multiplied by alpha, cropped to what can be seen. Throws oko::Error where the font
// cannot be read or lacks a character.
std::vector<cv::Mat> load_glyphs(const std::string& font, const std::vector<Kind>& kinds);

}  // namespace demo
