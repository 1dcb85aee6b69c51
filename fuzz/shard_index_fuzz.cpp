// needs: dataset
// Any text is rejected or read into images inside their shards, with usable boxes.

#include "annotations.h"
#include "oko/dataset/shard_index.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace oko::dataset;
  is_shard_index(text_of(data, size));
  try {
    const ShardIndex index = parse_shard_index(text_of(data, size), "input");
    expect_usable(index.content);
    if (index.places.size() != index.content.pictures.size()) std::abort();
    for (const ShardPlace& place : index.places) {
      const Shard& shard = index.shards.at(place.shard);
      if (place.bytes > shard.bytes || place.offset > shard.bytes - place.bytes) std::abort();
      if (place.file.find('/') != std::string::npos) std::abort();
    }
    for (const ParsedPicture& picture : index.content.pictures) {
      if (picture.split.find('/') != std::string::npos || picture.split == "..") std::abort();
    }
    for (const Shard& shard : index.shards) {
      if (shard.name.find('/') != std::string::npos || shard.name.starts_with('.')) std::abort();
    }
  } catch (const oko::Error&) {
  }
  return 0;
}
