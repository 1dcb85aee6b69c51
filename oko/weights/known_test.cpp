#include "oko/weights/known.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "oko/base/file_name.h"

namespace oko::weights {
namespace {

using ::testing::MatchesRegex;

TEST(KnownWeights, AreCompleteAndDistinct) {
  std::set<std::string_view> names, files;
  for (const Known& known : known()) {
    SCOPED_TRACE(known.name);
    EXPECT_TRUE(names.insert(known.name).second);
    EXPECT_FALSE(known.network.empty() || known.about.empty() || known.licence.empty());
    ASSERT_FALSE(known.files.empty());
    for (const File& file : known.files) {
      EXPECT_TRUE(file.address.starts_with("https://")) << file.address;
      EXPECT_EQ(fault_in_file_name(file.name()), "") << file.address;
      EXPECT_TRUE(files.insert(file.name()).second) << "two files of one name: " << file.name();
      EXPECT_GT(file.size, 0U);
      EXPECT_THAT(std::string(file.sha256), MatchesRegex("[0-9a-f]{64}"));
    }
    EXPECT_EQ(find(known.name), &known);
    EXPECT_NE(find_for_network(known.network), nullptr);
  }
  EXPECT_EQ(find("yolov99"), nullptr);
  EXPECT_EQ(find(""), nullptr);
  EXPECT_EQ(find_for_network("net.cfg"), nullptr);
}

// Words that --from understands otherwise.
TEST(KnownWeights, HaveNoReservedName) {
  for (const char* word : {"auto", "none"}) EXPECT_EQ(find(word), nullptr);
}

}  // namespace
}  // namespace oko::weights
