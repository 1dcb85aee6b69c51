#include "oko/dataset/create_ml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"
#include "oko/dataset/test_data.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

TEST(CreateMlParser, ReadsCentresAndSizesInPixels) {
  const ParsedFile file = parse_create_ml(
      R"([{"image": "a.jpg", "annotations": [{"label": "cat",
           "coordinates": {"x": 50, "y": 40, "width": 20, "height": 10.5}}]},
          {"imagefilename": "b.jpg", "annotation": []}])",
      "c.json");
  EXPECT_TRUE(file.findings.empty());
  ASSERT_EQ(file.pictures.size(), 2u);
  EXPECT_EQ(file.pictures[0].objects.at(0).box, (image::Box{40, 34.75F, 60, 45.25F}));
  EXPECT_EQ(file.pictures[0].objects.at(0).place, "c.json:1: [0].annotations[0]");
  EXPECT_EQ(file.pictures[1].name, "b.jpg");
}

TEST(CreateMlParser, DropsWhatItCannotUse) {
  const ParsedFile file = parse_create_ml(
      R"([7, {"image": 3}, {"image": "a.jpg", "annotations": [
           {"label": "cat", "coordinates": {"x": 5, "y": 5, "width": "wide", "height": 3}},
           {"label": "cat", "coordinates": {"x": 5, "y": 5, "width": 0, "height": 3}},
           {"label": "cat"}]}])",
      "c.json");
  ASSERT_EQ(file.pictures.size(), 1u);
  EXPECT_TRUE(file.pictures[0].objects.empty());
  EXPECT_EQ(findings_by_kind(file.findings), (Counts{{"bad-annotation", 4}, {"empty-box", 1}}));
  EXPECT_THROW(parse_create_ml("{}", "c.json"), Error);
}

TEST(CreateMlFolder, TakesSplitsFromFolders) {
  const ScratchFolder folder;
  const std::string list = R"([{"image": "a.png", "annotations": []}])";
  for (const std::string split : {"train", "valid"}) {
    storage::write(folder / (split + "/_annotations.createml.json"), list);
    storage::write(folder / (split + "/a.png"), "");
  }
  const Dataset data = read(folder.path());
  EXPECT_EQ(data.format, "createml");
  EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 1}, {"val", 1}}));
  EXPECT_EQ(sample_named(data, "valid/a").image, folder / "valid/a.png");
}

}  // namespace
}  // namespace oko::dataset
