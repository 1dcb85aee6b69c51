#include <gmock/gmock.h>
#include <oko/oko.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "oko/runtime/test_live.h"

namespace oko::runtime {
namespace {

TEST_F(LiveApi, FindsWhatADetectorFinds) {
  oko_live_options options = live_options();
  options.no_tracking = 1;
  const LiveHandle live = make_live({model_.get()}, &options);
  EXPECT_EQ(next(live).found, 0);
  EXPECT_EQ(submit(live, frame_, 3), OKO_TAKEN);
  // The frame is the caller's again.
  const std::vector<std::uint8_t> before = pixels_;
  pixels_.assign(pixels_.size(), 0);
  const oko_live_result result = next(live);
  pixels_ = before;
  EXPECT_EQ(result.found, 1);
  EXPECT_EQ(result.stopped, 0);
  EXPECT_EQ(result.seconds, 3);
  EXPECT_EQ(result.frame_width, 80);
  EXPECT_EQ(result.frame_height, 60);
  EXPECT_EQ(result.width, 64);
  EXPECT_EQ(result.swaps, 0);
  EXPECT_GE(result.wait_ms, 0);
  EXPECT_GT(result.prepare_ms, 0);
  EXPECT_GT(result.network_ms, 0);
  EXPECT_EQ(result.object_count, 0U);

  const DetectorHandle detector = make_detector(model_);
  const oko_frame frame = rgb_frame(pixels_, 80, 60);
  const oko_detection *wanted = nullptr, *found = nullptr;
  std::size_t count = 0, found_count = 0;
  ASSERT_EQ(oko_detect(detector.get(), &frame, &kLow, &wanted, &count), OKO_OK);
  ASSERT_GT(count, 0U);
  ASSERT_EQ(oko_live_detections(live.get(), &found, &found_count), OKO_OK);
  ASSERT_EQ(found_count, count);
  EXPECT_EQ(result.detection_count, count);
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(found[i].class_id, wanted[i].class_id);
    EXPECT_EQ(found[i].score, wanted[i].score);
    EXPECT_EQ(found[i].left, wanted[i].left);
    EXPECT_EQ(found[i].bottom, wanted[i].bottom);
  }
  EXPECT_EQ(next(live).found, 0);
  EXPECT_EQ(oko_live_tracker(live.get()), nullptr);
}

TEST_F(LiveApi, LooksAtTheNewestFrame) {
  const LiveHandle live = make_live({model_.get()});
  EXPECT_EQ(submit(live, frame_, 1), OKO_TAKEN);
  EXPECT_EQ(submit(live, frame_, 2), OKO_TAKEN_NEWER);
  EXPECT_EQ(submit(live, frame_, 3), OKO_TAKEN_NEWER);
  EXPECT_EQ(next(live).seconds, 3);
  EXPECT_EQ(next(live).found, 0);
  const oko_live_status s = status(live);
  EXPECT_EQ(s.taken, 3);
  EXPECT_EQ(s.replaced, 2);
  EXPECT_EQ(s.looked_at, 1);
}

TEST_F(LiveApi, FollowsObjectsAndCounts) {
  const oko_live_options options = live_options();
  const LiveHandle live = make_live({model_.get()}, &options);
  oko_tracker* tracker = oko_live_tracker(live.get());
  ASSERT_NE(tracker, nullptr);
  const float corners[] = {-100, -100, 200, -100, 200, 200, -100, 200};
  std::int32_t zone = -1;
  ASSERT_EQ(oko_tracker_add_zone(tracker, corners, 4, -1, &zone), OKO_OK);
  oko_live_result result{};
  for (int i = 0; i < 3; ++i) {
    submit(live, frame_, i / 10.);
    result = next(live);
  }
  const oko_object* objects = nullptr;
  const oko_event* events = nullptr;
  std::size_t count = 0;
  ASSERT_EQ(oko_live_objects(live.get(), &objects, &count), OKO_OK);
  ASSERT_GT(count, 0U);
  EXPECT_EQ(result.object_count, count);
  EXPECT_EQ(result.detection_count, count);
  EXPECT_EQ(objects[0].id, 1U);
  EXPECT_NEAR(objects[0].age, .2, 1e-9);
  std::size_t event_count = 9;
  ASSERT_EQ(oko_live_events(live.get(), &events, &event_count), OKO_OK);
  EXPECT_EQ(event_count, 0U);
  oko_counts counts{};
  counts.struct_size = sizeof counts;
  ASSERT_EQ(oko_tracker_counts(tracker, zone, &counts), OKO_OK);
  EXPECT_EQ(counts.inside, static_cast<int>(count));
  // A frame of another camera.
  const auto other = noise(std::size_t{3} * 40 * 30);
  submit(live, rgb_frame(other, 40, 30), 1);
  EXPECT_EQ(next(live).object_count, 0U);
}

TEST_F(LiveApi, GivesNothingTwice) {
  const oko_live_options options = live_options();
  const LiveHandle live = make_live({model_.get()}, &options);
  const oko_event* events = nullptr;
  const oko_object* objects = nullptr;
  std::size_t count = 0;
  for (int i = 0; i < 2; ++i) {
    submit(live, frame_, i);
    next(live);
  }
  ASSERT_EQ(oko_live_events(live.get(), &events, &count), OKO_OK);
  EXPECT_GT(count, 0U);
  EXPECT_EQ(next(live).event_count, 0U);  // nothing came
  ASSERT_EQ(oko_live_events(live.get(), &events, &count), OKO_OK);
  EXPECT_EQ(count, 0U);
  ASSERT_EQ(oko_live_objects(live.get(), &objects, &count), OKO_OK);
  EXPECT_EQ(count, 0U);
}

TEST_F(LiveApi, SurvivesTimesThatAreNone) {
  const LiveHandle live = make_live({model_.get()});
  for (const float seconds : {INFINITY, -INFINITY, NAN}) {
    EXPECT_EQ(oko_live_submit(live.get(), &frame_, seconds, nullptr), OKO_INVALID_ARGUMENT);
  }
  EXPECT_EQ(submit(live, frame_, 1), OKO_TAKEN);
  EXPECT_EQ(next(live).found, 1);
}

TEST_F(LiveApi, LooksAtTheNewestFrameWhenHotToo) {
  const LiveHandle live = make_live({model_.get()});
  ASSERT_EQ(oko_live_set_heat(live.get(), OKO_HEAT_FAIR), OKO_OK);
  EXPECT_EQ(submit(live, frame_, 1), OKO_TAKEN);
  EXPECT_EQ(submit(live, frame_, 2), OKO_TAKEN_NEWER);
  EXPECT_EQ(next(live).seconds, 2);
}

TEST_F(LiveApi, KeepsToTheRate) {
  oko_live_options options = live_options();
  options.frames_per_second = 10;
  const LiveHandle live = make_live({model_.get()}, &options);
  int taken = 0;
  for (int i = 0; i < 30; ++i) {
    const int answer = submit(live, frame_, i / 30.);
    EXPECT_TRUE(answer == OKO_TAKEN || answer == OKO_SKIPPED_RATE);
    taken += answer == OKO_TAKEN;
    next(live);
  }
  EXPECT_EQ(taken, 10);
  EXPECT_EQ(status(live).skipped_rate, 20);
}

TEST_F(LiveApi, UsesTheSmallerInputOverBudgetAndWhenHot) {
  std::vector<std::string> words;
  oko_live_options options = live_options();
  options.budget_ms = 1e-6;
  options.log = [](void* context, std::int32_t, const char* text) {
    static_cast<std::vector<std::string>*>(context)->emplace_back(text);
  };
  options.log_context = &words;
  const LiveHandle live = make_live({model_.get(), half_.get()}, &options);
  oko_live_result result{};
  for (int i = 0; i < 10; ++i) {
    submit(live, frame_, i);
    result = next(live);
  }
  EXPECT_EQ(result.width, 32);
  EXPECT_EQ(result.model, 1);
  EXPECT_EQ(status(live).over_budget, 1);
  ASSERT_EQ(words.size(), 2U);
  EXPECT_THAT(words[0], testing::HasSubstr("a smaller input is used"));

  const LiveHandle hot = make_live({model_.get(), half_.get()});
  ASSERT_EQ(oko_live_set_heat(hot.get(), OKO_HEAT_CRITICAL), OKO_OK);
  EXPECT_EQ(submit(hot, frame_, 1), OKO_TAKEN);
  EXPECT_EQ(next(hot).width, 32);
  EXPECT_EQ(submit(hot, frame_, 1.1), OKO_SKIPPED_HEAT);
  EXPECT_EQ(status(hot).heat, OKO_HEAT_CRITICAL);
  ASSERT_EQ(oko_live_set_heat(hot.get(), OKO_HEAT_NOMINAL), OKO_OK);
  EXPECT_EQ(submit(hot, frame_, 1.2), OKO_TAKEN);
  EXPECT_EQ(next(hot).width, 64);
  EXPECT_EQ(oko_live_set_heat(hot.get(), 4), OKO_INVALID_ARGUMENT);
}

TEST_F(LiveApi, SwapsModelsAndGoesBack) {
  const oko_live_options options = live_options();
  const LiveHandle live = make_live({model_.get(), half_.get()}, &options);
  for (int i = 0; i < 3; ++i) {
    submit(live, frame_, i / 10.);
    next(live);
  }
  EXPECT_EQ(oko_live_revert(live.get()), OKO_FAILED);
  ModelHandle other = open_model(small_model("other", {"tree"}));
  const oko_model* one = other.get();
  // What waits already is looked at with the models that it is an input of.
  submit(live, frame_, .3);
  ASSERT_EQ(oko_live_swap(live.get(), &one, 1), OKO_OK) << oko_last_error();
  other.reset();
  EXPECT_EQ(next(live).swaps, 0);
  submit(live, frame_, .4);
  oko_live_result result = next(live);
  EXPECT_EQ(result.swaps, 1);
  EXPECT_EQ(result.object_count, 0U);  // other classes: nothing is the same object
  ASSERT_EQ(oko_live_trim(live.get()), OKO_OK);
  EXPECT_EQ(oko_live_revert(live.get()), OKO_FAILED);

  const oko_model* both[] = {model_.get(), half_.get()};
  ASSERT_EQ(oko_live_swap(live.get(), both, 2), OKO_OK);
  ASSERT_EQ(oko_live_revert(live.get()), OKO_OK);
  submit(live, frame_, .5);
  result = next(live);
  EXPECT_EQ(result.swaps, 3);
  const oko_detection* found = nullptr;
  std::size_t count = 0;
  ASSERT_EQ(oko_live_detections(live.get(), &found, &count), OKO_OK);
  for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(found[i].class_id, 0);
}

TEST_F(LiveApi, KeepsItsModelsWhereOthersDoNotFit) {
  const float scores[] = {.2F, .3F};
  oko_thresholds thresholds{};
  thresholds.struct_size = sizeof thresholds;
  thresholds.class_scores = scores;
  thresholds.class_score_count = 2;
  oko_live_options options = live_options();
  options.thresholds = &thresholds;
  const LiveHandle live = make_live({model_.get()}, &options);
  const ModelHandle tree = open_model(small_model("other", {"tree"}));
  const oko_model* one = tree.get();
  EXPECT_EQ(oko_live_swap(live.get(), &one, 1), OKO_INVALID_ARGUMENT);
  const oko_model* wrong_order[] = {half_.get(), model_.get()};
  EXPECT_EQ(oko_live_swap(live.get(), wrong_order, 2), OKO_INVALID_ARGUMENT);
  EXPECT_THAT(oko_last_error(), testing::HasSubstr("largest input first"));
  const oko_model* different[] = {model_.get(), tree.get()};
  EXPECT_EQ(oko_live_swap(live.get(), different, 2), OKO_INVALID_ARGUMENT);
  const oko_model* none[] = {nullptr};
  EXPECT_EQ(oko_live_swap(live.get(), none, 1), OKO_INVALID_ARGUMENT);
  submit(live, frame_, 1);
  EXPECT_EQ(next(live).swaps, 0);
}

TEST_F(LiveApi, RefusesWhatMakesNoSense) {
  oko_live* none = nullptr;
  const oko_model* models[] = {model_.get()};
  for (const auto change : std::vector<void (*)(oko_live_options&)>{
           [](oko_live_options& o) { o.threads = 65; }, [](oko_live_options& o) { o.priority = 4; },
           [](oko_live_options& o) { o.budget_ms = -1; },
           [](oko_live_options& o) { o.budget_ms = NAN; },
           [](oko_live_options& o) { o.frames_per_second = INFINITY; }}) {
    oko_live_options options = live_options();
    change(options);
    EXPECT_EQ(oko_live_create(models, 1, &options, &none), OKO_INVALID_ARGUMENT);
  }
  EXPECT_EQ(oko_live_create(models, 0, nullptr, &none), OKO_INVALID_ARGUMENT);
  EXPECT_EQ(none, nullptr);
  const LiveHandle live = make_live({model_.get()});
  submit(live, frame_, 2);
  std::int32_t taken = 0;
  EXPECT_EQ(oko_live_submit(live.get(), &frame_, 1, &taken), OKO_INVALID_ARGUMENT);
  EXPECT_EQ(oko_live_submit(live.get(), &frame_, NAN, nullptr), OKO_INVALID_ARGUMENT);
  EXPECT_EQ(oko_live_submit(live.get(), nullptr, 3, nullptr), OKO_INVALID_ARGUMENT);
  oko_live_result result{};
  EXPECT_EQ(oko_live_next(live.get(), 0, &result), OKO_INVALID_ARGUMENT);  // no struct_size
  EXPECT_EQ(next(live).seconds, 2);  // and no frame is lost by it
  oko_live_destroy(nullptr);
  oko_live_stop(nullptr);
}

#if defined(__linux__)
int threads_of_this_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<int>(std::distance(begin(tasks), end(tasks)));
}

TEST_F(LiveApi, HasTheSameThreadsForAllSizes) {
  std::thread([] {}).join();  // a sanitizer's own thread starts with the first
  const int before = threads_of_this_process();
  oko_live_options options = live_options();
  options.threads = 3;
  options.budget_ms = 1e-6;
  const LiveHandle live = make_live({model_.get(), half_.get()}, &options);
  int width = 64;
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(width, 64);
    submit(live, frame_, i);
    width = next(live).width;
  }
  EXPECT_EQ(width, 32);
  const oko_model* both[] = {model_.get(), half_.get()};
  ASSERT_EQ(oko_live_swap(live.get(), both, 2), OKO_OK);
  EXPECT_EQ(threads_of_this_process() - before, 2);
}
#endif

#if !defined(__EMSCRIPTEN__)
TEST_F(LiveApi, WorksBesideACamera) {
  oko_live_options options = live_options();
  options.threads = 2;
  const LiveHandle live = make_live({model_.get(), half_.get()}, &options);
  std::atomic<int> looked = 0;
  std::thread detecting([&] {
    double last = -1;
    for (;;) {
      const oko_live_result result = next(live, -1);
      if (result.stopped) return;
      EXPECT_EQ(result.found, 1);
      EXPECT_GT(result.seconds, last);
      last = result.seconds;
      ++looked;
    }
  });
  // Meanwhile everything else happens, too.
  std::thread meddling([&] {
    const oko_model* both[] = {model_.get(), half_.get()};
    for (int i = 0; i < 30; ++i) {
      EXPECT_EQ(oko_live_swap(live.get(), both, 1 + static_cast<std::size_t>(i % 2)), OKO_OK);
      if (i % 3 == 0) oko_live_revert(live.get());
      if (i % 4 == 0) oko_live_trim(live.get());
      oko_live_set_heat(live.get(), i % 2);
      status(live);
    }
    oko_live_set_heat(live.get(), OKO_HEAT_NOMINAL);
  });
  int i = 0;
  for (; i < 300; ++i) {
    submit(live, frame_, i);
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  meddling.join();
  // The last frame is looked at in any case.
  submit(live, frame_, i);
  const auto begin = std::chrono::steady_clock::now();
  while (status(live).taken > status(live).looked_at + status(live).replaced &&
         std::chrono::steady_clock::now() - begin < std::chrono::seconds(20)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  oko_live_stop(live.get());
  detecting.join();
  const oko_live_status s = status(live);
  EXPECT_GT(looked, 0);
  EXPECT_EQ(s.looked_at, looked);
  EXPECT_EQ(s.taken, s.looked_at + s.replaced);
  EXPECT_EQ(submit(live, frame_, i + 1), OKO_SKIPPED_STOP);
}

TEST_F(LiveApi, WaitsNoLongerThanItShould) {
  const LiveHandle live = make_live({model_.get()});
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(next(live, 30).found, 0);
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(29));
}
#endif

}  // namespace
}  // namespace oko::runtime
