#include "oko/dataset/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "oko/base/error.h"
#include "oko/base/random.h"
#include "oko/dataset/facts.h"
#include "oko/dataset/image_sizes.h"
#include "oko/dataset/repair.h"
#include "oko/dataset/test_data.h"
#include "oko/dataset/write.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Pair;

std::vector<Finding> read_and_check(const std::string& folder, Dataset& data) {
  std::vector<Finding> findings;
  NoProgress progress;
  data = read(folder, {}, &findings);
  for (Finding& finding : check(data, progress)) findings.push_back(std::move(finding));
  return findings;
}

TEST(Check, FindsTheCopiesAndTheLeakInRaccoon) {
  OKO_REFERENCE_DATA(folder, "raccoon");
  Dataset data;
  const std::vector<Finding> findings = read_and_check(folder, data);
  EXPECT_EQ(findings_by_kind(findings), (Counts{{"split-leak", 1},
                                                {"duplicate-image", 3},
                                                {"near-leak", 1},
                                                {"near-duplicate", 2},
                                                {"grey-image", 3}}));
  const auto leak = std::find_if(findings.begin(), findings.end(),
                                 [](const Finding& f) { return f.kind == "split-leak"; });
  EXPECT_EQ(leak->sample, "raccoon-11") << "the copy in train is dropped, the one in val kept";
  EXPECT_THAT(leak->message, HasSubstr("raccoon-116.jpg (val)"));
}

TEST(Check, FindsTheEmptyBoxesOfBccd) {
  OKO_REFERENCE_DATA(folder, "bccd");
  Dataset data;
  EXPECT_EQ(findings_by_kind(read_and_check(folder, data)), (Counts{{"empty-box", 2}}));
}

TEST(Check, FindsTheOddBoxesAndClassesOfCoco128) {
  OKO_REFERENCE_DATA(folder, "coco128");
  Dataset data;
  const std::vector<Finding> findings = read_and_check(folder, data);
  EXPECT_THAT(findings_by_kind(findings),
              IsSupersetOf({Pair("thin-box", 2), Pair("class-without-boxes", 5)}));
  int grey = 0;
  for (const Finding& finding : findings) {
    EXPECT_NE(finding.kind, "depth-mismatch");
    grey += finding.kind == "grey-image" && sample_named(data, finding.sample).depth == 1;
  }
  EXPECT_EQ(grey, 2);
}

TEST(Check, FindsNothingWorseThanNotesInCardsAndVoc2007) {
  for (const std::string name : {"playing_cards", "voc2007_sample"}) {
    OKO_REFERENCE_DATA(folder, name);
    Dataset data;
    for (const Finding& finding : read_and_check(folder, data)) {
      if (finding.kind == "class-not-in-train") continue;
      EXPECT_EQ(finding.severity, Finding::Severity::kNote) << finding.kind;
    }
  }
}

TEST(CompareSizes, RecognizesScaledImages) {
  EXPECT_EQ(compare_sizes({40, 30}, {40, 30}), SizeFit::kSame);
  EXPECT_EQ(compare_sizes({0, 0}, {40, 30}), SizeFit::kUnstated);
  EXPECT_EQ(compare_sizes({30, 40}, {40, 30}), SizeFit::kTurned);
  EXPECT_EQ(compare_sizes({300, 400}, {40, 30}), SizeFit::kTurned);
  EXPECT_EQ(compare_sizes({4032, 3024}, {640, 480}), SizeFit::kScaled);
  EXPECT_EQ(compare_sizes({333, 500}, {100, 150}), SizeFit::kScaled);
  EXPECT_EQ(compare_sizes({333, 500}, {100, 180}), SizeFit::kOther);
}

// A unique image: a gradient with a square at its own position.
image::Picture scene(int number, image::Size size = {64, 48}) {
  image::Picture picture{size, {}};
  Random random(static_cast<std::uint64_t>(number) + 1);
  const int x = static_cast<int>(random.below(40)), y = static_cast<int>(random.below(30));
  for (int row = 0; row < size.height; ++row) {
    for (int column = 0; column < size.width; ++column) {
      const bool square = std::abs(column - x) < 8 && std::abs(row - y) < 8;
      picture.rgb.push_back(static_cast<std::uint8_t>(square ? 250 : 3 * column));
      picture.rgb.push_back(static_cast<std::uint8_t>(random.below(90) + (row < y ? 120 : 0)));
      picture.rgb.push_back(static_cast<std::uint8_t>(square ? 20 : 2 * row));
    }
  }
  return picture;
}

class FlawedSet : public ::testing::Test {
 protected:
  void add(const std::string& id, const std::vector<std::byte>& file, const std::string& boxes,
           const std::string& extension = ".png", const std::string& size = "64 48") {
    storage::write(folder_ / ("JPEGImages/" + id + extension), file);
    annotate(id, boxes, size);
  }
  void annotate(const std::string& id, const std::string& boxes, const std::string& size) {
    const auto blank = size.find(' ');
    storage::write(folder_ / ("Annotations/" + id + ".xml"),
                   "<annotation>\n<size><width>" + size.substr(0, blank) + "</width><height>" +
                       size.substr(blank + 1) + "</height></size>\n" + boxes + "</annotation>");
  }
  static std::string box(int x1, int y1, int x2, int y2, const std::string& name = "cat") {
    return "<object><name>" + name + "</name><bndbox><xmin>" + std::to_string(x1) +
           "</xmin><ymin>" + std::to_string(y1) + "</ymin><xmax>" + std::to_string(x2) +
           "</xmax><ymax>" + std::to_string(y2) + "</ymax></bndbox></object>\n";
  }
  static std::vector<std::byte> png(int number, image::Size size = {64, 48}) {
    return media::encode_png(scene(number, size));
  }

  ScratchFolder folder_;
};

TEST_F(FlawedSet, IsReportedFlawByFlawAndFixedByRepair) {
  add("good", png(1), box(10, 10, 30, 30));
  add("edge", png(2), box(50, 10, 70, 30) + box(0, 5, 20, 20) + box(70, 5, 90, 20));
  add("double", png(3), box(10, 10, 40, 40) + box(10, 10, 40, 41) + box(10, 10, 40, 40, "dog"));
  add("inverted", png(4), box(30, 30, 10, 10) + box(7, 7, 7, 7));
  add("liar", png(5), box(10, 10, 30, 30), ".jpg");
  add("scaled", png(6), box(101, 101, 300, 300), ".png", "640 480");
  add("other", png(7), box(10, 10, 30, 30), ".png", "99 48");
  add("wild", png(8), box(10, 10, 90, 30), ".png", "99 48");
  add("unsized", png(9), box(10, 10, 30, 30), ".png", "0 0");
  add("copy", png(1), box(10, 10, 30, 31));
  add("spelt", png(10), box(10, 10, 30, 30, "Cat"));
  std::vector<std::byte> cut = media::encode_jpeg(scene(11));
  cut.resize(cut.size() - 40);
  add("cut", cut, box(10, 10, 30, 30), ".jpg");
  add("broken", {std::byte{1}, std::byte{2}}, box(10, 10, 30, 30));
  annotate("gone", box(10, 10, 30, 30), "64 48");
  storage::write(folder_ / "JPEGImages/bare.png", png(12));
  add("turned", jpeg_with_orientation(scene(13), 6), box(1, 1, 24, 64), ".jpg", "48 64");
  add("stored", jpeg_with_orientation(scene(14), 6), box(1, 25, 64, 48), ".jpg", "64 48");

  Dataset data;
  std::vector<Finding> findings = read_and_check(folder_.path(), data);
  const Counts kinds = findings_by_kind(findings);
  EXPECT_THAT(
      kinds, IsSupersetOf({Pair("past-edge", 2), Pair("outside-box", 1), Pair("duplicate-box", 1),
                           Pair("inverted-box", 1), Pair("empty-box", 1),
                           Pair("wrong-extension", 1), Pair("size-mismatch", 3), Pair("no-size", 1),
                           Pair("duplicate-image", 1), Pair("similar-classes", 1)}));
  EXPECT_THAT(kinds, IsSupersetOf({Pair("truncated-image", 1), Pair("unreadable-image", 1),
                                   Pair("missing-image", 1), Pair("no-annotation", 1),
                                   Pair("exif-orientation", 1)}));
  for (const Finding& finding : findings) {
    EXPECT_FALSE(finding.place.empty()) << finding.kind;
    EXPECT_FALSE(finding.message.empty()) << finding.kind;
  }

  const ScratchFolder* source = &folder_;
  const std::string repaired = *source / "repaired";
  NoProgress progress;
  const RepairResult result = repair(data, findings, repaired, progress);
  EXPECT_EQ(result.pictures_dropped, 4) << "copy, cut, broken, wild";
  EXPECT_EQ(result.pictures_renamed, 1);
  EXPECT_EQ(result.boxes_dropped, 2);
  EXPECT_EQ(result.boxes_clipped, 1);
  EXPECT_EQ(result.boxes_scaled, 1);
  EXPECT_EQ(result.dropped.boxes, (Counts{{"duplicate-box", 1},
                                          {"duplicate-image", 1},
                                          {"empty-box", 1},
                                          {"missing-image", 1},
                                          {"outside-box", 1},
                                          {"size-mismatch", 1},
                                          {"truncated-image", 1},
                                          {"unreadable-image", 1}}));
  EXPECT_EQ(result.dropped.images, (Counts{{"duplicate-image", 1},
                                           {"missing-image", 1},
                                           {"size-mismatch", 1},
                                           {"truncated-image", 1},
                                           {"unreadable-image", 1}}));

  Dataset again;
  for (const Finding& finding : read_and_check(repaired, again)) {
    EXPECT_THAT(finding.repair, IsEmpty()) << finding.kind << " at " << finding.place;
    EXPECT_NE(finding.severity, Finding::Severity::kError) << finding.kind;
  }
  EXPECT_THAT(again.classes, ::testing::ElementsAre("Cat", "dog"));
  EXPECT_EQ(sample_named(again, "edge").objects.at(0).box, (image::Box{50, 10, 64, 30}))
      << "a zero in the file: its corners do not count from 1";
  EXPECT_EQ(sample_named(again, "scaled").objects.at(0).box, (image::Box{10, 10, 30, 30}));
  EXPECT_EQ(sample_named(again, "scaled").size, (image::Size{64, 48}));
  EXPECT_TRUE(sample_named(again, "liar").image.ends_with("liar.png"));
  EXPECT_EQ(sample_named(again, "bare").objects.size(), 0u);

  // Two ways to write the lower half of the stored pixels, which is the left half when upright.
  for (const char* id : {"turned", "stored"}) {
    const Sample& sample = sample_named(again, id);
    EXPECT_EQ(sample.size, (image::Size{48, 64})) << id;
    EXPECT_EQ(sample.objects.at(0).box, (image::Box{0, 0, 24, 64})) << id;
    EXPECT_TRUE(std::ranges::equal(storage::read(sample.image).span(),
                                   storage::read(sample_named(data, id).image).span()))
        << "copied byte for byte";
  }
}

TEST_F(FlawedSet, SwappedSidesAreOfATurnedImageWhoseBoxesAreElsewhere) {
  add("fits", png(1), box(10, 10, 30, 30), ".png", "48 64");
  add("proven", png(2), box(10, 10, 60, 30), ".png", "48 64");
  add("bare", png(3), "", ".png", "48 64");
  Dataset data;
  const auto findings = read_and_check(folder_.path(), data);
  std::map<std::string, Finding::Fix> fixes;
  for (const Finding& finding : findings) {
    if (finding.kind == "size-mismatch") fixes[finding.sample] = finding.fix;
  }
  EXPECT_THAT(fixes, ::testing::UnorderedElementsAre(Pair("fits", Finding::Fix::kDropPicture),
                                                     Pair("proven", Finding::Fix::kTakeSize),
                                                     Pair("bare", Finding::Fix::kTakeSize)));
}

TEST_F(FlawedSet, SizesThatAreNotThePicturesEndWhatGoesByThem) {
  add("right", png(1), box(10, 10, 30, 30));
  add("unsized", png(2), box(10, 10, 30, 30), ".png", "0 0");
  EXPECT_NO_THROW(expect_stated_sizes(read(folder_.path())));
  add("wrong", png(3), box(10, 10, 30, 30), ".png", "128 96");
  try {
    expect_stated_sizes(read(folder_.path()));
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInput);
    EXPECT_TRUE(e.place().ends_with("JPEGImages/wrong.png")) << e.place();
    EXPECT_THAT(e.hint(), ::testing::HasSubstr("--repair"));
  }
}

TEST_F(FlawedSet, DropsLeakedCopiesFromTrainNotFromTest) {
  add("a", png(1), box(10, 10, 30, 30));
  add("b", png(1), box(10, 10, 30, 30));
  add("c", png(2), box(10, 10, 30, 30));
  storage::write(folder_ / "ImageSets/Main/train.txt", "a\nc\n");
  storage::write(folder_ / "ImageSets/Main/test.txt", "b\n");
  Dataset data;
  const auto findings = read_and_check(folder_.path(), data);
  EXPECT_EQ(findings_by_kind(findings), (Counts{{"split-leak", 1}}));
  NoProgress progress;
  repair(data, findings, folder_ / "repaired", progress);
  const Dataset repaired = read(folder_ / "repaired");
  EXPECT_EQ(pictures_by_split(repaired), (Counts{{"train", 1}, {"test", 1}}));
}

TEST_F(FlawedSet, ReportsClassesThatCannotBeLearnt) {
  storage::write(folder_ / "classes.names", "cat\ndog\nhorse\n");
  add("a", png(1), box(10, 10, 30, 30));
  add("b", png(2), box(10, 10, 30, 30, "dog"));
  storage::write(folder_ / "ImageSets/Main/train.txt", "a\n");
  storage::write(folder_ / "ImageSets/Main/val.txt", "b\n");
  Dataset data;
  EXPECT_EQ(findings_by_kind(read_and_check(folder_.path(), data)),
            (Counts{{"class-not-in-train", 1}, {"class-without-boxes", 1}}));
}

TEST_F(FlawedSet, LeavesTheSourceAsItWas) {
  add("a", png(1), box(50, 10, 70, 30));
  const auto before = storage::list(folder_.path(), true);
  Dataset data;
  const auto findings = read_and_check(folder_.path(), data);
  const ScratchFolder* source = &folder_;
  NoProgress progress;
  repair(data, findings, *source / "../oko_repaired_elsewhere", progress);
  const auto after = storage::list(folder_.path(), true);
  std::filesystem::remove_all(*source / "../oko_repaired_elsewhere");
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(before[i].version, after[i].version);
}

TEST(Repair, RepairsRaccoonAndBccd) {
  for (const std::string name : {"raccoon", "bccd"}) {
    OKO_REFERENCE_DATA(folder, name);
    const ScratchFolder out;
    Dataset data, again;
    const auto findings = read_and_check(folder, data);
    if (name == "bccd") {  // those around the two empty boxes are enough to write
      std::erase_if(data.samples, [](const Sample& s) {
        return !s.id.starts_with("BloodImage_0033") && !s.id.starts_with("BloodImage_0034");
      });
    }
    NoProgress progress;
    repair(data, findings, out / "new", progress);
    for (const Finding& finding : read_and_check(out / "new", again)) {
      EXPECT_THAT(finding.repair, IsEmpty()) << finding.kind;
    }
    EXPECT_EQ(again.samples.size(), name == "raccoon" ? 196u : data.samples.size());
  }
}

// An export with one folder per camera: repair put the boxes of both on one image, silently
// dropping those of the second camera.
TEST(Repair, KeepsBoxesOfImagesWithTheSameNameAndCountsThoseOfAMissingOne) {
  const ScratchFolder folder;
  std::string images, annotations;
  for (const int camera : {1, 2, 3}) {
    image::Picture picture{{60, 40}, std::vector<std::uint8_t>(7200)};
    for (std::size_t i = 0; i < picture.rgb.size(); ++i) {
      picture.rgb[i] = static_cast<std::uint8_t>(i * static_cast<std::size_t>(camera * camera * 7));
    }
    if (camera < 3) {
      storage::write(folder / ("in/images/cam" + std::to_string(camera) + "/1.png"),
                     media::encode_png(picture));
    }
    const std::string comma = camera > 1 ? "," : "";
    images += comma + R"({"width": 60, "height": 40, "id": )" + std::to_string(camera) +
              R"(, "file_name": "cam)" + std::to_string(camera) + R"(/1.png"})";
    annotations += comma + R"({"category_id": 1, "bbox": [5, 5, 20, 20], "image_id": )" +
                   std::to_string(camera) + "}";
  }
  storage::write(folder / "in/annotations/instances.json",
                 R"({"categories": [{"id": 1, "name": "cat"}], "images": [)" + images +
                     R"(], "annotations": [)" + annotations + "]}");
  Dataset data, again;
  const auto findings = read_and_check(folder / "in", data);
  EXPECT_EQ(findings_by_kind(findings)["missing-image"], 1);
  NoProgress progress;
  const RepairResult result = repair(data, findings, folder / "new", progress);
  EXPECT_EQ(result.boxes_dropped, 0);
  EXPECT_EQ(result.dropped.boxes, (Counts{{"missing-image", 1}}));
  EXPECT_EQ(result.dropped.images, (Counts{{"missing-image", 1}}));
  read_and_check(folder / "new", again);
  ASSERT_EQ(again.samples.size(), 2U);
  for (const Sample& sample : again.samples) EXPECT_EQ(sample.objects.size(), 1U) << sample.id;
}

TEST(Fingerprint, ChangesWithContentAndNotWithPlaceOrOrder) {
  OKO_REFERENCE_DATA(folder, "voc2007_sample");
  const Dataset data = read(folder);
  Dataset other = data;
  std::reverse(other.samples.begin(), other.samples.end());
  EXPECT_EQ(fingerprint(data), fingerprint(other));
  other.samples[0].objects[0].box.left += 1;
  EXPECT_NE(fingerprint(data), fingerprint(other));
  other = data;
  other.samples[3].image = other.samples[4].image;
  EXPECT_NE(fingerprint(data), fingerprint(other));
  other = data;
  other.samples[3].split = "test";
  EXPECT_NE(fingerprint(data), fingerprint(other));
}

}  // namespace
}  // namespace oko::dataset
