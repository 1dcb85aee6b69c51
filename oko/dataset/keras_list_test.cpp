#include "oko/dataset/keras_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"
#include "oko/dataset/test_data.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

TEST(KerasListParser, ReadsPathsWithBlanksAndBackgrounds) {
  const ParsedFile file = parse_keras_list(
      "img/a.jpg 1,2,30,40,0 5,6,7.5,8,2\r\n\n/my photos/IMG 1,2.JPG 1,2,3,4,1\nempty.png\n",
      "train.txt");
  EXPECT_TRUE(file.findings.empty());
  ASSERT_EQ(file.pictures.size(), 3u);
  EXPECT_EQ(file.pictures[0].objects.at(1).box, (image::Box{5, 6, 7.5F, 8}));
  EXPECT_EQ(file.pictures[0].objects.at(1).class_id, 2);
  EXPECT_EQ(file.pictures[1].name, "/my photos/IMG 1,2.JPG");
  EXPECT_EQ(file.pictures[1].objects.at(0).place, "train.txt:3");
  EXPECT_TRUE(file.pictures[2].objects.empty());
}

TEST(KerasListParser, NamesFaultyLines) {
  const ParsedFile file = parse_keras_list(
      "a.jpg 1,2,3,x,0\nb.jpg 1,2,3,0\nc.jpg 9,2,3,9,0\nd.jpg 1,1,1,1,0\n1,2,3,4,0\n", "l.txt");
  ASSERT_EQ(file.pictures.size(), 2u);
  EXPECT_EQ(findings_by_kind(file.findings),
            (Counts{{"bad-annotation", 3}, {"inverted-box", 1}, {"empty-box", 1}}));
  EXPECT_EQ(file.findings[1].place, "l.txt:2");
  EXPECT_THAT(file.findings[1].message, ::testing::HasSubstr("\"1,2,3,0\""));
}

TEST(KerasList, IsReadByNameWithItsClassesBesideIt) {
  const ScratchFolder folder;
  storage::write(folder / "classes.txt", "cat\ndog\n");
  storage::write(folder / "my pictures/a 1.jpg", "");
  storage::write(folder / "train.txt", "my pictures/a 1.jpg 1,2,30,40,1\n" + (folder / "b.jpg") +
                                           " 1,2,3,4,0\n/none.jpg\n");
  storage::write(folder / "b.jpg", "");
  std::vector<Finding> findings;
  const Dataset data = read(folder / "train.txt", {}, &findings);
  ASSERT_EQ(data.samples.size(), 2u);
  EXPECT_EQ(data.format, "keras");
  EXPECT_EQ(data.samples[0].image, folder / "my pictures/a 1.jpg");
  EXPECT_EQ(data.classes.at(1), "dog");
  EXPECT_EQ(data.samples[0].objects.at(0).class_id, 1);
  EXPECT_EQ(data.samples[1].image, folder / "b.jpg");
  EXPECT_EQ(findings_by_kind(findings), (Counts{{"missing-image", 1}}));
  EXPECT_EQ(findings[0].place, "train.txt:3");
}

TEST(KerasList, ReportsListsThatAreNotSplitsOrHaveNoBoxes) {
  const ScratchFolder folder;
  storage::write(folder / "classes.txt", "cat\n");
  for (const char* name : {"a.jpg", "b.jpg", "c.jpg"}) storage::write(folder / name, "");
  storage::write(folder / "2007_train.txt", "a.jpg 1,2,30,40,0\n");
  storage::write(folder / "more.txt", "b.jpg 1,2,30,40,0\n");
  storage::write(folder / "2007_val.txt", "c.jpg\n");
  std::vector<Finding> findings;
  EXPECT_EQ(pictures_by_split(read(folder.path(), {}, &findings)), (Counts{{"train", 1}, {"", 1}}));
  ASSERT_EQ(findings_by_kind(findings), (Counts{{"annotation-ignored", 1}, {"in-no-split", 1}}));
  EXPECT_EQ(findings[0].place, "more.txt");
  EXPECT_EQ(findings[1].place, "2007_val.txt");
}

TEST(KerasList, TakesSplitsFromAWordOfTheListsName) {
  for (const auto& [train, test] : {std::pair("train_annotation.txt", "test_annotation.txt"),
                                    std::pair("my_train_list.txt", "my_test_list.txt")}) {
    const ScratchFolder folder;
    storage::write(folder / "classes.txt", "cat\n");
    for (const char* name : {"a.jpg", "b.jpg"}) storage::write(folder / name, "");
    storage::write(folder / train, "a.jpg 1,2,30,40,0\n");
    storage::write(folder / test, "b.jpg 1,2,30,40,0\n");
    EXPECT_EQ(pictures_by_split(read(folder.path())), (Counts{{"train", 1}, {"test", 1}})) << train;
  }
}

TEST(KerasList, ReportsAClassListThatIsTooShort) {
  const ScratchFolder folder;
  storage::write(folder / "classes.txt", "cat\n");
  storage::write(folder / "a.jpg", "");
  storage::write(folder / "train.txt", "a.jpg 1,2,30,40,1\n");
  try {
    read(folder / "train.txt");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.place(), "train.txt:1");
    EXPECT_THAT(e.what(), ::testing::HasSubstr("class 1, but the class list has 0 to 0"));
  }
}

}  // namespace
}  // namespace oko::dataset
