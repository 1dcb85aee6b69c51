#include <gmock/gmock.h>

#include <filesystem>

#include "oko/base/progress.h"
#include "oko/dataset/read.h"
#include "oko/dataset/write.h"
#include "tests/cases/support.h"

namespace oko::cases {
namespace {

TEST(Hostile, AClassThatBeginsWithAHashShiftsNoOther) {
  OKO_CASES(folder, "hostile");
  const dataset::Dataset data = dataset::read(folder + "/hash3");
  ASSERT_THAT(data.classes, ::testing::ElementsAre("#10 bolt", "dog", "cat"));
  for (const std::string format : {"voc", "coco", "yolo", "keras", "createml", "shards"}) {
    const std::string out = ::testing::TempDir() + "oko_hash3_" + format;
    std::filesystem::remove_all(out);
    NoProgress progress;
    dataset::write(data, out, format, progress);
    const dataset::Dataset again = dataset::read(out);
    EXPECT_EQ(again.classes, data.classes) << format;
    EXPECT_EQ(again.samples.at(0).objects.at(0).class_id, 1) << format;
    std::filesystem::remove_all(out);
  }
}

}  // namespace
}  // namespace oko::cases
