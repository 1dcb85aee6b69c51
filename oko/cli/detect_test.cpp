#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>

#include "oko/cli/detect_output.h"
#include "oko/cli/test_command.h"
#include "oko/cli/test_model.h"
#include "oko/dataset/test_data.h"
#include "oko/media/picture.h"
#include "oko/media/video.h"

namespace oko::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

image::Picture grey(image::Size size) {
  return {size, std::vector<std::uint8_t>(static_cast<std::size_t>(size.width) *
                                              static_cast<std::size_t>(size.height) * 3,
                                          128)};
}

// Images a, b and c in the folder in; b is truncated in the middle of its data.
class Detect : public WithModel {
 protected:
  void SetUp() override {
    WithModel::SetUp();
    for (const char* name : {"a", "b", "c"}) {
      media::save(grey({64, 48}), file(std::string("in/") + name + ".jpg"));
    }
    const std::string whole = storage::read_text(file("in/b.jpg"));
    storage::write(file("in/b.jpg"), std::string_view(whole).substr(0, whole.size() - 60));
  }

  Outcome detect(std::vector<std::string> words) const {
    const std::vector<std::string> first = {
        "detect",          file("net.cfg"), "--weights", file("net.weights"), "--names",
        file("two.names"), "--threshold",   ".2",        "--threads",         "1"};
    words.insert(words.begin(), first.begin(), first.end());
    return oko_command(words);
  }
};

TEST_F(Detect, ContinuesAfterAFileThatCannotBeRead) {
  storage::write(file("in/clip.mp4"), "no clip");
  const Outcome outcome = detect({file("in"), "-o", file("out"), "--csv", file("boxes.csv")});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.error, HasSubstr("in/b.jpg: the file ends before its image does"));
  EXPECT_THAT(outcome.error, HasSubstr("in/clip.mp4: "));
  EXPECT_THAT(outcome.error, HasSubstr("2 of 4 sources could not be read"));
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("a.jpg: 1 rose, 1 leaf"), HasSubstr("c.jpg: 1 rose")));
  EXPECT_TRUE(storage::exists(file("out/a.jpg")) && storage::exists(file("out/c.jpg")));
  EXPECT_FALSE(storage::exists(file("out/b.jpg")) || storage::exists(file("out/clip.mp4")));
  EXPECT_THAT(storage::read_text(file("boxes.csv")),
              AllOf(StartsWith(csv_heading()), HasSubstr("a.jpg,,rose"), HasSubstr("c.jpg,,leaf")));
}

TEST_F(Detect, ReportsUnreadableFilesInJsonAndWithQuiet) {
  const Outcome outcome = detect({file("in"), "--json", "--quiet"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.error, HasSubstr("in/b.jpg: the file ends before its image does"));
  const Json document = parse_json(outcome.out, "out");
  ASSERT_EQ(document["results"].size(), 2U);
  EXPECT_EQ(document["results"][1]["source"], file("in/c.jpg"));
  ASSERT_EQ(document["failed"].size(), 1U);
  EXPECT_EQ(document["failed"][0]["source"], file("in/b.jpg"));
  EXPECT_EQ(document["failed"][0]["code"], 3);
}

TEST_F(Detect, LeavesOneValidDocumentWhenAnErrorStopsIt) {
  std::filesystem::create_directories(file("out/c.jpg/in-the-way"));
  const Outcome outcome =
      detect({file("in"), "-o", file("out"), "--csv", file("boxes.csv"), "--json"});
  EXPECT_NE(outcome.code, 0);
  EXPECT_THAT(outcome.error, HasSubstr("out/c.jpg: cannot write"));
  const Json document = parse_json(outcome.out, "out");
  EXPECT_EQ(document["results"].size(), 1U);
  EXPECT_EQ(document["error"]["code"], outcome.code);
  EXPECT_THAT(storage::read_text(file("boxes.csv")), HasSubstr("a.jpg,,rose"));
}

TEST_F(Detect, WritesAnEmptyDocumentIfNothingCouldBeRead) {
  const Outcome outcome = detect({file("in/b.jpg"), "--json"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_TRUE(parse_json(outcome.out, "out")["results"].empty());
  EXPECT_THAT(detect({file("in/b.jpg")}).out, Not(HasSubstr("best score")));
}

TEST_F(Detect, LeavesValidResultsWhenInterrupted) {
  constexpr int kFrames = 3000;
  {
    const auto clip = media::create_video(file("clip.avi"), {{16, 16}, 25, 0});
    for (int i = 0; i < kFrames; ++i) clip->add(grey({16, 16}));
    clip->close();
  }
  std::thread user([&] {
    const auto has_boxes = [&] {
      const auto entry = storage::stat(file("boxes.csv"));
      return entry && entry->size > csv_heading().size();
    };
    while (!has_boxes()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::raise(SIGINT);
  });
  const Outcome outcome =
      detect({file("clip.avi"), file("in/a.jpg"), "--csv", file("boxes.csv"), "--json"});
  user.join();
  EXPECT_EQ(outcome.code, 130);
  const std::size_t frames = parse_json(outcome.out, "out")["results"].size();
  EXPECT_GT(frames, 0U);
  EXPECT_LT(frames, static_cast<std::size_t>(kFrames));
  const std::string csv = storage::read_text(file("boxes.csv"));
  EXPECT_EQ(csv.back(), '\n');
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 2 * static_cast<long>(frames));
}

TEST_F(Detect, FollowsObjectsThroughAClip) {
  constexpr int kFrames = 20;
  {
    const auto clip = media::create_video(file("clip.avi"), {{16, 16}, 25, 0});
    for (int i = 0; i < kFrames; ++i) clip->add(grey({16, 16}));
    clip->close();
  }
  const Outcome outcome =
      detect({file("clip.avi"), "--zone", "0,0,16,0,16,16,0,16", "--line", "8,16,8,0", "--csv",
              file("boxes.csv"), "-o", file("found.avi"), "--json"});
  EXPECT_EQ(outcome.code, 0) << outcome.error;
  const Json document = parse_json(outcome.out, "out");
  ASSERT_EQ(document["results"].size(), static_cast<std::size_t>(kFrames));
  EXPECT_TRUE(document["results"][0]["detections"].empty());  // they are not confirmed yet
  const Json& first = document["results"][1]["detections"];
  const Json& last = document["results"][kFrames - 1]["detections"];
  ASSERT_FALSE(first.empty());
  ASSERT_EQ(first.size(), last.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i]["id"], i + 1);
    EXPECT_EQ(last[i]["id"], i + 1);
  }
  const Json& tracked = document["tracked"][0]["tracked"];
  EXPECT_EQ(tracked["objects"], first.size());
  EXPECT_EQ(tracked["counters"][0]["name"], "line 1");
  EXPECT_EQ(tracked["counters"][0]["in"], 0);
  EXPECT_EQ(tracked["counters"][1]["name"], "zone 1");
  EXPECT_EQ(tracked["counters"][1]["inside"], first.size());
  EXPECT_THAT(
      storage::read_text(file("boxes.csv")),
      AllOf(StartsWith("source,frame,class,score,left,top,right,bottom,id\n"), HasSubstr(",1\n")));
  EXPECT_TRUE(storage::exists(file("found.avi")));
  EXPECT_THAT(detect({file("clip.avi"), "--track"}).out, HasSubstr(" objects"));
}

TEST_F(Detect, RefusesLinesThatAreNone) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--line", "1,2,3"},
                                             {"--line", "1,2,3,x"},
                                             {"--line", "1,2,3,4,5,6"},
                                             {"--line", "1,2,1,2"},
                                             {"--line", "1,2,3,nan"},
                                             {"--line", "1,2,3,4,"},
                                             {"--zone", "1,2,3,4"},
                                             {"--zone", ""}}) {
    std::vector<std::string> all = {file("clip.avi")};
    storage::write(file("clip.avi"), "is not read");
    all.insert(all.end(), words.begin(), words.end());
    EXPECT_EQ(detect(all).code, 2) << words[1];
  }
  const Outcome outcome = detect({file("in/a.jpg"), "--track"});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.error, HasSubstr("objects are followed in videos"));
}

TEST_F(Detect, WritesResultsAsTheyArrive) {
  graph::Network network;
  network.classes = {"rose"};
  Found found{"a.jpg", -1, {10, 10}, {}};
  found.result.detections = {{0, .5F, {1, 2, 3, 4}}};
  BoxesCsv csv(file("boxes.csv"));
  std::ostringstream out;
  ResultsJson json(out);
  for (long frame = 0; frame < 3; ++frame) {
    found.frame = frame;
    csv.add(network, found);
    json.add(found_json(network, found));
    const std::string text = storage::read_text(file("boxes.csv"));
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2 + frame);
    EXPECT_THAT(out.str(), HasSubstr("\"frame\":" + std::to_string(frame)));
  }
  json.close({{"failed", Json::array()}});
  EXPECT_EQ(parse_json(out.str(), "out")["results"].size(), 3U);
}

// tx grows with brightness on the right, ty with brightness below: the box moves there.
std::string seeking_weights() {
  constexpr int kSide = 32, kPlane = kSide * kSide, kFilter = 3 * kPlane;
  std::vector<float> floats(static_cast<std::size_t>(kFloats));
  for (int i = 0; i < kFilter; ++i) {
    const int x = i % kSide, y = i % kPlane / kSide;
    floats[7 + i] = x < kSide / 2 ? -.1F : .1F;
    floats[7 + kFilter + i] = y < kSide / 2 ? -.1F : .1F;
  }
  const std::int32_t version[] = {0, 2, 0, 320, 0};
  std::string bytes(reinterpret_cast<const char*>(version), sizeof version);
  return bytes.append(reinterpret_cast<const char*>(floats.data()), floats.size() * sizeof(float));
}

TEST_F(Detect, FindsAndDrawsUprightWhateverTheOrientation) {
  storage::write(file("net.weights"), seeking_weights());
  image::Picture upright = grey({64, 40});
  for (int y = 0; y < 14; ++y) {  // bright in the top right corner
    auto* row = &upright.rgb[(y * 64 + 44) * 3];
    std::fill_n(row, 20 * 3, std::uint8_t{255});
  }
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const int inverse = orientation == 6 ? 8 : orientation == 8 ? 6 : orientation;
    const image::Picture stored = media::turned_upright(upright, inverse);
    storage::write(file("turned.jpg"), dataset::jpeg_with_orientation(stored, orientation));
    ASSERT_EQ(media::probe(storage::read(file("turned.jpg"))).exif_orientation, orientation);
    const Outcome outcome = detect({file("turned.jpg"), "-o", file("found.png"), "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    const Json result = parse_json(outcome.out, "out")["results"][0];
    EXPECT_EQ(result["width"], 64) << orientation;
    EXPECT_EQ(result["height"], 40) << orientation;
    const Json& box = result["detections"].at(0)["box"];
    EXPECT_GT((box[0].get<double>() + box[2].get<double>()) / 2, 40) << orientation;
    EXPECT_LT((box[1].get<double>() + box[3].get<double>()) / 2, 12) << orientation;
    const image::Picture drawn = media::decode(storage::read(file("found.png")), "found.png");
    ASSERT_EQ(drawn.size, upright.size);
    EXPECT_NEAR(drawn.rgb[(35 * 64 + 5) * 3], 128, 6);
  }
}

}  // namespace
}  // namespace oko::cli
