#include "oko/dataset/tile.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "oko/image/tiles.h"
#include "oko/media/picture.h"
#include "oko/storage/uri.h"

namespace oko::dataset {
namespace {

struct Cut {
  std::size_t sample = 0;  // of the source
  image::Region region;
};

image::Picture part_of(const image::Picture& picture, const image::Region& region) {
  image::Picture part{{region.width, region.height}, {}};
  const auto row = static_cast<std::size_t>(picture.size.width) * 3;
  for (int y = region.top; y < region.top + region.height; ++y) {
    const auto first = picture.rgb.begin() +
                       static_cast<std::ptrdiff_t>(static_cast<std::size_t>(y) * row +
                                                   static_cast<std::size_t>(region.left) * 3);
    part.rgb.insert(part.rgb.end(), first, first + std::ptrdiff_t{region.width} * 3);
  }
  return part;
}

PictureFile tile_file(const Dataset& dataset, const Cut& cut) {
  constexpr int kQuality = 95;
  const Sample& sample = dataset.samples[cut.sample];
  const image::Picture whole = media::decode(picture_bytes(dataset, sample), sample.image);
  const image::Picture tile = part_of(whole, cut.region);
  if (storage::extension(sample.image) == ".png") return {".png", Bytes(media::encode_png(tile))};
  return {".jpg", Bytes(media::encode_jpeg(tile, kQuality))};
}

// The object as it shows in a tile; false if it hardly does.
bool move_into(Object& object, const image::Region& tile, float least_visible) {
  const image::Box visible = image::clipped(object.box, tile);
  if (!(visible.area() > 0) || visible.area() < least_visible * object.box.area()) return false;
  object.truncated = object.truncated || visible.area() < object.box.area();
  const auto left = static_cast<float>(tile.left), top = static_cast<float>(tile.top);
  object.box = {visible.left - left, visible.top - top, visible.right - left, visible.bottom - top};
  return true;
}

class Cutter {
 public:
  Cutter(const Dataset& dataset, const TileOptions& options)
      : dataset_(dataset), options_(options), cuts_(std::make_shared<Cuts>()) {
    result_.data = empty_like(dataset);
    for (const Sample& sample : dataset.samples) ids_.insert(sample.id);
  }

  Tiled run() {
    for (std::size_t i = 0; i < dataset_.samples.size(); ++i) cut(i);
    const PictureFiles whole = stored_pictures(dataset_);
    result_.pictures = [&dataset = dataset_, cuts = cuts_, whole](const Sample& sample) {
      const auto found = cuts->find(sample.id);
      return found == cuts->end() ? whole(sample) : tile_file(dataset, found->second);
    };
    return std::move(result_);
  }

 private:
  using Cuts = std::unordered_map<std::string, Cut>;  // by the id of the tile

  // Unlike all ids of the source, and of other tiles.
  std::string new_id(const std::string& sample, std::size_t number) {
    std::string id = fmt::format("{}.tile{}", sample, number);
    while (!ids_.insert(id).second) id += '_';
    return id;
  }

  void cut(std::size_t index) {
    const Sample& sample = dataset_.samples[index];
    if (options_.whole) result_.data.samples.push_back(sample);
    std::vector<bool> shown(sample.objects.size(), options_.whole);
    const auto tiles =
        image::tiles_of({0, 0, sample.size.width, sample.size.height}, options_.tiles);
    for (std::size_t t = 0; t < tiles.size(); ++t) {
      Sample tile = sample;
      tile.id = new_id(sample.id, t + 1);
      tile.annotation.clear();
      tile.size = {tiles[t].width, tiles[t].height};
      tile.objects.clear();
      for (std::size_t o = 0; o < sample.objects.size(); ++o) {
        Object object = sample.objects[o];
        if (!move_into(object, tiles[t], options_.least_visible)) continue;
        shown[o] = true;
        result_.boxes_cut += object.truncated && !sample.objects[o].truncated ? 1 : 0;
        tile.objects.push_back(std::move(object));
      }
      cuts_->insert_or_assign(tile.id, Cut{index, tiles[t]});
      result_.data.samples.push_back(std::move(tile));
    }
    result_.boxes_nowhere += static_cast<int>(std::ranges::count(shown, false));
  }

  const Dataset& dataset_;
  const TileOptions& options_;
  std::shared_ptr<Cuts> cuts_;
  std::unordered_set<std::string> ids_;
  Tiled result_;
};

}  // namespace

Tiled tiled(const Dataset& dataset, const TileOptions& options) {
  return Cutter(dataset, options).run();
}

}  // namespace oko::dataset
