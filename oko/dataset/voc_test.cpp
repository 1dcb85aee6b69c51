#include "oko/dataset/voc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "oko/base/error.h"
#include "oko/dataset/encoding.h"
#include "oko/dataset/test_data.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;

TEST(VocParser, FractionsAndZerosAreNotShifted) {
  for (const auto& [corners, box] : std::vector<std::pair<std::array<std::string, 4>, image::Box>>{
           {{"1.5", "2", "30.25", "40"}, {1.5F, 2, 30.25F, 40}},
           {{"0", "1", "30", "40"}, {0, 1, 30, 40}},
           {{"2.0", "2", "30", "40"}, {1, 1, 30, 40}}}) {
    const std::string text = "<annotation><object><name>a</name><bndbox><xmin>" + corners[0] +
                             "</xmin><ymin>" + corners[1] + "</ymin><xmax>" + corners[2] +
                             "</xmax><ymax>" + corners[3] +
                             "</ymax></bndbox></object></annotation>";
    EXPECT_EQ(parse_voc(text, "a.xml").pictures.at(0).objects.at(0).box, box) << corners[0];
  }
}

std::string object_of(const std::string& name, const std::string& xmin = "10") {
  return "<object><name>" + name + "</name><bndbox><xmin>" + xmin +
         "</xmin><ymin>10</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object>\n";
}

TEST(VocParser, TellsOfBoxesThatAreNotWhereTheyBelong) {
  const std::string bounds =
      "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>";
  struct Case {
    std::string text;
    std::size_t kept;
    int line, lost;
  };
  const std::vector<Case> cases = {
      {"<annotation>\n" + object_of("a") + "</annotation>\n<annotation>" + object_of("b") +
           object_of("c") + "</annotation>",
       1, 4, 2},
      {"<annotation>\n<object><name>a</name>" + bounds + bounds + "</object></annotation>", 0, 2,
       2},
      {"<annotation>\n<objects>\n" + object_of("a") + "</objects></annotation>", 0, 3, 1},
      {"<annotation>\n<Object><name>a</name>" + bounds + "</Object></annotation>", 0, 2, 1},
      {"<annotation>\n<object><name>a</name><name>b</name>" + bounds + "</object></annotation>", 0,
       2, 1},
      {"<annotation>\n" + object_of("a<b/>c") + "</annotation>", 0, 2, 1},
      {"<annotation>\n" + object_of("a", "1</xmin><xmin>2") + "</annotation>", 0, 2, 1},
      {"<annotation>\n" + object_of("a") + "<size/><size/></annotation>", 1, 3, 0},
  };
  for (const Case& one : cases) {
    const ParsedFile file = parse_voc(one.text, "a.xml");
    EXPECT_EQ(file.pictures.at(0).objects.size(), one.kept) << one.text;
    ASSERT_EQ(file.findings.size(), 1u) << one.text;
    EXPECT_EQ(file.findings[0].severity, Finding::Severity::kError);
    EXPECT_EQ(file.findings[0].place, "a.xml:" + std::to_string(one.line)) << one.text;
    EXPECT_EQ(file.findings[0].boxes_lost, one.lost) << one.text;
  }
  const std::string parts = "<annotation><object><name>person</name>" + bounds +
                            "<part><name>head</name>" + bounds + "</part></object></annotation>";
  EXPECT_TRUE(parse_voc(parts, "a.xml").findings.empty());
}

TEST(VocParser, CommentsDoNotCutTextAndUnknownEntitiesAreNone) {
  const ParsedFile file = parse_voc(
      "<annotation>" + object_of("a<!-- x -->b<![CDATA[&c;]]>", "1<!-- y -->0") + "</annotation>",
      "a.xml");
  EXPECT_TRUE(file.findings.empty());
  const ParsedObject& object = file.pictures.at(0).objects.at(0);
  EXPECT_EQ(object.class_name, "ab&c;");
  EXPECT_EQ(object.box, (image::Box{9, 9, 30, 40}));
  EXPECT_EQ(parse_voc("<annotation>" + object_of("a &amp; b &#99; & d") + "</annotation>", "a")
                .pictures.at(0)
                .objects.at(0)
                .class_name,
            "a & b c & d");
  const ParsedFile entity =
      parse_voc("<!DOCTYPE annotation [<!ENTITY x \"cat\">]>\n<annotation>\n" + object_of("&x;") +
                    object_of("dog") + "</annotation>",
                "a.xml");
  EXPECT_EQ(entity.pictures.at(0).objects.size(), 1u);
  ASSERT_EQ(entity.findings.size(), 1u);
  EXPECT_EQ(entity.findings[0].severity, Finding::Severity::kError);
  EXPECT_EQ(entity.findings[0].place, "a.xml:3");
  EXPECT_EQ(entity.findings[0].boxes_lost, 1);
}

TEST(VocReader, TakesSplitsFromFoldersWithOtherWordsThatTellNothing) {
  const ScratchFolder folder;
  for (const std::string name : {"train_images/a", "test_images/b", "extra/c"}) {
    storage::write(folder / (name + ".jpg"), "");
    storage::write(folder / (name + ".xml"), "<annotation>" + object_of("cat") + "</annotation>");
  }
  std::vector<Finding> findings;
  EXPECT_EQ(pictures_by_split(read(folder.path(), {}, &findings)),
            (Counts{{"train", 1}, {"test", 1}, {"", 1}}));
  ASSERT_EQ(findings_by_kind(findings), (Counts{{"in-no-split", 1}}));
  EXPECT_EQ(findings[0].place, "extra");
}

TEST(Encoding, IsDeclaredMarkedOrGuessed) {
  const auto text = [](std::string bytes) {
    return std::string(Text(Bytes(std::move(bytes)), "f").text());
  };
  const std::string cat = "<?xml version=\"1.0\" encoding=\"gb2312\"?><n>\xC3\xA8</n>";
  EXPECT_THAT(text(cat), ::testing::HasSubstr("\xE7\x8C\xAB"));
  EXPECT_EQ(text(std::string("\xFF\xFE"
                             "c\0a\0",
                             6)),
            "ca");
  EXPECT_EQ(text(std::string("c\0a\0t\0\n\0", 8)), "cat\n");
  EXPECT_EQ(text("\xEF\xBB\xBF"
                 "cat"),
            "cat");
  EXPECT_EQ(text("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_THROW(text(std::string("\xFF\xFE\0\xD8", 4)), Error) << "half a surrogate pair";
}

TEST(VocReader, ReadsRaccoon) {
  OKO_REFERENCE_DATA(folder, "raccoon");
  std::vector<Finding> findings;
  const Dataset data = read(folder, {}, &findings);
  EXPECT_EQ(data.format, "voc");
  EXPECT_THAT(data.classes, ElementsAre("raccoon"));
  EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 167}, {"val", 33}}));
  EXPECT_EQ(boxes_by_class(data), (Counts{{"raccoon", 217}}));
  EXPECT_THAT(findings, ::testing::IsEmpty());
  const Sample& first = sample_named(data, "raccoon-1");
  EXPECT_EQ(first.size, (image::Size{650, 417}));
  ASSERT_EQ(first.objects.size(), 1u);
  EXPECT_EQ(first.objects[0].box, (image::Box{80, 87, 522, 408}));
  EXPECT_EQ(first.objects[0].place, "Annotations/raccoon-1.xml:19");
  EXPECT_EQ(sample_named(data, "raccoon-150").depth, 1);
}

TEST(VocReader, ReadsBccdAndDropsItsTwoEmptyBoxes) {
  OKO_REFERENCE_DATA(folder, "bccd");
  std::vector<Finding> findings;
  const Dataset data = read(folder, {}, &findings);
  EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 205}, {"val", 87}, {"test", 72}}));
  EXPECT_EQ(count_objects(data), 4886u);
  EXPECT_EQ(findings_by_kind(findings), (Counts{{"empty-box", 2}}));
  EXPECT_EQ(findings.at(0).place, "Annotations/BloodImage_00338.xml:163");
  EXPECT_THAT(findings.at(1).place, HasSubstr("BloodImage_00343.xml"));
  EXPECT_NO_THROW(read(folder)) << "a dropped box must not stop training";
}

TEST(VocReader, FindsPlayingCardsWithEitherSpellingOfTheExtension) {
  OKO_REFERENCE_DATA(folder, "playing_cards");
  std::vector<Finding> findings;
  const Dataset data = read(folder, {}, &findings);
  EXPECT_THAT(data.classes, ElementsAre("nine", "ten", "jack", "queen", "king", "ace"));
  EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 296}, {"val", 67}}));
  EXPECT_EQ(boxes_by_class(data), (Counts{{"nine", 115},
                                          {"ten", 100},
                                          {"jack", 113},
                                          {"queen", 106},
                                          {"king", 118},
                                          {"ace", 118}}));
  int upper_case = 0;
  for (const Sample& sample : data.samples) upper_case += sample.image.ends_with(".JPG");
  EXPECT_EQ(upper_case, 311);
  EXPECT_EQ(findings_by_kind(findings).at("windows-path"), 363);
}

TEST(VocReader, ReadsCoco128WithItsBackgroundsAndBoxesOfOnePixel) {
  OKO_REFERENCE_DATA(folder, "coco128");
  ReadOptions options;
  options.format = "voc";
  std::vector<Finding> findings;
  const Dataset data = read(folder, options, &findings);
  EXPECT_EQ(data.classes.size(), 80u);
  EXPECT_EQ(boxes_by_class(data).size(), 75u);
  EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 128}, {"val", 64}}));
  EXPECT_EQ(count_objects(data), 1390u);
  EXPECT_TRUE(sample_named(data, "000000000250").objects.empty());
  EXPECT_TRUE(sample_named(data, "000000000508").objects.empty());
}

TEST(VocReader, ReadsTheFilesOfVoc2007WithTheirDifficultObjects) {
  OKO_REFERENCE_DATA(folder, "voc2007_sample");
  const Dataset data = read(folder);
  EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 10}, {"val", 3}}));
  EXPECT_EQ(count_objects(data), 41u);
  int difficult = 0, truncated = 0;
  for (const Sample& sample : data.samples) {
    for (const Object& object : sample.objects) {
      difficult += object.difficult;
      truncated += object.truncated;
    }
  }
  EXPECT_EQ(difficult, 6);
  EXPECT_GT(truncated, 0);
  EXPECT_EQ(sample_named(data, "000001").objects.at(0).box, (image::Box{47, 239, 195, 371}));
}

constexpr char kObject[] =
    "<annotation><filename>a.jpg</filename>\n<size><width>100</width><height>50</height></size>\n"
    "<object><name>dog</name>\n<bndbox>%s</bndbox></object></annotation>";

ParsedFile parse_box(const std::string& box) {
  std::string text = kObject;
  text.replace(text.find("%s"), 2, box);
  return parse_voc(text, "a.xml");
}

TEST(VocParser, SwapsInvertedCornersAndReportsTheLine) {
  const ParsedFile file = parse_box("<xmin>60</xmin><ymin>5</ymin><xmax>11</xmax><ymax>20</ymax>");
  ASSERT_EQ(file.pictures.at(0).objects.size(), 1u);
  EXPECT_EQ(file.pictures[0].objects[0].box, (image::Box{10, 4, 60, 20}));
  ASSERT_EQ(file.findings.size(), 1u);
  EXPECT_EQ(file.findings[0].kind, "inverted-box");
  EXPECT_EQ(file.findings[0].place, "a.xml:4");
}

TEST(VocParser, DropsBoxesItCannotUse) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"<xmin>9</xmin><ymin>9</ymin><xmax>9</xmax><ymax>9</ymax>", "empty-box"},
      {"<xmin>nan</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax>", "bad-number"},
      {"<xmin>1e99</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax>", "bad-number"},
      {"<xmin>one</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax>", "bad-number"},
      {"<xmin>1</xmin><ymin>1</ymin><xmax>9</xmax>", "bad-number"},
  };
  for (const auto& [box, kind] : cases) {
    const ParsedFile file = parse_box(box);
    EXPECT_TRUE(file.pictures.at(0).objects.empty()) << box;
    EXPECT_THAT(file.findings, ElementsAre(Field(&Finding::kind, kind))) << box;
  }
}

TEST(VocParser, ReportsTheLineOfBrokenXml) {
  try {
    parse_voc("<annotation>\n<object>\n</annotation>", "a.xml");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.place(), "a.xml:3");
  }
  EXPECT_THROW(parse_voc("<html/>", "a.xml"), Error);
  EXPECT_THROW(parse_voc("", "a.xml"), Error);
}

TEST(VocParser, SurvivesEntitiesAndDeepNesting) {
  const ParsedFile bomb = parse_voc(
      "<!DOCTYPE a [<!ENTITY x \"&y;&y;\"><!ENTITY y SYSTEM \"file:///etc/passwd\">]>"
      "<annotation><filename>&x;&y;</filename></annotation>",
      "a.xml");
  EXPECT_EQ(bomb.pictures.at(0).name, "&x;&y;") << "entities are not expanded";
  std::string deep = "<annotation>";
  for (int i = 0; i < 200000; ++i) deep += "<a>";
  EXPECT_THROW(parse_voc(deep, "deep.xml"), Error);
}

TEST(VocParser, WritesWhatItReads) {
  Sample sample;
  sample.size = {100, 50};
  sample.objects.push_back({{9.6F, 4.2F, 60.4F, 50}, 1, true, false, true, ""});
  sample.objects.push_back({{99.3F, 0, 99.9F, 1.1F}, 0, false, false, false, ""});
  const std::string text = voc_text(sample, {"a & b", "<dog>"}, "x.jpg");
  const ParsedFile file = parse_voc(text, "a.xml");
  EXPECT_TRUE(file.findings.empty());
  const auto& objects = file.pictures.at(0).objects;
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0].class_name, "<dog>");
  EXPECT_EQ(objects[0].box, (image::Box{10, 4, 60, 50}));
  EXPECT_TRUE(objects[0].difficult && objects[0].truncated);
  EXPECT_EQ(objects[1].class_name, "a & b");
  EXPECT_EQ(objects[1].box, (image::Box{98, 0, 100, 1})) << "never a single pixel";
}

std::string annotation(const std::string& filename) {
  return "<annotation><filename>" + filename +
         "</filename><size><width>9</width><height>9</height></size><object><name>cat</name>"
         "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox></object>"
         "</annotation>";
}

TEST(VocFolder, ReadsADevkitOfSeveralYearsAndIgnoresListsOfClassesAndMasks) {
  const ScratchFolder folder;
  for (const std::string year : {"VOC2007", "VOC2012"}) {
    const std::string base = folder / ("VOCdevkit/" + year + "/");
    storage::write(base + "Annotations/1.xml", annotation("1.jpg"));
    storage::write(base + "Annotations/2.xml", annotation("2.jpg"));
    storage::write(base + "JPEGImages/1.jpg", "");
    storage::write(base + "JPEGImages/2.jpg", "");
    storage::write(base + "JPEGImages/3.jpg", "");
    storage::write(base + "SegmentationClass/1.png", "");
    storage::write(base + "ImageSets/Main/cat_train.txt", "2 -1\n");
    storage::write(base + "ImageSets/Main/trainval.txt", "1\n");
    storage::write(base + "ImageSets/Main/test.txt", "2\n3\n4\n");
  }
  std::vector<Finding> findings;
  const Dataset data = read(folder.path(), {}, &findings);
  EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 2}, {"test", 4}}));
  EXPECT_EQ(sample_named(data, "VOCdevkit/VOC2012/JPEGImages/1").split, "train");
  EXPECT_EQ(findings_by_kind(findings), (Counts{{"no-annotation", 2}, {"unknown-split-id", 2}}));
  EXPECT_EQ(findings.back().place, "VOCdevkit/VOC2012/ImageSets/Main/test.txt:3");
}

TEST(VocFolder, ReadsXmlBesidePicturesInSplitFolders) {
  const ScratchFolder folder;
  storage::write(folder / "train/a.xml", annotation("other.jpg"));
  storage::write(folder / "train/a.PNG", "");
  storage::write(folder / "valid/a.xml", annotation("a.jpg"));
  storage::write(folder / "valid/a.jpg", "");
  std::vector<Finding> findings;
  const Dataset data = read(folder.path(), {}, &findings);
  EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 1}, {"val", 1}}));
  EXPECT_EQ(sample_named(data, "train/a").image, folder / "train/a.PNG");
  EXPECT_EQ(findings_by_kind(findings), (Counts{{"filename-mismatch", 1}}));
}

TEST(VocFolder, KeepsAnIdOfTwoListsOutOfTraining) {
  const ScratchFolder folder;
  storage::write(folder / "Annotations/1.xml", annotation("1.jpg"));
  storage::write(folder / "JPEGImages/1.jpg", "");
  storage::write(folder / "ImageSets/Main/train.txt", "1\n");
  storage::write(folder / "ImageSets/Main/val.txt", "\n1\n");
  std::vector<Finding> findings;
  const Dataset data = read(folder.path(), {}, &findings);
  EXPECT_EQ(data.samples.at(0).split, "val");
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].kind, "two-splits");
  EXPECT_EQ(findings[0].place, "ImageSets/Main/val.txt:2");
}

TEST(VocFolder, UsesNoImageOfAnotherFolderByItsFilename) {
  const ScratchFolder folder;
  storage::write(folder / "Annotations/cam1/1.xml", annotation("1.jpg"));
  storage::write(folder / "Annotations/cam1/3.xml", annotation("3.jpg"));
  storage::write(folder / "Annotations/cam2/2.xml", annotation("2.jpg"));
  storage::write(folder / "JPEGImages/3.jpg", "");
  storage::write(folder / "JPEGImages/cam2/1.jpg", "");
  storage::write(folder / "JPEGImages/cam2/2.jpg", "");
  std::vector<Finding> findings;
  const Dataset data = read(folder.path(), {}, &findings);
  EXPECT_EQ(findings_by_kind(findings), (Counts{{"missing-image", 1}, {"no-annotation", 1}}));
  EXPECT_EQ(findings[0].place, "Annotations/cam1/1.xml:1");
  EXPECT_TRUE(sample_named(data, "1").objects.empty());
  EXPECT_EQ(sample_named(data, "3").image, folder / "JPEGImages/3.jpg");
}

TEST(VocFolder, ReadsListsAsVottAndCvatWriteThem) {
  for (const std::vector<std::string>& lists :
       {std::vector<std::string>{"cat_train", "cat_val"}, {"Train", "Validation"}}) {
    const ScratchFolder folder;
    const bool of_class = lists[0] != "Train";
    for (const std::string name : {"1", "my 2"}) {
      storage::write(folder / ("Annotations/" + name + ".xml"), annotation(name + ".jpg"));
      storage::write(folder / ("JPEGImages/" + name + ".jpg"), "");
    }
    storage::write(folder / ("ImageSets/Main/" + lists[0] + ".txt"),
                   of_class ? "1.jpg 1\n" : "1\n");
    storage::write(folder / ("ImageSets/Main/" + lists[1] + ".txt"),
                   of_class ? "my 2.jpg -1\n" : "my 2\n");
    std::vector<Finding> findings;
    EXPECT_EQ(pictures_by_split(read(folder.path(), {}, &findings)),
              (Counts{{"train", 1}, {"val", 1}}));
    EXPECT_EQ(findings_by_kind(findings), (Counts{}));
  }
}

TEST(VocFolder, ReportsListsThatAreNotSplits) {
  const ScratchFolder folder;
  storage::write(folder / "Annotations/1.xml", annotation("1.jpg"));
  storage::write(folder / "JPEGImages/1.jpg", "");
  storage::write(folder / "ImageSets/Main/default.txt", "1\n");
  storage::write(folder / "train.txt", "1\n");
  std::vector<Finding> findings;
  EXPECT_EQ(pictures_by_split(read(folder.path(), {}, &findings)), (Counts{{"", 1}}));
  EXPECT_EQ(findings_by_kind(findings), (Counts{{"annotation-ignored", 2}}));
}

TEST(VocFolder, ReportsMissingImagesBrokenFilesAndUnknownClasses) {
  const ScratchFolder folder;
  storage::write(folder / "classes.names", "dog\nCat \n");
  storage::write(folder / "Annotations/1.xml", annotation("1.jpg"));
  storage::write(folder / "Annotations/2.xml", annotation("2.jpg"));
  storage::write(folder / "Annotations/3.xml", "<annotation><object></annotation>");
  storage::write(folder / "JPEGImages/1.jpg", "");
  storage::write(folder / "JPEGImages/3.jpg", "");
  std::vector<Finding> findings;
  const Dataset data = read(folder.path(), {}, &findings);
  EXPECT_EQ(data.samples.size(), 1u);
  EXPECT_EQ(findings_by_kind(findings),
            (Counts{{"missing-image", 1}, {"bad-annotation", 1}, {"class-spelling", 1}}));
  EXPECT_EQ(data.samples[0].objects.at(0).class_id, 1);
  EXPECT_THROW(read(folder.path()), Error);
  ReadOptions options;
  options.classes = {"horse"};
  findings.clear();
  read(folder.path(), options, &findings);
  EXPECT_EQ(findings_by_kind(findings).at("unknown-class"), 1);
}

}  // namespace
}  // namespace oko::dataset
