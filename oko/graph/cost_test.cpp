#include "oko/graph/cost.h"

#include <gtest/gtest.h>

#include "oko/graph/builtin.h"

namespace oko::graph {
namespace {

// Published figures: parameters by the size of the .weights files, FLOP as Darknet prints them.
TEST(TotalCost, AgreesWithThePublishedFigures) {
  const LayerCost tiny = total_cost(make_builtin("yolov3-tiny", {}));
  EXPECT_EQ(tiny.parameters, 8'858'734);
  EXPECT_NEAR(tiny.flop, 5.56e9, .01e9);
  const LayerCost tiny20 = total_cost(make_builtin("yolov3-tiny", {.classes = 20}));
  EXPECT_EQ(tiny20.parameters, 8'720'134);
  EXPECT_NEAR(tiny20.flop, 5.47e9, .01e9);
  const LayerCost full = total_cost(make_builtin("yolov3", {}));
  EXPECT_EQ(full.parameters, 62'001'757);
  EXPECT_NEAR(full.flop, 65.9e9, .05e9);
  EXPECT_EQ(total_cost(make_builtin("yolov3", {.classes = 20})).parameters, 61'678'657);
  EXPECT_EQ(total_cost(make_builtin("yolo-fastest", {})).parameters, 346'062);
  EXPECT_EQ(total_cost(make_builtin("yolo-fastest-xl", {})).parameters, 923'486);
}

TEST(LayerCosts, CountsGroupsAndOutputsOfEachLayer) {
  Network network;
  network.input = {4, 8, 8};
  Convolution grouped{
      .filters = 8, .size = 3, .stride = 2, .groups = 2, .padding = Padding::all(1)};
  network.layers = {{"a", grouped, {kNetworkInput}, {}}, {"b", Upsample{2}, {0}, {}}};
  infer_shapes(network);
  const auto costs = layer_costs(network);
  EXPECT_EQ(costs[0].parameters, 8 + 8 * 2 * 9);
  EXPECT_EQ(costs[0].flop, 2. * 8 * 2 * 9 * 4 * 4);
  EXPECT_EQ(costs[0].output_bytes, 8 * 4 * 4 * 4);
  EXPECT_EQ(costs[1].parameters, 0);
  EXPECT_EQ(costs[1].output_bytes, 8 * 8 * 8 * 4);
}

TEST(PeakActivationBytes, FreesTensorsAfterTheirLastUse) {
  Network network;
  network.input = {1, 10, 10};
  network.layers = {{"a", Convolution{.filters = 4}, {kNetworkInput}, {}},
                    {"b", Convolution{.filters = 2}, {0}, {}},
                    {"c", Convolution{.filters = 2}, {1}, {}}};
  infer_shapes(network);
  EXPECT_EQ(peak_activation_bytes(network), 400 * (4 + 2));
  // Reading the first tensor again at the end keeps it alive throughout.
  network.layers.push_back({"d", Route{}, {0, 2}, {}});
  infer_shapes(network);
  EXPECT_EQ(peak_activation_bytes(network), 400 * (4 + 2 + 6));
}

TEST(PeakActivationBytes, KeepsWhatHeadsRead) {
  Network network;
  network.input = {1, 10, 10};
  Yolo yolo;
  yolo.anchors = {{1, 1}};
  yolo.mask = {0};
  yolo.classes = 1;
  network.layers = {{"a", Convolution{.filters = 6}, {kNetworkInput}, {}},
                    {"head", yolo, {0}, {}},
                    {"b", Convolution{.filters = 3}, {kNetworkInput}, {}}};
  infer_shapes(network);
  EXPECT_EQ(peak_activation_bytes(network), 400 * (1 + 6 + 3));
}

}  // namespace
}  // namespace oko::graph
