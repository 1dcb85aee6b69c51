#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/cli/cli.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Three images of two classes in one folder; one of the boxes is empty.
class DataCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "oko_data_" + test->name();
    std::filesystem::remove_all(folder_);
    add("a", "cat", 30, 40);
    add("b", "dog", 30, 40);
    add("c", "cat", 7, 7);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void add(const std::string& id, const std::string& name, int right, int bottom) {
    image::Picture picture{{64, 48}, {}};
    int seed = 0;
    for (const char c : id) seed = (31 * seed + c) % 10007;
    for (int i = 0; i < 64 * 48 * 3; ++i) {
      picture.rgb.push_back(static_cast<std::uint8_t>((i * (seed % 249) + seed) % 251));
    }
    storage::write(path("in/JPEGImages/" + id + ".png"), media::encode_png(picture));
    storage::write(path("in/Annotations/" + id + ".xml"),
                   "<annotation><size><width>64</width><height>48</height></size><object><name>" +
                       name + "</name><bndbox><xmin>7</xmin><ymin>7</ymin><xmax>" +
                       std::to_string(right) + "</xmax><ymax>" + std::to_string(bottom) +
                       "</ymax></bndbox></object></annotation>");
  }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  // Runs `oko data words…` and returns its output; throws as the command does.
  std::string data(std::vector<std::string> words, bool json = false) {
    CLI::App app;
    context_ = Context();
    context_.json = json;
    context_.progress = std::make_unique<NoProgress>();
    add_data_command(app, context_);
    words.insert(words.begin(), "data");
    std::reverse(words.begin(), words.end());
    ::testing::internal::CaptureStdout();
    try {
      app.parse(words);
    } catch (...) {
      ::testing::internal::GetCapturedStdout();
      throw;
    }
    return ::testing::internal::GetCapturedStdout();
  }

  // The Error of a command that must fail.
  Error refusal(std::vector<std::string> words) {
    try {
      data(std::move(words));
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "no error was thrown";
    return {ErrorCode::kFailed, "", ""};
  }

  std::string folder_;
  Context context_;
};

TEST_F(DataCommand, CheckGroupsFindingsAndSuggestsTheNextCommand) {
  const std::string out = data({"check", path("in")});
  EXPECT_EQ(context_.exit_code, 0) << "warnings are not errors";
  EXPECT_THAT(out, HasSubstr("3 images, 2 boxes, 2 classes, no splits"));
  EXPECT_THAT(out, HasSubstr("warning  empty-box  1\n  Annotations/c.xml:1  "));
  EXPECT_THAT(out, HasSubstr("0 errors, 1 warning, 0 notes"));
  EXPECT_THAT(out, HasSubstr("next: oko data check " + path("in") + " --repair"));
}

TEST_F(DataCommand, CheckExitsWith3ForErrorsAndRepairFixesThem) {
  storage::write(path("in/JPEGImages/a.png"), "not an image");
  const Json found = parse_json(data({"check", path("in")}, true), "out");
  EXPECT_EQ(context_.exit_code, 3);
  EXPECT_EQ(found.at("errors"), 1);
  EXPECT_EQ(found.at("findings").at(1).at("kind"), "unreadable-image");
  EXPECT_EQ(found.at("findings").at(1).at("sample"), "a");

  EXPECT_EQ(refusal({"check", path("in"), "--repair", path("new")}).code(), ErrorCode::kInput);
  EXPECT_FALSE(storage::exists(path("new")));
  const std::string out = data({"check", path("in"), "--repair", path("new"), "--allow-loss"});
  EXPECT_EQ(context_.exit_code, 0);
  EXPECT_THAT(out, HasSubstr("repaired: 1 image dropped"));
  EXPECT_THAT(out, HasSubstr("dropped: 1 image (unreadable-image 1)\n"
                             "dropped: 2 boxes (empty-box 1, unreadable-image 1)\n"
                             "in:  3 images, 3 boxes, 2 classes\n"
                             "out: " +
                             path("new") + ": 2 images, 1 box, 2 classes"));
  EXPECT_THAT(out, HasSubstr("remaining: 0 errors, 0 warnings"));
}

// Boxes of another size would be elsewhere in the copy, and nothing would show it any more.
TEST_F(DataCommand, CopiesOfImagesOfAnotherSizeThanSaidAreRefusedBeforeAnythingIsWritten) {
  std::string text = storage::read_text(path("in/Annotations/a.xml"));
  text.replace(text.find("<width>64"), 9, "<width>128");
  text.replace(text.find("<height>48"), 10, "<height>96");
  storage::write(path("in/Annotations/a.xml"), text);
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"convert", path("in"), "--to", "yolo", "-o", path("new")},
        {"convert", path("in"), "--to", "createml", "-o", path("new"), "--allow-loss"},
        {"split", path("in"), "-o", path("new")},
        {"pack", path("in"), path("new")}}) {
    const Error error = refusal(words);
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.message(), HasSubstr("says 128x96, the image is 64x48"));
    EXPECT_THAT(error.hint(), HasSubstr("--repair"));
    EXPECT_FALSE(storage::exists(path("new")));
  }
}

TEST_F(DataCommand, StatsShowConvertSplitAndAnchorsWork) {
  EXPECT_THAT(data({"stats", path("in")}), HasSubstr("(none)       3            1      2"));
  EXPECT_THAT(data({"show", path("in"), "-o", path("s.png"), "--class", "dog"}),
              HasSubstr("1 of 1 images"));
  EXPECT_TRUE(storage::exists(path("s.png")));
  EXPECT_THAT(data({"convert", path("in"), "--to", "coco", "-o", path("coco"), "--allow-loss"}),
              HasSubstr("next: oko data check " + path("coco")));
  EXPECT_TRUE(storage::exists(path("coco/annotations/instances.json")));
  EXPECT_THAT(data({"split", path("coco"), "--val", "0.34", "-o", path("split")}),
              HasSubstr("train 2, val 1"));
  EXPECT_THAT(data({"anchors", path("in"), "--count", "1", "--size", "64"}),
              HasSubstr("24,34\nmean best IoU 1.0000, recall at IoU .5 100.0 %"));
}

TEST_F(DataCommand, CopiesReportWhatWasReadWrittenAndDropped) {
  const std::string out =
      data({"convert", path("in"), "--to", "coco", "-o", path("coco"), "--allow-loss"});
  EXPECT_THAT(out, HasSubstr("in:  " + path("in") +
                             " (voc): 3 images, 3 boxes, 2 classes\n"
                             "dropped: 1 box (empty-box 1)\n"
                             "out: " +
                             path("coco") + " (coco): 3 images, 2 boxes, 2 classes, no splits"));
  const Json result = parse_json(data({"split", path("coco"), "-o", path("split")}, true), "out");
  EXPECT_EQ(result.at("in"), Json({{"pictures", 3}, {"boxes", 2}, {"classes", 2}}));
  EXPECT_EQ(result.at("dropped"), Json({{"pictures", Json::object()}, {"boxes", Json::object()}}));
  EXPECT_EQ(result.at("boxes"), 2);
}

TEST_F(DataCommand, NoCopyLosesBoxesOrImagesUnasked) {
  const std::vector<std::vector<std::string>> copies{
      {"convert", path("in"), "--to", "yolo", "-o", path("out")},
      {"split", path("in"), "-o", path("out")},
      {"pack", path("in"), path("out")},
      {"check", path("in"), "--repair", path("out")}};
  for (const auto& words : copies) {
    const Error boxes = refusal(words);
    EXPECT_EQ(boxes.code(), ErrorCode::kInput);
    EXPECT_THAT(boxes.message(), HasSubstr("1 of 3 boxes (empty-box 1) would be lost"));
    EXPECT_THAT(boxes.hint(), HasSubstr("--allow-loss"));
  }
  for (int i = 0; i < 102; ++i) add("m" + std::to_string(i), "cat", 30, 40);
  std::filesystem::remove(path("in/JPEGImages/b.png"));
  for (const auto& words : copies) {
    const Error pictures = refusal(words);
    EXPECT_THAT(pictures.message(), HasSubstr("1 of 105 images (missing-image 1)"));
    EXPECT_FALSE(storage::exists(path("out")));
  }
  std::filesystem::remove(path("in/Annotations/b.xml"));
  // One box of 104 is below the limit of 1 %; one of fewer than 100 would be above it.
  EXPECT_THAT(data(copies[0]), HasSubstr("dropped: 1 box (empty-box 1)"));
}

TEST_F(DataCommand, RelativeBoxesInAPixelFormatAreReportedAndNotCopied) {
  std::filesystem::remove_all(path("in/Annotations"));
  storage::write(path("in/a.json"), R"({"images": [{"id": 1, "file_name": "a.png"}],
    "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0.1, 0.125, 0.2, 0.25]}],
    "categories": [{"id": 1, "name": "cat"}]})");
  const Error refused = refusal({"convert", path("in"), "--to", "voc", "-o", path("out")});
  EXPECT_EQ(refused.code(), ErrorCode::kInput);
  EXPECT_THAT(refused.place(), HasSubstr("a.json:2"));
  EXPECT_THAT(refused.message(), HasSubstr("looks relative to the image"));
  EXPECT_FALSE(storage::exists(path("out")));
  EXPECT_THAT(data({"check", path("in")}), HasSubstr("error    relative-box  1"));
  EXPECT_EQ(context_.exit_code, 3);
}

TEST_F(DataCommand, PacksIntoShardsThatOtherCommandsRead) {
  const std::string out = data({"pack", path("in"), path("packed"), "--allow-loss"});
  EXPECT_THAT(out, HasSubstr(path("packed") + " (shards): 3 images, 2 boxes, 2 classes"));
  EXPECT_THAT(out, HasSubstr("1 shard, "));
  EXPECT_THAT(out, HasSubstr("next: oko data check " + path("packed")));
  EXPECT_TRUE(storage::exists(path("packed/pictures-000000.tar")));

  EXPECT_THAT(data({"check", path("packed")}), HasSubstr("0 errors, 0 warnings, 0 notes"));
  EXPECT_EQ(context_.exit_code, 0);
  EXPECT_THAT(data({"stats", path("packed")}), HasSubstr("(none)       3            1      2"));
  EXPECT_THAT(data({"show", path("packed"), "-o", path("s.png")}), HasSubstr("3 of 3 images"));
  EXPECT_THAT(data({"convert", path("packed"), "--to", "coco", "-o", path("coco")}),
              HasSubstr("(coco): 3 images, 2 boxes, 2 classes"));
  EXPECT_THAT(data({"split", path("packed"), "--val", "0.34", "-o", path("split")}),
              HasSubstr("(shards): 3 images, 2 boxes, 2 classes: train 2, val 1"));

  const Json result = parse_json(data({"pack", path("split/shards.jsonl"), "-o", path("val"),
                                       "--split", "val", "--shard-mb", "1", "--seed", "0"},
                                      true),
                                 "out");
  EXPECT_EQ(result.at("dataset"), path("val"));
  EXPECT_EQ(result.at("format"), "shards");
  EXPECT_EQ(result.at("pictures"), 1);
  EXPECT_EQ(result.at("shards").at(0).at("name"), "val-000000.tar");
  EXPECT_EQ(result.at("shards").at(0).at("pictures"), 1);
  EXPECT_EQ(result.at("bytes"), storage::stat(path("val/val-000000.tar"))->size);
}

TEST_F(DataCommand, PacksNoDatasetWithErrors) {
  std::filesystem::remove(path("in/JPEGImages/b.png"));
  try {
    data({"pack", path("in"), path("packed")});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInput);
    EXPECT_THAT(e.what(), HasSubstr("Annotations/b.xml"));
    EXPECT_THAT(e.hint(), HasSubstr("oko data check " + path("in")));
  }
  EXPECT_FALSE(storage::exists(path("packed")));
}

TEST_F(DataCommand, RejectsArgumentsThatMakeNoSense) {
  EXPECT_THROW(data({"pack", path("in"), path("in")}), Error);
  EXPECT_THROW(data({"pack", path("in"), path("x"), "--shard-mb", "0"}), CLI::ParseError);
  EXPECT_EQ(refusal({"convert", path("in"), "--to", "pascal", "-o", path("x")}).place(), "--to");
  EXPECT_THROW(data({"convert", path("in"), "--to", "voc", "-o", path("in")}), Error);
  EXPECT_THROW(data({"show", path("in"), "--class", "horse"}), Error);
  EXPECT_EQ(refusal({"show", path("none"), "-o", path("sheet")}).place(), path("sheet"))
      << "before anything is read";
  EXPECT_THROW(data({"stats", path("in"), "--split", "val"}), Error);
  EXPECT_THROW(data({"check", path("none")}), Error);
}

}  // namespace
}  // namespace oko::cli
