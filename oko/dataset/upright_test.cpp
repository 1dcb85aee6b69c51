// Images that EXIF rotates: for any source, boxes end up on the objects of upright images.
#include "oko/dataset/upright.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "oko/base/error.h"
#include "oko/dataset/check.h"
#include "oko/dataset/coco.h"
#include "oko/dataset/format.h"
#include "oko/dataset/pictures.h"
#include "oko/dataset/repair.h"
#include "oko/dataset/show.h"
#include "oko/dataset/test_data.h"
#include "oko/dataset/write.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr image::Size kUprightSize{96, 64};
constexpr image::Box kObject{56, 8, 88, 24};  // red on grey, upright

int inverse(int orientation) { return orientation == 6 ? 8 : orientation == 8 ? 6 : orientation; }

image::Picture scene(const image::Box& red = kObject) {
  image::Picture picture{kUprightSize, {}};
  for (int y = 0; y < kUprightSize.height; ++y) {
    for (int x = 0; x < kUprightSize.width; ++x) {
      const auto fx = static_cast<float>(x), fy = static_cast<float>(y);
      const bool inside = fx >= red.left && fx < red.right && fy >= red.top && fy < red.bottom;
      picture.rgb.insert(picture.rgb.end(), {static_cast<std::uint8_t>(inside ? 230 : 120),
                                             static_cast<std::uint8_t>(inside ? 20 : 120),
                                             static_cast<std::uint8_t>(inside ? 20 : 120)});
    }
  }
  return picture;
}

std::vector<std::byte> file_of(int orientation, const image::Box& red = kObject) {
  return jpeg_with_orientation(media::turned_upright(scene(red), inverse(orientation)),
                               orientation);
}

image::Size stored_size(int orientation) { return media::upright_size(kUprightSize, orientation); }

// Where the object is in the stored pixels.
image::Box stored_box(int orientation, const image::Box& box = kObject) {
  return media::turned_upright(box, kUprightSize, inverse(orientation));
}

// The bounding box of the red pixels.
image::Box red_of(const image::Picture& picture) {
  image::Box box{1e6F, 1e6F, 0, 0};
  for (int y = 0; y < picture.size.height; ++y) {
    for (int x = 0; x < picture.size.width; ++x) {
      const auto* p = &picture.rgb[(y * picture.size.width + x) * 3];
      if (p[0] < 180 || p[1] > 70) continue;
      const auto fx = static_cast<float>(x), fy = static_cast<float>(y);
      box = {std::min(box.left, fx), std::min(box.top, fy), std::max(box.right, fx + 1),
             std::max(box.bottom, fy + 1)};
    }
  }
  return box;
}

void expect_box(const image::Box& box, const image::Box& right, float tolerance = .01F) {
  EXPECT_NEAR(box.left, right.left, tolerance);
  EXPECT_NEAR(box.top, right.top, tolerance);
  EXPECT_NEAR(box.right, right.right, tolerance);
  EXPECT_NEAR(box.bottom, right.bottom, tolerance);
}

// Checks that every sample is upright, with its box on the red object.
void expect_on_object(const Dataset& data) {
  ASSERT_FALSE(data.samples.empty());
  for (const Sample& sample : data.samples) {
    SCOPED_TRACE(sample.image);
    if (sample.size.width > 0) {
      EXPECT_EQ(sample.size, kUprightSize);
    }
    ASSERT_EQ(sample.objects.size(), 1u);
    const image::Picture picture = media::decode(picture_bytes(data, sample), sample.image);
    EXPECT_EQ(picture.size, kUprightSize);
    expect_box(sample.objects[0].box, red_of(picture), 1.01F);
    expect_box(sample.objects[0].box, kObject);
  }
}

std::string voc_file(image::Size size, const image::Box& box) {
  return "<annotation><size><width>" + std::to_string(size.width) + "</width><height>" +
         std::to_string(size.height) + "</height></size><object><name>red</name><bndbox><xmin>" +
         std::to_string(static_cast<int>(box.left) + 1) + "</xmin><ymin>" +
         std::to_string(static_cast<int>(box.top) + 1) + "</ymin><xmax>" +
         std::to_string(static_cast<int>(box.right)) + "</xmax><ymax>" +
         std::to_string(static_cast<int>(box.bottom)) + "</ymax></bndbox></object></annotation>";
}

class Upright : public ::testing::Test {
 protected:
  void add_voc(const std::string& id, int orientation, image::Size size, const image::Box& box,
               const image::Box& red = kObject) {
    storage::write(folder_ / ("JPEGImages/" + id + ".jpg"), file_of(orientation, red));
    storage::write(folder_ / ("Annotations/" + id + ".xml"), voc_file(size, box));
  }
  Dataset read_it(BoxPixels exif = BoxPixels::kAuto) {
    findings_.clear();
    ReadOptions options;
    options.exif = exif;
    return read(folder_.path(), options, &findings_);
  }
  // The kinds of findings of reading and checking, except near duplicates.
  Counts checked(const Dataset& data, bool exif_known = false) {
    NoProgress progress;
    CheckOptions options;
    options.exif_known = exif_known;
    std::vector<Finding> all = check(data, progress, options);
    std::erase_if(all, [](const Finding& f) { return f.kind.find("duplicate") != f.kind.npos; });
    errors_ = static_cast<int>(std::count_if(all.begin(), all.end(), [](const Finding& f) {
      return f.severity == Finding::Severity::kError;
    }));
    return findings_by_kind(all);
  }

  ScratchFolder folder_;
  std::vector<Finding> findings_;
  int errors_ = 0;
};

// All orientations, from every format to every format.
TEST_F(Upright, BoxesStayOnTheirObjectsThroughEveryConversion) {
  Dataset all{folder_ / "photos", "voc", {"red"}, {}};
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const std::string id = "o" + std::to_string(orientation);
    storage::write(folder_ / ("photos/" + id + ".jpg"), file_of(orientation));
    Sample sample{id, folder_ / ("photos/" + id + ".jpg"), "", kUprightSize, 3, "train", {}};
    sample.objects.push_back({kObject, 0, false, false, false, ""});
    all.samples.push_back(sample);
  }
  NoProgress progress;
  for (const std::string& from : format_names()) {
    write(all, folder_ / from, from, progress);
    std::vector<Finding> findings;
    const Dataset first = read(folder_ / from, {from, {}, {}}, &findings);
    EXPECT_THAT(findings, ::testing::IsEmpty()) << from;
    for (const std::string& to : format_names()) {
      SCOPED_TRACE(from + " to " + to);
      const std::string out = folder_ / (from + "-" + to);
      write(first, out, to, progress);
      const Dataset second = read(out, {to, {}, {}});
      EXPECT_EQ(second.samples.size(), 8u);
      expect_on_object(second);
    }
  }
}

// YOLO, Keras and Create ML have no size: boxes are upright, as in labelling tools, or by the flag.
TEST_F(Upright, BoxesAreAsSeenUnlessTheFlagSaysStored) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    storage::write(folder_ / "y/images/a.jpg", file_of(orientation));
    storage::write(folder_ / "y/classes.txt", "red\n");
    for (const BoxPixels exif : {BoxPixels::kAuto, BoxPixels::kUpright, BoxPixels::kStored}) {
      SCOPED_TRACE(orientation);
      const bool stored = exif == BoxPixels::kStored;
      const image::Box box = stored ? stored_box(orientation) : kObject;
      const image::Size size = stored ? stored_size(orientation) : kUprightSize;
      const auto w = static_cast<float>(size.width), h = static_cast<float>(size.height);
      storage::write(
          folder_ / "y/labels/a.txt",
          fmt::format("0 {} {} {} {}\n", (box.left + box.right) / 2 / w,
                      (box.top + box.bottom) / 2 / h, box.width() / w, box.height() / h));
      ReadOptions options{"yolo", {}, {}};
      options.exif = exif;
      expect_on_object(read(folder_ / "y", options));
      const Sample sample = read(folder_ / "y", options).samples.at(0);
      EXPECT_EQ(sample.size, kUprightSize);
      EXPECT_EQ(sample.turned, stored && orientation > 1);

      storage::write(folder_ / "y/list.txt", fmt::format("images/a.jpg {},{},{},{},0\n", box.left,
                                                         box.top, box.right, box.bottom));
      options.format = "keras";
      expect_on_object(read(folder_ / "y/list.txt", options));

      storage::write(
          folder_ / "y/images/_annotations.createml.json",
          fmt::format(R"([{{"image": "a.jpg", "annotations": [{{"label": "red", "coordinates":
                         {{"x": {}, "y": {}, "width": {}, "height": {}}}}}]}}])",
                      (box.left + box.right) / 2, (box.top + box.bottom) / 2, box.width(),
                      box.height()));
      options.format = "createml";
      expect_on_object(read(folder_ / "y/images/_annotations.createml.json", options));
    }
  }
}

TEST_F(Upright, ASizeAsStoredSaysThatBoxesAreToo) {
  add_voc("seen5", 5, kUprightSize, kObject);
  expect_on_object(read_it());
  EXPECT_THAT(findings_, ::testing::IsEmpty());
  EXPECT_THAT(checked(read_it()), ::testing::IsEmpty()) << "its size says it";

  for (const int orientation : {5, 6, 7, 8}) {
    add_voc("seen5", orientation, stored_size(orientation), stored_box(orientation));
    const Dataset data = read_it();
    expect_on_object(data);
    EXPECT_TRUE(data.samples.at(0).turned);
    EXPECT_THAT(findings_by_kind(findings_), ElementsAre(Pair("exif-orientation", 1)));
    EXPECT_EQ(findings_.at(0).severity, Finding::Severity::kWarning);
    EXPECT_THAT(findings_.at(0).place, HasSubstr("Annotations/seen5.xml"));
    EXPECT_THAT(checked(data), ::testing::IsEmpty()) << "told already";
  }
}

TEST_F(Upright, EachImageGoesByItsOwnSize) {
  add_voc("a", 6, kUprightSize, kObject);
  add_voc("b", 8, stored_size(8), stored_box(8));
  add_voc("c", 3, kUprightSize, kObject);
  add_voc("d", 1, kUprightSize, kObject);
  expect_on_object(read_it());
}

// Images that are not rotated by 90°, or have no size, follow the others if those agree.
TEST_F(Upright, SizesThatSayNothingGoByTheOtherImages) {
  add_voc("a", 6, stored_size(6), stored_box(6));
  add_voc("b", 3, kUprightSize, stored_box(3));
  add_voc("c", 8, {0, 0}, stored_box(8));
  add_voc("d", 1, kUprightSize, kObject);
  const Dataset data = read_it();
  expect_on_object(data);
  EXPECT_EQ(findings_by_kind(findings_), (Counts{{"exif-orientation", 3}}));

  storage::remove(folder_ / "Annotations/a.xml");
  storage::remove(folder_ / "JPEGImages/a.jpg");
  const Dataset alone = read_it();
  EXPECT_EQ(sample_named(alone, "b").objects.at(0).box, stored_box(3)) << "as seen, then";
  EXPECT_EQ(checked(alone)["exif-orientation"], 2);
}

TEST_F(Upright, BoxesThatFitOnlyTheUprightImageOverruleAStoredSize) {
  const image::Box far{70, 8, 94, 24};  // past the stored 64 x 96
  add_voc("a", 6, stored_size(6), far, far);
  add_voc("b", 8, stored_size(8), kObject);
  const Dataset data = read_it();
  expect_box(sample_named(data, "a").objects.at(0).box, far);
  expect_box(sample_named(data, "b").objects.at(0).box, kObject);
  for (const Sample& sample : data.samples) EXPECT_EQ(sample.size, kUprightSize);
  EXPECT_EQ(findings_by_kind(findings_), (Counts{{"exif-orientation", 2}}));
  EXPECT_EQ(checked(data), Counts{});
}

TEST_F(Upright, LabelStudiosCocoHasStoredSizesAndBoxesAsSeen) {
  storage::write(folder_ / "images/a.jpg", file_of(6));
  const std::string text =
      R"({"images": [{"id": 0, "file_name": "images/a.jpg", "width": 64, "height": 96}],
          "categories": [{"id": 0, "name": "red"}],
          "annotations": [{"id": 0, "image_id": 0, "category_id": 0, "bbox": [30, 8, 20, 16]}],
          "info": {"version": "1.0", "contributor": "Label Studio"}})";
  storage::write(folder_ / "result.json", text);
  const Dataset data = read_it();
  EXPECT_EQ(data.samples.at(0).size, kUprightSize);
  expect_box(data.samples.at(0).objects.at(0).box, {30, 8, 50, 24});
  EXPECT_EQ(findings_by_kind(findings_), (Counts{{"exif-orientation", 1}}));

  std::string other = text;
  other.replace(other.find("Label Studio"), 12, "somebody");
  storage::write(folder_ / "result.json", other);
  expect_box(read_it().samples.at(0).objects.at(0).box, {72, 30, 88, 50});
  expect_box(read_it(BoxPixels::kUpright).samples.at(0).objects.at(0).box, {30, 8, 50, 24});
  EXPECT_EQ(read_it(BoxPixels::kUpright).samples.at(0).size, kUprightSize);
}

TEST_F(Upright, AnnotationsOfASmallerCopyAreTurnedInItsPixels) {
  const image::Box half{28, 4, 44, 12};
  add_voc("a", 6, {32, 48}, media::turned_upright(half, {48, 32}, 8));
  const Dataset data = read_it();
  EXPECT_EQ(data.samples.at(0).size, (image::Size{48, 32}));
  expect_box(data.samples.at(0).objects.at(0).box, half);
  NoProgress progress;
  std::vector<Finding> findings = check(data, progress);
  repair(data, findings, folder_ / "repaired", progress);
  expect_on_object(read(folder_ / "repaired"));
}

TEST_F(Upright, TheFlagOverrulesSizes) {
  const image::Box box{30, 8, 50, 24};
  add_voc("a", 6, kUprightSize, box);
  expect_box(read_it(BoxPixels::kStored).samples.at(0).objects.at(0).box,
             media::turned_upright(box, stored_size(6), 6));
  EXPECT_EQ(read_it(BoxPixels::kStored).samples.at(0).size, kUprightSize);
  EXPECT_EQ(checked(read_it(BoxPixels::kStored), true), Counts{});
  add_voc("a", 6, stored_size(6), kObject);
  expect_on_object(read_it(BoxPixels::kUpright));
}

// A Keras list of keras-yolo3, which ignores EXIF: it must not be trained on wrong boxes.
TEST_F(Upright, CheckRefusesBoxesThatFitOnlyTheStoredPixels) {
  storage::write(folder_ / "a.jpg", file_of(6));
  storage::write(folder_ / "train.txt", "a.jpg 10,70,30,90,0\n");
  storage::write(folder_ / "classes.txt", "red\n");
  EXPECT_EQ(checked(read_it())["exif-orientation"], 1);
  EXPECT_GT(errors_, 0);
  EXPECT_EQ(checked(read_it(BoxPixels::kStored), true), Counts{});
}

TEST_F(Upright, APackedSetSaysItItself) {
  add_voc("a", 6, kUprightSize, kObject);
  NoProgress progress;
  write(read_it(), folder_ / "packed", "shards", progress);
  ReadOptions options;
  options.exif = BoxPixels::kStored;
  try {
    read(folder_ / "packed", options);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUsage);
  }
  // One packed before the index declared it: decided by its sizes, which are stored ones.
  std::string index = storage::read_text(folder_ / "packed/shards.jsonl");
  const std::string says = R"("pixels":"upright",)";
  ASSERT_NE(index.find(says), index.npos);
  index.replace(index.find(says), says.size(), "");
  const auto swap = [&](const std::string& from, const std::string& to) {
    ASSERT_NE(index.find(from), index.npos) << from;
    index.replace(index.find(from), from.size(), to);
  };
  swap(R"("width":96)", R"("width":64)");
  swap(R"("height":64)", R"("height":96)");
  const image::Box b = stored_box(6);
  swap("[56.0,8.0,88.0,24.0]", fmt::format("[{},{},{},{}]", b.left, b.top, b.right, b.bottom));
  storage::write(folder_ / "packed/shards.jsonl", index);
  expect_on_object(read(folder_ / "packed"));
}

TEST_F(Upright, TrainingAndSheetsSeeImagesUpright) {
  for (const int orientation : {3, 6, 8}) {
    add_voc("o" + std::to_string(orientation), orientation, kUprightSize, kObject);
  }
  const Dataset data = read_it();
  for (const image::Size fit : {image::Size{}, image::Size{48, 32}}) {
    CachedPictures pictures(data, fit, {}, 1 << 20);
    for (std::size_t i = 0; i < data.samples.size(); ++i) {
      const PictureSource::Item item = pictures.get(i);
      const int divisor = fit == image::Size{} ? 1 : 2;
      EXPECT_EQ(item.picture->size, (image::Size{96 / divisor, 64 / divisor}));
      expect_box(item.objects.at(0).box, red_of(*item.picture), 1.01F);
    }
  }
  NoProgress progress;
  const image::Picture sheet = contact_sheet(data, {3, 3, 96, 0}, progress);
  for (int i = 0; i < 3; ++i) {  // landscape, so there is background above: 16 rows
    const auto at = [&](int x, int y) {
      return sheet.rgb[((6 + y) * sheet.size.width + 6 + i * 102 + x) * 3];
    };
    EXPECT_EQ(at(10, 8), at(90, 8));
    EXPECT_GT(at(72, 16 + 20), 180) << "the object";
    EXPECT_LT(at(24, 16 + 40), 180);
  }
}

}  // namespace
}  // namespace oko::dataset
