#include "oko/jobs/slurm/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/jobs/slurm/reasons.h"

// Outputs are those of Slurm 22.05.8, shortened where "…" would stand.
namespace oko::jobs::slurm {
namespace {

using ::testing::HasSubstr;

std::string job_line(const std::string& state, const std::string& reason, const std::string& exit,
                     const std::string& start = "Unknown") {
  return "JobId=12 JobName=raccoon UserId=root(0) GroupId=root(0) MCS_label=N/A "
         "Priority=4294901749 "
         "Nice=0 Account=(null) QOS=(null) JobState=" +
         state + " Reason=" + reason +
         " Dependency=(null) Requeue=1 Restarts=2 BatchFlag=1 Reboot=0 ExitCode=" + exit +
         " RunTime=00:00:00 TimeLimit=10:00:00 TimeMin=N/A SubmitTime=2026-11-29T20:22:26 "
         "EligibleTime=2026-11-29T20:22:26 AccrueTime=2026-11-29T20:22:26 StartTime=" +
         start +
         " EndTime=2026-11-30T16:22:26 Command=(null) WorkDir=/a JobState=COMPLETED "
         "StdErr=/tmp/o StdIn=/dev/null StdOut=/tmp/o Power= TresPerNode=gres:gpu:t4:1 \n";
}

Observation seen(const std::string& line) {
  const auto job = parse_scontrol(line);
  if (!job) throw std::runtime_error("not read: " + line);
  return observation_of(*job);
}

TEST(SlurmAnswers, SubmittedJobsHaveANumber) {
  EXPECT_EQ(parse_submitted("4711\n"), 4711);
  EXPECT_EQ(parse_submitted("4711;cluster\n"), 4711);
  EXPECT_EQ(parse_submitted("Welcome to the cluster!\n\n  4711\n"), 4711);
  for (const char* const text : {"", "\n", "-3\n", "12x\n", "99999999999999999999\n", ";\n"}) {
    EXPECT_EQ(parse_submitted(text), 0) << text;
  }
}

TEST(SlurmAnswers, AJobIsReadFromItsFirstFields) {
  const auto job = parse_scontrol(job_line("PENDING", "Resources", "130:0", "2026-11-30T06:22:26"));
  ASSERT_TRUE(job);
  EXPECT_EQ(job->state, "PENDING");  // not what the working directory pretends
  EXPECT_EQ(job->reason, "Resources");
  EXPECT_EQ(job->start, "2026-11-30T06:22:26");
  EXPECT_EQ(job->code, 130);
  EXPECT_EQ(job->restarts, 2);
}

TEST(SlurmAnswers, WhatIsNotAJobIsNotRead) {
  for (const char* const text :
       {"", "\n\n", "slurm_load_jobs error: Invalid job id specified\n", "JobId=1",
        "JobId=1 JobState= Reason=None\n", "JobState=RUNNING\n"}) {
    EXPECT_FALSE(parse_scontrol(text)) << text;
  }
}

TEST(SlurmAnswers, AccountingsLastLineCounts) {
  const auto job = parse_sacct("PREEMPTED|0:0\nCANCELLED by 1000|0:15\n");
  ASSERT_TRUE(job);
  EXPECT_EQ(job->state, "CANCELLED");
  EXPECT_EQ(job->signal, 15);
  EXPECT_FALSE(parse_sacct(""));
  EXPECT_FALSE(parse_sacct("Slurm accounting storage is disabled\n"));
}

TEST(SlurmAnswers, TimesAreMinutes) {
  const std::vector<std::pair<const char*, std::int64_t>> times = {
      {"infinite", 0},      {"UNLIMITED", 0},  {"90", 90},    {"30:00", 30},    {"10:00:00", 600},
      {"1-00:00:00", 1440}, {"2-12:30", 3630}, {"3-1", 4380}, {"0-00:05:00", 5}};
  for (const auto& [text, minutes] : times) EXPECT_EQ(parse_minutes(text), minutes) << text;
  for (const char* const text :
       {"", "n/a", "-", "1:2:3:4", "1-", "-5", "1e3", "99999999999999999999", "9999999-00:00:00"}) {
    EXPECT_FALSE(parse_minutes(text)) << text;
  }
}

TEST(SlurmAnswers, NodesAreReadWithTheirGpus) {
  const auto nodes = parse_sinfo(
      "gpu|up|2-00:00:00|12|gpu:a100:4(S:0,3),gpu:1g.5gb:2,mps:400\n"
      "old|down|infinite|3|gpu:2\n"
      "cpu|up|10:00:00|100|(null)\n"
      "broken|up|soon|1|\n"
      "\n|up|1|1|gpu\n");
  ASSERT_EQ(nodes.size(), 3U);
  EXPECT_EQ(nodes[0].partition, "gpu");
  EXPECT_TRUE(nodes[0].up);
  EXPECT_EQ(nodes[0].minutes, 2880);
  EXPECT_EQ(nodes[0].count, 12);
  ASSERT_EQ(nodes[0].gpus.size(), 2U);
  EXPECT_EQ(nodes[0].gpus[0].type, "a100");
  EXPECT_EQ(nodes[0].gpus[0].count, 4);
  EXPECT_EQ(nodes[0].gpus[1].type, "1g.5gb");
  EXPECT_FALSE(nodes[1].up);
  ASSERT_EQ(nodes[1].gpus.size(), 1U);
  EXPECT_EQ(nodes[1].gpus[0].type, "");
  EXPECT_EQ(nodes[1].gpus[0].count, 2);
  EXPECT_TRUE(nodes[2].gpus.empty());
}

TEST(SlurmAnswers, TheDefaultPartitionHasAStar) {
  EXPECT_EQ(parse_default_partition("high\nlow*\n"), "low");
  EXPECT_EQ(parse_default_partition("high\nlow\n"), "");
}

TEST(SlurmAnswers, ComplaintsAreOneLine) {
  EXPECT_EQ(
      complaint("sbatch: error: invalid partition specified: nope\n"
                "sbatch: error: Batch job submission failed: Invalid partition name specified\n"),
      "invalid partition specified: nope; Batch job submission failed: Invalid partition name "
      "specified");
  EXPECT_EQ(complaint("\x1b[31mred\n"), "?[31mred");
  EXPECT_LT(complaint(std::string(1 << 20, 'x')).size(), 2000U);
}

TEST(SlurmReasons, WaitingJobsSayWhy) {
  const Observation resources =
      seen(job_line("PENDING", "Resources", "0:0", "2026-11-30T06:22:26"));
  EXPECT_EQ(resources.phase, Observation::Phase::kQueued);
  EXPECT_EQ(resources.reason,
            "waits until enough nodes and GPUs are free (Resources); Slurm expects to start it at "
            "2026-11-30T06:22:26");
  EXPECT_EQ(resources.restarts, 2);

  const Observation limit = seen(job_line("PENDING", "PartitionTimeLimit", "0:0"));
  EXPECT_EQ(limit.reason, "it asks for more time than its partition allows (PartitionTimeLimit)");
  EXPECT_THAT(limit.hint, HasSubstr("--max-time"));

  const Observation down =
      seen(job_line("PENDING", "ReqNodeNotAvail,_UnavailableNodes:n[1-4]", "0:0"));
  EXPECT_THAT(down.reason, HasSubstr("down, drained or reserved"));
  EXPECT_THAT(down.reason, HasSubstr("n[1-4]"));
  EXPECT_THAT(seen(job_line("PENDING", "QOSMaxGRESPerUser", "0:0")).hint, HasSubstr("--qos"));
  EXPECT_THAT(seen(job_line("PENDING", "QOSGrpCpuLimit", "0:0")).reason,
              HasSubstr("limit of its QOS"));
  EXPECT_THAT(seen(job_line("PENDING", "AssocGrpGRES", "0:0")).hint, HasSubstr("--account"));
  EXPECT_EQ(seen(job_line("PENDING", "SomethingNew", "0:0")).reason, "waits (SomethingNew)");
  EXPECT_EQ(seen(job_line("PENDING", "None", "0:0")).reason, "");
}

TEST(SlurmReasons, EndedJobsSayWhyAndNeverThatTheySucceeded) {
  const auto ended = [](const std::string& state, const std::string& reason,
                        const std::string& exit) {
    Observation observation = seen(job_line(state, reason, exit));
    EXPECT_EQ(observation.phase, Observation::Phase::kEnded);
    return observation;
  };
  EXPECT_EQ(ended("COMPLETED", "None", "0:0").reason, "");
  EXPECT_EQ(ended("FAILED", "NonZeroExitCode", "3:0").reason, "it ended with code 3");
  // Slurm 22.05 accepts a GPU that no node has, and fails the job at once.
  EXPECT_EQ(ended("FAILED", "BadConstraints", "0:1").reason,
            "no node of its partition has what it asks for");
  EXPECT_THAT(ended("FAILED", "JobLaunchFailure", "0:53").hint, HasSubstr("--job-dir"));
  EXPECT_THAT(ended("FAILED", "RaisedSignal:53(Real-time_signal_19)", "0:53").hint,
              HasSubstr("--job-dir"));
  EXPECT_THAT(ended("OUT_OF_MEMORY", "OutOfMemory", "0:125").hint, HasSubstr("--memory"));
  EXPECT_EQ(ended("NODE_FAIL", "None", "0:0").reason, "one of its nodes failed");
  EXPECT_THAT(ended("TIMEOUT", "TimeLimit", "0:0").reason, HasSubstr("time limit"));
  EXPECT_THAT(ended("PREEMPTED", "None", "0:0").reason, HasSubstr("preempted"));
  EXPECT_EQ(ended("FAILED", "RaisedSignal:9(Killed)", "0:9").reason, "it was ended by signal 9");
}

TEST(SlurmReasons, RunningJobsRun) {
  for (const char* const state : {"RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED"}) {
    EXPECT_EQ(seen(job_line(state, "None", "0:0")).phase, Observation::Phase::kRunning) << state;
  }
  EXPECT_EQ(seen(job_line("REQUEUE_HOLD", "JobHeldUser", "0:0")).phase,
            Observation::Phase::kQueued);
}

}  // namespace
}  // namespace oko::jobs::slurm
