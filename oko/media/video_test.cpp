#include "oko/media/video.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "oko/base/error.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::media {
namespace {

using image::Picture;
using image::Size;

// Frame k of a clip: a colour that depends on k.
Picture frame(Size size, int k) {
  Picture picture{size, {}};
  for (int i = 0; i < size.width * size.height; ++i) {
    for (const int value : {20 + 20 * k, 200 - 15 * k, 90}) {
      picture.rgb.push_back(static_cast<std::uint8_t>(value));
    }
  }
  return picture;
}

std::string in_temp(const std::string& name) {
  return testing::TempDir() + "oko_media_video/" + name;
}

class WrittenVideo : public testing::TestWithParam<const char*> {};

TEST_P(WrittenVideo, RoundTripsFrameByFrame) {
  const std::string path = in_temp(GetParam());
  const Size size{64, 48};
  auto writer = create_video(path, {size, 10, 0});
  for (int k = 0; k < 8; ++k) writer->add(frame(size, k));
  EXPECT_FALSE(storage::exists(path));  // not before it is complete
  writer->close();

  auto reader = open_video(path);
  EXPECT_EQ(reader->info().size, size);
  EXPECT_NEAR(reader->info().frames_per_second, 10, 1e-6);
  EXPECT_EQ(reader->info().frame_count, 8);
  Picture picture;
  for (int k = 0; k < 8; ++k) {
    ASSERT_TRUE(reader->next(picture)) << k;
    ASSERT_EQ(picture.size, size);
    const std::size_t middle = (24 * 64 + 32) * 3;
    EXPECT_NEAR(picture.rgb[middle], 20 + 20 * k, 12);
    EXPECT_NEAR(picture.rgb[middle + 1], 200 - 15 * k, 12);
    EXPECT_NEAR(picture.rgb[middle + 2], 90, 12);
  }
  EXPECT_FALSE(reader->next(picture));
  storage::remove(path);
}

INSTANTIATE_TEST_SUITE_P(Video, WrittenVideo, testing::Values("clip.mp4", "clip.avi"));

TEST(CreateVideo, LeavesNothingBehindWithoutClose) {
  const std::string path = in_temp("abandoned.avi");
  {
    auto writer = create_video(path, {{64, 48}, 10, 0});
    writer->add(frame({64, 48}, 1));
  }
  EXPECT_FALSE(storage::exists(path));
}

TEST(CreateVideo, RejectsInvalidVideos) {
  EXPECT_THROW(create_video(in_temp("a.mov"), {{64, 48}, 10, 0}), Error);
  EXPECT_THROW(create_video(in_temp("a.avi"), {{64, 48}, 0, 0}), Error);
  EXPECT_THROW(create_video(in_temp("a.avi"), {{0, 48}, 10, 0}), Error);
  auto writer = create_video(in_temp("a.avi"), {{64, 48}, 10, 0});
  EXPECT_THROW(writer->add(frame({32, 48}, 1)), Error);
  EXPECT_THROW(writer->close(), Error);  // without a frame
  EXPECT_FALSE(storage::exists(in_temp("a.avi")));
}

TEST(OpenVideo, RejectsMissingAndBrokenFiles) {
  EXPECT_THROW(open_video(in_temp("missing.mp4")), Error);
  EXPECT_THROW(open_video(testing::TempDir()), Error);
  const std::string path = in_temp("broken.mp4");
  storage::write(path, std::string_view("not a video, whatever its name says"));
  EXPECT_THROW(open_video(path), Error);
  storage::remove(path);
}

TEST(OpenVideo, RejectsFramesWithMorePixelsThanAllowed) {
  const std::string path = in_temp("large.avi");
  const auto writer = create_video(path, {{64, 48}, 10, 0});
  writer->add(frame({64, 48}, 1));
  writer->close();
  set_max_pixels(64 * 48 - 1);
  EXPECT_THROW(open_video(path), Error);
  set_max_pixels(64 * 48);
  EXPECT_NO_THROW(open_video(path));
  set_max_pixels(kDefaultMaxPixels);
  storage::remove(path);
}

// Truncated or damaged anywhere: an Error, or fewer frames, and nothing printed.
TEST(OpenVideo, PrintsNothingForBrokenFiles) {
  for (const char* name : {"broken.avi", "broken.mp4"}) {
    const std::string path = in_temp(name);
    {
      const auto writer = create_video(path, {{64, 48}, 10, 0});
      for (int k = 0; k < 4; ++k) writer->add(frame({64, 48}, k));
      writer->close();
    }
    const std::string whole = storage::read_text(path);
    testing::internal::CaptureStderr();
    for (std::size_t part = 0; part < 16; ++part) {
      const std::size_t at = whole.size() * part / 16;
      std::string damaged = whole;
      for (std::size_t i = at; i < std::min(whole.size(), at + 20); ++i) damaged[i] ^= 0x55;
      for (const std::string& content : {whole.substr(0, at), damaged}) {
        storage::write(path, content);
        try {
          const auto reader = open_video(path);
          Picture picture;
          while (reader->next(picture)) {
          }
        } catch (const Error&) {
        }
      }
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << name;
    storage::remove(path);
  }
}

TEST(OpenVideo, RejectsPipesWithoutBlocking) {
  const std::string pipe = ::testing::TempDir() + "oko_pipe.mp4";
  std::filesystem::remove(pipe);
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0644), 0);
  EXPECT_THROW(open_video(pipe), Error);
  std::filesystem::remove(pipe);
}

TEST(OpenVideo, RejectsMissingCameras) {
  EXPECT_THROW(open_video("camera:front"), Error);
  EXPECT_THROW(open_video("camera:"), Error);
  EXPECT_THROW(open_video("camera:4711"), Error);
}

TEST(Names, AreRecognizedByExtensionInAnyCase) {
  EXPECT_TRUE(is_video_name("gs://bucket/a.MP4"));
  EXPECT_TRUE(is_picture_name("folder.d/b.JPeG"));
  EXPECT_FALSE(is_picture_name("b.mp4"));
  EXPECT_FALSE(is_video_name("mp4"));
  EXPECT_FALSE(is_picture_name("jpg/readme"));
}

TEST(OpenVideo, ReadsRealClips) {
  const char* root = std::getenv("OKO_DATA");
  if (!root || !storage::exists(std::string(root) + "/video")) {
    GTEST_SKIP() << "the reference data is missing: set OKO_DATA";
  }
  const std::string folder = std::string(root) + "/video/";
  struct Clip {
    const char* name;
    Size size;
    double rate;
    long frames;
  };
  for (const auto& clip : {Clip{"bottle-detection.mp4", {640, 360}, 29.83, 1189},
                           Clip{"car-detection.mp4", {768, 432}, 12.5, 377},
                           Clip{"vtest_first15s.avi", {768, 576}, 10, 150}}) {
    SCOPED_TRACE(clip.name);
    auto reader = open_video(folder + clip.name);
    EXPECT_EQ(reader->info().size, clip.size);
    EXPECT_NEAR(reader->info().frames_per_second, clip.rate, .01);
    EXPECT_EQ(reader->info().frame_count, clip.frames);
    Picture picture;
    for (int i = 0; i < 30; ++i) ASSERT_TRUE(reader->next(picture));
    EXPECT_EQ(picture.size, clip.size);
  }
}

// The published RGB image of frame 149 was converted from the decoder's planes by another program.
TEST(OpenVideo, MatchesTheColoursOfTheReferenceFrame) {
  const char* root = std::getenv("OKO_DATA");
  const std::string folder = std::string(root ? root : "") + "/video/";
  if (!root || !storage::exists(folder)) {
    GTEST_SKIP() << "the reference data is missing: set OKO_DATA";
  }
  std::string name;
  for (const auto& entry : storage::list(folder + "raw_frames")) {
    if (storage::extension(entry.uri) == ".png") name = entry.uri;
  }
  ASSERT_FALSE(name.empty());
  const Picture expected = decode(storage::read(name), name);
  auto reader = open_video(folder + "bottle-detection.mp4");
  Picture picture;
  for (int i = 0; i <= 149; ++i) ASSERT_TRUE(reader->next(picture));
  ASSERT_EQ(picture.size, expected.size);
  double sum = 0;
  for (std::size_t i = 0; i < picture.rgb.size(); ++i) {
    sum += std::abs(int{picture.rgb[i]} - int{expected.rgb[i]});
  }
  EXPECT_LT(sum / static_cast<double>(picture.rgb.size()), 2);
}

}  // namespace
}  // namespace oko::media
