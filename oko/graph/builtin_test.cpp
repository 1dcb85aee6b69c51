#include "oko/graph/builtin.h"

#include <gmock/gmock.h>

#include <functional>
#include <numeric>

#include "oko/base/error.h"
#include "oko/graph/cost.h"

namespace oko::graph {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string complaint(std::string_view name, const BuiltinOptions& options) {
  try {
    make_builtin(name, options);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kUsage);
    return e.what();
  }
  return "";
}

std::vector<Shape> head_shapes(const Network& network) {
  std::vector<Shape> shapes;
  for (const int head : network.heads()) {
    shapes.push_back(network.layers[head].output);
  }
  return shapes;
}

TEST(MakeBuiltin, MakesEveryNetworkForAnyClassCountAndSize) {
  for (const std::string_view name : builtin_names()) {
    SCOPED_TRACE(name);
    const Network network = make_builtin(name, {.classes = 3, .width = 320, .height = 192});
    EXPECT_EQ(network.input, (Shape{3, 192, 320}));
    EXPECT_EQ(network.class_count(), 3);
    EXPECT_EQ(network.preprocess, image::Preprocess{});
    std::vector<Shape> heads = head_shapes(network);
    if (name == "yolov7-tiny") std::ranges::reverse(heads);  // the finest comes first
    if (anchors_of(network).empty()) {
      EXPECT_EQ(heads[0], (Shape{3 + 4 * 8, 24, 40}));
      EXPECT_EQ(heads[3], (Shape{3 + 4 * 8, 3, 5}));
      continue;
    }
    EXPECT_EQ(heads[0], (Shape{24, 6, 10}));
    EXPECT_EQ(heads[1], (Shape{24, 12, 20}));
  }
}

TEST(MakeBuiltin, HasTheStridesOfThePublishedNetworks) {
  EXPECT_THAT(head_shapes(make_builtin("yolov3", {})),
              ElementsAre(Shape{255, 13, 13}, Shape{255, 26, 26}, Shape{255, 52, 52}));
  EXPECT_THAT(head_shapes(make_builtin("yolov3-tiny", {.classes = 20})),
              ElementsAre(Shape{75, 13, 13}, Shape{75, 26, 26}));
  EXPECT_THAT(head_shapes(make_builtin("yolov4-tiny", {})),
              ElementsAre(Shape{255, 13, 13}, Shape{255, 26, 26}));
  EXPECT_THAT(head_shapes(make_builtin("yolov7-tiny", {})),
              ElementsAre(Shape{255, 52, 52}, Shape{255, 26, 26}, Shape{255, 13, 13}));
  EXPECT_THAT(head_shapes(make_builtin("yolo-fastest", {})),
              ElementsAre(Shape{255, 10, 10}, Shape{255, 20, 20}));
}

// 1.17 M parameters without those of batch norm and 1.52 GFLOP, 2.44 M and 2.97 are published.
TEST(MakeBuiltin, NanoDetHasThePublishedSize) {
  const auto sizes = [](std::string_view name) {
    const Network network = make_builtin(name, {});
    double parameters = 0;
    for (const WeightSpec& spec : weight_specs(network)) {
      if (!spec.name.ends_with(".kernel") && !spec.name.ends_with(".bias")) continue;
      parameters += std::accumulate(spec.shape.begin(), spec.shape.end(), 1., std::multiplies<>());
    }
    return std::pair(parameters / 1e6, total_cost(network).flop / 1e9);
  };
  const auto [parameters, flop] = sizes("nanodet-plus");
  EXPECT_NEAR(parameters, 1.17, .02);
  EXPECT_NEAR(flop, 1.52, .02);
  const auto [more_parameters, more_flop] = sizes("nanodet-plus-1.5x");
  EXPECT_NEAR(more_parameters, 2.44, .03);
  EXPECT_NEAR(more_flop, 2.97, .03);
}

// As the published .cfg files have; operations without those of activations and pools.
TEST(MakeBuiltin, TinyYolosHaveThePublishedSize) {
  const auto parameters = [](std::string_view name) {
    std::int64_t count = 0;
    for (const WeightSpec& spec : weight_specs(make_builtin(name, {}))) {
      count += std::accumulate(spec.shape.begin(), spec.shape.end(), std::int64_t{1},
                               std::multiplies<>());
    }
    return count;
  };
  EXPECT_EQ(parameters("yolov4-tiny"), 6062814);
  EXPECT_EQ(parameters("yolov7-tiny"), 6241885);
  EXPECT_NEAR(total_cost(make_builtin("yolov4-tiny", {})).flop / 1e9, 6.9, .1);
}

TEST(MakeBuiltin, HeadsOfYolov7HaveSquaredSizes) {
  const Network network = make_builtin("yolov7-tiny", {});
  int first = 0;
  for (const int head : network.heads()) {
    const auto& yolo = std::get<Yolo>(network.layers[head].operation);
    EXPECT_EQ(yolo.box_code, BoxCode::kSquared);
    EXPECT_EQ(yolo.scale_x_y, 2);
    EXPECT_EQ(yolo.mask, (std::vector<int>{first, first + 1, first + 2}));
    first += 3;
  }
}

TEST(MakeBuiltin, ScalesThePublishedAnchorsToTheSize) {
  const Network network = make_builtin("yolov3-tiny", {.width = 832, .height = 416});
  EXPECT_EQ(anchors_of(network)[0], (Anchor{20, 14}));
  EXPECT_EQ(anchors_of(network)[5], (Anchor{688, 319}));
}

TEST(MakeBuiltin, UsesAnchorsAsGiven) {
  const std::vector<Anchor> anchors = {{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10}, {11, 12}};
  Network network = make_builtin("yolo-fastest", {.width = 64, .height = 64, .anchors = anchors});
  EXPECT_EQ(anchors_of(network), anchors);
  EXPECT_EQ(anchor_count(network), 6);
  const std::vector<Anchor> others(6, Anchor{2, 2});
  set_anchors(network, others);
  for (const int head : network.heads()) {
    EXPECT_EQ(std::get<Yolo>(network.layers[head].operation).anchors, others);
  }
  EXPECT_THROW(set_anchors(network, std::vector<Anchor>(9)), Error);
}

TEST(MakeBuiltin, RejectsWhatItCannotMake) {
  EXPECT_THAT(
      complaint("yolov9", {}),
      HasSubstr("known networks: yolov3, yolov3-tiny, yolov4-tiny, yolov7-tiny, yolo-fastest, "
                "yolo-fastest-xl, nanodet-plus, nanodet-plus-1.5x"));
  EXPECT_THAT(complaint("yolov3", {.width = 400}), HasSubstr("400x416 is not a multiple of 32"));
  EXPECT_THAT(complaint("yolov3", {.height = -32}), HasSubstr("416x-32"));
  EXPECT_THAT(complaint("yolov3", {.classes = 0}), HasSubstr("classes 0"));
  EXPECT_THAT(complaint("yolov3", {.anchors = std::vector<Anchor>(6, Anchor{1, 1})}),
              HasSubstr("6 anchors were given, but it needs 9"));
}

}  // namespace
}  // namespace oko::graph
