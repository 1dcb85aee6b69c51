// Command lines that cannot be understood, and what is said about them.
#include <gmock/gmock.h>

#include "oko/cli/test_command.h"

namespace oko::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

struct Mistake {
  std::vector<std::string> words;
  std::string error, hint;
};

TEST(Usage, MistakesAreSaidInOneFormByEveryCommand) {
  const Mistake mistakes[] = {
      // What is missing.
      {{"data"},
       "data: the command is missing",
       "one of check, stats, show, convert, split, pack, tile, anchors"},
      {{"job", "show"}, "job show: JOB is missing", "oko job show JOB"},
      {{"detect", "m.oko"}, "detect: SOURCE is missing", "oko detect MODEL SOURCE..."},
      {{"export", "m.oko"}, "export: --to is missing", "oko export MODEL --to NAME"},
      {{"store", "rm"}, "store rm: URI is missing", "oko store rm URI..."},
      {{"job", "fetch", "x", "-o"}, "--out: needs a value", "--out FOLDER"},
      {{"cost", "x", "--sort"}, "--sort: needs a value", "--sort NAME"},
      {{"--max-pixels"}, "--max-pixels: needs a value", "--max-pixels N"},
      {{"job", "submit", "--workers", "--", "train", "x"},
       "--workers: needs a value",
       "use 1 … 1024"},
      {{"job", "submit", "--", "train", "x", "--epochs"}, "--epochs: needs a value", "--epochs N"},
      // What nothing takes.
      {{"job", "list", "a", "b"},
       "job list: \"b\" is one argument too many",
       "oko job list [FOLDER]"},
      {{"detect", "m.oko", "a.jpg", "--treshold=.3"},
       "detect: there is no option --treshold",
       "did you mean --threshold?"},
      {{"eval", "--jso"}, "eval: there is no option --jso", "did you mean --json?"},
      {{"data", "split", "x", "-o", "y", "--ratio", "3"},
       "data split: there is no option --ratio",
       "oko help data split"},
      {{"job", "submit", "--", "train", "x", "--epochz", "3"},
       "train: there is no option --epochz",
       "did you mean --epochs?"},
      {{"job", "submit", "--", "train", "a", "b"},
       "train: \"b\" is one argument too many",
       "oko train [DATASET]"},
      {{"-z"}, "there is no option -z", "oko help lists the commands"},
      {{"inspect", "x", "-z"}, "inspect: there is no option -z", "oko help inspect"},
      // Values.
      {{"job", "submit", "--workers", "0", "--", "train", "x"},
       "--workers: 0 is out of range",
       "use 1 … 1024"},
      {{"eval", "m.oko", "d", "--threads", "1025"},
       "--threads: 1025 is out of range",
       "use 0 … 1024"},
      {{"data", "anchors", "x", "--count", "1e3"},
       "--count: \"1e3\" is not a whole number",
       "use 1 … 64"},
      {{"detect", "m.oko", "a.jpg", "--threshold", "2"},
       "--threshold: 2 is out of range",
       "use 0 … 1"},
      {{"detect", "m.oko", "a.jpg", "--threshold", "low"},
       "--threshold: \"low\" is not a number",
       "use 0 … 1"},
      {{"job", "retry", "x", "--max-cost", "nan"},
       "--max-cost: nan is out of range",
       "use 0.01 … 1000000"},
      {{"detect", "m.oko", "a.jpg", "--threshold", "NaN"},
       "--threshold: NaN is out of range",
       "use 0 … 1"},
      {{"job", "submit", "--price", "0", "--", "train", "x"},
       "--price: 0 is out of range",
       "use 0.0001 … 1000000"},
      {{"store", "mb", "gs://x", "--class", "COLD"},
       "--class: \"COLD\" is unknown",
       "use one of STANDARD, NEARLINE, COLDLINE, ARCHIVE"},
      {{"detect", "m.oko", "a.jpg", "--csv", ""}, "--csv: is empty", "name something or omit it"},
      {{"train", "x", "--epochs", "3", "--epochs", "4"},
       "--epochs: is given 2 times",
       "give it once"},
      {{"train", "x", "--check=maybe"}, "--check: takes no value", "omit \"=maybe\""},
      // Options that belong together or do not.
      {{"inspect", "yolov3-tiny", "--rounds", "3"},
       "--rounds: has no effect without --profile",
       "add --profile, or omit --rounds"},
      {{"export", "m.oko", "--to", "coreml", "--int8", "x", "--precision", "fp16"},
       "--precision: cannot be combined with --int8",
       "omit one of them"},
  };
  for (const Mistake& one : mistakes) {
    const Outcome outcome = oko_command(one.words);
    EXPECT_EQ(outcome.code, 2) << one.error;
    EXPECT_EQ(outcome.error, "oko: error: " + one.error + "\n  hint: " + one.hint + "\n");
  }
}

// Every option that takes a value, of every command, without one: never the parser's own words.
TEST(Usage, NoOptionIsAnsweredInTheWordsOfTheParser) {
  CLI::App app("", "oko");
  Context context;
  add_all_commands(app, context);
  int tried = 0;
  const std::function<void(const CLI::App&, const std::vector<std::string>&)> try_all =
      [&](const CLI::App& command, const std::vector<std::string>& path) {
        for (const CLI::Option* option : command.get_options()) {
          if (option->get_lnames().empty() || option->get_items_expected_max() == 0) continue;
          const std::string flag = "--" + option->get_lnames()[0];
          for (const std::string& word : {flag, flag + "="}) {
            std::vector<std::string> words = path;
            words.push_back(word);
            const Outcome outcome = oko_command(words);
            EXPECT_EQ(outcome.code, 2) << word;
            EXPECT_THAT(outcome.error, HasSubstr(flag + ": needs a value\n  hint: ")) << path[0];
            EXPECT_THAT(outcome.error, Not(HasSubstr("required"))) << path[0];
          }
          ++tried;
        }
        for (const CLI::App* inner :
             command.get_subcommands([](const CLI::App*) { return true; })) {
          std::vector<std::string> deeper = path;
          deeper.push_back(inner->get_name());
          try_all(*inner, deeper);
        }
      };
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    try_all(*command, {command->get_name()});
  }
  EXPECT_GT(tried, 100);
}

}  // namespace
}  // namespace oko::cli
