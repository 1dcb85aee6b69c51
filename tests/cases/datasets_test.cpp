#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <set>

#include "tests/cases/support.h"

namespace oko::cases {
namespace {

std::vector<Expected> all_cases() {
  std::vector<Expected> cases = matching_cases();
  for (Expected& expected : text_cases()) cases.push_back(std::move(expected));
  for (Expected& expected : image_cases()) cases.push_back(std::move(expected));
  return cases;
}

TEST(DatasetCases, ReadAsExpected) {
  OKO_CASES(folder, "datasets");
  for (const Expected& expected : all_cases()) {
    SCOPED_TRACE(expected.name);
    EXPECT_EQ(described(folder + "/" + expected.name), expected.text);
  }
}

// Cases without an expectation are listed as skipped, so that they are not forgotten.
TEST(DatasetCases, EachHaveAnExpectation) {
  OKO_CASES(folder, "datasets");
  std::set<std::string> there, named;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    there.insert(entry.path().filename().string());
  }
  for (const Expected& expected : all_cases()) {
    EXPECT_TRUE(named.insert(expected.name).second) << expected.name << " is listed twice";
    EXPECT_TRUE(there.erase(expected.name)) << "no case is named " << expected.name;
  }
  there.erase("images-all");  // images_test.cpp
  if (!there.empty()) {
    GTEST_SKIP() << "no expectation yet for " << fmt::format("{}", fmt::join(there, ", "));
  }
}

}  // namespace
}  // namespace oko::cases
