#include "oko/dataset/augment.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "oko/dataset/warp.h"

namespace oko::dataset {
namespace {

constexpr float kSmallest = 2;  // pixels; a truth must be wider and higher

// A factor up to `most` or down to its inverse, either way equally likely.
double draw_factor(double most, Random& random) {
  const double factor = random.uniform(1, most);
  return random.chance(.5) ? factor : 1 / factor;
}

ColorShift draw_color(const Augmentation& settings, Random& random) {
  ColorShift color;
  color.hue = random.uniform(-settings.hue, settings.hue);
  color.saturation = draw_factor(settings.saturation, random);
  color.value = draw_factor(settings.value, random);
  return color;
}

// The image's size in the input and whether it is mirrored; `zoom` times its letterbox fit.
Warp draw_size(image::Size picture, image::Size input, const image::Preprocess& preprocess,
               const Augmentation& settings, double zoom, Random& random) {
  const image::Placement fit = image::place(picture, input, preprocess);
  const double scale = zoom * random.uniform(settings.scale_low, settings.scale_high);
  const double stretch = std::sqrt(draw_factor(1 + settings.jitter, random));
  Warp warp;
  warp.width = std::max(1., static_cast<double>(fit.scale_x) * picture.width * scale * stretch);
  warp.height = std::max(1., static_cast<double>(fit.scale_y) * picture.height * scale / stretch);
  warp.flip = random.chance(settings.flip);
  return warp;
}

// The part of `box` (of an image drawn by `warp`) that is visible inside `region`.
void add_truths(const PictureSource::Item& item, const Warp& warp, const image::Box& region,
                image::Size input, double min_visible, std::vector<Truth>& truths) {
  const image::Size size = item.picture->size;
  for (const Object& object : item.objects) {
    if (object.crowd) continue;
    const image::Box whole = warp.to_input(image::clipped(object.box, size), size);
    const image::Box seen{std::max(whole.left, region.left), std::max(whole.top, region.top),
                          std::min(whole.right, region.right),
                          std::min(whole.bottom, region.bottom)};
    if (!(seen.width() > kSmallest && seen.height() > kSmallest)) continue;
    if (seen.area() < static_cast<float>(min_visible) * whole.area()) continue;
    const auto w = static_cast<float>(input.width), h = static_cast<float>(input.height);
    truths.push_back({object.class_id, (seen.left + seen.right) / 2 / w,
                      (seen.top + seen.bottom) / 2 / h, seen.width() / w, seen.height() / h});
  }
}

image::Box box_of(const Region& region) {
  return {static_cast<float>(region.left), static_cast<float>(region.top),
          static_cast<float>(region.right), static_cast<float>(region.bottom)};
}

// What stays the same for one example.
struct Maker {
  PictureSource& source;
  const Augmentation& settings;
  const image::Preprocess& preprocess;
  image::Size input;
  Random& random;

  Canvas canvas(std::span<float> planes) const { return {planes, input, preprocess}; }

  std::vector<Truth> make(std::size_t index, std::span<float> planes) {
    fill_border(canvas(planes));
    return random.chance(settings.mosaic) ? mosaic(index, planes) : single(index, planes);
  }

  // A single image, around its letterbox placement.
  std::vector<Truth> single(std::size_t index, std::span<float> planes) {
    const PictureSource::Item item = source.get(index);
    Warp warp = draw_size(item.picture->size, input, preprocess, settings, 1, random);
    const double shift = settings.translate;
    warp.left = (input.width - warp.width) / 2 + random.uniform(-shift, shift) * input.width;
    warp.top = (input.height - warp.height) / 2 + random.uniform(-shift, shift) * input.height;
    std::vector<Truth> truths;
    draw(item, warp, {0, 0, input.width, input.height}, planes, truths);
    return truths;
  }

  // Four pictures around a random centre: this one and three others, in random quadrants.
  std::vector<Truth> mosaic(std::size_t index, std::span<float> planes) {
    const int x = static_cast<int>(random.uniform(.3, .7) * input.width);
    const int y = static_cast<int>(random.uniform(.3, .7) * input.height);
    std::array<Region, 4> quadrants{{{0, 0, x, y},
                                     {x, 0, input.width, y},
                                     {0, y, x, input.height},
                                     {x, y, input.width, input.height}}};
    random.shuffle(std::span<Region>(quadrants));
    std::vector<Truth> truths;
    for (const Region& quadrant : quadrants) {
      // Between the fit to a quadrant (1/2) and to the whole input, so that objects keep about
      // their usual size without most of them being cut off.
      constexpr double kZoom = .75;
      const PictureSource::Item item = source.get(index);
      Warp warp = draw_size(item.picture->size, input, preprocess, settings, kZoom, random);
      warp.left = draw_offset(quadrant.left, quadrant.right, warp.width);
      warp.top = draw_offset(quadrant.top, quadrant.bottom, warp.height);
      draw(item, warp, quadrant, planes, truths);
      index = random.below(source.size());
    }
    return truths;
  }

  // Where something of `length` starts: anywhere such that it covers [low, high) or is inside it.
  double draw_offset(int low, int high, double length) {
    return low + random.uniform() * (high - low - length);
  }

  void draw(const PictureSource::Item& item, const Warp& warp, const Region& region,
            std::span<float> planes, std::vector<Truth>& truths) {
    draw_warped(*item.picture, warp, draw_color(settings, random), region, canvas(planes));
    add_truths(item, warp, box_of(region), input, settings.min_visible, truths);
  }

  // Blends in a second example. The mean of four draws stays near a half, so that the objects of
  // both images stay visible.
  void mixup(std::span<float> planes, std::vector<Truth>& truths) {
    std::vector<float> other(planes.size());
    const std::vector<Truth> more = make(random.below(source.size()), other);
    double sum = 0;
    for (int i = 0; i < 4; ++i) sum += random.uniform();
    const auto share = static_cast<float>(sum / 4);
    for (std::size_t i = 0; i < planes.size(); ++i) {
      planes[i] = share * planes[i] + (1 - share) * other[i];
    }
    truths.insert(truths.end(), more.begin(), more.end());
  }
};

// Exactly what evaluation and the phone do, with every box.
std::vector<Truth> letterboxed(const PictureSource::Item& item, image::Size input,
                               const image::Preprocess& preprocess, std::span<float> planes) {
  const image::Placement placement =
      image::letterbox(item.picture->frame(), input, preprocess, planes);
  const auto w = static_cast<float>(input.width), h = static_cast<float>(input.height);
  std::vector<Truth> truths;
  for (const Object& object : item.objects) {
    if (object.crowd) continue;
    const image::Box box = placement.to_input(image::clipped(object.box, item.picture->size));
    if (box.area() <= 0) continue;
    truths.push_back({object.class_id, (box.left + box.right) / 2 / w,
                      (box.top + box.bottom) / 2 / h, box.width() / w, box.height() / h});
  }
  return truths;
}

}  // namespace

Augmentation Augmentation::none() {
  return {.scale_low = 1,
          .scale_high = 1,
          .jitter = 0,
          .translate = 0,
          .hue = 0,
          .saturation = 1,
          .value = 1,
          .flip = 0,
          .mosaic = 0,
          .mixup = 0,
          .min_visible = 0};
}

std::vector<Truth> augment_into(PictureSource& source, std::size_t index, image::Size input,
                                const image::Preprocess& preprocess, const Augmentation& settings,
                                Random& random, std::span<float> planes) {
  if (settings == Augmentation::none()) {
    return letterboxed(source.get(index), input, preprocess, planes);
  }
  Maker maker{source, settings, preprocess, input, random};
  std::vector<Truth> truths = maker.make(index, planes);
  if (random.chance(settings.mixup)) maker.mixup(planes, truths);
  normalize(maker.canvas(planes));
  return truths;
}

AugmentedSample augment(PictureSource& source, std::size_t index, image::Size input,
                        const image::Preprocess& preprocess, const Augmentation& settings,
                        Random& random) {
  AugmentedSample sample;
  sample.input.resize(static_cast<std::size_t>(input.width) *
                      static_cast<std::size_t>(input.height) * 3);
  sample.truths = augment_into(source, index, input, preprocess, settings, random, sample.input);
  return sample;
}

}  // namespace oko::dataset
