#include "oko/dataset/disk_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "oko/dataset/format.h"
#include "oko/dataset/read.h"
#include "oko/dataset/test_data.h"
#include "oko/dataset/write.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kComposed = "caf\xC3\xA9", kDecomposed = "cafe\xCC\x81", kLatin1 = "caf\xE9";

TEST(DiskNames, AreFormCOfUtf8AndFindTheirFilesAgain) {
  DiskNames names;
  std::vector<std::string> paths{"a/" + kDecomposed, "b/" + kLatin1, "plain"};
  names.rename(paths);
  EXPECT_THAT(paths, ElementsAre("a/" + kComposed, "b/" + kComposed, "plain"));
  EXPECT_EQ(names.on_disk("a/" + kComposed), "a/" + kDecomposed);
  EXPECT_EQ(names.on_disk("b/" + kComposed), "b/" + kLatin1);
  EXPECT_EQ(names.on_disk("plain"), "plain");
  EXPECT_EQ(names.name_of("b/" + kLatin1), "b/" + kComposed);
}

TEST(DiskNames, StayDifferentWhereTheFilesAre) {
  DiskNames names;
  std::vector<std::string> paths{kDecomposed, kComposed, kLatin1};
  names.rename(paths);
  EXPECT_THAT(paths, ElementsAre(kDecomposed, kComposed, kLatin1));
}

void write_picture(const std::string& file) {
  storage::write(file, media::encode_png({{100, 80}, std::vector<std::uint8_t>(24000, 9)}));
}

std::string voc_of(const std::string& file) {
  return "<annotation><filename>" + file +
         "</filename><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
         "<xmax>50</xmax><ymax>40</ymax></bndbox></object></annotation>";
}

// Two files that differ in the form of Unicode only, which most disks can hold.
TEST(BothForms, AreTwoImagesInCocoAndVoc) {
  const std::string first = kDecomposed + ".png", second = kComposed + ".png";
  const auto names_of = [](const Dataset& data) {
    std::map<std::string, std::string> classes;  // by file
    for (const Sample& sample : data.samples) {
      const std::string name = storage::filename(sample.image);
      if (sample.objects.size() == 1) {
        classes[name] = data.classes.at(static_cast<std::size_t>(sample.objects[0].class_id));
      }
    }
    return classes;
  };
  const std::map<std::string, std::string> right = {{first, "cat"}, {second, "dog"}};
  const ScratchFolder coco("coco");
  write_picture(coco / first);
  write_picture(coco / second);
  const std::string entries =
      R"({"id": 1, "file_name": ")" + first + R"("}, {"id": 2, "file_name": ")" + second + R"("})";
  storage::write(coco / "a.json", R"({"images": [)" + entries + R"(], "categories":
      [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}], "annotations":
      [{"image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20]},
       {"image_id": 2, "category_id": 2, "bbox": [10, 10, 20, 20]}]})");
  EXPECT_EQ(names_of(read(coco.path())), right);
  std::filesystem::remove(coco / second);
  std::vector<Finding> findings;
  EXPECT_EQ(names_of(read(coco.path(), {}, &findings)),
            (std::map<std::string, std::string>{{first, "cat"}}))
      << "the other one is missing and gives its box to nobody";
  EXPECT_EQ(findings_by_kind(findings)["missing-image"], 1);

  const ScratchFolder voc("voc");
  for (const auto& [name, label] : right) {
    write_picture(voc / ("JPEGImages/" + name));
    std::string text = voc_of(name);
    text.replace(text.find("cat"), 3, label);
    storage::write(voc / ("Annotations/" + storage::stem(name) + ".xml"), text);
  }
  EXPECT_EQ(names_of(read(voc.path())), right);
  std::filesystem::remove(voc / ("Annotations/" + kComposed + ".xml"));
  EXPECT_EQ(names_of(read(voc.path())), (std::map<std::string, std::string>{{first, "cat"}}));
}

// Names as macOS stores them, and as unpacked from an archive with another encoding.
class OddNames : public ::testing::TestWithParam<std::string> {};

TEST_P(OddNames, MatchFormCInCoco) {
  const ScratchFolder folder;
  write_picture(folder / ("images/" + GetParam() + ".png"));
  storage::write(folder / "a.json", R"({"images": [{"id": 1, "file_name": ")" + kComposed +
                                        R"(.png"}], "categories": [{"id": 1, "name": "cat"}],
    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20]}]})");
  std::vector<Finding> findings;
  const Dataset data = read(folder.path(), {}, &findings);
  EXPECT_THAT(findings, IsEmpty());
  ASSERT_EQ(data.samples.size(), 1u);
  EXPECT_EQ(data.samples[0].id, kComposed);
  EXPECT_FALSE(picture_bytes(data, data.samples[0]).empty());
  NoProgress progress;
  for (const std::string& format : format_names()) {
    write(data, folder / ("out/" + format), format, progress);
    const Dataset again = read(folder / ("out/" + format));
    ASSERT_EQ(again.samples.size(), 1u) << format;
    EXPECT_EQ(again.samples[0].id, kComposed) << format;
    EXPECT_EQ(again.samples[0].objects.size(), 1u) << format;
  }
}

TEST_P(OddNames, MatchFormCInListsOfVoc) {
  const ScratchFolder folder;
  write_picture(folder / ("JPEGImages/" + GetParam() + ".png"));
  storage::write(folder / ("Annotations/" + kComposed + ".xml"), voc_of(kComposed + ".png"));
  storage::write(folder / "ImageSets/Main/train.txt", kDecomposed + "\n");
  std::vector<Finding> findings;
  const Dataset data = read(folder.path(), {}, &findings);
  EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 1}}));
  EXPECT_EQ(count_objects(data), 1u);
}

TEST_P(OddNames, MatchFormCInListsOfYolo) {
  const ScratchFolder folder;
  write_picture(folder / ("images/" + GetParam() + ".png"));
  storage::write(folder / ("labels/" + GetParam() + ".txt"), "0 .5 .5 .2 .2\n");
  storage::write(folder / "data.yaml", "train: train.txt\nval: train.txt\nnames: [cat]\n");
  storage::write(folder / "train.txt", "./images/" + kComposed + ".png\n");
  std::vector<Finding> findings;
  const Dataset data = read(folder.path(), {}, &findings);
  EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 1}}));
  EXPECT_EQ(count_objects(data), 1u);
}

// Nothing is listed beside a list that is named by itself.
TEST_P(OddNames, MatchFormCInAKerasListAlone) {
  const ScratchFolder folder;
  write_picture(folder / (GetParam() + ".png"));
  storage::write(folder / "train.txt", kComposed + ".png 1,2,30,40,0\n");
  storage::write(folder / "classes.txt", "cat\n");
  storage::write(folder / "whole.txt", folder / (kComposed + ".png 1,2,30,40,0\n"));
  for (const char* list : {"train.txt", "whole.txt"}) {
    const Dataset data = read(folder / list);
    ASSERT_EQ(data.samples.size(), 1u);
    EXPECT_FALSE(picture_bytes(data, data.samples[0]).empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Spellings, OddNames, ::testing::Values(kComposed, kDecomposed, kLatin1),
                         [](const auto& test) {
                           return test.param == kComposed     ? "Composed"
                                  : test.param == kDecomposed ? "Decomposed"
                                                              : "Latin1";
                         });

TEST(LineBreaksInNames, AreReadAndWrittenWithoutThem) {
  const ScratchFolder folder;
  write_picture(folder / "images/new\nline.png");
  storage::write(folder / "labels/new\nline.txt", "0 .5 .5 .2 .2\n");
  storage::write(folder / "data.yaml", "train: images\nval: images\nnames: [cat]\n");
  const Dataset data = read(folder.path());
  ASSERT_EQ(data.samples.size(), 1u);
  EXPECT_EQ(data.samples[0].objects.size(), 1u);
  NoProgress progress;
  for (const std::string& format : format_names()) {
    write(data, folder / ("out/" + format), format, progress);
    const Dataset again = read(folder / ("out/" + format));
    ASSERT_EQ(again.samples.size(), 1u) << format;
    EXPECT_EQ(again.samples[0].objects.size(), 1u) << format;
  }
}

}  // namespace
}  // namespace oko::dataset
