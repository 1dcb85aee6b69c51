#include "oko/dataset/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/dataset/list_paths.h"
#include "oko/dataset/parsed.h"
#include "oko/dataset/split_words.h"
#include "oko/dataset/test_data.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

TEST(Tree, APathThatNamesAFolderIsThatImageWhateverSplitTheFolderNames) {
  const ScratchFolder folder;
  for (const char* image : {"train/c.png", "val/c.png"}) storage::write(folder / image, "");
  const Tree tree(folder.path());
  EXPECT_EQ(tree.find_picture("val/c.png", "annotations/train.json", "train"), "val/c.png");
  EXPECT_EQ(tree.find_picture("c.png", "annotations/train.json", "train"), "train/c.png");
}

TEST(Splits, AreWordsOfANameNotPartsOfWords) {
  for (const char* name : {"train", "Training", "train2017", "2007_train", "my_train_list",
                           "instances_train2017_1pct", "train.coco", "trainset", "train-v2"}) {
    EXPECT_EQ(split_of_stem(name), "train") << name;
  }
  EXPECT_EQ(split_of_stem("my_validation_1"), "val");
  EXPECT_EQ(split_of_stem("test_annotation"), "test");
  for (const char* name : {"retrain", "constraint", "contest", "trainer", "trainval", "latest", "",
                           "value", "minival2014", "train_test", "set", "data"}) {
    EXPECT_EQ(split_of_stem(name), "") << name;
  }
  for (const char* folder : {"train", "train_images", "images-train", "Train2017", "train_set"}) {
    EXPECT_EQ(split_of_folder(folder), "train") << folder;
  }
  for (const char* folder : {"test_tube", "toy_train", "train_station", "valve"}) {
    EXPECT_EQ(split_of_folder(folder), "") << folder;
  }
}

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TreeOf {
 public:
  explicit TreeOf(const std::vector<std::string>& files) {
    for (const std::string& file : files) storage::write(folder_ / ("set/" + file), "");
    tree_ = std::make_unique<Tree>(folder_ / "set");
  }
  const Tree* operator->() const { return tree_.get(); }
  const Tree& operator*() const { return *tree_; }

 private:
  ScratchFolder folder_;
  std::unique_ptr<Tree> tree_;
};

TEST(Tree, AClassFolderIsNotASplit) {
  const TreeOf classes({"boat/1.jpg", "boat/1.xml", "train/1.jpg", "train/1.xml"});
  EXPECT_EQ(classes->split_of("train/1.jpg"), "");
  EXPECT_THAT(classes->class_folders(), ElementsAre("train"));

  const TreeOf below(
      {"images/boat/1.jpg", "images/train/1.jpg", "labels/boat/1.txt", "labels/train/1.txt"});
  EXPECT_EQ(below->split_of("images/train/1.jpg"), "");

  const TreeOf both({"train/boat/1.jpg", "train/train/1.jpg", "val/boat/2.jpg", "val/train/2.jpg"});
  EXPECT_EQ(both->split_of("train/train/1.jpg"), "train");
  EXPECT_EQ(both->split_of("val/train/2.jpg"), "val");
}

TEST(Tree, ASplitFolderIsOneAmongNonClassFolders) {
  for (const std::string other :
       {"val/1.jpg", "test/1.jpg", "docs/x.pdf", "raw/1.jpg", "images/1.jpg", "unlabelled/1.jpg",
        "phone pictures/1.jpg", "video/frames/1.jpg"}) {
    const TreeOf tree({"train/1.jpg", "train/1.xml", other});
    EXPECT_EQ(tree->split_of("train/1.jpg"), "train") << other;
    EXPECT_THAT(tree->class_folders(), IsEmpty());
  }
  EXPECT_EQ(TreeOf({"train/images/1.jpg", "data.yaml"})->split_of("train/images/1.jpg"), "train");
}

TEST(Tree, FindsNamesWithPercentSigns) {
  const TreeOf tree(
      {"images/my photo.jpg", "images/50%.jpg", "images/a%20b.jpg", "images/a b.jpg"});
  EXPECT_EQ(tree->find_picture("my%20photo.jpg", "a.json"), "images/my photo.jpg");
  EXPECT_EQ(tree->find_picture("50%.jpg", "a.json"), "images/50%.jpg");
  EXPECT_EQ(tree->find_picture("a%20b.jpg", "a.json"), "images/a%20b.jpg");
  EXPECT_EQ(tree->find_picture("my%00photo.jpg", "a.json"), "");
}

TEST(Tree, FindsNamesInEitherFormOfUnicode) {
  const std::string composed = "caf\u00e9", decomposed = "cafe\u0301";
  for (const auto& [here, written] : {std::pair(composed, decomposed), {decomposed, composed}}) {
    const TreeOf tree({"images/" + here + ".jpg", "labels/" + here + ".txt"});
    EXPECT_EQ(tree->find_picture(written + ".jpg", "a.json"), "images/" + composed + ".jpg");
    EXPECT_EQ(tree->find_path("images/" + written + ".jpg", ""), "images/" + composed + ".jpg");
    EXPECT_EQ(tree->in_any_case("Labels/" + written + ".txt"), "labels/" + composed + ".txt");
    EXPECT_EQ(storage::filename(tree->uri("images/" + composed + ".jpg")), here + ".jpg");
  }
  // A name that may refer to two files is ambiguous.
  const TreeOf both({"a/" + composed + ".jpg", "b/" + decomposed + ".jpg"});
  EXPECT_EQ(both->find_picture(composed + ".jpg", "x.json"), "");
  EXPECT_EQ(both->find_picture("b/" + composed + ".jpg", "x.json"), "b/" + composed + ".jpg");
}

TEST(Tree, FindsAFolderInAnyCaseButFilesOnlyInTheirOwn) {
  const TreeOf tree({"Labels/a.txt", "Labels/B.txt"});
  EXPECT_EQ(tree->in_any_case("labels/a.txt"), "Labels/a.txt");
  EXPECT_EQ(tree->in_any_case("labels/b.txt"), "");
}

TEST(Tree, FindsAPathRelativeToAFolderAboveAndNoOther) {
  const TreeOf tree({"img/1.jpg", "train.txt"});
  EXPECT_EQ(tree->find_path("img/1.jpg", ""), "img/1.jpg");
  EXPECT_EQ(tree->find_path("work/set/img/1.jpg", ""), "img/1.jpg");
  EXPECT_EQ(tree->find_path("C:\\x\\img\\1.jpg", ""), "img/1.jpg");
  EXPECT_EQ(tree->find_path("other/img/1.jpg", ""), "");
}

TEST(ListPaths, StripTheFoldersCommonToAllLines) {
  const TreeOf tree({"obj/1.jpg", "obj/2.jpg", "train.txt"});
  const ListPaths paths(*tree, "", {"cards/v1/obj/1.jpg", "cards/v1/obj/gone.jpg"});
  EXPECT_EQ(paths.find("cards/v1/obj/1.jpg"), "obj/1.jpg");
  EXPECT_EQ(paths.find("cards/v1/obj/gone.jpg"), "");

  const ListPaths mixed(*tree, "", {"obj/1.jpg", "cards/obj/2.jpg"});
  EXPECT_EQ(mixed.find("obj/1.jpg"), "obj/1.jpg");
  EXPECT_EQ(mixed.find("cards/obj/2.jpg"), "") << "one line is right as it is";
}

TEST(ListPaths, StripTheSameFromAllForeignPaths) {
  const TreeOf tree({"1.jpg", "obj/2.jpg", "train.txt"});
  for (const std::string start : {"/home/u/d/", "C:\\d\\", "/content/"}) {
    const ListPaths paths(*tree, "",
                          {start + "cam1/1.jpg", start + "1.jpg", start + "obj/2.jpg", ""});
    EXPECT_EQ(paths.find(start + "cam1/1.jpg"), "");
    EXPECT_EQ(paths.find(start + "1.jpg"), "1.jpg");
    EXPECT_EQ(paths.find(start + "obj/2.jpg"), "obj/2.jpg");
  }
  const ListPaths two(*tree, "", {"/a/x/obj/2.jpg", "/b/1.jpg"});
  EXPECT_EQ(two.find("/a/x/obj/2.jpg"), "obj/2.jpg");
  EXPECT_EQ(two.find("/b/1.jpg"), "1.jpg");
}

TEST(ListPaths, StripNoExistingFolder) {
  const TreeOf tree({"cam2/img/1.jpg", "1.jpg", "train.txt"});
  EXPECT_EQ(ListPaths(*tree, "", {"cam2/1.jpg"}).find("cam2/1.jpg"), "");
}

}  // namespace
}  // namespace oko::dataset
