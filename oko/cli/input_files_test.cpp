#include "oko/cli/input_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "oko/cli/test_command.h"
#include "oko/cli/test_model.h"
#include "oko/media/picture.h"

namespace oko::cli {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

constexpr const char* kHint = "a command never writes over what it reads";

// The small network, and a YOLO dataset of two images in photos.
class NeverWritesOverItsInput : public WithModel {
 protected:
  void SetUp() override {
    WithModel::SetUp();
    for (const std::string name : {"a", "b"}) {
      image::Picture picture{{48, 40}, std::vector<std::uint8_t>(48 * 40 * 3)};
      for (std::size_t i = 0; i < picture.rgb.size(); ++i) {
        picture.rgb[i] = static_cast<std::uint8_t>(i * static_cast<unsigned char>(name[0]));
      }
      media::save(picture, file("photos/" + name + ".jpg"));
      storage::write(file("photos/" + name + ".txt"), std::string_view("0 .5 .5 .4 .4\n"));
    }
    storage::write(file("photos/classes.txt"), std::string_view("rose\nleaf\n"));
    before_ = contents();
  }
  // Nothing was written: no file changed, and there is no new one.
  void TearDown() override {
    EXPECT_TRUE(contents() == before_);
    WithModel::TearDown();
  }

  std::map<std::string, std::string> contents() const {
    std::map<std::string, std::string> found;
    for (const storage::Entry& entry : storage::list(folder_, true)) {
      found[entry.uri] = storage::read_text(entry.uri);
    }
    return found;
  }
  void keep_what_is_there() { before_ = contents(); }

  std::vector<std::string> with_model(std::string command, std::vector<std::string> rest) const {
    std::vector<std::string> words = {std::move(command),  file("net.cfg"), "--weights",
                                      file("net.weights"), "--names",       file("two.names")};
    words.insert(words.end(), rest.begin(), rest.end());
    return words;
  }
  static void expect_refused(const std::vector<std::string>& words) {
    const Outcome outcome = oko_command(words);
    EXPECT_EQ(outcome.code, 2) << outcome.error;
    EXPECT_THAT(outcome.error, HasSubstr(kHint));
  }

  std::map<std::string, std::string> before_;
};

TEST_F(NeverWritesOverItsInput, DetectIntoTheFolderOfItsSources) {
  fs::create_directory_symlink(file("photos"), file("link"));
  keep_what_is_there();
  const std::string photos = file("photos"), one = file("photos/a.jpg");
  for (const std::string& out : {photos, photos + "/", file("link"), "file://" + photos,
                                 file("photos/../photos/."), fs::relative(photos).string()}) {
    expect_refused(with_model("detect", {photos, "-o", out}));
    expect_refused(with_model("detect", {one, "-o", out}));
    expect_refused(with_model("detect", {file("link/a.jpg"), "-o", out}));
  }
}

TEST_F(NeverWritesOverItsInput, DetectIntoOneOfItsSources) {
  const std::string one = file("photos/a.jpg");
  fs::create_hard_link(one, file("hard.jpg"));
  fs::create_symlink(one, file("soft.jpg"));
  keep_what_is_there();
  for (const std::string& out : {one, "file://" + one, file("photos/./a.jpg"), file("hard.jpg"),
                                 file("soft.jpg"), fs::relative(one).string()}) {
    expect_refused(with_model("detect", {one, "-o", out}));
    expect_refused(with_model("detect", {one, "--csv", out}));
  }
  expect_refused(with_model("detect", {one, "--csv", file("net.cfg")}));
  expect_refused(with_model("detect", {one, "--csv", file("two.names")}));
}

TEST_F(NeverWritesOverItsInput, DetectIntoAnotherFolderThatHoldsALinkToASource) {
  fs::create_directory(file("found"));
  fs::create_hard_link(file("photos/b.jpg"), file("found/b.jpg"));
  keep_what_is_there();
  expect_refused(with_model("detect", {file("photos"), "-o", file("found")}));
}

TEST_F(NeverWritesOverItsInput, NorOneResultOverAnother) {
  const Outcome outcome = oko_command(
      with_model("detect", {file("photos/a.jpg"), "-o", file("x.jpg"), "--csv", file("./x.jpg")}));
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("is to hold two results"));
}

TEST_F(NeverWritesOverItsInput, EvalAndQuantize) {
  for (const char* name : {"net.cfg", "net.weights", "two.names", "photos/a.jpg", "photos/a.txt",
                           "photos/classes.txt"}) {
    expect_refused(with_model("eval", {file("photos"), "--report", file(name)}));
    expect_refused(with_model("quantize", {file("photos"), "-o", file(name)}));
  }
}

TEST_F(NeverWritesOverItsInput, Import) {
  ASSERT_EQ(oko_command({"import", file("net.cfg"), file("net.weights"), "-o", file("m.oko")}).code,
            0);
  keep_what_is_there();
  expect_refused({"import", file("m.oko"), "-o", file("m.oko")});
  expect_refused({"import", file("m.oko"), "-o", "file://" + file("m.oko")});
  expect_refused({"import", file("net.cfg"), "--names", file("m.oko"), "-o", file("m.oko")});
}

TEST_F(NeverWritesOverItsInput, Export) {
  expect_refused(with_model("export", {"--to", "darknet", "-o", folder_, "--no-check"}));
  ASSERT_EQ(oko_command({"import", file("net.cfg"), file("net.weights"), "-o", file("m.oko")}).code,
            0);
  keep_what_is_there();
  expect_refused({"export", file("m.oko"), "--to", "oko", "-o", folder_, "--no-check"});
}

TEST_F(NeverWritesOverItsInput, Inspect) {
  for (const char* flag : {"--svg", "--dot"}) {
    expect_refused(with_model("inspect", {flag, file("net.cfg")}));
    expect_refused(with_model("inspect", {flag, file("net.weights")}));
  }
  EXPECT_EQ(oko_command({"inspect", file("net.cfg"), "--svg", file("x"), "--dot", file("x")}).code,
            2);
}

TEST_F(NeverWritesOverItsInput, DataShow) {
  expect_refused({"data", "show", file("photos"), "-o", file("photos/a.jpg")});
  expect_refused({"data", "show", file("photos"), "--classes", file("photos/classes.txt"), "-o",
                  file("photos/b.jpg")});
  fs::create_symlink(file("photos/a.jpg"), file("sheet.jpg"));
  keep_what_is_there();
  expect_refused({"data", "show", file("photos"), "-o", file("sheet.jpg")});
}

// These write new folders only.
TEST_F(NeverWritesOverItsInput, DataCommandsThatWriteDatasets) {
  const std::string photos = file("photos");
  fs::create_directory_symlink(photos, file("link"));
  keep_what_is_there();
  for (const std::string& out : {photos, file("link"), "file://" + photos, folder_}) {
    EXPECT_EQ(oko_command({"data", "convert", photos, "--to", "yolo", "-o", out}).code, 2);
    EXPECT_EQ(oko_command({"data", "split", photos, "-o", out}).code, 2);
    EXPECT_EQ(oko_command({"data", "pack", photos, out}).code, 2);
    EXPECT_EQ(oko_command({"data", "check", photos, "--repair", out}).code, 2);
  }
}

TEST_F(NeverWritesOverItsInput, ButWritesNewFilesAndReplacesItsOwn) {
  for (int run = 0; run < 2; ++run) {
    const Outcome detect = oko_command(with_model(
        "detect", {file("photos"), "-o", file("photos/found"), "--csv", file("found.csv")}));
    EXPECT_EQ(detect.code, 0) << detect.error;
    const Outcome inspect = oko_command(with_model("inspect", {"--svg", file("net.svg")}));
    EXPECT_EQ(inspect.code, 0) << inspect.error;
    const Outcome eval =
        oko_command(with_model("eval", {file("photos"), "--report", file("photos/report.html")}));
    EXPECT_EQ(eval.code, 0) << eval.error;
  }
  EXPECT_TRUE(storage::exists(file("photos/found/a.jpg")));
  auto now = contents();
  std::erase_if(now, [&](const auto& one) { return !before_.contains(one.first); });
  EXPECT_TRUE(now == before_);
  keep_what_is_there();
}

TEST(InputFiles, InBucketsAreKnownByName) {
  InputFiles files;
  files.add("s3://b/a.jpg");
  files.add_folder(storage::parent("s3://b/x/a.jpg"));
  EXPECT_THROW(files.claim("s3://b/a.jpg"), Error);
  EXPECT_THROW(files.refuse_folder("s3://b/x/"), Error);
  EXPECT_NO_THROW(files.claim("gs://b/a.jpg"));
  EXPECT_NO_THROW(files.refuse_folder("s3://b"));
}

}  // namespace
}  // namespace oko::cli
