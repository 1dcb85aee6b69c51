#include "oko/formats/phone_warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oko/formats/test_models.h"
#include "oko/graph/builtin.h"

namespace oko::formats {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

graph::Network one_layer(graph::Operation operation, graph::Shape input = {8, 32, 32}) {
  graph::Network network;
  network.input = input;
  network.layers = {{"a", std::move(operation), {graph::kNetworkInput}, {}}};
  graph::infer_shapes(network);
  return network;
}

TEST(PhoneWarnings, NamesTheAsymmetricPoolOfTiny) {
  const auto warnings = phone_warnings(graph::make_builtin("yolov3-tiny", {}));
  EXPECT_THAT(warnings, ElementsAre(AllOf(StartsWith("layers.11: "), HasSubstr("one side"))));
}

TEST(PhoneWarnings, CountsLayersOfOneKindInOneLine) {
  graph::Network network;
  network.input = {8, 32, 32};
  graph::Convolution convolution;
  convolution.filters = 8;
  convolution.activation = graph::Activation::kMish;
  network.layers = {
      {"a", convolution, {-1}, {}}, {"b", convolution, {0}, {}}, {"c", convolution, {1}, {}}};
  graph::infer_shapes(network);
  EXPECT_THAT(phone_warnings(network), ElementsAre(StartsWith("a and 2 more: mish")));
}

TEST(PhoneWarnings, ReportsWorkAndSizeOfLargeNetworks) {
  const auto warnings = phone_warnings(graph::make_builtin("yolov3", {}));
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("66 GFLOP"), HasSubstr("248 MB of weights")));
}

TEST(PhoneWarnings, FindsEachKind) {
  graph::Convolution plain;
  plain.filters = 8;
  EXPECT_THAT(phone_warnings(one_layer(plain)), IsEmpty());
  graph::Convolution c = plain;
  c.groups = 2;
  EXPECT_THAT(phone_warnings(one_layer(c)), ElementsAre(HasSubstr("grouped")));
  c.groups = 8;
  EXPECT_THAT(phone_warnings(one_layer(c)), IsEmpty());
  c.filters = 16;
  EXPECT_THAT(phone_warnings(one_layer(c)), ElementsAre(HasSubstr("more filters than channels")));
  c = plain;
  c.size = 9;
  c.padding = graph::Padding::all(4);
  EXPECT_THAT(phone_warnings(one_layer(c)), ElementsAre(HasSubstr("above 7x7")));
  c = plain;
  c.activation = graph::Activation::kSwish;
  EXPECT_THAT(phone_warnings(one_layer(c)), ElementsAre(HasSubstr("swish")));
  const graph::MaxPool pool{9, 1, graph::Padding::all(4)};
  EXPECT_THAT(phone_warnings(one_layer(pool)), ElementsAre(HasSubstr("large pool")));
  const graph::MaxPool halving{2, 2, {}};
  EXPECT_THAT(phone_warnings(one_layer(halving)), IsEmpty());
  EXPECT_THAT(phone_warnings(one_layer(halving, {8, 31, 32})), ElementsAre(HasSubstr("stride")));
  EXPECT_THAT(phone_warnings(one_layer(plain, {8, 2048, 2048})), ElementsAre(HasSubstr("48 MB")));
  EXPECT_THAT(phone_warnings(one_layer(graph::Region{{{1, 1}}, 3, true})),
              ElementsAre(HasSubstr("rank-5")));
}

TEST(PhoneWarnings, WarnsLittleAboutModelsMadeForPhones) {
  OKO_NEEDS_REFERENCE_MODELS();
  for (const char* name : {"yolo-fastest-1.1", "MobileNetV2-YOLOv3-Nano-coco", "yoloface-500k"}) {
    const auto warnings =
        phone_warnings(read_cfg(reference_models() + "/darknet/" + name + ".cfg"));
    EXPECT_LE(warnings.size(), 2U) << name << testing::PrintToString(warnings);
  }
}

TEST(PhoneWarnings, CountsWastedSlicesOnlyInHeavyLayers) {
  graph::Network network;
  network.input = {8, 32, 32};
  graph::Convolution odd, last;
  odd.filters = 30;
  last.filters = 8;
  network.layers = {{"odd", odd, {-1}, {}}, {"last", last, {0}, {}}};
  graph::infer_shapes(network);
  EXPECT_THAT(phone_warnings(network), ElementsAre(StartsWith("odd: filters")));
  std::get<graph::Convolution>(network.layers[0].operation).filters = 32;
  std::get<graph::Convolution>(network.layers[1].operation).filters = 30;  // leaves the network
  graph::infer_shapes(network);
  EXPECT_THAT(phone_warnings(network), IsEmpty());
}

}  // namespace
}  // namespace oko::formats
