#include "oko/serve/sent_frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"
#include "oko/serve/test_frames.h"

namespace oko::serve {
namespace {

using ::testing::HasSubstr;

constexpr int kClasses = 3;

SentFrame parse(std::string_view header, const std::string& jpeg = test_jpeg()) {
  return parse_sent_frame(test_body(header, jpeg), kClasses);
}

void expect_refused(const Bytes& body, const char* why) {
  try {
    parse_sent_frame(body, kClasses);
    ADD_FAILURE() << "accepted, though " << why;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.what(), HasSubstr(why));
  }
}

TEST(SentFrame, HasItsKindImageAndBoxes) {
  const std::string jpeg = test_jpeg();
  const SentFrame frame =
      parse(R"({"kind": "label", "boxes": [[2, 1.5, 2, 30, 40], [0, 0, 0, 64, 48]]})", jpeg);
  EXPECT_EQ(frame.kind, SentFrame::Kind::kToLabel);
  EXPECT_EQ(frame.jpeg.text(), jpeg);
  EXPECT_EQ(frame.size, (image::Size{64, 48}));
  ASSERT_EQ(frame.objects.size(), 2u);
  EXPECT_EQ(frame.objects[0].class_id, 2);
  EXPECT_EQ(frame.objects[0].box.left, 1.5f);
  EXPECT_EQ(frame.objects[0].box.bottom, 40.f);
}

TEST(SentFrame, OfABackgroundHasNoBoxes) {
  const SentFrame frame = parse(R"({"kind": "background", "boxes": [[0, 1, 2, 3, 4]]})");
  EXPECT_EQ(frame.kind, SentFrame::Kind::kBackground);
  EXPECT_TRUE(frame.objects.empty());
}

TEST(SentFrame, ClipsBoxesToItsImageAndDropsWhatIsOutside) {
  const SentFrame frame = parse(
      R"({"kind": "label", "boxes": [[0, -5, -1e30, 99, 1e30], [0, 70, 0, 80, 9], [0, 9, 9, 3, 3]]})");
  ASSERT_EQ(frame.objects.size(), 1u);
  const image::Box& box = frame.objects[0].box;
  EXPECT_EQ(box.left, 0);
  EXPECT_EQ(box.top, 0);
  EXPECT_EQ(box.right, 64);
  EXPECT_EQ(box.bottom, 48);
}

TEST(SentFrame, IsRefusedForAHeaderThatIsNone) {
  const std::string jpeg = test_jpeg();
  expect_refused(Bytes(std::string_view()), "no header line");
  expect_refused(Bytes("{}" + jpeg.substr(0, 3)), "no header line");
  expect_refused(test_body(std::string(200000, ' ') + "{}", jpeg), "no header line");
  expect_refused(test_body("{", jpeg), "frame");
  expect_refused(test_body("[]", jpeg), "frame");
  expect_refused(test_body(R"({"boxes": []})", jpeg), "kind");
  expect_refused(test_body(R"({"kind": "../x", "boxes": []})", jpeg), "kind");
  expect_refused(test_body(R"({"kind": "label"})", jpeg), "boxes");
  expect_refused(test_body(R"({"kind": "label", "boxes": {}})", jpeg), "array");
  expect_refused(test_body(std::string(100, '[') + std::string(100, ']'), jpeg), "frame");
}

TEST(SentFrame, IsRefusedForABoxThatIsNone) {
  const auto with = [](const char* box) {
    return test_body(std::string(R"({"kind": "label", "boxes": [)") + box + "]}", test_jpeg());
  };
  for (const char* box : {"1", "[]", "[0,1,2,3]", "[0,1,2,3,4,5]", R"([0,"1",2,3,4])",
                          "[0.5,1,2,3,4]", "[0,null,2,3,4]", "[0,[1],2,3,4]"}) {
    expect_refused(with(box), "a box is a class and four edges");
  }
  for (const char* box : {"[3,1,2,3,4]", "[-1,1,2,3,4]", "[18446744073709551615,1,2,3,4]"}) {
    expect_refused(with(box), "the model has no class");
  }
  std::string many = "[0,1,2,3,4]";
  for (int i = 0; i < 1000; ++i) many += ",[0,1,2,3,4]";
  expect_refused(with(many.c_str()), "at most 1000");
}

TEST(SentFrame, IsRefusedForAnImageThatIsNoWholeJpeg) {
  constexpr const char* kHeader = R"({"kind": "background", "boxes": []})";
  const std::string jpeg = test_jpeg();
  expect_refused(test_body(kHeader, ""), "is not a JPEG image");
  expect_refused(test_body(kHeader, text_of(media::encode_png(test_picture()))),
                 "is not a JPEG image");
  expect_refused(test_body(kHeader, "<script>alert(1)</script>"), "is not a JPEG image");
  expect_refused(test_body(kHeader, jpeg.substr(0, jpeg.size() / 2)), "frame");
  // The size in the header is checked before memory is taken for it.
  std::string huge = jpeg;
  const std::size_t start = huge.find("\xFF\xC0");
  ASSERT_NE(start, std::string::npos);
  for (const std::size_t at : {5, 6, 7, 8}) huge[start + at] = '\xFF';
  expect_refused(test_body(kHeader, huge), "is no size of a frame");
}

}  // namespace
}  // namespace oko::serve
