// oko inspect --profile.
#include "oko/runtime/profile/profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "oko/base/error.h"
#include "oko/cli/cli.h"
#include "oko/graph/builtin.h"
#include "oko/graph/synthetic.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::cli {
namespace {

using ::testing::HasSubstr;

int lines_of(const std::string& text) {
  return 1 + static_cast<int>(std::count(text.begin(), text.end(), '\n'));
}

// The command itself.
class InspectProfile : public ::testing::Test {
 protected:
  // Runs `oko inspect words…`; the result is what it printed, or "exit N: error".
  static std::string inspect(std::vector<std::string> words) {
    words.insert(words.begin(), {"oko", "inspect"});
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    const int code = run_oko(static_cast<int>(argv.size()), argv.data(), add_all_commands);
    const std::string out = ::testing::internal::GetCapturedStdout();
    const std::string error = ::testing::internal::GetCapturedStderr();
    return code == 0 ? out : "exit " + std::to_string(code) + ": " + error;
  }
  static std::vector<std::string> profile_words(std::vector<std::string> more) {
    more.insert(more.begin(),
                {"yolov3-tiny", "--size", "64", "--profile", "--rounds", "1", "--threads", "1"});
    return more;
  }
};

TEST_F(InspectProfile, TableHasALineForEachStep) {
  const std::string text = inspect(profile_words({}));
  graph::Network network = graph::make_builtin("yolov3-tiny", {.width = 64, .height = 64});
  graph::fill_synthetic_weights(network);
  const auto plan = runtime::make_plan(network, {});
  const std::string table = text.substr(0, text.find("\n\n"));
  EXPECT_EQ(lines_of(table), static_cast<int>(plan.steps.size()) + 1);
  EXPECT_THAT(table, HasSubstr("0+1    conv 3x3 gemm + pool"));
  EXPECT_THAT(text, HasSubstr("no weights: timed with random ones"));
  EXPECT_THAT(text, HasSubstr("Winograd needs fewer multiplications"));
  EXPECT_THAT(text, HasSubstr("packed weights"));
}

TEST_F(InspectProfile, JsonHoldsTheSame) {
  const Json document =
      parse_json(inspect(profile_words({"--json", "--precision", "int8"})), "out");
  EXPECT_FALSE(document["has_weights"].get<bool>());
  EXPECT_EQ(document["layers"].size(), 24U);
  const Json& profile = document["profile"];
  EXPECT_TRUE(profile["made_up_weights"].get<bool>());
  EXPECT_EQ(profile["precision"], "int8");
  EXPECT_EQ(profile["threads"], 1);
  double shares = 0;
  for (const Json& step : profile["steps"]) {
    shares += step["share"].get<double>();
    EXPECT_EQ(step["flop"].get<double>() > 0, step["flop_per_second"].is_number());
  }
  EXPECT_NEAR(shares, 1, 1e-9);
  EXPECT_EQ(profile["steps"].back()["step"], "head");
}

TEST_F(InspectProfile, RunsOnAGivenImage) {
  const std::string file = ::testing::TempDir() + "oko_inspect_profile.png";
  media::save({{32, 32}, std::vector<std::uint8_t>(32 * 32 * 3)}, file);
  EXPECT_THAT(inspect(profile_words({"--picture", file})), HasSubstr("fastest"));
  std::filesystem::remove(file);
  EXPECT_THAT(inspect(profile_words({"--picture", file})), HasSubstr("exit 3: "));
}

TEST_F(InspectProfile, FlagsThatDoNotApplyAreRejected) {
  EXPECT_THAT(inspect({"yolov3-tiny", "--threads", "1"}), HasSubstr("exit 2: "));
  EXPECT_THAT(inspect({"yolov3-tiny", "--precision", "int8"}), HasSubstr("--profile"));
  EXPECT_THAT(inspect({"yolov3-tiny", "--picture", "a.png"}), HasSubstr("exit 2: "));
  EXPECT_THAT(inspect(profile_words({"--dot", "-"})), HasSubstr("exit 2: "));
  EXPECT_THAT(inspect(profile_words({"--target", "abacus"})), HasSubstr("exit 2: "));
  EXPECT_THAT(inspect(profile_words({"--precision", "int4"})), HasSubstr("exit 2: "));
}

}  // namespace
}  // namespace oko::cli
