#include "oko/jobs/kubernetes/body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/jobs/kubernetes/test_spec.h"

namespace oko::jobs::kubernetes {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Json pod_of(const Spec& spec, Cloud cloud = Cloud::kOther) {
  return job_body(spec, options_of(spec), cloud)["spec"]["template"]["spec"];
}

TEST(JobBody, RunsOkoWithTheFolder) {
  Spec spec = test_spec();
  spec.folder = "gs://bucket/$(HOME)/$x";
  const Json container = pod_of(spec)["containers"][0];
  EXPECT_EQ(container["command"],
            Json({"oko", "job", "run", "gs://bucket/$$(HOME)/$$x"}));  // never expanded
  EXPECT_EQ(container["image"], "registry.example/oko:1");
  EXPECT_FALSE(container.contains("env"));
  EXPECT_FALSE(container.contains("resources"));
}

TEST(JobBody, StartsAgainAfterPreemptionsAndNotAfterErrorsOfTheCommand) {
  const Json job = job_body(test_spec(), options_of(test_spec()), Cloud::kOther);
  const Json& rules = job["spec"]["podFailurePolicy"]["rules"];
  ASSERT_EQ(rules.size(), 3u);
  EXPECT_EQ(rules[0]["action"], "Ignore");
  EXPECT_EQ(rules[0]["onPodConditions"][0]["type"], "DisruptionTarget");
  EXPECT_EQ(rules[1]["action"], "Ignore");
  EXPECT_EQ(rules[1]["onExitCodes"]["values"], Json({130}));
  EXPECT_EQ(rules[2]["action"], "FailJob");
  EXPECT_EQ(rules[2]["onExitCodes"]["values"], Json({1, 2, 3}));
  EXPECT_EQ(job["spec"]["template"]["spec"]["restartPolicy"], "Never");
}

TEST(JobBody, SeveralWorkersFindTheFirstByTheirService) {
  Spec spec = test_spec();
  spec.resources.workers = 3;
  const Json job = job_body(spec, options_of(spec), Cloud::kOther);
  EXPECT_EQ(job["spec"]["completionMode"], "Indexed");
  EXPECT_EQ(job["spec"]["parallelism"], 3);
  EXPECT_EQ(job["spec"]["completions"], 3);
  const Json& pod = job["spec"]["template"]["spec"];
  const Json service = service_body(spec, "uid-7");
  EXPECT_EQ(pod["subdomain"], service["metadata"]["name"]);
  EXPECT_EQ(pod["containers"][0]["env"][1],
            Json({{"name", "MASTER_ADDR"}, {"value", "raccoon-1-0.raccoon-1"}}));
  EXPECT_EQ(service["metadata"]["ownerReferences"][0]["uid"], "uid-7");
  EXPECT_EQ(service["spec"]["clusterIP"], "None");
  for (const auto& [key, value] : service["spec"]["selector"].items()) {
    EXPECT_EQ(job["spec"]["template"]["metadata"]["labels"][key], value);
  }
}

TEST(JobBody, ChoosesNodesByTheCloudsLabels) {
  Spec spec = test_spec();
  spec.resources.gpus = 2;
  spec.resources.gpu_type = "NVIDIA_TESLA_T4";
  spec.resources.spot = true;
  const Json pod = pod_of(spec, Cloud::kGke);
  EXPECT_EQ(pod["nodeSelector"]["cloud.google.com/gke-accelerator"], "nvidia-tesla-t4");
  EXPECT_EQ(pod["nodeSelector"]["cloud.google.com/gke-spot"], "true");
  EXPECT_EQ(pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"], "2");
  EXPECT_EQ(pod["tolerations"].size(), 2u);
  EXPECT_EQ(pod["tolerations"][1]["key"], "cloud.google.com/gke-spot");
}

TEST(JobBody, TheUsersSelectorCounts) {
  Spec spec = test_spec();
  spec.resources.gpu_type = "T4";
  spec.settings["node-selector"] = "cloud.google.com/gke-accelerator=nvidia-l4";
  EXPECT_EQ(pod_of(spec, Cloud::kGke)["nodeSelector"]["cloud.google.com/gke-accelerator"],
            "nvidia-l4");
}

TEST(JobBody, RefusesWhatNoLabelSays) {
  Spec spec = test_spec();
  spec.resources.gpu_type = "T4";
  EXPECT_THAT(error_of([&] { pod_of(spec, Cloud::kEks); }), HasSubstr("--node-selector"));
  spec.resources.gpu_type = "RTX 4090";
  EXPECT_THAT(error_of([&] { pod_of(spec, Cloud::kGke); }), HasSubstr("RTX 4090"));
  spec.resources.gpu_type = "";
  spec.resources.spot = true;
  EXPECT_THAT(error_of([&] { pod_of(spec, Cloud::kOther); }), HasSubstr("--cloud"));
  spec.resources.spot = false;
  spec.resources.machine = "n1 standard";
  EXPECT_THAT(error_of([&] { pod_of(spec); }), HasSubstr("--machine"));
}

TEST(JobBody, TheTimeInTheQueueIsNotLimited) {
  Spec spec = test_spec();
  spec.resources.max_hours = 1.5;
  const Json job = job_body(spec, options_of(spec), Cloud::kOther);
  EXPECT_FALSE(job["spec"].contains("activeDeadlineSeconds"));
  EXPECT_EQ(job["spec"]["template"]["spec"]["activeDeadlineSeconds"], 5400 + 120);
}

TEST(JobBody, SecretsAreNamedAndNeverContained) {
  Spec spec = test_spec();
  spec.settings["secret"] = "bucket-key";
  const Json pod = pod_of(spec);
  EXPECT_EQ(pod["containers"][0]["envFrom"],
            Json::array({{{"secretRef", {{"name", "bucket-key"}}}}}));
  EXPECT_EQ(pod["containers"][0]["volumeMounts"][0]["readOnly"], true);
}

TEST(JobBody, WorkersAreTheUserOfTheVolume) {
  Spec spec = test_spec();
  spec.settings["volume"] = "photos:/mnt/photos";
  EXPECT_EQ(pod_of(spec)["containers"][0]["securityContext"]["capabilities"]["add"],
            Json({"DAC_OVERRIDE"}));
  spec.settings["run-as"] = "1000";
  const Json pod = pod_of(spec);
  EXPECT_EQ(pod["securityContext"]["runAsUser"], 1000);
  EXPECT_EQ(pod["securityContext"]["runAsNonRoot"], true);
  const Json& container = pod["containers"][0];
  EXPECT_FALSE(container["securityContext"]["capabilities"].contains("add"));
  EXPECT_EQ(container["env"], Json::array({{{"name", "HOME"}, {"value", "/tmp"}}}));
  for (const char* bad : {"0", "-1", "me", "1000:1000", "99999999999", "1 "}) {
    spec.settings["run-as"] = bad;
    EXPECT_THAT(error_of([&] { pod_of(spec); }), HasSubstr("--run-as")) << bad;
  }
}

TEST(DroppedFields, AreFoundAndExplained) {
  const Json sent = {{"spec", {{"podFailurePolicy", {{"rules", {1}}}}, {"a", {1, 2}}}}};
  const Json kept = {{"spec", {{"a", Json::array({5})}, {"b", 1}}}};
  EXPECT_THAT(dropped_fields(sent, kept), ElementsAre("spec.podFailurePolicy", "spec.a[1]"));
  EXPECT_TRUE(dropped_fields(sent, sent).empty());
  EXPECT_THAT(consequences_of({"spec.podFailurePolicy"}), ElementsAre(HasSubstr("1.26")));
}

}  // namespace
}  // namespace oko::jobs::kubernetes
