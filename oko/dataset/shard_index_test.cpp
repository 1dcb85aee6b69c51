#include "oko/dataset/shard_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "oko/base/error.h"
#include "oko/dataset/test_data.h"
#include "oko/dataset/text.h"

namespace oko::dataset {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The head and two images, each in its own shard.
std::vector<Json> index_lines() {
  const std::string text = R"(
{"format": "oko-shards", "version": 1, "pixels": "upright", "pictures": 2, "classes": ["cat", "dog"], "shards": [
  {"name": "train-000000.tar", "bytes": 10240, "crc32c": 7, "pictures": 1},
  {"name": "val-000000.tar", "bytes": 4096, "crc32c": 4294967295, "pictures": 1}]}|
{"id": "a/1.x", "shard": 0, "file": "a_1_x.jpg", "offset": 512, "bytes": 5000, "crc32c": 9,
 "width": 640, "height": 480, "depth": 3, "split": "train", "objects": [
  {"class": 1, "box": [0.1, 2, 30.25, 40], "difficult": true, "truncated": true},
  {"class": 0, "box": [0, 0, 640, 480], "crowd": true}]}|
{"id": "2", "shard": 1, "file": "2.png", "offset": 3584, "bytes": 512, "crc32c": 0,
 "width": 1, "height": 2, "objects": []})";
  std::vector<Json> lines;
  for (std::size_t from = 0; from < text.size();) {
    const auto end = std::min(text.find('|', from), text.size());
    lines.push_back(Json::parse(text.substr(from, end - from)));
    from = end + 1;
  }
  return lines;
}

std::string text_of(const std::vector<Json>& lines) {
  std::string text;
  for (const Json& line : lines) text += line.dump() + "\n";
  return text;
}

TEST(ShardIndex, ContainsShardsPlacesAndContent) {
  const ShardIndex index = parse_shard_index(text_of(index_lines()), "shards.jsonl");
  EXPECT_TRUE(index.upright);
  ASSERT_EQ(index.shards.size(), 2u);
  EXPECT_EQ(index.shards[1].name, "val-000000.tar");
  EXPECT_EQ(index.shards[1].bytes, 4096u);
  EXPECT_EQ(index.shards[1].crc32c, 0xFFFFFFFFU);
  ASSERT_EQ(index.places.size(), 2u);
  EXPECT_EQ(index.places[1].shard, 1u);
  EXPECT_EQ(index.places[0].file, "a_1_x.jpg");
  EXPECT_EQ(index.places[0].offset, 512u);
  EXPECT_EQ(index.places[0].bytes, 5000u);
  EXPECT_EQ(index.places[0].crc32c, 9u);
  const ParsedFile& content = index.content;
  EXPECT_THAT(content.classes, ElementsAre("cat", "dog"));
  EXPECT_THAT(content.findings, ::testing::IsEmpty());
  ASSERT_EQ(content.pictures.size(), 2u);
  const ParsedPicture& picture = content.pictures[0];
  EXPECT_EQ(picture.name, "a/1.x");
  EXPECT_EQ(picture.place, "shards.jsonl:2");
  EXPECT_EQ(picture.size, (image::Size{640, 480}));
  EXPECT_EQ(picture.depth, 3);
  EXPECT_EQ(picture.split, "train");
  ASSERT_EQ(picture.objects.size(), 2u);
  const Object& object = picture.objects[0];
  EXPECT_EQ(object.box, (image::Box{.1F, 2, 30.25F, 40}));
  EXPECT_EQ(object.class_id, 1);
  EXPECT_TRUE(object.difficult && object.truncated && !object.crowd);
  EXPECT_TRUE(picture.objects[1].crowd);
  EXPECT_EQ(content.pictures[1].split, "");
}

TEST(ShardIndex, IsWrittenAsItIsRead) {
  const ShardIndex index = parse_shard_index(text_of(index_lines()), "shards.jsonl");
  std::string text = shard_head_text(index.shards, index.content.classes, index.places.size());
  for (std::size_t i = 0; i < index.places.size(); ++i) {
    const ParsedPicture& picture = index.content.pictures[i];
    Sample sample{picture.name, "", "", picture.size, picture.depth, picture.split, {}};
    for (const ParsedObject& parsed : picture.objects) sample.objects.push_back(parsed);
    text += shard_picture_text(sample, index.places[i]);
  }
  std::size_t i = 0;
  for (const std::string_view line : split_lines(std::string_view(text))) {
    // Compared as values: members may be in any order, and 2 is 2.0.
    EXPECT_EQ(nlohmann::json::parse(line), nlohmann::json::parse(index_lines().at(i++).dump()));
  }
  EXPECT_EQ(i, 3u);
}

TEST(ShardIndex, IsRecognizedByItsFirstLine) {
  EXPECT_TRUE(is_shard_index(text_of(index_lines())));
  EXPECT_FALSE(is_shard_index(R"({"format": "other"})"));
  EXPECT_FALSE(is_shard_index(""));
}

TEST(ShardIndex, DropsUnusableBoxesLikeOtherFormats) {
  auto lines = index_lines();
  lines[1]["objects"][0]["box"] = {30, 40, 1, 2};
  lines[1]["objects"][1]["box"] = {1, 2, 1e300, 4};
  const ShardIndex index = parse_shard_index(text_of(lines), "shards.jsonl");
  EXPECT_EQ(findings_by_kind(index.content.findings),
            (Counts{{"inverted-box", 1}, {"bad-number", 1}}));
  EXPECT_EQ(index.content.findings[0].place, "shards.jsonl:2");
  EXPECT_EQ(index.content.pictures[0].objects.size(), 1u);
}

struct Wrong {
  std::string name;
  std::function<void(std::vector<Json>&)> change;
  std::string message;  // of what() a part
};

class WrongShardIndex : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongShardIndex, IsRejectedWithItsLine) {
  auto lines = index_lines();
  GetParam().change(lines);
  try {
    parse_shard_index(text_of(lines), "shards.jsonl");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInput);
    EXPECT_THAT(e.what(), HasSubstr(GetParam().message));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Lines, WrongShardIndex,
    ::testing::Values(
        Wrong{"Empty", [](auto& l) { l.clear(); }, "shards.jsonl: is empty"},
        Wrong{"OtherFormat", [](auto& l) { l[0]["format"] = "tar"; },
              "shards.jsonl:1: \"format\" is not \"oko-shards\""},
        Wrong{"LaterVersion", [](auto& l) { l[0]["version"] = 2; },
              "shards.jsonl:1: has version 2; this oko reads 1"},
        Wrong{"PictureMissing", [](auto& l) { l.pop_back(); },
              "shards.jsonl: lists 1 images, but its first line says 2"},
        Wrong{"CountOfAShard", [](auto& l) { l[0]["shards"][1]["pictures"] = 2; },
              "shards.jsonl: lists 1 images in val-000000.tar, but its first line says 2"},
        Wrong{"NameThatLeadsOut", [](auto& l) { l[0]["shards"][0]["name"] = "../a.tar"; },
              "shards.jsonl:1: a shard must be a .tar file next to the index"},
        Wrong{"NameElsewhere", [](auto& l) { l[0]["shards"][0]["name"] = "gs://b/a.tar"; },
              "a shard must be a .tar file next to the index"},
        Wrong{"ShardTwice", [](auto& l) { l[0]["shards"][1]["name"] = "train-000000.tar"; },
              "shard train-000000.tar is listed twice"},
        Wrong{"ClassTwice", [](auto& l) { l[0]["classes"][1] = "cat"; },
              "class \"cat\" is listed twice"},
        Wrong{"ChecksumTooLong", [](auto& l) { l[0]["shards"][0]["crc32c"] = 1LL << 32; },
              "\"crc32c\" is 4294967296, more than 32 bits"},
        Wrong{"NoSuchShard", [](auto& l) { l[1]["shard"] = 2; },
              "shards.jsonl:2: \"shard\" is 2, but there are 2"},
        Wrong{"NegativeShard", [](auto& l) { l[1]["shard"] = -1; },
              "\"shard\" must be a non-negative integer, found -1"},
        Wrong{"FileThatLeadsOut", [](auto& l) { l[1]["file"] = "../../a.jpg"; },
              "\"file\" must be an image name without folders"},
        Wrong{"FileThatIsNoPicture", [](auto& l) { l[1]["file"] = "a.sh"; },
              "\"file\" must be an image name"},
        Wrong{"SplitThatLeadsOut", [](auto& l) { l[1]["split"] = "../../escaped"; },
              "shards.jsonl:2: the split \"../../escaped\" cannot be used as a file name"},
        Wrong{"SplitInABucket", [](auto& l) { l[1]["split"] = "s3://bucket"; },
              "the split \"s3://bucket\" cannot be used as a file name"},
        Wrong{"PictureTwice", [](auto& l) { l[2]["id"] = "a/1.x"; },
              "shards.jsonl:3: image \"a/1.x\" is listed twice"},
        Wrong{"FileTwice",
              [](auto& l) {
                l[2]["shard"] = 0;
                l[2]["file"] = "a_1_x.jpg";
              },
              "shards.jsonl:3: a_1_x.jpg is listed twice in train-000000.tar"},
        Wrong{"OffsetInAHeader", [](auto& l) { l[1]["offset"] = 600; },
              "\"offset\" is 600, where no file in a tar can start"},
        Wrong{"PastTheEnd", [](auto& l) { l[2]["bytes"] = 513; },
              "shards.jsonl:3: 513 bytes at 3584 are not inside val-000000.tar (4096 bytes)"},
        Wrong{"SumThatOverflows", [](auto& l) { l[1]["bytes"] = ~0ULL; }, "are not inside"},
        Wrong{"NoBytes", [](auto& l) { l[1]["bytes"] = 0; }, "\"bytes\" is 0"},
        Wrong{"NoWidth", [](auto& l) { l[1]["width"] = 0; }, "\"width\" is 0"},
        Wrong{"BoxOfThree",
              [](auto& l) {
                l[1]["objects"][0]["box"] = {1, 2, 3};
              },
              "\"box\" must be four numbers: left, top, right, bottom"},
        Wrong{"NoObjects", [](auto& l) { l[1].erase("objects"); }, "\"objects\" is missing"}),
    [](const auto& test) { return test.param.name; });

TEST(ShardIndex, TruncatedIsRejected) {
  const std::string text = text_of(index_lines());
  try {
    parse_shard_index(std::string_view(text).substr(0, text.size() - 3), "shards.jsonl");
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.place(), HasSubstr("shards.jsonl"));
  }
  const auto second = text.find('\n') + 1;
  EXPECT_THROW(parse_shard_index(std::string_view(text).substr(0, second + 20), "x"), Error);
}

}  // namespace
}  // namespace oko::dataset
