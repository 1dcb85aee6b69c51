#include <gmock/gmock.h>
#include <oko/oko.h>

#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "oko/graph/about.h"
#include "oko/runtime/test_live.h"

// Thresholds of a live camera that change while it runs.
namespace oko::runtime {
namespace {

oko_thresholds low(void (*change)(oko_thresholds&)) {
  oko_thresholds thresholds = kLow;
  change(thresholds);
  return thresholds;
}

constexpr std::array<float, 2> kSecondClass{2, .12F};
constexpr std::array<float, 1> kOneClass{.12F};

oko_thresholds class_scores(const float* scores, std::size_t count) {
  oko_thresholds thresholds{};
  thresholds.struct_size = sizeof thresholds;
  thresholds.class_scores = scores;
  thresholds.class_score_count = count;
  return thresholds;
}

class LiveThresholds : public LiveApi {
 protected:
  oko_live_options options_ = live_options();
  double seconds_ = 0;

  static oko_status set(const LiveHandle& live, const oko_thresholds* thresholds) {
    return oko_live_set_thresholds(live.get(), thresholds);
  }

  // In the next frame, as texts to compare.
  std::vector<std::string> found(const LiveHandle& live) {
    submit(live, frame_, seconds_ += .1);
    return looked_at(live);
  }
  static std::vector<std::string> looked_at(const LiveHandle& live) {
    EXPECT_EQ(next(live).found, 1);
    const oko_detection* first = nullptr;
    std::size_t count = 0;
    EXPECT_EQ(oko_live_detections(live.get(), &first, &count), OKO_OK);
    return texts(first, count);
  }
  std::vector<std::string> wanted(const ModelHandle& model,
                                  const oko_thresholds* thresholds) const {
    const DetectorHandle detector = make_detector(model);
    const oko_detection* first = nullptr;
    std::size_t count = 0;
    EXPECT_EQ(oko_detect(detector.get(), &frame_, thresholds, &first, &count), OKO_OK);
    return texts(first, count);
  }

 private:
  static std::vector<std::string> texts(const oko_detection* first, std::size_t count) {
    std::vector<std::string> all;
    for (const oko_detection* d = first; d != first + count; ++d) {
      all.push_back(std::to_string(d->class_id) + " " + std::to_string(d->score) + " " +
                    std::to_string(d->left) + " " + std::to_string(d->bottom));
    }
    return all;
  }
};

TEST_F(LiveThresholds, AreThoseOfTheNextFrame) {
  options_.no_tracking = 1;
  const LiveHandle live = make_live({model_.get()}, &options_);
  EXPECT_EQ(found(live), wanted(model_, &kLow));
  const std::vector<oko_thresholds> changes{low([](oko_thresholds& t) { t.max_detections = 2; }),
                                            low([](oko_thresholds& t) { t.iou = .01F; }),
                                            low([](oko_thresholds& t) { t.nms = OKO_NMS_SOFT; }),
                                            low([](oko_thresholds& t) { t.score = -1; }),
                                            low([](oko_thresholds& t) { t.score = 2; }),
                                            class_scores(kSecondClass.data(), kSecondClass.size()),
                                            kLow};
  std::vector<std::string> last;
  for (const oko_thresholds& change : changes) {
    ASSERT_EQ(set(live, &change), OKO_OK) << oko_last_error();
    const std::vector<std::string> now = found(live);
    EXPECT_EQ(now, wanted(model_, &change));
    EXPECT_NE(now, last);
    last = now;
  }
  ASSERT_EQ(set(live, nullptr), OKO_OK);
  EXPECT_EQ(found(live), wanted(model_, nullptr));
  // A frame that waits already is not looked at yet.
  submit(live, frame_, seconds_ += .1);
  ASSERT_EQ(set(live, &kLow), OKO_OK);
  EXPECT_EQ(looked_at(live), wanted(model_, &kLow));
}

TEST_F(LiveThresholds, AreCopied) {
  const LiveHandle live = make_live({model_.get()}, &options_);
  std::vector<float> scores(kSecondClass.begin(), kSecondClass.end());
  const oko_thresholds second = class_scores(scores.data(), scores.size());
  ASSERT_EQ(set(live, &second), OKO_OK);
  scores.assign(scores.size(), 2);
  const auto now = found(live);
  EXPECT_FALSE(now.empty());
  EXPECT_THAT(now, testing::Each(testing::StartsWith("1 ")));
}

TEST_F(LiveThresholds, ChangeWithoutNewIds) {
  const LiveHandle live = make_live({model_.get()}, &options_);
  const auto ids = [&] {
    const oko_object* objects = nullptr;
    std::size_t count = 0;
    EXPECT_EQ(oko_live_objects(live.get(), &objects, &count), OKO_OK);
    std::vector<std::uint64_t> all;
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_EQ(objects[i].state, OKO_SEEN);
      all.push_back(objects[i].id);
    }
    return all;
  };
  found(live);
  EXPECT_FALSE(found(live).empty());
  const std::vector<std::uint64_t> before = ids();
  ASSERT_FALSE(before.empty());
  const oko_thresholds none = low([](oko_thresholds& t) { t.score = 2; });
  ASSERT_EQ(set(live, &none), OKO_OK);
  // Nothing new is found, and what is followed goes on by its low scores.
  EXPECT_TRUE(found(live).empty());
  EXPECT_EQ(ids(), before);
  ASSERT_EQ(set(live, &kLow), OKO_OK);
  EXPECT_FALSE(found(live).empty());
  EXPECT_EQ(ids(), before);
}

TEST_F(LiveThresholds, StayWhereOthersAreWrong) {
  const LiveHandle live = make_live({model_.get()}, &options_);
  const std::array<float, 2> nan{.1F, std::numeric_limits<float>::quiet_NaN()};
  const std::array<float, 3> three{.1F, .1F, .1F};
  oko_thresholds unknown{};
  for (const oko_thresholds& wrong :
       {low([](oko_thresholds& t) { t.score = NAN; }),
        low([](oko_thresholds& t) { t.score = INFINITY; }),
        low([](oko_thresholds& t) { t.iou = NAN; }), low([](oko_thresholds& t) { t.nms = 3; }),
        low([](oko_thresholds& t) { t.nms = -1; }),
        low([](oko_thresholds& t) { t.max_detections = -1; }), low([](oko_thresholds& t) {
          t.nms = OKO_NMS_SOFT;
          t.soft_sigma = -1;
        }),
        class_scores(nan.data(), nan.size()), class_scores(three.data(), three.size()),
        class_scores(three.data(), 0),
        class_scores(three.data(), std::numeric_limits<std::size_t>::max()), unknown}) {
    EXPECT_EQ(set(live, &wrong), OKO_INVALID_ARGUMENT);
    EXPECT_EQ(found(live), wanted(model_, &kLow));
  }
  const oko_thresholds wrong = class_scores(three.data(), three.size());
  EXPECT_EQ(set(live, &wrong), OKO_INVALID_ARGUMENT);
  EXPECT_THAT(oko_last_error(), testing::HasSubstr("3 scores, but the model has 2 classes"));
  EXPECT_EQ(oko_live_set_thresholds(nullptr, &kLow), OKO_INVALID_ARGUMENT);
  // Before the first frame, too.
  oko_live* none = nullptr;
  const oko_model* one = model_.get();
  const oko_thresholds not_numbers = class_scores(nan.data(), nan.size());
  options_.thresholds = &not_numbers;
  EXPECT_EQ(oko_live_create(&one, 1, &options_, &none), OKO_INVALID_ARGUMENT);
}

TEST_F(LiveThresholds, MustFitModelsThatAreSwapped) {
  options_.no_tracking = 1;
  const LiveHandle live = make_live({model_.get()}, &options_);
  const ModelHandle tree = open_model(small_model("other", {"tree"}));
  const oko_model* one = tree.get();
  const oko_thresholds two_classes = class_scores(kSecondClass.data(), kSecondClass.size());
  const oko_thresholds one_class = class_scores(kOneClass.data(), kOneClass.size());

  ASSERT_EQ(set(live, &two_classes), OKO_OK);
  EXPECT_EQ(oko_live_swap(live.get(), &one, 1), OKO_INVALID_ARGUMENT);
  EXPECT_THAT(oko_last_error(), testing::HasSubstr("for 2 classes, but the model has 1"));
  EXPECT_EQ(found(live), wanted(model_, &two_classes));

  ASSERT_EQ(set(live, &kLow), OKO_OK);
  submit(live, frame_, seconds_ += .1);
  ASSERT_EQ(oko_live_swap(live.get(), &one, 1), OKO_OK) << oko_last_error();
  EXPECT_EQ(set(live, &two_classes), OKO_INVALID_ARGUMENT);
  ASSERT_EQ(set(live, &one_class), OKO_OK);
  // The frame that waited has the model and the thresholds of its time.
  EXPECT_EQ(looked_at(live), wanted(model_, &kLow));
  EXPECT_EQ(found(live), wanted(tree, &one_class));

  EXPECT_EQ(oko_live_revert(live.get()), OKO_INVALID_ARGUMENT);
  EXPECT_THAT(oko_last_error(), testing::HasSubstr("for 1 classes, but the model has 2"));
  EXPECT_EQ(found(live), wanted(tree, &one_class));
  const oko_thresholds some = low([](oko_thresholds& t) { t.max_detections = 1; });
  ASSERT_EQ(set(live, &some), OKO_OK);
  ASSERT_EQ(oko_live_revert(live.get()), OKO_OK) << oko_last_error();
  EXPECT_EQ(found(live), wanted(model_, &some));  // not those before the swap
}

TEST_F(LiveThresholds, AreEachModelsOwnByDefault) {
  const auto own = [](std::vector<float> scores) {
    graph::Network network = small_network();
    graph::set_thresholds(network, std::move(scores));
    return open_model(graph::write_oko(network));
  };
  const ModelHandle cats = own({.12F, .99F}), dogs = own({.99F, .12F});
  options_.thresholds = nullptr;
  options_.no_tracking = 1;
  const LiveHandle live = make_live({cats.get()}, &options_);
  const auto first = found(live);
  EXPECT_EQ(first, wanted(cats, nullptr));
  ASSERT_EQ(set(live, &kLow), OKO_OK);
  EXPECT_EQ(found(live), wanted(cats, &kLow));
  ASSERT_EQ(set(live, nullptr), OKO_OK);
  EXPECT_EQ(found(live), first);
  const oko_model* one = dogs.get();
  ASSERT_EQ(oko_live_swap(live.get(), &one, 1), OKO_OK);
  EXPECT_EQ(found(live), wanted(dogs, nullptr));
  EXPECT_NE(wanted(dogs, nullptr), first);
  ASSERT_EQ(oko_live_revert(live.get()), OKO_OK);
  EXPECT_EQ(found(live), first);
}

#if !defined(__EMSCRIPTEN__)
TEST_F(LiveThresholds, AreNeverHalfOfThoseBefore) {
  options_.no_tracking = 1;
  const oko_thresholds one = low([](oko_thresholds& t) {
    t.score = -1;
    t.max_detections = 1;
  });
  const oko_thresholds none = low([](oko_thresholds& t) { t.score = 2; });
  options_.thresholds = &none;
  const LiveHandle live = make_live({model_.get()}, &options_);
  std::atomic<bool> ends = false;
  std::thread changing([&] {
    const std::array<float, 2> impossible{2, 2};
    const oko_thresholds each = class_scores(impossible.data(), impossible.size());
    for (int i = 0; !ends; ++i) {
      EXPECT_EQ(set(live, i % 2 == 0 ? &one : i % 4 == 1 ? &each : &none), OKO_OK);
    }
  });
  // With the score of one and the count of the others there would be many.
  const oko_thresholds all = low([](oko_thresholds& t) { t.score = -1; });
  EXPECT_GT(wanted(model_, &all).size(), 1U);
  for (int i = 0; i < 300; ++i) EXPECT_LE(found(live).size(), 1U);
  ends = true;
  changing.join();
}

TEST_F(LiveThresholds, FitWhateverIsSwappedMeanwhile) {
  const LiveHandle live = make_live({model_.get()}, &options_);
  const ModelHandle tree = open_model(small_model("other", {"tree"}));
  std::atomic<bool> ends = false;
  std::thread changing([&] {
    const oko_thresholds two_classes = class_scores(kSecondClass.data(), kSecondClass.size());
    const oko_thresholds one_class = class_scores(kOneClass.data(), kOneClass.size());
    while (!ends) {
      for (const oko_thresholds* t : {&two_classes, &one_class, &kLow}) set(live, t);
    }
  });
  std::thread swapping([&] {
    for (int i = 0; !ends; ++i) {
      const oko_model* next_model = i % 2 == 0 ? tree.get() : model_.get();
      oko_live_swap(live.get(), &next_model, 1);
      if (i % 3 == 0) oko_live_revert(live.get());
    }
  });
  // No frame has models and thresholds that do not fit: next() would fail.
  for (int i = 0; i < 300; ++i) found(live);
  ends = true;
  changing.join();
  swapping.join();
}
#endif

}  // namespace
}  // namespace oko::runtime
