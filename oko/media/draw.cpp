#include "oko/media/draw.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "oko/media/opencv.h"

namespace oko::media {
namespace {

constexpr double kCapHeight = 22;  // pixels, of both fonts at their scale 1
constexpr int kShift = 4;          // OpenCV's fixed point: 1/16 pixel

cv::Scalar scalar(Color color) { return {double(color[0]), double(color[1]), double(color[2])}; }

// Black or white, whichever is easier to read on the colour (luma of BT.601).
cv::Scalar ink_on(Color color) {
  const double luma = .299 * color[0] + .587 * color[1] + .114 * color[2];
  return luma > 140 ? cv::Scalar::all(0) : cv::Scalar::all(255);
}

cv::Point fixed_point(double x, double y) {
  return {static_cast<int>(std::lround(x * (1 << kShift))),
          static_cast<int>(std::lround(y * (1 << kShift)))};
}

// OpenCV's clearest font is ASCII-only; the other one also has Cyrillic.
int font_for(const std::string& text) {
  const bool ascii = std::ranges::all_of(text, [](unsigned char c) { return c < 0x80; });
  return ascii ? cv::FONT_HERSHEY_DUPLEX : cv::FONT_HERSHEY_COMPLEX;
}

// A line of text and its rendered size.
struct Text {
  std::string content;
  int font;
  double scale = 1;
  int stroke = 1;
  int width = 0, height = 0, below = 0;  // pixels; `below` the baseline

  Text(std::string text, double cap_pixels)
      : content(std::move(text)),
        font(font_for(content)),
        scale(cap_pixels / kCapHeight),
        stroke(std::max(1, static_cast<int>(std::lround(cap_pixels / 12)))) {
    const cv::Size size = cv::getTextSize(content, font, scale, stroke, &below);
    width = size.width;
    height = size.height;
  }
  void put(cv::Mat& target, int left, int base, const cv::Scalar& color, int extra = 0) const {
    cv::putText(target, content, {left, base}, font, scale, color, stroke + extra, cv::LINE_AA);
  }
};

// Sizes relative to the image: thin lines on a thumbnail, bold ones on a large photo.
struct Looks {
  double line, cap;
  explicit Looks(image::Size size) {
    const double side = std::min(size.width, size.height);
    line = std::clamp(side / 220, 1., 24.);
    cap = std::clamp(side / 44, 7., 110.);
  }
};

void draw_edges(cv::Mat& target, const image::Box& box, double line, const cv::Scalar& color) {
  const double in = line / 2;  // the line's outer rim is the box's edge
  const double right = std::max(box.right - in, box.left + in);
  const double bottom = std::max(box.bottom - in, box.top + in);
  // OpenCV has pixel centres at integers, boxes have pixel edges there.
  cv::rectangle(target, fixed_point(box.left + in - .5, box.top + in - .5),
                fixed_point(right - .5, bottom - .5), color,
                std::max(1, static_cast<int>(std::lround(line))), cv::LINE_AA, kShift);
}

void draw_tag(cv::Mat& target, const image::Box& box, const std::string& label, Color color,
              const Looks& looks) {
  Text text(label, looks.cap);
  const int pad = std::max(2, static_cast<int>(std::lround(looks.cap * .35)));
  const int room = target.cols - 2 * pad;
  if (text.width > room) text = Text(label, looks.cap * std::max(room, 1) / text.width);
  constexpr double kLeastCap = 4;  // smaller is illegible
  if (text.scale * kCapHeight < kLeastCap) return;
  const int width = text.width + 2 * pad, height = text.height + 2 * pad;
  const int left =
      std::clamp(static_cast<int>(std::floor(box.left)), 0, std::max(0, target.cols - width));
  const int above =
      static_cast<int>(std::floor(box.top)) - height;  // inside if there is no room above
  const int top =
      std::clamp(above < 0 ? above + height : above, 0, std::max(0, target.rows - height));
  cv::rectangle(target, cv::Rect(left, top, width, height), scalar(color), cv::FILLED);
  text.put(target, left + pad, top + pad + text.height, ink_on(color));
}

}  // namespace

Color color_of_class(int class_id) {
  // Hues spaced by the golden ratio never come close to their neighbours.
  const double turns = .58 + class_id * .6180339887498949;
  const double hue = (turns - std::floor(turns)) * 6;
  const double saturation = class_id % 2 == 0 ? .85 : .65, value = class_id % 3 == 2 ? .85 : 1;
  const auto channel = [&](double offset) {
    const double k = std::fmod(offset + hue, 6);
    const double part = std::clamp(std::min(k, 4 - k), 0., 1.);
    return static_cast<std::uint8_t>(std::lround(255 * value * (1 - saturation * part)));
  };
  return {channel(5), channel(3), channel(1)};
}

void draw_line(image::Picture& picture, double x, double y, double x2, double y2, Color color) {
  cv::Mat target = view(picture);
  const double line = Looks(picture.size).line;
  const auto put = [&](const cv::Scalar& ink, double width) {
    cv::line(target, fixed_point(x - .5, y - .5), fixed_point(x2 - .5, y2 - .5), ink,
             std::max(1, static_cast<int>(std::lround(width))), cv::LINE_AA, kShift);
  };
  put(cv::Scalar::all(0), 2 * line);
  put(scalar(color), line);
}

void draw_box(image::Picture& picture, const image::Box& box, const std::string& label,
              Color color) {
  const image::Box inside = image::clipped(box, picture.size);
  const Looks looks(picture.size);
  cv::Mat target = view(picture);
  draw_edges(target, inside, looks.line, scalar(color));
  if (!label.empty()) draw_tag(target, inside, label, color, looks);
}

void draw_text(image::Picture& picture, int x, int y, const std::string& content, double scale) {
  constexpr double kCapAtOne = 14;
  const Text text(content, kCapAtOne * scale);
  cv::Mat target = view(picture);
  const int base = y + text.height;
  text.put(target, x, base, cv::Scalar::all(20), std::max(2, 2 * text.stroke));
  text.put(target, x, base, cv::Scalar::all(255));
}

}  // namespace oko::media
