#include "oko/storage/s3/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"

namespace oko::storage::s3 {
namespace {

using ::testing::HasSubstr;

TEST(Answers, ReadAList) {
  const Listing listing = parse_listing(
      R"(<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
         <IsTruncated>true</IsTruncated><NextContinuationToken>t+/=</NextContinuationToken>
         <Contents><Key>a&amp;b</Key><ETag>&quot;e1&quot;</ETag><Size>12345678901</Size></Contents>
         <CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes></ListBucketResult>)",
      "p");
  ASSERT_EQ(listing.objects.size(), 1u);
  EXPECT_EQ(listing.objects[0].key, "a&b");
  EXPECT_EQ(listing.objects[0].etag, "e1");
  EXPECT_EQ(listing.objects[0].size, 12345678901u);
  EXPECT_EQ(listing.prefixes.at(0), "c/");
  EXPECT_EQ(listing.next, "t+/=");
}

TEST(Answers, ReportWhetherAListHasAnything) {
  // Version 1, truncated: without a continuation token.
  EXPECT_TRUE(
      lists_any("<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>t/a</Key>"
                "</Contents></ListBucketResult>",
                "p"));
  EXPECT_FALSE(lists_any("<ListBucketResult><Prefix>t/</Prefix></ListBucketResult>", "p"));
  EXPECT_THROW(lists_any("<Error/>", "p"), Error);
}

TEST(Answers, RejectWhatIsNotOne) {
  const std::pair<const char*, const char*> wrong[] = {
      {"", "is not XML"},
      {"{}", "is not XML"},
      {"<a>", "is not XML"},
      {"<a/>", "has no <ListBucketResult>"},
      {"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
       "<Size> is not a number"},
      {"<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>", "has no name"},
      {"<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
       "<Size> is not a number"},
      {"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
       "has no continuation token"},
  };
  for (const auto& [xml, message] : wrong) {
    try {
      parse_listing(xml, "s3://b");
      ADD_FAILURE() << xml;
    } catch (const Error& e) {
      EXPECT_THAT(e.what(), HasSubstr(message));
      EXPECT_THAT(e.what(), HasSubstr("s3://b"));
    }
  }
  EXPECT_THROW(parse_part_listing("<ListPartsResult><Part><PartNumber>99999</PartNumber>"
                                  "</Part></ListPartsResult>",
                                  "p"),
               Error);
  EXPECT_THROW(parse_value("<A/>", "A", "B", "p"), Error);
  EXPECT_EQ(parse_error("<a/>"), std::nullopt);
  EXPECT_EQ(parse_error("no XML"), std::nullopt);
}

TEST(Answers, ReadErrorsAndFailuresToDelete) {
  const auto error = parse_error("<Error><Code>C</Code><Message>m</Message></Error>");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "C");
  const auto failures = parse_delete_failures(
      "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code>"
      "</Error></DeleteResult>",
      "p");
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].key, "b");
  EXPECT_EQ(xml_escaped("a<&>\"\r"), "a&lt;&amp;&gt;&quot;&#13;");
}

}  // namespace
}  // namespace oko::storage::s3
