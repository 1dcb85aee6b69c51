#pragma once

#include <array>
#include <string>

#include "oko/image/frame.h"
#include "oko/image/geometry.h"

namespace oko::media {

using Color = std::array<std::uint8_t, 3>;
// A colour that stays the same for a class and differs well from its neighbours'.
Color color_of_class(int class_id);

// A box with its label on a filled tag, line and text sized to the picture and kept inside it. The
// font has ASCII and most Cyrillic letters; others show as question marks. A label too long to be
// legible in a picture this narrow is left out.
void draw_box(image::Picture& picture, const image::Box& box, const std::string& label,
              Color color);
// White text with a dark outline, its top left corner at (x, y). At scale 1 capitals are 14 pixels.
void draw_text(image::Picture& picture, int x, int y, const std::string& text, double scale = 1);

}  // namespace oko::media
