#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "oko/dataset/augment.h"
#include "oko/dataset/dataset.h"

namespace oko::dataset {

// The pictures of a dataset, decoded when first asked for and kept while they fit in memory. What
// is kept stays: a data set larger than the memory is read again in parts, but no picture pushes
// another one out. The dataset must outlive it. Safe from several threads, which wait for each
// other only where they ask for the same picture.
class CachedPictures final : public PictureSource {
 public:
  // Pictures are reduced by powers of two as far as their fit to `fit` (letterbox or stretched)
  // still has at least its own size; with a fit of 0×0 they are decoded whole.
  CachedPictures(const Dataset& dataset, image::Size fit, const image::Preprocess& preprocess,
                 std::size_t cache_bytes);
  CachedPictures(Dataset&&, image::Size, const image::Preprocess&, std::size_t) = delete;

  // Throws the Error of a picture that cannot be read or decoded; it names the picture.
  Item get(std::size_t sample) override;
  // Soon these are asked for, in this order: begins to fetch what is not kept.
  void read_ahead(std::span<const std::size_t> samples);
  std::size_t size() const override { return slots_.size(); }
  std::size_t cached_bytes() const { return used_; }

 private:
  struct Slot {
    std::mutex mutex;
    Item item;  // without a picture where it is not kept
  };
  Item load(const Sample& sample) const;
  bool reserve(std::size_t bytes);

  const Dataset& dataset_;
  image::Size fit_;
  image::Preprocess preprocess_;
  std::size_t limit_;
  std::atomic<std::size_t> used_{0};
  std::vector<Slot> slots_;
};

}  // namespace oko::dataset
