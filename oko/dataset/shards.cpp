#include "oko/dataset/shards.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "oko/base/error.h"
#include "oko/dataset/format.h"
#include "oko/dataset/pack.h"
#include "oko/dataset/shard_index.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

// The one index of a tree.
std::string find_index(const Tree& tree) {
  if (!tree.file().empty()) return tree.file();
  std::vector<std::string> found = tree.with_extension(".jsonl");
  std::erase_if(found,
                [&](const std::string& path) { return !is_shard_index(tree.read(path).text()); });
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    throw input_error(tree.root(), fmt::format("there is no {}", kShardIndexName),
                      "give the folder that oko data pack wrote");
  }
  throw Error(ErrorCode::kUsage, tree.root(),
              fmt::format("{} are indexes of different datasets", fmt::join(found, " and ")),
              "choose one of them");
}

// A shard's file, which must be the one that was packed.
const storage::Entry& find_shard(const Tree& tree, const std::string& path, const Shard& shard) {
  const storage::Entry* entry = tree.shard(path);
  if (entry == nullptr) {
    throw input_error(tree.uri(path), "the shard is missing, but the index lists it", kShardHint);
  }
  if (entry->size != shard.bytes) {
    throw input_error(entry->uri,
                      fmt::format("has {} bytes, but the index says {}", entry->size, shard.bytes),
                      kShardHint);
  }
  if (entry->crc32c.value_or(shard.crc32c) != shard.crc32c) {
    throw input_error(entry->uri, "its checksum differs from the index", kShardHint);
  }
  return *entry;
}

}  // namespace

Source read_shards(const Tree& tree) {
  const std::string index_path = find_index(tree), folder = storage::parent(index_path);
  tree.set_aside(index_path);
  ShardIndex index = parse_shard_index(tree.read(index_path).text(), index_path);
  std::vector<std::string> paths;
  std::vector<const storage::Entry*> shards;
  for (const Shard& shard : index.shards) {
    paths.push_back(storage::join(folder, shard.name));
    shards.push_back(&find_shard(tree, paths.back(), shard));
  }
  Source source{{}, std::move(index.content.classes), std::move(index.content.findings)};
  source.upright = index.upright;
  source.pictures.reserve(index.places.size());
  for (std::size_t i = 0; i < index.places.size(); ++i) {
    const ShardPlace& place = index.places[i];
    const storage::Entry& shard = *shards[place.shard];
    ParsedPicture& picture = index.content.pictures[i];
    const std::string image = paths[place.shard] + "/" + place.file;
    tree.shared_files()->add(tree.uri(image),
                             {shard.uri, shard.version, place.offset, place.bytes, place.crc32c});
    const std::string id = picture.name, split = picture.split;
    source.pictures.push_back({id, image, index_path, split, std::move(picture)});
  }
  return source;
}

const Format& shards_format() {
  static const Format format{
      .name = kPackedFormat,
      .title = "shards",
      .evidence = "shards (shards.jsonl)",
      .files = {{"an index of shards", {".jsonl"}, is_shard_index}},
      .read = [](const Tree& tree, BoxPixels) { return read_shards(tree); },
      .holds = {.crowds = true,
                .difficult = true,
                .truncated = true,
                .any_split = true,
                .sizes = true,
                .pixels = true},
      .write = [](const Dataset& dataset, const std::string& folder, Progress& progress,
                  const PictureFiles& pictures) { pack(dataset, folder, {}, progress, pictures); }};
  return format;
}

}  // namespace oko::dataset
