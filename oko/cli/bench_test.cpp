#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/base/simd.h"
#include "oko/cli/test_command.h"
#include "oko/cli/test_model.h"
#include "tests/bench/fake_phone.h"

namespace oko::cli {
namespace {

using ::testing::HasSubstr;

class Bench : public WithModel {
 protected:
  Outcome bench(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {
        "bench", file("net.cfg"), "--weights", file("net.weights"), "--rounds",
        "3",     "--frame",       "64x48"};
    words.insert(words.end(), more.begin(), more.end());
    return oko_command(words);
  }
};

TEST_F(Bench, TimesAModelHere) {
  const Outcome run = bench({"--json", "--threads", "2", "--precision", "fp16"});
  ASSERT_EQ(run.code, 0) << run.error;
  const Json document = parse_json(run.out, "out");
  EXPECT_EQ(document["format"], "oko-bench");
  EXPECT_EQ(document["target"], name_of(best_simd_target()));
  EXPECT_EQ(document["precision"], "fp16");
  EXPECT_EQ(document["threads"], 2);
  EXPECT_EQ(document["rounds"], 3);
  EXPECT_EQ(document["model"]["width"], 32);
  EXPECT_EQ(document["model"]["classes"], 2);
  EXPECT_EQ(document["frame"]["width"], 64);
  EXPECT_GT(document["ms"]["network"]["fastest"], 0.);
  EXPECT_LE(document["ms"]["total"]["fastest"], document["ms"]["total"]["p90"]);
  EXPECT_GT(document["bytes"]["peak"], 0);
}

TEST(BenchFrame, NamesTheOptionThatIsWrong) {
  const Outcome run = oko_command({"bench", "model.oko", "--frame", "0x10"});
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.error, HasSubstr("--frame: \"0x10\" is not a size"));
}

TEST_F(Bench, TakesAnotherSizeAndTarget) {
  const Outcome run = bench({"--json", "--size", "64x32", "--target", "scalar"});
  ASSERT_EQ(run.code, 0) << run.error;
  const Json document = parse_json(run.out, "out");
  EXPECT_EQ(document["model"]["width"], 64);
  EXPECT_EQ(document["target"], "scalar");
}

TEST_F(Bench, PrintsATable) {
  const Outcome run = bench({});
  ASSERT_EQ(run.code, 0) << run.error;
  for (const char* word : {"prepare", "network", "decode", "median ms", "64x48", "1 thread"}) {
    EXPECT_THAT(run.out, HasSubstr(word));
  }
}

TEST_F(Bench, RefusesWhatThisMachineOrModelCannotDo) {
  const Outcome target = bench({"--target", "wasm"});
  EXPECT_EQ(target.code, 3);
  EXPECT_THAT(target.error, HasSubstr("wasm"));
  EXPECT_EQ(bench({"--precision", "int8"}).code, 3);  // it is not quantized
  EXPECT_EQ(bench({"--frame", "0x4"}).code, 2);
  EXPECT_EQ(bench({"--serial", "a"}).code, 2);  // without --adb
  const Outcome sealed = bench({"--adb", "--key", "x"});
  EXPECT_NE(sealed.code, 0);
}

TEST_F(Bench, MeasuresOnAPhone) {
  const bench::FakePhone phone(file("fake"));
  const Outcome run = bench({"--adb", "--program", OKO_BENCH_PROGRAM, "--threads", "2", "--json"});
  ASSERT_EQ(run.code, 0) << run.error << phone.log();
  const Json document = parse_json(run.out, "out");
  EXPECT_EQ(document["threads"], 2);
  EXPECT_EQ(document["rounds"], 3);
  EXPECT_EQ(document["model"]["classes"], 2);
  EXPECT_EQ(document["phone"]["model"], "Model 1");
  EXPECT_EQ(run.out.find("serial-1"), std::string::npos);
  EXPECT_TRUE(phone.clean());
}

TEST_F(Bench, PassesOnWhatTheProgramOnThePhoneSays) {
  const bench::FakePhone phone(file("fake"));
  const Outcome run = bench({"--adb", "--program", OKO_BENCH_PROGRAM, "--target", "wasm"});
  EXPECT_EQ(run.code, 3);
  EXPECT_THAT(run.error, HasSubstr("wasm"));
  EXPECT_TRUE(phone.clean());
}

// What runs the program on the phone sends the signal, as ^C does, and then waits to be removed.
TEST_F(Bench, RemovesWhatItCopiedIfItIsInterrupted) {
  const bench::FakePhone phone(file("fake"));
  std::ofstream(file("emulator")) << "kill -INT " << getpid() << R"(
for i in $(seq 100); do [ ! -e "$1" ] || sleep .1; done
[ ! -e "$1" ] || touch ")" << file("late")
                                  << "\"\n";
  setenv("FAKE_ADB_RUN", ("sh " + file("emulator")).c_str(), 1);
  const Outcome run = bench({"--adb", "--program", OKO_BENCH_PROGRAM});
  unsetenv("FAKE_ADB_RUN");
  EXPECT_EQ(run.code, static_cast<int>(ErrorCode::kInterrupted)) << run.error;
  EXPECT_TRUE(phone.clean());
  EXPECT_FALSE(std::filesystem::exists(file("late")));
}

TEST_F(Bench, DoesNotCopyASealedModelInTheClear) {
  const bench::FakePhone phone(file("fake"));
  const Outcome run = bench({"--adb", "--program", OKO_BENCH_PROGRAM, "--key", "x"});
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.error, HasSubstr("in the clear"));
}

}  // namespace
}  // namespace oko::cli
