// Layers of AlexeyAB's Darknet that OpenCV does not read, by values computed by hand from Darknet's
// definitions.
#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "oko/formats/darknet.h"
#include "oko/graph/reference.h"

namespace oko::formats {
namespace {

using testing::ElementsAre;

// The output of a network without batch norm for the values 0, 1, 2, …; all of its kernels are 1
// and biases 0, but for those that the .cfg defines.
std::vector<double> output_of(const std::string& cfg) {
  DarknetLayout layout;
  graph::Network network = read_darknet_cfg(cfg, "n.cfg", nullptr, &layout);
  std::vector<float> floats(4, 0.F);  // the header: version 0.0.0, and 0 images in 32 bits
  for (const graph::WeightSpec& spec : graph::weight_specs(network)) {
    if (layout.constant.contains(spec.layer)) continue;
    const auto count =
        std::accumulate(spec.shape.begin(), spec.shape.end(), std::int64_t{1}, std::multiplies<>());
    floats.insert(floats.end(), static_cast<std::size_t>(count),
                  spec.name.ends_with(".kernel") ? 1.F : 0.F);
  }
  const auto bytes = std::as_bytes(std::span(floats));
  read_darknet_weights(Bytes(std::vector<std::byte>(bytes.begin(), bytes.end())), "n.weights",
                       network, layout);
  std::vector<float> input(static_cast<std::size_t>(network.input.count()));
  std::iota(input.begin(), input.end(), 0.F);
  return graph::Reference<double>(network).run(input)[0];
}

std::string net(int side, int channels) {
  return "[net]\nwidth=" + std::to_string(side) + "\nheight=" + std::to_string(side) +
         "\nchannels=" + std::to_string(channels) + "\n";
}

TEST(DarknetLayers, LocalAveragesLeaveOutThePadding) {
  EXPECT_THAT(output_of(net(4, 1) + "[local_avgpool]\nsize=3\nstride=2\n"),
              ElementsAre(2.5, 4, 8.5, 10));
}

TEST(DarknetLayers, Reorg3dMovesThePixelsOfASquareOneAfterTheOther) {
  EXPECT_THAT(output_of(net(2, 2) + "[reorg3d]\nstride=2\n"), ElementsAre(0, 4, 1, 5, 2, 6, 3, 7));
}

TEST(DarknetLayers, ShortcutOfALargerMapAddsEveryOtherPixel) {
  EXPECT_THAT(output_of(net(4, 1) + "[maxpool]\nsize=1\nstride=1\n[maxpool]\nsize=2\nstride=2\n"
                                    "[shortcut]\nfrom=-2\nactivation=linear\n"),
              ElementsAre(5 + 0, 7 + 2, 13 + 8, 15 + 10));
}

TEST(DarknetLayers, DilationSpreadsAWindowAndItsPadding) {
  const std::vector<double> sums = output_of(
      net(4, 1) + "[convolutional]\nfilters=1\nsize=3\npad=1\ndilation=2\nactivation=linear\n");
  ASSERT_EQ(sums.size(), 16U);
  EXPECT_EQ(sums[0], 0 + 2 + 8 + 10);
  EXPECT_EQ(sums[1], 1 + 3 + 9 + 11);
  EXPECT_EQ(sums[5], 5 + 7 + 13 + 15);
}

TEST(DarknetLayers, ConnectedLayersSumAllValues) {
  EXPECT_THAT(output_of(net(2, 2) + "[connected]\noutput=2\nactivation=linear\n"),
              ElementsAre(28, 28));
}

TEST(DarknetLayers, SoftmaxIsOverAllPixelsAndDividesByTheTemperature) {
  const std::vector<double> shares = output_of(net(2, 1) + "[softmax]\ntemperature=2\n");
  ASSERT_EQ(shares.size(), 4U);
  const double sum = 1 + std::exp(.5) + std::exp(1) + std::exp(1.5);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(shares[i], std::exp(static_cast<double>(i) / 2) / sum, 1e-6);
  }
}

}  // namespace
}  // namespace oko::formats
