#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/json.h"
#include "oko/dataset/dataset.h"
#include "oko/dataset/parsed.h"

namespace oko::dataset {

// A dataset packed into tar files, and the index of where each image is in them (see
// docs/datasets.md for the format). The index is text with a JSON object per line: first the head,
// then each image, in the order of the packed dataset.

inline constexpr char kShardIndexName[] = "shards.jsonl";
// The hint if index and shards do not match.
inline constexpr char kShardHint[] = "pack again or copy again";

struct Shard {
  std::string name;  // of a file next to the index
  std::uint64_t bytes = 0;
  std::uint32_t crc32c = 0;
  std::uint64_t pictures = 0;
};

// Where an image's bytes are.
struct ShardPlace {
  std::size_t shard = 0;  // index of the shard
  std::string file;       // "000005.jpg", its name in the shard
  std::uint64_t offset = 0, bytes = 0;
  std::uint32_t crc32c = 0;
};

struct ShardIndex {
  std::vector<Shard> shards;
  std::vector<ShardPlace> places;  // of each picture in `content`
  ParsedFile content;              // a picture's `name` is its id
  bool upright = false;            // it declares that boxes and sizes are on upright pixels
};

// Throws an input Error "name:line" if it is not an index, has an unknown version, or is
// inconsistent: every place is inside its shard, names are plain file names, ids and places are
// unique. Boxes that cannot be used become findings.
ShardIndex parse_shard_index(std::string_view text, const std::string& name);

// The two kinds of lines. Throws Json's exception if a name is not UTF-8.
std::string shard_head_text(const std::vector<Shard>& shards,
                            const std::vector<std::string>& classes, std::size_t pictures);
std::string shard_picture_text(const Sample& sample, const ShardPlace& place);

// Objects as in the index and in the .json next to each image; the latter with class names.
Json shard_objects(const Sample& sample, const std::vector<std::string>* classes);

// Whether a .jsonl file looks like an index.
bool is_shard_index(std::string_view text);

}  // namespace oko::dataset
