#include "oko/bench/adb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "oko/base/error.h"
#include "tests/bench/fake_phone.h"

namespace oko::bench {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

std::string failure_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

class BenchAdb : public ::testing::Test {
 protected:
  BenchAdb()
      : folder_(::testing::TempDir() + "oko_bench_adb_" +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()),
        phone_(folder_) {}

  // A program for the phone that is this shell script.
  std::string program(const std::string& script) const {
    const std::string file = folder_ + "/program";
    std::ofstream(file) << "#!/bin/sh\n" << script << "\n";
    return file;
  }
  std::string failure_of_program(const std::string& script) const {
    return failure_of([&] { measure(script); });
  }
  Result measure(const std::string& script) const {
    const std::string model = folder_ + "/model; touch $(pwned)";
    std::ofstream(model) << "a model";
    NoProgress progress;
    return measure_on(find_phone(""), program(script), model, {"--threads", "2"}, progress);
  }

  std::string folder_;
  FakePhone phone_;
};

TEST_F(BenchAdb, FindsTheOnlyPhone) {
  const Phone found = find_phone("");
  EXPECT_EQ(found.serial, "serial-1");
  EXPECT_EQ(found.abi, "x86_64");  // the first that there is a program for
  EXPECT_EQ(found.maker + found.model + found.android, "MakerModel 115");
}

TEST_F(BenchAdb, SaysWhatToDoIfNoPhoneIsReady) {
  const auto failure = [&](const std::string& devices, const std::string& wanted = {}) {
    phone_.devices("* daemon started successfully\nList of devices attached\n" + devices);
    return failure_of([&] { find_phone(wanted); });
  };
  EXPECT_THAT(failure(""), HasSubstr("no phone is connected"));
  EXPECT_THAT(failure("a\tdevice\nb\tdevice\n"), HasSubstr("a, b"));
  EXPECT_THAT(failure("a\tdevice\nb\tdevice\n"), HasSubstr("--serial"));
  EXPECT_EQ(failure("a\tdevice\nb\tdevice\n", "b"), "");
  EXPECT_THAT(failure("a\tunauthorized\n"), HasSubstr("allow USB debugging"));
  EXPECT_THAT(failure("a\toffline\r\n"), HasSubstr("not ready: offline"));
  EXPECT_THAT(failure("a\tdevice\n", "c"), HasSubstr("no phone c"));
  EXPECT_THAT(failure("\x1b[2J\tdevice\nb\tdevice\n"), Not(HasSubstr("\x1b")));
}

TEST_F(BenchAdb, GivesNoSerialNumberToAShell) {
  const std::string serial = "a;touch " + folder_ + "/pwned;$(touch " + folder_ + "/pwned)";
  phone_.devices("List of devices attached\n" + serial + "\tdevice\n");
  EXPECT_EQ(find_phone(serial).serial, serial);
  EXPECT_THAT(failure_of_program("exit 3"), HasSubstr("code 3"));
  EXPECT_FALSE(fs::exists(folder_ + "/pwned"));
  EXPECT_TRUE(phone_.clean());
}

TEST_F(BenchAdb, RefusesAProcessorThatThereIsNoProgramFor) {
  phone_.property("ro.product.cpu.abilist", "mips64,mips\n");
  EXPECT_THAT(failure_of([] { find_phone(""); }), HasSubstr("mips64"));
}

TEST_F(BenchAdb, SaysHowToGetAProgramForThePhone) {
  Phone phone = find_phone("");
  EXPECT_THAT(failure_of([&] { program_for(phone, ""); }), HasSubstr("build_bench.sh x86_64"));
  EXPECT_THAT(failure_of([&] { program_for(phone, program("")); }), HasSubstr("is not a program"));
  EXPECT_THAT(failure_of([&] { program_for(phone, "/nonexistent"); }), HasSubstr("/nonexistent"));
#if defined(__x86_64__)
  EXPECT_EQ(program_for(phone, "/proc/self/exe"), "/proc/self/exe");
  phone.abi = "arm64-v8a";
  EXPECT_THAT(failure_of([&] { program_for(phone, "/proc/self/exe"); }), HasSubstr("arm64-v8a"));
#endif
}

TEST_F(BenchAdb, ReadsWhatTheProgramPrintsAndLeavesNothing) {
  Result expected;
  expected.library = "0.1.0", expected.threads = 2, expected.rounds = 7;
  std::string printed = to_json(expected).dump();
  const Result found = measure(
      "[ \"$2 $3\" = '--threads 2' ] || exit 3\n[ -f \"$1\" ] || exit 4\n"
      "cat <<'END'\n" +
      printed + "\nEND");
  EXPECT_EQ(to_json(found), to_json(expected));
  EXPECT_TRUE(phone_.clean());
  EXPECT_THAT(phone_.log(), HasSubstr("[shell][rm][-rf][/data/local/tmp/oko-bench-"));
}

TEST_F(BenchAdb, SaysWhatTheProgramDidInstead) {
  EXPECT_THAT(failure_of_program("echo 'not for this phone' >&2; exit 126"),
              HasSubstr("ended with code 126 on the phone: not for this phone"));
  EXPECT_THAT(failure_of_program("kill -SEGV $$"), HasSubstr("ended with code"));
  EXPECT_THAT(failure_of_program("echo garbage"), HasSubstr("oko-bench"));
  EXPECT_THAT(failure_of_program("echo '{\"error\": {\"message\": \"no heads\"}}'; exit 1"),
              HasSubstr("no heads"));
  EXPECT_THAT(failure_of_program("yes"), HasSubstr("1 MiB"));
  EXPECT_TRUE(phone_.clean());
}

TEST_F(BenchAdb, GivesNoOtherWordsToThePhonesShell) {
  NoProgress progress;
  for (const char* word : {"$(reboot)", "a b", ";", "", "'", "\n", "*"}) {
    EXPECT_THAT(failure_of([&] {
                  measure_on(find_phone(""), program("exit 3"), folder_ + "/log", {word}, progress);
                }),
                HasSubstr("shell"));
  }
  EXPECT_TRUE(phone_.clean());
}

// A program that runs until it is removed.
TEST_F(BenchAdb, LeavesNothingIfItIsStopped) {
  const std::string started = folder_ + "/started";
  const std::string script =
      program("touch " + started + "\nwhile [ -e \"$0\" ]; do sleep .1; done");
  NoProgress progress;
  try {
    measure_on(find_phone(""), script, script, {}, progress, [&] { return fs::exists(started); });
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInterrupted);
  }
  EXPECT_TRUE(phone_.clean());
  EXPECT_THAT(phone_.log(), HasSubstr("[shell][rm][-rf][/data/local/tmp/oko-bench-"));
}

TEST_F(BenchAdb, LeavesNothingIfItIsStoppedWhileItCopies) {
  const std::string model = program("exit 3");
  NoProgress progress;
  EXPECT_THAT(failure_of([&] {
                measure_on(find_phone(""), model, model, {}, progress,
                           [&] { return phone_.log().find("[push]") != std::string::npos; });
              }),
              HasSubstr("interrupted"));
  EXPECT_TRUE(phone_.clean());
}

TEST_F(BenchAdb, SaysThatAdbIsMissing) {
  setenv("PATH", "/nonexistent", 1);
  EXPECT_THAT(failure_of([] { find_phone(""); }), HasSubstr("there is no program adb"));
}

}  // namespace
}  // namespace oko::bench
