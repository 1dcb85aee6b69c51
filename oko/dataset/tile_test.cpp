#include "oko/dataset/tile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "oko/dataset/read.h"
#include "oko/dataset/test_data.h"
#include "oko/dataset/write.h"
#include "oko/image/tiles.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

// 70 × 35 pixels, each another colour: tiles of 2 × 2 are 40 × 20, from 0 or 30 and 0 or 15.
class Tiles : public ::testing::Test {
 protected:
  Tiles() {
    for (int i = 0; i < 70 * 35; ++i) {
      for (const int c : {i % 70, i / 70, 7}) {
        picture_.rgb.push_back(static_cast<std::uint8_t>(3 * c));
      }
    }
    media::save(picture_, folder_ / "images/a.png");
    Sample sample;
    sample.id = "a";
    sample.image = folder_ / "images/a.png";
    sample.size = picture_.size;
    sample.split = "train";
    data_ = {folder_.path(), "voc", {"dot", "bar"}, {sample}};
  }
  void add(const image::Box& box, int class_id = 0) {
    data_.samples[0].objects.push_back({box, class_id, false, false, false, ""});
  }
  static std::vector<image::Box> boxes_of(const Sample& sample) {
    std::vector<image::Box> boxes;
    for (const Object& object : sample.objects) boxes.push_back(object.box);
    return boxes;
  }

  const ScratchFolder folder_;
  image::Picture picture_{{70, 35}, {}};
  Dataset data_;
};

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(Tiles, HoldTheBoxesThatShowInThem) {
  add({2, 3, 10, 12});       // in the first tile
  add({32, 16, 38, 19}, 1);  // in all four
  add({25, 2, 35, 6});       // half in the second one
  add({24, 9, 34, 13});      // less than half in it
  const Tiled tiled = dataset::tiled(data_, {});
  ASSERT_EQ(tiled.data.samples.size(), 5U);
  EXPECT_EQ(tiled.data.samples[0].id, "a");
  const Sample& second = tiled.data.samples[2];
  EXPECT_EQ(second.size, (image::Size{40, 20}));
  EXPECT_EQ(second.split, "train");
  EXPECT_THAT(boxes_of(second), ElementsAre(image::Box{2, 16, 8, 19}, image::Box{0, 2, 5, 6}));
  EXPECT_EQ(second.objects[0].class_id, 1);
  EXPECT_FALSE(second.objects[0].truncated);
  EXPECT_TRUE(second.objects[1].truncated);
  EXPECT_EQ(tiled.boxes_cut, 1);
  EXPECT_EQ(tiled.boxes_nowhere, 0);
  EXPECT_THAT(boxes_of(tiled.data.samples[4]), ElementsAre(image::Box{2, 1, 8, 4}));
}

TEST_F(Tiles, WithoutWholeImagesLoseWhatIsTooLargeAndCountIt) {
  add({0, 0, 70, 35});
  add({2, 3, 10, 12});
  TileOptions options;
  options.whole = false;
  const Tiled tiled = dataset::tiled(data_, options);
  EXPECT_EQ(tiled.data.samples.size(), 4U);
  EXPECT_EQ(tiled.boxes_nowhere, 1);
}

TEST_F(Tiles, AreWrittenAsTheyAreInTheImage) {
  add({32, 16, 38, 19});
  const Tiled tiled = dataset::tiled(data_, {});
  NoProgress progress;
  for (const char* format : {"voc", "yolo"}) {
    const std::string out = folder_ / format;
    write(tiled.data, out, format, progress, tiled.pictures);
    const Dataset back = read(out);
    ASSERT_EQ(back.samples.size(), 5U);
    for (const Sample& sample : back.samples) {
      const image::Picture tile = media::decode(picture_bytes(back, sample), sample.image);
      if (sample.id.find("tile") == std::string::npos) {
        EXPECT_EQ(tile.rgb, picture_.rgb);
        continue;
      }
      ASSERT_EQ(sample.objects.size(), 1U);
      // The same pixel under the corner of the box, wherever the tile is.
      const auto x = static_cast<std::size_t>(sample.objects[0].box.left + .5F),
                 y = static_cast<std::size_t>(sample.objects[0].box.top + .5F);
      const std::size_t at = 3 * (y * static_cast<std::size_t>(tile.size.width) + x);
      EXPECT_EQ(tile.rgb[at], 3 * 32);
      EXPECT_EQ(tile.rgb[at + 1], 3 * 16);
    }
  }
}

TEST_F(Tiles, DoNotTakeTheNamesOfOtherImages) {
  Sample other = data_.samples[0];
  other.id = "a.tile1";
  data_.samples.push_back(other);
  const Tiled tiled = dataset::tiled(data_, {});
  std::set<std::string> ids;
  for (const Sample& sample : tiled.data.samples) {
    EXPECT_TRUE(ids.insert(sample.id).second) << sample.id;
  }
  EXPECT_EQ(media::decode(tiled.pictures(other).content, "whole").size, picture_.size);
}

}  // namespace
}  // namespace oko::dataset
