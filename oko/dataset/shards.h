#pragma once

#include "oko/dataset/assemble.h"
#include "oko/dataset/tree.h"

namespace oko::dataset {

// Reads the index of a packed dataset (oko/dataset/shard_index.h) and tells the tree's files where
// each picture lies: the names "train-000000.tar/000005.jpg" below its root can then be read.
// Throws an input Error also where a shard is missing, or is not the one that the index was written
// for by its size or checksum.
Source read_shards(const Tree& tree);

}  // namespace oko::dataset
