// Families of detectors, as tools write them for ncnn.
#include <gmock/gmock.h>

#include "oko/base/error.h"
#include "oko/formats/ncnn/detections.h"
#include "oko/formats/ncnn/param.h"
#include "oko/formats/ncnn/test_param.h"
#include "oko/formats/recognize.h"

namespace oko::formats {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kStrides[] = {8, 16, 32};

std::string number(int value) { return std::to_string(value); }

std::vector<graph::Operation> heads_of(const graph::Network& network) {
  std::vector<graph::Operation> heads;
  for (const int head : network.heads()) heads.push_back(network.layers[head].operation);
  return heads;
}

// As pnnx writes YOLOv8 with two classes, for an input whose size it does not write; `centre` is .5
// there.
void yolov8(TestParam& p, int width, int height, float centre) {
  std::vector<std::string> sides, scores;
  std::vector<float> x, y, strides;
  for (const int stride : kStrides) {
    const int columns = width / stride, rows = height / stride;
    const std::string n = number(stride), cells = "0=" + number(columns * rows);
    sides.push_back(p.one("Reshape", "flat_box" + n,
                          {p.convolution("box" + n, "image", 3, 64, stride)}, cells + " 1=64"));
    scores.push_back(p.one("Reshape", "flat_cls" + n,
                           {p.convolution("cls" + n, "image", 3, 2, stride)}, cells + " 1=2"));
    for (int i = 0; i < columns * rows; ++i) {
      x.push_back(static_cast<float>(i % columns) + centre);
      y.push_back(static_cast<float>(i / columns) + centre);
      strides.push_back(static_cast<float>(stride));
    }
  }
  const std::string cells = "0=" + std::to_string(strides.size());
  x.insert(x.end(), y.begin(), y.end());
  p.memory("strides", cells, strides);
  const std::string bins =
      p.one("Reshape", "bins", {p.one("Concat", "boxes", sides, "0=1")}, cells + " 1=16 2=4");
  const std::string shares =
      p.one("Softmax", "shares", {p.one("Permute", "turned", {bins}, "0=2")}, "0=0 1=1");
  const std::string four =
      p.one("Reshape", "four", {p.weighted_sum("sums", shares, 16)}, cells + " 1=4");
  p.memory("points", cells + " 1=2", x);
  p.line("Split", "copies", {"points"}, {"points0", "points1"});
  p.line("Slice", "halves", {four}, {"near", "far"}, "-23300=2,-233,-233 1=0");
  p.line("Split", "first_copies", {p.one("BinaryOp", "first", {"points0", "near"}, "0=1")},
         {"first0", "first1"});
  p.line("Split", "last_copies", {p.one("BinaryOp", "last", {"points1", "far"}, "0=0")},
         {"last0", "last1"});
  p.one("BinaryOp", "middle", {p.one("BinaryOp", "sum", {"first0", "last0"}, "0=0")},
        "0=3 1=1 2=2.0");
  p.one("BinaryOp", "size", {"last1", "first1"}, "0=1");
  p.one("Concat", "centred", {"middle", "size"}, "0=0");
  p.one("BinaryOp", "scaled", {"centred", p.one("Reshape", "wide", {"strides"}, cells + " 1=1")},
        "0=2");
  const std::string sure = p.one("Sigmoid", "sure", {p.one("Concat", "classes", scores, "0=1")});
  p.one("Concat", "out0", {"scaled", sure}, "0=0");
}
TestParam yolov8(int width, int height, float centre) {
  TestParam p("");
  yolov8(p, width, height, centre);
  return p;
}

TEST(NcnnFamilies, AYoloV8IsProvedByItsDecoding) {
  Imported imported = yolov8(64, 64, .5F).read();
  EXPECT_EQ(imported.network.input, (graph::Shape{3, 64, 64}));
  ASSERT_TRUE(imported.tail);
  ASSERT_TRUE(recognize_heads(imported));
  EXPECT_THAT(heads_of(imported.network),
              ElementsAre(graph::Distances{2, 16, 8, .5F}, graph::Distances{2, 16, 16, .5F},
                          graph::Distances{2, 16, 32, .5F}));
  EXPECT_THAT(imported.notes.back(), HasSubstr("taken for a YOLOv8"));
  EXPECT_THAT(imported.notes.back(), HasSubstr("the same boxes on test values"));
}

TEST(NcnnFamilies, MasksOfInstancesAreNotRead) {
  TestParam p("");
  const std::string small = p.convolution("small", "image", 3, 4, 8);
  p.one("Swish", "out1", {p.convolution("maps", p.deconvolution("larger", small, 4), 4, 32, 1)});
  yolov8(p, 64, 64, .5F);  // whose weights are behind those of the masks
  Imported imported = p.read();
  EXPECT_THAT(imported.notes, Contains(kMasksNote));
  ASSERT_TRUE(recognize_heads(imported));
  EXPECT_EQ(imported.network.heads().size(), 3U);
}

TEST(NcnnFamilies, TheSizeOfTheInputIsThatOfTheCellsWhichTheFileHas) {
  Imported imported = yolov8(160, 96, .5F).read();  // the squarest of as many cells is 96x160
  EXPECT_EQ(imported.network.input, (graph::Shape{3, 96, 160}));
  EXPECT_TRUE(recognize_heads(imported));
  // A given size is one to change to, for which the decoding in the file is not.
  EXPECT_EQ(yolov8(64, 64, .5F).read(image::Size{320, 320}).network.input,
            (graph::Shape{3, 64, 64}));
}

TEST(NcnnFamilies, ADecodingThatIsNoneOfThemIsNotTakenForOne) {
  Imported imported = yolov8(64, 64, .3F).read();
  EXPECT_FALSE(recognize_heads(imported));
  EXPECT_TRUE(imported.network.heads().empty());
}

// Each level cut into classes, which pass a sigmoid, and bins; both as rows.
TestParam nanodet(int bins) {
  TestParam p("0=64 1=64 2=3");
  for (const int stride : kStrides) {
    const std::string n = number(stride);
    p.line("Slice", "cut" + n, {p.convolution("map" + n, "image", 3, 2 + 4 * bins, stride)},
           {"logits" + n, "sides" + n}, "-23300=2,2,-233");
    p.one("Sigmoid", "sure" + n, {"logits" + n});
    p.one("Permute", "cls" + n, {p.one("Reshape", "a" + n, {"sure" + n}, "0=-1 1=2")}, "0=1");
    p.one("Permute", "dis" + n,
          {p.one("Reshape", "b" + n, {"sides" + n}, "0=-1 1=" + number(4 * bins))}, "0=1");
  }
  return p;
}

TEST(NcnnFamilies, ANanoDetHasEightOrElevenBins) {
  for (const int bins : {8, 11}) {
    Imported imported = nanodet(bins).read();
    ASSERT_TRUE(recognize_heads(imported)) << bins;
    EXPECT_THAT(heads_of(imported.network),
                ElementsAre(graph::Distances{2, bins, 8, .5F}, graph::Distances{2, bins, 16, .5F},
                            graph::Distances{2, bins, 32, .5F}));
    EXPECT_THAT(imported.notes.back(), HasSubstr("taken for a NanoDet by"));
    EXPECT_TRUE(imported.network.preprocess.bgr);
    Imported given = nanodet(bins).read();
    ASSERT_TRUE(recognize_heads(given, Family::kNanoDet));
    EXPECT_EQ(heads_of(given.network), heads_of(imported.network));
  }
  Imported other = nanodet(9).read();
  EXPECT_FALSE(recognize_heads(other));
}

TEST(NcnnFamilies, ANanoDetPlusJoinsItsPartsAgain) {
  TestParam p("0=64 1=64 2=3");
  std::vector<std::string> levels;
  for (const int stride : {8, 16, 32, 64}) {
    const std::string n = number(stride);
    p.line("Slice", "cut" + n, {p.convolution("map" + n, "image", 3, 34, stride)},
           {"logits" + n, "sides" + n}, "-23300=2,2,-233");
    p.one("Concat", "both" + n, {p.one("Sigmoid", "sure" + n, {"logits" + n}), "sides" + n});
    levels.push_back(p.one("Reshape", "rows" + n, {"both" + n}, "0=-1 1=34"));
  }
  p.one("Permute", "output", {p.one("Concat", "all", levels, "0=1")}, "0=1");
  Imported imported = p.read();
  ASSERT_TRUE(recognize_heads(imported));
  EXPECT_THAT(heads_of(imported.network),
              ElementsAre(graph::Distances{2, 8, 8, 0}, graph::Distances{2, 8, 16, 0},
                          graph::Distances{2, 8, 32, 0}, graph::Distances{2, 8, 64, 0}));
  EXPECT_THAT(imported.notes.back(), HasSubstr("taken for a NanoDet-Plus"));
}

TEST(NcnnFamilies, AFastestDetHasASoftmaxOfTurnedClasses) {
  TestParam p("0=64 1=64 2=3");
  const std::string object = p.convolution("object", "image", 3, 1, 16, 4);
  const std::string box = p.convolution("box", "image", 3, 4, 16);
  p.one("Permute", "turned", {p.convolution("classes", "image", 3, 2, 16)}, "0=5");
  p.one("Softmax", "shares", {"turned"}, "0=2 1=1");
  p.one("Concat", "output", {object, box, p.one("Permute", "back", {"shares"}, "0=5")});
  Imported imported = p.read();
  ASSERT_TRUE(recognize_heads(imported));
  ASSERT_EQ(heads_of(imported.network).size(), 1U);
  const auto head = std::get<graph::Yolo>(heads_of(imported.network).front());
  EXPECT_EQ(head.box_code, graph::BoxCode::kBounded);
  EXPECT_TRUE(head.softmax);
  EXPECT_EQ(head.classes, 2);
}

// Boxes of a cell share their classes; the file has no anchors.
TestParam fastest_v2() {
  TestParam p("0=64 1=64 2=3");
  for (const int stride : {16, 32}) {
    const std::string n = number(stride);
    const std::string box = p.convolution("box" + n, "image", 3, 12, stride, 4);
    const std::string object = p.convolution("object" + n, "image", 3, 3, stride, 4);
    const std::string classes = p.convolution("classes" + n, "image", 3, 2, stride);
    p.one("Softmax", "shares" + n, {p.one("Permute", "turned" + n, {classes}, "0=5")}, "0=2 1=1");
    p.one("Permute", "back" + n, {"shares" + n}, "0=5");
    p.one("Permute", "output" + n, {p.one("Concat", "all" + n, {box, object, "back" + n})}, "0=3");
  }
  return p;
}

TEST(NcnnFamilies, AYoloFastestV2NeedsItsAnchors) {
  Imported imported = fastest_v2().read();
  EXPECT_FALSE(recognize_heads(imported));
  const auto why = lacks_only_anchors(imported);
  ASSERT_TRUE(why);
  EXPECT_THAT(why->hint(), HasSubstr("--anchors"));
  const std::vector<graph::Anchor> anchors{{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10}, {11, 12}};
  Imported wrong = imported;
  EXPECT_THROW(recognize_with_anchors(wrong, {.anchors = {{1, 2}, {3, 4}}}), Error);
  ASSERT_TRUE(recognize_with_anchors(imported, {.anchors = anchors}));
  const graph::Network& network = imported.network;
  ASSERT_EQ(network.heads().size(), 2U);
  const auto head = std::get<graph::Yolo>(heads_of(network)[1]);
  EXPECT_EQ(head.box_code, graph::BoxCode::kSquared);
  EXPECT_EQ(head.scale_x_y, 2);
  EXPECT_TRUE(head.softmax);
  EXPECT_THAT(head.mask, ElementsAre(3, 4, 5));
  // Each box has its place, its objectness, and the classes of the cell.
  const graph::Layer& map = network.layers[network.layers[network.heads()[1]].inputs[0]];
  EXPECT_EQ(map.output.channels, 21);
  ASSERT_EQ(map.inputs.size(), 9U);
  EXPECT_EQ(map.inputs[2], map.inputs[5]);
  for (const graph::Layer& layer : network.layers) {
    const auto* c = std::get_if<graph::Convolution>(&layer.operation);
    EXPECT_TRUE(c == nullptr || c->activation == graph::Activation::kLinear) << layer.name;
  }
}

TEST(NcnnFamilies, AYoloFastestV2IsReadAsWhatTheUserSays) {
  const std::vector<graph::Anchor> anchors(6, {1, 2});
  Imported imported = fastest_v2().read();
  EXPECT_FALSE(recognize_with_anchors(imported, {.anchors = anchors, .decoding = Family::kYoloV3}));
  EXPECT_TRUE(imported.network.heads().empty());
  try {
    recognize_heads(imported, Family::kYoloFastestV2);
    FAIL() << "heads without anchors";
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr("does not show the anchors of a Yolo-FastestV2"));
  }
  const HeadOptions given{.anchors = anchors, .decoding = Family::kYoloFastestV2};
  ASSERT_TRUE(recognize_with_anchors(imported, given));
  EXPECT_EQ(imported.network.heads().size(), 2U);
  Imported other = nanodet(8).read();
  try {
    recognize_with_anchors(other, given);
    FAIL() << "a NanoDet was read as a Yolo-FastestV2";
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr("do not have the parts of a Yolo-FastestV2"));
  }
}

// Two convolutions on a focus, as rows of anchors.
TEST(NcnnFamilies, AYoloV5NeedsToBeCalledSo) {
  TestParam p("0=64 1=64 2=3");
  p.one("YoloV5Focus", "focus", {"image"});
  for (const int stride : {8, 16}) {
    const std::string n = number(stride);
    p.one("Permute", "output" + n,
          {p.one("Reshape", "rows" + n, {p.convolution("map" + n, "focus", 12, 14, stride / 2)},
                 "0=-1 1=7 2=2")},
          "0=1");
  }
  Imported imported = p.read();
  EXPECT_FALSE(recognize_heads(imported));
  HeadOptions options{.anchors = {{1, 2}, {3, 4}, {5, 6}, {7, 8}}};
  try {
    add_heads(imported, options);
    FAIL() << "a YOLOv5 was decoded as a YOLOv3";
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr("begins with squares of pixels"));
    EXPECT_THAT(error.hint(), HasSubstr("--decoding yolov5"));
  }
  options.decoding = Family::kYoloV5;
  add_heads(imported, options);
  const auto head = std::get<graph::Yolo>(heads_of(imported.network)[0]);
  EXPECT_EQ(head.box_code, graph::BoxCode::kSquared);
  EXPECT_EQ(head.scale_x_y, 2);
}

TEST(NcnnFamilies, AnUltraFaceHasRowsOfBoxes) {
  TestParam p("0=128 1=64 2=3");
  std::vector<std::string> scores, boxes;
  int count = 3;
  for (const int stride : {8, 16, 32, 64}) {
    const std::string n = number(stride);
    const auto rows = [&](const std::string& name, int values) {
      p.one("Permute", name + "t" + n,
            {p.convolution(name + n, "image", 3, values * count, stride)}, "0=3");
      return p.one("Reshape", name + "r" + n, {name + "t" + n}, "0=" + number(values) + " 1=-1");
    };
    scores.push_back(rows("score", 2));
    boxes.push_back(rows("box", 4));
    count = stride == 32 ? 3 : 2;
  }
  p.one("Softmax", "scores", {p.one("Concat", "all", scores, "0=0")}, "0=1 1=1");
  p.one("Concat", "boxes", boxes, "0=0");
  Imported imported = p.read();
  ASSERT_TRUE(recognize_heads(imported));
  EXPECT_EQ(heads_of(imported.network).size(), 4U);
  EXPECT_THAT(imported.notes.back(), HasSubstr("taken for an UltraFace"));
}

// As Caffe's converter writes MobileNet-SSD: two levels of one and two boxes, of `classes` logits,
// whose priors are made of the shapes of their maps.
TestParam caffe_ssd(int logits, const std::string& priors) {
  TestParam p("0=64 1=64 2=3");
  p.line("Split", "copies", {"image"}, {"image0", "image1", "image2"});
  std::vector<std::string> boxes, scores, corners;
  for (const int stride : {16, 32}) {
    const std::string n = number(stride);
    const int count = stride / 16;
    const std::string map = p.convolution("map" + n, "image0", 3, 4, stride, 1);
    p.line("Split", "split" + n, {map}, {"a" + n, "b" + n, "c" + n});
    const auto rows = [&](const std::string& name, const std::string& from, int values) {
      p.one("Permute", name + "t" + n, {p.convolution(name + n, from + n, 4, values * count, 1)},
            "0=3");
      return p.one("Flatten", name + "f" + n, {name + "t" + n});
    };
    boxes.push_back(rows("loc", "a", 4));
    scores.push_back(rows("conf", "b", logits));
    corners.push_back(p.one("PriorBox", "prior" + n, {"c" + n, "image" + number(count)},
                            count == 1 ? priors : "-23300=2,24.0,40.0 13=0.5"));
  }
  p.one("Concat", "mbox_loc", boxes, "0=0");
  p.one("Concat", "mbox_priorbox", corners, "0=1");
  p.one("Reshape", "table", {p.one("Concat", "mbox_conf", scores, "0=0")},
        "0=" + number(logits) + " 1=-1 2=0");
  p.one("Flatten", "flat", {p.one("Softmax", "shares", {"table"}, "0=-1 1=1")});
  p.one("DetectionOutput", "found", {"mbox_loc", "flat", "mbox_priorbox"},
        "0=" + number(logits) + " 1=0.45");
  return p;
}

TEST(NcnnFamilies, AnSsdHasThePriorsOfItsLayers) {
  Imported imported = caffe_ssd(3, "-23300=1,20.0 9=-233 10=-233 13=0.5").read();
  ASSERT_EQ(imported.outputs.size(), 4U);
  ASSERT_TRUE(recognize_heads(imported));
  EXPECT_THAT(heads_of(imported.network),
              ElementsAre(graph::Ssd{{{20, 20}}, 2, .1F, .2F},
                          graph::Ssd{{{24, 24}, {40, 40}}, 2, .1F, .2F}));
  EXPECT_THAT(imported.notes,
              Contains(HasSubstr("taken for an SSD: the file's own decoding gives the same")));
  EXPECT_TRUE(imported.network.preprocess.bgr);
  EXPECT_EQ(imported.network.preprocess.fit, image::Preprocess::Fit::kStretch);
}

TEST(NcnnFamilies, PriorsHaveRatiosLargerSquaresAndSteps) {
  // A square, one between it and the next size, and a rectangle both ways.
  const std::vector<ncnn::Line> lines = ncnn::parse_param(
      "7767517\n1 1\nPriorBox p 2 1 map image p -23300=1,16.0 -23301=1,64.0 -23302=1,4.0 13=0.5\n",
      "a.param");
  const auto priors = ncnn::priors_of(lines[0], {8, 2, 4}, {3, 64, 128});
  ASSERT_TRUE(priors);
  ASSERT_EQ(priors->shape, (std::vector<std::int64_t>{2, 8 * 4 * 4}));
  // The second cell's boxes, in pixels: centre (48, 16).
  std::vector<float> boxes;
  for (int i = 16; i < 32; ++i) {
    boxes.push_back(priors->floats()[static_cast<std::size_t>(i)] * (i % 2 == 0 ? 128 : 64));
  }
  EXPECT_THAT(boxes, ElementsAre(40, 8, 56, 24, 32, 0, 64, 32, 32, 12, 64, 20, 44, 0, 52, 32));
}

// As pnnx writes YOLOv6Lite: scores and the four sides of every level, joined.
TEST(NcnnFamilies, AYoloV6HasItsSidesAsTheyAre) {
  const auto levels = [](int activation) {
    TestParam p("0=64 1=64 2=3");
    for (const int stride : {8, 16, 32, 64}) {
      const std::string n = number(stride);
      p.one("Concat", "out" + n,
            {p.convolution("cls" + n, "image", 3, 2, stride, 4),
             p.convolution("box" + n, "image", 3, 4, stride, activation)},
            "0=0");
    }
    return p;
  };
  Imported imported = levels(0).read();
  ASSERT_TRUE(recognize_heads(imported));
  EXPECT_THAT(heads_of(imported.network),
              ElementsAre(graph::Distances{2, 1, 8, .5F}, graph::Distances{2, 1, 16, .5F},
                          graph::Distances{2, 1, 32, .5F}, graph::Distances{2, 1, 64, .5F}));
  EXPECT_THAT(imported.notes, Contains(HasSubstr("taken for a YOLOv6")));
  constexpr int kRelu = 1;  // as others cut sides off at 0
  Imported other = levels(kRelu).read();
  EXPECT_FALSE(recognize_heads(other));
}

TEST(NcnnFamilies, AYoloXBeginsWithALayerOfItsApp) {
  TestParam p("0=64 1=64 2=3");
  p.one("YoloV5Focus", "focus", {"image"});
  std::vector<std::string> levels;
  for (const int stride : kStrides) {
    const std::string n = number(stride);
    const std::string box = p.convolution("box" + n, "focus", 12, 4, stride / 2);
    const std::string object = p.convolution("object" + n, "focus", 12, 1, stride / 2, 4);
    const std::string classes = p.convolution("classes" + n, "focus", 12, 2, stride / 2, 4);
    p.one("Concat", "map" + n, {box, object, classes});
    levels.push_back(p.one("Reshape", "rows" + n, {"map" + n}, "0=-1 1=7"));
  }
  p.one("Permute", "output", {p.one("Concat", "all", levels, "0=1")}, "0=1");
  Imported imported = p.read();
  ASSERT_TRUE(recognize_heads(imported));
  ASSERT_EQ(heads_of(imported.network).size(), 3U);
  EXPECT_EQ(std::get<graph::Yolo>(heads_of(imported.network)[0]).box_code, graph::BoxCode::kPoint);
  EXPECT_EQ(imported.network.layers[0].operation,
            graph::Operation(graph::SpaceToDepth{2, graph::SpaceToDepth::Order::kColumns}));
}

// Attention of two heads with keys of 4 and values of 8 channels, as pnnx writes that of YOLO11: a
// positional convolution also reads the values.
TestParam attention(const std::string& slice) {
  TestParam p("0=6 1=4 2=3");
  p.one("Reshape", "heads", {p.convolution("qkv", "image", 3, 32, 1)}, "0=24 1=16 2=2");
  p.line("Slice", "parts", {"heads"}, {"queries", "keys", "values"}, slice);
  p.line("Split", "copies", {"values"}, {"values0", "values1"});
  p.one("BinaryOp", "scaled", {"queries"}, "0=2 1=1 2=0.5");
  p.one("MatMul", "dots", {p.one("Permute", "turned", {"scaled"}, "0=1"), "keys"});
  p.one("MatMul", "sums", {"values1", p.one("Softmax", "shares", {"dots"}, "0=2 1=1")}, "0=1");
  p.one("Reshape", "joined", {"sums"}, "0=6 1=4 2=16");
  p.one("Reshape", "map", {"values0"}, "0=6 1=4 2=16");
  p.one("BinaryOp", "add", {"joined", p.convolution("pe", "map", 16, 16, 1)}, "0=0");
  p.convolution("project", "add", 16, 5, 1);
  return p;
}

TEST(NcnnReader, ReadsAttentionWhoseValuesAreAlsoReadOtherwise) {
  const Imported imported = attention("-23300=3,4,4,8 1=1").read();
  std::vector<graph::Operation> operations;
  for (const graph::Layer& layer : imported.network.layers) operations.push_back(layer.operation);
  EXPECT_THAT(operations, Contains(graph::Operation(graph::Attention{2, 4, .5F})));
  EXPECT_THAT(operations, Contains(graph::Operation(graph::Route{4, 1})));
  EXPECT_THAT(operations, Contains(graph::Operation(graph::Route{4, 3})));
  EXPECT_THROW(attention("-23300=3,4,8,4 1=1").read(), Error);
  EXPECT_THROW(attention("-23300=3,2147483647,2147483647,8 1=1").read(), Error);
}

TEST(NcnnReader, WithoutANetworkThereIsNothingToDecode) {
  TestParam p("0=8 1=8 2=3");
  p.memory("numbers", "0=8", std::vector<float>(8, 1.F));
  p.one("BinaryOp", "output", {"image", "numbers"}, "0=0");
  EXPECT_THROW(p.read(), Error);
}

}  // namespace
}  // namespace oko::formats
