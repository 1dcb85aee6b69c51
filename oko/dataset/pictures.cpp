#include "oko/dataset/pictures.h"

#include <cassert>
#include <cmath>

#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

// The size of `picture` in an input of size `fit`.
image::Size fitted(image::Size picture, image::Size fit, const image::Preprocess& preprocess) {
  const image::Placement placement = image::place(picture, fit, preprocess);
  const auto side = [](int length, float scale) {
    return static_cast<int>(std::lround(static_cast<float>(length) * scale));
  };
  return {side(picture.width, placement.scale_x), side(picture.height, placement.scale_y)};
}

}  // namespace

CachedPictures::CachedPictures(const Dataset& dataset, image::Size fit,
                               const image::Preprocess& preprocess, std::size_t cache_bytes)
    : dataset_(dataset),
      fit_(fit),
      preprocess_(preprocess),
      limit_(cache_bytes),
      slots_(dataset.samples.size()) {}

PictureSource::Item CachedPictures::get(std::size_t sample) {
  assert(sample < slots_.size());
  Slot& slot = slots_[sample];
  std::lock_guard lock(slot.mutex);
  if (slot.item.picture) return slot.item;
  Item item = load(dataset_.samples[sample]);
  if (reserve(item.picture->rgb.size())) slot.item = item;
  return item;
}

void CachedPictures::read_ahead(std::span<const std::size_t> samples) {
  std::vector<std::size_t> missing;
  for (const std::size_t sample : samples) {
    Slot& slot = slots_[sample];
    const std::unique_lock lock(slot.mutex, std::try_to_lock);
    if (lock && !slot.item.picture) missing.push_back(sample);
  }
  dataset::read_ahead(dataset_, missing);
}

bool CachedPictures::reserve(std::size_t bytes) {
  if (used_.fetch_add(bytes) + bytes <= limit_) return true;
  used_ -= bytes;
  return false;
}

PictureSource::Item CachedPictures::load(const Sample& sample) const {
  const Bytes file = picture_bytes(dataset_, sample);
  auto picture = std::make_shared<image::Picture>();
  Item item{nullptr, sample.objects};
  const image::Size size = media::probe(file).upright_size();
  if (fit_ == image::Size{} || size.width <= 0 || size.height <= 0) {
    *picture = media::decode(file, sample.image);
  } else {
    image::Size original;
    *picture = media::decode_reduced(file, sample.image, fitted(size, fit_, preprocess_), original);
    const float x = static_cast<float>(picture->size.width) / static_cast<float>(original.width);
    const float y = static_cast<float>(picture->size.height) / static_cast<float>(original.height);
    for (Object& object : item.objects) {
      image::Box& box = object.box;
      box = {box.left * x, box.top * y, box.right * x, box.bottom * y};
    }
  }
  item.picture = std::move(picture);
  return item;
}

}  // namespace oko::dataset
