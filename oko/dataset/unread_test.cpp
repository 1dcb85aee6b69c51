#include "oko/dataset/unread.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"
#include "oko/dataset/file_kind.h"
#include "oko/dataset/test_data.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kVoc =
    "<annotation><filename>a.jpg</filename><size><width>9</width><height>9</height></size>"
    "<object><name>cat</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>5</xmax><ymax>5</ymax>"
    "</bndbox></object></annotation>";
const std::string kCoco =
    R"({"images": [{"id": 1, "file_name": "a.jpg"}], "categories": [{"id": 1, "name": "cat"}],)"
    R"("annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}]})";

// The places of "annotation-ignored" findings.
std::vector<std::string> ignored(const std::vector<Finding>& findings) {
  std::vector<std::string> places;
  for (const Finding& finding : findings) {
    if (finding.kind == "annotation-ignored") places.push_back(finding.place);
  }
  return places;
}

struct OtherFile {
  const char* path;
  std::string text;
};

TEST(Unread, AnnotationsOfAnyOtherKindAreReported) {
  const OtherFile kFiles[]{
      {"old/a.xml", kVoc},
      {"cvat.xml", "<?xml version=\"1.0\"?>\n<annotations><image/></annotations>"},
      {"captions.json", kCoco},
      {"labels/a.txt", "0 .5 .5 .2 .2\n"},
      {"JPEGImages/a.txt", "cat 10 10 20 20\n"},
      {"JPEGImages/deleted.txt", "0 .5 .5 .2 .2\n"},
      {"kitti/a.txt", "Car 0.00 0 -1.58 587.01 173.33 614.12 200.12 1 1 1 1 1 1 1\n"},
      {"boxes.csv", "filename,width,height,class,xmin,ymin,xmax,ymax\n"},
      {"automl.csv", "TRAIN,gs://x/a.jpg,cat,0.1,0.1,,,0.3,0.3,,\n"},
      {"2007_train.txt", "JPEGImages/a.jpg 1,1,5,5,0\n"},
      {"train.txt", "a\n"},
      {"all.txt", "JPEGImages/a.jpg\n"},
      {"data.yaml", "train: images\nnames: [cat]\n"},
      {"obj.data", "classes = 1\ntrain = train.txt\n"},
      {"_annotations.createml.json",
       R"([{"image": "a.jpg", "annotations": [{"label": "cat", "coordinates": {"x": 1}}]}])"},
      {"via.json", R"({"a.jpg1": {"regions": [{"shape_attributes": {"name": "rect"}}]}})"},
      {"JPEGImages/a.json", R"({"shapes": [], "imagePath": "a.jpg"})"},
      {"ls.json", R"([{"id": 1, "annotations": [{"completed_by": 1}], "data": {"image": "a"}}])"},
      {"ann/a.jpg.json", R"({"objects": [{"classTitle": "cat"}]})"},
      {"out.manifest", R"({"source-ref": "s3://x/a.jpg", "bounding-box": {}})"},
      {"x.tfrecord", "bytes"},
  };
  for (const OtherFile& file : kFiles) {
    SCOPED_TRACE(file.path);
    const ScratchFolder folder;
    storage::write(folder / "Annotations/a.xml", kVoc);
    storage::write(folder / "JPEGImages/a.jpg", "");
    storage::write(folder / file.path, file.text);
    ReadOptions options;
    options.format = "voc";
    std::vector<Finding> findings;
    EXPECT_EQ(read(folder.path(), options, &findings).samples.size(), 1U);
    EXPECT_THAT(ignored(findings), ElementsAre(file.path));
  }
}

TEST(Unread, OtherFilesAreNot) {
  const ScratchFolder folder;
  storage::write(folder / "Annotations/a.xml", kVoc);
  storage::write(folder / "JPEGImages/a.jpg", "");
  for (const OtherFile& file : {OtherFile{"README.roboflow.txt", "5 images\n1 2 3 4 5\n"},
                                {"notes.txt", "1 2 3 4 5\n"},
                                {"package.json", R"({"name": "x"})"},
                                {"pom.xml", "<project/>"},
                                {"results.csv", "epoch,train/box_loss\n1,0.5\n"},
                                {"hyp.yaml", "lr0: 0.01\n"},
                                {"ImageSets/Main/train.txt", "a\n"},
                                {"ImageSets/Main/cat_train.txt", "a  1\n"},
                                {"ImageSets/Segmentation/train.txt", "a\n"},
                                {"classes.txt", "cat\n"}}) {
    storage::write(folder / file.path, file.text);
  }
  std::vector<Finding> findings;
  read(folder.path(), {}, &findings);
  EXPECT_THAT(findings, IsEmpty()) << findings.front().place;
}

TEST(Unread, ManyFilesOfOneKindAreOneFinding) {
  const ScratchFolder folder;
  storage::write(folder / "Annotations/a.xml", kVoc);
  storage::write(folder / "JPEGImages/a.jpg", "");
  for (int i = 0; i < 60; ++i) storage::write(folder / ("old/" + std::to_string(i) + ".xml"), kVoc);
  std::vector<Finding> findings;
  read(folder.path(), {}, &findings);
  ASSERT_THAT(ignored(findings), ElementsAre("old/0.xml"));
  EXPECT_THAT(findings[0].message, HasSubstr("50 of 60 files here were checked"));
}

TEST(Unread, CocoFilesOfAnyNameAreReadAndThoseOfOtherTasksReported) {
  const ScratchFolder folder;
  std::string other = kCoco;
  other.replace(other.find("a.jpg"), 5, "b.jpg");
  storage::write(folder / "annotations/instances_train.json", kCoco);
  storage::write(folder / "annotations/val.json", other);
  storage::write(folder / "annotations/captions_train.json", kCoco);
  storage::write(folder / "annotations/person_keypoints_train.json", kCoco);
  storage::write(folder / "images/a.jpg", "");
  storage::write(folder / "images/b.jpg", "");
  std::vector<Finding> findings;
  const Dataset data = read(folder.path(), {}, &findings);
  EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 1}, {"val", 1}}));
  EXPECT_THAT(ignored(findings), ElementsAre("annotations/captions_train.json",
                                             "annotations/person_keypoints_train.json"));
}

TEST(Unread, ExportsOfOtherToolsAreRejectedByName) {
  const std::string min =
      R"([{"image": "/data/a.jpg", "label": [{"rectanglelabels": ["cat"]}], "annotation_id": 1}])";
  for (const auto& [file, name] : {std::pair(OtherFile{"p.json", min}, "Label Studio"),
                                   {{"v.json", R"({"_via_settings": {}})"}, "VIA"},
                                   {{"b.csv", "a.jpg,1,2,3,4,cat\n"}, "CSV"}}) {
    const ScratchFolder folder;
    storage::write(folder / "a.jpg", "");
    storage::write(folder / file.path, file.text);
    for (const std::string& place : {folder.path(), folder / file.path}) {
      try {
        read(place);
        ADD_FAILURE() << place << " was read";
      } catch (const Error& e) {
        EXPECT_THAT(e.message(), HasSubstr(name));
        EXPECT_THAT(e.message(), HasSubstr("which oko does not read"));
      }
    }
  }
}

TEST(FileKind, SurvivesBytesThatAreNotText) {
  const std::string bytes("{[\0\xFF\"images\" 1 2 3 4 5\n\r\xC3", 28);
  for (const char* extension : {".json", ".xml", ".csv", ".txt", ".yaml", ".data", ".jsonl", ""}) {
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
      EXPECT_NO_THROW(kind_of_file(extension, std::string_view(bytes).substr(0, size)));
    }
  }
}

}  // namespace
}  // namespace oko::dataset
