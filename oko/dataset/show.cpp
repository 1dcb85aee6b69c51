#include "oko/dataset/show.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "oko/base/error.h"
#include "oko/base/random.h"
#include "oko/media/draw.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

constexpr int kMargin = 6, kCaption = 20;
constexpr double kCaptionScale = .75;
constexpr std::uint8_t kPaper = 32;

// Copies an image into another at (x, y); it must fit.
void paste(const image::Picture& from, image::Picture& to, int x, int y) {
  for (int row = 0; row < from.size.height; ++row) {
    const auto source = static_cast<std::ptrdiff_t>(row) * from.size.width * 3;
    const auto target = (static_cast<std::ptrdiff_t>(y + row) * to.size.width + x) * 3;
    std::copy_n(from.rgb.begin() + source, static_cast<std::ptrdiff_t>(from.size.width) * 3,
                to.rgb.begin() + target);
  }
}

image::Picture blank(image::Size size) {
  return {size, std::vector<std::uint8_t>(static_cast<std::size_t>(size.width) *
                                              static_cast<std::size_t>(size.height) * 3,
                                          kPaper)};
}

image::Size fitted(image::Size size, int side) {
  const double scale = static_cast<double>(side) / std::max({size.width, size.height, 1});
  return {std::clamp(static_cast<int>(std::lround(size.width * scale)), 1, side),
          std::clamp(static_cast<int>(std::lround(size.height * scale)), 1, side)};
}

// The image at cell size with its boxes drawn.
image::Picture thumbnail(const Dataset& dataset, const Sample& sample, int side) {
  image::Size original;
  const image::Picture decoded =
      media::decode_reduced(picture_bytes(dataset, sample), sample.image, {side, side}, original);
  image::Picture small = media::resized(decoded, fitted(original, side));
  const float x = static_cast<float>(small.size.width) / static_cast<float>(original.width);
  const float y = static_cast<float>(small.size.height) / static_cast<float>(original.height);
  for (const Object& object : sample.objects) {
    const image::Box& box = object.box;
    std::string label = dataset.classes.at(static_cast<std::size_t>(object.class_id));
    if (object.difficult) label += " (difficult)";
    if (object.crowd) label += " (crowd)";
    media::draw_box(small, {box.left * x, box.top * y, box.right * x, box.bottom * y}, label,
                    media::color_of_class(object.class_id));
  }
  if (sample.objects.empty()) media::draw_text(small, kMargin, kMargin, "background");
  return small;
}

std::string shortened(const std::string& text, std::size_t most) {
  return text.size() <= most ? text : "..." + text.substr(text.size() - most + 3);
}

void draw_cell(const Dataset& dataset, const Sample& sample, int x, int y, int side,
               image::Picture& sheet) {
  constexpr int kLetterWidth = 11;  // of the caption's font, roughly
  const auto letters = static_cast<std::size_t>(std::max(8, side / kLetterWidth));
  try {
    const image::Picture small = thumbnail(dataset, sample, side);
    paste(small, sheet, x + (side - small.size.width) / 2, y + (side - small.size.height) / 2);
  } catch (const Error& e) {
    media::draw_text(sheet, x + kMargin, y + side / 2, e.message().substr(0, letters),
                     kCaptionScale);
  }
  std::string caption = storage::filename(sample.image);
  if (!sample.split.empty()) caption += " " + sample.split;
  media::draw_text(sheet, x, y + side + 3, shortened(caption, letters), kCaptionScale);
}

std::vector<std::size_t> chosen_samples(const Dataset& dataset, const SheetOptions& options) {
  std::vector<std::size_t> chosen(dataset.samples.size());
  std::iota(chosen.begin(), chosen.end(), std::size_t{0});
  const auto count = std::min(chosen.size(), static_cast<std::size_t>(options.pictures));
  if (options.seed != 0) {
    Random random(options.seed);
    random.shuffle(std::span(chosen));
    std::sort(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(count));
  }
  chosen.resize(count);
  return chosen;
}

}  // namespace

image::Picture contact_sheet(const Dataset& dataset, const SheetOptions& options,
                             Progress& progress) {
  if (options.pictures < 1 || options.pictures > 1000 || options.columns < 1 ||
      options.columns > 100 || options.cell < 32 || options.cell > 2000) {
    throw Error(ErrorCode::kUsage, "show",
                "a sheet has 1 to 1000 images in 1 to 100 columns, each 32 to 2000 pixels wide");
  }
  const std::vector<std::size_t> chosen = chosen_samples(dataset, options);
  const int count = static_cast<int>(chosen.size());
  const int columns = std::min(options.columns, std::max(count, 1));
  const int rows = (count + columns - 1) / columns;
  const int width = options.cell + kMargin, height = options.cell + kCaption + kMargin;
  image::Picture sheet = blank({columns * width + kMargin, rows * height + kMargin});
  progress.begin("drawing", chosen.size(), "images");
  for (int i = 0; i < count; ++i) {
    draw_cell(dataset, dataset.samples[chosen[i]], kMargin + i % columns * width,
              kMargin + i / columns * height, options.cell, sheet);
    progress.advance();
  }
  progress.end();
  return sheet;
}

}  // namespace oko::dataset
