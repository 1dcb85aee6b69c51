#include <gmock/gmock.h>
#include <oko/oko.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "oko/runtime/test_c_api.h"

namespace oko::runtime {
namespace {

using TrackerHandle = Owned<oko_tracker, oko_tracker_destroy>;

TrackerHandle make_tracker(const oko_tracker_options* options = nullptr) {
  oko_tracker* tracker = nullptr;
  EXPECT_EQ(oko_tracker_create(options, &tracker), OKO_OK) << oko_last_error();
  return TrackerHandle(tracker);
}

struct Objects {
  const oko_object* items = nullptr;
  std::size_t count = 0;
};

Objects update(const TrackerHandle& tracker, const std::vector<oko_detection>& detections,
               double seconds) {
  Objects objects;
  EXPECT_EQ(oko_tracker_update(tracker.get(), detections.data(), detections.size(), nullptr,
                               seconds, &objects.items, &objects.count),
            OKO_OK)
      << oko_last_error();
  return objects;
}

oko_detection detection_at(float x, float score = .9F) { return {1, score, x, 40, x + 30, 80}; }

TEST(TrackerApi, FollowsDetections) {
  const TrackerHandle tracker = make_tracker();
  EXPECT_EQ(update(tracker, {detection_at(10)}, 0).count, 0U);
  Objects objects = update(tracker, {detection_at(13)}, .1);
  ASSERT_EQ(objects.count, 1U);
  EXPECT_EQ(objects.items[0].id, 1U);
  EXPECT_EQ(objects.items[0].class_id, 1);
  EXPECT_EQ(objects.items[0].state, OKO_SEEN);
  EXPECT_NEAR(objects.items[0].left, 13, 1);
  EXPECT_FLOAT_EQ(objects.items[0].score, .9F);
  EXPECT_DOUBLE_EQ(objects.items[0].age, .1);
  objects = update(tracker, {}, .2);
  ASSERT_EQ(objects.count, 1U);
  EXPECT_EQ(objects.items[0].state, OKO_HIDDEN);
  const oko_event* events = nullptr;
  std::size_t count = 0;
  ASSERT_EQ(oko_tracker_events(tracker.get(), &events, &count), OKO_OK);
  ASSERT_EQ(count, 1U);
  EXPECT_EQ(events[0].kind, OKO_LOST);
  EXPECT_EQ(events[0].object, 1U);
  EXPECT_EQ(events[0].counter, -1);
  oko_tracker_reset(tracker.get());
  EXPECT_EQ(update(tracker, {detection_at(16)}, 0).count, 0U);
}

TEST(TrackerApi, Counts) {
  const TrackerHandle tracker = make_tracker();
  std::int32_t line = -1, zone = -1, others = -1;
  ASSERT_EQ(oko_tracker_add_line(tracker.get(), 100, 200, 100, 0, -1, &line), OKO_OK);
  const std::array<float, 8> corners{100, 0, 300, 0, 300, 200, 100, 200};
  ASSERT_EQ(oko_tracker_add_zone(tracker.get(), corners.data(), 4, -1, &zone), OKO_OK);
  ASSERT_EQ(oko_tracker_add_line(tracker.get(), 100, 200, 100, 0, 0, &others), OKO_OK);
  EXPECT_EQ(line, 0);
  EXPECT_EQ(zone, 1);
  EXPECT_EQ(others, 2);
  for (int i = 0; i < 40; ++i) update(tracker, {detection_at(20 + 4.F * i)}, i / 30.);
  const auto counts_of = [&](std::int32_t counter) {
    oko_counts counts{};
    counts.struct_size = sizeof counts;
    EXPECT_EQ(oko_tracker_counts(tracker.get(), counter, &counts), OKO_OK);
    return counts;
  };
  EXPECT_EQ(counts_of(line).in, 1);
  EXPECT_EQ(counts_of(line).out, 0);
  EXPECT_EQ(counts_of(zone).in, 1);
  EXPECT_EQ(counts_of(zone).inside, 1);
  EXPECT_EQ(counts_of(others).in, 0);
}

TEST(TrackerApi, DetectsAndFollows) {
  const ModelHandle model = open_model(small_model());
  const DetectorHandle detector = make_detector(model);
  const TrackerHandle tracker = make_tracker();
  const auto pixels = noise(std::size_t{3} * 64 * 64);
  const oko_frame frame = rgb_frame(pixels, 64, 64);
  oko_thresholds thresholds{};
  thresholds.struct_size = sizeof thresholds;
  thresholds.score = .12F;  // what the small model sees in noise, it is not sure of
  const oko_detection* detections = nullptr;
  std::size_t count = 0;
  ASSERT_EQ(oko_detect(detector.get(), &frame, &thresholds, &detections, &count), OKO_OK);
  ASSERT_GT(count, 0U);
  Objects objects;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(oko_tracker_detect(tracker.get(), detector.get(), &frame, &thresholds, i / 10.,
                                 &objects.items, &objects.count),
              OKO_OK)
        << oko_last_error();
  }
  // Those above the threshold, each where it was detected.
  ASSERT_EQ(objects.count, count);
  for (std::size_t i = 0; i < count; ++i) {
    bool found = false;
    for (std::size_t o = 0; o < objects.count; ++o) {
      found = found || (objects.items[o].class_id == detections[i].class_id &&
                        std::abs(objects.items[o].left - detections[i].left) < .5F &&
                        std::abs(objects.items[o].bottom - detections[i].bottom) < .5F);
    }
    EXPECT_TRUE(found) << i;
  }
}

TEST(TrackerApi, LaysObjectsOutAsTheCallerKnowsThem) {
  struct Larger {
    oko_object object;
    double later_field;
  };
  const TrackerHandle tracker = make_tracker();
  const std::vector<oko_detection> detections = {detection_at(10), detection_at(200)};
  const oko_object* objects = nullptr;
  std::size_t count = 0;
  for (const double seconds : {0., .1}) {
    ASSERT_EQ(oko_tracker_update_sized(tracker.get(), detections.data(), 2, sizeof(oko_detection),
                                       nullptr, seconds, &objects, &count, sizeof(Larger)),
              OKO_OK);
  }
  ASSERT_EQ(count, 2U);
  const auto* larger = reinterpret_cast<const Larger*>(objects);
  EXPECT_EQ(larger[1].object.id, 2U);
  EXPECT_EQ(larger[1].later_field, 0);
  EXPECT_EQ(oko_tracker_update_sized(tracker.get(), detections.data(), 2, sizeof(oko_detection),
                                     nullptr, 1, &objects, &count, 8),
            OKO_INVALID_ARGUMENT);
  EXPECT_THAT(oko_last_error(), testing::HasSubstr("sizeof(oko_object)"));
}

TEST(TrackerApi, RefusesWhatMakesNoSense) {
  oko_tracker* none = nullptr;
  EXPECT_EQ(oko_tracker_create(nullptr, nullptr), OKO_INVALID_ARGUMENT);
  oko_tracker_options options{};
  options.struct_size = sizeof options;
  options.smoothing = 11;
  EXPECT_EQ(oko_tracker_create(&options, &none), OKO_INVALID_ARGUMENT);
  EXPECT_THAT(oko_last_error(), testing::HasSubstr("smoothing"));
  EXPECT_EQ(none, nullptr);
  options.smoothing = 0;
  options.max_objects = 5000;
  EXPECT_EQ(oko_tracker_create(&options, &none), OKO_INVALID_ARGUMENT);

  const TrackerHandle tracker = make_tracker();
  update(tracker, {}, 5);
  Objects objects;
  EXPECT_EQ(
      oko_tracker_update(tracker.get(), nullptr, 0, nullptr, 4, &objects.items, &objects.count),
      OKO_INVALID_ARGUMENT);
  EXPECT_EQ(
      oko_tracker_update(tracker.get(), nullptr, 1, nullptr, 6, &objects.items, &objects.count),
      OKO_INVALID_ARGUMENT);
  std::int32_t counter = 0;
  EXPECT_EQ(oko_tracker_add_line(tracker.get(), 1, 1, 1, 1, -1, &counter), OKO_INVALID_ARGUMENT);
  const std::array<float, 4> two{1, 1, 2, 2};
  EXPECT_EQ(oko_tracker_add_zone(tracker.get(), two.data(), 2, -1, &counter), OKO_INVALID_ARGUMENT);
  // As many that their bytes overflow.
  constexpr std::size_t kMany = std::numeric_limits<std::size_t>::max() / 16 + 1;
  EXPECT_EQ(oko_tracker_add_zone(tracker.get(), two.data(), kMany, -1, &counter),
            OKO_INVALID_ARGUMENT);
  oko_counts counts{};
  counts.struct_size = sizeof counts;
  EXPECT_EQ(oko_tracker_counts(tracker.get(), 0, &counts), OKO_INVALID_ARGUMENT);
  oko_tracker_destroy(nullptr);
  oko_tracker_reset(nullptr);
}

}  // namespace
}  // namespace oko::runtime
