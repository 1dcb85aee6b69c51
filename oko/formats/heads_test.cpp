#include "oko/formats/heads.h"

#include <gmock/gmock.h>

#include "oko/base/error.h"
#include "oko/graph/builtin.h"
#include "oko/graph/fold.h"
#include "oko/graph/synthetic.h"

namespace oko::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

graph::Network small_tiny() {
  graph::Network network =
      graph::make_builtin("yolov3-tiny", {.classes = 2, .width = 64, .height = 64});
  network.classes = {"cat", "dog"};
  graph::fill_synthetic_weights(network);
  return graph::inference_form(network);
}

// A network as a reader returns it: its layers without the heads.
Imported without_heads(const graph::Network& network) {
  Imported imported{network, {}, {}, {}, {}};
  std::vector<int> moved;
  imported.network.layers.clear();
  imported.network.classes.clear();
  for (const graph::Layer& layer : network.layers) {
    moved.push_back(static_cast<int>(imported.network.layers.size()));
    if (graph::is_head(layer.operation)) continue;
    graph::Layer& copy = imported.network.layers.emplace_back(layer);
    for (int& from : copy.inputs) from = from < 0 ? from : moved[from];
  }
  for (const int output : network.outputs()) {
    imported.outputs.push_back(moved[output]);
  }
  graph::infer_shapes(imported.network);
  return imported;
}

TEST(Description, GivesHeadsNamesAndPreprocessingBack) {
  const graph::Network network = small_tiny();
  Imported imported = without_heads(network);
  apply_description(imported, describe(network), "file");
  EXPECT_EQ(imported.network.layers, network.layers);
  EXPECT_EQ(imported.network.classes, network.classes);
  EXPECT_EQ(imported.network.preprocess, network.preprocess);
  EXPECT_EQ(imported.network.outputs(), imported.outputs);
}

TEST(Description, IsRejectedWhereItDoesNotFitTheOutputs) {
  const graph::Network network = small_tiny();
  Imported imported = without_heads(network);
  imported.outputs.pop_back();
  try {
    apply_description(imported, describe(network), "file");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("file: describes 2 heads; the model has 1 output"));
  }
}

TEST(Description, IsRejectedForNamesThatJsonCannotHold) {
  graph::Network network = small_tiny();
  network.classes = {"caf\xe9", "dog"};  // Latin-1
  EXPECT_THROW(describe(network), Error);
}

TEST(OutputNames, ContainRowsAndColumns) {
  EXPECT_THAT(output_names(small_tiny()), ElementsAre("head_2x2", "head_4x4"));
}

TEST(AddHeads, AssignsTheLargestAnchorsToTheCoarsestOutput) {
  const graph::Network network = small_tiny();
  Imported imported = without_heads(network);
  add_heads(imported, {.anchors = read_anchors("1,2, 3,4, 5,6\n7,8, 9,10, 11,12", "a.txt")});
  const auto heads = imported.network.heads();
  ASSERT_EQ(heads.size(), 2U);
  const auto mask = [&](std::size_t i) {
    return std::get<graph::Yolo>(imported.network.layers[heads[i]].operation).mask;
  };
  EXPECT_THAT(mask(0), ElementsAre(3, 4, 5));  // 2x2
  EXPECT_THAT(mask(1), ElementsAre(0, 1, 2));
  EXPECT_EQ(imported.network.class_count(), 2);
  EXPECT_THAT(imported.notes, ElementsAre(HasSubstr("--masks")));
}

TEST(AddHeads, RejectsAnchorsThatDoNotFit) {
  const Imported imported = without_heads(small_tiny());
  const auto error_with = [&](const HeadOptions& options) -> std::string {
    Imported copy = imported;
    try {
      add_heads(copy, options);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(error_with({.anchors = {{1, 1}, {2, 2}, {3, 3}}}), HasSubstr("split evenly"));
  EXPECT_THAT(error_with({.anchors = {{1, 1}, {2, 2}}, .masks = {{0}}}),
              HasSubstr("gives 1 mask for 2 outputs"));
  EXPECT_THAT(error_with({.anchors = {{1, 1}, {2, 2}}, .masks = {{0, 1}, {0, 1, 1, 1}}}),
              HasSubstr("not a head with 2 anchors"));
  EXPECT_THAT(error_with({.anchors = {{1, 1}, {2, 2}}, .masks = {{0, 1, 7}, {0, 1, 1}}}),
              HasSubstr("mask 7"));
}

// The outputs of small_tiny() with another operation after the first one.
Imported with_behind(graph::Operation operation) {
  Imported imported = without_heads(small_tiny());
  graph::Network& network = imported.network;
  network.layers.push_back({"behind", std::move(operation), {imported.outputs[0]}, {}});
  graph::infer_shapes(network);
  imported.outputs[0] = static_cast<int>(network.layers.size()) - 1;
  return imported;
}

std::string refusal_of(Imported imported, HeadOptions options = {}) {
  options.anchors = {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 6}};
  try {
    add_heads(imported, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

graph::Operation depthwise(graph::Activation activation) {
  return graph::Convolution{.filters = 21, .size = 1, .groups = 21, .activation = activation};
}

TEST(AddHeads, RejectsOutputsThatAreNotRawConvolutions) {
  using graph::Activation;
  EXPECT_EQ(refusal_of(with_behind(depthwise(Activation::kLinear))), "no error");
  EXPECT_THAT(refusal_of(with_behind(depthwise(Activation::kLogistic))),
              HasSubstr("comes from a sigmoid"));
  EXPECT_THAT(refusal_of(with_behind(depthwise(Activation::kLeaky))),
              HasSubstr("comes from a leaky"));
  EXPECT_THAT(refusal_of(with_behind(graph::Softmax{})), HasSubstr("comes from a softmax"));
  EXPECT_THAT(refusal_of(with_behind(graph::Route{})), HasSubstr("comes from a route"));
  EXPECT_THAT(refusal_of(with_behind(graph::MaxPool{1, 1})), HasSubstr("comes from a max_pool"));
}

TEST(AddHeads, SeesASigmoidBeforeAPerChannelScale) {
  Imported imported = with_behind(depthwise(graph::Activation::kLogistic));
  graph::Network& network = imported.network;
  network.layers.push_back(
      {"twice", depthwise(graph::Activation::kLinear), {imported.outputs[0]}, {}});
  graph::infer_shapes(network);
  ++imported.outputs[0];
  EXPECT_THAT(refusal_of(imported), HasSubstr("comes from a sigmoid"));
}

TEST(AddHeads, NeedsTheDecodingOfANetworkWithSilu) {
  Imported imported = without_heads(small_tiny());
  std::get<graph::Convolution>(imported.network.layers[0].operation).activation =
      graph::Activation::kSwish;
  EXPECT_THAT(refusal_of(imported), HasSubstr("--decoding yolov3"));
  EXPECT_EQ(refusal_of(imported, {.anchors = {}, .decoding = Family::kYoloV3}), "no error");
}

TEST(AddHeads, NeedsTheDecodingOfAFileThatComputesOtherBoxes) {
  const auto with_dropped = [](const std::vector<std::string>& kinds) {
    Imported imported = without_heads(small_tiny());
    for (const std::string& kind : kinds)
      imported.dropped.push_back({"file: n (" + kind + ")", kind});
    return imported;
  };
  // Values that are only moved, and what YOLOv3 does, in the words of several formats.
  for (const auto& kinds : std::vector<std::vector<std::string>>{
           {"Reshape", "Transpose", "Identity", "Concat"},
           {"RESHAPE", "STRIDED_SLICE", "CONCATENATION"},
           {"Reshape", "Sigmoid", "Exp", "Mul", "NonMaxSuppression"},
           {"RESHAPE", "LOGISTIC", "EXP"}}) {
    EXPECT_EQ(refusal_of(with_dropped(kinds)), "no error") << kinds.back();
  }
  for (const auto& kinds :
       std::vector<std::vector<std::string>>{{"Reshape", "Sigmoid", "Pow", "Mul"},
                                             {"Tanh"},
                                             {"Exp"},
                                             {"Clip"},
                                             {"Softplus"},
                                             {"Sigmoid", "Exp", "Softmax"}}) {
    EXPECT_THAT(refusal_of(with_dropped(kinds)), HasSubstr("--decoding yolov3")) << kinds.back();
  }
  EXPECT_EQ(refusal_of(with_dropped({"Tanh"}), {.anchors = {}, .decoding = Family::kYoloV3}),
            "no error");
}

TEST(RemoveHeads, MakesTheirInputsTheOutputs) {
  const graph::Network network = small_tiny();
  const graph::Network bare = remove_heads(network);
  EXPECT_TRUE(bare.heads().empty());
  EXPECT_EQ(bare.layers.size(), network.layers.size() - 2);
  ASSERT_EQ(bare.outputs().size(), 2U);
  EXPECT_EQ(bare.raw_outputs[0].name, "head_2x2");
  EXPECT_EQ(bare.raw_outputs[1].name, "head_4x4");
  EXPECT_EQ(output_names(bare), (std::vector<std::string>{"head_2x2", "head_4x4"}));
  const auto& last = bare.layers[bare.outputs()[1]];
  EXPECT_EQ(last.name, network.layers[network.outputs()[1]].name);
}

TEST(Description, IsRejectedForAnOutputAfterASigmoid) {
  Imported imported = with_behind(depthwise(graph::Activation::kLogistic));
  EXPECT_THROW(apply_description(imported, describe(small_tiny()), "file"), Error);
}

TEST(ReadAnchors, SkipsAByteOrderMark) {
  EXPECT_EQ(read_anchors("\xef\xbb\xbf"
                         "10,13",
                         "a.txt"),
            (std::vector<graph::Anchor>{{10, 13}}));
}

TEST(ReadAnchors, RejectsWhatIsNotAListOfPairs) {
  for (const char* text : {"", "1", "1,2,x", "1,2\n3", "1,-2", "0,1", "1,nan"}) {
    EXPECT_THROW(read_anchors(text, "a.txt"), Error) << text;
  }
}

TEST(AddHeads, DecodesAsYoloV5IfThatIsGiven) {
  Imported imported = without_heads(small_tiny());
  HeadOptions options;
  options.anchors = {{1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 6}};
  options.decoding = Family::kYoloV5;
  add_heads(imported, options);
  for (const int head : imported.network.heads()) {
    const auto& yolo = std::get<graph::Yolo>(imported.network.layers[head].operation);
    EXPECT_EQ(yolo.box_code, graph::BoxCode::kSquared);
    EXPECT_EQ(yolo.scale_x_y, 2);
  }
  EXPECT_THAT(refusal_of(without_heads(small_tiny()), {.anchors = {}, .decoding = Family::kYoloX}),
              HasSubstr("--decoding yolox, whose heads take none"));
}

}  // namespace
}  // namespace oko::formats
