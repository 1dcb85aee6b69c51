#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>

#include "oko/cli/completion.h"
#include "oko/cli/test_command.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<CommandEntry> all_commands() {
  CLI::App app("", "oko");
  Context context;
  add_all_commands(app, context);
  return command_table(app);
}

std::string name_of(const CommandEntry& command) {
  std::string name = "oko";
  for (const std::string& word : command.path) name += " " + word;
  return name;
}

Outcome help_of(const CommandEntry& command, bool by_flag) {
  std::vector<std::string> words = command.path;
  by_flag ? words.push_back("--help") : static_cast<void>(words.insert(words.begin(), "help"));
  return oko_command(words);
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

TEST(Help, IsTheSameByBothNames) {
  for (const CommandEntry& command : all_commands()) {
    const Outcome outcome = help_of(command, false);
    EXPECT_EQ(outcome.code, 0) << name_of(command);
    EXPECT_EQ(outcome.out, help_of(command, true).out) << name_of(command);
    EXPECT_THAT(outcome.out, HasSubstr("Usage: " + name_of(command)));
    EXPECT_THAT(outcome.out, Not(HasSubstr("\n\n\n"))) << name_of(command);
    EXPECT_THAT(outcome.out, Not(HasSubstr("{false}"))) << name_of(command);
    const bool is_group = outcome.out.find(" COMMAND") != std::string::npos;
    if (!is_group) {
      EXPECT_THAT(outcome.out, HasSubstr("Examples:")) << name_of(command);
    }
  }
}

// An option whose value is a whole number says which it takes.
TEST(Usage, NumbersThatFitNowhereAreToldWithTheirRange) {
  CLI::App app("", "oko");
  Context context;
  add_all_commands(app, context);
  int tried = 0;
  const std::function<void(const CLI::App&, const std::vector<std::string>&)> try_all =
      [&](const CLI::App& command, const std::vector<std::string>& path) {
        for (const CLI::Option* option : command.get_options()) {
          const std::string type = option->get_type_name();
          const std::string name = type.substr(0, type.find(':'));
          const bool whole = name == "N" || name == "INT" || name == "UINT" || name == "BYTES";
          if (!whole || option->get_lnames().empty()) continue;
          std::vector<std::string> words = path;
          words.push_back("--" + option->get_lnames()[0]);
          words.emplace_back("99999999999999999999999");
          const Outcome outcome = oko_command(words);
          EXPECT_EQ(outcome.code, 2) << words.back();
          EXPECT_THAT(outcome.error, HasSubstr("range")) << words[0] << ' ' << words[1];
          ++tried;
        }
        for (const CLI::App* inner :
             command.get_subcommands([](const CLI::App*) { return true; })) {
          std::vector<std::string> deeper = path;
          deeper.push_back(inner->get_name());
          try_all(*inner, deeper);
        }
      };
  try_all(app, {});
  EXPECT_GT(tried, 30);
}

TEST(Help, FitsIntoEightyColumns) {
  for (const CommandEntry& command : all_commands()) {
    bool examples = false;
    for (const std::string& line : lines_of(help_of(command, false).out)) {
      examples |= line == "Examples:";
      const auto columns = std::ranges::count_if(
          line, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
      EXPECT_LE(columns, examples ? 100 : 80) << name_of(command) << ": " << line;
    }
  }
}

TEST(Help, ShowsValuesAndDefaultsOfFlags) {
  const std::string detect = oko_command({"help", "detect"}).out;
  EXPECT_THAT(detect, HasSubstr("Usage: oko detect MODEL SOURCE... [OPTIONS]\n"));
  EXPECT_THAT(detect, HasSubstr("  --threshold SCORE "));
  EXPECT_THAT(detect, HasSubstr("[per-class|agnostic|soft; default: per-class]"));
  EXPECT_THAT(detect, HasSubstr("  -o, --out FILE "));
  const std::string convert = oko_command({"help", "data", "convert"}).out;
  EXPECT_THAT(convert, HasSubstr("Usage: oko data convert DATASET --to FORMAT --out FOLDER"));
  EXPECT_THAT(oko_command({"help", "inspect"}).out, HasSubstr("with --profile"));
  EXPECT_THAT(oko_command({"help", "train"}).out, HasSubstr("  --check, --no-check "));
  EXPECT_THAT(oko_command({"help", "train"}).out, HasSubstr("[default: on]"));
}

TEST(Help, NamesWhatKindOfValueATextIs) {
  const std::string train = oko_command({"help", "train"}).out;
  for (const char* flag : {"--classes FILE", "--from NAME|FILE", "--network NAME|FILE",
                           "--anchors ANCHORS", "--device DEVICE", "--train-split NAME"}) {
    EXPECT_THAT(train, HasSubstr(std::string("  ") + flag)) << flag;
  }
  EXPECT_THAT(train, HasSubstr("  --format FORMAT "));
  EXPECT_THAT(train, HasSubstr("voc|coco|"));
  EXPECT_THAT(oko_command({"help", "cost"}).out, HasSubstr("  --own GPU:USD:W "));
  EXPECT_THAT(oko_command({"help", "job", "submit"}).out, HasSubstr("  --volume CLAIM:PATH "));
  EXPECT_THAT(oko_command({"help", "export"}).out, HasSubstr("  --description TEXT "));
  EXPECT_THAT(oko_command({"help", "quantize"}).out, HasSubstr("  --equalize, --no-equalize"));
}

TEST(Help, ListsTheCommandsOfAGroup) {
  const std::string data = oko_command({"help", "data"}).out;
  EXPECT_THAT(data, HasSubstr("\n  check "));
  EXPECT_THAT(data, HasSubstr("oko help data COMMAND shows the options"));
  EXPECT_THAT(oko_command({"help", "data", "chek"}).error, HasSubstr("did you mean \"check\"?"));
}

std::set<std::string> flags_in(const std::string& text) {
  std::set<std::string> flags;
  const std::regex flag("--[a-z][a-z0-9-]*");
  for (std::sregex_iterator at(text.begin(), text.end(), flag), end; at != end; ++at) {
    flags.insert(at->str());
  }
  return flags;
}

// Sections of docs/cli.md whose titles name a command, and those whose titles name none.
std::string documentation_of(const std::string& command, const std::string& page) {
  std::string text;
  for (std::size_t at = 0; at < page.size();) {
    const std::size_t end = std::min(page.find("\n## ", at + 1), page.size());
    const std::string section = page.substr(at, end - at);
    const std::string title = section.substr(0, section.find('\n', 1));
    const bool is_common = title.find("`oko ") == std::string::npos;
    if (is_common || std::regex_search(title, std::regex("`oko " + command + "\\b"))) {
      text += section;
    }
    at = end;
  }
  return text;
}

// docs/cli.md names every option in the section of its command, and none that does not exist.
TEST(Help, AgreesWithTheDocumentation) {
  const std::string page = storage::read_text(OKO_SOURCE_DIR "/docs/cli.md");
  std::set<std::string> known = {"--help", "--version", "--json", "--quiet"};
  for (const CommandEntry& command : all_commands()) {
    if (command.path.empty()) continue;
    const auto documented = flags_in(documentation_of(command.path.front(), page));
    for (const FlagEntry& flag : command.flags) {
      for (const std::string& name : flag.names) {
        if (!name.starts_with("--")) continue;
        known.insert(name);
        EXPECT_TRUE(documented.contains(name))
            << name_of(command) << " " << name << " is not in cli.md";
      }
    }
  }
  for (const std::string& flag : flags_in(page)) {
    EXPECT_TRUE(known.contains(flag)) << "cli.md has " << flag << ", oko does not";
  }
}

struct MistypedChoice {
  std::vector<std::string> words;
  std::string flag, nearest;
};

TEST(Choices, OfEveryCommandAreRefusedWithTheNearest) {
  const MistypedChoice cases[] = {
      {{"completion", "bahs"}, "SHELL", "bash"},
      {{"cost", "photos", "--sort", "prise"}, "--sort", "price"},
      {{"cost", "photos", "--storage-class", "coldlin"}, "--storage-class", "coldline"},
      {{"data", "check", "photos", "--format", "voz"}, "--format", "voc"},
      {{"data", "convert", "photos", "--to", "coc", "-o", "x"}, "--to", "coco"},
      {{"detect", "m.oko", "a.jpg", "--nms", "sofft"}, "--nms", "soft"},
      {{"detect", "m.oko", "a.jpg", "--engine", "troch"}, "--engine", "torch"},
      {{"eval", "m.oko", "data", "--precision", "fp166"}, "--precision", "fp16"},
      {{"export", "m.oko", "--to", "onx"}, "--to", "onnx"},
      {{"export", "m.oko", "--to", "onnx", "--precision", "in8"}, "--precision", "int8"},
      {{"import", "m.h5", "--decoding", "yolov33", "-o", "x.oko"}, "--decoding", "yolov3"},
      {{"inspect", "yolov3-tiny", "--profile", "--target", "scalr"}, "--target", "scalar"},
      {{"quantize", "m.oko", "data", "-o", "x.oko", "--method", "kll"}, "--method", "kl"},
      {{"quantize", "m.oko", "data", "-o", "x.oko", "--store", "int"}, "--store", "int8"},
      {{"train", "photos", "--format", "voz"}, "--format", "voc"},
  };
  for (const MistypedChoice& one : cases) {
    const Outcome outcome = oko_command(one.words);
    EXPECT_EQ(outcome.code, 2) << one.words.front();
    EXPECT_THAT(outcome.error, HasSubstr(one.flag + ": \"")) << one.words.front();
    EXPECT_THAT(outcome.error, HasSubstr("did you mean " + one.nearest + "?")) << one.words.front();
  }
}

struct WithoutEffect {
  std::vector<std::string> words;
  std::string flag;
};

TEST(Flags, WithoutEffectAreRejectedByName) {
  const WithoutEffect cases[] = {
      {{"cost", "--images", "9", "--power-price", ".3"}, "--power-price"},
      {{"cost", "--images", "9", "--data-region", "x"}, "--data-region"},
      {{"detect", "m.oko", "a.jpg", "--nms", "soft", "--iou", ".5"}, "--iou"},
      {{"eval", "m.oko", "data", "--iou", ".5", "--nms", "soft"}, "--iou"},
      {{"quantize", "m.oko", "data", "-o", "x.oko", "--keep", ".99"}, "--keep"},
      {{"quantize", "m.oko", "data", "-o", "x.oko", "--no-eval", "--eval-split", "val"},
       "--eval-split"},
      {{"export", "m.oko", "--to", "onnx", "--no-check", "--images", "photos"}, "--images"},
      {{"export", "m.oko", "--to", "mps", "--images", "photos"}, "--images"},
      {{"export", "m.oko", "--to", "onnx", "--count", "3"}, "--count"},
      {{"parity", "a.oko", "b.oko", "--count", "3"}, "--count"},
      {{"inspect", "yolov3-tiny", "--dot", "-", "--svg", "-"}, "--svg"},
      {{"inspect", "yolov3-tiny", "--json", "--svg", "-"}, "--json"},
      {{"inspect", "yolov3-tiny", "--rounds", "3"}, "--rounds"},
      {{"import", "m.h5", "--masks", "0,1", "-o", "x.oko"}, "--masks"},
      {{"import", "m.h5", "--decoding", "yolov8", "--no-heads", "-o", "x.oko"}, "--no-heads"},
      {{"import", "m.h5", "--no-heads", "--anchors", "1,2", "-o", "x.oko"}, "--no-heads"},
      {{"data", "check", "photos", "--allow-loss"}, "--allow-loss"},
  };
  for (const WithoutEffect& one : cases) {
    const Outcome outcome = oko_command(one.words);
    EXPECT_EQ(outcome.code, 2) << one.words.front() << " " << one.flag;
    EXPECT_THAT(outcome.error, HasSubstr(one.flag)) << one.words.front();
  }
}

}  // namespace
}  // namespace oko::cli
