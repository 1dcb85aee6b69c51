#include "oko/image/frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <ostream>

#include "oko/base/error.h"
#include "oko/image/test_frames.h"

namespace oko::image {
namespace {

TEST(CheckFrame, AcceptsEveryLayout) {
  for (const Layout& layout : all_layouts()) {
    for (const Size size : {Size{1, 1}, Size{2, 2}, Size{7, 5}}) {
      const TestFrame test(layout, size);
      EXPECT_NO_THROW(check(test.frame())) << layout.name;
    }
  }
}

TEST(CheckFrame, FillsInStrides) {
  std::uint8_t byte = 0;
  Frame frame{PixelFormat::kI420, {7, 5}, {&byte, &byte, &byte}};
  EXPECT_EQ(stride_of(frame, 0), 7U);
  EXPECT_EQ(stride_of(frame, 2), 4U);
  frame.chroma_step = 2;
  EXPECT_EQ(stride_of(frame, 1), 8U);
  frame.format = PixelFormat::kNv21;
  frame.chroma_step = 1;  // ignored here
  EXPECT_EQ(stride_of(frame, 1), 8U);
  frame.format = PixelFormat::kBgra;
  EXPECT_EQ(stride_of(frame, 0), 28U);
}

struct BadFrame {
  const char* name;
  std::function<void(Frame&)> spoil;
  const char* says;
};

void PrintTo(const BadFrame& bad, std::ostream* out) { *out << bad.name; }

class BadFrames : public testing::TestWithParam<BadFrame> {};

TEST_P(BadFrames, AreRejected) {
  const TestFrame good({"i420", PixelFormat::kI420}, {10, 8});
  Frame frame = good.frame();
  frame.region = {2, 2, 8, 6};
  ASSERT_NO_THROW(check(frame));
  GetParam().spoil(frame);
  try {
    check(frame);
    FAIL() << "not rejected";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUsage);
    EXPECT_EQ(e.place(), "frame");
    EXPECT_NE(e.message().find(GetParam().says), std::string::npos) << e.message();
  }
}

constexpr int kMost = 2147483647;

INSTANTIATE_TEST_SUITE_P(
    Check, BadFrames,
    testing::Values(
        BadFrame{"format", [](Frame& f) { f.format = static_cast<PixelFormat>(8); }, "format 8"},
        BadFrame{"low format", [](Frame& f) { f.format = static_cast<PixelFormat>(-1); },
                 "format -1"},
        BadFrame{"rotation", [](Frame& f) { f.rotation = static_cast<Rotation>(45); }, "45"},
        BadFrame{"range", [](Frame& f) { f.range = static_cast<YuvRange>(2); }, "range 2"},
        BadFrame{"matrix", [](Frame& f) { f.matrix = static_cast<YuvMatrix>(3); }, "matrix 3"},
        BadFrame{"no width", [](Frame& f) { f.size.width = 0; }, "0x8"},
        BadFrame{"no height", [](Frame& f) { f.size.height = -8; }, "10x-8"},
        BadFrame{"huge",
                 [](Frame& f) {
                   f.size = {kMost, kMost};
                 },
                 "2^28"},
        BadFrame{"first plane", [](Frame& f) { f.planes[0] = nullptr; }, "plane 0 is missing"},
        BadFrame{"last plane", [](Frame& f) { f.planes[2] = nullptr; }, "plane 2 is missing"},
        BadFrame{"luma stride", [](Frame& f) { f.strides[0] = 9; }, "9 bytes apart but 10"},
        BadFrame{"chroma stride", [](Frame& f) { f.strides[1] = 4; }, "4 bytes apart but 5"},
        BadFrame{"huge stride", [](Frame& f) { f.strides[2] = static_cast<std::size_t>(-1); },
                 "too long"},
        BadFrame{"step", [](Frame& f) { f.chroma_step = -1; }, "step -1"},
        BadFrame{"huge step", [](Frame& f) { f.chroma_step = kMost; }, "step 2147483647"},
        BadFrame{"step past stride",
                 [](Frame& f) {
                   f.chroma_step = 2;
                   f.strides[2] = 8;
                 },
                 "8 bytes apart but 9"},
        BadFrame{"region left", [](Frame& f) { f.region.left = -1; }, "at -1,2"},
        BadFrame{"region right", [](Frame& f) { f.region.left = 3; }, "not inside"},
        BadFrame{"region bottom", [](Frame& f) { f.region.height = 7; }, "not inside"},
        BadFrame{"empty region", [](Frame& f) { f.region.width = 0; }, "not inside"},
        BadFrame{"endless region", [](Frame& f) { f.region.width = kMost; }, "not inside"}),
    [](const auto& tested) {
      std::string name = tested.param.name;
      std::replace(name.begin(), name.end(), ' ', '_');
      return name;
    });

}  // namespace
}  // namespace oko::image
