#include "oko/base/command.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>

#include "oko/base/error.h"

namespace oko {
namespace {

TEST(RunCommand, PassesInputAndOutputOfAnySize) {
  const std::string block(100000, 'x');
  int pieces = 50;
  std::size_t received = 0;
  Command command{{"cat"}, {}, {}, 0};
  command.input = [&] { return pieces-- > 0 ? std::string_view(block) : std::string_view(); };
  command.output = [&](std::string_view piece) { received += piece.size(); };
  EXPECT_EQ(run_command(command).code, 0);
  EXPECT_EQ(received, 50 * block.size());
}

TEST(RunCommand, ReportsHowItEnded) {
  EXPECT_EQ(run_command({{"sh", "-c", "echo why >&2; exit 3"}, {}, {}, 0}).code, 3);
  EXPECT_EQ(run_command({{"sh", "-c", "echo why >&2; exit 3"}, {}, {}, 0}).errors, "why\n");
  EXPECT_EQ(run_command({{"sh", "-c", "kill -9 $$"}, {}, {}, 0}).code, 128 + 9);
  const CommandResult none = run_command({{"oko-no-such-program"}, {}, {}, 0});
  EXPECT_EQ(none.code, 127);
  EXPECT_EQ(none.errors, "oko-no-such-program: not found");
}

TEST(RunCommand, KeepsTheEndOfLongErrors) {
  const CommandResult result = run_command(
      {{"sh", "-c", "head -c 100000 /dev/zero | tr '\\0' e >&2; echo last >&2"}, {}, {}, 0});
  EXPECT_EQ(result.errors.size(), std::size_t{16} << 10);
  EXPECT_TRUE(result.errors.ends_with("e\nlast\n") || result.errors.ends_with("elast\n"));
}

TEST(RunCommand, SurvivesAProgramThatDoesNotReadItsInput) {
  const std::string block(1000000, 'x');
  Command command{{"true"}, {}, {}, 0};
  int pieces = 50;
  command.input = [&] { return pieces-- > 0 ? std::string_view(block) : std::string_view(); };
  EXPECT_EQ(run_command(command).code, 0);
}

TEST(RunCommand, DoesNotWaitForProcessesThatStay) {
  const auto begin = std::chrono::steady_clock::now();
  std::string output;
  const CommandResult result = run_command({{"sh", "-c", "sleep 20 & echo $!"},
                                            {},
                                            [&](std::string_view piece) { output += piece; },
                                            0});
  EXPECT_EQ(result.code, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  run_command({{"kill", output.substr(0, output.find('\n'))}, {}, {}, 0});
}

TEST(RunCommand, IsNotReachedByTheInterruptOfATerminal) {
  std::string output;
  Command command{{"sh", "-c", "echo $$; cut -d ' ' -f 5 /proc/$$/stat"}, {}, {}, 0};
  command.output = [&](std::string_view piece) { output += piece; };
  run_command(command);
  const auto line = output.find('\n');
  EXPECT_EQ(output.substr(line + 1), output.substr(0, line + 1)) << "not the leader of its group";
}

TEST(RunCommand, KillsAProgramThatStalls) {
  const CommandResult result = run_command({{"sleep", "60"}, {}, {}, 0.3});
  EXPECT_TRUE(result.stalled);
  EXPECT_EQ(result.code, 128 + 9);
}

TEST(RunCommand, KillsTheProgramIfAFunctionThrows) {
  Command command{{"yes"}, {}, {}, 0};
  command.output = [](std::string_view) { throw std::runtime_error("enough"); };
  EXPECT_THROW(run_command(command), std::runtime_error);
}

TEST(RunCommand, KillsTheProgramIfItIsToStop) {
  std::string output;
  Command command;
  command.words = {"sh", "-c", "echo $$; exec sleep 60"};
  command.output = [&](std::string_view piece) { output += piece; };
  command.stop = [&] { return output.ends_with('\n'); };
  try {
    run_command(command);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInterrupted);
  }
  EXPECT_EQ(::kill(std::stoi(output), 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(RunCommand, MayHaveMoreInItsEnvironment) {
  ::setenv("OKO_COMMAND_TEST", "old", 1);
  std::string output;
  Command command;
  command.words = {"sh", "-c", "echo $OKO_COMMAND_TEST $OKO_COMMAND_TEST_2 ${PATH:+path}"};
  command.output = [&](std::string_view piece) { output += piece; };
  command.environment = {{"OKO_COMMAND_TEST", "new"}, {"OKO_COMMAND_TEST_2", "too"}};
  run_command(command);
  EXPECT_EQ(output, "new too path\n");
  ::unsetenv("OKO_COMMAND_TEST");
}

}  // namespace
}  // namespace oko
