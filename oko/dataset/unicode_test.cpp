#include "oko/dataset/unicode.h"

#include <gtest/gtest.h>

namespace oko::dataset {
namespace {

const std::string kComposed = "caf\xC3\xA9", kDecomposed = "cafe\xCC\x81";

TEST(Unicode, ComposesLettersAndTheirAccents) {
  EXPECT_EQ(composed(kDecomposed), kComposed);
  EXPECT_EQ(composed(kComposed), kComposed);
  EXPECT_EQ(composed("plain"), "plain");
  EXPECT_EQ(decomposed(kComposed), kDecomposed);
}

TEST(Unicode, LeavesBytesOfOtherEncodingsAlone) {
  EXPECT_EQ(composed("caf\xE9"), "caf\xE9");
  EXPECT_EQ(folded("CAF\xE9"), "caf\xE9");
}

TEST(Unicode, FoldsCaseOfEveryAlphabet) {
  EXPECT_EQ(folded("CAF\xC3\x89.JPG"), folded("cafe\xCC\x81.jpg"));
  EXPECT_EQ(folded("\xD0\x9A"), folded("\xD0\xBA"));  // Cyrillic K
  EXPECT_NE(folded("a"), folded("b"));
}

}  // namespace
}  // namespace oko::dataset
