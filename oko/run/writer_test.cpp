#include "oko/run/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <optional>
#include <stdexcept>

#include "oko/base/error.h"
#include "oko/storage/store.h"
#include "tests/storage/watched_google.h"

namespace oko::run {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kLog = "gs://oko-test/log", kOther = "gs://oko-test/other",
                  kModel = "gs://oko-test/model";

std::string checkpoint_uri(int number) { return "gs://oko-test/c" + std::to_string(number); }

Writer::Make text(std::string content) {
  return [content = std::move(content)] {
    const auto bytes = std::as_bytes(std::span(content));
    return std::vector(bytes.begin(), bytes.end());
  };
}

class RunWriter : public ::testing::Test {
 protected:
  RunWriter() {
    options_.gather_time = 1h;
    options_.check_time = 1h;
    google_.watch([this](const std::string& operation) {
      {
        const std::lock_guard lock(mutex_);
        operations_.push_back(operation);
      }
      if (operation == held_) {
        reached_.set_value();
        release_.get_future().wait();
      }
      if (operation == failing_) throw Error(ErrorCode::kStorage, operation, "refused");
    });
  }
  std::vector<std::string> operations() {
    const std::lock_guard lock(mutex_);
    return operations_;
  }
  void start() { writer_.emplace(options_); }
  void checkpoint(int number) {
    writer_->write_checkpoint(checkpoint_uri(number), text(std::to_string(number)), [] {});
  }
  // The writer blocks in this first checkpoint until release_ is set.
  void start_with_a_slow_checkpoint() {
    held_ = "write " + checkpoint_uri(1);
    start();
    checkpoint(1);
    reached_.get_future().wait();
  }
  static ErrorCode code_of(const std::function<void()>& body) {
    try {
      body();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "no error was thrown";
    return ErrorCode::kUsage;
  }
  static std::string wait_for(const std::string& uri) {
    for (int i = 0; i < 10'000 && !storage::exists(uri); ++i) std::this_thread::sleep_for(1ms);
    return storage::exists(uri) ? storage::read_text(uri) : "nothing";
  }

  std::mutex mutex_;
  std::vector<std::string> operations_;
  std::string held_, failing_;
  std::promise<void> reached_, release_;
  oko::testing::WatchedGoogle google_;
  WriterOptions options_;
  std::optional<Writer> writer_;
};

TEST_F(RunWriter, LinesForABucketAreBufferedUntilTheFlush) {
  start();
  std::string lines, records;
  for (int i = 0; i < 100; ++i) {
    writer_->append(kLog, std::to_string(i) + "\n");
    writer_->append(kOther, std::to_string(-i));
    lines += std::to_string(i) + "\n";
    records += std::to_string(-i);
  }
  EXPECT_THAT(operations(), IsEmpty());
  writer_->flush();
  EXPECT_THAT(operations(), ElementsAre("append " + kLog, "append " + kOther));
  EXPECT_EQ(storage::read_text(kLog), lines);
  EXPECT_EQ(storage::read_text(kOther), records);
}

TEST_F(RunWriter, LargeBuffersAreWrittenWithoutAFlush) {
  options_.gather_bytes = 1000;
  start();
  writer_->append(kLog, std::string(999, 'a'));
  EXPECT_THAT(operations(), IsEmpty());
  writer_->append(kLog, "b");
  EXPECT_EQ(wait_for(kLog), std::string(999, 'a') + "b");
}

TEST_F(RunWriter, OldBuffersAreWrittenWithoutAFlush) {
  options_.gather_time = 20ms;
  start();
  writer_->append(kLog, "a\n");
  EXPECT_EQ(wait_for(kLog), "a\n");
}

TEST_F(RunWriter, LinesForTheDiskAreWrittenAtOnce) {
  const std::string uri = ::testing::TempDir() + "oko_run_writer_line";
  std::filesystem::remove(uri);
  start();
  writer_->append(uri, "a\n");
  EXPECT_EQ(wait_for(uri), "a\n");
  std::filesystem::remove(uri);
}

TEST_F(RunWriter, EverythingBecomesVisibleInTheOrderGiven) {
  start();
  writer_->append(kLog, "1\n");
  writer_->write(kModel, 5, text("model"));
  writer_->append(kLog, "2\n");
  std::string seen;
  writer_->write_checkpoint(checkpoint_uri(1), text("1"), [&] {
    seen = storage::read_text(kLog);
    seen += storage::read_text(checkpoint_uri(1));
  });
  writer_->append(kLog, "3\n");
  writer_->flush();
  EXPECT_EQ(seen, "1\n2\n1");
  EXPECT_EQ(storage::read_text(kLog), "1\n2\n3\n");
  EXPECT_THAT(operations(),
              ElementsAre("append " + kLog, "write " + kModel, "append " + kLog,
                          "write " + checkpoint_uri(1), "read " + kLog, "read " + checkpoint_uri(1),
                          "append " + kLog, "read " + kLog));
}

TEST_F(RunWriter, NewerCheckpointReplacesAQueuedOne) {
  start_with_a_slow_checkpoint();
  writer_->append(kLog, "1\n");
  writer_->write(kModel, 5, text("older"));
  checkpoint(2);
  writer_->append(kLog, "2\n");
  writer_->write(kModel, 5, text("newer"));
  checkpoint(3);
  release_.set_value();
  writer_->flush();
  EXPECT_THAT(operations(),
              ElementsAre("write " + checkpoint_uri(1), "append " + kLog, "append " + kLog,
                          "write " + kModel, "write " + checkpoint_uri(3)));
  EXPECT_EQ(storage::read_text(kModel), "newer");
  EXPECT_EQ(storage::read_text(kLog), "1\n2\n");
}

TEST_F(RunWriter, ModelThatAQueuedCheckpointRefersToIsWritten) {
  start_with_a_slow_checkpoint();
  writer_->write(kModel, 5, text("older"));
  checkpoint(2);
  writer_->write(kModel, 5, text("newer"));
  release_.set_value();
  writer_->flush();
  EXPECT_THAT(operations(), ElementsAre("write " + checkpoint_uri(1), "write " + kModel,
                                        "write " + checkpoint_uri(2), "write " + kModel));
}

TEST_F(RunWriter, BlocksCallersThatWouldAddTooMuch) {
  options_.most_waiting = 1000;
  start_with_a_slow_checkpoint();
  writer_->append(kLog, std::string(600, 'a'));  // a checkpoint does not count
  std::atomic<bool> released = false;
  auto held_up = std::async(std::launch::async, [&] {
    writer_->write(kModel, 600, text("model"));
    return released.load();
  });
  std::this_thread::sleep_for(20ms);  // long enough to notice an implementation that does not block
  released = true;
  release_.set_value();
  EXPECT_TRUE(held_up.get());
  writer_->flush();
  EXPECT_EQ(storage::read_text(kModel), "model");
}

TEST_F(RunWriter, SingleItemMayExceedTheQueueLimit) {
  options_.most_waiting = 10;
  start();
  writer_->append(kLog, std::string(5, 'a'));  // would be buffered for an hour
  writer_->write(kModel, 100, text(std::string(100, 'm')));
  writer_->flush();
  EXPECT_EQ(storage::read_text(kModel).size(), 100U);
}

TEST_F(RunWriter, FailureIsThrownByEveryLaterCallAndStopsTheWriter) {
  failing_ = "write " + kModel;
  start();
  writer_->write(kModel, 5, text("model"));
  EXPECT_EQ(code_of([&] { writer_->flush(); }), ErrorCode::kStorage);
  EXPECT_EQ(code_of([&] { writer_->append(kLog, "1\n"); }), ErrorCode::kStorage);
  EXPECT_EQ(code_of([&] { writer_->write(kOther, 1, text("x")); }), ErrorCode::kStorage);
  EXPECT_EQ(code_of([&] { checkpoint(1); }), ErrorCode::kStorage);
  EXPECT_EQ(code_of([&] { writer_->flush(); }), ErrorCode::kStorage);
  writer_.reset();
  EXPECT_THAT(operations(), ElementsAre("write " + kModel));
}

TEST_F(RunWriter, FailureDropsTheQueue) {
  failing_ = "write " + checkpoint_uri(1);
  start_with_a_slow_checkpoint();
  writer_->append(kLog, "1\n");
  checkpoint(2);
  release_.set_value();
  EXPECT_EQ(code_of([&] { writer_->flush(); }), ErrorCode::kStorage);
  writer_.reset();
  EXPECT_THAT(operations(), ElementsAre("write " + checkpoint_uri(1)));
}

TEST_F(RunWriter, FailureAfterACheckpointOrWhileMakingOneIsReportedToo) {
  start();
  writer_->write_checkpoint(checkpoint_uri(1), text("1"),
                            [] { throw Error(ErrorCode::kStorage, "c1", "cannot be removed"); });
  EXPECT_EQ(code_of([&] { writer_->flush(); }), ErrorCode::kStorage);
  start();
  writer_->write_checkpoint(
      checkpoint_uri(2),
      []() -> std::vector<std::byte> { throw Error(ErrorCode::kInput, "c2", "is not valid"); },
      [] {});
  EXPECT_EQ(code_of([&] { writer_->flush(); }), ErrorCode::kInput);
}

TEST_F(RunWriter, BlockedCallersGetTheFailure) {
  options_.most_waiting = 10;
  start_with_a_slow_checkpoint();
  failing_ = "append " + kLog;
  writer_->append(kLog, "0123456789");
  auto held_up = std::async(std::launch::async,
                            [&] { return code_of([&] { writer_->append(kLog, "more"); }); });
  std::this_thread::sleep_for(20ms);
  release_.set_value();
  EXPECT_EQ(held_up.get(), ErrorCode::kStorage);
}

TEST_F(RunWriter, QueueIsWrittenWhenAnExceptionEndsTheRun) {
  EXPECT_THROW(
      {
        Writer writer(options_);
        writer.append(kLog, "why\n");
        throw std::runtime_error("something else");
      },
      std::runtime_error);
  EXPECT_EQ(storage::read_text(kLog), "why\n");
}

TEST_F(RunWriter, FailureAtTheEndDoesNotHideAnotherException) {
  failing_ = "append " + kLog;
  EXPECT_THROW(
      {
        Writer writer(options_);
        writer.append(kLog, "why\n");
        throw std::runtime_error("something else");
      },
      std::runtime_error);
  EXPECT_THAT(operations(), ElementsAre("append " + kLog));
}

TEST_F(RunWriter, ChecksOwnershipRegularlyAndBeforeEveryCheckpoint) {
  std::vector<std::size_t> asked;  // number of operations done at each check
  options_.check = [&] { asked.push_back(operations().size()); };
  start();
  writer_->write(kModel, 1, text("1"));
  writer_->write(kModel, 1, text("2"));
  checkpoint(1);
  writer_->write(kModel, 1, text("3"));
  writer_->flush();
  EXPECT_THAT(asked, ElementsAre(0, 2));
  options_.check = [] { throw Error(ErrorCode::kFailed, "run", "not yours"); };
  start();
  checkpoint(2);
  EXPECT_EQ(code_of([&] { writer_->flush(); }), ErrorCode::kFailed);
  EXPECT_FALSE(storage::exists(checkpoint_uri(2)));
}

}  // namespace
}  // namespace oko::run
