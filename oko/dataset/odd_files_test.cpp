#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>

#include "oko/base/error.h"
#include "oko/dataset/read.h"
#include "oko/dataset/test_data.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

void write_labelled(const ScratchFolder& folder, const std::string& name) {
  storage::write(folder / ("images/" + name + ".png"),
                 media::encode_png({{100, 80}, std::vector<std::uint8_t>(24000, 9)}));
  storage::write(folder / ("labels/" + name + ".txt"), "0 .5 .5 .2 .2\n");
}

void make_pipe(const std::string& path) { ASSERT_EQ(::mkfifo(path.c_str(), 0644), 0); }

TEST(OddFiles, AreReportedAndTheRestIsRead) {
  const ScratchFolder folder;
  write_labelled(folder, "train/a");
  storage::write(folder / "data.yaml", "train: images/train\nval: images/train\nnames: [cat]\n");
  make_pipe(folder / "images/train/pipe.jpg");
  make_pipe(folder / "labels/train/pipe.txt");
  make_pipe(folder / "classes.txt");
  fs::create_symlink("/dev/zero", folder / "images/train/device.jpg");
  fs::create_symlink("nothing.jpg", folder / "images/train/dangling.jpg");
  fs::create_symlink("circle", folder / "images/circle");
  fs::create_directory_symlink("..", folder / "images/up");
  std::vector<Finding> findings;
  const Dataset data = read(folder.path(), {}, &findings);
  EXPECT_EQ(data.samples.size(), 1u);
  EXPECT_EQ(count_objects(data), 1u);
  std::map<std::string, std::string> told;
  for (const Finding& finding : findings) {
    if (finding.kind == "skipped-file") told[finding.place] = finding.message;
  }
  ASSERT_EQ(told.size(), 7u);
  EXPECT_THAT(told["images/train/pipe.jpg"], HasSubstr("named pipe"));
  EXPECT_THAT(told["labels/train/pipe.txt"], HasSubstr("named pipe"));
  EXPECT_THAT(told["classes.txt"], HasSubstr("named pipe"));
  EXPECT_THAT(told["images/train/device.jpg"], HasSubstr("device"));
  EXPECT_THAT(told["images/train/dangling.jpg"], HasSubstr("broken link"));
  EXPECT_THAT(told["images/circle"], HasSubstr("circular link"));
  EXPECT_THAT(told["images/up"], HasSubstr("a folder that contains it"));
}

TEST(OddFiles, InPlaceOfADatasetAreRejectedWithoutWaiting) {
  const ScratchFolder folder;
  for (const char* name : {"list.txt", "instances.json", "data.yaml", "shards.jsonl"}) {
    make_pipe(folder / name);
    try {
      read(folder / name);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInput) << error.what();
    }
  }
}

TEST(OddFiles, LinkedFoldersAreReadLikeOthers) {
  const ScratchFolder folder, elsewhere("elsewhere");
  write_labelled(folder, "train/a");
  write_labelled(elsewhere, "b");
  fs::create_directory_symlink(elsewhere / "images", folder / "images/val");
  fs::create_directory_symlink(elsewhere / "labels", folder / "labels/val");
  storage::write(folder / "data.yaml", "train: images/train\nval: images/val\nnames: [cat]\n");
  std::vector<Finding> findings;
  const Dataset data = read(folder.path(), {}, &findings);
  EXPECT_THAT(findings, ::testing::IsEmpty());
  EXPECT_EQ(pictures_by_split(data), (Counts{{"train", 1}, {"val", 1}}));
  EXPECT_EQ(count_objects(data), 2u);
}

}  // namespace
}  // namespace oko::dataset
