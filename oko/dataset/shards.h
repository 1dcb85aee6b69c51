#pragma once

#include "oko/dataset/source.h"
#include "oko/dataset/tree.h"

namespace oko::dataset {

// Reads the index of a packed dataset (oko/dataset/shard_index.h) and registers where each image is
// with the tree's files: names like "train-000000.tar/000005.jpg" below its root can then be read.
// Also throws an input Error if a shard is missing, or its size or checksum does not match the
// index.
Source read_shards(const Tree& tree);

}  // namespace oko::dataset
