// How well ids stay with objects on ten rendered scenes, beside ByteTrack as its paper has it and
// beside matching boxes by their overlap alone.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "oko/track/testing/byte_track.h"
#include "oko/track/testing/plain_tracker.h"
#include "oko/track/testing/scene.h"
#include "oko/track/testing/scores.h"
#include "oko/track/tracker.h"

namespace oko::track {
namespace {

constexpr float kThreshold = .4F;

Scores score_of_oko(const Clip& clip) {
  Tracker tracker(Options{});
  std::vector<std::vector<Claim>> claims;
  for (const ClipFrame& frame : clip.frames) {
    claims.emplace_back();
    for (const Object& o : tracker.update(frame.detections, {.score = kThreshold}, frame.seconds)) {
      if (o.state == State::kSeen) claims.back().push_back({o.id, o.class_id, o.box});
    }
  }
  return score(clip, claims);
}

Scores score_of_plain(const Clip& clip) {
  PlainTracker tracker;
  std::vector<std::vector<Claim>> claims;
  for (const ClipFrame& frame : clip.frames) {
    claims.push_back(tracker.update(frame.detections, kThreshold));
  }
  return score(clip, claims);
}

Scores score_of_byte_track(const Clip& clip) {
  ByteTrack tracker;
  std::vector<std::vector<Claim>> claims;
  for (const ClipFrame& frame : clip.frames) claims.push_back(tracker.update(frame.detections));
  return score(clip, claims);
}

TEST(Scores, KnowWhatIsRightAndWhatIsNot) {
  const image::Box a{0, 0, 10, 10}, b{100, 0, 110, 10};
  Clip clip;
  for (int i = 0; i < 4; ++i) {
    clip.frames.push_back({i / 10., {{1, 0, a, a, 1}, {2, 0, b, b, 1}}, {}});
  }
  // Perfect.
  std::vector<std::vector<Claim>> claims(4, {{7, 0, a}, {8, 0, b}});
  Scores scores = score(clip, claims);
  EXPECT_EQ(scores.idf1, 1);
  EXPECT_EQ(scores.mota, 1);
  // Ids exchanged half way: both objects switch, and of 8 boxes 4 have their id.
  claims[2] = claims[3] = {{8, 0, a}, {7, 0, b}};
  scores = score(clip, claims);
  EXPECT_EQ(scores.switches, 2);
  EXPECT_NEAR(scores.idf1, .5, 1e-9);
  EXPECT_NEAR(scores.mota, 1 - 2 / 8., 1e-9);
  // One of another class, one missing, one too many.
  claims = {{{7, 1, a}, {8, 0, b}},
            {{8, 0, b}},
            {{7, 0, a}, {8, 0, b}, {9, 0, {50, 50, 60, 60}}},
            {{7, 0, a}, {8, 0, b}}};
  scores = score(clip, claims);
  EXPECT_EQ(scores.missed, 2);
  EXPECT_EQ(scores.wrong, 2);
  EXPECT_NEAR(scores.mota, 1 - 4 / 8., 1e-9);
  EXPECT_NEAR(scores.idf1, 2 * 6. / (8 + 8), 1e-9);
}

TEST(Scenes, IdsStayWithObjects) {
  double oko_idf1 = 0, byte_idf1 = 0, plain_idf1 = 0;
  int oko_switches = 0, byte_switches = 0, plain_switches = 0;
  for (const Scene& scene : scenes()) {
    SCOPED_TRACE(scene.name);
    const Clip clip = rendered(scene, 11);
    const Scores oko = score_of_oko(clip), byte = score_of_byte_track(clip),
                 plain = score_of_plain(clip);
    ASSERT_GT(oko.boxes, 100);
    EXPECT_GT(oko.mota, byte.mota);
    EXPECT_GT(oko.idf1, plain.idf1 - .03);
    EXPECT_GT(oko.idf1, byte.idf1 - .03);
    EXPECT_LE(oko.switches, plain.switches);
    oko_idf1 += oko.idf1 / 10;
    byte_idf1 += byte.idf1 / 10;
    plain_idf1 += plain.idf1 / 10;
    oko_switches += oko.switches;
    byte_switches += byte.switches;
    plain_switches += plain.switches;
  }
  EXPECT_GT(oko_idf1, .85);
  EXPECT_GT(oko_idf1, byte_idf1 + .03);
  EXPECT_GT(oko_idf1, plain_idf1 + .06);
  EXPECT_LT(3 * oko_switches, 2 * byte_switches);
  EXPECT_LT(4 * oko_switches, plain_switches);
}

}  // namespace
}  // namespace oko::track
