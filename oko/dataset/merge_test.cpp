#include "oko/dataset/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace oko::dataset {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

ParsedObject object(float left, const std::string& class_name = "cat") {
  ParsedObject parsed;
  parsed.box = {left, 0, left + 10, 10};
  parsed.class_id = -1;
  parsed.class_name = class_name;
  return parsed;
}

SourcePicture entry(const std::string& annotation, const std::string& written,
                    const std::string& image, std::vector<ParsedObject> objects) {
  SourcePicture picture{"id", image, annotation, {}, {}};
  picture.parsed.name = written;
  picture.parsed.place = annotation + ":" + written;
  picture.parsed.objects = std::move(objects);
  return picture;
}

TEST(MergeEntries, MergesAllBoxesOfAnImageOnce) {
  Source source;
  source.pictures = {
      entry("a.json", "x.jpg", "images/x.jpg", {object(0), object(20)}),
      entry("a.json", "y.jpg", "images/y.jpg", {object(0)}),
      entry("a.json", "x.jpg", "images/x.jpg", {object(20), object(20, "dog"), object(40)})};
  merge_entries(source);
  ASSERT_THAT(source.pictures, SizeIs(2));
  EXPECT_EQ(source.pictures[0].image, "images/x.jpg");
  EXPECT_THAT(source.pictures[0].parsed.objects, SizeIs(4));
  EXPECT_THAT(source.pictures[1].parsed.objects, SizeIs(1));
  ASSERT_THAT(source.findings, SizeIs(1));
  EXPECT_EQ(source.findings[0].kind, "duplicate-entry");
  EXPECT_EQ(source.findings[0].boxes_repeated, 1);
  EXPECT_EQ(source.findings[0].boxes_lost, 0);
  EXPECT_NE(source.findings[0].message.find("boxes added 2, repeated 1"), std::string::npos);
}

TEST(MergeEntries, KeepsBoxesThatOneEntryRepeats) {
  Source source;
  source.pictures = {entry("a.json", "x.jpg", "x.jpg", {}),
                     entry("a.json", "x.jpg", "x.jpg", {object(0), object(0)})};
  merge_entries(source);
  ASSERT_THAT(source.pictures, SizeIs(1));
  EXPECT_THAT(source.pictures[0].parsed.objects, SizeIs(2));
}

TEST(MergeEntries, KeepsAnImageOfTwoSplitsInTheEvaluationSplit) {
  Source source;
  source.pictures = {entry("train.json", "x.jpg", "images/x.jpg", {object(0)}),
                     entry("val.json", "x.jpg", "images/x.jpg", {object(0)})};
  source.pictures[0].split = "train";
  source.pictures[1].split = "val";
  merge_entries(source);
  ASSERT_THAT(source.pictures, SizeIs(1));
  EXPECT_EQ(source.pictures[0].split, "val");
  EXPECT_THAT(source.findings, ElementsAre(Field(&Finding::kind, "duplicate-entry"),
                                           Field(&Finding::kind, "two-splits")));
}

TEST(MergeEntries, GivesAnImageToThePathThatFitsIt) {
  Source source;  // a/5.jpg was deleted
  source.pictures = {entry("a/list.json", "5.jpg", "b/5.jpg", {object(0), object(20)}),
                     entry("b/list.json", "5.jpg", "b/5.jpg", {object(40)})};
  merge_entries(source);
  ASSERT_THAT(source.pictures, SizeIs(1));
  EXPECT_EQ(source.pictures[0].annotation, "b/list.json");
  ASSERT_THAT(source.findings, SizeIs(1));
  EXPECT_EQ(source.findings[0].kind, "missing-image");
  EXPECT_EQ(source.findings[0].place, "a/list.json:5.jpg");
  EXPECT_EQ(source.findings[0].images_lost, 1);
  EXPECT_EQ(source.findings[0].boxes_lost, 2);
}

TEST(MergeEntries, GivesAnImageToNoneOfTwoEquallyGoodPaths) {
  Source source;
  source.pictures = {entry("c.json", "/home/cam1/5.jpg", "5.jpg", {object(0)}),
                     entry("c.json", "/home/cam2/5.jpg", "5.jpg", {object(20)})};
  merge_entries(source);
  EXPECT_THAT(source.pictures, IsEmpty());
  EXPECT_THAT(source.findings, ElementsAre(Field(&Finding::kind, "missing-image"),
                                           Field(&Finding::kind, "missing-image")));
  EXPECT_NE(source.findings[0].message.find("cam2/5.jpg"), std::string::npos);
}

TEST(MergeEntries, DoesNotTrustANameThatSeveralAnnotationsRepeat) {
  Source source;  // <filename> was never updated
  source.pictures = {entry("Annotations/1.xml", "1.jpg", "JPEGImages/1.jpg", {object(0)}),
                     entry("Annotations/2.xml", "1.jpg", "JPEGImages/1.jpg", {object(20)})};
  source.pictures[1].second_choice = true;
  merge_entries(source);
  ASSERT_THAT(source.pictures, SizeIs(1));
  EXPECT_EQ(source.pictures[0].annotation, "Annotations/1.xml");
  EXPECT_THAT(source.findings, ElementsAre(Field(&Finding::place, "Annotations/2.xml:1.jpg")));
}

}  // namespace
}  // namespace oko::dataset
