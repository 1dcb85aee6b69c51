#include "oko/jobs/kubernetes/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace oko::jobs::kubernetes {
namespace {

using ::testing::HasSubstr;
using Phase = Observation::Phase;

Json pod(const std::string& phase, Json status = Json::object()) {
  status["phase"] = phase;
  return {{"metadata", {{"name", "x-1"}, {"uid", "p"}}},
          {"spec", {{"containers", {{{"name", "oko"}, {"image", "reg/oko:1"}}}}}},
          {"status", std::move(status)}};
}

Json with_state(const char* kind, Json state) {
  return {{"containerStatuses", {{{"name", "oko"}, {"state", {{kind, std::move(state)}}}}}}};
}

Json conditions(const std::string& type, const std::string& status, const std::string& reason,
                const std::string& message) {
  return {{"conditions",
           {{{"type", type}, {"status", status}, {"reason", reason}, {"message", message}}}}};
}

Json event(const std::string& uid, const std::string& reason, const std::string& message) {
  return {{"involvedObject", {{"uid", uid}}},
          {"reason", reason},
          {"message", message},
          {"lastTimestamp", "2026-11-29T20:00:00Z"}};
}

Json job(Json status = Json::object()) {
  return {{"metadata", {{"uid", "j"}}}, {"status", std::move(status)}};
}

TEST(Findings, RunningPodsRun) {
  const Observation seen = observation_of({job({{"failed", 2}}), {pod("Running")}, {}, {}});
  EXPECT_EQ(seen.phase, Phase::kRunning);
  EXPECT_EQ(seen.restarts, 2);
  EXPECT_EQ(seen.reason, "");
}

TEST(Findings, AGpuThatNoNodeHasIsNamedWithThoseThatAreThere) {
  Json waiting = pod("Pending", conditions("PodScheduled", "False", "Unschedulable",
                                           "0/3 nodes are available: 3 node(s) didn't match Pod's "
                                           "node affinity/selector."));
  waiting["spec"]["nodeSelector"] = {{"cloud.google.com/gke-accelerator", "nvidia-l4"}};
  const Json t4 = {
      {"metadata", {{"labels", {{"cloud.google.com/gke-accelerator", "nvidia-tesla-t4"}}}}},
      {"status", {{"allocatable", {{"nvidia.com/gpu", "1"}}}}}};
  const Json plain = {{"status", {{"allocatable", {{"cpu", "2"}}}}}};
  const Observation seen = observation_of({job(), {waiting}, {}, std::vector<Json>{t4, t4, plain}});
  EXPECT_EQ(seen.phase, Phase::kQueued);
  EXPECT_THAT(seen.reason, HasSubstr("2 with nvidia-tesla-t4 (1 each), 1 without GPUs"));
  EXPECT_THAT(seen.hint, HasSubstr("cloud.google.com/gke-accelerator=nvidia-l4"));
  EXPECT_TRUE(waits_for_a_node({waiting}));
}

TEST(Findings, AnImageThatCannotBePulledIsNamed) {
  const Json waiting =
      pod("Pending",
          with_state("waiting", {{"reason", "ImagePullBackOff"}, {"message", "Back-off pulling"}}));
  const Observation seen = observation_of(
      {job(), {waiting}, {event("p", "Failed", "Failed to pull image: not found")}, {}});
  EXPECT_EQ(seen.phase, Phase::kQueued);
  EXPECT_THAT(seen.reason, HasSubstr("reg/oko:1"));
  EXPECT_THAT(seen.reason, HasSubstr("not found"));
  EXPECT_THAT(seen.hint, HasSubstr("--pull-secret"));
}

TEST(Findings, MissingSecretsAndVolumesAreNamed) {
  const Json config =
      pod("Pending", with_state("waiting", {{"reason", "CreateContainerConfigError"},
                                            {"message", "secret \"k\" not found"}}));
  EXPECT_THAT(observation_of({job(), {config}, {}, {}}).hint, HasSubstr("kubectl create secret"));
  const Json creating = pod("Pending", with_state("waiting", {{"reason", "ContainerCreating"}}));
  EXPECT_THAT(
      observation_of({job(), {creating}, {event("p", "FailedMount", "timed out")}, {}}).reason,
      HasSubstr("volume cannot be mounted: timed out"));
  EXPECT_THAT(observation_of({job(), {creating}, {event("q", "FailedMount", "x")}, {}}).reason,
              HasSubstr("starting"));  // another pod's event
}

TEST(Findings, AQuotaThatRefusesPodsIsTold) {
  const Observation seen =
      observation_of({job(),
                      {},
                      {event("j", "FailedCreate", "pods \"x\" is forbidden: exceeded quota: gpus")},
                      {}});
  EXPECT_EQ(seen.phase, Phase::kQueued);
  EXPECT_THAT(seen.reason, HasSubstr("quota"));
}

TEST(Findings, OnlyConditionsEndAJob) {
  const Json oom =
      pod("Failed", with_state("terminated", {{"reason", "OOMKilled"}, {"exitCode", 137}}));
  EXPECT_EQ(observation_of({job(), {oom}, {}, {}}).phase, Phase::kQueued);
  const Observation failed = observation_of(
      {job(conditions("Failed", "True", "BackoffLimitExceeded", "reached")), {oom}, {}, {}});
  EXPECT_EQ(failed.phase, Phase::kEnded);
  EXPECT_THAT(failed.reason, HasSubstr("out of memory"));
  EXPECT_THAT(failed.hint, HasSubstr("--memory"));
  EXPECT_EQ(observation_of({job(conditions("Complete", "True", "", "")), {}, {}, {}}).phase,
            Phase::kEnded);
  EXPECT_EQ(observation_of({job(conditions("Complete", "False", "", "")), {}, {}, {}}).phase,
            Phase::kQueued);
}

TEST(Findings, PreemptionAndEvictionAreToldApart) {
  const Json preempted = pod("Failed", with_state("terminated", {{"exitCode", 130}}));
  EXPECT_THAT(observation_of({job(), {preempted}, {}, {}}).reason,
              HasSubstr("preempted; it will be started again"));
  const Json evicted =
      pod("Failed", {{"reason", "Evicted"}, {"message", "The node was low on memory."}});
  EXPECT_THAT(observation_of({job(), {evicted}, {}, {}}).reason, HasSubstr("low on memory"));
}

TEST(Findings, APartOfTheWorkersMayWait) {
  const Json waiting = pod("Pending", conditions("PodScheduled", "False", "Unschedulable",
                                                 "0/2 nodes: 2 Insufficient nvidia.com/gpu."));
  const Observation seen = observation_of({job(), {pod("Running"), waiting}, {}, {}});
  EXPECT_EQ(seen.phase, Phase::kRunning);
  EXPECT_THAT(seen.reason, HasSubstr("1 of 2 workers run"));
}

TEST(Findings, NothingIsReliedOn) {
  for (const Json& odd :
       {Json(), Json(3), Json::array({1}), Json({{"metadata", 3}, {"status", {1}}}),
        Json({{"status", {{"conditions", {1, "x", nullptr}}}}})}) {
    EXPECT_NO_THROW(observation_of({odd, {odd}, {odd}, std::vector<Json>{odd}}));
  }
  const Json hostile = pod("Pending", conditions("PodScheduled", "False", "", "\x1b[2J\n"));
  EXPECT_THAT(observation_of({job(), {hostile}, {}, {}}).reason, HasSubstr("\\x1b[2J\\n"));
}

}  // namespace
}  // namespace oko::jobs::kubernetes
