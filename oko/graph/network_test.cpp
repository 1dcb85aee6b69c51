#include "oko/graph/network.h"

#include <gmock/gmock.h>

#include "oko/base/error.h"

namespace oko::graph {
namespace {

using testing::HasSubstr;

// The error of infer_shapes() for a network, or "" if it is accepted.
std::string complaint(Network network) {
  try {
    infer_shapes(network);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

Network one_layer(Operation operation, Shape input = {3, 8, 8}) {
  Network network;
  network.input = input;
  network.layers = {{"only", std::move(operation), {kNetworkInput}, {}}};
  return network;
}

Yolo yolo_of(int classes) {
  Yolo yolo;
  yolo.anchors = {{10, 14}, {23, 27}};
  yolo.mask = {0, 1};
  yolo.classes = classes;
  return yolo;
}

Network small_detector(int classes) {
  Network network;
  network.input = {3, 64, 32};
  Convolution body{.filters = 4, .size = 3, .stride = 2, .padding = Padding::all(1)};
  body.batch_norm = BatchNorm{};
  Convolution last{.filters = 2 * (5 + classes)};
  network.layers = {{"body", body, {kNetworkInput}, {}},
                    {"pool", MaxPool{.size = 2, .stride = 2}, {0}, {}},
                    {"last", last, {1}, {}},
                    {"head", yolo_of(classes), {2}, {}}};
  infer_shapes(network);
  return network;
}

TEST(InferShapes, FollowsWindowsStridesAndPadding) {
  Network network = one_layer(
      Convolution{.filters = 5, .size = 3, .stride = 2, .padding = {1, 0, 0, 2}}, {3, 9, 11});
  infer_shapes(network);
  EXPECT_EQ(network.layers[0].output, (Shape{5, 4, 6}));

  network = one_layer(MaxPool{.size = 2, .stride = 1, .padding = {0, 0, 1, 1}}, {7, 13, 13});
  infer_shapes(network);
  EXPECT_EQ(network.layers[0].output, (Shape{7, 13, 13}));
}

TEST(InferShapes, ConcatenatesAndSplitsChannels) {
  Network network;
  network.input = {4, 2, 2};
  network.layers = {{"a", Convolution{.filters = 6}, {kNetworkInput}, {}},
                    {"b", Route{.groups = 2, .group = 1}, {0, kNetworkInput}, {}},
                    {"c", Upsample{.scale = 3}, {1}, {}}};
  infer_shapes(network);
  EXPECT_EQ(network.layers[1].output, (Shape{5, 2, 2}));
  EXPECT_EQ(network.layers[2].output, (Shape{5, 6, 6}));
}

TEST(InferShapes, NamesTheLayerAndBothShapes) {
  Network network;
  network.input = {4, 8, 8};
  network.layers = {{"a", Convolution{.filters = 6, .size = 2, .stride = 2}, {kNetworkInput}, {}},
                    {"b", Shortcut{}, {0, kNetworkInput}, {}}};
  EXPECT_THAT(complaint(network), HasSubstr("layer 1 (b, shortcut): cannot add 6x4x4 and 4x8x8"));
  network.layers[1].operation = Route{};
  EXPECT_THAT(complaint(network),
              HasSubstr("layer 1 (b, route): cannot concatenate 6x4x4 and 4x8x8"));
}

TEST(InferShapes, LeavesTheFaultyLayerAsTheFirstWithoutShape) {
  Network network = small_detector(3);
  std::get<Convolution>(network.layers[2].operation).filters = 15;
  try {
    infer_shapes(network);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.place(), "layer 3 (head, yolo)");
    EXPECT_THAT(e.what(), HasSubstr("15x16x8"));
    EXPECT_THAT(e.what(), HasSubstr("need 16x16x8"));
  }
  EXPECT_EQ(network.layers[2].output.channels, 15);
  EXPECT_EQ(network.layers[3].output, Shape{});
}

TEST(InferShapes, RejectsWhatCannotBeComputed) {
  EXPECT_THAT(complaint(one_layer(Convolution{.filters = 0})), HasSubstr("filters 0"));
  EXPECT_THAT(complaint(one_layer(Convolution{.stride = 0})), HasSubstr("stride 0"));
  EXPECT_THAT(complaint(one_layer(Convolution{.filters = 4, .groups = 2})), HasSubstr("groups"));
  EXPECT_THAT(complaint(one_layer(Convolution{.size = 9})), HasSubstr("does not fit"));
  EXPECT_THAT(complaint(one_layer(Convolution{.padding = Padding::all(-1)})), HasSubstr("padding"));
  EXPECT_THAT(complaint(one_layer(MaxPool{.size = 2, .stride = 2, .padding = Padding::all(2)})),
              HasSubstr("padding 2"));
  EXPECT_THAT(complaint(one_layer(Upsample{.scale = 0})), HasSubstr("scale 0"));
  EXPECT_THAT(complaint(one_layer(Shuffle{2})), HasSubstr("2 groups do not divide"));
  EXPECT_THAT(complaint(one_layer(Shortcut{})), HasSubstr("1 inputs"));
  EXPECT_THAT(complaint(one_layer(Route{.groups = 3, .group = 3})), HasSubstr("group 3"));
  EXPECT_THAT(complaint(one_layer(Dropout{.probability = NAN})), HasSubstr("probability"));
  EXPECT_THAT(complaint(one_layer(yolo_of(0), {10, 8, 8})), HasSubstr("classes 0"));
}

TEST(InferShapes, RejectsSizesThatWouldExhaustMemory) {
  EXPECT_THAT(complaint(one_layer(Convolution{.filters = 1 << 20}, {1, 1024, 1024})),
              HasSubstr("too large"));
  EXPECT_THAT(
      complaint(one_layer(Convolution{.filters = 1 << 20, .size = 8, .padding = Padding::all(4)},
                          {1024, 1, 1})),
      HasSubstr("too large"));
  EXPECT_THAT(complaint(one_layer(Dropout{}, {1 << 20, 1 << 20, 1})), HasSubstr("too large"));
  EXPECT_THAT(complaint(one_layer(Dropout{}, {3, 1 << 30, 1 << 30})), HasSubstr("too large"));
  Network network = one_layer(Dropout{});
  for (int i = 0; i < 4096; ++i) {
    network.layers.push_back({std::to_string(i), Dropout{}, {i}, {}});
  }
  EXPECT_THAT(complaint(network), HasSubstr("4097 layers"));
}

TEST(InferShapes, RejectsBadOrderNamesAndReadingFromAHead) {
  Network network = small_detector(1);
  network.layers[1].inputs = {1};
  EXPECT_THAT(complaint(network), HasSubstr("input 1 is not an earlier layer"));
  network = small_detector(1);
  network.layers[2].name = "body";
  EXPECT_THAT(complaint(network), HasSubstr("same name"));
  network = small_detector(1);
  network.layers.push_back({"after", Dropout{}, {3}, {}});
  EXPECT_THAT(complaint(network), HasSubstr("reads from layer 3 (head, yolo)"));
  network.layers.clear();
  EXPECT_THAT(complaint(network), HasSubstr("no layers"));
}

TEST(InferShapes, RejectsTheWrongNumberOfClassNames) {
  Network network = small_detector(2);
  network.classes = {"cat"};
  EXPECT_THAT(complaint(network), HasSubstr("1 class names, but the heads have 2 classes"));
  network.classes = {"cat", "dog"};
  EXPECT_EQ(complaint(network), "");
}

TEST(Network, ReportsItsHeadsAndClasses) {
  const Network network = small_detector(7);
  EXPECT_EQ(network.heads(), std::vector<int>{3});
  EXPECT_EQ(network.class_count(), 7);
  EXPECT_EQ(one_layer(Dropout{}).class_count(), 0);
}

TEST(Resized, KeepsWeightsAndChecksTheStride) {
  Network network = small_detector(1);
  network.weights["body.bias"] = Tensor::of({1, 2, 3, 4}, {4});
  const Network larger = resized(network, 96, 40);
  EXPECT_EQ(larger.layers[3].output, (Shape{12, 10, 24}));
  EXPECT_EQ(larger.weights.at("body.bias").data.data(), network.weights["body.bias"].data.data());
  EXPECT_THROW(resized(network, 98, 40), Error);
  EXPECT_THROW(resized(network, 0, 40), Error);
  EXPECT_THROW(resized(network, -32, 32), Error);
}

TEST(SetClassCount, ResizesHeadsAndDropsWhatNoLongerFits) {
  Network network = small_detector(2);
  network.classes = {"cat", "dog"};
  network.weights["body.bias"] = Tensor::of({1, 2, 3, 4}, {4});
  network.weights["last.bias"] = Tensor::of(std::vector<float>(14), {14});
  set_class_count(network, 2);
  EXPECT_EQ(network.weights.size(), 2U);
  EXPECT_EQ(network.classes.size(), 2U);
  set_class_count(network, 5);
  EXPECT_EQ(network.class_count(), 5);
  EXPECT_EQ(network.layers[3].output.channels, 20);
  EXPECT_TRUE(network.classes.empty());
  EXPECT_TRUE(network.weights.contains("body.bias"));
  EXPECT_FALSE(network.weights.contains("last.bias"));
  EXPECT_THROW(set_class_count(network, 0), Error);
}

TEST(WeightSpecs, ComeInDarknetsFileOrder) {
  const auto specs = weight_specs(small_detector(1));
  std::string names;
  for (const WeightSpec& spec : specs) names += spec.name + to_string(spec.shape) + " ";
  EXPECT_EQ(names,
            "body.bias[4] body.scale[4] body.mean[4] body.variance[4] body.kernel[4, 3, 3, 3] "
            "last.bias[12] last.kernel[12, 4, 1, 1] ");
}

TEST(CheckWeights, NamesTheFirstFaultyWeight) {
  Network network = small_detector(1);
  for (const WeightSpec& spec : weight_specs(network)) {
    Tensor tensor{DType::kF32, spec.shape, {}};
    network.weights[spec.name] =
        Tensor::of(std::vector<float>(static_cast<std::size_t>(tensor.count())), spec.shape);
  }
  EXPECT_NO_THROW(check_weights(network));
  const auto says = [](const Network& n) -> std::string {
    try {
      check_weights(n);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  };
  Network wrong = network;
  wrong.weights.erase("last.kernel");
  EXPECT_THAT(says(wrong),
              HasSubstr("layer 2 (last, convolution): the weight last.kernel is miss"));
  wrong = network;
  wrong.weights["body.mean"] = Tensor::of({1, 2}, {2});
  EXPECT_THAT(says(wrong), HasSubstr("has shape [2], the layer needs [4]"));
  wrong = network;
  wrong.weights["other"] = Tensor::of({1, 2}, {2});
  EXPECT_THAT(says(wrong), HasSubstr("the weight other belongs to no layer"));
  wrong = network;
  wrong.weights["body.mean"].dtype = DType::kI32;
  EXPECT_THAT(says(wrong), HasSubstr("type I32"));
}

}  // namespace
}  // namespace oko::graph
