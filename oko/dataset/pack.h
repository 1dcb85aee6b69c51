#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/dataset/new_dataset.h"
#include "oko/dataset/shard_index.h"

namespace oko::dataset {

inline constexpr char kPackedFormat[] = "shards";  // its name (oko/dataset/format.h)

struct PackOptions {
  std::uint64_t shard_bytes =
      256'000'000;  // approximate shard size; a larger image gets its own shard
  // Shuffles the order of images in the shards of their split, for programs that read sequentially;
  // 0: the dataset's order. Reading restores the dataset's own order in any case.
  std::uint64_t seed = 1;
  // Called before every image: true stops with an Error of kInterrupted.
  std::function<bool()> interrupted;
};

// Writes a dataset into a new or empty folder as tar files and their index (docs/datasets.md):
// images byte for byte, each followed by a .json of its boxes, as in WebDataset. Reading the folder
// gives the same samples in the same order. The same dataset and options give the same bytes. The
// index comes last; on failure, the shards written so far are removed. If no annotation has an
// image's size, it is read from the image. Throws an input Error for images that cannot be read,
// names that are not UTF-8, and duplicate class names.
std::vector<Shard> pack(const Dataset& dataset, const std::string& folder,
                        const PackOptions& options, Progress& progress);

// The same with images provided by the caller, requested one after another.
std::vector<Shard> pack(const Dataset& dataset, const std::string& folder,
                        const PackOptions& options, Progress& progress,
                        const PictureFiles& pictures);

}  // namespace oko::dataset
