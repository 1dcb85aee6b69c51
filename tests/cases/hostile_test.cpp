#include <gmock/gmock.h>

#include <ctime>
#include <filesystem>

#include "oko/base/progress.h"
#include "oko/cli/test_command.h"
#include "oko/convert/export.h"
#include "oko/convert/read.h"
#include "oko/dataset/read.h"
#include "oko/dataset/write.h"
#include "oko/storage/store.h"
#include "tests/cases/support.h"

namespace oko::cases {
namespace {

TEST(Hostile, AClassThatStartsWithAHashShiftsNoOther) {
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

TEST(Hostile, ASplitPointingOutsideTheTargetIsRejected) {
  OKO_CASES(folder, "hostile");
  try {
    dataset::read(folder + "/sh_up");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.place(), ::testing::HasSubstr("shards.jsonl:2"));
    EXPECT_THAT(error.message(), ::testing::HasSubstr("the split \"../../../escaped\""));
  }
}

TEST(Hostile, ANetworkOfThousandsOfConnectionsIsShownWithinASecond) {
  OKO_CASES(folder, "hostile");
  const std::string drawn = ::testing::TempDir() + "oko_routes.svg";
  // Of this process only: other tests may run at the same time.
  const std::clock_t before = std::clock();
  const cli::Outcome outcome =
      cli::oko_command({"inspect", folder + "/routes.cfg", "--svg", drawn});
  EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC);
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.out, ::testing::HasSubstr("(1000 in all)"));
  std::filesystem::remove(drawn);
}

bool holds_separator(const std::string& text) {
  for (const char* c : {"\u0085", "\u2028", "\u2029"}) {
    if (text.find(c) != text.npos) return true;
  }
  return false;
}

TEST(Hostile, ANetworkNameWithALineSeparatorStaysInItsComment) {
  OKO_CASES(folder, "hostile");
  const formats::ReadModel read = convert::read_model(convert::open_model(folder + "/u2028.oko"));
  ASSERT_TRUE(holds_separator(read.network.name));
  int sources = 0;
  for (const char* format : {"oko", "onnx", "coreml", "tflite", "ncnn", "mps"}) {
    convert::Export made =
        convert::export_model(read.network, *formats::find_format(format), {}, "model");
    for (formats::File& file : made.model.files) made.wrappers.push_back(std::move(file));
    for (const formats::File& file : made.wrappers) {
      const std::string ending = storage::extension(file.name);
      if (ending != ".swift" && ending != ".kt" && ending != ".ts" && ending != ".h") continue;
      const std::string text(reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size());
      EXPECT_FALSE(holds_separator(text)) << file.name;
      EXPECT_TRUE(text.starts_with("// ")) << file.name;
      ++sources;
    }
  }
  EXPECT_GE(sources, 8);
}

}  // namespace
}  // namespace oko::cases
