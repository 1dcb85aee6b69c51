#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "oko/base/json.h"
#include "oko/dataset/parsed.h"

namespace oko::dataset {

// A dataset packed into tar files, and the index that tells where each picture lies in them
// (docs/datasets.md has the format). The index is text, a JSON object a line: first the head, then
// each picture, in the order of the dataset that was packed.

inline constexpr char kShardIndexName[] = "shards.jsonl";
// What helps where index and shards do not fit.
inline constexpr char kShardHint[] = "pack again or copy again";

struct Shard {
  std::string name;  // of a file beside the index
  std::uint64_t bytes = 0;
  std::uint32_t crc32c = 0;
  std::uint64_t pictures = 0;
};

// Where a picture's bytes lie.
struct ShardPlace {
  std::size_t shard = 0;  // which of the index's
  std::string file;       // "000005.jpg", its name in the shard
  std::uint64_t offset = 0, bytes = 0;
  std::uint32_t crc32c = 0;
};

struct ShardIndex {
  std::vector<Shard> shards;
  std::vector<ShardPlace> places;  // of each picture in `content`
  ParsedFile content;              // a picture's `name` is its id
  bool upright = false;            // it says that boxes and sizes are on upright pixels
};

// Throws an input Error "name:line" where the index is no index, is of a version that this reader
// does not know, or contradicts itself: every place lies inside its shard, names lead nowhere else,
// ids and places are all different. Boxes that cannot be used become findings.
ShardIndex parse_shard_index(std::string_view text, const std::string& name);

// The two kinds of lines. Throws Json's exception where a name is not UTF-8.
std::string shard_head_text(const std::vector<Shard>& shards,
                            const std::vector<std::string>& classes, std::size_t pictures);
std::string shard_picture_text(const Sample& sample, const ShardPlace& place);

// Objects as the index and the .json beside each picture have them; the latter with class names.
Json shard_objects(const Sample& sample, const std::vector<std::string>* classes);

// Whether a .jsonl file looks like an index.
bool is_shard_index(std::string_view text);

}  // namespace oko::dataset
