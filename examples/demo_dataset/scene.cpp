#include "scene.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

namespace demo {
namespace {

using oko::Random;

constexpr double kMostHidden = .7;  // an object hidden more than that is placed anew
constexpr int kSmallest = 10;       // pixels; the same for a lower or narrower rest
constexpr double kDifficult = .6;   // hidden more than that: difficult
constexpr double kTruncated = .04;  // outside more than that: truncated

// Something that lies over the picture: RGBA floats, colour multiplied by alpha.
struct Layer {
  cv::Mat rgba;
  cv::Point origin;   // of its top left corner, perhaps outside the picture
  int kind = -1;      // of the object it shows; −1: none
  bool solid = true;  // hides what is below; shadows do not
};

double draw_log(double low, double high, Random& random) {
  return low * std::pow(high / low, random.uniform());
}

const cv::Mat& pick(const std::vector<cv::Mat>& from, Random& random) {
  return from[random.below(from.size())];
}

// A piece of the photograph with the wanted aspect, between a quarter of the most that there is
// and nearly all of it.
cv::Mat draw_background(const cv::Mat& photograph, cv::Size size, Random& random) {
  const double most = std::min(photograph.cols / static_cast<double>(size.width),
                               photograph.rows / static_cast<double>(size.height));
  const double scale = most * random.uniform(.25, .9);
  const int width = std::min(photograph.cols, static_cast<int>(size.width * scale));
  const int height = std::min(photograph.rows, static_cast<int>(size.height * scale));
  const auto offset = [&](int room) { return static_cast<int>(random.uniform() * (room + 1)); };
  const int x = offset(photograph.cols - width), y = offset(photograph.rows - height);
  cv::Mat piece, result;
  cv::resize(photograph(cv::Rect(x, y, width, height)), piece, size, 0, 0,
             scale > 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
  if (random.chance(.5)) cv::flip(piece, piece, 1);
  piece.convertTo(result, CV_32FC3, 1 / 255.);
  return result;
}

// The glyph with its longer side at `side` pixels, mirrored, stretched, sheared and turned, with
// room around it for blur.
cv::Mat turn(const cv::Mat& glyph, double side, Random& random) {
  const double scale = side / std::max(glyph.cols, glyph.rows);
  const double stretch = std::sqrt(draw_log(.8, 1.25, random));
  cv::Mat sized;
  cv::resize(glyph, sized, {}, scale * stretch, scale / stretch,
             scale < 1 ? cv::INTER_AREA : cv::INTER_LINEAR);
  if (random.chance(.5)) cv::flip(sized, sized, 1);

  const double angle = random.uniform(-40, 40) * std::numbers::pi / 180;
  const double shear = random.uniform(-.15, .15);
  const double c = std::cos(angle), s = std::sin(angle);
  cv::Matx23d map(c, shear * c - s, 0, s, shear * s + c, 0);
  const double w = std::abs(map(0, 0)) * sized.cols + std::abs(map(0, 1)) * sized.rows;
  const double h = std::abs(map(1, 0)) * sized.cols + std::abs(map(1, 1)) * sized.rows;
  const cv::Size size(static_cast<int>(w) + 10, static_cast<int>(h) + 10);
  map(0, 2) = (size.width - map(0, 0) * sized.cols - map(0, 1) * sized.rows) / 2;
  map(1, 2) = (size.height - map(1, 0) * sized.cols - map(1, 1) * sized.rows) / 2;
  cv::Mat turned;
  cv::warpAffine(sized, turned, map, size, cv::INTER_LINEAR, cv::BORDER_CONSTANT, {0, 0, 0, 0});
  return turned;
}

// Light of some colour and strength that falls off across the layer.
void light(cv::Mat& rgba, Random& random) {
  const double gain = random.uniform(.6, 1.15), slope = random.uniform(0, .45);
  const double angle = random.uniform(0, 2 * std::numbers::pi);
  const double dx = slope * std::cos(angle) / rgba.cols, dy = slope * std::sin(angle) / rgba.rows;
  cv::Vec3d tint;
  for (int i = 0; i < 3; ++i) tint[i] = gain * random.uniform(.9, 1.1);
  for (int y = 0; y < rgba.rows; ++y) {
    auto* row = rgba.ptr<cv::Vec4f>(y);
    for (int x = 0; x < rgba.cols; ++x) {
      const double level = 1 + dx * (x - rgba.cols / 2.) + dy * (y - rgba.rows / 2.);
      for (int i = 0; i < 3; ++i) {
        row[x][i] = std::min(row[x][3], static_cast<float>(row[x][i] * level * tint[i]));
      }
    }
  }
}

cv::Mat alpha_of(const cv::Mat& rgba) {
  cv::Mat alpha;
  cv::extractChannel(rgba, alpha, 3);
  return alpha;
}

// A soft dark copy of an object, a little beside it.
Layer shadow_of(const Layer& object, Random& random) {
  const int reach = 3 + std::min(object.rgba.cols, object.rgba.rows) / 12;
  cv::Mat alpha;
  cv::copyMakeBorder(alpha_of(object.rgba), alpha, reach, reach, reach, reach, cv::BORDER_CONSTANT,
                     0);
  cv::GaussianBlur(alpha, alpha, {}, reach * .5);
  alpha *= random.uniform(.15, .5);
  Layer shadow;
  const cv::Mat dark = cv::Mat::zeros(alpha.size(), CV_32FC1);
  cv::merge(std::vector<cv::Mat>{dark, dark, dark, alpha}, shadow.rgba);
  const auto shift = [&] { return static_cast<int>(random.uniform(-1.2, 1.2) * reach) - reach; };
  const int dx = shift(), dy = shift();
  shadow.origin = object.origin + cv::Point(dx, dy);
  shadow.solid = false;
  return shadow;
}

Layer draw_object(const std::vector<cv::Mat>& glyphs, cv::Size canvas, Random& random) {
  Layer layer;
  layer.kind = static_cast<int>(random.below(glyphs.size()));
  const double side = std::min(canvas.width, canvas.height) * draw_log(.16, .6, random);
  layer.rgba = turn(glyphs[layer.kind], side, random);
  cv::GaussianBlur(layer.rgba, layer.rgba, {}, random.uniform(.2, 1.3));
  light(layer.rgba, random);
  // The centre lies inside the picture, so that at least a good part does.
  layer.origin = {static_cast<int>(random.uniform(.06, .94) * canvas.width) - layer.rgba.cols / 2,
                  static_cast<int>(random.uniform(.06, .94) * canvas.height) - layer.rgba.rows / 2};
  return layer;
}

// A ragged piece of another photograph over one side of an object.
Layer draw_cover(const cv::Mat& photograph, const Layer& object, Random& random) {
  const double side = std::max(object.rgba.cols, object.rgba.rows);
  const int radius = static_cast<int>(side * random.uniform(.2, .4)) + 3;
  const int size = 2 * radius + 9;
  std::vector<cv::Point> outline;
  const int corners = 5 + static_cast<int>(random.below(6));
  for (int i = 0; i < corners; ++i) {
    const double angle = 2 * std::numbers::pi * i / corners, reach = radius * random.uniform(.6, 1);
    outline.emplace_back(static_cast<int>(size / 2. + reach * std::cos(angle)),
                         static_cast<int>(size / 2. + reach * std::sin(angle)));
  }
  cv::Mat alpha = cv::Mat::zeros(size, size, CV_32FC1);
  cv::fillPoly(alpha, std::vector<std::vector<cv::Point>>{outline}, 1.);
  cv::GaussianBlur(alpha, alpha, {}, random.uniform(.6, 1.5));
  std::vector<cv::Mat> planes;
  cv::split(draw_background(photograph, {size, size}, random), planes);
  for (cv::Mat& plane : planes) plane = plane.mul(alpha);
  planes.push_back(alpha);

  Layer layer;
  cv::merge(planes, layer.rgba);
  const double angle = random.uniform(0, 2 * std::numbers::pi);
  const cv::Point center = object.origin + cv::Point(object.rgba.cols / 2, object.rgba.rows / 2) +
                           cv::Point(static_cast<int>(object.rgba.cols * .4 * std::cos(angle)),
                                     static_cast<int>(object.rgba.rows * .4 * std::sin(angle)));
  layer.origin = center - cv::Point(size / 2, size / 2);
  return layer;
}

std::vector<Layer> draw_layers(const std::vector<cv::Mat>& photographs,
                               const std::vector<cv::Mat>& glyphs, cv::Size canvas,
                               Random& random) {
  std::vector<Layer> layers;
  if (random.chance(.125)) return layers;
  const int count = 1 + static_cast<int>(random.below(4));
  for (int i = 0; i < count; ++i) {
    const Layer object = draw_object(glyphs, canvas, random);
    layers.push_back(shadow_of(object, random));
    layers.push_back(object);
    if (random.chance(.3)) layers.push_back(draw_cover(pick(photographs, random), object, random));
  }
  return layers;
}

// The parts of the picture and of the layer that lie over each other.
struct Overlap {
  cv::Rect in_picture, in_layer;
};

Overlap overlap_of(const Layer& layer, cv::Size canvas) {
  const cv::Rect in_picture = cv::Rect(layer.origin, layer.rgba.size()) & cv::Rect({0, 0}, canvas);
  return {in_picture, in_picture - layer.origin};
}

void lay_over(cv::Mat& picture, const Layer& layer) {
  const Overlap overlap = overlap_of(layer, picture.size());
  for (int y = 0; y < overlap.in_picture.height; ++y) {
    auto* to = picture.ptr<cv::Vec3f>(overlap.in_picture.y + y) + overlap.in_picture.x;
    const auto* from = layer.rgba.ptr<cv::Vec4f>(overlap.in_layer.y + y) + overlap.in_layer.x;
    for (int x = 0; x < overlap.in_picture.width; ++x) {
      for (int i = 0; i < 3; ++i) to[x][i] = to[x][i] * (1 - from[x][3]) + from[x][i];
    }
  }
}

// What can be seen of layers[index], on the whole picture, by the layers after it.
cv::Mat visible_part(const std::vector<Layer>& layers, std::size_t index, cv::Size canvas) {
  cv::Mat seen = cv::Mat::zeros(canvas, CV_32FC1);
  const Overlap own = overlap_of(layers[index], canvas);
  if (own.in_picture.empty()) return seen;
  alpha_of(layers[index].rgba(own.in_layer)).copyTo(seen(own.in_picture));
  for (std::size_t i = index + 1; i < layers.size(); ++i) {
    const Overlap over = overlap_of(layers[i], canvas);
    if (!layers[i].solid || over.in_picture.empty()) continue;
    cv::Mat part = seen(over.in_picture);
    const cv::Mat through = 1 - alpha_of(layers[i].rgba(over.in_layer));
    cv::multiply(part, through, part);
  }
  return seen;
}

// The objects of some layers; false where too little can be seen of one to ask for it.
bool describe(const std::vector<Layer>& layers, cv::Size canvas, std::vector<Placed>& objects) {
  objects.clear();
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].kind < 0) continue;
    const cv::Mat seen = visible_part(layers, i, canvas);
    const double whole = cv::sum(alpha_of(layers[i].rgba))[0];
    const double inside =
        cv::sum(alpha_of(layers[i].rgba)(overlap_of(layers[i], canvas).in_layer))[0];
    const double hidden = 1 - cv::sum(seen)[0] / whole;
    if (hidden > kMostHidden) return false;
    cv::Mat mask;
    cv::compare(seen, .4, mask, cv::CMP_GT);
    Placed placed;
    placed.kind = layers[i].kind;
    placed.box = cv::boundingRect(mask);
    if (std::min(placed.box.width, placed.box.height) < kSmallest) return false;
    placed.truncated = inside < (1 - kTruncated) * whole;
    placed.difficult = hidden > kDifficult;
    objects.push_back(placed);
  }
  return true;
}

// What a cheap camera does: exposure, a little blur, noise.
cv::Mat photographed(cv::Mat picture, Random& random) {
  if (random.chance(.5)) cv::GaussianBlur(picture, picture, {}, random.uniform(.3, .9));
  cv::Mat noise(picture.size(), CV_32FC3);
  cv::RNG(random.bits()).fill(noise, cv::RNG::NORMAL, 0, random.uniform(.004, .035));
  picture = picture * random.uniform(.75, 1.15) + noise;
  cv::Mat bytes;
  picture.convertTo(bytes, CV_8UC3, 255);
  return bytes;
}

}  // namespace

Scene make_scene(const std::vector<cv::Mat>& photographs, const std::vector<cv::Mat>& glyphs,
                 Random& random) {
  static const std::vector<cv::Size> kSizes{{320, 320}, {416, 320}, {320, 416}, {400, 300}};
  const cv::Size size = kSizes[random.below(kSizes.size())];
  cv::Mat picture = draw_background(pick(photographs, random), size, random);
  Scene scene;
  std::vector<Layer> layers;
  do {
    layers = draw_layers(photographs, glyphs, size, random);
  } while (!describe(layers, size, scene.objects));
  for (const Layer& layer : layers) lay_over(picture, layer);
  scene.picture = photographed(picture, random);
  return scene;
}

}  // namespace demo
