// OpenCV's own reader of Darknet files, a second opinion on ours and on what we write.
#include <gtest/gtest.h>

#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/dnn.hpp>

#include "oko/formats/darknet.h"
#include "oko/graph/reference.h"
#include "oko/graph/synthetic.h"

namespace oko::formats {
namespace {

constexpr float kOpencvEpsilon = 1e-6F;  // inside the root

// Runs a .cfg whose last layer is not a head in OpenCV.
std::vector<float> run_opencv(const std::string& cfg, const std::vector<std::byte>& weights,
                              const std::vector<float>& input, const graph::Shape& shape) {
  cv::dnn::Net net = cv::dnn::readNetFromDarknet(
      cfg.data(), cfg.size(), reinterpret_cast<const char*>(weights.data()), weights.size());
  net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
  const std::vector<int> sides{1, shape.channels, shape.height, shape.width};
  cv::Mat blob(sides, CV_32F);
  std::copy(input.begin(), input.end(), blob.ptr<float>());
  net.setInput(blob);
  const cv::Mat map = net.forward();
  return {map.ptr<float>(), map.ptr<float>() + map.total()};
}

std::vector<float> random_input(const graph::Shape& shape) {
  std::vector<float> input(static_cast<std::size_t>(shape.count()));
  cv::RNG random(7);
  for (float& value : input) value = random.uniform(0.F, 1.F);
  return input;
}

// Of two outputs, relative to the largest value.
double difference(const std::vector<double>& expected, const std::vector<float>& actual) {
  if (expected.size() != actual.size()) return INFINITY;
  double largest = 0, apart = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    apart = std::max(apart, std::abs(expected[i] - static_cast<double>(actual[i])));
  }
  return apart / largest;
}

// The network of the file, with random weights.
graph::Network synthetic(const std::string& cfg) {
  graph::Network network = read_darknet_cfg(cfg, "n.cfg");
  for (graph::Layer& layer : network.layers) {
    auto* convolution = std::get_if<graph::Convolution>(&layer.operation);
    if (convolution != nullptr && convolution->batch_norm) {
      convolution->batch_norm = graph::BatchNorm{kOpencvEpsilon, false};
    }
  }
  graph::fill_synthetic_weights(network);
  return network;
}

const std::string kNet = "[net]\nwidth=16\nheight=16\nchannels=3\n";
std::string convolution(int filters, const std::string& activation, const std::string& more = "") {
  return "[convolutional]\nfilters=" + std::to_string(filters) + "\nsize=3\npad=1\n" + more +
         "activation=" + activation + "\n";
}

TEST(Darknet, ComputesWhatOpencvComputesOfItsFiles) {
  const std::string first = kNet + convolution(8, "leaky", "batch_normalize=1\n");
  const std::pair<const char*, std::string> kCases[] = {
      {"reorg", first + "[reorg]\nstride=2\n"},
      {"unequal shortcut",
       first + convolution(5, "relu") + "[shortcut]\nfrom=-2\nactivation=leaky\n"},
      {"wide shortcut",
       first + convolution(12, "relu") + "[shortcut]\nfrom=-2\nactivation=linear\n"},
      {"sam", first + convolution(8, "logistic") + "[sam]\nfrom=-2\nactivation=linear\n"},
      {"scale channels", first + "[avgpool]\n" + convolution(8, "logistic") +
                             "[scale_channels]\nfrom=0\nactivation=linear\n"},
      {"groups",
       first + "[route]\nlayers=-1\ngroups=2\ngroup_id=1\n" + convolution(8, "mish", "groups=4\n")},
      {"connected", first + "[maxpool]\nsize=2\nstride=2\n[connected]\noutput=5\nactivation=leaky\n"
                            "[dropout]\nprobability=.5\n[connected]\noutput=4\nactivation=linear\n"
                            "[softmax]\ngroups=1\n"},
      {"upsample", first + "[upsample]\nstride=2\n" + convolution(4, "swish")},
  };
  for (const auto& [name, cfg] : kCases) {
    SCOPED_TRACE(name);
    const graph::Network network = synthetic(cfg);
    const std::vector<float> input = random_input(network.input);
    const std::vector<double> expected = graph::Reference<double>(network).run(input)[0];
    const auto weights = write_darknet_weights(network);
    EXPECT_LT(difference(expected, run_opencv(cfg, weights, input, network.input)), 1e-4);
    const std::string written = write_darknet_cfg(network);
    EXPECT_LT(difference(expected, run_opencv(written, weights, input, network.input)), 1e-4);
  }
}

// OpenCV gives for each anchor of each cell x, y, w, h relative to the image, a number, which is
// not compared, and the score of each class.
TEST(Darknet, DecodesHeadsWithNewCoordinatesAsOpencvDoes) {
  const std::string cfg = kNet + convolution(8, "leaky", "stride=2\n") +
                          convolution(14, "logistic") +
                          "[yolo]\nmask=1,2\nanchors=3,4,5,6,7,8\nclasses=2\nnum=3\nscale_x_y=2\n"
                          "new_coords=1\nthresh=0.001\n";
  const graph::Network network = synthetic(cfg);
  const std::vector<float> input = random_input(network.input);
  const std::vector<double> raw = graph::Reference<double>(network).run(input)[0];
  const auto weights = write_darknet_weights(network);
  const auto sigmoid = [&](int channel, int cell) {
    return 1 / (1 + std::exp(-raw[static_cast<std::size_t>(channel * 64 + cell)]));
  };
  std::vector<double> expected;
  const graph::Anchor anchors[] = {{5, 6}, {7, 8}};
  for (int cell = 0; cell < 64; ++cell) {
    for (int anchor = 0; anchor < 2; ++anchor) {
      const int base = anchor * 7;
      const double w = sigmoid(base + 2, cell), h = sigmoid(base + 3, cell);
      const double objectness = sigmoid(base + 4, cell);
      expected.insert(
          expected.end(),
          {(cell % 8 + 2 * sigmoid(base, cell) - .5) / 8,
           (cell / 8 + 2 * sigmoid(base + 1, cell) - .5) / 8,
           4 * w * w * anchors[anchor].width / 16, 4 * h * h * anchors[anchor].height / 16, 0,
           objectness * sigmoid(base + 5, cell), objectness * sigmoid(base + 6, cell)});
    }
  }
  for (const std::string& file : {cfg, write_darknet_cfg(network)}) {
    std::vector<float> rows = run_opencv(file, weights, input, network.input);
    ASSERT_EQ(rows.size(), expected.size());
    for (std::size_t i = 4; i < rows.size(); i += 7) rows[i] = 0;
    EXPECT_LT(difference(expected, rows), 1e-4) << file;
  }
}

}  // namespace
}  // namespace oko::formats
