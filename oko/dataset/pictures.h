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

// The images of a dataset, decoded on first use and cached while they fit in memory. Nothing is
// evicted: of a dataset larger than the cache, the rest is decoded again each time. The dataset
// must outlive it. Thread-safe; threads wait for each other only for the same image.
class CachedPictures final : public PictureSource {
 public:
  // Images are reduced by powers of two as long as they stay at least as large as their fit to
  // `fit` (letterbox or stretched); with a fit of 0×0 they are decoded at full size.
  CachedPictures(const Dataset& dataset, image::Size fit, const image::Preprocess& preprocess,
                 std::size_t cache_bytes);
  CachedPictures(Dataset&&, image::Size, const image::Preprocess&, std::size_t) = delete;

  // Throws an Error naming the image if it cannot be read or decoded.
  Item get(std::size_t sample) override;
  // Prefetches what is not cached; these will be requested soon, in this order.
  void read_ahead(std::span<const std::size_t> samples);
  std::size_t size() const override { return slots_.size(); }
  std::size_t cached_bytes() const { return used_; }

 private:
  struct Slot {
    std::mutex mutex;
    Item item;  // without an image if it is not cached
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
