#include <gtest/gtest.h>

#include "oko/media/picture.h"
#include "oko/media/video.h"
#include "tests/storage/test_google.h"

namespace oko::media {
namespace {

TEST(VideoInABucket, IsWrittenAndReadThere) {
  const testing::TestGoogle google;
  const std::string uri = "gs://oko-test/clip.avi";
  const image::Size size{64, 48};
  auto writer = create_video(uri, {size, 10, 0});
  const image::Picture grey{size, std::vector<std::uint8_t>(64 * 48 * 3, 120)};
  for (int k = 0; k < 5; ++k) writer->add(grey);
  EXPECT_FALSE(storage::exists(uri));
  writer->close();

  const auto reader = open_video(uri);
  EXPECT_EQ(reader->info().size, size);
  image::Picture picture;
  int frames = 0;
  for (; reader->next(picture); ++frames) EXPECT_NEAR(picture.rgb[1000], 120, 5);
  EXPECT_EQ(frames, 5);
}

}  // namespace
}  // namespace oko::media
