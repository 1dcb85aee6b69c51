#include "oko/graph/draw.h"

#include <gmock/gmock.h>

#include <numeric>
#include <string>
#include <vector>

#include "oko/graph/builtin.h"

namespace oko::graph {
namespace {

using testing::HasSubstr;
using testing::Not;

int count_of(std::string_view text, std::string_view part) {
  int count = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(ToDot, HasANodeForEachLayerAndAnEdgeForEachInput) {
  const Network network = make_builtin("yolov3-tiny", {});
  int inputs = 0;
  for (const Layer& layer : network.layers) inputs += static_cast<int>(layer.inputs.size());
  const std::string dot = to_dot(network);
  EXPECT_EQ(count_of(dot, "[label="), static_cast<int>(network.layers.size()) + 1);
  EXPECT_EQ(count_of(dot, " -> "), inputs);
  EXPECT_THAT(dot, HasSubstr("layer0 [label=\"layers.0: convolution, 16 filters 3x3, batch norm, "
                             "leaky: 16x416x416\""));
  EXPECT_THAT(dot, HasSubstr("input -> layer0;"));
}

TEST(ToSvg, DrawsEachLayerOnceAndSkippingConnectionsAsCurves) {
  const Network network = make_builtin("yolov3-tiny", {});
  const std::string svg = to_svg(network);
  EXPECT_EQ(count_of(svg, "class=\"k\""), static_cast<int>(network.layers.size()) + 1);
  // 23 from the row above, 2 that skip: the branch of the second head and its concatenation.
  EXPECT_EQ(count_of(svg, "marker-end"), 25);
  EXPECT_EQ(count_of(svg, "\"M624 "), 2);
  EXPECT_THAT(svg, HasSubstr("80 classes, anchors 81x82 135x169 344x319"));
  EXPECT_THAT(svg, Not(HasSubstr("http://www.w3.org/1999/xlink")));
}

TEST(ToSvg, DrawsOneCurveForATensorThatALayerReadsManyTimes) {
  Network network;
  network.layers = {{"a", MaxPool{1, 1}, {kNetworkInput}, {}},
                    {"b", MaxPool{1, 1}, {0}, {}},
                    {"c", Route{}, std::vector<int>(300, 0), {}}};
  infer_shapes(network);
  EXPECT_EQ(count_of(to_svg(network), "\"M624 "), 1);
}

TEST(ToSvg, LimitsLanesHoweverManyConnectionsCross) {
  Network network;
  network.layers = {{"0", MaxPool{1, 1}, {kNetworkInput}, {}}};
  for (int i = 1; i < 400; ++i) {
    std::vector<int> all(static_cast<std::size_t>(i));
    std::iota(all.begin(), all.end(), 0);
    network.layers.push_back({std::to_string(i), Shortcut{}, {0, 0}, {}});
    network.layers.back().inputs.insert(network.layers.back().inputs.end(), all.begin(), all.end());
  }
  infer_shapes(network);
  EXPECT_THAT(to_svg(network),
              HasSubstr("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1348\""));
}

TEST(Draw, EscapesNames) {
  Network network;
  network.name = "a<b> & \"c\"\n\\";
  network.layers = {{"x\"\\", Dropout{}, {kNetworkInput}, {}}};
  infer_shapes(network);
  EXPECT_THAT(to_svg(network), HasSubstr("a&lt;b&gt; &amp; &quot;c&quot;?\\<"));
  EXPECT_THAT(to_dot(network), HasSubstr("digraph \"a<b> & \\\"c\\\"?\\\\\""));
  EXPECT_THAT(to_dot(network), HasSubstr("[label=\"x\\\"\\\\: dropout, 0.5: 3x416x416\""));
}

}  // namespace
}  // namespace oko::graph
