#include "oko/jobs/vertex/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"
#include "oko/jobs/vertex/explain.h"

namespace oko::jobs::vertex {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Answers, AreReadOrRejected) {
  const JobPage page = parse_jobs(
      R"({"customJobs":[{"name":"n","state":"JOB_STATE_FAILED","error":{"message":"a\nb"}}],)"
      R"("nextPageToken":"t"})",
      "p");
  EXPECT_EQ(page.jobs.at(0).state, "FAILED");
  EXPECT_EQ(page.jobs.at(0).error, "a\\nb");
  EXPECT_TRUE(page.jobs.at(0).over());
  EXPECT_EQ(page.next, "t");
  EXPECT_TRUE(parse_jobs("{}", "p").jobs.empty());
  EXPECT_FALSE(parse_job(R"({"name":"n"})", "p").over());
  for (const char* text : {"", "[]", "{\"customJobs\":7}", "{\"customJobs\":[{}]}",
                           "{\"customJobs\":[7]}", "{\"nextPageToken\":7}"}) {
    EXPECT_THROW(parse_jobs(text, "p"), Error) << text;
  }
}

TEST(Answers, OfLogsNameTheirWorkers) {
  const LogPage page = parse_log(
      R"({"entries":[
        {"textPayload":"first\nsecond","resource":{"labels":{"task_name":"workerpool0-0"}}},
        {"jsonPayload":{"message":"\u001b[31mred"},"resource":{"labels":{"task_name":"service"}}},
        {"protoPayload":{}}, {}]})",
      "p");
  EXPECT_THAT(page.lines, ElementsAre("second", "first", "service: \\x1b[31mred"));
  for (const char* text : {"[]", "{\"entries\":{}}", "{\"entries\":[{\"textPayload\":1}]}"}) {
    EXPECT_THROW(parse_log(text, "p"), Error) << text;
  }
}

TEST(Answers, OfQuotasHaveALimitForEachRegion) {
  const Quota quota = parse_quota(
      R"({"consumerQuotaLimits":[{"unit":"1/{project}","quotaBuckets":[{"effectiveLimit":"99"}]},
        {"unit":"1/{project}/{region}","quotaBuckets":[{"effectiveLimit":"0"},{"dimensions":{}},
        {"effectiveLimit":"8","dimensions":{"region":"us-east4"}},
        {"effectiveLimit":"-1","dimensions":{"region":"us-west1"}}]}]})",
      "p");
  EXPECT_EQ(quota.in("us-east4"), 8);
  EXPECT_EQ(quota.in("us-central1"), 0);
  EXPECT_THAT(quota.regions_with(4), ElementsAre("us-east4", "us-west1"));
  EXPECT_THAT(quota.regions_with(9), ElementsAre("us-west1"));
}

TEST(Answers, OfRefusalsNeverThrow) {
  const Refusal refusal =
      parse_refusal(R"({"error":{"code":403,"message":"m","status":"PERMISSION_DENIED","details":)"
                    R"([{"@type":"x","reason":"SERVICE_DISABLED"}]}})");
  EXPECT_EQ(refusal.code, 403);
  EXPECT_EQ(refusal.reason, "SERVICE_DISABLED");
  EXPECT_EQ(parse_refusal("<html>oh").message, "<html>oh");
  EXPECT_LE(parse_refusal(std::string(100'000, 'x')).message.size(), 610u);
}

// The service's own words, from public reports of users.
TEST(Explanation, SaysWhichQuotaIsMissing) {
  for (const char* message :
       {"The following quota metrics exceed quota limits: "
        "aiplatform.googleapis.com/custom_model_training_nvidia_l4_gpus",
        "The following quotas are exceeded: CustomModelTrainingL4GPUsPerProjectPerRegion"}) {
    const Explanation known = explain(message, "my-p", "us-central1");
    EXPECT_THAT(known.reason, HasSubstr("quota in us-central1 is too small"));
    EXPECT_THAT(known.hint, HasSubstr("quotas?project=my-p"));
  }
  EXPECT_THAT(explain("custom_model_training_cpus, ", "p", "r").reason,
              HasSubstr("custom_model_training_cpus"));
}

TEST(Explanation, SaysWhatToDo) {
  const auto hint = [](const char* message) { return explain(message, "p", "us-central1").hint; };
  EXPECT_THAT(hint("Resources are insufficient in region: us-central1. Try a different region or "
                   "use a different accelerator."),
              HasSubstr("another --region or --gpu-type"));
  EXPECT_THAT(hint("The Cloud Storage bucket of `gs://b/x` is in location `us`. It must be in the "
                   "same regional location as the service location `us-central1`."),
              HasSubstr("the bucket's region"));
  EXPECT_THAT(hint("The replica workerpool0-0 ran out of memory and exited with a non-zero status "
                   "of 137."),
              HasSubstr("more memory"));
  EXPECT_THAT(hint("Image us-docker.pkg.dev/p/r/oko not found"), HasSubstr("check --image"));
  EXPECT_EQ(hint("Something new"), "");
}

TEST(Explanation, OfRefusedRequestsNamesTheRole) {
  Refusal refusal{403, "PERMISSION_DENIED", "", "Permission 'aiplatform.customJobs.create' denied"};
  EXPECT_THAT(refusal_error(refusal, "p", "r").what(), HasSubstr("roles/aiplatform.user"));
  refusal.reason = "SERVICE_DISABLED";
  EXPECT_THAT(refusal_error(refusal, "p", "r").what(),
              HasSubstr("gcloud services enable aiplatform.googleapis.com --project p"));
}

}  // namespace
}  // namespace oko::jobs::vertex
