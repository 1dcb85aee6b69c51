// The small parts that back ends share: quoting, process identities, placement, durations.
#include <unistd.h>

#include <map>

#include "oko/base/error.h"
#include "oko/jobs/child.h"
#include "oko/jobs/duration.h"
#include "oko/jobs/placement.h"
#include "oko/jobs/process.h"
#include "oko/jobs/shell.h"
#include "oko/jobs/test_jobs.h"

namespace oko::jobs {
namespace {

std::string output_of(const std::string& command) {
  Child child({"/bin/sh", {"-c", command}, {}, {}, {}});
  std::string output;
  while (!child.ended()) output += child.read(20);
  for (std::string rest = child.read(0); !rest.empty(); rest = child.read(0)) output += rest;
  return output;
}

TEST(ShellWord, IsTheSameTextAfterAShellHasReadIt) {
  for (const std::string text :
       {"plain", "",   " ",  "it's",      "$(id)", "`id`", "a\nb",
        "\\",    "\"", "!x", "*",         "~",     "-n",   "a;b",
        "фото",  "'",  "''", "--x=$HOME", "#",     "\t",   "a'b'c\"d$e`f\\"}) {
    EXPECT_EQ(output_of("printf '[%s]' " + shell_word(text)), "[" + text + "]");
  }
  EXPECT_EQ(shell_command({"train", "my photos"}), "train 'my photos'");
}

TEST(ProcessIdentityTest, IsReadWhateverTheProcessIsCalled) {
  const std::string rest = " S 1 4 5 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 987654 11 12\n";
  const auto parsed = parse_process("47 (a) b) (c" + std::string(")") + rest, "boot-id\n");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->id, 47);
  EXPECT_EQ(parsed->started, 987654U);
  EXPECT_EQ(parsed->boot, "boot-id");
  EXPECT_FALSE(parse_process("47 (x) Z 1 4 5 0 -1 4 1 2 3 4 5 6 7 8 20 0 1 0 9 1", "b"));
  for (const char* wrong : {"", "47", "47 (x", "47 (x) S", "x (x) S 1 2 3", ") S 1"}) {
    EXPECT_FALSE(parse_process(wrong, "b")) << wrong;
  }
}

TEST(ProcessIdentityTest, OfThisProcessIsAliveAndOfAnEndedOneIsNot) {
  const auto self = process_on_this_machine(::getpid());
  ASSERT_TRUE(self);
  EXPECT_TRUE(is_alive(*self));
  EXPECT_EQ(process_from_json(to_json(*self), "x"), *self);
  ProcessIdentity later = *self;
  ++later.started;  // the number was given to another process
  EXPECT_FALSE(is_alive(later));
  Child child({"/bin/true", {}, {}, {}, {}});
  const auto other = process_on_this_machine(child.id());
  while (!child.ended()) child.read(10);
  EXPECT_FALSE(other && is_alive(*other));
}

TEST(ChildTest, ThatCannotStartIsAnError) {
  EXPECT_THROW(Child({"/no/such/program", {}, {}, {}, {}}), Error);
  EXPECT_THROW(Child({"/bin/true", {}, {}, {}, "/no/such/folder"}), Error);
}

Placement placed(const std::map<std::string, std::string>& variables) {
  return placement_of([&](const char* name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(PlacementTest, IsReadFromEveryLauncher) {
  EXPECT_EQ(placed({}).size, 1);
  Placement p =
      placed({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}, {"LOCAL_RANK", "1"}});
  EXPECT_EQ(p.rank, 1);
  EXPECT_EQ(p.size, 2);
  EXPECT_EQ(p.local_rank, 1);
  EXPECT_EQ(p.master_address, "a");
  EXPECT_EQ(p.master_port, 29500);
  p = placed(
      {{"SLURM_PROCID", "3"}, {"SLURM_NTASKS", "4"}, {"MASTER_ADDR", "n1"}, {"MASTER_PORT", "5"}});
  EXPECT_EQ(p.rank, 3);
  EXPECT_EQ(p.master_port, 5);
  p = placed({{"JOB_COMPLETION_INDEX", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "x-0.x"}});
  EXPECT_EQ(p.size, 2);
  p = placed({{"CLUSTER_SPEC",
               R"({"cluster": {"workerpool0": ["host-a:2222"], "workerpool1": ["b:2222", "c:2222"]},
                   "environment": "cloud", "task": {"type": "workerpool1", "index": 1}})"}});
  EXPECT_EQ(p.rank, 2);
  EXPECT_EQ(p.size, 3);
  EXPECT_EQ(p.master_address, "host-a");
  p = placed({{"CLUSTER_SPEC", R"({"cluster": {"workerpool0": ["host-a:2222"]},
                                  "task": {"type": "workerpool0", "index": 0}})"}});
  EXPECT_EQ(p.size, 1);
  EXPECT_EQ(p.master_address, "");
}

TEST(PlacementTest, NonsenseIsRefused) {
  EXPECT_THROW(placed({{"RANK", "2"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}}), Error);
  EXPECT_THROW(placed({{"RANK", "0"}}), Error);
  EXPECT_THROW(placed({{"RANK", "x"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}}), Error);
  EXPECT_THROW(placed({{"RANK", "0"}, {"WORLD_SIZE", "2"}}), Error);
  EXPECT_THROW(placed({{"RANK", "0"}, {"WORLD_SIZE", "99999999999"}}), Error);
  EXPECT_THROW(placed({{"CLUSTER_SPEC", "{"}}), Error);
  EXPECT_THROW(placed({{"CLUSTER_SPEC", R"({"cluster": [], "task": {"type": "x", "index": 0}})"}}),
               Error);
  EXPECT_THROW(placed({{"CLUSTER_SPEC", R"({"cluster": {"workerpool0": ["a:1"]},
                                           "task": {"type": "workerpool0", "index": 1}})"}}),
               Error);
}

TEST(Duration, IsWrittenInTheUnitsOfItsSize) {
  for (const auto& [seconds, text] :
       std::vector<std::pair<double, const char*>>{{0, "0 s"},
                                                   {2.46, "2.5 s"},
                                                   {9.96, "10 s"},
                                                   {20, "20 s"},
                                                   {59.6, "1 min"},
                                                   {90, "1 min 30 s"},
                                                   {600, "10 min"},
                                                   {3661, "61 min"},
                                                   {3600, "1 h"},
                                                   {5400, "90 min"},
                                                   {8 * 3600, "8 h"},
                                                   {26.25 * 3600, "26 h 15 min"},
                                                   {72 * 3600, "3 d"},
                                                   {76 * 3600, "3 d 4 h"},
                                                   {1e300, "11574074 d 2 h"}}) {
    EXPECT_EQ(duration_text(seconds), text);
  }
  EXPECT_EQ(age_text(119), "119 s");
  EXPECT_EQ(age_text(3600), "60 min");
  EXPECT_EQ(age_text(7300), "2 h");
  EXPECT_EQ(age_text(-5), "0 s");
  EXPECT_EQ(age_text(3 * 86400), "3 d");
}

TEST(Duration, NeedsAUnit) {
  EXPECT_DOUBLE_EQ(parse_hours("90m", "x"), 1.5);
  EXPECT_DOUBLE_EQ(parse_hours("1h30m", "x"), 1.5);
  EXPECT_DOUBLE_EQ(parse_hours("3600s", "x"), 1);
  EXPECT_DOUBLE_EQ(parse_hours("1.5d", "x"), 36);
  for (const char* wrong : {"", "5", "h", "-1h", "1h5", "nan", "infh", "0s", "1e9h", "1 h"}) {
    EXPECT_THROW(parse_hours(wrong, "--max-time"), Error) << wrong;
  }
}

}  // namespace
}  // namespace oko::jobs
