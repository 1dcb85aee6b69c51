#include "oko/graph/about.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "oko/cli/test_command.h"
#include "oko/cli/test_model.h"
#include "oko/graph/oko_file.h"
#include "oko/media/picture.h"

namespace oko::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// m.oko finds a rose and a leaf in every image, both with a score of .25; photos has 12 roses.
class Described : public WithModel {
 protected:
  void SetUp() override {
    WithModel::SetUp();
    for (int i = 0; i < 12; ++i) {
      const std::string name = std::string(1, static_cast<char>('a' + i));
      image::Picture picture{{64, 64}, std::vector<std::uint8_t>(64 * 64 * 3)};
      for (auto& value : picture.rgb) value = static_cast<std::uint8_t>(100 + i);
      media::save(picture, file("photos/images/" + name + ".png"));
      storage::write(file("photos/labels/" + name + ".txt"), std::string_view("0 .5 .5 .5 .5\n"));
    }
    storage::write(file("photos/classes.txt"), std::string_view("rose\nleaf\n"));
    ASSERT_EQ(oko_command({"import", file("net.cfg"), file("net.weights"), "--names",
                           file("two.names"), "-o", file("m.oko")})
                  .code,
              0);
  }
  graph::OkoFile model(const std::string& name = "m.oko") const {
    return graph::read_oko(storage::map(file(name)), name, graph::Verify::kChecksum);
  }
  void set_thresholds(const std::vector<float>& thresholds) const {
    graph::Network network = model().network;
    graph::set_thresholds(network, thresholds);
    storage::write(file("m.oko"), graph::write_oko(network));
  }
  std::string detected(std::vector<std::string> words = {}) const {
    const std::vector<std::string> first = {"detect", file("m.oko"), file("photos/images/a.png")};
    words.insert(words.begin(), first.begin(), first.end());
    const Outcome outcome = oko_command(words);
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    return outcome.out;
  }
};

TEST_F(Described, DetectUsesTheModelsThresholdsUnlessToldOtherwise) {
  EXPECT_THAT(detected(), HasSubstr("above 0.25"));
  set_thresholds({.2F, .3F});
  EXPECT_THAT(detected(), AllOf(HasSubstr("1 rose"), Not(HasSubstr("leaf"))));
  EXPECT_THAT(detected({"--class-threshold", "leaf=.1"}), HasSubstr("1 rose, 1 leaf"));
  EXPECT_THAT(detected({"--threshold", ".1"}), HasSubstr("1 rose, 1 leaf"));
  EXPECT_THAT(detected({"--threshold", ".25"}), HasSubstr("above 0.25"));
  EXPECT_THAT(detected({"--threshold", ".25", "--class-threshold", "leaf=.1"}),
              AllOf(HasSubstr("1 leaf"), Not(HasSubstr("rose"))));
  set_thresholds({.3F, .3F});
  EXPECT_THAT(detected(), AllOf(HasSubstr("above the threshold of their class"),
                                HasSubstr("next: --threshold 0.23 shows")));
}

TEST_F(Described, EvalSavesWhatItMeasures) {
  const std::string hash = model().hash;
  const Outcome outcome = oko_command({"eval", file("m.oko"), file("photos"), "--save"});
  ASSERT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("saved in " + file("m.oko")));
  const graph::OkoFile saved = model();
  EXPECT_EQ(saved.hash, hash);
  const graph::About about = graph::about(saved.network);
  ASSERT_EQ(about.thresholds.size(), 2U);
  EXPECT_NEAR(about.thresholds[0], .1275, .001);  // halfway from what is measured to .25
  ASSERT_TRUE(about.measured);
  EXPECT_EQ(about.measured->map50, 1);
  EXPECT_EQ(about.measured->images, 12);
  EXPECT_EQ(about.measured->dataset, "photos");
  EXPECT_EQ(about.measured->split, "all");
  EXPECT_EQ(about.measured->hash, hash);
  EXPECT_THAT(detected(), HasSubstr("1 rose, 1 leaf"));
  const Json shown =
      parse_json(oko_command({"eval", file("m.oko"), file("photos"), "--json"}).out, "out");
  EXPECT_EQ(shown["classes"][0]["threshold"], shortest_decimal(about.thresholds[0]));
}

TEST_F(Described, EvalSavesOnlyToAnOkoFileAsItIs) {
  const std::string data = file("photos");
  const auto refused = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "eval");
    words.emplace_back("--save");
    const Outcome outcome = oko_command(words);
    EXPECT_EQ(outcome.code, 2);
    return outcome.error;
  };
  EXPECT_THAT(refused({file("net.cfg"), data, "--weights", file("net.weights")}),
              HasSubstr("is not an .oko file, which --save writes to"));
  const std::string before = storage::read_text(file("m.oko"));
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{"--names", file("two.names")},
        {"--size", "64"},
        {"--threshold", ".2"}}) {
    EXPECT_THAT(refused({file("m.oko"), data, more[0], more[1]}), HasSubstr(more[0]));
  }
  EXPECT_EQ(storage::read_text(file("m.oko")), before);
}

TEST_F(Described, InspectShowsAndChecksIt) {
  ASSERT_EQ(oko_command({"eval", file("m.oko"), file("photos"), "--save"}).code, 0);
  ASSERT_EQ(oko_command({"export", file("m.oko"), "--to", "oko", "-o", file("out"), "--stem", "v",
                         "--model-version", "1.4.0", "--author", "Leaf Ltd", "--no-check"})
                .code,
            0);
  const std::string hash = model().hash;
  const Outcome shown = oko_command({"inspect", file("out/v.oko")});
  EXPECT_THAT(shown.out, AllOf(HasSubstr("version 1.4.0"), HasSubstr("author Leaf Ltd"),
                               HasSubstr("hash " + hash), HasSubstr("measured mAP50 1.0000"),
                               HasSubstr("on 12 images of photos, split all"),
                               HasSubstr("thresholds rose 0.12"), Not(HasSubstr("made from"))));
  const Json about =
      parse_json(oko_command({"inspect", file("out/v.oko"), "--json"}).out, "out")["about"];
  EXPECT_EQ(about["hash"], hash);
  EXPECT_EQ(about["hash_as_stated"], true);
  EXPECT_EQ(about["measured"]["itself"], true);

  // Other weights: the metrics are of the original.
  ASSERT_EQ(oko_command({"export", file("out/v.oko"), "--to", "oko", "-o", file("half"), "--stem",
                         "v", "--size", "64", "--no-check"})
                .code,
            0);
  const Outcome other = oko_command({"inspect", file("half/v.oko")});
  EXPECT_THAT(other.out, AllOf(HasSubstr("version 1.4.0"), Not(HasSubstr(hash)),
                               HasSubstr("of the model that this one was made from")));

  // A program that changes the file and keeps its hash.
  graph::Safetensors file_ = graph::read_safetensors(storage::map(file("m.oko")), "m");
  file_.metadata["hash"] = std::string(64, '0');
  file_.metadata.erase("checksum");
  storage::write(file("m.oko"), graph::write_safetensors(file_));
  const Outcome changed = oko_command({"inspect", file("m.oko")});
  EXPECT_EQ(changed.code, 0);
  EXPECT_THAT(changed.error, HasSubstr("which is not that of its content"));
}

// Formats that can store it get what the model says; their apps the threshold of each class.
TEST_F(Described, ExportsSayTheSame) {
  set_thresholds({.2F, .3F});
  const auto exported = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"export", file("m.oko"), "-o", file("out"), "--stem", "pets"});
    words.emplace_back("--no-check");
    const Outcome outcome = oko_command(words);
    EXPECT_EQ(outcome.code, 0) << outcome.error;
  };
  exported({"--to", "onnx", "--boxes"});
  const std::string source = storage::read_text(file("out/pets_detector.ts"));
  EXPECT_THAT(source, AllOf(HasSubstr("  iou: 0.45, maxDetections: 300"), HasSubstr("0.2, 0.3,"),
                            HasSubstr("score?: number")));
  exported({"--to", "onnx", "--boxes", "--threshold", ".4"});
  EXPECT_THAT(storage::read_text(file("out/pets_detector.ts")), HasSubstr("score: 0.4, iou: 0.45"));
  exported({"--to", "oko"});
  EXPECT_THAT(storage::read_text(file("out/pets_detector.ts")), HasSubstr("  iou: 0.45"));
  EXPECT_THAT(storage::read_text(file("out/PetsDetector.kt")), HasSubstr("score = 0f"));
  EXPECT_THAT(storage::read_text(file("out/PetsDetector.swift")), HasSubstr("Float? = nil"));
  exported({"--to", "oko", "--threshold", ".25"});
  EXPECT_THAT(storage::read_text(file("out/PetsDetector.kt")), HasSubstr("score = 0.25f"));
  EXPECT_EQ(graph::about(model("out/pets.oko").network).thresholds, (std::vector<float>{.2F, .3F}));
  // A later file of the model may have thresholds that this one lacks.
  set_thresholds({});
  exported({"--to", "oko"});
  EXPECT_THAT(storage::read_text(file("out/PetsDetector.kt")), HasSubstr("score = 0f"));
  exported({"--to", "oko", "--threshold", ".25"});
  EXPECT_THAT(storage::read_text(file("out/PetsDetector.kt")), HasSubstr("score = 0.25f"));
}

}  // namespace
}  // namespace oko::cli
