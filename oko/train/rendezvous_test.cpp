#include "oko/train/rendezvous.h"

#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "oko/train/heartbeat.h"
#include "oko/train/test_support.h"
#include "oko/train/workers.h"

namespace oko::train {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

// What all see that have a SharedStore of it.
struct Values {
  std::mutex mutex;
  std::map<std::string, std::string> texts;
  std::map<std::string, std::int64_t> counts;
};

class SharedStore final : public KeyStore {
 public:
  explicit SharedStore(Values& values) : values_(values) {}
  void set(const std::string& key, const std::string& value) override {
    std::lock_guard lock(values_.mutex);
    values_.texts[key] = value;
  }
  bool has(const std::string& key) override {
    std::lock_guard lock(values_.mutex);
    return values_.texts.contains(key);
  }
  std::string get(const std::string& key) override {
    std::lock_guard lock(values_.mutex);
    return values_.texts.at(key);
  }
  std::int64_t add(const std::string& key, std::int64_t count) override {
    std::lock_guard lock(values_.mutex);
    return values_.counts[key] += count;
  }

 private:
  Values& values_;
};

class RendezvousTest : public testing::Test {
 protected:
  static Launch launch(int rank, int size, int least) {
    Launch launch;
    launch.rank = rank;
    launch.size = size;
    launch.least = least;
    return launch;
  }
  static Waiting waiting(milliseconds time) {
    return {Clock::now() + time, [] { return false; }};
  }
  std::optional<Round> enter(int rank) {
    SharedStore store(values_);
    return enter_round(store, launch(rank, 4, 1), waiting(milliseconds(5000)));
  }
  Round open(int least, milliseconds time) {
    SharedStore store(values_);
    return open_round(store, launch(0, 4, least), waiting(time));
  }

  Values values_;
};

TEST_F(RendezvousTest, ThoseThatHaveComeAreNumberedInOrder) {
  std::optional<Round> third, first;
  std::thread one([&] { first = enter(1); }), three([&] { third = enter(3); });
  const Round round = open(1, milliseconds(400));
  one.join();
  three.join();
  EXPECT_THAT(round.ranks, ElementsAre(0, 1, 3));
  ASSERT_TRUE(first && third);
  EXPECT_EQ(first->rank, 1);
  EXPECT_EQ(third->rank, 2);
  EXPECT_EQ(third->size, 3);
  EXPECT_EQ(third->id, round.id);
}

TEST_F(RendezvousTest, AWorkerThatComesTooLateIsNotInTheRound) {
  open(1, milliseconds(0));
  EXPECT_FALSE(enter(2));
}

TEST_F(RendezvousTest, OfTwoProcessesWithOneRankTheLaterOneIsIn) {
  std::optional<Round> old, young;
  std::thread first([&] { old = enter(2); });
  SharedStore store(values_);
  while (!store.has("member/2")) std::this_thread::yield();
  const std::string token = store.get("member/2");
  std::thread second([&] { young = enter(2); });
  while (store.get("member/2") == token) std::this_thread::yield();
  open(2, milliseconds(0));
  first.join();
  second.join();
  EXPECT_FALSE(old);
  ASSERT_TRUE(young);
  EXPECT_EQ(young->rank, 1);
}

TEST_F(RendezvousTest, TooFewDoNotBegin) {
  const Error e = error_of([&] { open(4, milliseconds(0)); });
  EXPECT_EQ(e.code(), ErrorCode::kWorkerLost);
  EXPECT_THAT(e.what(), HasSubstr("workers 1, 2 and 3 of 4 did not come; at least 4 are needed"));
}

TEST_F(RendezvousTest, StopsWhenAsked) {
  SharedStore store(values_);
  const Waiting stopped{Clock::now() + std::chrono::hours(1), [] { return true; }};
  const Error e = error_of([&] { open_round(store, launch(0, 2, 2), stopped); });
  EXPECT_EQ(e.code(), ErrorCode::kInterrupted);
}

class HeartbeatTest : public testing::Test {
 protected:
  std::unique_ptr<Heartbeat> start(int rank, int size = 2) {
    Round round;
    round.rank = rank;
    round.size = size;
    return std::make_unique<Heartbeat>(std::make_unique<SharedStore>(values_), round,
                                       Heartbeat::Times{milliseconds(5), milliseconds(300)});
  }
  static Error trouble_of(const Heartbeat& heartbeat) {
    for (const auto start = Clock::now(); seconds_since(start) < 20;) {
      if (const auto trouble = heartbeat.trouble_within(milliseconds(50))) return *trouble;
    }
    return {ErrorCode::kFailed, "", "no trouble"};
  }

  Values values_;
};

TEST_F(HeartbeatTest, ASilentWorkerIsTrouble) {
  const auto first = start(0, 3), second = start(1, 3);
  auto third = start(2, 3);
  EXPECT_FALSE(first->trouble_within(milliseconds(100)));
  third.reset();
  for (const auto& other : {&first, &second}) {
    const Error trouble = trouble_of(**other);
    EXPECT_EQ(trouble.code(), ErrorCode::kWorkerLost);
    EXPECT_THAT(trouble.what(), HasSubstr("worker 2 of 3: has not answered"));
  }
}

TEST_F(HeartbeatTest, SoIsASilentWorker0) {
  auto first = start(0);
  const auto second = start(1);
  first.reset();
  EXPECT_THAT(trouble_of(*second).what(), HasSubstr("worker 0 of 2: has not answered"));
}

TEST_F(HeartbeatTest, AWorkerSaysWhyItFailed) {
  const auto first = start(0), second = start(1);
  second->post(input_error("a.png", "is broken", "repair it"));
  const Error trouble = trouble_of(*first);
  EXPECT_EQ(trouble.code(), ErrorCode::kInput);
  EXPECT_EQ(trouble.place(), "worker 1 of 2: a.png");
  EXPECT_EQ(trouble.hint(), "repair it");
}

}  // namespace
}  // namespace oko::train
