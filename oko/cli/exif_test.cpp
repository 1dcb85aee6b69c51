// --exif: which pixels boxes refer to in images that EXIF rotates, for every command that reads a
// dataset.
#include <gmock/gmock.h>

#include <cmath>

#include "oko/base/json.h"
#include "oko/cli/test_command.h"
#include "oko/cli/test_model.h"
#include "oko/dataset/test_data.h"
#include "oko/storage/store.h"
#include "oko/train/recipe.h"

namespace oko::cli {
namespace {

using ::testing::HasSubstr;

// One image, 64x48 as stored and 48x64 upright, and a box in its middle: 32 pixels square if its
// label is relative to the stored image, 24x42.7 if it is relative to the upright one.
class ExifFlag : public WithModel {
 protected:
  void SetUp() override {
    WithModel::SetUp();
    image::Picture picture{{64, 48}, {}};
    for (int i = 0; i < 64 * 48 * 3; ++i) picture.rgb.push_back(static_cast<std::uint8_t>(i % 251));
    storage::write(file("in/images/a.jpg"), dataset::jpeg_with_orientation(picture, 6));
    storage::write(file("in/labels/a.txt"), std::string_view("0 .5 .5 .5 .6666667\n"));
    storage::write(file("in/classes.txt"), std::string_view("rose\nleaf\n"));
  }

  static Json json_of(std::vector<std::string> words) {
    words.push_back("--json");
    const Outcome outcome = oko_command(words);
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    return outcome.code == 0 ? parse_json(outcome.out, "out") : Json();
  }
  // The size of the box in a copy that a command has written.
  static std::pair<float, float> box_in(const std::string& folder) {
    const dataset::Dataset data = dataset::read(folder);
    const dataset::Sample& sample = data.samples.at(0);
    EXPECT_EQ(sample.size, (image::Size{48, 64}));
    const image::Box& box = sample.objects.at(0).box;
    EXPECT_NEAR(box.left + box.right, 48, .01);
    EXPECT_NEAR(box.top + box.bottom, 64, .01);
    return {std::round(box.width() * 10) / 10, std::round(box.height() * 10) / 10};
  }
  std::string with_rule(const std::string& rule, const std::string& name) const {
    return file(name + "-" + rule);
  }
};

TEST_F(ExifFlag, IsUsedByTheCommandsThatWriteDatasets) {
  for (const auto& [rule, size] :
       {std::pair<std::string, std::pair<float, float>>{"auto", {24.F, 42.7F}},
        {"upright", {24.F, 42.7F}},
        {"stored", {32.F, 32.F}}}) {
    SCOPED_TRACE(rule);
    json_of({"data", "convert", file("in"), "--exif", rule, "--to", "coco", "-o",
             with_rule(rule, "coco")});
    EXPECT_EQ(box_in(with_rule(rule, "coco")), size);
    json_of({"data", "split", file("in"), "--exif", rule, "-o", with_rule(rule, "split")});
    EXPECT_EQ(box_in(with_rule(rule, "split")), size);
    json_of({"data", "pack", file("in"), with_rule(rule, "pack"), "--exif", rule});
    EXPECT_EQ(box_in(with_rule(rule, "pack")), size);
    json_of({"data", "check", file("in"), "--exif", rule, "--repair", with_rule(rule, "repair")});
    EXPECT_EQ(box_in(with_rule(rule, "repair")), size);
    const Json anchors =
        json_of({"data", "anchors", file("in"), "--exif", rule, "--count", "1", "--size", "64"});
    EXPECT_NEAR(anchors.at("anchors").at(0).at(0).get<float>(), size.first, .1);
    json_of({"data", "stats", file("in"), "--exif", rule});
    json_of({"data", "show", file("in"), "--exif", rule, "-o", with_rule(rule, "sheet") + ".png"});
  }
}

TEST_F(ExifFlag, SilencesTheWarningOfCheck) {
  const auto kinds = [&](const std::string& rule) {
    std::vector<std::string> found;
    const Json document = json_of({"data", "check", file("in"), "--exif", rule});
    for (const Json& finding : document.at("findings")) {
      found.push_back(finding.at("kind"));
    }
    return found;
  };
  EXPECT_THAT(kinds("auto"), ::testing::Contains("exif-orientation"));
  EXPECT_THAT(kinds("upright"), ::testing::Not(::testing::Contains("exif-orientation")));
  EXPECT_THAT(kinds("stored"), ::testing::Not(::testing::Contains("exif-orientation")));
}

// The network of zeros finds a square of 32 pixels in the middle of what it sees.
TEST_F(ExifFlag, IsUsedByEvalAndQuantize) {
  const std::vector<std::string> model = {file("net.cfg"), "--weights", file("net.weights"),
                                          "--names", file("two.names")};
  for (const auto& [rule, fits] : {std::pair{"upright", false}, {"stored", true}}) {
    std::vector<std::string> words = {"eval", file("in"), "--exif", rule};
    words.insert(words.begin() + 1, model.begin(), model.end());
    EXPECT_EQ(json_of(words).at("map75").get<double>() > .5, fits) << rule;
    words = {"quantize", file("in"), "--exif", rule, "-o", file(std::string(rule) + ".oko")};
    words.insert(words.begin() + 1, model.begin(), model.end());
    EXPECT_EQ(json_of(words).at("before").at("map").get<double>() > .5, fits) << rule;
  }
}

TEST_F(ExifFlag, RejectsOtherWordsByName) {
  for (std::vector<std::string> words : {std::vector<std::string>{"data", "check", file("in")},
                                         {"eval", file("net.cfg"), file("in")},
                                         {"train", file("in"), "--out", file("run")}}) {
    words.insert(words.end(), {"--exif", "sideways"});
    const Outcome outcome = oko_command(words);
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.error, HasSubstr("--exif"));
  }
}

TEST_F(ExifFlag, OfTrainIsRecordedAndMayBeGivenOnResume) {
  train::Recipe recipe;
  recipe.exif = dataset::BoxPixels::kStored;
  EXPECT_EQ(train::recipe_from_toml(train::to_toml(recipe), "run.toml").exif, recipe.exif);
  EXPECT_EQ(train::recipe_from_toml("[data]\nformat = \"voc\"\n", "old.toml").exif,
            dataset::BoxPixels::kAuto);
  train::visit_recipe(recipe, [](const train::RecipeOption& option, auto&) {
    if (std::string(option.key) == "exif") {
      EXPECT_TRUE(option.on_resume);
    }
  });
}

#if OKO_HAS_TRAINING
// Its anchors show which boxes a run was given: in pixels of a network input of 32.
TEST_F(ExifFlag, OfTrainDecidesWhichBoxesAreTrainedOn) {
  const auto train = [&](const std::string& rule) {
    const Outcome outcome =
        oko_command({"train", file("in"), "--exif", rule, "--network", file("net.cfg"), "--anchors",
                     "data", "--epochs", "1", "--batch", "1", "--out", with_rule(rule, "run")});
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    return train::recipe_from_toml(storage::read_text(with_rule(rule, "run") + "/run.toml"), "");
  };
  const train::Recipe seen = train("upright"), stored = train("stored");
  EXPECT_EQ(seen.exif, dataset::BoxPixels::kUpright);
  EXPECT_EQ(stored.exif, dataset::BoxPixels::kStored);
  EXPECT_THAT(seen.anchors, ::testing::StartsWith("12,21.3"));
  EXPECT_EQ(stored.anchors, "16,16");
  const Outcome other = oko_command({"train", "--resume", "--out", with_rule("stored", "run"),
                                     "--epochs", "2", "--exif", "upright"});
  EXPECT_EQ(other.code, 3);
  EXPECT_THAT(other.error, HasSubstr("has changed since the run began"));
  EXPECT_EQ(
      oko_command({"train", "--resume", "--out", with_rule("stored", "run"), "--epochs", "2"}).code,
      0);
}
#endif

}  // namespace
}  // namespace oko::cli
