#include "oko/cost/data_cost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace oko::cost {
namespace {

using ::testing::HasSubstr;

Offer in(const std::string& cloud, const std::string& region) {
  Offer offer;
  offer.cloud = cloud;
  offer.region = region;
  return offer;
}

// The example of docs/storage.md, with no cache: 20 epochs of 2 GB.
TEST(DataCost, OfColdlineIsPaidInEveryEpoch) {
  StoredData data;
  data.storage_class = StorageClass::kColdline;
  data.gb = 2;
  data.cache_gb = 0;
  EXPECT_DOUBLE_EQ(read_gb(data, 20, 1), 40);
  EXPECT_DOUBLE_EQ(data_cost(data, in("gcp", "us-central1"), 20, 1).retrieval, .8);
  const auto warning = class_warning(data, 20, 1);
  ASSERT_TRUE(warning);
  EXPECT_THAT(*warning, HasSubstr("40 GB from coldline costs $0.80 a run"));
  EXPECT_THAT(*warning, HasSubstr("$0.03 more a month"));
}

TEST(DataCost, IsPaidOnceForWhatTheCacheHolds) {
  StoredData data;
  data.storage_class = StorageClass::kNearline;
  data.gb = 30;
  EXPECT_DOUBLE_EQ(read_gb(data, 1, 1), 30);
  EXPECT_DOUBLE_EQ(read_gb(data, 11, 1), 30 + 10 * 10);
  data.gb = 2;
  EXPECT_DOUBLE_EQ(read_gb(data, 100, 1), 2);
  EXPECT_DOUBLE_EQ(read_gb(data, 100, 4), 8);  // each machine sees every image at some time
  EXPECT_FALSE(class_warning(data, 100, 1)) << "one reading costs what a month saves";
  data.storage_class = StorageClass::kColdline;
  EXPECT_TRUE(class_warning(data, 100, 1));
  data.storage_class = StorageClass::kStandard;
  EXPECT_FALSE(class_warning(data, 100, 4));
  EXPECT_EQ(data_cost(data, in("gcp", "us-central1"), 100, 1).total(), 0);
}

TEST(DataCost, CountsDataThatLeavesItsCloudOrRegion) {
  StoredData data;
  data.gb = 10;
  EXPECT_DOUBLE_EQ(data_cost(data, in("vast", "any"), 100, 1).egress, 1.2);
  EXPECT_DOUBLE_EQ(data_cost(data, Offer{}, 100, 1).egress, 1.2);  // to one's own machine
  data.region = "europe-west4";
  EXPECT_TRUE(data_cost(data, in("gcp", "us-central1"), 1, 1).unknown_egress);
  EXPECT_FALSE(data_cost(data, in("gcp", "europe-west4"), 1, 1).unknown_egress);
  data.cloud = "aws";
  EXPECT_TRUE(data_cost(data, in("gcp", "europe-west4"), 1, 1).unknown_egress);
}

}  // namespace
}  // namespace oko::cost
