#include "oko/jobs/vertex/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"

namespace oko::jobs::vertex {
namespace {

using ::testing::HasSubstr;

template <typename Check>
std::string refused(const Check& check) {
  try {
    check();
    return "accepted";
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(Names, OfRegionsAreThoseOfTheService) {
  EXPECT_EQ(checked_region("europe-west4"), "europe-west4");
  EXPECT_THAT(refused([] { checked_region("us-centrall1"); }), HasSubstr("us-central1"));
  // It becomes a host name that gets the access token.
  for (const char* hostile : {"evil.example/", "us-central1.evil.example", "x@evil", "us central1",
                              "us-central1\r\nHost: evil"}) {
    EXPECT_THROW(checked_region(hostile), Error) << hostile;
  }
  EXPECT_THAT(refused([] { checked_region(""); }), HasSubstr("--region us-central1"));
}

TEST(Names, ThatBecomePartsOfUrlsAreChecked) {
  EXPECT_NO_THROW(checked_project("my-project-123"));
  EXPECT_NO_THROW(checked_project("example.com:old"));
  EXPECT_NO_THROW(checked_image("us-central1-docker.pkg.dev/p/oko/train:1.2_x"));
  EXPECT_NO_THROW(checked_image("gcr.io/p/oko@sha256:" + std::string(64, '0')));
  EXPECT_NO_THROW(checked_account("trainer@p.iam.gserviceaccount.com"));
  EXPECT_NO_THROW(checked_network("projects/12345/global/networks/my-vpc"));
  for (const char* hostile : {"", "..", "a/b", "a b", "a?b", "a\nb", "a%2fb", "A;rm -rf", "é"}) {
    EXPECT_THROW(checked_project(hostile), Error) << hostile;
    EXPECT_THROW(checked_account(hostile), Error) << hostile;
    EXPECT_THROW(checked_network(hostile), Error) << hostile;
  }
  for (const char* hostile : {"", "oko", "https://gcr.io/p/oko", "gcr.io/p/o ko", "gcr.io/$(x)"}) {
    EXPECT_THROW(checked_image(hostile), Error) << hostile;
  }
}

TEST(Names, OfJobsAreThoseOfTheService) {
  const JobName name = parse_job_name("projects/123/locations/us-east4/customJobs/789", "x");
  EXPECT_EQ(name.region, "us-east4");
  EXPECT_EQ(name.number, "789");
  for (const char* hostile :
       {"", "projects/p/locations/r/customJobs/", "projects/p/locations/r/customJobs/1/2",
        "projects/../locations/r/customJobs/1", "projects/p/locations/evil.example/customJobs/1",
        "projects/p/locations/a@b/customJobs/1", "projects/p/locations/r/customJobs/1\" OR \"",
        "projects/p/locations/r/trainingPipelines/1"}) {
    EXPECT_THROW(parse_job_name(hostile, "x"), Error) << hostile;
  }
}

TEST(Names, AreQuotedInFilters) {
  EXPECT_EQ(filter_word("raccoon-1"), "\"raccoon-1\"");
  EXPECT_EQ(filter_word("a\" OR x=\"\\\n"), "\"a\\\" OR x=\\\"\\\\ \"");
}

}  // namespace
}  // namespace oko::jobs::vertex
