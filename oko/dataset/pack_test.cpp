#include "oko/dataset/pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "oko/base/error.h"
#include "oko/dataset/check.h"
#include "oko/dataset/format.h"
#include "oko/dataset/loader.h"
#include "oko/dataset/recognize.h"
#include "oko/dataset/repair.h"
#include "oko/dataset/test_data.h"
#include "oko/dataset/text.h"
#include "oko/dataset/write.h"
#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::dataset {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint64_t kSmallShards = 100'000;

std::vector<Shard> pack_to(const Dataset& data, const std::string& folder,
                           std::uint64_t shard_bytes = kSmallShards, std::uint64_t seed = 1) {
  NoProgress progress;
  PackOptions options;
  options.shard_bytes = shard_bytes;
  options.seed = seed;
  return pack(data, folder, options, progress);
}

// Everything but the URIs and the sizes that no annotation had.
void expect_same(const Dataset& a, const Dataset& b) {
  EXPECT_EQ(a.classes, b.classes);
  ASSERT_EQ(a.samples.size(), b.samples.size());
  for (std::size_t i = 0; i < a.samples.size(); ++i) {
    const Sample& x = a.samples[i];
    const Sample& y = b.samples[i];
    ASSERT_EQ(x.id, y.id);
    EXPECT_EQ(x.split, y.split);
    EXPECT_EQ(x.depth, y.depth);
    if (x.size != image::Size{}) {
      EXPECT_EQ(x.size, y.size);
    }
    EXPECT_EQ(picture_bytes(a, x).text(), picture_bytes(b, y).text());
    ASSERT_EQ(x.objects.size(), y.objects.size());
    for (std::size_t j = 0; j < x.objects.size(); ++j) {
      const Object& p = x.objects[j];
      const Object& q = y.objects[j];
      EXPECT_EQ(p.box, q.box) << "bit by bit";
      EXPECT_EQ(p.class_id, q.class_id);
      EXPECT_EQ(p.difficult, q.difficult);
      EXPECT_EQ(p.crowd, q.crowd);
      EXPECT_EQ(p.truncated, q.truncated);
    }
  }
  EXPECT_EQ(fingerprint(a), fingerprint(b));
}

void expect_kept(const Dataset& data, const std::string& folder) {
  const auto shards = pack_to(data, folder);
  EXPECT_GT(shards.size(), 2u);
  std::vector<Finding> findings;
  const Dataset again = read(folder, {}, &findings);
  EXPECT_EQ(again.format, "shards");
  EXPECT_THAT(findings, IsEmpty());
  expect_same(data, again);
}

Dataset read_thinned(const std::string& folder, std::size_t one_of,
                     const std::string& format = {}) {
  ReadOptions options;
  options.format = format;
  std::vector<Finding> ignored;
  Dataset data = read(folder, options, &ignored);
  std::size_t i = 0;
  std::erase_if(data.samples, [&](const Sample&) { return i++ % one_of != 0; });
  return data;
}

class PackOf : public ::testing::TestWithParam<std::string> {};

TEST_P(PackOf, KeepsAllOfRaccoonInThisFormat) {
  OKO_REFERENCE_DATA(folder, "raccoon");
  const ScratchFolder out;
  NoProgress progress;
  write(read_thinned(folder, 8), out / "source", GetParam(), progress);
  expect_kept(read(out / "source"), out / "packed");
}

INSTANTIATE_TEST_SUITE_P(Formats, PackOf, ::testing::ValuesIn(format_names()),
                         [](const auto& test) { return test.param; });

TEST(Pack, KeepsRealDatasets) {
  OKO_REFERENCE_DATA(raccoon, "raccoon");
  const ScratchFolder out;
  expect_kept(read_thinned(reference_data("bccd"), 5), out / "bccd");
  expect_kept(read_thinned(reference_data("coco128"), 3, "yolo"), out / "coco128");
  expect_kept(read_thinned(reference_data("coco128"), 3, "voc"), out / "coco128-voc");
  expect_kept(read(reference_data("voc2007_sample")), out / "voc");
  expect_kept(read_thinned(reference_data("playing_cards"), 10), out / "cards");
}

// Eleven small images in two splits and in none, with odd ids.
class PackTest : public ::testing::Test {
 protected:
  void SetUp() override {
    data_.uri = out_ / "in";
    data_.format = "voc";
    data_.classes = {"cat", "a dog"};
    const std::string far(300, 'x');
    for (const std::string& id :
         {std::string("a.b/c"), std::string("a_b_c"), std::string("A_B_C"), std::string("\"q\"?"),
          std::string("\xD0\xBA\xD1\x96\xD1\x82"), far + "1", far + "2", std::string(".hidden"),
          std::string("plain"), std::string(199, 'y') + "\xD0\xBA", std::string("z z")}) {
      add(id);
    }
  }

  void add(const std::string& id) {
    const auto i = static_cast<int>(data_.samples.size());
    Sample sample;
    sample.id = id;
    sample.image = out_ / ("in/" + std::to_string(i) + (i % 2 ? ".PNG" : ".png"));
    sample.size = {40 + i, 30};
    sample.split = i % 3 == 0 ? "train" : i % 3 == 1 ? "val" : "";
    sample.objects.push_back({{.1F, 1.0F / 3, 20, 25}, i % 2, i == 1, i == 2, i == 3, ""});
    image::Picture picture{sample.size, {}};
    for (int j = 0; j < (40 + i) * 30 * 3; ++j) {
      picture.rgb.push_back(static_cast<std::uint8_t>((j * (i + 3)) % 251));
    }
    storage::write(sample.image, media::encode_png(picture));
    data_.samples.push_back(std::move(sample));
  }

  // The Error of packing; checks that nothing is left.
  Error refusal(const PackOptions& options = {}) {
    NoProgress progress;
    try {
      pack(data_, out_ / "packed", options, progress);
    } catch (const Error& e) {
      if (storage::exists(out_ / "packed")) {
        EXPECT_THAT(storage::list(out_ / "packed"), IsEmpty());
      }
      return e;
    }
    throw std::runtime_error("packed");
  }

  // The Error of reading what was packed.
  Error wrong() {
    try {
      read(out_ / "packed");
    } catch (const Error& e) {
      return e;
    }
    throw std::runtime_error("read");
  }

  ScratchFolder out_;
  Dataset data_;
};

TEST_F(PackTest, KeepsOddNamesAndPicturesOfNoSplit) {
  const auto shards = pack_to(data_, out_ / "packed", 1);
  EXPECT_EQ(shards.size(), data_.samples.size()) << "one shard each, as none has room for two";
  const Dataset again = read(out_ / "packed");
  expect_same(data_, again);
  std::vector<std::string> names;
  for (const Sample& sample : again.samples) names.push_back(storage::filename(sample.image));
  EXPECT_THAT(std::vector(names.begin(), names.begin() + 5),
              ElementsAre("a_b_c.png", "a_b_c_2.png", "A_B_C_3.png", "_q__.png",
                          "\xD0\xBA\xD1\x96\xD1\x82.png"));
  EXPECT_EQ(names[5], std::string(200, 'x') + ".png");
  EXPECT_EQ(names[6], std::string(200, 'x') + "_2.png");
  EXPECT_EQ(names[7], "_hidden.png");
  EXPECT_EQ(names[9], std::string(199, 'y') + ".png") << "no half of a character";
}

TEST_F(PackTest, FillsShardsUpToTheirSizeBySplits) {
  const auto shards = pack_to(data_, out_ / "packed", 12'000);
  std::vector<std::string> names;
  std::uint64_t pictures = 0;
  for (const Shard& shard : shards) {
    names.push_back(shard.name);
    pictures += shard.pictures;
    EXPECT_LE(shard.bytes, 12'000u);
    EXPECT_EQ(shard.bytes, storage::stat(out_ / ("packed/" + shard.name))->size);
  }
  EXPECT_EQ(pictures, data_.samples.size());
  EXPECT_TRUE(std::is_sorted(names.begin(), names.begin() + 2));
  EXPECT_THAT(names, ::testing::Contains("train-000000.tar"));
  EXPECT_THAT(names, ::testing::Contains("train-000001.tar"));
  EXPECT_THAT(names, ::testing::Contains("val-000000.tar"));
  EXPECT_THAT(names, ::testing::Contains("unsplit-000000.tar"));
  const auto whole = pack_to(subset(data_, "val"), out_ / "val", 1 << 20);
  ASSERT_EQ(whole.size(), 1u);
  EXPECT_EQ(whole[0].name, "val-000000.tar");
}

TEST_F(PackTest, MixesBySeedAndGivesTheSameBytesAgain) {
  for (Sample& sample : data_.samples) sample.split.clear();
  const auto order = [&](const std::string& name, std::uint64_t seed) {
    const auto shards = pack_to(data_, out_ / name, 1 << 20, seed);
    EXPECT_EQ(shards.size(), 1u);
    EXPECT_EQ(shards[0].name, "pictures-000000.tar");
    const ShardIndex index =
        parse_shard_index(storage::read_text(out_ / (name + "/shards.jsonl")), "index");
    std::vector<std::uint64_t> offsets;
    for (const ShardPlace& place : index.places) offsets.push_back(place.offset);
    return offsets;
  };
  const auto plain = order("plain", 0), first = order("first", 1), second = order("second", 2);
  EXPECT_TRUE(std::is_sorted(plain.begin(), plain.end()));
  EXPECT_FALSE(std::is_sorted(first.begin(), first.end()));
  EXPECT_NE(first, second);
  EXPECT_EQ(order("again", 1), first);
  for (const char* name : {"/pictures-000000.tar", "/shards.jsonl"}) {
    EXPECT_EQ(storage::read_text(out_ / "first" + name), storage::read_text(out_ / "again" + name));
  }
}

TEST_F(PackTest, PutsBoxesBesideEachPictureForWebDataset) {
  if (std::system("python3 --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no python3";
  pack_to(data_, out_ / "packed", 1 << 20);
  storage::write(out_ / "pairs.py",
                 "import json, sys, tarfile\n"
                 "tar = tarfile.open(sys.argv[1])\n"
                 "members = tar.getmembers()\n"
                 "assert len(members) % 2 == 0\n"
                 "for picture, text in zip(members[::2], members[1::2]):\n"
                 "    assert picture.name.split('.') == [text.name[:-5], 'png'], picture.name\n"
                 "    told = json.load(tar.extractfile(text))\n"
                 "    told['bytes'] = picture.size\n"
                 "    print(json.dumps(told))\n");
  const std::string command = "python3 '" + out_ / "pairs.py" + "' '" +
                              out_ / "packed/train-000000.tar" + "' > '" + out_ / "told" + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::map<std::string, Json> told;
  const std::string text = storage::read_text(out_ / "told");
  for (const std::string_view line : split_lines(std::string_view(text))) {
    const Json one = parse_json(line, "told");
    told[one.at("id").get<std::string>()] = one;
  }
  EXPECT_EQ(told.size(), 4u);
  const Sample& sample = data_.samples[3];
  const Json& one = told.at(sample.id);
  EXPECT_EQ(one.at("bytes"), storage::stat(sample.image)->size);
  EXPECT_EQ(one.at("width"), 43);
  EXPECT_EQ(one.at("split"), "train");
  EXPECT_EQ(one.at("objects").dump(),
            R"([{"class":"a dog","box":[0.1,0.33333334,20.0,25.0],"truncated":true}])");
}

TEST_F(PackTest, ReadsASizeThatNoAnnotationHasFromTheImage) {
  data_.samples[0].size = {};
  pack_to(data_, out_ / "packed");
  EXPECT_EQ(read(out_ / "packed").samples[0].size, (image::Size{40, 30}));
}

TEST_F(PackTest, LeavesNothingIfAnImageCannotBeRead) {
  PackOptions options;
  options.shard_bytes = 1;
  options.seed = 0;
  std::filesystem::remove(data_.samples[7].image);
  EXPECT_THAT(refusal(options).what(), HasSubstr(data_.samples[7].image));
  storage::write(data_.samples[7].image, "");
  EXPECT_THAT(refusal(options).what(), HasSubstr("7.PNG: the image is empty"));
  storage::write(data_.samples[7].image, "no picture");
  data_.samples[7].size = {};
  EXPECT_THAT(refusal(options).what(), HasSubstr("the image size cannot be read"));
}

TEST_F(PackTest, LeavesNothingIfItIsInterrupted) {
  PackOptions options;
  options.shard_bytes = 1;
  int asked = 0;
  options.interrupted = [&] { return ++asked > 6; };
  EXPECT_EQ(refusal(options).code(), ErrorCode::kInterrupted);
  EXPECT_EQ(asked, 7);
}

TEST_F(PackTest, RejectsWhatTheIndexCannotRepresent) {
  data_.samples[2].id = "\xFF";
  EXPECT_THAT(refusal().what(), HasSubstr("2.png: a name in it is not UTF-8"));
  data_.samples[2].id = "2";
  data_.classes[1] = "cat";
  EXPECT_THAT(refusal().what(), HasSubstr("class \"cat\" is listed twice"));
  data_.samples.clear();
  EXPECT_EQ(refusal().code(), ErrorCode::kUsage);
}

TEST_F(PackTest, RejectsAFolderThatIsNotEmpty) {
  EXPECT_EQ(wrong().code(), ErrorCode::kInput);
  pack_to(data_, out_ / "packed");
  try {
    pack_to(data_, out_ / "packed");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUsage);
  }
  expect_same(data_, read(out_ / "packed"));
}

TEST_F(PackTest, IsReadByItsIndexAndInTheRequestedClassOrder) {
  pack_to(data_, out_ / "packed");
  ReadOptions options;
  options.classes = {"a dog", "cat"};
  const Dataset again = read(out_ / "packed/shards.jsonl", options);
  EXPECT_EQ(again.format, "shards");
  EXPECT_EQ(again.samples[0].objects[0].class_id, 1);
  EXPECT_EQ(again.samples[0].objects[0].place, "shards.jsonl:2");
}

TEST_F(PackTest, DetectsAMissingShard) {
  pack_to(data_, out_ / "packed", 1 << 20);
  std::filesystem::remove(out_ / "packed/val-000000.tar");
  const Error e = wrong();
  EXPECT_EQ(e.code(), ErrorCode::kInput);
  EXPECT_EQ(e.place(), out_ / "packed/val-000000.tar");
  EXPECT_EQ(e.message(), "the shard is missing, but the index lists it");
  EXPECT_EQ(e.hint(), "pack again or copy again");
}

TEST_F(PackTest, DetectsAShardOfTheWrongSize) {
  const auto shards = pack_to(data_, out_ / "packed", 1 << 20);
  const std::string name = out_ / "packed/train-000000.tar";
  const auto size = std::filesystem::file_size(name);
  for (const auto other : {size - 1, size + 512}) {
    std::filesystem::resize_file(name, other);
    EXPECT_EQ(wrong().message(), "has " + std::to_string(other) + " bytes, but the index says " +
                                     std::to_string(size));
    EXPECT_EQ(wrong().hint(), "pack again or copy again");
  }
}

TEST_F(PackTest, DetectsAnImageWhoseBytesChanged) {
  pack_to(data_, out_ / "packed", 1 << 20);
  const ShardIndex index =
      parse_shard_index(storage::read_text(out_ / "packed/shards.jsonl"), "index");
  const ShardPlace& place = index.places[3];
  const std::string name = out_ / ("packed/" + index.shards[place.shard].name);
  std::string content = storage::read_text(name);
  content[place.offset + place.bytes / 2] ^= 1;
  storage::write(name, content);
  const Dataset again = read(out_ / "packed");
  EXPECT_NO_THROW(picture_bytes(again, again.samples[0]));
  EXPECT_THROW(picture_bytes(again, again.samples[3]), Error);
  NoProgress progress;
  EXPECT_EQ(findings_by_kind(check(again, progress)).at("unreadable-image"), 1);
}

TEST_F(PackTest, IsSplitAndRepairedAsShards) {
  pack_to(data_, out_ / "packed");
  NoProgress progress;
  const Dataset packed = read(out_ / "packed");
  std::vector<Finding> findings = check(packed, progress);
  repair(packed, findings, out_ / "repaired", progress);
  EXPECT_EQ(read(out_ / "repaired").format, "shards");
  EXPECT_EQ(fingerprint(read(out_ / "repaired")), fingerprint(packed));
}

TEST(PackedData, HaveTheSameFindingsAsTheFiles) {
  OKO_REFERENCE_DATA(folder, "raccoon");
  const ScratchFolder out;
  const Dataset data = read_thinned(folder, 5);
  pack_to(data, out / "packed");
  NoProgress progress;
  auto before = check(data, progress), after = check(read(out / "packed"), progress);
  EXPECT_EQ(findings_by_kind(before), findings_by_kind(after));
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(before[i].sample, after[i].sample);
}

TEST(PackedData, GiveTheTrainerTheSameBatches) {
  OKO_REFERENCE_DATA(folder, "raccoon");
  const ScratchFolder out;
  const Dataset data = read_thinned(folder, 8);
  pack_to(data, out / "packed");
  const Dataset packed = read(out / "packed");
  LoaderOptions options;
  options.input = {96, 96};
  options.augmentation.mosaic = .5;
  options.threads = 2;
  Loader of_files(data, options), of_shards(packed, options);
  of_files.start(3);
  of_shards.start(3);
  int batches = 0;
  while (const auto wanted = of_files.next()) {
    const auto batch = of_shards.next();
    ASSERT_TRUE(batch);
    EXPECT_EQ(batch->samples, wanted->samples);
    EXPECT_EQ(batch->inputs, wanted->inputs);
    ++batches;
  }
  EXPECT_EQ(batches, of_files.batches_per_epoch());
  EXPECT_FALSE(of_shards.next());
}

}  // namespace
}  // namespace oko::dataset
