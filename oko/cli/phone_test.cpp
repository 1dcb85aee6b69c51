#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/json.h"
#include "oko/cli/test_command.h"
#include "oko/cli/test_model.h"

namespace oko::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

// A page as `oko phone` needs it. The servers end after a second.
class PhoneCommand : public WithModel {
 protected:
  void SetUp() override {
    WithModel::SetUp();
    storage::write(file("page/index.html"), std::string_view("<head></head>"));
    storage::write(file("page/phone.js"), std::string_view("1"));
  }

  Outcome phone(std::vector<std::string> options) const {
    std::vector<std::string> words = {"phone", file("net.cfg"), "--page", file("page"), "--for",
                                      "1s",    "--port",        "0"};
    words.insert(words.end(), options.begin(), options.end());
    return oko_command(words);
  }
  std::vector<std::string> model() const {
    return {"--weights", file("net.weights"), "--names", file("two.names"), "--keep", file("kept")};
  }
  Outcome with_model(const std::vector<std::string>& options = {}) const {
    std::vector<std::string> words = model();
    words.insert(words.end(), options.begin(), options.end());
    return phone(words);
  }
};

TEST_F(PhoneCommand, ServesThisMachineOnlyAndEnds) {
  const Outcome outcome = with_model();
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_THAT(outcome.out, HasSubstr("https://127.0.0.1:"));
  EXPECT_THAT(outcome.out, HasSubstr("Only this machine can open it; --lan"));
  EXPECT_THAT(outcome.out, HasSubstr("Ended: the time is over."));
  EXPECT_THAT(outcome.out, Not(HasSubstr("\x1b")));  // no terminal, so no QR code
  EXPECT_FALSE(storage::exists(file("kept")));
}

TEST_F(PhoneCommand, EndsWithoutAPhone) {
  const Outcome outcome =
      oko_command({"phone", file("net.cfg"), "--weights", file("net.weights"), "--page",
                   file("page"), "--port", "0", "--idle", "1s", "--keep", file("kept")});
  EXPECT_THAT(outcome.out, HasSubstr("Ended: no phone for 1 s."));
}

TEST_F(PhoneCommand, TellsProgramsWhatTheyNeed) {
  std::vector<std::string> words = model();
  words.insert(words.begin(), "--json");
  const Outcome outcome = phone(words);
  const Json document = parse_json(outcome.out, "output");
  EXPECT_THAT(document["link"].get<std::string>(),
              MatchesRegex("https://127\\.0\\.0\\.1:[0-9]+/[A-Z2-7]{26}/"));
  EXPECT_THAT(document["fingerprint"].get<std::string>(), MatchesRegex("([0-9A-F]{2}:){31}.."));
  EXPECT_EQ(document["keep"], file("kept"));
  EXPECT_EQ(document["seconds"], 1);
  EXPECT_EQ(document["idle_seconds"], 600);
}

TEST_F(PhoneCommand, KeepsFramesInTheRunsFolder) {
  ASSERT_EQ(oko_command({"import", file("net.cfg"), file("net.weights"), "--names",
                         file("two.names"), "-o", file("run/model.oko")})
                .code,
            0);
  storage::write(file("run/log.jsonl"), std::string_view(""));
  const Outcome outcome =
      oko_command({"--json", "phone", file("run"), "--page", file("page"), "--for", "1s"});
  ASSERT_EQ(outcome.code, 0) << outcome.error;
  EXPECT_EQ(parse_json(outcome.out, "output")["keep"], file("run/kept"));
}

TEST_F(PhoneCommand, RefusesWhatNoPhoneCanUse) {
  EXPECT_THAT(phone({}).error, HasSubstr("has no weights"));
  std::string cfg = kCfg;
  cfg.resize(cfg.find("[yolo]"));
  storage::write(file("headless.cfg"), cfg);
  EXPECT_THAT(oko_command({"phone", file("headless.cfg"), "--weights", file("net.weights"),
                           "--page", file("page")})
                  .error,
              HasSubstr("has no detection heads"));
}

TEST_F(PhoneCommand, SaysHowToBuildAMissingPage) {
  std::filesystem::remove_all(file("page"));
  const Outcome outcome = with_model();
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.error, HasSubstr("scripts/build_web.sh"));
}

TEST_F(PhoneCommand, RefusesOptionsThatMakeNoSense) {
  for (const std::vector<std::string>& options :
       std::vector<std::vector<std::string>>{{"--for", "30"},
                                             {"--for", "0m"},
                                             {"--idle", "x"},
                                             {"--lan", "--address", "127.0.0.1"},
                                             {"--address", "0.0.0.0"},
                                             {"--address", "localhost"},
                                             {"--size", "0"}}) {
    const Outcome outcome = with_model(options);
    EXPECT_EQ(outcome.code, 2) << options.front() << " " << outcome.error;
  }
}

TEST_F(PhoneCommand, RefusesAKeyOfAModelThatIsNotSealed) {
  EXPECT_THAT(with_model({"--signer", "RWQ"}).error, HasSubstr("is not a sealed model"));
}

}  // namespace
}  // namespace oko::cli
