#include "oko/cli/input_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>

#include "oko/cli/completion.h"
#include "oko/cli/test_command.h"
#include "oko/cli/test_model.h"
#include "oko/media/picture.h"

namespace oko::cli {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

constexpr const char* kHint = "a command never overwrites its input";

// The small network, and a YOLO dataset of two images in photos.
class NeverOverwritesItsInput : public WithModel {
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

TEST_F(NeverOverwritesItsInput, DetectIntoTheFolderOfItsSources) {
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

TEST_F(NeverOverwritesItsInput, DetectIntoOneOfItsSources) {
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

TEST_F(NeverOverwritesItsInput, DetectIntoAnotherFolderThatHoldsALinkToASource) {
  fs::create_directory(file("found"));
  fs::create_hard_link(file("photos/b.jpg"), file("found/b.jpg"));
  keep_what_is_there();
  expect_refused(with_model("detect", {file("photos"), "-o", file("found")}));
}

TEST_F(NeverOverwritesItsInput, NorOneOutputWithAnother) {
  const Outcome outcome = oko_command(
      with_model("detect", {file("photos/a.jpg"), "-o", file("x.jpg"), "--csv", file("./x.jpg")}));
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("is the name of two outputs"));
  // Nor an output folder with the name of a file.
  const Outcome folder =
      oko_command(with_model("detect", {file("photos"), "-o", file("x"), "--csv", file("./x")}));
  EXPECT_EQ(folder.code, 2);
  EXPECT_THAT(folder.error, HasSubstr("is the name of two outputs"));
}

TEST_F(NeverOverwritesItsInput, NorOtherImagesWithoutANote) {
  storage::copy(file("photos/a.jpg"), file("album/a.jpg"));
  storage::copy(file("photos/a.jpg"), file("album/new/a.jpg"));
  const Outcome outcome =
      oko_command(with_model("detect", {file("album/new"), "-o", file("album")}));
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.error, HasSubstr("note: replaces " + file("album/a.jpg")));
  keep_what_is_there();
}

TEST_F(NeverOverwritesItsInput, EvalAndQuantize) {
  for (const char* name : {"net.cfg", "net.weights", "two.names", "photos/a.jpg", "photos/a.txt",
                           "photos/classes.txt"}) {
    expect_refused(with_model("eval", {file("photos"), "--report", file(name)}));
    expect_refused(with_model("quantize", {file("photos"), "-o", file(name)}));
  }
}

TEST_F(NeverOverwritesItsInput, NewFilesThatADatasetWouldBeReadWith) {
  constexpr const char* kBecomes = "would become a file of the dataset";
  const std::string photos = file("photos");
  for (const auto& words :
       {std::vector<std::string>{"data", "show", photos, "-o", photos + "/s.png"},
        {"data", "show", photos, "-o", photos + "/new/s.jpg"},
        with_model("eval", {photos, "--report", photos + "/r.txt"})}) {
    const Outcome outcome = oko_command(words);
    EXPECT_EQ(outcome.code, 2) << outcome.error;
    EXPECT_THAT(outcome.error, HasSubstr(kBecomes));
  }
}

TEST_F(NeverOverwritesItsInput, ARunWithinItsDataset) {
  fs::create_directory_symlink(file("photos"), file("link"));
  keep_what_is_there();
  for (const std::string& out : {file("photos"), file("photos/run"), file("link/runs/1")}) {
    const Outcome outcome = oko_command({"train", file("photos"), "--out", out});
    EXPECT_EQ(outcome.code, 2) << outcome.error;
    EXPECT_THAT(outcome.error, HasSubstr("is inside the dataset that this command reads"));
  }
}

TEST_F(NeverOverwritesItsInput, Import) {
  ASSERT_EQ(oko_command({"import", file("net.cfg"), file("net.weights"), "-o", file("m.oko")}).code,
            0);
  keep_what_is_there();
  expect_refused({"import", file("m.oko"), "-o", file("m.oko")});
  expect_refused({"import", file("m.oko"), "-o", "file://" + file("m.oko")});
  expect_refused({"import", file("net.cfg"), "--names", file("m.oko"), "-o", file("m.oko")});
  expect_refused({"import", file("net.cfg"), "--heads-from", file("m.oko"), "-o", file("m.oko")});
  expect_refused(
      {"inspect", file("net.cfg"), "--heads-from", file("m.oko"), "--svg", file("m.oko")});
}

TEST_F(NeverOverwritesItsInput, Export) {
  expect_refused(with_model("export", {"--to", "darknet", "-o", folder_, "--no-check"}));
  ASSERT_EQ(oko_command({"import", file("net.cfg"), file("net.weights"), "-o", file("m.oko")}).code,
            0);
  keep_what_is_there();
  expect_refused({"export", file("m.oko"), "--to", "oko", "-o", folder_, "--no-check"});
}

TEST_F(NeverOverwritesItsInput, Inspect) {
  for (const char* flag : {"--svg", "--dot"}) {
    expect_refused(with_model("inspect", {flag, file("net.cfg")}));
    expect_refused(with_model("inspect", {flag, file("net.weights")}));
  }
  EXPECT_EQ(oko_command({"inspect", file("net.cfg"), "--svg", file("x"), "--dot", file("x")}).code,
            2);
}

TEST_F(NeverOverwritesItsInput, DataShow) {
  expect_refused({"data", "show", file("photos"), "-o", file("photos/a.jpg")});
  expect_refused({"data", "show", file("photos"), "--classes", file("photos/classes.txt"), "-o",
                  file("photos/b.jpg")});
  fs::create_symlink(file("photos/a.jpg"), file("sheet.jpg"));
  keep_what_is_there();
  expect_refused({"data", "show", file("photos"), "-o", file("sheet.jpg")});
}

// These write new folders only.
TEST_F(NeverOverwritesItsInput, DataCommandsThatWriteDatasets) {
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

// A missing dataset is not a file of its parent, so nothing is said to be inside of it.
TEST_F(NeverOverwritesItsInput, ADatasetThatDoesNotExistHasNoInside) {
  const std::string missing = file("missing"), out = file("new");
  std::vector<std::vector<std::string>> commands = {
      {"data", "convert", missing, "--to", "yolo", "-o", out},
      {"data", "split", missing, "-o", out},
      {"data", "pack", missing, out},
      {"data", "check", missing, "--repair", out},
      {"data", "show", missing, "-o", file("sheet.png")},
      with_model("eval", {missing, "--report", file("report.html")})};
  if (OKO_HAS_TRAINING) commands.push_back({"train", missing, "--out", out});
  for (const auto& words : commands) {
    const Outcome outcome = oko_command(words);
    EXPECT_NE(outcome.code, 0);
    EXPECT_THAT(outcome.error, HasSubstr("there is no such dataset")) << words.front();
  }
}

// The options of each command that name an output. Every other option that takes a file or folder
// only reads it: add new output options here and to the table below.
const std::map<std::string, std::set<std::string>> kWritten = {
    {"data check", {"--repair"}},
    {"data convert", {"--out"}},
    {"data pack", {"--out"}},
    {"data show", {"--out"}},
    {"data split", {"--out"}},
    {"data tile", {"--out"}},
    {"detect", {"--csv", "--out"}},
    {"eval", {"--report"}},
    {"export", {"--out"}},
    {"import", {"--out"}},
    {"inspect", {"--dot", "--svg"}},
    {"phone", {"--keep"}},
    {"quantize", {"--out"}},
    {"seal mark", {"--out"}},
    {"seal open", {"--out"}},
    {"seal pack", {"--out"}},
    {"seal publish", {"--record"}},
    {"seal rotate", {"--out"}},
    {"store cp", {"--manifest"}},
    {"store sync", {"--manifest"}},
    {"train", {"--out"}},
    {"job fetch", {"--out"}},
    {"job submit", {"--job-dir"}},
    {"job image", {"--archive", "--to"}}};
const std::map<std::string, std::set<std::string>> kRead = {
    {"bench", {"--heads-from", "--names", "--program", "--weights"}},
    {"cost", {"--classes", "--from", "--network", "--prices", "--recipe"}},
    {"data", {"--classes"}},
    {"detect", {"--heads-from", "--names", "--weights"}},
    {"eval", {"--heads-from", "--names", "--weights"}},
    {"export", {"--heads-from", "--images", "--int8", "--names", "--weights"}},
    {"import", {"--anchors", "--heads-from", "--names", "--network", "--weights"}},
    {"inspect", {"--heads-from", "--names", "--picture", "--weights"}},
    {"job", {"--identity", "--program", "--remote-folder"}},
    {"parity", {"--images", "--weights-a", "--weights-b"}},
    {"phone", {"--heads-from", "--names", "--page", "--weights"}},
    {"quantize", {"--heads-from", "--names", "--weights"}},
    {"seal", {"--heads-from", "--names", "--weights"}},
    {"train", {"--classes", "--from", "--network", "--recipe"}}};

TEST_F(NeverOverwritesItsInput, EveryOptionThatTakesAFileIsKnown) {
  CLI::App app("", "oko");
  Context context;
  add_all_commands(app, context);
  std::set<std::string> written;
  for (const CommandEntry& command : command_table(app)) {
    if (command.path.empty()) continue;
    std::string name = command.path.front();
    for (std::size_t i = 1; i < command.path.size(); ++i) name += " " + command.path[i];
    for (const FlagEntry& flag : command.flags) {
      if (!flag.completes_files) continue;
      const std::string& option = flag.names.back();
      const auto has = [&](const auto& table, const std::string& key) {
        const auto found = table.find(key);
        return found != table.end() && found->second.contains(option);
      };
      const bool is_written = has(kWritten, name);
      if (is_written) written.insert(name + " " + option);
      EXPECT_NE(is_written, has(kRead, name) || has(kRead, command.path.front()))
          << name << " " << option;
    }
  }
  for (const auto& [name, options] : kWritten) {
    for (const std::string& option : options) {
      EXPECT_TRUE(written.contains(name + " " + option)) << name << " " << option;
    }
  }
}

// Every name under which a file or folder can be reached.
std::vector<std::string> spellings(const std::string& path, const std::string& folder) {
  std::vector<std::string> names = {
      path, "file://" + path, fs::relative(path).string(), "./" + fs::relative(path).string(),
      folder + "/../" + fs::path(folder).filename().string() + path.substr(folder.size())};
  if (fs::is_directory(path)) names.push_back(path + "/");
  return names;
}

TEST_F(NeverOverwritesItsInput, WhicheverCommandAndHoweverItIsSpelt) {
  ASSERT_EQ(oko_command({"import", file("net.cfg"), file("net.weights"), "--names",
                         file("two.names"), "-o", file("m.oko")})
                .code,
            0);
  fs::create_hard_link(file("net.weights"), file("w.oko"));
  fs::create_directory(file("links"));
  for (const char* name : {"m.oko", "net.cfg", "net.weights", "two.names"}) {
    fs::create_hard_link(file(name), file(std::string("links/hard-") + name));
    fs::create_symlink(file(name), file(std::string("links/soft-") + name));
  }
  fs::create_hard_link(file("photos/a.jpg"), file("links/hard-a.jpg"));
  fs::create_symlink(file("photos/a.jpg"), file("links/soft-a.jpg"));
  fs::create_symlink(file("photos/a.txt"), file("links/soft-a.txt"));
  keep_what_is_there();
  const std::string photos = file("photos"), one = file("photos/a.jpg");
  struct Command {
    std::vector<std::string> words;  // the output is appended
    std::vector<std::string> inputs;
  };
  const std::vector<std::string> model = {"net.cfg",
                                          "links/hard-net.cfg",
                                          "links/soft-net.cfg",
                                          "net.weights",
                                          "links/hard-net.weights",
                                          "two.names",
                                          "links/soft-two.names"};
  const std::vector<std::string> images = {"photos/a.jpg", "links/hard-a.jpg", "links/soft-a.jpg"};
  std::vector<std::string> all = model;
  all.insert(all.end(), images.begin(), images.end());
  all.insert(all.end(), {"photos/a.txt", "links/soft-a.txt", "photos/classes.txt"});
  const std::vector<Command> commands = {
      {with_model("detect", {one, "--out"}), images},
      {with_model("detect", {one, "--csv"}), model},
      {with_model("detect", {photos, "--csv"}), images},
      {with_model("eval", {photos, "--report"}), all},
      {with_model("quantize", {photos, "--no-eval", "--out"}), all},
      {{"import", file("m.oko"), "--out"}, {"m.oko", "links/hard-m.oko", "links/soft-m.oko"}},
      {{"import", file("net.cfg"), "--weights", file("w.oko"), "--out"}, {"w.oko"}},
      {with_model("inspect", {"--dot"}), model},
      {with_model("inspect", {"--svg"}), model},
      {{"data", "show", photos, "--out"}, images},
      {{"export", file("m.oko"), "--to", "oko", "--no-check", "--out"}, {"."}},
  };
  for (const Command& command : commands) {
    for (const std::string& input : command.inputs) {
      const std::string path = input == "." ? folder_ : file(input);
      for (const std::string& out : spellings(path, folder_)) {
        std::vector<std::string> words = command.words;
        words.push_back(out);
        const Outcome outcome = oko_command(words);
        EXPECT_EQ(outcome.code, 2) << command.words.front() << " " << out << outcome.error;
      }
    }
  }
  EXPECT_TRUE(contents() == before_);
}

TEST_F(NeverOverwritesItsInput, NoNewDatasetInsideItsSource) {
  const std::string photos = file("photos");
  fs::create_directory_symlink(photos, file("link"));
  keep_what_is_there();
  for (const std::string& inside :
       {photos + "/new", photos + "/a/b/c", file("link/new"), "file://" + photos + "/new",
        photos + "/../photos/new/", fs::relative(photos).string() + "/new"}) {
    for (std::vector<std::string> words :
         {std::vector<std::string>{"data", "convert", photos, "--to", "coco", "-o"},
          {"data", "split", photos, "-o"},
          {"data", "pack", photos},
          {"data", "check", photos, "--repair"}}) {
      words.push_back(inside);
      const Outcome outcome = oko_command(words);
      EXPECT_EQ(outcome.code, 2);
      EXPECT_THAT(outcome.error, HasSubstr("is inside the dataset that this command reads"));
    }
  }
}

// A dataset named by one of its files still includes every file that one refers to.
TEST_F(NeverOverwritesItsInput, NorWithinOneThatWasNamedByAFile) {
  const std::string box = " 1,2,30,40,0\n";
  storage::write(file("yolo/data.yaml"), std::string("train: images\nnames: [rose]\n"));
  storage::write(file("yolo/labels/a.txt"), std::string("0 .5 .5 .4 .4\n"));
  storage::write(file("yolo/images/a.jpg"), storage::read(file("photos/a.jpg")).span());
  storage::write(file("coco/annotations/all.json"),
                 std::string(R"({"images": [{"id": 1, "file_name": "a.jpg"}], "categories":
                     [{"id": 1, "name": "rose"}], "annotations":
                     [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 30]}]})"));
  storage::write(file("coco/images/a.jpg"), storage::read(file("photos/a.jpg")).span());
  storage::write(file("lists/train.txt"), file("photos/a.jpg") + box);
  keep_what_is_there();
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"yolo/data.yaml", "yolo/new"},
      {"yolo/data.yaml", "yolo/images/new"},
      {"coco/annotations/all.json", "coco/new"},
      {"coco/annotations/all.json", "coco/annotations/new"},
      {"lists/train.txt", "lists/new"},
      {"lists/train.txt", "photos/new"}};
  for (const auto& [source, out] : cases) {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"data", "convert", file(source), "--to", "voc", "-o", file(out)},
          {"data", "split", file(source), "-o", file(out)},
          {"data", "pack", file(source), file(out)},
          {"data", "check", file(source), "--repair", file(out)}}) {
      const Outcome outcome = oko_command(words);
      EXPECT_EQ(outcome.code, 2) << words[1] << " " << source << " " << out;
      EXPECT_THAT(outcome.error, HasSubstr("is inside the dataset that this command reads"));
    }
  }
}

TEST_F(NeverOverwritesItsInput, StoreWritesItsManifestOverNoOtherFile) {
  const std::string one = file("photos/a.jpg"), copy = file("copy.jpg");
  fs::create_symlink(one, file("soft.jsonl"));
  keep_what_is_there();
  for (const std::string& manifest :
       {one, file("soft.jsonl"), file("photos/b.txt"), file("net.cfg"), copy, file("photos")}) {
    EXPECT_EQ(oko_command({"store", "cp", one, copy, "--manifest", manifest}).code, 2) << manifest;
    if (manifest == copy) continue;  // irrelevant for a folder
    EXPECT_EQ(
        oko_command({"store", "sync", file("photos"), file("to"), "--manifest", manifest}).code, 2)
        << manifest;
  }
  EXPECT_EQ(oko_command({"store", "cp", one, copy, "--manifest", file("m"), "--no-manifest"}).code,
            2);
  // Nor inside a copied folder, where it would become part of the copy.
  for (const char* place : {"to/a.jpg", "to/deep/m", "photos/m"}) {
    const Outcome sync =
        oko_command({"store", "sync", file("photos"), file("to"), "--manifest", file(place)});
    EXPECT_EQ(sync.code, 2) << place;
    EXPECT_EQ(
        oko_command({"store", "cp", "-r", file("photos"), file("to"), "--manifest", file(place)})
            .code,
        2)
        << place;
  }
}

TEST_F(NeverOverwritesItsInput, TrainIntoTheModelItStartsFrom) {
  ASSERT_EQ(oko_command({"import", file("net.cfg"), file("net.weights"), "--names",
                         file("two.names"), "-o", file("run/model.oko")})
                .code,
            0);
  keep_what_is_there();
  const Outcome outcome =
      oko_command({"train", file("photos"), "--network", file("net.cfg"), "--from",
                   file("run/model.oko"), "--out", file("run"), "--epochs", "1"});
  EXPECT_EQ(outcome.code, 2) << outcome.error;
}

TEST_F(NeverOverwritesItsInput, ButWritesNewFilesAndReplacesItsOwn) {
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

TEST(InputFiles, InBucketsAreIdentifiedByName) {
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
