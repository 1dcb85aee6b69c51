#include "oko/graph/reference.h"

#include <gmock/gmock.h>

#include <numeric>

namespace oko::graph {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

template <typename T>
std::vector<T> result_of(Network network, std::span<const float> input) {
  infer_shapes(network);
  return Reference<T>(network).run(input)[0];
}

// Windows of 2x2 with a stride of 2 over 3x3 values and a column and row of padding before them.
Network padded_convolution() {
  Network network;
  network.input = {1, 3, 3};
  network.layers = {{"c", Convolution{1, 2, 2, 1, {1, 1, 0, 0}}, {kNetworkInput}, {}}};
  network.weights["c.kernel"] = Tensor::of({1, 10, 100, 1000}, {1, 1, 2, 2});
  network.weights["c.bias"] = Tensor::of({.5F}, {1});
  return network;
}
constexpr float kNine[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

TEST(Reference, ConvolvesWithPaddingAndStride) {
  EXPECT_THAT(result_of<double>(padded_convolution(), kNine),
              ElementsAre(1000.5, 3200.5, 7040.5, 9865.5));
  EXPECT_THAT(result_of<float>(padded_convolution(), kNine),
              ElementsAre(1000.5F, 3200.5F, 7040.5F, 9865.5F));
}

TEST(Reference, NormalizesWithEpsilonInsideOrOutsideTheRoot) {
  for (const bool outside : {false, true}) {
    Network network = padded_convolution();
    std::get<Convolution>(network.layers[0].operation).batch_norm = BatchNorm{.25F, outside};
    network.weights["c.scale"] = Tensor::of({3}, {1});
    network.weights["c.mean"] = Tensor::of({200}, {1});
    network.weights["c.variance"] = Tensor::of({4}, {1});
    const double root = outside ? 2.25 : std::sqrt(4.25);
    EXPECT_THAT(result_of<double>(network, kNine)[1], DoubleNear(3 * 3000 / root + .5, 1e-9));
  }
}

TEST(Reference, KeepsGroupsOfChannelsApart) {
  Network network;
  network.input = {4, 1, 1};
  network.layers = {{"c", Convolution{2, 1, 1, 2}, {kNetworkInput}, {}},
                    {"back", Route{2, 1}, {0, kNetworkInput}, {}}};
  network.weights["c.kernel"] = Tensor::of({1, 2, 3, 4}, {2, 2, 1, 1});
  network.weights["c.bias"] = Tensor::of({0, 0}, {2});
  const std::vector<float> input{1, 10, 100, 1000};
  EXPECT_THAT(result_of<double>(network, input), ElementsAre(4300, 100, 1000));
}

// One channel of 2x4 pixels, 0…7, in squares of two.
TEST(Reference, MakesSquaresChannelsInEveryOrder) {
  using Order = SpaceToDepth::Order;
  const std::vector<std::pair<Order, std::vector<double>>> cases{
      {Order::kRows, {0, 2, 8, 10, 1, 3, 9, 11, 4, 6, 12, 14, 5, 7, 13, 15}},
      {Order::kColumns, {0, 2, 8, 10, 4, 6, 12, 14, 1, 3, 9, 11, 5, 7, 13, 15}},
      {Order::kChannels, {0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15}}};
  for (const auto& [order, wanted] : cases) {
    Network network;
    network.input = {2, 2, 4};
    network.layers = {{"s", SpaceToDepth{2, order}, {kNetworkInput}, {}}};
    std::vector<float> input(16);
    std::iota(input.begin(), input.end(), 0.F);
    EXPECT_THAT(result_of<double>(network, input), testing::ElementsAreArray(wanted))
        << word_of(order);
  }
}

TEST(Reference, AveragesWindowsWithAndWithoutTheirPadding) {
  for (const bool counted : {false, true}) {
    Network network;
    network.input = {1, 3, 3};
    network.layers = {{"a", AveragePool{2, 2, {1, 1, 0, 0}, counted}, {kNetworkInput}, {}}};
    const std::vector<double> all{.25, 1.25, 2.75, 7}, inside{1, 2.5, 5.5, 7};
    EXPECT_THAT(result_of<double>(network, kNine),
                testing::ElementsAreArray(counted ? all : inside));
  }
}

TEST(Reference, AddsTheChannelsThatBothHave) {
  Network network;
  network.input = {3, 1, 1};
  network.layers = {{"two", Slice{1, 2}, {kNetworkInput}, {}},
                    {"wide", Shortcut{Activation::kLinear, true}, {kNetworkInput, 0}, {}},
                    {"narrow", Shortcut{Activation::kLinear, true}, {0, kNetworkInput}, {}},
                    {"both", Route{}, {1, 2}, {}}};
  EXPECT_THAT(result_of<double>(network, std::vector<float>{1, 10, 100}),
              ElementsAre(11, 110, 100, 11, 110));
}

TEST(Reference, MultipliesMapsAndChannels) {
  Network network;
  network.input = {2, 1, 2};
  network.layers = {{"mean", AveragePool{}, {kNetworkInput}, {}},
                    {"p", Product{}, {kNetworkInput, kNetworkInput, 0}, {}}};
  EXPECT_THAT(result_of<double>(network, std::vector<float>{1, 3, 2, 6}),
              ElementsAre(2, 18, 16, 144));
}

// Two pixels: queries 1 and 0, keys ln 3 and 0, values 8 and 4.
TEST(Reference, AttendsToPixels) {
  Network network;
  network.input = {3, 1, 2};
  network.layers = {{"a", Attention{1, 1, 1}, {kNetworkInput}, {}}};
  const std::vector<float> input{1, 0, std::log(3.F), 0, 8, 4};
  EXPECT_THAT(result_of<double>(network, input), ElementsAre(DoubleNear(7, 1e-6), 6));
}

TEST(Reference, ReadsDilatedWindows) {
  Network network;
  network.input = {1, 3, 3};
  Convolution c{1, 2};
  c.dilation = 2;
  network.layers = {{"c", c, {kNetworkInput}, {}}};
  network.weights["c.kernel"] = Tensor::of({1, 10, 100, 1000}, {1, 1, 2, 2});
  network.weights["c.bias"] = Tensor::of({0}, {1});
  EXPECT_THAT(result_of<double>(network, kNine), ElementsAre(9731));
}

TEST(Reference, InterpolatesOnThreeGrids) {
  Network network;
  network.input = {1, 1, 3};
  const std::vector<float> input{0, 4, 8};
  const auto row = [&](Grid grid) {
    network.layers = {{"b", Bilinear{2, grid}, {kNetworkInput}, {}}};
    std::vector<double> both = result_of<double>(network, input);
    both.resize(6);  // both rows are equal
    return both;
  };
  EXPECT_THAT(row(Grid::kHalfPixel), ElementsAre(0, 1, 3, 5, 7, 8));
  EXPECT_THAT(row(Grid::kAsymmetric), ElementsAre(0, 2, 4, 6, 8, 8));
  const std::vector<double> corners = row(Grid::kCorners);
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(corners[i], 1.6 * i, 1e-6);
}

TEST(Reference, ShufflesChannels) {
  Network network;
  network.input = {6, 1, 1};
  network.layers = {{"s", Shuffle{2}, {kNetworkInput}, {}}};
  const std::vector<float> input{0, 1, 2, 3, 4, 5};
  EXPECT_THAT(result_of<double>(network, input), ElementsAre(0, 3, 1, 4, 2, 5));
}

TEST(Reference, ShowsEveryLayerButHeads) {
  Network network;
  network.input = {6, 2, 2};
  network.layers = {{"a", Shortcut{Activation::kRelu}, {kNetworkInput, kNetworkInput}, {}},
                    {"head", Yolo{{{1, 1}}, {0}, 1}, {0}, {}}};
  infer_shapes(network);
  std::vector<int> seen;
  Reference<float>(network).run(std::vector<float>(24, -1), [&](int layer, auto map) {
    seen.push_back(layer);
    EXPECT_EQ(map[0], 0);
  });
  EXPECT_THAT(seen, ElementsAre(0));
}

}  // namespace
}  // namespace oko::graph
