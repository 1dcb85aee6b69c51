#include "oko/dataset/write.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "oko/base/error.h"
#include "oko/dataset/format.h"
#include "oko/dataset/test_data.h"
#include "oko/dataset/unicode.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

// Whole-pixel edges are kept by every format; others by all but VOC and the Keras list.
void expect_same(const Dataset& a, const Dataset& b, const std::string& format) {
  EXPECT_EQ(a.classes, b.classes);
  ASSERT_EQ(a.samples.size(), b.samples.size());
  const float near = format == "voc" || format == "keras" ? .51F : 1e-4F;
  for (const Sample& sample : a.samples) {
    const Sample& other = sample_named(b, sample.id);
    EXPECT_EQ(sample.split, other.split);
    EXPECT_EQ(picture_bytes(a, sample).text(), picture_bytes(b, other).text());
    ASSERT_EQ(sample.objects.size(), other.objects.size()) << sample.id;
    for (std::size_t i = 0; i < sample.objects.size(); ++i) {
      const Object& x = sample.objects[i];
      const Object& y = other.objects[i];
      EXPECT_EQ(x.class_id, y.class_id);
      EXPECT_NEAR(x.box.left, y.box.left, near);
      EXPECT_NEAR(x.box.top, y.box.top, near);
      EXPECT_NEAR(x.box.right, y.box.right, near);
      EXPECT_NEAR(x.box.bottom, y.box.bottom, near);
      if (format == "voc" || format == "coco") {
        EXPECT_EQ(x.difficult, y.difficult);
      }
    }
  }
}

// Every tenth image, to keep the test fast.
Dataset thinned(Dataset data) {
  std::size_t i = 0;
  std::erase_if(data.samples, [&](const Sample&) { return i++ % 10 != 0; });
  return data;
}

class RoundTrip : public ::testing::TestWithParam<const char*> {};

TEST_P(RoundTrip, KeepsRaccoon) {
  OKO_REFERENCE_DATA(folder, "raccoon");
  const ScratchFolder out;
  NoProgress progress;
  const Dataset data = thinned(read(folder));
  write(data, out / "new", GetParam(), progress);
  std::vector<Finding> findings;
  const Dataset again = read(out / "new", {}, &findings);
  EXPECT_EQ(again.format, GetParam());
  EXPECT_THAT(findings, ::testing::IsEmpty());
  expect_same(data, again, GetParam());
  if (again.format != "yolo") {
    EXPECT_EQ(fingerprint(data), fingerprint(again));
  }
}

TEST_P(RoundTrip, KeepsTheThreeSplitsOfBccd) {
  OKO_REFERENCE_DATA(folder, "bccd");
  const ScratchFolder out;
  NoProgress progress;
  const Dataset data = thinned(read(folder));
  write(data, out / "new", GetParam(), progress);
  expect_same(data, read(out / "new"), GetParam());
}

TEST_P(RoundTrip, KeepsTheSampleOfVoc2007) {
  OKO_REFERENCE_DATA(folder, "voc2007_sample");
  const ScratchFolder out;
  NoProgress progress;
  const Dataset data = read(folder);
  write(data, out / "new", GetParam(), progress);
  expect_same(data, read(out / "new"), GetParam());
}

TEST_P(RoundTrip, KeepsCoco128LabelsWithBackgroundsAndNoSplits) {
  OKO_REFERENCE_DATA(folder, "coco128");
  const ScratchFolder out;
  NoProgress progress;
  ReadOptions options;
  options.format = "yolo";
  std::vector<Finding> ignored;
  const Dataset data = thinned(read(folder, options, &ignored));
  write(data, out / "new", GetParam(), progress);
  expect_same(data, read(out / "new"), GetParam());
}

TEST_P(RoundTrip, KeepsPicturesOfNoSplitAndOddNames) {
  const ScratchFolder out;
  Dataset data{"", "voc", {"a b", "it's: #1"}, {}};
  for (const std::string id : {"x y", "sub/x y", "sub_x y"}) {
    Sample sample;
    sample.id = id;
    sample.image = out / ("in/" + id + ".PNG");
    sample.size = {100, 80};
    sample.split = id == "x y" ? "" : "train";
    sample.objects.push_back({{1, 2, 30, 40}, 1, false, false, false, ""});
    storage::write(sample.image, media::encode_png({{100, 80}, std::vector<std::uint8_t>(24000)}));
    data.samples.push_back(sample);
  }
  NoProgress progress;
  write(data, out / "new", GetParam(), progress);
  const Dataset again = read(out / "new");
  EXPECT_EQ(again.classes, data.classes);
  EXPECT_EQ(pictures_by_split(again), (Counts{{"", 1}, {"train", 2}}));
  EXPECT_EQ(count_objects(again), 3u);
}

INSTANTIATE_TEST_SUITE_P(Formats, RoundTrip, ::testing::ValuesIn([] {
                           std::vector<const char*> names;
                           for (const std::string& name : format_names()) {
                             names.push_back(name.c_str());
                           }
                           return names;
                         }()),
                         [](const auto& test) { return std::string(test.param); });

// Classes keep their names and order, or nothing is written.
TEST(Write, HostileClassNamesKeepTheirOrderOrAreRejected) {
  const ScratchFolder folder;
  image::Picture picture{{40, 20}, std::vector<std::uint8_t>(2400, 9)};
  storage::write(folder / "a.png", media::encode_png(picture));
  int number = 0;
  for (const std::string name :
       {"#10 bolt", "a, b", "\"q\" 'r'", "~", "null", "yes", "[x]", "a: b", "<b>&amp;", "\xD0\xBA",
        "a\nb", " a", "a ", "a\tb", "\xE2\x80\xA8", "", "  ", "caf\xE9", "cat"}) {
    Dataset data;
    data.classes = {name, "cat"};
    data.samples.push_back({"a", folder / "a.png", "", {40, 20}, 0, "", {}});
    data.samples[0].objects = {{{1, 2, 20, 10}, 0, false, false, false, "p"},
                               {{5, 6, 30, 18}, 1, false, false, false, "p"}};
    for (const std::string& format : format_names()) {
      const std::string out = folder / std::to_string(++number);
      NoProgress progress;
      try {
        write(data, out, format, progress);
      } catch (const Error& e) {
        EXPECT_TRUE(format == "voc" || format == "keras" || format == "createml" || name.empty() ||
                    name == "cat" || name == "caf\xE9" || (name == "  " && format == "yolo"))
            << e.what();
        EXPECT_FALSE(storage::stat(out)) << format;
        continue;
      }
      std::vector<Finding> findings;
      const Dataset again = read(out, {}, &findings);
      EXPECT_EQ(again.classes, data.classes) << format;
      ASSERT_EQ(again.samples.at(0).objects.size(), 2u) << format << name;
      EXPECT_EQ(again.samples[0].objects[1].class_id, 1) << format << name;
    }
  }
}

TEST(Write, RefusesALinkThatLeadsNowhereBeforeAnyWork) {
  const ScratchFolder folder;
  std::filesystem::create_symlink("nowhere", folder / "link");
  EXPECT_THROW(expect_new_folder(folder / "link"), Error);
  EXPECT_NO_THROW(expect_new_folder(folder / "new"));
}

// `count` pictures "p0", "p1", …, each with a box.
Dataset small_dataset(const ScratchFolder& folder, int count) {
  storage::write(folder / "in/a.png",
                 media::encode_png({{40, 20}, std::vector<std::uint8_t>(2400, 9)}));
  Dataset data{folder / "in", "voc", {"cat"}, {}};
  for (int i = 0; i < count; ++i) {
    data.samples.push_back(
        {"p" + std::to_string(i), folder / "in/a.png", "", {40, 20}, 0, "train", {}});
    data.samples.back().objects = {{{1, 2, 20, 10}, 0, false, false, false, "p"}};
  }
  return data;
}

TEST(Write, LeavesNothingOfADatasetThatFailsMidway) {
  const ScratchFolder folder;
  const Dataset data = small_dataset(folder, 20);
  NoProgress progress;
  for (const std::string& format : format_names()) {
    const std::string out = folder / ("out/" + format);
    const PictureFiles pictures = [&](const Sample& sample) -> PictureFile {
      if (sample.id == "p15") throw input_error(sample.id, "is broken");
      return {".png", picture_bytes(data, sample)};
    };
    EXPECT_THROW(write(data, out, format, progress, pictures), Error) << format;
    EXPECT_TRUE(!storage::exists(out) || storage::list(out).empty()) << format;
    write(data, out, format, progress);  // the same place is good again
  }
}

TEST(Write, RejectsSplitsThatAreNotPlainNamesBeforeWriting) {
  const ScratchFolder folder;
  Dataset data = small_dataset(folder, 2);
  NoProgress progress;
  for (const char* split :
       {"../up", "/tmp/up", "..", "s3://bucket", "a/b", "a\\b", "a\nb", ".hidden"}) {
    data.samples[1].split = split;
    for (const std::string& format : format_names()) {
      if (format == "shards" && std::string_view(split) == ".hidden") continue;  // no folder there
      EXPECT_THROW(write(data, folder / "out/new", format, progress), Error) << format << split;
    }
  }
  EXPECT_FALSE(storage::exists(folder / "out"));
  EXPECT_FALSE(storage::exists(folder / "up"));
}

TEST(Write, RejectsTwoSplitsThatWouldBeOneFile) {
  const ScratchFolder folder;
  Dataset data = small_dataset(folder, 2);
  NoProgress progress;
  data.samples[0].split = "classes";  // classes.txt is the class list
  EXPECT_THROW(write(data, folder / "out", "keras", progress), Error);
  data.samples[0].split = "";
  data.samples[1].split = "unsplit";
  EXPECT_THROW(write(data, folder / "out", "createml", progress), Error);
  data.samples[0].split = "A";  // one folder where case makes no difference
  data.samples[1].split = "a";
  EXPECT_THROW(write(data, folder / "out", "yolo", progress), Error);
  EXPECT_FALSE(storage::exists(folder / "out"));
}

TEST(Write, KeepsLongIdsAndShortensThoseThatNoFileCanHave) {
  const ScratchFolder folder;
  Dataset data = small_dataset(folder, 4);
  data.samples[0].id = std::string(246, 'a');
  data.samples[1].id = std::string(400, 'b');
  data.samples[2].id = std::string(400, 'b') + "2";
  data.samples[3].id = "sub/" + std::string(250, 'c');
  NoProgress progress;
  for (const std::string& format : format_names()) {
    write(data, folder / ("out/" + format), format, progress);
    const Dataset again = read(folder / ("out/" + format));
    ASSERT_EQ(again.samples.size(), 4u) << format;
    EXPECT_EQ(count_objects(again), 4u) << format;
    EXPECT_EQ(sample_named(again, data.samples[0].id).objects.size(), 1u) << format;
  }
}

TEST(Write, NamesThatAFileSystemMayConfuseStayDifferent) {
  const ScratchFolder folder;
  Dataset data = small_dataset(folder, 5);
  data.samples[0].id = "Caf\xC3\xA9";
  data.samples[1].id = "cafe\xCC\x81";
  data.samples[2].id = "caf\xC3\x89";
  data.samples[3].id = " blanks ";
  data.samples[4].id = "blanks";
  NoProgress progress;
  for (const std::string& format : format_names()) {
    const std::string out = folder / ("out/" + format);
    write(data, out, format, progress);
    const Dataset again = read(out);
    EXPECT_EQ(again.samples.size(), 5u) << format;
    EXPECT_EQ(count_objects(again), 5u) << format;
    EXPECT_EQ(pictures_by_split(again), (Counts{{"train", 5}})) << format;
    if (format == "shards") continue;
    std::set<std::string> names;
    for (const Sample& sample : again.samples) {
      EXPECT_TRUE(names.insert(folded(storage::filename(sample.image))).second) << sample.image;
    }
  }
}

TEST(Write, IdsThatAreNotUtf8BecomeNamesThatListsCanHold) {
  const ScratchFolder folder;
  Dataset data = small_dataset(folder, 2);
  data.samples[0].id = "caf\xE9";
  data.samples[1].id = "caf\xE8";
  NoProgress progress;
  for (const std::string format : {"voc", "coco", "yolo", "keras", "createml"}) {
    write(data, folder / format, format, progress);
    std::vector<Finding> findings;
    const Dataset again = read(folder / format, {}, &findings);
    EXPECT_THAT(findings, ::testing::IsEmpty()) << format;
    EXPECT_EQ(again.samples.size(), 2u) << format;
    EXPECT_EQ(count_objects(again), 2u) << format;
  }
  EXPECT_THROW(write(data, folder / "shards", "shards", progress), Error);
  EXPECT_FALSE(storage::exists(folder / "shards"));
}

TEST(Write, AFolderAppearsUnderItsNameWhenItIsComplete) {
  const ScratchFolder folder;
  const Dataset data = small_dataset(folder, 3);
  NoProgress progress;
  for (const std::string& format : format_names()) {
    const std::string out = folder / format;
    write(data, out, format, progress, [&](const Sample& sample) {
      EXPECT_FALSE(storage::exists(out)) << format;
      return PictureFile{".png", picture_bytes(data, sample)};
    });
    EXPECT_TRUE(storage::exists(out)) << format;
  }
}

TEST(Write, RejectsAFolderThatIsNotEmpty) {
  const ScratchFolder out;
  storage::write(out / "precious.txt", "");
  Dataset data{"", "voc", {"a"}, {Sample{}}};
  data.samples[0].size = {1, 1};
  NoProgress progress;
  try {
    write(data, out.path(), "voc", progress);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUsage);
  }
  EXPECT_THROW(write(data, out / "new", "pascal", progress), Error);
}

TEST(Recognize, ReportsWhatItLookedForAndTheCandidates) {
  const ScratchFolder folder;
  storage::write(folder / "a.jpg", "");
  try {
    read(folder.path());
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInput);
    EXPECT_THAT(e.what(), ::testing::HasSubstr("looked for VOC"));
  }
  storage::write(folder / "a.xml", "<annotation><filename>a.jpg</filename></annotation>");
  storage::write(folder / "c.json", R"({"images": [], "annotations": [], "categories": []})");
  try {
    read(folder.path());
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUsage);
    EXPECT_THAT(e.what(), ::testing::HasSubstr("voc (a.xml) or coco (c.json)"));
  }
  EXPECT_THROW(read(folder / "none"), Error);
}

}  // namespace
}  // namespace oko::dataset
