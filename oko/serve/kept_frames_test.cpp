#include "oko/serve/kept_frames.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "oko/base/error.h"
#include "oko/dataset/check.h"
#include "oko/dataset/read.h"
#include "oko/serve/test_frames.h"
#include "oko/storage/store.h"

namespace oko::serve {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class KeptFramesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "oko_kept_" + test->name();
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string file(const std::string& name) const { return storage::join(folder_, name); }
  KeptFrames make(const std::string& session = "s") const {
    return KeptFrames(folder_, {"rose", "leaf"}, session);
  }
  static SentFrame background() {
    return parse_sent_frame(test_body(R"({"kind": "background", "boxes": []})", test_jpeg()), 2);
  }
  static SentFrame to_label() {
    return parse_sent_frame(
        test_body(R"({"kind": "label", "boxes": [[1, 16, 12, 48, 36]]})", test_jpeg()), 2);
  }
  static std::vector<std::string> names_in(const std::string& folder) {
    std::vector<std::string> names;
    for (const storage::Entry& entry : storage::list(folder, true)) {
      names.push_back(entry.uri.substr(folder.size() + 1));
    }
    return names;
  }

  std::string folder_;
};

TEST_F(KeptFramesTest, CreatesNothingBeforeTheFirst) {
  const KeptFrames frames = make();
  EXPECT_FALSE(fs::exists(folder_));
  EXPECT_EQ(frames.count(), 0);
}

TEST_F(KeptFramesTest, AreADatasetThatCanBeRead) {
  KeptFrames frames = make();
  EXPECT_EQ(frames.keep(to_label()), file("images/train/to-label-s-0001.jpg"));
  EXPECT_EQ(frames.keep(background()), file("images/train/background-s-0002.jpg"));
  EXPECT_EQ(frames.backgrounds(), 1);
  EXPECT_EQ(frames.to_label(), 1);
  EXPECT_THAT(names_in(folder_),
              ElementsAre("data.yaml", "images/train/background-s-0002.jpg",
                          "images/train/to-label-s-0001.jpg", "labels/train/background-s-0002.txt",
                          "labels/train/to-label-s-0001.txt"));
  EXPECT_EQ(storage::read_text(file("images/train/to-label-s-0001.jpg")), test_jpeg());

  const dataset::Dataset data = dataset::read(folder_);
  EXPECT_THAT(data.classes, ElementsAre("rose", "leaf"));
  ASSERT_EQ(data.samples.size(), 2u);
  EXPECT_TRUE(data.samples[0].objects.empty());
  ASSERT_EQ(data.samples[1].objects.size(), 1u);
  const dataset::Object& object = data.samples[1].objects[0];
  EXPECT_EQ(object.class_id, 1);
  EXPECT_NEAR(object.box.left, 16, 1e-3);
  EXPECT_NEAR(object.box.bottom, 36, 1e-3);
}

TEST_F(KeptFramesTest, OfSeveralSessionsLieSideBySide) {
  make("a").keep(background());
  make("b").keep(background());
  EXPECT_THAT(names_in(file("images")),
              ElementsAre("train/background-a-0001.jpg", "train/background-b-0001.jpg"));
}

TEST_F(KeptFramesTest, NeverReplaceAFile) {
  make().keep(background());
  const std::string image = file("images/train/background-s-0001.jpg");
  storage::write(image, std::string_view("mine"));
  storage::remove(file("labels/train/background-s-0001.txt"));
  KeptFrames frames = make();
  EXPECT_EQ(frames.keep(background()), file("images/train/background-s-0002.jpg"));
  EXPECT_EQ(storage::read_text(image), "mine");
  EXPECT_FALSE(storage::exists(file("labels/train/background-s-0001.txt")));
  storage::write(file("labels/train/background-s-0003.txt"), std::string_view("mine"));
  EXPECT_EQ(frames.keep(background()), file("images/train/background-s-0004.jpg"));
  EXPECT_EQ(storage::read_text(file("labels/train/background-s-0003.txt")), "mine");
  EXPECT_FALSE(storage::exists(file("images/train/background-s-0003.jpg")));
}

TEST_F(KeptFramesTest, OfTwoSessionsInTheSameSecondAreAllKept) {
  KeptFrames one = make(), other = make();
  for (int i = 0; i < 2; ++i) {
    one.keep(background());
    other.keep(background());
  }
  EXPECT_EQ(names_in(file("images/train")).size(), 4u);
  EXPECT_EQ(names_in(file("labels/train")).size(), 4u);
  EXPECT_EQ(one.count() + other.count(), 4);
}

TEST_F(KeptFramesTest, GoOnAfterOneThatCannotBeStored) {
  fs::create_directories(file("images/train"));
  fs::create_symlink(folder_ + "/nowhere", file("images/train/background-s-0001.jpg"));
  KeptFrames frames = make();
  EXPECT_THROW(frames.keep(background()), Error);
  EXPECT_FALSE(storage::exists(file("labels/train/background-s-0001.txt")));
  EXPECT_EQ(frames.count(), 0);
  EXPECT_EQ(frames.keep(background()), file("images/train/background-s-0002.jpg"));
}

TEST_F(KeptFramesTest, WriteThroughNoLink) {
  const std::string outside = folder_ + "_outside";
  fs::create_directories(outside);
  for (const char* part : {"images", "labels", "images/train", "labels/train"}) {
    fs::remove_all(folder_);
    fs::create_directories(fs::path(file(part)).parent_path());
    fs::create_directory_symlink(outside, file(part));
    EXPECT_THROW(make(), Error) << part;
    // One that appears later.
    fs::remove(file(part));
    KeptFrames frames = make();
    fs::create_directory_symlink(outside, file(part));
    EXPECT_THROW(frames.keep(background()), Error) << part;
  }
  // Nor into the file that a link with the image's name leads to.
  fs::remove_all(folder_);
  fs::create_directories(file("images/train"));
  fs::create_symlink(outside + "/new.jpg", file("images/train/background-s-0001.jpg"));
  EXPECT_THROW(make().keep(background()), Error);
  EXPECT_TRUE(fs::is_empty(outside));
  fs::remove_all(outside);
}

TEST_F(KeptFramesTest, AreNotAddedToADatasetOfOtherClasses) {
  make().keep(background());
  EXPECT_NO_THROW(make());
  try {
    const KeptFrames frames(folder_, {"rose"}, "s");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("other classes"));
  }
}

TEST_F(KeptFramesTest, NameClassesThatHaveNoName) {
  const KeptFrames frames(folder_, {"", "leaf", ""}, "s");
  EXPECT_THAT(frames.classes(), ElementsAre("class 0", "leaf", "class 2"));
}

TEST_F(KeptFramesTest, AreLimited) {
  KeptFrames frames(folder_, {"rose", "leaf"}, "s", 2);
  frames.keep(background());
  frames.keep(to_label());
  try {
    frames.keep(background());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailed);
  }
  EXPECT_EQ(names_in(file("images/train")).size(), 2u);
}

}  // namespace
}  // namespace oko::serve
