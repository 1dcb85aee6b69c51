#include "oko/media/picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "oko/base/error.h"
#include "oko/storage/store.h"

namespace oko::media {
namespace {

using image::Picture;
using image::Size;
using testing::HasSubstr;

// Seeds of the fuzzer, 16 × 8 pixels each: the left half (200, 40, 30), the right (20, 60, 210).
Bytes seed(const std::string& name) {
  const std::string project = storage::parent(storage::parent(OKO_TEST_DATA));
  return storage::read(project + "/fuzz/corpus/picture/" + name);
}

std::string error_of(const Bytes& file) {
  try {
    decode(file, "photo");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_EQ(error.place(), "photo");
    return error.what();
  }
  return "no error";
}

std::vector<std::byte> copy_of(const Bytes& file) {
  return {file.span().begin(), file.span().end()};
}

Bytes without_end(const Bytes& file, std::size_t bytes) {
  return file.part(0, file.size() - bytes);
}

Picture gradient(Size size) {
  Picture picture{size, {}};
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      for (const int value : {x * 255 / size.width, y * 255 / size.height, 128}) {
        picture.rgb.push_back(static_cast<std::uint8_t>(value));
      }
    }
  }
  return picture;
}

struct Pixel {
  int red, green, blue;
};
Pixel at(const Picture& picture, int x, int y) {
  const auto* p = &picture.rgb[static_cast<std::size_t>((y * picture.size.width + x) * 3)];
  return {p[0], p[1], p[2]};
}
void expect_near(const Pixel& a, const Pixel& b, int tolerance) {
  EXPECT_NEAR(a.red, b.red, tolerance);
  EXPECT_NEAR(a.green, b.green, tolerance);
  EXPECT_NEAR(a.blue, b.blue, tolerance);
}

struct Kind {
  const char* file;
  const char* format;
  bool grey;
};

class EveryKind : public testing::TestWithParam<Kind> {};

TEST_P(EveryKind, IsProbedAndDecodedToRgb) {
  const auto& [name, format, grey] = GetParam();
  const Bytes file = seed(name);
  const PictureInfo info = probe(file);
  EXPECT_EQ(info.format, format);
  EXPECT_EQ(info.size, (Size{16, 8}));
  EXPECT_FALSE(info.truncated);
  const Picture picture = decode(file, name);
  ASSERT_EQ(picture.size, (Size{16, 8}));
  ASSERT_EQ(picture.rgb.size(), 16U * 8 * 3);
  expect_near(at(picture, 3, 4), grey ? Pixel{87, 87, 87} : Pixel{200, 40, 30}, 2);
  expect_near(at(picture, 12, 4), grey ? Pixel{65, 65, 65} : Pixel{20, 60, 210}, 2);
}

INSTANTIATE_TEST_SUITE_P(
    Picture, EveryKind,
    testing::Values(Kind{"rgb.jpg", "jpeg", false}, Kind{"progressive.jpg", "jpeg", false},
                    Kind{"grey.jpg", "jpeg", true}, Kind{"cmyk.jpg", "jpeg", false},
                    Kind{"rgb.png", "png", false}, Kind{"palette.png", "png", false},
                    Kind{"alpha.png", "png", false}, Kind{"grey.png", "png", true},
                    Kind{"grey16.png", "png", true}, Kind{"rgb.bmp", "bmp", false},
                    Kind{"lossy.webp", "webp", false}, Kind{"lossless.webp", "webp", false},
                    Kind{"alpha.webp", "webp", false}, Kind{"rgb.tif", "tiff", false}),
    [](const auto& kind) {
      std::string name = kind.param.file;
      std::ranges::replace(name, '.', '_');
      return name;
    });

TEST(Probe, TellsTheExifOrientationAndDecodingLeavesThePixelsAsStored) {
  const Bytes file = seed("turned.jpg");
  EXPECT_EQ(probe(file).exif_orientation, 6);
  EXPECT_EQ(probe(seed("rgb.jpg")).exif_orientation, 1);
  EXPECT_EQ(decode(file, "turned").size, (Size{16, 8}));
}

TEST(Probe, KnowsGifWhichIsNotDecoded) {
  const PictureInfo info = probe(seed("rgb.gif"));
  EXPECT_EQ(info.format, "gif");
  EXPECT_EQ(info.size, (Size{16, 8}));
  EXPECT_THAT(error_of(seed("rgb.gif")), HasSubstr("GIF cannot be decoded"));
}

TEST(Probe, ReadsBmpRowsFromTheTopToo) {
  auto bytes = copy_of(seed("rgb.bmp"));
  bytes[22] = std::byte{0xF8};  // height −8
  bytes[23] = bytes[24] = bytes[25] = std::byte{0xFF};
  EXPECT_EQ(probe(Bytes(bytes)).size, (Size{16, 8}));
}

TEST(Probe, ReadsTiffOfBothByteOrders) {
  const unsigned char big[] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 3,        //
                               1,   0,   0, 3,  0, 0, 0, 1, 0, 7, 0, 0,  // width 7
                               1,   1,   0, 4,  0, 0, 0, 1, 0, 1, 0, 0,  // height 65536
                               1,   18,  0, 3,  0, 0, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0};
  const auto bytes = std::as_bytes(std::span(big));
  const PictureInfo info = probe(Bytes(std::vector(bytes.begin(), bytes.end())));
  EXPECT_EQ(info.size, (Size{7, 65536}));
  EXPECT_EQ(info.exif_orientation, 3);
}

// Whatever is cut off, a header says what it can and nothing outside is read.
TEST(Probe, SurvivesEveryPrefixOfEveryFormat) {
  for (const char* name : {"turned.jpg", "progressive.jpg", "rgb.png", "rgb.bmp", "lossy.webp",
                           "lossless.webp", "alpha.webp", "rgb.gif", "rgb.tif"}) {
    const auto whole = copy_of(seed(name));
    for (std::size_t count = 0; count < whole.size(); ++count) {
      const std::vector<std::byte> prefix(whole.begin(), whole.begin() + static_cast<long>(count));
      const PictureInfo info = probe(Bytes(prefix));
      if (info.format == "jpeg" || info.format == "png") {
        EXPECT_TRUE(info.truncated) << name << " " << count;
      }
    }
  }
}

TEST(Probe, IsNotDeceivedByTheEndMarkOfAThumbnail) {
  auto bytes = copy_of(seed("rgb.jpg"));
  const auto thumbnail = bytes;  // goes into an APP2 segment of the cut picture
  std::vector<std::byte> segment{std::byte{0xFF}, std::byte{0xE2},
                                 std::byte((thumbnail.size() + 2) >> 8),
                                 std::byte((thumbnail.size() + 2) & 0xFF)};
  segment.insert(segment.end(), thumbnail.begin(), thumbnail.end());
  bytes.insert(bytes.begin() + 2, segment.begin(), segment.end());
  EXPECT_FALSE(probe(Bytes(bytes)).truncated);
  bytes.resize(bytes.size() - 2);
  EXPECT_TRUE(probe(Bytes(bytes)).truncated);
}

TEST(Probe, TakesNoNoteOfWhatFollowsThePicture) {
  auto bytes = copy_of(seed("rgb.jpg"));
  bytes.resize(bytes.size() + 1000);
  EXPECT_FALSE(probe(Bytes(bytes)).truncated);
  EXPECT_EQ(decode(Bytes(bytes), "padded").size, (Size{16, 8}));
}

TEST(Decode, RefusesTruncatedFiles) {
  for (const char* name : {"rgb.jpg", "progressive.jpg", "rgb.png", "lossy.webp"}) {
    EXPECT_THAT(error_of(without_end(seed(name), 12)), HasSubstr("ends before its picture does"));
  }
  EXPECT_THAT(error_of(without_end(seed("rgb.bmp"), 200)), HasSubstr("broken"));
}

TEST(Decode, RefusesWhatIsNoPicture) {
  EXPECT_THAT(error_of(Bytes()), HasSubstr("empty"));
  EXPECT_THAT(error_of(Bytes(std::string_view("<html>not found</html>"))),
              HasSubstr("this is no picture"));
}

TEST(Decode, RefusesHugePicturesBeforeDecoding) {
  auto bytes = copy_of(seed("rgb.png"));
  bytes[16] = bytes[20] = std::byte{1};  // 2^24 + 16 by 2^24 + 8
  EXPECT_THAT(error_of(Bytes(bytes)), HasSubstr("more than 2^28 pixels"));
  bytes[16] = std::byte{0x80};  // a width that is no int
  EXPECT_THAT(error_of(Bytes(bytes)), HasSubstr("tells no size"));
}

TEST(Decode, RefusesBrokenData) {
  auto bytes = copy_of(seed("rgb.png"));
  bytes[45] ^= std::byte{0x55};
  EXPECT_THAT(error_of(Bytes(bytes)), HasSubstr("broken"));
}

TEST(DecodeReduced, TakesTheSmallestFractionThatIsLargeEnough) {
  const Bytes jpeg = Bytes(encode_jpeg(gradient({101, 67})));
  const Bytes png = Bytes(encode_png(gradient({101, 67})));
  for (const Bytes& file : {jpeg, png}) {
    Size original;
    EXPECT_EQ(decode_reduced(file, "x", {52, 10}, original).size, (Size{101, 67}));
    EXPECT_EQ(original, (Size{101, 67}));
    EXPECT_EQ(decode_reduced(file, "x", {51, 34}, original).size, (Size{51, 34}));
    EXPECT_EQ(decode_reduced(file, "x", {26, 17}, original).size, (Size{26, 17}));
    EXPECT_EQ(decode_reduced(file, "x", {1, 1}, original).size, (Size{13, 9}));
    EXPECT_EQ(decode_reduced(file, "x", {500, 500}, original).size, (Size{101, 67}));
    const Picture small = decode_reduced(file, "x", {26, 17}, original);
    expect_near(at(small, 13, 8), at(gradient({101, 67}), 53, 34), 6);
  }
}

TEST(Encode, PngComesBackExactlyAndJpegNearly) {
  const Picture picture = gradient({37, 21});
  EXPECT_EQ(decode(Bytes(encode_png(picture)), "png").rgb, picture.rgb);
  const Picture jpeg = decode(Bytes(encode_jpeg(picture, 95)), "jpeg");
  ASSERT_EQ(jpeg.size, picture.size);
  for (int x = 0; x < 37; ++x) expect_near(at(jpeg, x, 10), at(picture, x, 10), 8);
}

TEST(Save, WritesByExtension) {
  const std::string folder = testing::TempDir() + "oko_media_save";
  const Picture picture = gradient({20, 10});
  save(picture, folder + "/a.PNG");
  save(picture, folder + "/b.jpeg");
  EXPECT_EQ(probe(storage::read(folder + "/a.PNG")).format, "png");
  EXPECT_EQ(probe(storage::read(folder + "/b.jpeg")).format, "jpeg");
  EXPECT_THROW(save(picture, folder + "/c.gif"), Error);
  EXPECT_FALSE(storage::exists(folder + "/c.gif"));
  storage::remove(folder + "/a.PNG");
  storage::remove(folder + "/b.jpeg");
}

TEST(Resized, AveragesAreasWhenSmaller) {
  Picture checks{{8, 8}, {}};
  for (int i = 0; i < 64; ++i) {
    const auto value = static_cast<std::uint8_t>((i / 8 + i) % 2 * 200);
    checks.rgb.insert(checks.rgb.end(), 3, value);
  }
  const Picture small = resized(checks, {2, 2});
  ASSERT_EQ(small.size, (Size{2, 2}));
  for (const auto value : small.rgb) EXPECT_EQ(value, 100);
  EXPECT_EQ(resized(checks, {16, 24}).size, (Size{16, 24}));
}

// Real pictures with all their oddities: grey ones, EXIF, thumbnails, cameras' own markers.
TEST(Decode, ReadsRealPhotosAtTheSizeTheirHeadersTell) {
  const char* data = std::getenv("OKO_DATA");
  if (!data || !storage::exists(std::string(data) + "/raccoon")) {
    GTEST_SKIP() << "the reference data is not here: set OKO_DATA";
  }
  int count = 0;
  for (const char* set : {"raccoon", "voc2007_sample"}) {
    for (const auto& entry : storage::list(std::string(data) + "/" + set + "/JPEGImages")) {
      const Bytes file = storage::map(entry.uri);
      ASSERT_FALSE(probe(file).truncated) << entry.uri;
      Size original;
      const Picture picture = decode_reduced(file, entry.uri, {32, 32}, original);
      EXPECT_EQ(original, probe(file).size);
      ++count;
    }
  }
  EXPECT_EQ(count, 213);
}

}  // namespace
}  // namespace oko::media
