#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "oko/base/error.h"
#include "oko/dataset/data_yaml.h"
#include "oko/dataset/test_data.h"
#include "oko/dataset/write.h"
#include "oko/dataset/yolo_txt.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;

TEST(YoloLabels, AreReadInPixelsOfThePicture) {
  const ParsedFile file =
      parse_yolo_labels("0 0.5 0.5 0.2 0.4\n\n3 0.1 0.1 0.4 0.1 0.3 0.6\n", "a.txt", {200, 100});
  EXPECT_TRUE(file.findings.empty());
  const auto& objects = file.pictures.at(0).objects;
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0].box, (image::Box{80, 30, 120, 70}));
  EXPECT_EQ(objects[1].class_id, 3);
  EXPECT_EQ(objects[1].box, (image::Box{20, 10, 80, 60})) << "around the polygon";
  EXPECT_EQ(objects[1].place, "a.txt:3");
}

TEST(YoloLabels, NameFaultyLines) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"0 0.5 0.5 0.2", "bad-annotation"},         {"0 0.5 0.5 0.2 x", "bad-annotation"},
      {"0 0.5 0.5 0.2 0.2 0.9", "bad-annotation"}, {"-1 0.5 0.5 0.2 0.2", "unknown-class"},
      {"1.5 0.5 0.5 0.2 0.2", "unknown-class"},    {"0 320 240 50 60", "bad-number"},
      {"0 nan 0.5 0.2 0.2", "bad-number"},         {"0 0.5 0.5 0 0.2", "empty-box"},
  };
  for (const auto& [line, kind] : cases) {
    const ParsedFile file = parse_yolo_labels("\n" + line, "a.txt", {100, 100});
    EXPECT_TRUE(file.pictures.at(0).objects.empty()) << line;
    EXPECT_THAT(file.findings, ElementsAre(Field(&Finding::kind, kind))) << line;
    EXPECT_EQ(file.findings.at(0).place, "a.txt:2");
  }
  const ParsedFile outside = parse_yolo_labels("0 1.01 0.5 0.2 0.2", "a.txt", {100, 100});
  EXPECT_EQ(outside.pictures.at(0).objects.size(), 1u);
  EXPECT_THAT(outside.findings, ElementsAre(Field(&Finding::kind, "out-of-range")));
}

TEST(YoloLabels, KeypointsAreDroppedOrRejectedAndNotPolygons) {
  const std::string line = "0 0.5 0.5 0.2 0.3 0.45 0.4 0.55 0.4 0.5 0.6 0.52 0.62";
  const ParsedFile told = parse_yolo_labels(line, "a.txt", {1000, 1000}, {.keypoint_values = 8});
  ASSERT_EQ(told.pictures.at(0).objects.size(), 1u);
  EXPECT_NEAR(told.pictures[0].objects[0].box.left, 400, .01);
  EXPECT_NEAR(told.pictures[0].objects[0].box.bottom, 650, .01);
  const ParsedFile refused = parse_yolo_labels(line, "a.txt", {10, 10}, {.ambiguous = true});
  EXPECT_THAT(refused.findings, ElementsAre(Field(&Finding::kind, "bad-annotation")));
  EXPECT_EQ(parse_yolo_labels(line + " 1", "a", {9, 9}, {.keypoint_values = 8}).findings.size(),
            1u);
}

bool are_polygons(const std::vector<std::string>& lines) {
  LongLines longer;
  for (const std::string& line : lines) longer.add(line);
  return longer.are_polygons();
}

TEST(YoloLabels, LongLinesArePolygonsOnlyWhereTheyCanBeNothingElse) {
  const std::string pose = "0 .5 .5 .2 .4 .45 .4 .55 .4 .5 .5";
  const std::string past_the_box = "0 .5 .5 .2 .4 .45 .4 .55 .4 .61 .5";
  const std::string cut_short = "0 .5 .5 .2 .4 .45 .4 .55 .4";
  const std::string shown = "0 .5 .5 .2 .4 .45 .4 2 .61 .4 1 .5 .5 2 .5 .6 2";
  EXPECT_FALSE(are_polygons({pose, pose, past_the_box}));
  EXPECT_FALSE(are_polygons({past_the_box}));
  EXPECT_FALSE(are_polygons({pose, pose, pose, cut_short})) << "two lengths";
  EXPECT_FALSE(are_polygons({shown, shown})) << "17 numbers: 4 keypoints of 3";
  const std::string wild = "0 .5 .5 .1 .1 .9 .9 .1 .1 .9 .1";
  EXPECT_FALSE(are_polygons({pose, pose, pose, wild})) << "one bad line";
  // Rectangles, all of four points: spread over the picture, and small.
  EXPECT_TRUE(are_polygons(
      {"0 .1 .1 .4 .1 .4 .5 .1 .5", "0 .5 .6 .9 .6 .9 .9 .5 .9", "0 .3 .3 .7 .3 .7 .7 .3 .7"}));
  EXPECT_TRUE(are_polygons({"0 .4 .4 .42 .4 .42 .43 .4 .43", "0 .5 .5 .52 .5 .52 .53 .5 .53"}));
  // Round ones in the middle, which read well as a box with keypoints, of many lengths.
  const std::string round = "0 .5 .3 .64 .36 .7 .5 .64 .64 .5 .7 .36 .64 .3 .5 .36 .36";
  EXPECT_FALSE(are_polygons({round, round}));
  EXPECT_TRUE(are_polygons({round, round + " .4 .32", round + " .4 .32 .45 .31"}));
}

TEST(YoloLabels, LabelsJoinedOnOneLineAreNoPolygon) {
  for (const char* line :
       {"0 .5 .5 .2 .2 1 .25 .25 .1 .1 0 .7 .7 .2 .2", "0 .5 .5 1 1 3 .2 .2 .1 .1"}) {
    const ParsedFile file = parse_yolo_labels(line, "a.txt", {100, 100});
    EXPECT_TRUE(file.pictures.at(0).objects.empty()) << line;
    ASSERT_EQ(file.findings.size(), 1u);
    EXPECT_THAT(file.findings[0].message, ::testing::HasSubstr("labels on one line"));
  }
  EXPECT_EQ(parse_yolo_labels("0 .5 .5 .2 .2 1 .25 .25 .1 .1 0 .7 .7 .2 .2", "a", {9, 9})
                .findings.at(0)
                .boxes_lost,
            3);
  const std::string polygon = "0 .1 .1 .3 .1 0 .3 .35 .4 .3 1 .2 .45 .1 .4";
  EXPECT_EQ(parse_yolo_labels(polygon, "a", {99, 99}).pictures.at(0).objects.size(), 1u);
}

TEST(DataYaml, AnEmptyKeypointShapeSaysThatThereAreNone) {
  EXPECT_EQ(parse_data_yaml("names: [a]\nkpt_shape: []\n", "d").keypoint_values, 0);
  EXPECT_EQ(parse_data_yaml("names: [a]\nkpt_shape: [4, 2]\n", "d").keypoint_values, 8);
  EXPECT_EQ(parse_data_yaml("names: [a]\n", "d").keypoint_values, std::nullopt);
}

TEST(DataYaml, AKeyThatIsThereTwiceIsAnError) {
  const DataFile file =
      parse_data_yaml("names: [cat, dog]\ntrain: a\nx: 1\nx: 2\nnames: [dog, cat]\n", "d.yaml");
  EXPECT_THAT(
      file.findings,
      ElementsAre(AllOf(Field(&Finding::kind, "repeated-name"), Field(&Finding::place, "d.yaml:5"),
                        Field(&Finding::severity, Finding::Severity::kError))));
  EXPECT_THAT(file.names, ElementsAre("dog", "cat"));
  EXPECT_THAT(parse_darknet_data("train = a\nnames = n\ntrain = b\n", "d.data").findings,
              ElementsAre(Field(&Finding::place, "d.data:3")));
}

TEST(DataYaml, IsReadInTheFormsThatOccur) {
  const DataFile list = parse_data_yaml(
      "# made by hand\npath: ../sets/my set  # root\ntrain: images/train\nval:\n  - images/a\n"
      "  - 'images/b'\nnc: 2\nnames: [ 'cat', \"a, b\" ]\ndownload: |\n  print(1)\n",
      "d.yaml");
  EXPECT_EQ(list.path, "../sets/my set");
  EXPECT_THAT(list.train, ElementsAre("images/train"));
  EXPECT_THAT(list.val, ElementsAre("images/a", "images/b"));
  EXPECT_THAT(list.names, ElementsAre("cat", "a, b"));
  EXPECT_TRUE(list.findings.empty());
  EXPECT_THAT(parse_data_yaml("names:\n  1: dog # good\n  0: 'it''s'\n", "d").names,
              ElementsAre("it's", "dog"));
  EXPECT_THAT(parse_data_yaml("names:\n- cat\n- dog\n", "d").names, ElementsAre("cat", "dog"));
  EXPECT_THAT(parse_data_yaml("names: {0: cat, 1: dog}\n", "d").names, ElementsAre("cat", "dog"));
  EXPECT_THAT(parse_data_yaml("names: [cat,\n  dog]\ntrain: x\n", "d").names,
              ElementsAre("cat", "dog"));
}

TEST(DataYaml, ReportsTheLineOfNamesWithGaps) {
  try {
    parse_data_yaml("names:\n  0: cat\n  2: dog\n", "d.yaml");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.place(), "d.yaml:3");
  }
  EXPECT_THROW(parse_data_yaml("nc: many\n", "d.yaml"), Error);
}

TEST(DataYaml, ReadsNamesAsAYamlLibraryDoes) {
  const std::vector<std::string> cat_dog{"cat", "dog"};
  for (const char* text :
       {"names: &n\n  - cat\n  - dog\n", "names:\n  ['cat', 'dog']\n", "names: {0: cat, 1: dog}\n",
        R"({"names": ["cat", "dog"], "nc": 2})", "base: &b {0: cat}\nnames: {<<: *b, 1: dog}\n",
        "names: [x]\nnames: [cat, dog]\n", "names:\r- cat\r- dog\r"}) {
    EXPECT_EQ(parse_data_yaml(text, "d").names, cat_dog) << text;
    EXPECT_TRUE(is_data_yaml(text)) << text;
  }
  EXPECT_THAT(parse_data_yaml("names: [yes, 007, \"caf\\xE9\"]\n", "d").names,
              ElementsAre("yes", "007", "caf\xC3\xA9"));
}

TEST(DataYaml, RejectsWhatCannotBeNames) {
  for (const char* text :
       {"names: cat\n", "names: [cat, [dog]]\n", "names: [cat, ~]\n", "names: [a: b]\n",
        "names: {1: a, 2: b}\n", "names: [a\n", "names: [a]\n---\nnames: [b]\n"}) {
    EXPECT_TRUE(is_data_yaml(text)) << text;
    EXPECT_THROW(parse_data_yaml(text, "d"), Error) << text;
  }
  EXPECT_THROW(parse_data_yaml(std::string(100000, '['), "d"), Error);
  EXPECT_THROW(parse_data_yaml("names: &n {<<: *n, 0: a}\n", "d"), Error) << "merges itself";
  EXPECT_FALSE(is_data_yaml("]"));
  EXPECT_THAT(parse_data_yaml("# a\n---\nnames: [a]\n", "d").names, ElementsAre("a"));
}

TEST(DataYaml, WrittenNamesAreReadAgain) {
  const std::vector<std::string> names{
      "#10 bolt", "a\nb", " x ", "it's \"q\"", "a, b",
      "~",        "null", "yes", "a: b",       "\xE2\x80\xA8",
      "\x7F\t",   "\\",   "- a", "\xC2\x85",   std::string(500, 'n')};
  EXPECT_EQ(parse_data_yaml(data_yaml_text(names, {"train"}), "d").names, names);
}

TEST(YoloReader, ReadsTheLabelsOfCoco128) {
  OKO_REFERENCE_DATA(folder, "coco128");
  ReadOptions options;
  options.format = "yolo";
  std::vector<Finding> findings;
  const Dataset yolo = read(folder, options, &findings);
  EXPECT_EQ(yolo.samples.size(), 192u);
  EXPECT_EQ(yolo.classes.size(), 80u);
  Counts kinds = findings_by_kind(findings);
  EXPECT_EQ(kinds["orphan-label"], 2) << "000000000656 and 000000000659";
  EXPECT_EQ(kinds["no-annotation"], 2) << "000000000250 and 000000000508";

  // The VOC files were made from the labels: every box within a pixel.
  options.format = "voc";
  const Dataset voc = read(folder, options);
  for (const Sample& sample : voc.samples) {
    const Sample& other = sample_named(yolo, sample.id);
    EXPECT_EQ(sample.size, other.size);
    ASSERT_EQ(sample.objects.size(), other.objects.size()) << sample.id;
    for (std::size_t i = 0; i < sample.objects.size(); ++i) {
      const image::Box& a = sample.objects[i].box;
      const image::Box& b = other.objects[i].box;
      EXPECT_EQ(sample.objects[i].class_id, other.objects[i].class_id);
      EXPECT_NEAR(a.left, b.left, 1) << sample.id;
      EXPECT_NEAR(a.top, b.top, 1) << sample.id;
      EXPECT_NEAR(a.right, b.right, 1) << sample.id;
      EXPECT_NEAR(a.bottom, b.bottom, 1) << sample.id;
    }
  }
}

class YoloFolder : public ::testing::Test {
 protected:
  void add(const std::string& image, const std::string& label) {
    image::Picture picture{{10, 20}, std::vector<std::uint8_t>(600, 9)};
    storage::write(folder_ / image, media::encode_png(picture));
    if (!label.empty()) storage::write(folder_ / label, "0 0.5 0.5 0.4 0.4\n");
  }
  ScratchFolder folder_;
};

TEST_F(YoloFolder, ReadsTheRoboflowLayout) {
  for (const std::string split : {"train", "valid", "test"}) {
    add(split + "/images/a.png", split + "/labels/a.txt");
  }
  storage::write(folder_ / "data.yaml",
                 "train: ../train/images\nval: ../valid/images\ntest: ../test/images\nnc: 1\n"
                 "names: ['cat']\n");
  const Dataset data = read(folder_.path());
  EXPECT_EQ(data.format, "yolo");
  EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 1}, {"val", 1}, {"test", 1}}));
  EXPECT_EQ(boxes_by_class(data), (Counts{{"cat", 3}}));
  EXPECT_EQ(data.samples[0].objects.at(0).box, (image::Box{3, 6, 7, 14}));
}

TEST_F(YoloFolder, FindsSplitsWhereTheToolsOfTheFormatDo) {
  for (const std::string split : {"train", "val"}) {
    add("images/" + split + "/" + split + ".png", "labels/" + split + "/" + split + ".txt");
  }
  const std::string name = std::filesystem::path(folder_.path()).filename().string();
  for (const std::string yaml :
       {"train: images/train\nval: ../images/val\n",
        "path: .\ntrain: ./images/train\nval: images/val/\n",
        "path: ../datasets/x\ntrain: images/train\nval: images/val\n",
        "path: /content/train/x\ntrain: images/train\nval: images/val\n",
        "path: /content/x\ntrain: /content/x/images/train\nval: /content/x/images/val\n",
        "train: /data/train/x/images/train\nval: 'C:\\train\\images\\val'\n",
        "path: 'C:\\x'\ntrain: images\\train\nval: images\\val\n",
        "train: NAME/images/train\nval: ../NAME/images/val\n"}) {
    std::string text = yaml;
    for (auto at = text.find("NAME"); at != text.npos; at = text.find("NAME")) {
      text.replace(at, 4, name);
    }
    storage::write(folder_ / "data.yaml", text + "names: [cat]\n");
    std::vector<Finding> findings;
    const Dataset data = read(folder_.path(), {}, &findings);
    EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 1}, {"val", 1}})) << text;
    EXPECT_EQ(findings_by_kind(findings), (Counts{})) << text;
  }
}

TEST_F(YoloFolder, UsesNoFolderAboveForAMissingSplit) {
  add("images/a.png", "labels/a.txt");
  add("images/b.png", "labels/b.txt");
  for (const std::string place : {"../test/images", "valid/images", "/home/u/val/images"}) {
    for (const auto& [key, severity] : {std::pair("test", Finding::Severity::kWarning),
                                        std::pair("val", Finding::Severity::kError)}) {
      storage::write(folder_ / "data.yaml",
                     "train: images\n" + std::string(key) + ": " + place + "\nnames: [cat]\n");
      std::vector<Finding> findings;
      const Dataset data = read(folder_.path(), {}, &findings);
      EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 2}})) << place;
      EXPECT_THAT(findings, ElementsAre(AllOf(Field(&Finding::kind, "missing-split"),
                                              Field(&Finding::place, place),
                                              Field(&Finding::severity, severity))));
    }
  }
}

TEST_F(YoloFolder, PlacesWithoutImagesAreMissingSplits) {
  add("images/a.png", "labels/a.txt");
  storage::write(folder_ / "none.txt", "\n \n");
  for (const std::string place : {"labels", "none.txt"}) {
    storage::write(folder_ / "data.yaml", "train: images\nval: " + place + "\nnames: [cat]\n");
    std::vector<Finding> findings;
    EXPECT_EQ(pictures_by_split(read(folder_.path(), {}, &findings)), (Counts{{"train", 1}}));
    EXPECT_THAT(findings, ElementsAre(AllOf(Field(&Finding::kind, "missing-split"),
                                            Field(&Finding::place, place),
                                            Field(&Finding::severity, Finding::Severity::kError))));
  }
}

TEST_F(YoloFolder, NamesTheFolderThatHoldsWhatDataYamlLeadsOutTo) {
  add("d/images/train/a.png", "d/labels/train/a.txt");
  add("cfg/images/val/b.png", "cfg/labels/val/b.txt");
  storage::write(folder_ / "cfg/data.yaml",
                 "train: ../d/images/train\nval: images/val\nnames: [cat]\n");
  std::vector<Finding> findings;
  read(folder_ / "cfg", {}, &findings);
  ASSERT_EQ(findings_by_kind(findings)["missing-split"], 1);
  EXPECT_THAT(findings[0].message, ::testing::HasSubstr("images is outside "));
  EXPECT_THAT(findings[0].message, ::testing::HasSubstr("give " + folder_.path() + " instead"));
  EXPECT_EQ(pictures_by_split(read(folder_.path())), (Counts{{"train", 1}, {"val", 1}}));
}

TEST_F(YoloFolder, ValidatesOnWhatItTrainsOnWhereDataYamlSaysSo) {
  add("images/train/a.png", "labels/train/a.txt");
  add("images/train/b.png", "labels/train/b.txt");
  storage::write(folder_ / "data.yaml",
                 "train: images/train\nval: images/train\ntest: images/train\nnames: [cat]\n");
  std::vector<Finding> findings;
  const Dataset data = read(folder_.path(), {}, &findings);
  EXPECT_EQ(findings_by_kind(findings), (Counts{{"same-split", 2}}));
  EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 2}}));
  EXPECT_TRUE(has_split(data, "val"));
  EXPECT_EQ(subset(data, "val").samples.size(), 2U);
  EXPECT_EQ(subset(data, "test").samples.size(), 2U);

  NoProgress progress;
  write(data, folder_ / "copy", "yolo", progress);
  EXPECT_EQ(read(folder_ / "copy", {}, &findings).same_splits, data.same_splits);
}

TEST_F(YoloFolder, FindsLabelsInFoldersOfAnyCase) {
  add("Images/a.png", "Labels/a.txt");
  storage::write(folder_ / "classes.txt", "cat\n");
  std::vector<Finding> findings;
  const Dataset data = read(folder_.path(), {}, &findings);
  EXPECT_EQ(count_objects(data), 1U);
  EXPECT_EQ(findings_by_kind(findings), (Counts{}));
}

TEST_F(YoloFolder, GivesAnAmbiguousLabelToNoImage) {
  for (const char* image : {"images/train/1.png", "images/val/1.png", "images/val/2.png"}) {
    add(image, "");
  }
  storage::write(folder_ / "labels/1.txt", "0 .5 .5 .4 .4\n0 .5 .5 .2 .2\n");
  storage::write(folder_ / "labels/2.txt", "0 .5 .5 .4 .4\n");
  storage::write(folder_ / "classes.txt", "cat\n");
  std::vector<Finding> findings;
  const Dataset data = read(folder_.path(), {}, &findings);
  ASSERT_EQ(data.samples.size(), 1U);
  EXPECT_EQ(data.samples[0].id, "2");
  ASSERT_EQ(findings_by_kind(findings), (Counts{{"ambiguous-label", 1}}));
  EXPECT_EQ(findings[0].severity, Finding::Severity::kError);
  EXPECT_EQ(findings[0].images_lost, 2);
  EXPECT_EQ(findings[0].boxes_lost, 2);
  EXPECT_THAT(findings[0].message,
              ::testing::HasSubstr("images/train/1.png or to images/val/1.png"));
}

TEST_F(YoloFolder, ReportsLabelsWithoutAnImageInAnyLayout) {
  add("a.png", "a.txt");
  add("images/b.png", "labels/b.txt");
  for (const char* label : {"deleted.txt", "labels/deleted.txt"}) {
    storage::write(folder_ / label, "0 .5 .5 .4 .4\n0 .2 .2 .1 .1\n");
  }
  storage::write(folder_ / "README.txt", "Pictures of cats\n");
  storage::write(folder_ / "classes.txt", "cat\n");
  std::vector<Finding> findings;
  EXPECT_EQ(count_objects(read(folder_.path(), {}, &findings)), 2U);
  ASSERT_EQ(findings_by_kind(findings), (Counts{{"orphan-label", 2}}));
  EXPECT_EQ(findings[0].boxes_lost + findings[1].boxes_lost, 4);
}

TEST_F(YoloFolder, ReportsALabelThatTwoImagesShare) {
  add("images/a.png", "labels/a.txt");
  add("images/a.jpg", "");
  storage::write(folder_ / "classes.txt", "cat\n");
  std::vector<Finding> findings;
  EXPECT_EQ(count_objects(read(folder_.path(), {}, &findings)), 2U);
  EXPECT_EQ(findings_by_kind(findings), (Counts{{"shared-label", 1}}));
}

TEST_F(YoloFolder, FindsTheClassListsOfLabelImgUnlessTheyDiffer) {
  for (const std::string split : {"train", "val"}) {
    add("images/" + split + "/" + split + ".png", "labels/" + split + "/" + split + ".txt");
    storage::write(folder_ / ("labels/" + split + "/classes.txt"), "cat\ndog\n");
  }
  std::vector<Finding> findings;
  EXPECT_THAT(read(folder_.path(), {}, &findings).classes, ElementsAre("cat", "dog"));
  EXPECT_EQ(findings_by_kind(findings), (Counts{}));

  storage::write(folder_ / "labels/val/classes.txt", "dog\ncat\n");
  EXPECT_THROW(read(folder_.path()), Error);
  read(folder_.path(), {}, &findings);
  EXPECT_EQ(findings_by_kind(findings), (Counts{{"ambiguous-class", 1}, {"no-class-list", 1}}));
}

TEST_F(YoloFolder, ReportsASecondDataFileAndRejectsOtherNames) {
  add("images/train/a.png", "labels/train/a.txt");
  const std::string places = "train: images/train\nval: images/train\n";
  storage::write(folder_ / "data.yaml", places + "names: [cat, dog]\n");
  storage::write(folder_ / "another.yaml", places + "names: [cat, dog]\n");
  std::vector<Finding> findings;
  EXPECT_THAT(read(folder_.path(), {}, &findings).classes, ElementsAre("cat", "dog"));
  ASSERT_EQ(findings_by_kind(findings), (Counts{{"annotation-ignored", 1}, {"same-split", 1}}));

  storage::write(folder_ / "another.yaml", places + "names: [dog, cat]\n");
  EXPECT_THROW(read(folder_.path()), Error);
  EXPECT_THAT(read(folder_ / "another.yaml").classes, ElementsAre("dog", "cat"));
}

TEST_F(YoloFolder, RejectsOtherNamesOfADataFileBelowOnlyIfItHasLabels) {
  add("images/train/a.png", "labels/train/a.txt");
  add("program/data/images/bus.png", "");
  storage::write(folder_ / "data.yaml", "train: images/train\nval: images/train\nnames: [cat]\n");
  storage::write(folder_ / "program/data/coco.yaml", "train: x\nnames: [person, car]\n");
  std::vector<Finding> findings;
  read(folder_.path(), {}, &findings);
  ASSERT_EQ(findings_by_kind(findings), (Counts{{"annotation-ignored", 1}, {"same-split", 1}}));
  EXPECT_EQ(findings.back().severity, Finding::Severity::kWarning);

  add("program/data/images/bus.png", "program/data/labels/bus.txt");
  EXPECT_THROW(read(folder_.path()), Error);
}

TEST_F(YoloFolder, ReadsListsNamedLikeDarknetsScripts) {
  for (const std::string name : {"a", "b", "c"}) {
    add("VOC2007/JPEGImages/" + name + ".png", "VOC2007/labels/" + name + ".txt");
  }
  storage::write(folder_ / "voc.names", "cat\n");
  storage::write(folder_ / "2007_train.txt", "/darknet/VOCdevkit/VOC2007/JPEGImages/a.png\n");
  storage::write(folder_ / "2007_val.txt", "/darknet/VOCdevkit/VOC2007/JPEGImages/b.png\n");
  storage::write(folder_ / "2007_test.txt", "/darknet/VOCdevkit/VOC2007/JPEGImages/c.png\n");
  std::vector<Finding> findings;
  EXPECT_EQ(pictures_by_split(read(folder_.path(), {}, &findings)),
            (Counts{{"train", 1}, {"val", 1}, {"test", 1}}));
  EXPECT_EQ(findings_by_kind(findings), (Counts{}));
}

TEST_F(YoloFolder, ReadsTheDarknetLayoutWithListsAndLabelsBesidePictures) {
  add("data/obj/a.png", "data/obj/a.txt");
  add("data/obj/b.png", "data/obj/b.txt");
  add("data/obj/c.png", "");
  storage::write(folder_ / "data/obj.names", "cat\n");
  storage::write(folder_ / "data/train.txt", "data/obj/a.png\ndata/obj/b.png\n");
  storage::write(folder_ / "data/val.txt", "data/obj/c.png\ndata/obj/b.png\n");
  storage::write(folder_ / "data/obj.data",
                 "classes = 1\ntrain = data/train.txt\nvalid = data/val.txt\nnames = "
                 "data/obj.names\nbackup = backup/\n");
  std::vector<Finding> findings;
  const Dataset data = read(folder_.path(), {}, &findings);
  EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 1}, {"val", 2}}));
  EXPECT_EQ(findings_by_kind(findings), (Counts{{"two-splits", 1}, {"no-annotation", 1}}));
  EXPECT_EQ(boxes_by_class(data), (Counts{{"cat", 2}}));
}

TEST_F(YoloFolder, ReportsAClassCountThatDiffersFromNamesOrLabels) {
  add("images/a.png", "labels/a.txt");
  storage::write(folder_ / "labels/a.txt", "2 0.5 0.5 0.4 0.4\n");
  for (const auto& [yaml, kinds] : std::vector<std::pair<std::string, Counts>>{
           {"nc: 3\nnames: [a, b]\n", {{"class-count", 1}, {"unknown-class", 1}}},
           {"nc: 2\ntrain: images\n", {{"no-class-list", 1}, {"unknown-class", 1}}}}) {
    storage::write(folder_ / "data.yaml", yaml);
    std::vector<Finding> findings;
    read(folder_.path(), {}, &findings);
    EXPECT_EQ(findings_by_kind(findings), kinds) << yaml;
  }
}

TEST_F(YoloFolder, ReportsLabelsWithoutNamesAndImagesWithoutSize) {
  add("images/a.png", "labels/a.txt");
  storage::write(folder_ / "images/b.png", "no picture");
  storage::write(folder_ / "labels/b.txt", "0 0.5 0.5 0.4 0.4\n");
  std::vector<Finding> findings;
  const Dataset data = read(folder_.path(), {}, &findings);
  EXPECT_THAT(data.classes, ElementsAre("class 0"));
  EXPECT_EQ(data.samples.size(), 1u);
  EXPECT_EQ(findings_by_kind(findings), (Counts{{"no-class-list", 1}, {"unreadable-image", 1}}));
}

}  // namespace
}  // namespace oko::dataset
