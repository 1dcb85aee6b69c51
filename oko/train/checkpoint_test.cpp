#include "oko/train/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>

#include "oko/dataset/test_data.h"
#include "oko/storage/store.h"
#include "oko/train/test_support.h"

namespace oko::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Values that a round trip through text or arithmetic would change.
graph::Tensor odd_numbers() {
  return graph::Tensor::of({-0.F, std::bit_cast<float>(0x7fc12345U), std::bit_cast<float>(1U),
                            std::numeric_limits<float>::infinity(), 1.F / 3},
                           {5});
}

Checkpoint some_checkpoint(std::int64_t step) {
  Checkpoint c;
  c.network = tiny_network();
  fill_weights(c.network, static_cast<std::uint64_t>(step));
  c.extra.emplace("optimizer.first", odd_numbers());
  c.extra.emplace("ema.values", graph::Tensor::of({1, 2, 3}, {3}));
  Position& p = c.position;
  p.step = step;
  p.stage = 2;
  p.epoch = 17;
  p.batch = 3;
  p.log_bytes = 1ULL << 40;
  p.epoch_sum = yolo_sums(1. / 3, 2. / 7, 1e-300, 1e300);
  p.epoch_pictures = 48;
  p.best_fitness = .7 + 1e-16;
  p.best_epoch = 11;
  p.trend.smoothed = 1. / 9;
  p.trend.lowest = 1. / 11;
  p.trend.updates = 5'000'000'000;
  p.schedule = {{"scale", .1}, {"best", 1. / 3}, {"waiting", 2}, {"any", true}};
  EpochSummary summary;
  summary.epoch = 16;
  summary.train = summary.val = yolo_sums(1. / 13);
  p.epochs = {summary, summary};
  p.epochs[1].has_val = true;
  p.epochs[1].val = yolo_sums(0, 0, 1. / 17);
  p.epochs[1].map50 = 1. / 19;
  p.epochs[1].map = 1. / 23;
  return c;
}

void expect_same(const graph::Weights& a, const graph::Weights& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) {
    const auto other = b.find(name);
    ASSERT_NE(other, b.end()) << name;
    EXPECT_EQ(tensor.shape, other->second.shape) << name;
    EXPECT_EQ(tensor.data.text(), other->second.data.text()) << name;
  }
}

void expect_same(const Position& a, const Position& b) {
  EXPECT_EQ(a.step, b.step);
  EXPECT_EQ(a.stage, b.stage);
  EXPECT_EQ(a.epoch, b.epoch);
  EXPECT_EQ(a.batch, b.batch);
  EXPECT_EQ(a.log_bytes, b.log_bytes);
  EXPECT_EQ(a.epoch_sum.values, b.epoch_sum.values);
  EXPECT_EQ(a.epoch_pictures, b.epoch_pictures);
  EXPECT_EQ(a.best_fitness, b.best_fitness);
  EXPECT_EQ(a.best_epoch, b.best_epoch);
  EXPECT_EQ(a.trend.smoothed, b.trend.smoothed);
  EXPECT_EQ(a.trend.lowest, b.trend.lowest);
  EXPECT_EQ(a.trend.updates, b.trend.updates);
  EXPECT_EQ(a.schedule, b.schedule);
  ASSERT_EQ(a.epochs.size(), b.epochs.size());
  for (std::size_t i = 0; i < a.epochs.size(); ++i) {
    EXPECT_EQ(to_json(a.epochs[i]), to_json(b.epochs[i]));
  }
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : storage::list(folder)) names.push_back(storage::filename(entry.uri));
  return names;
}

// write_checkpoint(), then waits for it.
std::string write_now(const std::string& folder, Checkpoint checkpoint, int keep = 2) {
  run::Writer writer;
  const std::string uri = write_checkpoint(writer, folder, std::move(checkpoint), keep);
  writer.flush();
  return uri;
}

void cut(const std::string& uri, double part) {
  const Bytes whole = storage::read(uri);
  storage::write(
      uri, whole.span().first(static_cast<std::size_t>(part * static_cast<double>(whole.size()))));
}

TEST(Checkpoint, RoundTripsBitForBit) {
  const dataset::ScratchFolder folder;
  const Checkpoint written = some_checkpoint(1234);
  EXPECT_EQ(write_now(folder.path(), written), folder / "step-00001234.oko");
  std::vector<std::string> skipped;
  const auto read = read_newest_checkpoint(folder.path(), skipped);
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(skipped.empty());
  EXPECT_EQ(read->network.layers, written.network.layers);
  EXPECT_EQ(read->network.classes, written.network.classes);
  EXPECT_EQ(read->network.metadata, written.network.metadata);
  expect_same(written.network.weights, read->network.weights);
  expect_same(written.extra, read->extra);
  expect_same(written.position, read->position);
}

TEST(Checkpoint, HasTheKeysOfOlderVersions) {
  const auto keys_of = [](const Json& object) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : object.items()) keys.push_back(key);
    return keys;
  };
  const dataset::ScratchFolder folder;
  const std::string uri = write_now(folder.path(), some_checkpoint(1));
  const Json position = graph::read_oko(storage::read(uri), uri).network.metadata.at("position");
  EXPECT_THAT(keys_of(position),
              ElementsAre("step", "stage", "epoch", "batch", "log_bytes", "epoch_sum",
                          "epoch_pictures", "best_fitness", "best_epoch", "smoothed_loss",
                          "lowest_loss", "smoothed_steps", "schedule", "epochs"));
  EXPECT_THAT(keys_of(position.at("epoch_sum")),
              ElementsAre("loss", "box", "objectness", "no_object", "class"));
}

TEST(Checkpoint, OpensAsAModel) {
  const dataset::ScratchFolder folder;
  const std::string uri = write_now(folder.path(), some_checkpoint(1));
  const graph::OkoFile file = graph::read_oko(storage::read(uri), uri);
  EXPECT_NO_THROW(graph::check_weights(file.network));
}

TEST(Checkpoint, TheNewestTwoAreKept) {
  const dataset::ScratchFolder folder;
  for (const int step : {8, 9, 10, 11}) write_now(folder.path(), some_checkpoint(step));
  EXPECT_THAT(names_in(folder.path()), ElementsAre("step-00000010.oko", "step-00000011.oko"));
  std::vector<std::string> skipped;
  EXPECT_EQ(read_newest_checkpoint(folder.path(), skipped)->position.step, 11);
}

TEST(Checkpoint, OtherFilesInTheFolderAreKept) {
  const dataset::ScratchFolder folder;
  storage::write(folder / "notes.txt", "mine");
  storage::write(folder / "best.oko", "mine");
  for (const int step : {1, 2, 3}) write_now(folder.path(), some_checkpoint(step), 1);
  EXPECT_THAT(names_in(folder.path()), ElementsAre("best.oko", "notes.txt", "step-00000003.oko"));
}

TEST(Checkpoint, TruncatedNewestOneIsSkippedAndReported) {
  const dataset::ScratchFolder folder;
  write_now(folder.path(), some_checkpoint(5));
  const std::string newest = write_now(folder.path(), some_checkpoint(6));
  for (const double part : {.9, .3, .01, 0.}) {
    cut(newest, part);
    std::vector<std::string> skipped;
    const auto read = read_newest_checkpoint(folder.path(), skipped);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->position.step, 5);
    ASSERT_EQ(skipped.size(), 1U);
    EXPECT_THAT(skipped[0], HasSubstr("step-00000006.oko"));
  }
}

TEST(Checkpoint, AModelThatCannotBeTrainedIsSkippedAndReported) {
  const dataset::ScratchFolder folder;
  write_now(folder.path(), some_checkpoint(5));
  Checkpoint other = some_checkpoint(6);
  std::erase_if(other.network.layers,
                [](const graph::Layer& layer) { return graph::is_head(layer.operation); });
  write_now(folder.path(), other);
  std::vector<std::string> skipped;
  const auto read = read_newest_checkpoint(folder.path(), skipped);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->position.step, 5);
  EXPECT_EQ(skipped.size(), 1U);
}

TEST(Checkpoint, OneWithADamagedPayloadIsSkippedAndTold) {
  const dataset::ScratchFolder folder;
  write_now(folder.path(), some_checkpoint(5));
  const std::string newest = write_now(folder.path(), some_checkpoint(6));
  const std::string whole = storage::read_text(newest);
  std::uint64_t header = 0;
  std::memcpy(&header, whole.data(), sizeof header);
  const std::size_t data = sizeof header + header;
  std::string one_bit = whole;
  one_bit[(data + whole.size()) / 2] ^= 1;
  for (const std::string& damaged :
       {whole.substr(0, data) + std::string(whole.size() - data, '\0'),
        whole.substr(0, data) + std::string(whole.size() - data, '\xff'), one_bit}) {
    storage::write(newest, damaged);
    std::vector<std::string> skipped;
    const auto read = read_newest_checkpoint(folder.path(), skipped);
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->position.step, 5);
    ASSERT_EQ(skipped.size(), 1U);
    EXPECT_THAT(skipped[0], HasSubstr("step-00000006.oko: is damaged"));
  }
}

TEST(Checkpoint, OneWithoutAChecksumIsRead) {
  const dataset::ScratchFolder folder;
  const std::string uri = write_now(folder.path(), some_checkpoint(5));
  graph::Safetensors content = graph::read_safetensors(storage::read(uri), uri);
  ASSERT_EQ(content.metadata.erase("checksum"), 1U);
  storage::write(uri, graph::write_safetensors(content));
  std::vector<std::string> skipped;
  EXPECT_EQ(read_newest_checkpoint(folder.path(), skipped)->position.step, 5);
  EXPECT_TRUE(skipped.empty());
}

TEST(Checkpoint, OneWithoutItsPositionIsSkipped) {
  const dataset::ScratchFolder folder;
  write_now(folder.path(), some_checkpoint(5));
  storage::write(folder / "step-00000006.oko", graph::write_oko(some_checkpoint(6).network));
  std::vector<std::string> skipped;
  EXPECT_EQ(read_newest_checkpoint(folder.path(), skipped)->position.step, 5);
  EXPECT_EQ(skipped.size(), 1U);
}

TEST(Checkpoint, NoneAtAllIsNotAnError) {
  const dataset::ScratchFolder folder;
  std::vector<std::string> skipped;
  EXPECT_FALSE(read_newest_checkpoint(folder.path(), skipped).has_value());
  EXPECT_FALSE(read_newest_checkpoint(folder / "missing", skipped).has_value());
}

TEST(Checkpoint, OnlyBrokenOnesAreAnInputError) {
  const dataset::ScratchFolder folder;
  for (const int step : {1, 2}) cut(write_now(folder.path(), some_checkpoint(step)), .5);
  std::vector<std::string> skipped;
  const Error e = error_of([&] { read_newest_checkpoint(folder.path(), skipped); });
  EXPECT_EQ(e.code(), ErrorCode::kInput);
  EXPECT_EQ(skipped.size(), 2U);
}

}  // namespace
}  // namespace oko::train
