#include "oko/train/head.h"

#include <gmock/gmock.h>

#include "oko/train/test_support.h"

namespace oko::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(LossSums, PartsAddUp) {
  LossSums sum;
  EXPECT_EQ(sum.total(), 0);
  sum += yolo_sums(1, 2, 3, 4);
  sum += yolo_sums(10, 20, 30, 40);
  EXPECT_EQ(sum.total(), 110);
  sum /= 11;
  EXPECT_THAT(sum.values, ElementsAre(1, 2, 3, 4));
}

TEST(HeadKind, LossOfTheHeadsOfAnImageHasTheKindsParts) {
  const graph::Network network = tiny_network();
  const HeadKind& kind = head_kind(network, "tiny.cfg");
  const graph::Layer& head = network.layers[network.heads().at(0)];
  std::vector<float> raw(static_cast<std::size_t>(head.output.count())), gradient(raw.size());
  std::vector<HeadTensor> tensors{{head.operation, head.output, raw, gradient}};
  const std::vector<dataset::Truth> truths{{0, .5F, .5F, .25F, .25F}};
  kind.compute_loss(tensors, {64, 64}, truths, {});
  ASSERT_EQ(tensors[0].loss.values.size(), kind.loss_parts().size());
  for (const double value : tensors[0].loss.values) EXPECT_GT(value, 0);
  EXPECT_TRUE(std::ranges::any_of(gradient, [](float g) { return g != 0; }));
}

TEST(HeadKind, WeightsOfAHeadWithAnotherBoxCodeAreNotTaken) {
  const graph::Network network = tiny_network();
  const graph::Operation& exponential = network.layers[network.heads().at(0)].operation;
  auto squared = std::get<graph::Yolo>(exponential);
  squared.box_code = graph::BoxCode::kSquared;
  const HeadKind& kind = *head_kind(exponential);
  EXPECT_FALSE(kind.channels_from(squared, {}, squared, {}).empty());
  EXPECT_TRUE(kind.channels_from(squared, {}, exponential, {}).empty());
}

TEST(HeadKind, HeadsThatCannotBeTrainedAreRefused) {
  graph::Network network = tiny_network();
  const int head = network.heads().at(0);
  network.layers[head].operation = graph::Region{{{1, 1}}, 1, true};
  const Error region = error_of([&] { head_kind(network, "v2.cfg"); });
  EXPECT_EQ(region.code(), ErrorCode::kUsage);
  EXPECT_EQ(region.place(), "v2.cfg: " + graph::place_of(network, head));
  EXPECT_THAT(region.message(), HasSubstr("is a region head, which oko can run but not train"));
  auto yolo = std::get<graph::Yolo>(tiny_network().layers[head].operation);
  for (const graph::BoxCode code : {graph::BoxCode::kPoint, graph::BoxCode::kBounded}) {
    yolo.box_code = code;
    network.layers[head].operation = yolo;
    EXPECT_THAT(error_of([&] { head_kind(network, "yolox.cfg"); }).message(),
                HasSubstr("makes boxes or scores in a way that oko can run but not train"));
  }
  network.layers.pop_back();
  EXPECT_THAT(error_of([&] { head_kind(network, "none.cfg"); }).message(),
              HasSubstr("has no head that can be trained"));
}

}  // namespace
}  // namespace oko::train
