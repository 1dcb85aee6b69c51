// Compared with published evaluations and other evaluators: every class's AP, correct and wrong
// detections, and the mean, for all available sets.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "oko/metrics/average_precision.h"

namespace oko::metrics {
namespace {

namespace fs = std::filesystem;

constexpr const char* kMean = "mAP";  // the name of the last row

struct Expected {
  std::string name;
  double area, points11;
  int truths, right, wrong;
};

struct Set {
  std::map<std::string, Picture> pictures;
  std::map<std::string, int> classes;
  int class_of(const std::string& name) {
    return classes.try_emplace(name, static_cast<int>(classes.size())).first->second;
  }
  std::vector<Picture> list() const {
    std::vector<Picture> result;
    for (const auto& [id, picture] : pictures) result.push_back(picture);
    return result;
  }
};

std::vector<std::vector<std::string>> rows_of(const fs::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    const char separator = line.find('\t') != std::string::npos ? '\t' : ' ';  // names hold spaces
    std::istringstream fields(line);
    auto& row = rows.emplace_back();
    for (std::string field; std::getline(fields, field, separator);) row.push_back(field);
  }
  return rows;
}

image::Box box_at(const std::vector<std::string>& row, std::size_t at, bool has_size) {
  image::Box box{std::stof(row[at]), std::stof(row[at + 1]), std::stof(row[at + 2]),
                 std::stof(row[at + 3])};
  if (has_size) {
    box.right += box.left;
    box.bottom += box.top;
  }
  return box;
}

// A folder of files, one per image: class [score] and four numbers.
void read_folder(const fs::path& folder, bool found, bool has_size, Set& set) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    Picture& picture = set.pictures[entry.path().stem().string()];
    for (const auto& row : rows_of(entry.path())) {
      const int id = set.class_of(row[0]);
      if (found) {
        picture.found.push_back({id, std::stof(row[1]), box_at(row, 2, has_size)});
      } else {
        picture.truth.push_back({id, box_at(row, 1, has_size)});
      }
    }
  }
}

// One file: image, class, [score,] four edges.
void read_table(const fs::path& path, bool found, Set& set) {
  for (const auto& row : rows_of(path)) {
    Picture& picture = set.pictures[row[0]];
    const int id = set.class_of(row[1]);
    if (found) {
      picture.found.push_back({id, std::stof(row[2]), box_at(row, 3, false)});
    } else {
      picture.truth.push_back({id, box_at(row, 2, false)});
    }
  }
}

std::vector<Expected> read_expected(const fs::path& path) {
  std::vector<Expected> result;
  for (const auto& row : rows_of(path)) {
    if (row.size() < 6) continue;
    result.push_back({row[0], std::stod(row[1]), std::stod(row[2]), std::stoi(row[3]),
                      std::stoi(row[4]), std::stoi(row[5])});
  }
  return result;
}

void expect_reference(Set set, const fs::path& path, const Options& options) {
  SCOPED_TRACE(path.string());
  const auto expected = read_expected(path);
  for (const auto& row : expected) {
    if (row.name != kMean) set.class_of(row.name);
  }
  const auto results = evaluate(set.list(), static_cast<int>(set.classes.size()), options);
  bool has_mean = false;
  for (const auto& row : expected) {
    SCOPED_TRACE(row.name);
    if (row.name == kMean) {
      has_mean = true;
      EXPECT_NEAR(mean_average_precision(results, Interpolation::kArea), row.area, 1e-6);
      EXPECT_NEAR(mean_average_precision(results, Interpolation::kPoints11), row.points11, 1e-6);
      continue;
    }
    const auto& result = results[set.classes.at(row.name)];
    EXPECT_EQ(result.truths, row.truths);
    EXPECT_EQ(result.true_positives, row.right);
    EXPECT_EQ(result.false_positives, row.wrong);
    if (row.truths == 0) continue;
    EXPECT_NEAR(average_precision(result, Interpolation::kArea), row.area, 1e-6);
    EXPECT_NEAR(average_precision(result, Interpolation::kPoints11), row.points11, 1e-6);
  }
  EXPECT_TRUE(has_mean);
}

class Reference : public testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("OKO_DATA");
    if (data) folder_ = fs::path(data) / "metrics";
    if (!data || !fs::exists(folder_))
      GTEST_SKIP() << "the reference data is missing: set OKO_DATA";
  }
  fs::path folder_;
};

TEST_F(Reference, MatchesThePublishedFiguresOfThePersonExample) {
  const fs::path folder = folder_ / "published_person_example";
  Set set;
  read_folder(folder / "groundtruths", false, true, set);
  read_folder(folder / "detections", true, true, set);
  expect_reference(set, folder / "expected_iou30.tsv", {.iou = .3, .inclusive_pixels = true});
  expect_reference(set, folder / "expected_iou50.tsv", {.iou = .5, .inclusive_pixels = true});
  const auto results = evaluate(set.list(), 1, {.iou = .3, .inclusive_pixels = true});
  EXPECT_NEAR(average_precision(results[0], Interpolation::kArea), .245687, 1e-6);
}

TEST_F(Reference, MatchesThePublishedMeanOfThirtyClasses) {
  const fs::path folder = folder_ / "multiclass_example";
  Set set;
  read_folder(folder / "ground-truth", false, false, set);
  read_folder(folder / "detection-results", true, false, set);
  expect_reference(set, folder / "expected_iou50.tsv", {.iou = .5, .inclusive_pixels = true});
  const auto results = evaluate(set.list(), static_cast<int>(set.classes.size()),
                                {.iou = .5, .inclusive_pixels = true});
  EXPECT_NEAR(mean_average_precision(results, Interpolation::kArea), .310477, 1e-6);
}

TEST_F(Reference, MatchesOnRealModelsOverCoco128) {
  int sets = 0;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (!entry.path().filename().string().starts_with("coco128_")) continue;
    Set set;
    read_table(entry.path() / "groundtruth.tsv", false, set);
    read_table(entry.path() / "detections.tsv", true, set);
    expect_reference(set, entry.path() / "expected_iou50.tsv", {.iou = .5});
    expect_reference(set, entry.path() / "expected_iou75.tsv", {.iou = .75});
    ++sets;
  }
  EXPECT_EQ(sets, 6);
}

}  // namespace
}  // namespace oko::metrics
