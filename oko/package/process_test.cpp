#include "oko/package/process.h"

#include <gtest/gtest.h>

#include "oko/base/error.h"

namespace oko::package {
namespace {

ProcessResult shell(const std::string& script, const std::string& input = {}) {
  return run_process({.words = {"sh", "-c", script},
                      .environment = {"OKO_TEST_WORD=found"},
                      .input = input,
                      .most_output = 10 << 20,
                      .timeout = std::chrono::seconds(20)});
}

TEST(Process, PassesInputOutputAndExitCode) {
  const std::string input(3'000'000, 'x');
  const ProcessResult result = shell("cat; exit 3", input);
  EXPECT_TRUE(result.output == input);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(shell("echo $OKO_TEST_WORD").output, "found\n");
  EXPECT_EQ(shell("kill -9 $$").exit_code, 128 + 9);
}

TEST(Process, MayIgnoreItsInput) {
  EXPECT_EQ(shell("exec <&-; echo done", std::string(3'000'000, 'x')).output, "done\n");
}

TEST(Process, IsKilledWhenItPrintsTooMuchOrTakesTooLong) {
  EXPECT_THROW(run_process({.words = {"yes"}, .environment = {}, .input = {}}), Error);
  EXPECT_THROW(run_process({.words = {"sleep", "30"},
                            .environment = {},
                            .input = {},
                            .timeout = std::chrono::seconds(1)}),
               Error);
}

TEST(Process, NamesAMissingProgram) {
  try {
    run_process({.words = {"no-such-program-of-oko"}, .environment = {}, .input = {}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.place(), "no-such-program-of-oko");
  }
}

}  // namespace
}  // namespace oko::package
