#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/base/error.h"
#include "oko/formats/mps/test_networks.h"
#include "oko/formats/mps/test_plain_graph.h"
#include "oko/graph/fold.h"
#include "oko/graph/reference.h"
#include "oko/runtime/engine.h"
#include "tests/support/reference_models.h"

namespace oko::formats {
namespace {

using graph::Activation;
using graph::Convolution;

// A written model as an engine: a plan that runs from the written file's bytes.
class WrittenGraph {
 public:
  explicit WrittenGraph(const graph::Network& network,
                        graph::Precision weights = graph::Precision::kFloat32)
      : plan_(mps::make_plan(graph::inference_form(network))),
        file_(write_mps(network, {weights}, "model")[1].bytes) {}

  std::vector<std::vector<std::vector<float>>> run(std::span<const float> input, int) {
    return {mps::PlainGraph(plan_, file_.span()).run(input)};
  }
  const mps::Plan& plan() const { return plan_; }
  const Bytes& file() const { return file_; }

 private:
  mps::Plan plan_;
  Bytes file_;
};

std::vector<float> synthetic_input(const graph::Network& network) {
  std::vector<float> input(static_cast<std::size_t>(network.input.count()));
  for (std::size_t i = 0; i < input.size(); ++i) {
    input[i] = static_cast<float>(i * 2654435761U % 1000) / 1000;
  }
  return input;
}

// The graph computes what the layers' definitions compute.
WrittenGraph expect_right_maps(graph::Network network) {
  graph::infer_shapes(network);
  graph::fill_synthetic_weights(network);
  WrittenGraph written(network);
  const auto input = synthetic_input(network);
  std::vector<float> seen = input;  // textures are RGB
  if (network.preprocess.bgr) {
    const auto plane = static_cast<std::ptrdiff_t>(input.size() / 3);
    std::swap_ranges(seen.begin(), seen.begin() + plane, seen.begin() + 2 * plane);
  }
  const auto maps = written.run(seen, 1)[0];
  const auto expected = graph::Reference<double>(network).run(input);
  EXPECT_EQ(maps.size(), expected.size());
  for (std::size_t h = 0; h < std::min(maps.size(), expected.size()); ++h) {
    const std::vector<float> values(expected[h].begin(), expected[h].end());
    EXPECT_LT(reference::largest_difference(maps[h], values), 1e-4);
  }
  return written;
}

Convolution convolution(int filters, int size, graph::Padding padding, int stride = 1,
                        int groups = 1, Activation activation = Activation::kLeaky) {
  Convolution c;
  c.filters = filters;
  c.size = size;
  c.padding = padding;
  c.stride = stride;
  c.groups = groups;
  c.activation = activation;
  return c;
}

// Appends a head to a list of layers.
graph::Network with_head(std::vector<graph::Layer> layers, graph::Shape input = {3, 16, 12}) {
  graph::Network network;
  network.input = input;
  network.layers = std::move(layers);
  const int last = static_cast<int>(network.layers.size()) - 1;
  network.layers.push_back(
      {"to_head", convolution(18, 1, {}, 1, 1, Activation::kLinear), {last}, {}});
  graph::Yolo yolo{{{10, 10}, {20, 20}, {30, 30}}, {0, 1, 2}, 1};
  network.layers.push_back({"head", yolo, {last + 1}, {}});
  return network;
}

TEST(Mps, RunsPublishedModelsAsDarknetDid) {
  if (reference::path_of("golden").empty()) GTEST_SKIP() << "set OKO_DATA";
  for (const reference::GoldenModel& model : reference::golden_models()) {
    reference::expect_golden_heads(
        model, [](const graph::Network& n) { return std::make_unique<WrittenGraph>(n); });
  }
}

TEST(Mps, RunsYolov3TinyAndYolov3AsDarknetDid) {
  if (reference::path_of("golden").empty()) GTEST_SKIP() << "set OKO_DATA";
  for (const reference::SyntheticModel& model : reference::synthetic_models()) {
    reference::expect_golden_heads(
        model, [](const graph::Network& n) { return std::make_unique<WrittenGraph>(n); });
  }
}

TEST(Mps, Float16WeightsGiveNearlyTheSame) {
  if (reference::path_of("golden").empty()) GTEST_SKIP() << "set OKO_DATA";
  const std::string base = reference::path_of("models/darknet") + "/yoloface-50k";
  const graph::Network network = reference::darknet_model(base + ".cfg", base + ".weights");
  WrittenGraph whole(network), half(network, graph::Precision::kFloat16);
  EXPECT_LT(half.file().size(), whole.file().size() * 6 / 10);
  const auto input =
      reference::read_floats(reference::path_of("golden/inputs/person_letterbox_3x56x56.f32"));
  const auto a = whole.run(input, 1)[0], b = half.run(input, 1)[0];
  const float difference = reference::largest_difference(a[0], b[0]);
  EXPECT_LT(difference, .05);
  EXPECT_GT(difference, 0);
}

TEST(Mps, PlacesWindowsWhateverThePadding) {
  for (const int size : {1, 2, 3, 4, 5}) {
    for (const int stride : {1, 2, 3}) {
      const graph::Padding padding{size / 2, (size - 1) / 2, (size + 1) / 3, size - 1};
      expect_right_maps(with_head({{"c", convolution(4, size, padding, stride), {-1}, {}}}));
      expect_right_maps(with_head({{"c", convolution(4, 1, {}), {-1}, {}},
                                   {"p", graph::MaxPool{size, stride, padding}, {0}, {}}}));
    }
  }
}

TEST(Mps, OffsetsThePoolOfTinyByOne) {
  const WrittenGraph graph = expect_right_maps(
      with_head({{"p", graph::MaxPool{2, 1, {0, 0, 1, 1}}, {graph::kNetworkInput}, {}}}));
  EXPECT_EQ(graph.plan().nodes[0].offset_x, 1);
  EXPECT_EQ(graph.plan().nodes[0].offset_y, 1);
}

TEST(Mps, WritesEveryActivation) {
  for (const auto activation :
       {Activation::kLinear, Activation::kLeaky, Activation::kRelu, Activation::kRelu6,
        Activation::kLogistic, Activation::kMish, Activation::kSwish, Activation::kHardSigmoid,
        Activation::kHardSwish, Activation::kElu, Activation::kTanh}) {
    expect_right_maps(
        with_head({{"a", convolution(8, 3, graph::Padding::all(1), 1, 1, activation), {-1}, {}},
                   {"b", convolution(8, 1, {}), {0}, {}},
                   {"s", graph::Shortcut{activation}, {0, 1, 0}, {}}}));
  }
}

TEST(Mps, WritesGroupsAsMetalNeedsThem) {
  const graph::Layer first{"f", convolution(16, 1, {}), {graph::kNetworkInput}, {}};
  const auto second = [&](int filters, int groups) {
    return expect_right_maps(with_head(
        {first, {"g", convolution(filters, 3, graph::Padding::all(1), 1, groups), {0}, {}}}));
  };
  EXPECT_EQ(second(16, 16).plan().nodes[1].kind, mps::Kind::kDepthwise);
  EXPECT_EQ(second(32, 16).plan().nodes[1].kind, mps::Kind::kConvolution);  // written dense
  EXPECT_EQ(second(8, 2).plan().nodes[1].groups, 2);
  EXPECT_EQ(second(6, 2).plan().nodes[1].groups, 1);   // three filters per group
  EXPECT_EQ(second(32, 8).plan().nodes[1].groups, 1);  // two channels per group
}

TEST(Mps, ConcatenatesAnyNumberOfChannels) {
  const auto join = [](int a, int b, graph::Route route) {
    return expect_right_maps(with_head({{"a", convolution(a, 1, {}), {-1}, {}},
                                        {"b", convolution(b, 1, {}), {-1}, {}},
                                        {"r", route, {0, 1, 0}, {}}}));
  };
  EXPECT_EQ(join(8, 12, {}).plan().nodes[2].kind, mps::Kind::kConcatenate);
  join(6, 10, {});
  join(8, 16, {2, 1});
  join(6, 10, {2, 0});
  expect_right_maps(
      with_head({{"a", convolution(8, 1, {}), {-1}, {}}, {"r", graph::Route{4, 2}, {0}, {}}}));
}

TEST(Mps, WritesWhatClassifiersHave) {
  graph::Network network;
  network.input = {3, 8, 6};
  network.layers = {{"c", convolution(5, 3, graph::Padding::all(1)), {-1}, {}},
                    {"u", graph::Upsample{3}, {0}, {}},
                    {"a", graph::AveragePool{}, {1}, {}},
                    {"s", graph::Softmax{}, {2}, {}}};
  graph::infer_shapes(network);
  graph::fill_synthetic_weights(network);
  const auto input = synthetic_input(network);
  const auto maps = WrittenGraph(network).run(input, 1)[0];
  ASSERT_EQ(maps[0].size(), 5U);
  const auto expected = graph::Reference<double>(network).run(input)[0];
  EXPECT_LT(
      reference::largest_difference(maps[0], std::vector<float>(expected.begin(), expected.end())),
      1e-5);
}

TEST(Mps, WritesTheLayersOfModernDetectors) { expect_right_maps(mps::modern_layers()); }

TEST(Mps, InterpolatesByAnyFactorOnEveryGrid) {
  for (const auto grid :
       {graph::Grid::kHalfPixel, graph::Grid::kAsymmetric, graph::Grid::kCorners}) {
    for (const int scale : {2, 3, 4, 5}) {
      expect_right_maps(with_head({{"up", graph::Bilinear{scale, grid}, {-1}, {}}}, {3, 4, 3}));
    }
  }
}

TEST(Mps, NamesTheLayersThatItCannotExpress) {
  const auto complaint = [](graph::Network network) {
    graph::infer_shapes(network);
    graph::fill_synthetic_weights(network);
    try {
      write_mps(network, {}, "m");
    } catch (const Error& error) {
      return error.place();
    }
    return std::string("none");
  };
  const graph::Layer first{"first", convolution(12, 1, {}), {-1}, {}};
  EXPECT_EQ(complaint(with_head({first, {"attends", graph::Attention{1, 3}, {0}, {}}})),
            "layer 1 (attends, attention)");
  using Order = graph::SpaceToDepth::Order;
  EXPECT_EQ(
      complaint(with_head({first, {"reorg", graph::SpaceToDepth{2, Order::kDarknet}, {0}, {}}})),
      "layer 1 (reorg, space_to_depth)");
}

TEST(Mps, SwapsTheChannelsForBgrNetworks) {
  graph::Network network = with_head({{"a", convolution(8, 3, graph::Padding::all(1)), {-1}, {}}});
  network.preprocess.bgr = true;
  expect_right_maps(network);
}

TEST(Mps, RejectsNetworksWithoutWeights) {
  graph::Network network = with_head({{"a", convolution(8, 1, {}), {-1}, {}}});
  graph::infer_shapes(network);
  EXPECT_THROW(write_mps(network, {}, "m"), Error);
}

}  // namespace
}  // namespace oko::formats
