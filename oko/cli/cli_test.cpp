#include "oko/cli/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "oko/base/error.h"
#include "oko/base/text.h"
#include "oko/cli/completion.h"
#include "oko/cli/detect_output.h"
#include "oko/cli/detector_arguments.h"
#include "oko/cli/table.h"
#include "oko/cli/test_command.h"
#include "oko/cli/test_model.h"
#include "oko/graph/oko_file.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class Cli : public WithModel {};

TEST_F(Cli, UnknownCommandSuggestsTheNearest) {
  const Outcome outcome = oko_command({"evla"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.error,
            "oko: error: unknown command \"evla\"\n  hint: did you mean \"eval\"?\n");
  EXPECT_THAT(oko_command({"data", "chek"}).error, HasSubstr("data: unknown command \"chek\""));
}

TEST_F(Cli, WrongFlagsPointToTheHelpOfTheCommand) {
  const Outcome outcome = oko_command({"inspect", "yolov3-tiny", "--bogus"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("--bogus"));
  EXPECT_THAT(outcome.error, HasSubstr("hint: oko help inspect"));
  EXPECT_THAT(oko_command({"detect", "m.oko", "a.jpg", "--treshold", ".3"}).error,
              HasSubstr("did you mean --threshold?"));
  EXPECT_THAT(oko_command({"inspect", "yolov3-tiny", "--jsno"}).error,
              HasSubstr("did you mean --json?"));
  EXPECT_EQ(oko_command({"eval"}).code, 2);
}

// What a script passes whose variable is not set: every option of every command that takes a value.
TEST_F(Cli, AnEmptyValueIsAUsageErrorThatNamesTheOption) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> commands = {
      {{"data", "convert", folder_, "--to", "voc", "-o", ""}, "--out"},
      {{"data", "split", folder_, "-o", ""}, "--out"},
      {{"data", "pack", folder_, ""}, "--out"},
      {{"data", "check", folder_, "--repair", ""}, "--repair"},
      {{"data", "check", ""}, "DATASET"},
      {{"data", "check", folder_, "--classes", ""}, "--classes"},
      {{"data", "show", folder_, "-o", ""}, "--out"},
      {{"detect", "m.oko", "a.jpg", "-o", ""}, "--out"},
      {{"detect", "m.oko", "a.jpg", "--csv", ""}, "--csv"},
      {{"eval", "m.oko", folder_, "--report", ""}, "--report"},
      {{"train", folder_, "--from", ""}, "--from"},
      {{"train", folder_, "--loss", ""}, "--loss"},
      {{"export", "m.oko", "--to", ""}, "--to"},
      {{"store", "cp", "", "gs://b"}, "URI"},
  };
  for (const auto& [words, option] : commands) {
    const Outcome outcome = oko_command(words);
    EXPECT_EQ(outcome.code, 2) << words[0] << " " << words[1];
    EXPECT_THAT(outcome.error, HasSubstr(option + ": is empty")) << words[0] << " " << words[1];
  }
}

TEST_F(Cli, MaxPixelsAppliesToOneCommandInAnyPosition) {
  media::save({{40, 30}, std::vector<std::uint8_t>(40 * 30 * 3)}, file("black.png"));
  const std::vector<std::string> detect = {"detect", file("net.cfg"), file("black.png"),
                                           "--weights", file("net.weights")};
  const auto with = [&](std::vector<std::string> before, std::vector<std::string> after) {
    before.insert(before.end(), detect.begin(), detect.end());
    before.insert(before.end(), after.begin(), after.end());
    return oko_command(before);
  };
  for (const Outcome& outcome :
       {with({"--max-pixels", "1199"}, {}), with({}, {"--max-pixels=1199"})}) {
    EXPECT_EQ(outcome.code, 3);
    EXPECT_THAT(outcome.error, HasSubstr("40x30 is more than 1199 pixels"));
    EXPECT_THAT(outcome.error, HasSubstr("--max-pixels 1200"));
  }
  EXPECT_EQ(with({"--max-pixels", "1200"}, {}).code, 0);
  EXPECT_EQ(with({}, {}).code, 0);
  EXPECT_EQ(with({"--max-pixels", "0"}, {}).code, 2);
  EXPECT_EQ(with({"--max-pixels", "268435457"}, {}).code, 2);
}

TEST_F(Cli, ErrorsAreAlsoJson) {
  const Outcome outcome = oko_command({"inspect", "--json", file("missing.oko")});
  EXPECT_EQ(outcome.code, 3);
  const Json document = parse_json(outcome.out, "out");
  EXPECT_EQ(document["error"]["code"], 3);
  EXPECT_EQ(document["error"]["place"], file("missing.oko"));
  EXPECT_THAT(outcome.error, StartsWith("oko: error: "));
  EXPECT_TRUE(parse_json(oko_command({"--json", "evla"}).out, "out").contains("error"));
}

TEST(TableText, FitsATerminalByOmittingWhatMattersLeast) {
  Table table({"job", "on", "loss", "note"});
  table.add({"roses", "local", "", "new"});
  table.add({"tulips", "ssh", "", "old"});
  table.drop_empty();
  EXPECT_EQ(table.text(), "job     on     note\nroses   local  new\ntulips  ssh    old");
  table.fit(0, {3, 1});  // not a terminal
  table.fit(19, {3, 1});
  EXPECT_THAT(table.text(), StartsWith("job     on     note\n"));
  table.fit(18, {3, 1});
  EXPECT_THAT(table.text(), StartsWith("job     on\n"));
  table.fit(5, {3, 1});  // the name is never omitted
  EXPECT_THAT(table.text(), StartsWith("job\n"));
  EXPECT_EQ(counted(2, "batch") + counted(2, "epoch"), "2 batches2 epochs");
  EXPECT_EQ(singular("batches") + singular("boxes") + singular("images"), "batchboximage");
  EXPECT_THAT(wrapped("äb cd ef", 5), ElementsAre("äb cd", "ef"));
}

TEST_F(Cli, HelpShowsExitCodesAndRejectsUnknownCommands) {
  EXPECT_THAT(oko_command({"--help"}).out, HasSubstr("Exit codes:"));
  EXPECT_EQ(oko_command({"help", "evla"}).code, 2);
}

// A newcomer types the name alone: the list of commands is not an error.
TEST_F(Cli, HelpAndTheNameAloneListTheCommands) {
  const Outcome listed = oko_command({"help"});
  EXPECT_EQ(listed.code, 0);
  for (const char* name : {"data", "train", "eval", "quantize", "detect", "import", "export",
                           "parity", "inspect", "store", "completion", "help"}) {
    EXPECT_THAT(listed.out, HasSubstr(std::string("\n  ") + name + " ")) << name;
  }
  EXPECT_THAT(listed.out, HasSubstr("\nUsage: oko COMMAND [OPTIONS]\n"));
  const Outcome alone = oko_command({});
  EXPECT_EQ(alone.code, 0);
  EXPECT_EQ(alone.out, listed.out);
  EXPECT_EQ(oko_command({"--help"}).out, listed.out);
  EXPECT_THAT(oko_command({"help", "help"}).out, HasSubstr("oko help data check"));
}

constexpr const char* kHostile = "\x1b]0;title\a\x1b[2J\nfake.jpg: 9 cat\r\xc2\x9b\xe2\x80\xae\xff";
constexpr const char* kShown = R"(\x1b]0;title\x07\x1b[2J\nfake.jpg: 9 cat\r\x9b\u202e\xff)";

TEST_F(Cli, NothingInANameReachesTheTerminalAsAControl) {
  const std::string name = file(std::string(kHostile) + ".png");
  media::save({{32, 32}, std::vector<std::uint8_t>(32 * 32 * 3)}, name);
  storage::write(file("in/broken.jpg"), "no image");
  const auto controls = [](const std::string& text) {
    return std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) < ' ' && c != '\n') || c == '\x7f';
    });
  };
  const Outcome found =
      oko_command({"detect", file("net.cfg"), name, "--weights", file("net.weights")});
  EXPECT_EQ(found.code, 0) << found.error;
  EXPECT_THAT(found.out, HasSubstr(std::string(kShown) + ".png: nothing above"));
  EXPECT_EQ(controls(found.out), 0);
  for (const Outcome& refused :
       {oko_command({"inspect", file(kHostile)}), oko_command({kHostile}),
        oko_command({"inspect", "yolov3-tiny", std::string("--") + kHostile}),
        oko_command({"store", "ls", kHostile}), oko_command({"data", "check", file(kHostile)})}) {
    EXPECT_NE(refused.code, 0);
    EXPECT_EQ(controls(refused.out + refused.error), 0);
    EXPECT_THAT(refused.error, HasSubstr(kShown));
    EXPECT_THAT(refused.error, Not(HasSubstr("\nfake")));
  }
}

// Characters that a terminal would obey, hide or reverse, except line breaks between lines.
std::string raw_controls(const std::string& text) {
  std::string found;
  for (std::string_view rest = text; !rest.empty();) {
    const CodePoint c = first_code_point(rest);
    rest.remove_prefix(c.bytes.size());
    if (!c.valid || (is_invisible(c.value) && c.value != '\n')) found += c.bytes;
  }
  return found;
}

// Files, classes, layers, splits and model metadata, each with such a name, through every command.
TEST_F(Cli, EveryCommandEscapesNames) {
  const std::string name = "\x1b[2J\r\x07\x7f\nfake\xc2\x9b\xe2\x80\xae\xe2\x81\xa6x";
  const std::string photos = file(name + "/images");
  for (const char* image : {"a", "b"}) {
    media::save({{32, 32}, std::vector<std::uint8_t>(32 * 32 * 3)},
                photos + "/" + image + name + ".png");
  }
  storage::write(photos + "/c" + name + ".jpg", "no image");
  storage::write(photos + "/d" + name + ".mp4", "no clip");
  Json coco = {{"images", Json::array()},
               {"annotations", Json::array()},
               {"categories", {{{"id", 1}, {"name", name}}, {{"id", 2}, {"name", "leaf"}}}}};
  for (const char* image : {"a", "b"}) {
    coco["images"].push_back({{"id", image[0] - 'a'},
                              {"file_name", image + name + ".png"},
                              {"width", 32},
                              {"height", 32}});
    coco["annotations"].push_back({{"id", image[0] - 'a'},
                                   {"image_id", image[0] - 'a'},
                                   {"category_id", 1},
                                   {"bbox", {4, 4, 20, 20}},
                                   {"area", 400},
                                   {"iscrowd", 0}});
  }
  const std::string data = file(name);
  storage::write(data + "/annotations/instances_" + name + ".json", coco.dump());
  graph::Network network = load_model(ModelArguments{file("net.cfg"), file("net.weights"), ""});
  network.name = name;
  network.classes = {name, "leaf"};
  network.layers.back().name = name;
  network.metadata = {{"author", name}, {name, name}};
  const std::string model = file(name + ".oko");
  storage::write(model, graph::write_oko(network));
  const std::vector<std::vector<std::string>> commands = {
      {"detect", model, photos, "--threshold", ".2"},
      {"detect", model, photos, "-o", file("out" + name), "--csv", file(name + ".csv")},
      {"detect", model, photos, "--class-threshold", name + "x=.3"},
      {"eval", model, data},
      {"eval", model, data, "--report", file(name + ".html")},
      {"quantize", model, data, "-o", file(name + "8.oko")},
      {"import", model, "-o", file("copy" + name + ".oko")},
      {"export", model, "--to", "onnx", "-o", file("onnx" + name), "--images", photos},
      {"export", model, "--to", "darknet", "-o", file("darknet" + name)},
      {"parity", model, model, "--images", photos},
      {"parity", model, file("net.cfg")},
      {"inspect", model},
      {"inspect", model, "--dot", "-"},
      {"inspect", model, "--svg", "-"},
      {"inspect", model, "--profile", "--rounds", "1"},
      {"data", "check", data},
      {"data", "stats", data},
      {"data", "show", data, "-o", file(name + ".png")},
      {"data", "show", data, "--class", "x" + name},
      {"data", "convert", data, "--to", "voc", "-o", file("voc" + name)},
      {"data", "convert", data, "--to", "yolo", "-o", file("yolo" + name)},
      {"data", "split", data, "-o", file("split" + name)},
      {"data", "pack", data, file("pack" + name)},
      {"data", "check", data, "--repair", file("repair" + name)},
      {"data", "anchors", data, "--split", name},
      {"train", data, "--network", model, "--out", file("run" + name)},
      {"train", data, "--loss", name},
      {"store", "ls", data, "-r"},
      {"store", "ls", data, "-r", "-l"},
      {"store", "du", data},
      {"store", "stat", model},
      {"store", "cp", model, file("cp" + name), "-v"},
      {"store", "cp", file(name + "missing"), file("cp" + name)},
      {"store", "sync", photos, file("sync" + name), "-v"},
      {"store", "rm", "-r", "-n", data},
      {"completion", name},
      {"help", name},
      {name},
  };
  for (const auto& command : commands) {
    for (const bool json : {false, true}) {
      std::vector<std::string> words = command;
      if (json) words.push_back("--json");
      const Outcome outcome = oko_command(words);
      EXPECT_EQ(raw_controls(outcome.out + outcome.error), "")
          << command[0] << " " << command[command.size() > 1 ? 1 : 0] << (json ? " --json" : "");
      EXPECT_THAT(outcome.out + outcome.error, Not(HasSubstr("\nfake"))) << command[0];
    }
  }
}

TEST_F(Cli, JsonKeepsNamesUnchanged) {
  const std::string name = file("\x1b[2J\nfake.png");
  media::save({{32, 32}, std::vector<std::uint8_t>(32 * 32 * 3)}, name);
  const Outcome found =
      oko_command({"detect", file("net.cfg"), name, "--weights", file("net.weights"), "--json"});
  EXPECT_EQ(parse_json(found.out, "out")["results"][0]["source"], name);
}

TEST_F(Cli, VersionIsPrinted) {
  const Outcome outcome = oko_command({"--version"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, StartsWith("oko 0."));
}

TEST_F(Cli, ImportMakesAModelThatInspectShows) {
  const Outcome imported = oko_command({"import", file("net.cfg"), file("net.weights"), "--names",
                                        file("two.names"), "-o", file("m.oko")});
  EXPECT_EQ(imported.code, 0) << imported.error;
  EXPECT_THAT(imported.out, HasSubstr("classes     2: rose, leaf"));
  EXPECT_THAT(imported.out, HasSubstr("21 511 values, 320 images seen"));
  EXPECT_THAT(imported.out, HasSubstr("layer 1, 1x1 cells of 32 px, anchors 0:16x16"));
  const Outcome shown = oko_command({"inspect", file("m.oko"), "--json"});
  const Json document = parse_json(shown.out, "out");
  EXPECT_EQ(document["parameters"], kFloats);
  EXPECT_EQ(document["classes"], Json({"rose", "leaf"}));
  EXPECT_EQ(document["layers"].size(), 2U);
  EXPECT_EQ(document["preprocess"], Json({{"fit", "letterbox"}, {"bgr", false}}));
}

TEST_F(Cli, ImportAndInspectSayHowBoxesAreSuppressed) {
  const auto imported = [&](const std::string& name) {
    return oko_command({"import", file(name), "-o", file("m.oko")}).out;
  };
  EXPECT_THAT(imported("net.cfg"), HasSubstr("suppression IoU\n"));
  EXPECT_THAT(
      oko_command({"inspect", file("m.oko")}).out,
      HasSubstr(
          "images: letterbox, RGB, values from 0 to 1; overlapping boxes are suppressed by IoU\n"));
  std::string text = storage::read_text(file("net.cfg"));
  text.insert(text.find("[yolo]") + 7, "nms_kind=diounms\nbeta_nms=0.7\n");
  storage::write(file("diou.cfg"), text);
  EXPECT_THAT(imported("diou.cfg"), HasSubstr("suppression DIoU, exponent 0.7\n"));
  const Outcome shown = oko_command({"inspect", file("m.oko"), "--json"});
  EXPECT_NEAR(parse_json(shown.out, "out")["diou_exponent"].get<double>(), .7, 1e-6);
}

TEST_F(Cli, ImportRejectsMismatchedFiles) {
  storage::write(file("short.weights"), weights(kFloats - 100));
  EXPECT_EQ(
      oko_command({"import", file("net.cfg"), file("short.weights"), "-o", file("m.oko")}).code, 3);
  storage::write(file("three.names"), std::string_view("a\nb\nc\n"));
  const Outcome names =
      oko_command({"import", file("net.cfg"), "--names", file("three.names"), "-o", file("m.oko")});
  EXPECT_EQ(names.code, 3);
  EXPECT_THAT(names.error, HasSubstr("lists 3 names, but the network has 2 classes"));
  EXPECT_EQ(oko_command({"import", file("net.weights"), "-o", file("m.oko")}).code, 2);
  EXPECT_EQ(oko_command({"import", file("net.cfg"), "-o", file("m.txt")}).code, 2);
  EXPECT_FALSE(storage::exists(file("m.oko")));
}

TEST_F(Cli, InspectShowsBuiltInNetworksAtAnySize) {
  const Outcome outcome =
      oko_command({"inspect", "yolov3-tiny", "--classes", "20", "--size", "608x352", "--json"});
  const Json document = parse_json(outcome.out, "out");
  EXPECT_EQ(document["parameters"], 8720134);  // as published for 20 classes
  EXPECT_EQ(document["input"], Json({3, 352, 608}));
  EXPECT_EQ(oko_command({"inspect", "yolov3-tiny", "--size", "big"}).code, 2);
  EXPECT_EQ(oko_command({"inspect", file("net.cfg"), "--classes", "3"}).code, 2);
}

TEST_F(Cli, InspectDraws) {
  EXPECT_THAT(oko_command({"inspect", file("net.cfg"), "--dot", "-"}).out, StartsWith("digraph"));
  EXPECT_EQ(oko_command({"inspect", file("net.cfg"), "--svg", file("net.svg")}).code, 0);
  EXPECT_THAT(storage::read_text(file("net.svg")), HasSubstr("<svg"));
}

TEST_F(Cli, ModelsAreRecognizedByContent) {
  const auto code_of = [](const std::string& path, const std::string& weights) {
    try {
      load_model(ModelArguments{path, weights, ""});
    } catch (const Error& error) {
      return static_cast<int>(error.code());
    }
    return 0;
  };
  EXPECT_TRUE(load_model(ModelArguments{file("net.cfg"), "", ""}).weights.empty());
  EXPECT_FALSE(
      load_model(ModelArguments{file("net.cfg"), file("net.weights"), ""}).weights.empty());
  EXPECT_EQ(code_of(file("net.weights"), ""), 2);
  EXPECT_EQ(code_of(file("two.names"), ""), 2);
  EXPECT_EQ(code_of(folder_, ""), 3);
  storage::write(file("model.oko"),
                 graph::write_oko(load_model(ModelArguments{file("net.cfg"), "", ""})));
  EXPECT_EQ(load_model(ModelArguments{folder_, "", file("two.names")}).classes,
            (std::vector<std::string>{"rose", "leaf"}));
  EXPECT_EQ(code_of(file("model.oko"), file("net.weights")), 2);
}

TEST_F(Cli, NetworkWithoutWeightsCannotDetect) {
  const Outcome outcome = oko_command({"detect", file("net.cfg"), file("net.cfg")});
  EXPECT_EQ(outcome.code, 3) << outcome.error;
}

// With all weights zero both classes score .25 in the one box.
TEST_F(Cli, DetectTakesThresholdsAndSuppression) {
  media::save({{32, 32}, std::vector<std::uint8_t>(32 * 32 * 3)}, file("black.png"));
  const auto classes = [&](std::vector<std::string> flags) {
    std::vector<std::string> words = {
        "detect",  file("net.cfg"),   file("black.png"), "--weights", file("net.weights"),
        "--names", file("two.names"), "--threads",       "1",         "--json"};
    words.insert(words.end(), flags.begin(), flags.end());
    const Outcome outcome = oko_command(words);
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    std::vector<std::string> names;
    const Json document = parse_json(outcome.out, "out");
    for (const Json& one : document["results"][0]["detections"]) names.push_back(one["class"]);
    return names;
  };
  EXPECT_THAT(classes({}), IsEmpty());
  EXPECT_THAT(classes({"--threshold", ".2"}), ElementsAre("rose", "leaf"));
#if OKO_HAS_TRAINING
  EXPECT_THAT(classes({"--threshold", ".2", "--engine", "torch"}), ElementsAre("rose", "leaf"));
#endif
  EXPECT_THAT(classes({"--threshold", ".2", "--target", "scalar"}), ElementsAre("rose", "leaf"));
  EXPECT_THAT(classes({"--threshold", ".2", "--nms", "soft"}), ElementsAre("rose", "leaf"));
  EXPECT_THAT(classes({"--threshold", ".2", "--nms", "agnostic"}), ElementsAre("rose"));
  EXPECT_THAT(classes({"--threshold", ".2", "--max-detections", "1"}), ElementsAre("rose"));
  EXPECT_THAT(classes({"--class-threshold", "leaf=.2"}), ElementsAre("leaf"));
  EXPECT_THAT(classes({"--class-threshold", "leaf=.2", "--class-threshold", "rose=0.1"}),
              ElementsAre("rose", "leaf"));
}

TEST_F(Cli, ClassThresholdsNeedAKnownClassAndAScore) {
  graph::Network network = load_model(ModelArguments{file("net.cfg"), "", file("two.names")});
  const auto hint_of = [&](const std::string& text) {
    detect::Thresholds thresholds;
    try {
      set_class_thresholds(thresholds, network, std::vector{text});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.hint();
    }
    return std::string("none");
  };
  EXPECT_EQ(hint_of("rose=0.5"), "none");
  EXPECT_EQ(hint_of("rsoe=0.5"), "did you mean \"rose\"?");
  EXPECT_EQ(hint_of("banana=.5"), "oko inspect MODEL lists its classes");
  for (const char* text : {"rose", "rose=", "rose=1.5", "rose=-1", "rose=.5x", "rose=nan"}) {
    EXPECT_EQ(hint_of(text), "write NAME=SCORE with a score from 0 to 1") << text;
  }
  network.classes = {"a=b", "leaf"};
  detect::Thresholds thresholds;
  set_class_thresholds(thresholds, network, std::vector<std::string>{"a=b=.75"});
  EXPECT_THAT(thresholds.class_scores, ElementsAre(.75F, .25F));
  network.classes.clear();
  set_class_thresholds(thresholds, network, std::vector<std::string>{"class 1=.5"});
  EXPECT_THAT(thresholds.class_scores, ElementsAre(.75F, .5F));  // the other keeps what it has
}

TEST_F(Cli, EnginesRejectFlagsOfTheOther) {
  constexpr auto kFloat32 = graph::Precision::kFloat32;
  const graph::Network network =
      load_model(ModelArguments{file("net.cfg"), file("net.weights"), ""});
  const auto code_of = [&](const EngineArguments& arguments) {
    try {
      make_engine(network, arguments);
    } catch (const Error& error) {
      return static_cast<int>(error.code());
    }
    return 0;
  };
  EXPECT_EQ(code_of({.own = {.threads = 1}, .device = "cpu"}), 0);
  EXPECT_EQ(code_of({.kind = EngineKind::kOko, .own = {.precision = kFloat32, .threads = 1}}), 0);
  EXPECT_EQ(code_of({.kind = EngineKind::kOko, .device = "cuda"}), 2);
  EXPECT_EQ(code_of({.kind = EngineKind::kTorch, .own = {.precision = kFloat32}}), 2);
  EXPECT_EQ(code_of({.kind = EngineKind::kTorch, .own = {.target = SimdTarget::kScalar}}), 2);
  EXPECT_EQ(code_of({.own = {.precision = kFloat32}, .device = "cuda"}), 2);
  EXPECT_EQ(code_of({.device = "gpu"}), 2);
}

TEST_F(Cli, BashCompletionOffersMatchingWords) {
  const std::string script = file("oko.bash");
  storage::write(script, oko_command({"completion", "bash"}).out);
  // Asks bash itself what it would offer after these words; the last one is being typed.
  const auto offered = [&](const std::vector<std::string>& words) {
    std::string line = ". '" + script + "'; COMP_WORDS=(oko";
    for (const std::string& word : words) line += " '" + word + "'";
    line += "); COMP_CWORD=" + std::to_string(words.size()) + "; _oko; echo \"${COMPREPLY[@]}\"";
    storage::write(file("ask.bash"), line);
    FILE* pipe = popen(("bash " + file("ask.bash") + " 2>&1").c_str(), "r");
    std::string text;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
    pclose(pipe);
    return text;
  };
  EXPECT_EQ(offered({"ins"}), "inspect\n");
  EXPECT_THAT(offered({""}), HasSubstr("eval quantize detect import export parity inspect"));
  EXPECT_EQ(offered({"eval", "--rep"}), "--report\n");
  EXPECT_EQ(offered({"--json", "detect", "--cs"}), "--csv\n");
  EXPECT_EQ(offered({"eval", "--nms", "a"}), "agnostic\n");
  EXPECT_EQ(offered({"detect", "--engine", ""}), "auto oko torch\n");
  EXPECT_EQ(offered({"completion", "z"}), "zsh\n");
  EXPECT_EQ(offered({"help", "imp"}), "import\n");
  EXPECT_EQ(offered({"eval", "--batch", ""}), "\n");
}

TEST(Completion, TableListsFilesAndValues) {
  CLI::App app("", "oko");
  Context context;
  add_detect_command(app, context);
  const auto table = command_table(app);
  ASSERT_EQ(table.size(), 2U);
  EXPECT_THAT(table[1].path, ElementsAre("detect"));
  EXPECT_TRUE(table[1].completes_files);
  bool found = false;
  for (const FlagEntry& flag : table[1].flags) {
    if (flag.names != std::vector<std::string>{"-o", "--out"}) continue;
    found = true;
    EXPECT_TRUE(flag.takes_value);
    EXPECT_TRUE(flag.completes_files);
  }
  EXPECT_TRUE(found);
  EXPECT_THAT(zsh_completion(app), StartsWith("#compdef oko\n"));
  EXPECT_THAT(fish_completion(app), HasSubstr("-s o -l out -r -F"));
}

TEST(TableText, AlignsNumbersRight) {
  Table table({"name", "count"});
  table.add({"ключ", "7"});
  table.add({"b", "1 234"});
  EXPECT_EQ(table.text(), "name  count\nключ      7\nb     1 234");
}

TEST(TableText, EscapesControlsInCells) {
  Table table({"name", "count"});
  table.add({"a\x1b[2J\nb", "7"});
  EXPECT_EQ(table.text(), "name         count\na\\x1b[2J\\nb      7");
}

TEST(NumberText, IsGrouped) {
  EXPECT_EQ(grouped(8858734), "8 858 734");
  EXPECT_EQ(grouped(-123456), "-123 456");
  EXPECT_EQ(grouped(12), "12");
  EXPECT_EQ(bytes_text(35434956), "33.8 MiB");
}

TEST(DetectOutput, CsvQuotesNames) {
  graph::Network network;
  network.classes = {"red, \"wild\" rose"};
  Found found{"a b.jpg", -1, {10, 10}, {}};
  found.result.detections = {{0, .5F, {1, 2, 3, 4}}};
  EXPECT_EQ(csv_lines(network, found),
            "a b.jpg,,\"red, \"\"wild\"\" rose\",0.5000,1.00,2.00,3.00,4.00\n");
  EXPECT_EQ(counts_text(network, found.result), "1 red, \"wild\" rose");
  EXPECT_EQ(counts_text(network, {}), "nothing");
}

TEST(DetectOutput, CsvHasNoCellThatASpreadsheetWouldEvaluate) {
  graph::Network network;
  const auto line = [&](const std::string& source, const std::string& name) {
    network.classes = {name};
    Found found{source, -1, {10, 10}, {}};
    found.result.detections = {{0, .5F, {-1, -2, 3, 4}}};
    return csv_lines(network, found);
  };
  const std::string numbers = ",0.5000,-1.00,-2.00,3.00,4.00\n";
  EXPECT_EQ(line("=1+1.jpg", "@SUM(A1)"), "'=1+1.jpg,,'@SUM(A1)" + numbers);
  EXPECT_EQ(line("+a.jpg", "-b"), "'+a.jpg,,'-b" + numbers);
  EXPECT_EQ(line("\tx", "\ry"), "'\tx,,\"'\ry\"" + numbers);
  EXPECT_EQ(line("=a,\"b\"", "rose"), "\"'=a,\"\"b\"\"\",,rose" + numbers);
  EXPECT_EQ(line("a=b-c.jpg", "a@b"), "a=b-c.jpg,,a@b" + numbers);
}

TEST_F(Cli, CommandsReportWhatReadingADatasetDropped) {
  media::save({{48, 40}, std::vector<std::uint8_t>(48 * 40 * 3)}, file("data/images/a.png"));
  storage::write(file("data/labels/a.txt"), std::string_view("0 .5 .5 .4 .4\n1 .5 .5 .01 .01\n"));
  storage::write(file("data/classes.txt"), std::string_view("rose\nleaf\n"));
  for (const char* command : {"eval", "quantize"}) {
    std::vector<std::string> words{command,   file("net.cfg"),   "--weights", file("net.weights"),
                                   "--names", file("two.names"), file("data")};
    if (words[0] == "quantize") words.insert(words.end(), {"-o", file("small.oko")});
    const Outcome outcome = oko_command(words);
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    EXPECT_THAT(outcome.error, HasSubstr("dropped: 1 box (empty-box 1)")) << command;
  }
}

TEST_F(Cli, DetectNamesOutputsOfTheLongestNames) {
  const std::string longest(251, 'n');
  const image::Picture picture{{48, 40}, std::vector<std::uint8_t>(48 * 40 * 3)};
  for (const char* folder : {"one/", "two/"}) media::save(picture, file(folder + longest + ".png"));
  const Outcome outcome = oko_command({"detect", file("net.cfg"), "--weights", file("net.weights"),
                                       file("one/" + longest + ".png"),
                                       file("two/" + longest + ".png"), "-o", file("found")});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_EQ(storage::list(file("found")).size(), 2u);
  EXPECT_TRUE(storage::exists(file("found/" + longest + ".png")));
}

TEST_F(Cli, QuantizeWritesASmallerModelThatRunsInInt8) {
  image::Picture picture{{48, 40}, std::vector<std::uint8_t>(48 * 40 * 3)};
  for (std::size_t i = 0; i < picture.rgb.size(); ++i) {
    picture.rgb[i] = static_cast<std::uint8_t>(i * 37);
  }
  media::save(picture, file("data/images/a.png"));
  storage::write(file("data/labels/a.txt"), std::string_view("0 .5 .5 .4 .4\n"));
  storage::write(file("data/classes.txt"), std::string_view("rose\nleaf\n"));
  const Outcome made =
      oko_command({"quantize", file("net.cfg"), "--weights", file("net.weights"), "--names",
                   file("two.names"), file("data"), "-o", file("small.oko")});
  ASSERT_EQ(made.code, 0) << made.error;
  EXPECT_THAT(made.out, HasSubstr("int8"));
  EXPECT_THAT(made.out, HasSubstr("points on 1 images"));
  EXPECT_LT(storage::stat(file("small.oko"))->size, static_cast<std::uint64_t>(kFloats) * 2);

  const Outcome found = oko_command(
      {"detect", file("small.oko"), "--precision", "int8", file("data/images/a.png"), "--json"});
  EXPECT_EQ(found.code, 0) << found.error;
  const Outcome plain = oko_command({"detect", file("net.cfg"), "--weights", file("net.weights"),
                                     "--precision", "int8", file("data/images/a.png")});
  EXPECT_EQ(plain.code, 3);
  EXPECT_THAT(plain.error, HasSubstr("was not quantized"));
}

TEST_F(Cli, QuantizeCalibratesWithTheMeanAndScaleOfTheInput) {
  media::save({{48, 40}, std::vector<std::uint8_t>(48 * 40 * 3, 255)}, file("data/images/a.png"));
  storage::write(file("data/labels/a.txt"), std::string_view("0 .5 .5 .4 .4\n"));
  storage::write(file("data/classes.txt"), std::string_view("rose\nleaf\n"));
  ASSERT_EQ(oko_command({"import", file("net.cfg"), file("net.weights"), "--stretch", "--names",
                         file("two.names"), "-o", file("m.oko")})
                .code,
            0);
  graph::Network network = graph::read_oko(storage::map(file("m.oko")), "m.oko").network;
  network.preprocess.mean = {.25F, .25F, .25F};
  network.preprocess.scale = {4, 4, 4};
  const std::string convolution = network.layers[0].name;
  std::vector<float> kernel(7 * 3 * 32 * 32);
  kernel[0] = 1;  // the first filter's output is the first pixel: (1 - .25) · 4
  graph::Tensor& tensor = network.weights.at(convolution + ".kernel");
  tensor = graph::Tensor::of(kernel, tensor.shape);
  storage::write(file("m.oko"), graph::write_oko(network));
  const Outcome made = oko_command({"quantize", file("m.oko"), file("data"), "--no-equalize",
                                    "--no-eval", "-o", file("small.oko")});
  ASSERT_EQ(made.code, 0) << made.error;
  const Json metadata =
      graph::read_oko(storage::map(file("small.oko")), "small.oko").network.metadata;
  EXPECT_EQ(metadata["quantization"]["layers"][convolution]["high"], 3);
}

}  // namespace
}  // namespace oko::cli
