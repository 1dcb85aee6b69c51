#include "oko/train/validate.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "oko/media/picture.h"
#include "oko/storage/store.h"

namespace oko::train {
namespace {

constexpr int kSide = 96, kCells = 24;

// A head of 24x24 cells whose anchor is so small that boxes do not touch.
graph::Network network_of_many_boxes() {
  graph::MaxPool pool;
  pool.size = pool.stride = kSide / kCells;
  graph::Convolution convolution;
  convolution.filters = 6;
  graph::Yolo head;
  head.anchors = {{2, 2}};
  head.mask = {0};
  head.classes = 1;
  graph::Network network;
  network.input = {3, kSide, kSide};
  network.layers = {{"pool", pool, {graph::kNetworkInput}, {}},
                    {"out", convolution, {0}, {}},
                    {"head", head, {1}, {}}};
  network.classes = {"square"};
  graph::infer_shapes(network);
  return network;
}

// Finds an object in every cell, with a score that depends only on the cell.
class EveryCell final : public detect::Engine {
 public:
  EveryCell() : map_(std::size_t{6} * kCells * kCells) {
    const std::size_t plane = std::size_t{kCells} * kCells;
    for (std::size_t i = 0; i < plane; ++i) map_[4 * plane + i] = static_cast<float>(i % 97) / 97;
  }
  std::vector<std::vector<detect::HeadMap>> run(std::span<const float>, int batch) override {
    return {static_cast<std::size_t>(batch), {detect::HeadMap(map_)}};
  }

 private:
  std::vector<float> map_;
};

class ValidationTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    dataset_.uri = folder_;
    dataset_.classes = {"square"};
    for (const image::Size size : {image::Size{90, 50}, {96, 96}, {40, 120}}) {
      dataset::Sample& sample = dataset_.samples.emplace_back();
      sample.image = storage::join(folder_, std::to_string(size.width) + ".png");
      sample.objects.resize(1);
      sample.objects[0].box = {20, 20, 30, 30};
      const auto bytes = static_cast<std::size_t>(size.width * size.height * 3);
      media::save({size, std::vector<std::uint8_t>(bytes)}, sample.image);
    }
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_ = testing::TempDir() + "oko_validation";
  dataset::Dataset dataset_;
};

TEST_F(ValidationTest, MatchesEvaluationOfTheModel) {
  const graph::Network network = network_of_many_boxes();
  NoProgress progress;
  EveryCell engine;
  Validation validation(dataset_, network, 2, std::size_t{1} << 20);
  const auto during = validation.run(engine, network, {}, 2, progress).evaluation;
  detect::Detector detector(network, std::make_unique<EveryCell>());
  const auto after = run::evaluate(detector, dataset_, {}, progress);
  ASSERT_EQ(during.pictures.size(), 3U);
  EXPECT_EQ(during.pictures[1].found.size(), 500U);  // of 576: the maximum that is counted
  for (std::size_t i = 0; i < 3; ++i) {
    const auto &one = during.pictures[i].found, &other = after.pictures[i].found;
    ASSERT_EQ(one.size(), other.size()) << i;
    for (std::size_t k = 0; k < one.size(); ++k) {
      EXPECT_EQ(one[k].box, other[k].box);
      EXPECT_EQ(one[k].score, other[k].score);
    }
    EXPECT_EQ(during.pictures[i].truth.size(), 1U);
  }
  EXPECT_EQ(during.map50, after.map50);
}

}  // namespace
}  // namespace oko::train
