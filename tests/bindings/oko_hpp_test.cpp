#include <gtest/gtest.h>
#include <oko/oko.hpp>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "tests/bindings/reference_model.h"

namespace oko::phone {
namespace {

using bindings::reference_model;

// What would give the caller a dangling view into a destroyed detector does not compile.
template <typename T>
concept Detects = requires(T&& detector, Frame frame) {
  std::forward<T>(detector).detect(frame);
  std::forward<T>(detector).head_map(0);
};
static_assert(Detects<Detector&> && !Detects<Detector> && !Detects<const Detector&>);
static_assert(!std::is_copy_constructible_v<Model> && std::is_nothrow_move_constructible_v<Model>);
static_assert(!std::is_copy_constructible_v<Detector>);

constexpr std::int32_t kWidth = 640, kHeight = 360;
constexpr std::size_t kPixels = 640 * 360;

std::vector<Detection> expected_detections() {
  std::ifstream file(reference::path_of("video/raw_frames/bottle_frame149.detections.tsv"));
  std::vector<Detection> all;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    Detection d{};
    std::istringstream(line) >> d.class_id >> d.score >> d.left >> d.top >> d.right >> d.bottom;
    all.push_back(d);
  }
  return all;
}

std::vector<std::uint8_t> raw_frame(const std::string& ending) {
  const Bytes bytes = reference::read_file(
      reference::path_of("video/raw_frames/bottle_frame149_640x360." + ending));
  const auto* first = reinterpret_cast<const std::uint8_t*>(bytes.data());
  return {first, first + bytes.size()};
}

// The reference repeats each chroma pixel four times, oko interpolates: so not bit for bit.
void expect_alike(std::span<const Detection> found, std::span<const Detection> expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto same = std::find_if(expected.begin(), expected.end(), [&](const Detection& e) {
      return std::fabs(e.left - found[i].left) < 5;
    });
    ASSERT_NE(same, expected.end()) << "a box at " << found[i].left;
    EXPECT_EQ(found[i].class_id, same->class_id);
    EXPECT_NEAR(found[i].score, same->score, .005);
    EXPECT_NEAR(found[i].left, same->left, 1);
    EXPECT_NEAR(found[i].top, same->top, 1);
    EXPECT_NEAR(found[i].right, same->right, 1);
    EXPECT_NEAR(found[i].bottom, same->bottom, 1);
  }
}

class OkoHpp : public ::testing::Test {
 protected:
  void SetUp() override {
    if (reference::path_of("video/raw_frames").empty()) {
      GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
    }
  }
  static Detector& detector() {
    static Detector made = Detector::create(model()).value();
    return made;
  }
  static Model& model() {
    static Model made = Model::open(reference_model()).value();
    return made;
  }
};

TEST_F(OkoHpp, FindsTheBottlesInEveryLayoutOfTheFrame) {
  const auto nv12 = raw_frame("nv12"), nv21 = raw_frame("nv21"), i420 = raw_frame("i420");
  const std::uint8_t* u = i420.data() + kPixels;
  const Frame frames[] = {
      Frame::nv12(nv12.data(), nv12.data() + kPixels, kWidth, kHeight),
      Frame::nv21(nv21.data(), nv21.data() + kPixels, kWidth, kHeight, kWidth, kWidth),
      Frame::i420(i420.data(), u, u + kPixels / 4, kWidth, kHeight),
      // Android's YUV_420_888 over NV21: V comes first, U one byte later.
      Frame::i420(nv21.data(), nv21.data() + kPixels + 1, nv21.data() + kPixels, kWidth, kHeight,
                  kWidth, kWidth, 2)};
  const auto expected = expected_detections();
  ASSERT_EQ(expected.size(), 3U);
  for (const Frame& frame : frames) {
    const auto found = detector().detect(frame);
    ASSERT_TRUE(found) << found.error().text;
    expect_alike(*found, expected);
  }
  EXPECT_EQ(model().class_name(expected[0].class_id), "bottle");
  EXPECT_GT(detector().timing().network_ms, 0);
}

TEST_F(OkoHpp, ReadsNoBytePastAPlane) {
  // Android's planes end with their last sample; the sanitizers check their ends.
  const auto whole = raw_frame("nv21");
  const std::size_t chroma = kPixels / 2 - 1;
  const std::vector<std::uint8_t> y(whole.begin(), whole.begin() + kPixels);
  const std::vector<std::uint8_t> v(whole.begin() + kPixels, whole.begin() + kPixels + chroma);
  const std::vector<std::uint8_t> u(whole.end() - chroma, whole.end());
  const Frame frame = Frame::i420(y.data(), u.data(), v.data(), kWidth, kHeight, 0, kWidth, 2);
  expect_alike(detector().detect(frame).value(), expected_detections());
}

// Where the pixel x, y of the upright image is stored, by the EXIF standard, which defines the
// sides of the image for row 0 and column 0 of the stored pixels.
struct Place {
  int x, y;
};

Place stored_place(int exif, int x, int y) {
  switch (exif) {
    case 1:  // row 0 top, column 0 left
      return {x, y};
    case 2:  // top, right
      return {kWidth - 1 - x, y};
    case 3:  // bottom, right
      return {kWidth - 1 - x, kHeight - 1 - y};
    case 4:  // bottom, left
      return {x, kHeight - 1 - y};
    case 5:  // left, top
      return {y, x};
    case 6:  // right, top
      return {y, kWidth - 1 - x};
    case 7:  // right, bottom
      return {kHeight - 1 - y, kWidth - 1 - x};
    default:  // left, bottom
      return {kHeight - 1 - y, x};
  }
}

Detection stored_box(int exif, const Detection& d) {
  // The corners in the continuous coordinates of edges, where the last pixel ends at the size.
  const auto at = [exif](float x, float y) -> std::pair<float, float> {
    const Place zero = stored_place(exif, 0, 0);
    const Place right = stored_place(exif, 1, 0), down = stored_place(exif, 0, 1);
    const auto mapped = [&](int origin, int along_x, int along_y) {
      const int by_x = along_x - origin, by_y = along_y - origin;
      return static_cast<float>(origin) + .5F + static_cast<float>(by_x) * (x - .5F) +
             static_cast<float>(by_y) * (y - .5F);
    };
    return {mapped(zero.x, right.x, down.x), mapped(zero.y, right.y, down.y)};
  };
  const auto [x0, y0] = at(d.left, d.top);
  const auto [x1, y1] = at(d.right, d.bottom);
  return {d.class_id,       d.score,          std::min(x0, x1),
          std::min(y0, y1), std::max(x0, x1), std::max(y0, y1)};
}

TEST_F(OkoHpp, FollowsEveryExifOrientation) {
  const auto nv12 = raw_frame("nv12");
  const auto upright =
      detector().detect(Frame::packed(Format::kGrey, nv12.data(), kWidth, kHeight));
  ASSERT_TRUE(upright);
  ASSERT_GE(upright->size(), 3U);
  const std::vector<Detection> expected(upright->begin(), upright->end());
  for (int exif = 1; exif <= 8; ++exif) {
    const bool turned = exif >= 5;
    const std::int32_t width = turned ? kHeight : kWidth, height = turned ? kWidth : kHeight;
    std::vector<std::uint8_t> stored(kPixels);
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth; ++x) {
        const Place p = stored_place(exif, x, y);
        stored[p.y * width + p.x] = nv12[y * kWidth + x];
      }
    }
    const auto found = detector().detect(
        Frame::packed(Format::kGrey, stored.data(), width, height).oriented(exif));
    ASSERT_TRUE(found) << found.error().text;
    ASSERT_EQ(found->size(), expected.size()) << exif;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const Detection box = stored_box(exif, expected[i]);
      EXPECT_NEAR((*found)[i].score, box.score, 1e-4) << exif;
      EXPECT_NEAR((*found)[i].left, box.left, .01) << exif;
      EXPECT_NEAR((*found)[i].top, box.top, .01) << exif;
      EXPECT_NEAR((*found)[i].right, box.right, .01) << exif;
      EXPECT_NEAR((*found)[i].bottom, box.bottom, .01) << exif;
    }
  }
}

TEST_F(OkoHpp, RunsAPreparedInputAndReturnsRawHeads) {
  const ModelInfo info = model().info();
  EXPECT_EQ(info.class_count, 80);
  const std::vector<float> input(3U * static_cast<std::size_t>(info.width * info.height), .5F);
  ASSERT_TRUE(detector().run(input));
  for (std::int32_t h = 0; h < info.head_count; ++h) {
    const HeadInfo head = model().head(h).value();
    const auto map = detector().head_map(h);
    ASSERT_TRUE(map);
    EXPECT_EQ(map->size(), static_cast<std::size_t>(head.channels * head.height * head.width));
  }
  EXPECT_FALSE(detector().head_map(info.head_count));
}

TEST_F(OkoHpp, BytesUsedInPlaceAreReleasedWithTheLastHandle) {
  auto bytes = std::make_shared<const std::vector<std::byte>>(reference_model());
  const std::weak_ptr<const std::vector<std::byte>> watch = bytes;
  const std::span<const std::byte> view(*bytes);
  EXPECT_EQ(Model::open_in_place(view.first(100), bytes).error().status, Status::kBadModel);
  EXPECT_EQ(bytes.use_count(), 1);
  {
    Detector kept = [&] {
      const Model opened = Model::open_in_place(view, std::move(bytes)).value();
      return Detector::create(opened).value();
    }();
    const auto nv12 = raw_frame("nv12");
    EXPECT_TRUE(kept.detect(Frame::nv12(nv12.data(), nv12.data() + kPixels, kWidth, kHeight)));
  }
  EXPECT_TRUE(watch.expired());
}

TEST(OkoHppErrors, AreValuesAndThrowOnlyOnDemand) {
  const auto missing = Model::open("/no/such/file.oko");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().status, Status::kBadModel);
  EXPECT_NE(missing.error().text.find("/no/such/file.oko"), std::string::npos);
  try {
    Model::open("/no/such/file.oko").value();
    FAIL() << "value() must throw";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.status(), Status::kBadModel);
    EXPECT_EQ(failure.what(), missing.error().text);
  }
  EXPECT_EQ(targets().back(), "scalar");
}

TEST(OkoHppFrames, ReturnWhatWasSet) {
  const std::uint8_t bytes[16]{};
  const Frame plain = Frame::nv12(bytes, bytes + 8, 4, 2, 4, 4);
  const oko_frame f = plain.turned(Rotation::k270)
                          .mirrored()
                          .colour(Range::kFull, Matrix::kBt709)
                          .region(1, 0, 2, 2)
                          .get();
  EXPECT_EQ(f.struct_size, sizeof f);
  EXPECT_EQ(f.format, OKO_NV12);
  EXPECT_EQ(f.planes[1], bytes + 8);
  EXPECT_EQ(f.strides[1], 4U);
  EXPECT_EQ(f.rotation, 270);
  EXPECT_EQ(f.mirror, 1);
  EXPECT_EQ(f.range, OKO_FULL_RANGE);
  EXPECT_EQ(f.matrix, OKO_BT709);
  EXPECT_EQ(f.region[0], 1);
  EXPECT_EQ(f.region[3], 2);
  EXPECT_EQ(plain.get().rotation, 0) << "frames are values";
  EXPECT_EQ(plain.oriented(9).get().rotation, 0);
  EXPECT_EQ(plain.oriented(-1).get().mirror, 0);
}

}  // namespace
}  // namespace oko::phone
