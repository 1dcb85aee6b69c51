#include "oko/dataset/coco.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"
#include "oko/dataset/test_data.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;

constexpr char kHead[] =
    R"({"images": [{"id": 7, "file_name": "a.jpg", "width": 100, "height": 50}],
        "categories": [{"id": 90, "name": "toothbrush"}, {"id": 3, "name": "car"}],
        "annotations": [)";

TEST(CocoParser, ReadsCategoriesWithGapsAndCrowdsAndSkipsMasks) {
  const ParsedFile file =
      parse_coco(std::string(kHead) +
                     R"({"id": 1, "image_id": 7, "category_id": 90, "bbox": [10.5, 5, 20, 30.25],
              "iscrowd": 0, "segmentation": [[1, 2, 3, 4]]},
             {"id": 2, "image_id": 7, "category_id": 3, "bbox": [0, 0, 9, 9], "iscrowd": 1,
              "segmentation": {"counts": [3, 4], "size": [50, 100]}}]})",
                 "c.json");
  EXPECT_TRUE(file.findings.empty());
  EXPECT_THAT(file.classes, ElementsAre("car", "toothbrush"));
  const auto& objects = file.pictures.at(0).objects;
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0].class_name, "toothbrush");
  EXPECT_EQ(objects[0].box, (image::Box{10.5F, 5, 30.5F, 35.25F}));
  EXPECT_EQ(objects[0].place, "c.json:3: annotations[0]");
  EXPECT_FALSE(objects[0].crowd);
  EXPECT_TRUE(objects[1].crowd);
}

TEST(CocoParser, ReadsWhatPycocotoolsReads) {
  const ParsedFile file = parse_coco(
      R"({"images": [{"id": "1", "file_name": "NaN.jpg", "width": "100", "height": null}],
          "categories": [{"id": 2.0, "name": "cat"}],
          "annotations": [
            {"image_id": 1, "category_id": "2", "bbox": ["1", 2, 30, 40], "score": NaN},
            {"image_id": 1.0, "category_id": 2, "bbox": [1, 2, 30, -Infinity], "iscrowd": "0"}]})",
      "c");
  EXPECT_EQ(file.pictures.at(0).name, "NaN.jpg");
  EXPECT_EQ(file.pictures[0].size, (image::Size{100, 0}));
  ASSERT_EQ(file.pictures[0].objects.size(), 1u);
  EXPECT_EQ(file.pictures[0].objects[0].box, (image::Box{1, 2, 31, 42}));
  EXPECT_EQ(file.pictures[0].objects[0].place, "c:4: annotations[0]");
  EXPECT_THAT(file.findings,
              ElementsAre(Field(&Finding::kind, "odd-number"), Field(&Finding::kind, "no-box"),
                          Field(&Finding::kind, "odd-number")));
}

TEST(CocoParser, NamesTheFaultyElement) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({"image_id": 8, "category_id": 3, "bbox": [0, 0, 9, 9]})", "bad-annotation"},
      {R"({"image_id": 7, "category_id": 4, "bbox": [0, 0, 9, 9]})", "unknown-class"},
      {R"({"image_id": 7, "category_id": 3, "bbox": [0, 0, 9]})", "no-box"},
      {R"({"image_id": 7, "category_id": 3})", "bad-annotation"},
      {R"({"image_id": 7, "category_id": 3, "bbox": [0, 0, 0, 9]})", "empty-box"},
      {R"({"image_id": 7, "category_id": 3, "bbox": [0, 0, 1e300, 9]})", "bad-number"},
      {R"(17)", "bad-annotation"},
  };
  for (const auto& [annotation, kind] : cases) {
    const ParsedFile file = parse_coco(kHead + annotation + "]}", "c.json");
    EXPECT_TRUE(file.pictures.at(0).objects.empty()) << annotation;
    EXPECT_THAT(file.findings, ElementsAre(Field(&Finding::kind, kind))) << annotation;
    EXPECT_EQ(file.findings.at(0).place, "c.json:3: annotations[0]");
  }
  EXPECT_THROW(parse_coco("[]", "c.json"), Error);
  EXPECT_THROW(parse_coco(R"({"images": [], "annotations": 3, "categories": []})", "c"), Error);
}

ParsedFile two_images(const std::string& ids, const std::string& names, const std::string& to) {
  const auto comma = ids.find(','), other = names.find(',');
  return parse_coco(
      R"({"categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}], "images": [)"
      R"({"id": )" +
          ids.substr(0, comma) + R"(, "file_name": ")" + names.substr(0, other) + R"("}, {"id": )" +
          ids.substr(comma + 1) + R"(, "file_name": ")" + names.substr(other + 1) +
          R"("}], "annotations": [)" +
          R"({"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]},)" + R"({"image_id": )" + to +
          R"(, "category_id": 2, "bbox": [9, 9, 9, 9]}]})",
      "c.json");
}

TEST(CocoParser, BoxesOfAnIdThatTwoImagesHaveBelongToNobody) {
  const ParsedFile file = two_images("1,1", "a.jpg,b.jpg", "1");
  EXPECT_TRUE(file.pictures.empty());
  ASSERT_THAT(file.findings, ElementsAre(Field(&Finding::kind, "bad-annotation")));
  EXPECT_EQ(file.findings[0].images_lost, 2);
  EXPECT_EQ(file.findings[0].boxes_lost, 2);

  const ParsedFile same = two_images("1,1", "a.jpg,a.jpg", "1");
  ASSERT_EQ(same.pictures.size(), 1u);
  EXPECT_EQ(same.pictures[0].objects.size(), 2u);
  EXPECT_THAT(same.findings, ElementsAre(Field(&Finding::kind, "duplicate-entry")));
}

TEST(CocoParser, TextsThatAreNotWrittenLikeANumberAreIdsOfTheirOwn) {
  const ParsedFile file = two_images(R"("1","01")", "a.jpg,b.jpg", R"("01")");
  ASSERT_EQ(file.pictures.size(), 2u);
  ASSERT_EQ(file.pictures[0].objects.size(), 1u);
  EXPECT_EQ(file.pictures[0].objects[0].class_name, "cat");
  ASSERT_EQ(file.pictures[1].objects.size(), 1u);
  EXPECT_EQ(file.pictures[1].objects[0].class_name, "dog");
}

TEST(CocoParser, ACategoryIdOfTwoNamesIsNone) {
  const ParsedFile file = parse_coco(
      R"({"categories": [{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}],
          "images": [{"id": 1, "file_name": "a.jpg"}],
          "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]}]})",
      "c.json");
  EXPECT_TRUE(file.pictures.at(0).objects.empty());
  EXPECT_THAT(file.findings, ElementsAre(Field(&Finding::kind, "bad-annotation"),
                                         Field(&Finding::kind, "unknown-class")));
}

TEST(CocoFolder, FindsThePicturesOfCoco2017AndIgnoresTheOtherAnnotations) {
  const ScratchFolder folder;
  const std::string instances =
      std::string(kHead) + R"({"image_id": 7, "category_id": 3, "bbox": [0, 0, 9, 9]}]})";
  storage::write(folder / "annotations/instances_train2017.json", instances);
  storage::write(folder / "annotations/instances_val2017.json", instances);
  storage::write(folder / "annotations/captions_val2017.json", instances);
  storage::write(folder / "train2017/a.jpg", "");
  storage::write(folder / "val2017/a.jpg", "");
  const Dataset data = read(folder.path());
  EXPECT_EQ(data.format, "coco");
  EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 1}, {"val", 1}}));
  EXPECT_EQ(sample_named(data, "val2017/a").image, folder / "val2017/a.jpg");
  EXPECT_EQ(sample_named(data, "val2017/a").split, "val");

  const Dataset one = read(folder / "annotations/instances_val2017.json");
  EXPECT_EQ(one.samples.size(), 1u);
}

TEST(CocoFolder, TakesSplitsFromNamesOfFilesAndOfFoldersAndTellsOfTheRest) {
  const auto one = [](const std::string& name) {
    return R"({"images": [{"id": 1, "file_name": ")" + name +
           R"("}], "categories": [], "annotations": []})";
  };
  const std::vector<std::pair<std::string, std::string>> kSplits = {
      {"train_coco", "test_coco"},     {"my_train", "my_test"},
      {"trainset", "testset"},         {"train.coco", "test.coco"},
      {"traindata", "testdata"},       {"train_v2", "test_v2"},
      {"train-labels", "test-labels"}, {"instances_train2017_1pct", "instances_test2017"}};
  for (const auto& [train, test] : kSplits) {
    const ScratchFolder folder;
    storage::write(folder / (train + ".json"), one("a.jpg"));
    storage::write(folder / (test + ".json"), one("b.jpg"));
    for (const char* image : {"a.jpg", "b.jpg"}) storage::write(folder / image, "");
    std::vector<Finding> findings;
    const Dataset data = read(folder.path(), {}, &findings);
    EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 1}, {"test", 1}})) << train;
    EXPECT_TRUE(findings.empty()) << train;
  }
  const ScratchFolder folder;
  for (const char* image : {"train/a.jpg", "test/b.jpg"}) storage::write(folder / image, "");
  storage::write(folder / "all.json",
                 R"({"images": [{"id": 1, "file_name": "train/a.jpg"}, {"id": 2, "file_name":
                 "test/b.jpg"}], "categories": [], "annotations": []})");
  EXPECT_EQ(pictures_by_split(read(folder.path())), (Counts{{"train", 1}, {"test", 1}}));
  for (const auto& [name, other] : {std::pair("instances_default", "instances_test"),
                                    std::pair("minival2014", "valminusminival2014")}) {
    const ScratchFolder lists;
    storage::write(lists / (std::string(name) + ".json"), one("a.jpg"));
    storage::write(lists / (std::string(other) + ".json"), one("b.jpg"));
    for (const char* image : {"a.jpg", "b.jpg"}) storage::write(lists / image, "");
    std::vector<Finding> findings;
    const Dataset data = read(lists.path(), {}, &findings);
    EXPECT_EQ(findings_by_kind(findings)["in-no-split"], pictures_by_split(data)[""]) << name;
    EXPECT_EQ(findings.at(0).place, std::string(name) + ".json");
  }
}

// Exports with one folder per camera: equal file names, one of them deleted.
TEST(CocoFolder, UsesNoImageOfAnotherFolder) {
  const ScratchFolder folder;
  const auto write_images = [&](const char* names) {
    storage::write(
        folder / "annotations/instances.json",
        std::string(R"({"categories": [], "annotations": [], "images": [)") + names + "]}");
  };
  write_images(R"({"id": 1, "file_name": "cam1/a.jpg"}, {"id": 2, "file_name": "cam2/a.jpg"})");
  storage::write(folder / "images/cam1/a.jpg", "");
  std::vector<Finding> findings;
  const Dataset one = read(folder.path(), {}, &findings);
  ASSERT_EQ(one.samples.size(), 1u);
  EXPECT_EQ(one.samples[0].image, folder / "images/cam1/a.jpg");
  EXPECT_EQ(findings_by_kind(findings)["missing-image"], 1);

  storage::write(folder / "images/cam2/a.jpg", "");
  const Dataset both = read(folder.path());
  EXPECT_EQ(sample_named(both, "images/cam1/a").image, folder / "images/cam1/a.jpg");
  EXPECT_EQ(sample_named(both, "images/cam2/a").image, folder / "images/cam2/a.jpg");

  write_images(R"({"id": 1, "file_name": "a.jpg"})");
  findings.clear();
  try {
    read(folder.path(), {}, &findings);
    FAIL() << "two pictures could be meant";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(),
                ::testing::HasSubstr("images/cam1/a.jpg or images/cam2/a.jpg could be meant"));
  }
}

TEST(CocoFolder, ReportsMissingImages) {
  const ScratchFolder folder;
  storage::write(folder / "all.json", std::string(kHead) + "]}");
  storage::write(folder / "b.jpg", "");
  std::vector<Finding> findings;
  try {
    read(folder.path(), {}, &findings);
    FAIL() << "no picture was left";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), ::testing::HasSubstr("there is no image a.jpg"));
  }
  EXPECT_EQ(findings_by_kind(findings), (Counts{{"missing-image", 1}}));
}

}  // namespace
}  // namespace oko::dataset
