#include "oko/media/picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "oko/base/error.h"
#include "oko/base/random.h"
#include "oko/storage/store.h"

namespace oko::media {
namespace {

using image::Picture;
using image::Size;
using testing::HasSubstr;

// Seeds of the fuzzer, 16 × 8 pixels each: the left half (200, 40, 30), the right (20, 60, 210).
Bytes seed(const std::string& name) {
  return storage::read(std::string(OKO_SOURCE_DIR "/fuzz/corpus/picture/") + name);
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
  const auto* p = &picture.rgb[(y * picture.size.width + x) * 3];
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

TEST(Probe, ReportsTheExifOrientationAndTheStoredSize) {
  const Bytes file = seed("turned.jpg");
  EXPECT_EQ(probe(file).exif_orientation, 6);
  EXPECT_EQ(probe(seed("rgb.jpg")).exif_orientation, 1);
  EXPECT_EQ(probe(file).size, (Size{16, 8}));
  EXPECT_EQ(decode(file, "turned").size, (Size{8, 16}));
}

TEST(Probe, RecognizesGifWhichIsNotDecoded) {
  const PictureInfo info = probe(seed("rgb.gif"));
  EXPECT_EQ(info.format, "gif");
  EXPECT_EQ(info.size, (Size{16, 8}));
  EXPECT_THAT(error_of(seed("rgb.gif")), HasSubstr("GIF cannot be decoded"));
}

TEST(Probe, ReadsTopDownBmp) {
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

// However short the prefix, the header is used as far as possible and nothing outside is read.
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

TEST(Probe, IgnoresWhatFollowsTheImage) {
  auto bytes = copy_of(seed("rgb.jpg"));
  bytes.resize(bytes.size() + 1000);
  EXPECT_FALSE(probe(Bytes(bytes)).truncated);
  EXPECT_EQ(decode(Bytes(bytes), "padded").size, (Size{16, 8}));
}

TEST(Decode, RejectsTruncatedFiles) {
  for (const char* name :
       {"rgb.jpg", "progressive.jpg", "rgb.png", "lossy.webp", "rgb.bmp", "rgb.tif"}) {
    EXPECT_THAT(error_of(without_end(seed(name), 24)), HasSubstr("ends before its image does"))
        << name;
  }
}

TEST(Decode, RejectsFilesThatAreNotImages) {
  EXPECT_THAT(error_of(Bytes()), HasSubstr("empty"));
  EXPECT_THAT(error_of(Bytes(std::string_view("<html>not found</html>"))),
              HasSubstr("is not an image"));
}

TEST(Decode, AcceptsFilesThatLackOnlyTheirEndMark) {
  for (const char* name : {"rgb.jpg", "grey.jpg", "cmyk.jpg"}) {
    const Bytes cut = without_end(seed(name), 2);
    EXPECT_TRUE(probe(cut).truncated);
    EXPECT_EQ(decode(cut, name).rgb, decode(seed(name), name).rgb) << name;
  }
  EXPECT_EQ(decode(without_end(seed("rgb.png"), 12), "png").rgb,
            decode(seed("rgb.png"), "png").rgb);
}

TEST(Decode, RejectsHugeImagesBeforeDecoding) {
  auto bytes = copy_of(seed("rgb.png"));
  bytes[16] = bytes[20] = std::byte{1};  // 2^24 + 16 by 2^24 + 8
  EXPECT_THAT(error_of(Bytes(bytes)), HasSubstr("more than 100000000 pixels"));
  bytes[16] = std::byte{0x80};  // a width that does not fit an int
  EXPECT_THAT(error_of(Bytes(bytes)), HasSubstr("no image size"));
}

// Overwrites bytes with a big-endian number.
void put_big(std::vector<std::byte>& bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes.at(at + i) = std::byte(value >> (24 - 8 * i) & 0xFF);
}

TEST(Decode, RejectsHugeImagesOfEveryKindBeforeDecoding) {
  constexpr std::uint32_t kSide = 16001;  // fits the size field of every format
  const auto refused = [](const std::vector<std::byte>& bytes, const char* name) {
    EXPECT_THAT(error_of(Bytes(bytes)), HasSubstr("x16001 is more than 100000000 pixels")) << name;
  };
  const auto put = [&](std::vector<std::byte>& bytes, std::size_t at, std::uint32_t value,
                       std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) bytes.at(at + i) = std::byte(value >> (8 * i) & 0xFF);
  };
  auto png = copy_of(seed("rgb.png"));
  put_big(png, 16, kSide);
  put_big(png, 20, kSide);
  refused(png, "png");
  auto bmp = copy_of(seed("rgb.bmp"));
  put(bmp, 18, kSide, 4);
  put(bmp, 22, kSide, 4);
  refused(bmp, "bmp");
  auto lossy = copy_of(seed("lossy.webp"));
  put(lossy, 26, kSide, 2);
  put(lossy, 28, kSide, 2);
  refused(lossy, "lossy.webp");
  auto lossless = copy_of(seed("lossless.webp"));
  put(lossless, 21, (kSide - 1) << 14 | (kSide - 1), 4);
  refused(lossless, "lossless.webp");
  auto jpeg = copy_of(seed("rgb.jpg"));
  for (std::size_t at = 2; at + 9 < jpeg.size(); ++at) {
    if (jpeg[at] != std::byte{0xFF} || jpeg[at + 1] != std::byte{0xC0}) continue;
    put_big(jpeg, at + 5, kSide << 16 | kSide);
    break;
  }
  refused(jpeg, "jpeg");
  for (const char* name : {"photo.heic", "photo.avif"}) {
    auto heif = copy_of(seed(name));
    if (probe(Bytes(heif)).size == Size{}) continue;  // built without libheif
    const std::string_view text(reinterpret_cast<const char*>(heif.data()), heif.size());
    const std::size_t at = text.find("ispe");
    put_big(heif, at + 8, kSide);
    put_big(heif, at + 12, kSide);
    refused(heif, name);
  }
}

// 10 x 10 pixels, cropped from 100 x 80.
TEST(Decode, CountsThePixelsThatAreCroppedAway) {
  const Bytes file = seed("cropped.heic");
  if (probe(file).size == Size{}) GTEST_SKIP() << "built without libheif";
  EXPECT_EQ(probe(file).size, (Size{10, 10}));
  EXPECT_EQ(decode(file, "cropped").size, (Size{10, 10}));
  set_max_pixels(100 * 80 - 1);
  const std::string error = error_of(file);
  set_max_pixels(kDefaultMaxPixels);
  EXPECT_THAT(error, HasSubstr("100x80 is more than 7999 pixels"));
}

// A tile may be larger than its image; up to 64 MiB are accepted.
TEST(Decode, BoundsTheTilesOfATiff) {
  const auto tiff = [](std::uint32_t side) {
    std::vector<std::byte> bytes;
    const auto append = [&](std::uint32_t value, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) bytes.push_back(std::byte(value >> (8 * i) & 0xFF));
    };
    append(0x002A4949, 4);
    append(8, 4);
    const std::pair<std::uint32_t, std::uint32_t> tags[] = {{256, 1},
                                                            {257, 1},
                                                            {258, 8},
                                                            {259, 32773},
                                                            {262, 1},
                                                            {277, 1},
                                                            {284, 1},
                                                            {322, side},
                                                            {323, side},
                                                            {324, 142},
                                                            {325, 2 * (side * side / 128)}};
    append(std::size(tags), 2);
    for (const auto& [tag, value] : tags) {
      append(tag, 2);
      append(4, 2);
      append(1, 4);
      append(value, 4);
    }
    bytes.resize(142);
    for (std::uint32_t i = 0; i < side * side / 128; ++i) append(0x4081, 2);  // 128 times 64
    return Bytes(bytes);
  };
  EXPECT_EQ(decode(tiff(64), "small").rgb, (std::vector<std::uint8_t>{64, 64, 64}));
  EXPECT_THAT(error_of(tiff(16384)), HasSubstr("the image's data is broken"));
}

TEST(Decode, RejectsMorePixelsThanAllowed) {
  set_max_pixels(16 * 8 - 1);
  const std::string error = error_of(seed("rgb.jpg"));
  set_max_pixels(kDefaultMaxPixels);
  EXPECT_THAT(error, HasSubstr("16x8 is more than 127 pixels"));
  EXPECT_THAT(error, HasSubstr("--max-pixels 128"));
  EXPECT_EQ(error_of(seed("rgb.jpg")), "no error");
}

// An image with a known upright form, stored for each orientation.
Bytes turned_file(int orientation) {
  auto bytes = copy_of(seed("turned.jpg"));
  const std::string_view tag("\x12\x01\x03\0", 4), big_tag("\x01\x12\0\x03", 4);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto little = text.find(tag), big = text.find(big_tag);
  if (little != text.npos) {
    bytes[little + 8] = std::byte(orientation);
  } else {
    bytes.at(big + 9) = std::byte(orientation);
  }
  return Bytes(bytes);
}

// A little-endian TIFF with the orientation in its first directory, moved to the end.
Bytes tiff_turned(const Bytes& file, int orientation) {
  auto bytes = copy_of(file);
  const auto number = [&](std::size_t at, std::size_t count) {
    std::size_t value = 0;
    for (std::size_t i = count; i > 0; --i) {
      value = value << 8 | std::to_integer<std::size_t>(bytes.at(at + i - 1));
    }
    return value;
  };
  const auto append = [&](std::size_t value, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) bytes.push_back(std::byte(value >> (8 * i) & 0xFF));
  };
  constexpr std::size_t kOrientation = 274;
  const std::size_t directory = number(4, 4), entries = number(directory, 2);
  bytes.resize(bytes.size() + bytes.size() % 2);
  const std::size_t moved = bytes.size();
  std::vector<std::size_t> kept;
  for (std::size_t i = 0; i < entries; ++i) {
    if (number(directory + 2 + 12 * i, 2) != kOrientation) kept.push_back(directory + 2 + 12 * i);
  }
  append(kept.size() + 1, 2);
  bool written = false;
  const auto write_orientation = [&] {
    append(kOrientation, 2);
    append(3, 2);  // a 16-bit number
    append(1, 4);
    append(static_cast<std::size_t>(orientation), 4);
    written = true;
  };
  for (const std::size_t entry : kept) {  // tags in ascending order
    if (!written && number(entry, 2) > kOrientation) write_orientation();
    append(number(entry, 2), 2);
    append(number(entry + 2, 2), 2);
    append(number(entry + 4, 4), 4);
    append(number(entry + 8, 4), 4);
  }
  if (!written) write_orientation();
  append(0, 4);  // no further directory
  for (std::size_t i = 0; i < 4; ++i) bytes[4 + i] = std::byte(moved >> (8 * i) & 0xFF);
  return Bytes(bytes);
}

TEST(Decode, AppliesEveryOrientation) {
  const Picture stored = decode(turned_file(1), "stored");  // red left, blue right
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Bytes file = turned_file(orientation);
    ASSERT_EQ(probe(file).exif_orientation, orientation);
    const Picture upright = decode(file, "turned");
    ASSERT_EQ(upright.size, probe(file).upright_size());
    EXPECT_EQ(upright.size, orientation < 5 ? (Size{16, 8}) : (Size{8, 16}));
    const bool red_first =
        orientation == 1 || orientation == 4 || orientation == 5 || orientation == 6;
    const Pixel first = orientation < 5 ? at(upright, 3, 4) : at(upright, 4, 3);
    expect_near(first, red_first ? Pixel{200, 40, 30} : Pixel{20, 60, 210}, 40);
    EXPECT_EQ(upright.rgb, turned_upright(stored, orientation).rgb);
    Size original;
    EXPECT_EQ(decode_reduced(file, "turned", {1, 1}, original).size,
              orientation < 5 ? (Size{2, 1}) : (Size{1, 2}));
    EXPECT_EQ(original, upright.size);
  }
}

// EXIF is before the pixels in a PNG and after them in a WebP.
TEST(Decode, RotatesPngAndWebpByTheirExif) {
  for (const auto& [name, plain] :
       {std::pair("turned.png", "rgb.png"), {"turned.webp", "lossy.webp"}}) {
    EXPECT_EQ(probe(seed(name)).exif_orientation, 6) << name;
    EXPECT_EQ(probe(seed(name)).size, (Size{16, 8})) << name;
    EXPECT_EQ(decode(seed(name), name).rgb, turned_upright(decode(seed(plain), plain), 6).rgb);
  }
}

// HEIC has its own rotation ("irot"); applying its EXIF orientation would rotate twice.
TEST(Decode, RotatesHeicOnce) {
  const Bytes turned = seed("turned.heic");
  const PictureInfo info = probe(turned);
  EXPECT_EQ(info.format, "heic");
  EXPECT_EQ(info.exif_orientation, 1);
  if (info.size == Size{}) GTEST_SKIP() << "built without libheif";
  EXPECT_EQ(info.size, (Size{80, 100}));
  EXPECT_EQ(decode(turned, "turned").rgb,
            turned_upright(decode(seed("photo.heic"), "photo"), 8).rgb);
}

TEST(Probe, IgnoresExifThatDecodersIgnore) {
  auto png = copy_of(seed("turned.png"));
  const std::string_view text(reinterpret_cast<const char*>(png.data()), png.size());
  const auto exif = static_cast<long>(text.find("eXIf") - 4);
  const std::vector chunk(png.begin() + exif, png.begin() + exif + 38);
  png.erase(png.begin() + exif, png.begin() + exif + 38);
  png.insert(png.end() - 12, chunk.begin(), chunk.end());  // after the pixels
  EXPECT_EQ(probe(Bytes(png)).exif_orientation, 1);
  EXPECT_EQ(decode(Bytes(png), "png").size, (Size{16, 8}));
  auto webp = copy_of(seed("turned.webp"));
  webp[20] = std::byte{0};  // its header says that there is none
  EXPECT_EQ(probe(Bytes(webp)).exif_orientation, 1);
}

// The beginning of a file yields the same as the whole, or nothing.
TEST(ProbeHead, NeverContradictsTheWholeFile) {
  for (const char* name :
       {"turned.jpg", "progressive.jpg", "turned.png", "rgb.bmp", "turned.webp", "lossless.webp",
        "alpha.webp", "rgb.gif", "rgb.tif", "photo.heic", "photo.avif"}) {
    const Bytes whole = seed(name);
    const PictureInfo info = probe(whole);
    std::size_t first = 0;
    for (std::size_t count = 0; count <= whole.size(); ++count) {
      const auto head = probe_head(whole.part(0, count));
      if (!head) continue;
      if (first == 0) first = count;
      EXPECT_EQ(head->format, info.format) << name << " " << count;
      EXPECT_EQ(head->size, info.size) << name << " " << count;
      EXPECT_EQ(head->exif_orientation, info.exif_orientation) << name << " " << count;
    }
    const std::string ending = storage::extension(name);
    if (ending == ".jpg" || ending == ".png" || ending == ".bmp" || ending == ".gif") {
      EXPECT_GT(first, 0u) << name;
      EXPECT_LT(first, whole.size()) << name;
    }
    if (std::string(name) == "turned.webp") {
      EXPECT_GT(first, whole.size() - 10);
    }
  }
}

TEST(Decode, RotatesTiffOnce) {
  const Bytes file = seed("rgb.tif");
  const Picture stored = decode(file, "stored");
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Bytes turned = tiff_turned(file, orientation);
    ASSERT_EQ(probe(turned).exif_orientation, orientation);
    EXPECT_EQ(decode(turned, "turned").rgb, turned_upright(stored, orientation).rgb);
  }
}

TEST(TurnedUpright, RotatesABoxLikeItsPixels) {
  Picture stored{{5, 4}, std::vector<std::uint8_t>(60, 0)};
  const image::Box box{1, 2, 4, 3};
  for (const std::size_t x : {1, 2, 3}) stored.rgb[(2 * 5 + x) * 3] = 255;
  for (int orientation = 0; orientation <= 9; ++orientation) {
    const Picture upright = turned_upright(stored, orientation);
    image::Box found{9, 9, 0, 0};
    for (int y = 0; y < upright.size.height; ++y) {
      for (int x = 0; x < upright.size.width; ++x) {
        if (at(upright, x, y).red == 0) continue;
        const auto fx = static_cast<float>(x), fy = static_cast<float>(y);
        found = {std::min(found.left, fx), std::min(found.top, fy), std::max(found.right, fx + 1),
                 std::max(found.bottom, fy + 1)};
      }
    }
    EXPECT_EQ(turned_upright(box, stored.size, orientation), found) << orientation;
  }
}

TEST(TurnedUpright, PutsTheRightPixelIntoTheTopLeftCorner) {
  Picture stored{{3, 2}, {}};
  for (std::uint8_t i = 0; i < 6; ++i) stored.rgb.insert(stored.rgb.end(), 3, i);
  // The corner pixel and the one to its right, by orientation.
  const int corner[] = {0, 2, 5, 3, 0, 3, 5, 2}, right[] = {1, 1, 4, 4, 3, 0, 2, 5};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Picture upright = turned_upright(stored, orientation);
    EXPECT_EQ(upright.rgb[0], corner[orientation - 1]) << orientation;
    EXPECT_EQ(upright.rgb[3], right[orientation - 1]) << orientation;
  }
}

// Sets or flips some bytes, more of them in the header; truncates some files too.
Bytes damaged(const std::vector<std::byte>& whole, Random& random) {
  auto bytes = whole;
  for (std::size_t count = 1 + random.below(6); count > 0; --count) {
    const bool header = random.below(2) == 0;
    std::byte& byte =
        bytes[random.below(header ? std::min<std::size_t>(80, bytes.size()) : bytes.size())];
    const std::array values{byte ^ std::byte(1 << random.below(8)), std::byte(random.below(256)),
                            std::byte{0}, std::byte{0xFF}};
    byte = values[random.below(values.size())];
  }
  if (random.below(4) == 0) bytes.resize(1 + random.below(bytes.size()));
  return Bytes(bytes);
}

// Whatever is wrong with a file, it is reported as an Error: the libraries themselves are silent.
TEST(Decode, PrintsNothing) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  for (const char* name :
       {"rgb.jpg", "cmyk.jpg", "rgb.png", "palette.png", "rgb.bmp", "lossy.webp", "lossless.webp",
        "alpha.webp", "rgb.tif", "rgb.gif", "photo.heic", "photo.avif"}) {
    const auto whole = copy_of(seed(name));
    for (std::size_t i = 0; i < whole.size(); ++i) {
      error_of(Bytes(std::vector(whole.begin(), whole.begin() + static_cast<long>(i))));
      for (const int flip : {0x01, 0x55, 0xFF}) {
        auto broken = whole;
        broken[i] ^= std::byte(flip);
        error_of(Bytes(broken));
      }
    }
    Random random(7);
    for (int i = 0; i < 2000; ++i) error_of(damaged(whole, random));
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

// Only a library's output to C's stderr is silenced, and only while it runs.
TEST(Decode, RestoresStandardError) {
  std::FILE* const before = stderr;
  error_of(without_end(seed("photo.heic"), 100));
  EXPECT_EQ(stderr, before);
}

// A row of runs is one byte 16 times; the second file has single pixels and is truncated within
// them.
TEST(Decode, ReadsRunLengthBmpAndDetectsTruncation) {
  auto bytes = copy_of(seed("rgb.bmp"));
  const auto put = [&](std::size_t at, std::initializer_list<int> values) {
    bytes.resize(std::max(bytes.size(), at + values.size()));
    for (const int value : values) bytes[at++] = std::byte(value);
  };
  bytes.resize(54);
  put(10, {62, 0, 0, 0});       // pixels follow two colours
  put(28, {8, 0, 1, 0, 0, 0});  // 8 bits, runs
  put(46, {2, 0, 0, 0});        // colours
  put(54, {30, 40, 200, 0, 210, 60, 20, 0});
  for (std::size_t row = 0; row < 7; ++row) put(62 + 4 * row, {16, 0, 0, 0});
  put(90, {13, 0, 0, 3, 1, 1, 1, 0, 0, 1});
  const Picture picture = decode(Bytes(bytes), "runs");
  expect_near(at(picture, 3, 4), {200, 40, 30}, 0);
  expect_near(at(picture, 14, 0), {20, 60, 210}, 0);
  for (std::size_t count = 62; count < bytes.size() - 2; ++count) {
    EXPECT_THAT(error_of(Bytes(bytes).part(0, count)), HasSubstr("ends before its image does"));
  }
}

TEST(Decode, PrintsNothingForTheReferenceCases) {
  const char* data = std::getenv("OKO_DATA");
  const std::string folder =
      data ? storage::parent(data) + "/cases/datasets/images-all/images" : std::string();
  if (!data || !storage::exists(folder)) {
    GTEST_SKIP() << "the reference cases are missing: set OKO_DATA";
  }
  int count = 0;
  testing::internal::CaptureStderr();
  for (const storage::Entry& entry : storage::list(folder)) {
    if (!is_picture_name(entry.uri) || !storage::exists(entry.uri)) continue;
    const Bytes file = storage::read(entry.uri);
    for (std::size_t part = 0; part <= 16; ++part) error_of(file.part(0, file.size() * part / 16));
    ++count;
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_GT(count, 30);
}

// Unusual but common files: the content of each, and the error for those that cannot be read.
TEST(Decode, ReadsOrExplainsTheReferenceCases) {
  const char* data = std::getenv("OKO_DATA");
  const std::string folder =
      data ? storage::parent(data) + "/cases/datasets/images-all/images/" : std::string();
  if (!data || !storage::exists(folder + "x.jfif")) {
    GTEST_SKIP() << "the reference cases are missing: set OKO_DATA";
  }
  for (const char* name : {"noeoi.jpg", "cmyk.jpg", "grey16.png", "palette.png", "la.png",
                           "photo.mpo.jpg", "anim.webp", "x.jfif", "lzw.tiff", "png.jpg"}) {
    EXPECT_EQ(decode(storage::read(folder + name), name).size, (Size{100, 80})) << name;
  }
  EXPECT_THAT(error_of(storage::read(folder + "trunc.jpg")), HasSubstr("ends before"));
  EXPECT_THAT(error_of(storage::read(folder + "page.jpg")), HasSubstr("is not an image"));
  for (const auto& [name, format] :
       {std::pair("IMG_0001.HEIC", "heic"), {"IMG_0002.jpg", "heic"}, {"x.avif", "avif"}}) {
    const Bytes file = storage::read(folder + name);
    EXPECT_EQ(probe(file).format, format) << name;
    if (probe(file).size != Size{}) {
      EXPECT_EQ(decode(file, name).size, probe(file).size) << name;
    } else {
      EXPECT_THAT(error_of(file), HasSubstr("libheif-dev")) << name;
    }
  }
}

TEST(Decode, RejectsBrokenData) {
  auto bytes = copy_of(seed("rgb.png"));
  bytes[45] ^= std::byte{0x55};
  EXPECT_THAT(error_of(Bytes(bytes)), HasSubstr("broken"));
}

TEST(DecodeReduced, UsesTheSmallestFractionThatIsLargeEnough) {
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

TEST(Encode, PngRoundTripsExactlyAndJpegClosely) {
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

// Real photos with all their peculiarities: grey ones, EXIF, thumbnails, vendor markers.
TEST(Decode, ReadsRealPhotosAtTheSizeInTheirHeaders) {
  const char* data = std::getenv("OKO_DATA");
  if (!data || !storage::exists(std::string(data) + "/raccoon")) {
    GTEST_SKIP() << "the reference data is missing: set OKO_DATA";
  }
  int count = 0;
  for (const char* set : {"raccoon", "voc2007_sample"}) {
    for (const auto& entry : storage::list(std::string(data) + "/" + set + "/JPEGImages")) {
      const Bytes file = storage::map(entry.uri);
      ASSERT_FALSE(probe(file).truncated) << entry.uri;
      Size original;
      const Picture picture = decode_reduced(file, entry.uri, {32, 32}, original);
      EXPECT_EQ(original, probe(file).upright_size());
      ++count;
    }
  }
  EXPECT_EQ(count, 213);
}

}  // namespace
}  // namespace oko::media
