#include "oko/dataset/parsed.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace oko::dataset {
namespace {

constexpr double kLargestCoordinate = 1e7;

// Whether a pixel box looks like one in fractions of the image's sides.
bool looks_relative(const Corners& c) {
  constexpr double kSlack = .05;  // past the edges
  const auto all = {c.x1, c.y1, c.x2, c.y2};
  return c.x1 < c.x2 && c.y1 < c.y2 &&
         std::all_of(all.begin(), all.end(),
                     [](double v) { return v >= -kSlack && v <= 1 + kSlack; }) &&
         std::any_of(all.begin(), all.end(), [](double v) { return std::trunc(v) != v; });
}

}  // namespace

void add_missing_image(std::vector<Finding>& findings, const ParsedPicture& picture,
                       std::string message) {
  Finding& finding = add_error(findings, "missing-image", picture.place, std::move(message),
                               "it is dropped with its boxes");
  finding.images_lost = 1;
  finding.boxes_lost = static_cast<int>(picture.objects.size());
}

std::optional<image::Box> usable_box(Corners c, const std::string& place,
                                     std::vector<Finding>& findings) {
  for (const double value : {c.x1, c.y1, c.x2, c.y2}) {
    if (!std::isfinite(value) || std::abs(value) > kLargestCoordinate) {
      add_error(findings, "bad-number", place, fmt::format("a box edge is {}", value),
                "the box is dropped")
          .boxes_lost = 1;
      return std::nullopt;
    }
  }
  if (c.x1 > c.x2 || c.y1 > c.y2) {
    add_warning(findings, "inverted-box", place,
                fmt::format("the corners ({:g}, {:g}) and ({:g}, {:g}) are inverted", c.x1, c.y1,
                            c.x2, c.y2),
                "the corners are swapped");
    if (c.x1 > c.x2) std::swap(c.x1, c.x2);
    if (c.y1 > c.y2) std::swap(c.y1, c.y2);
  }
  if (!c.scaled && looks_relative(c)) {
    add_error(findings, "relative-box", place,
              fmt::format("the box from ({:g}, {:g}) to ({:g}, {:g}) looks relative to the image, "
                          "0 to 1; this format uses pixels",
                          c.x1, c.y1, c.x2, c.y2),
              "the box is dropped: multiply its values by the image's width and height")
        .boxes_lost = 1;
    return std::nullopt;
  }
  const double inside = c.inclusive ? 1 : 0;  // 1-based pixels to edges
  const image::Box box{static_cast<float>(c.x1 - inside), static_cast<float>(c.y1 - inside),
                       static_cast<float>(c.x2), static_cast<float>(c.y2)};
  if (box.area() <= 0 || (box.width() <= 1 && box.height() <= 1)) {
    add_warning(findings, "empty-box", place,
                fmt::format("the box from ({:g}, {:g}) to ({:g}, {:g}) is at most one pixel", c.x1,
                            c.y1, c.x2, c.y2),
                "the box is dropped")
        .boxes_lost = 1;
    return std::nullopt;
  }
  return box;
}

PixelBox whole_pixels(const image::Box& box, image::Size picture) {
  const auto along = [](float low, float high, int side) {
    const long last = side > 0 ? side : std::numeric_limits<long>::max();
    const long first = std::clamp(std::lround(low), side > 0 ? 0L : std::lround(low), last - 1);
    return std::pair(first, std::clamp(std::lround(high), first + 1, last));
  };
  auto [left, right] = along(box.left, box.right, picture.width);
  const auto [top, bottom] = along(box.top, box.bottom, picture.height);
  if (right - left == 1 && bottom - top == 1) {
    if (right == picture.width && left > 0) {
      --left;
    } else {
      ++right;
    }
  }
  return {left, top, right, bottom};
}

}  // namespace oko::dataset
