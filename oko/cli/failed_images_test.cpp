#include "oko/cli/failed_images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "oko/cli/test_command.h"
#include "oko/cli/test_model.h"
#include "oko/media/picture.h"

namespace oko::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A YOLO dataset of a to f: b ends in the middle of its pixels, c before its size.
class OneBadFile : public WithModel {
 protected:
  void SetUp() override {
    WithModel::SetUp();
    for (const std::string name : {"a", "b", "c", "d", "e", "f"}) {
      image::Picture picture{{48, 40}, std::vector<std::uint8_t>(48 * 40 * 3)};
      for (std::size_t i = 0; i < picture.rgb.size(); ++i) {
        picture.rgb[i] = static_cast<std::uint8_t>(i * static_cast<unsigned char>(name[0]));
      }
      media::save(picture, image(name));
      storage::write(file("data/labels/" + name + ".txt"), std::string_view("0 .5 .5 .4 .4\n"));
    }
    storage::write(file("data/classes.txt"), std::string_view("rose\nleaf\n"));
    const std::string whole = storage::read_text(image("b"));
    storage::write(image("b"), std::string_view(whole).substr(0, whole.size() / 2));
    storage::write(image("c"), std::string_view(whole).substr(0, 20));
    ASSERT_EQ(oko_command({"import", file("net.cfg"), file("net.weights"), "--names",
                           file("two.names"), "-o", file("m.oko")})
                  .code,
              0);
  }
  std::string image(const std::string& name) const { return file("data/images/" + name + ".jpg"); }
  static void expect_skipped(const Outcome& outcome) {
    EXPECT_EQ(outcome.code, 3) << outcome.error;
    EXPECT_THAT(outcome.error, HasSubstr("b.jpg: the file ends before its image does"));
    EXPECT_THAT(outcome.error, HasSubstr("c.jpg: "));
    EXPECT_THAT(outcome.error, HasSubstr("2 of "));
  }
};

TEST_F(OneBadFile, EvalMeasuresTheOthers) {
  const Outcome shown =
      oko_command({"eval", file("m.oko"), file("data"), "--report", file("report.html")});
  expect_skipped(shown);
  EXPECT_THAT(shown.error, HasSubstr("2 of 6 images could not be read: they were not measured"));
  EXPECT_THAT(shown.out, HasSubstr("(4 images"));
  EXPECT_THAT(storage::read_text(file("report.html")), HasSubstr("1 more could not be read"));
  const Outcome machine = oko_command({"eval", file("m.oko"), file("data"), "--json"});
  expect_skipped(machine);
  const Json document = parse_json(machine.out, "out");
  EXPECT_EQ(document["pictures"], 4);
  EXPECT_EQ(document["failed"].size(), 2U);
  EXPECT_EQ(document["classes"][0]["boxes"], 4);
}

TEST_F(OneBadFile, QuantizeCalibratesWithTheOthers) {
  const Outcome outcome =
      oko_command({"quantize", file("m.oko"), file("data"), "-o", file("small.oko"), "--json"});
  expect_skipped(outcome);
  const Json document = parse_json(outcome.out, "out");
  EXPECT_EQ(document["pictures"], 4);
  EXPECT_EQ(document["failed"].size(), 2U);
  EXPECT_TRUE(document.contains("after"));
  EXPECT_EQ(oko_command({"detect", file("small.oko"), image("a"), "--precision", "int8"}).code, 0);
  // Readable images replace the unreadable ones.
  const Outcome some = oko_command({"quantize", file("m.oko"), file("data"), "-o", file("s.oko"),
                                    "--pictures", "4", "--no-equalize", "--no-eval", "--json"});
  EXPECT_EQ(parse_json(some.out, "out")["pictures"], 4);
}

TEST_F(OneBadFile, ParityAndExportCompareOnTheOthers) {
  const Outcome parity = oko_command(
      {"parity", file("m.oko"), file("m.oko"), "--images", file("data/images"), "--json"});
  expect_skipped(parity);
  EXPECT_EQ(parse_json(parity.out, "out")["pictures"], 4);
  const Outcome exported = oko_command({"export", file("m.oko"), "--to", "onnx", "-o", file("out"),
                                        "--images", file("data/images"), "--json"});
  expect_skipped(exported);
  EXPECT_EQ(parse_json(exported.out, "out")["failed"].size(), 2U);
}

TEST_F(OneBadFile, APipeAmongTheImagesIsNamed) {
  ASSERT_EQ(::mkfifo(image("pipe").c_str(), 0644), 0);
  const Outcome parity =
      oko_command({"parity", file("m.oko"), file("m.oko"), "--images", file("data/images")});
  EXPECT_EQ(parity.code, 3);
  EXPECT_THAT(parity.error, HasSubstr("pipe.jpg: is a named pipe"));
  const Outcome found = oko_command({"detect", file("m.oko"), file("data/images")});
  EXPECT_EQ(found.code, 3);
  EXPECT_THAT(found.error, HasSubstr("pipe.jpg: is a named pipe"));
}

TEST_F(OneBadFile, IfNoneCanBeReadTheFirstErrorIsThrown) {
  const Outcome parity =
      oko_command({"parity", file("m.oko"), file("m.oko"), "--images", image("b")});
  EXPECT_EQ(parity.code, 3);
  EXPECT_THAT(parity.error, HasSubstr("b.jpg: the file ends before its image does"));
  for (const char* name : {"a", "d", "e", "f"}) storage::write(image(name), "");
  for (const Outcome& outcome :
       {oko_command({"eval", file("m.oko"), file("data")}),
        oko_command({"quantize", file("m.oko"), file("data"), "-o", file("x.oko")})}) {
    EXPECT_EQ(outcome.code, 3);
    EXPECT_THAT(outcome.error, HasSubstr(".jpg: "));
  }
  EXPECT_FALSE(storage::exists(file("x.oko")));
}

TEST_F(OneBadFile, OtherDatasetErrorsStillStopTheCommand) {
  storage::write(file("data/labels/a.txt"), std::string_view("7 .5 .5 .4 .4\n"));
  const Outcome outcome = oko_command({"eval", file("m.oko"), file("data")});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.error, HasSubstr("labels/a.txt:1"));
}

TEST_F(OneBadFile, ShowAndCheckNameIt) {
  const Outcome checked = oko_command({"data", "check", file("data")});
  EXPECT_EQ(checked.code, 3);
  EXPECT_THAT(checked.out, AllOf(HasSubstr("images/b.jpg"), HasSubstr("images/c.jpg")));
  const Outcome shown = oko_command({"data", "show", file("data"), "-o", file("sheet.png")});
  EXPECT_EQ(shown.code, 0) << shown.error;
  EXPECT_TRUE(storage::exists(file("sheet.png")));
}

}  // namespace
}  // namespace oko::cli
