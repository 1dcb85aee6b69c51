#include "oko/run/tensorboard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

#include "oko/storage/store.h"

namespace oko::run {
namespace {

template <typename T>
T take(std::string_view& rest) {
  T value;
  EXPECT_GE(rest.size(), sizeof value);
  std::memcpy(&value, rest.data(), sizeof value);
  rest.remove_prefix(sizeof value);
  return value;
}

// Computed from the definition, bit by bit, to check the table of the code under test.
std::uint32_t checksum(std::string_view bytes) {
  std::uint32_t crc = ~0U;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0x82f63b78U & (0U - (crc & 1)));
  }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

std::vector<std::string> frames(std::string_view file) {
  std::vector<std::string> result;
  while (!file.empty()) {
    const std::string_view length_bytes = file.substr(0, 8);
    const auto length = take<std::uint64_t>(file);
    EXPECT_EQ(take<std::uint32_t>(file), checksum(length_bytes));
    EXPECT_LE(length, file.size());
    result.emplace_back(file.substr(0, length));
    file.remove_prefix(length);
    EXPECT_EQ(take<std::uint32_t>(file), checksum(result.back()));
  }
  return result;
}

std::uint64_t varint(std::string_view& rest) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = take<std::uint8_t>(rest);
    value |= std::uint64_t{byte & 127U} << shift;
    if (byte < 128) return value;
  }
}

struct Event {
  double wall_time = 0;
  std::uint64_t step = 0;
  std::string version;
  std::map<std::string, float> scalars;
};

std::string_view message(std::string_view& rest) {
  const auto length = varint(rest);
  const std::string_view part = rest.substr(0, length);
  rest.remove_prefix(length);
  return part;
}

void read_summary(std::string_view summary, Event& event) {
  while (!summary.empty()) {
    EXPECT_EQ(varint(summary), 1U << 3 | 2U);
    std::string_view value = message(summary);
    EXPECT_EQ(varint(value), 1U << 3 | 2U);
    const std::string tag(message(value));
    EXPECT_EQ(varint(value), 2U << 3 | 5U);
    event.scalars[tag] = take<float>(value);
    EXPECT_TRUE(value.empty());
  }
}

Event read_event(std::string_view data) {
  Event event;
  while (!data.empty()) {
    switch (const auto key = varint(data)) {
      case 1 << 3 | 1:
        event.wall_time = take<double>(data);
        break;
      case 2 << 3 | 0:
        event.step = varint(data);
        break;
      case 3 << 3 | 2:
        event.version = message(data);
        break;
      case 5 << 3 | 2:
        read_summary(message(data), event);
        break;
      default:
        ADD_FAILURE() << "unexpected key " << key;
        return event;
    }
  }
  return event;
}

TEST(TensorBoard, FileStartsWithItsVersion) {
  const auto records = frames(make_tensorboard_file({}));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(read_event(records[0]).version, "brain.Event:2");
}

TEST(TensorBoard, StepsAndEpochsBecomeScalars) {
  const std::vector<Json> events = {
      {{"event", "start"}, {"time", 1000.5}, {"step", 0}},
      {{"event", "step"}, {"time", 1001.5}, {"step", 300}, {"loss", 2.5}, {"l2", nullptr}},
      {{"event", "warning"}, {"time", 1002}, {"text", "slow"}},
      {{"event", "epoch"},
       {"time", 1003},
       {"step", 400},
       {"map50", .75},
       {"val", {{"loss", 1.25}}},
       {"verdict", {{"name", "fitting"}}}}};
  const auto records = frames(make_tensorboard_file(events));
  ASSERT_EQ(records.size(), 3U);
  const Event step = read_event(records[1]);
  EXPECT_EQ(step.wall_time, 1001.5);
  EXPECT_EQ(step.step, 300U);
  EXPECT_THAT(step.scalars, ::testing::ElementsAre(std::pair("step/loss", 2.5F)));
  EXPECT_THAT(read_event(records[2]).scalars,
              ::testing::UnorderedElementsAre(std::pair("epoch/map50", .75F),
                                              std::pair("epoch/val/loss", 1.25F)));
}

// Its strings are protobuf strings, whose readers reject invalid UTF-8.
TEST(TensorBoard, TagsAreUtf8) {
  const std::string records =
      tensorboard_records({{"event", "epoch"}, {"ap50", {{"caf\xe9", .5}}}});
  EXPECT_THAT(records, ::testing::HasSubstr("epoch/ap50/caf\xef\xbf\xbd"));
  EXPECT_THAT(records, ::testing::Not(::testing::HasSubstr("caf\xe9")));
}

TEST(TensorBoard, AppendedRecordsEqualTheWholeFile) {
  const std::vector<Json> events = {{{"event", "step"}, {"time", 5}, {"step", 1}, {"loss", 3}},
                                    {{"event", "step"}, {"time", 6}, {"step", 2}, {"loss", 2}}};
  const std::string appended =
      make_tensorboard_file(std::span(events).first(1)) + tensorboard_records(events[1]);
  EXPECT_EQ(appended, make_tensorboard_file(events));
}

class GrowingTensorBoard : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove(uri_); }
  void TearDown() override { std::filesystem::remove(uri_); }
  std::string written() {
    writer_.flush();
    return storage::read_text(uri_);
  }

  const std::string uri_ = ::testing::TempDir() + "oko_run.tfevents";
  const std::vector<Json> events_ = {{{"event", "step"}, {"time", 5}, {"step", 1}, {"loss", 3}},
                                     {{"event", "warning"}, {"time", 5}, {"text", "slow"}},
                                     {{"event", "step"}, {"time", 6}, {"step", 2}, {"loss", 2}}};
  Writer writer_;
};

TEST_F(GrowingTensorBoard, FirstRecordReplacesAnExistingFile) {
  storage::write(uri_, std::string("of a run that died"));
  TensorBoardFile file(writer_, uri_);
  for (const Json& event : events_) file.write(event);
  const auto records = frames(written());
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(read_event(records[0]).version, "brain.Event:2");
  EXPECT_EQ(read_event(records[2]).step, 2U);
}

TEST_F(GrowingTensorBoard, ContinuesAfterTheEventsOfALog) {
  TensorBoardFile file(writer_, uri_);
  file.restart(std::span(events_).first(2));
  file.write(events_[2]);
  EXPECT_EQ(written(), make_tensorboard_file(events_));
}

}  // namespace
}  // namespace oko::run
