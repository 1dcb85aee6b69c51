#pragma once

#include <array>
#include <string>

#include "oko/image/frame.h"
#include "oko/image/geometry.h"

namespace oko::media {

using Color = std::array<std::uint8_t, 3>;
// A colour that is constant for a class and clearly differs from its neighbours'.
Color color_of_class(int class_id);

// A box with its label on a filled tag, line and text scaled to the image and kept inside it. The
// font has ASCII and most Cyrillic letters; others appear as question marks. A label too long to be
// legible in a narrow image is omitted.
void draw_box(image::Picture& picture, const image::Box& box, const std::string& label,
              Color color);
// From (x, y) to (x2, y2), with a dark outline; as thick as the edges of boxes.
void draw_line(image::Picture& picture, double x, double y, double x2, double y2, Color color);
// White text with a dark outline, its top left corner at (x, y). At scale 1 capitals are 14 pixels
// high.
void draw_text(image::Picture& picture, int x, int y, const std::string& text, double scale = 1);

}  // namespace oko::media
