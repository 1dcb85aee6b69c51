#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "oko/base/progress.h"
#include "oko/dataset/dataset.h"
#include "oko/dataset/shard_index.h"
#include "oko/dataset/write.h"

namespace oko::dataset {

struct PackOptions {
  std::uint64_t shard_bytes = 256'000'000;  // of a shard, about; a larger picture has one to itself
  // In which order pictures lie in the shards of their split, for programs that read them one after
  // another; 0: the dataset's. Reading gives the dataset's own order back in any case.
  std::uint64_t seed = 1;
  // Asked before every picture: true ends the work with an Error of kInterrupted.
  std::function<bool()> interrupted;
};

// Writes a dataset into a new or empty folder as tar files and their index (docs/datasets.md):
// pictures byte for byte, beside each a .json of its boxes, as WebDataset wants it. Reading the
// folder gives the same samples in the same order. The same dataset and options give the same
// bytes. The index comes last; when the work fails, the shards written before are removed.
// Pictures of which no annotation tells the size are asked for it themselves: an input Error where
// they do not say, as for pictures that cannot be read, names that are not UTF-8, and class names
// that come twice.
std::vector<Shard> pack(const Dataset& dataset, const std::string& folder,
                        const PackOptions& options, Progress& progress);

// The same with pictures of the caller's making, asked for one after another.
std::vector<Shard> pack(const Dataset& dataset, const std::string& folder,
                        const PackOptions& options, Progress& progress,
                        const PictureFiles& pictures);

}  // namespace oko::dataset
