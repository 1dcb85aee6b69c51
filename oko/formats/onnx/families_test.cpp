// Families of detectors, decoded as their exporters write it.
#include <gmock/gmock.h>

#include "oko/base/error.h"
#include "oko/formats/format.h"
#include "oko/formats/onnx.h"
#include "oko/formats/onnx/test_graph.h"
#include "oko/formats/recognize.h"

namespace oko::formats {
namespace {

using ::testing::HasSubstr;
using Sides = std::vector<std::int64_t>;

constexpr int kSide = 64, kStrides[] = {8, 16, 32};

// A network of convolutions on the input, and its decoding.
class Decoder : public TestGraph {
 public:
  Decoder() { input({1, 3, kSide, kSide}); }

  std::string level(const std::string& name, int stride, int channels) {
    to.node("Conv", name, {"image", weights(name + ".w", {channels, 3, 1, 1})});
    to.set("strides", Sides{stride, stride});
    return name;
  }
  std::string reshaped(const std::string& name, const std::string& from, const Sides& sides) {
    return to.node("Reshape", name, {from, to.integers(name + ".shape", sides)});
  }
  std::string concat(const std::string& name, const std::vector<std::string>& from,
                     std::int64_t axis) {
    to.node("Concat", name, from);
    to.set("axis", axis);
    return name;
  }
  std::vector<std::string> split(const std::string& name, const std::string& from,
                                 const Sides& sizes, std::int64_t axis) {
    std::vector<std::string> parts{
        to.node("Split", name, {from, to.integers(name + ".sizes", sizes)}, name + "0")};
    to.set("axis", axis);
    for (std::size_t i = 1; i < sizes.size(); ++i) {
      parts.push_back(to.more(name + std::to_string(i)));
    }
    return parts;
  }
  std::string two(const char* kind, const std::string& name, const std::string& a,
                  const std::string& b) {
    return to.node(kind, name, {a, b});
  }
  std::string number(const std::string& name, float value) { return to.floats(name, {value}, {}); }
};

// What a YOLOv8 has besides boxes and classes: nothing, the maps and coefficients of masks, as
// YOLOv10 and YOLO26 a choice of the best rows in place of suppression, or, as for Core ML's
// suppression, columns of zeros as more classes.
enum class Besides { kNothing, kMasks, kBest, kColumns };

void add_columns(Decoder& d, const std::string& all) {
  d.to.node("Transpose", "rows", {all});
  d.to.set("perm", Sides{0, 2, 1});
  const auto parts = d.split("both", "rows", {4, 2}, 2);
  d.output(parts[0]);
  d.output(d.to.node("Pad", "wide", {parts[1], d.to.integers("pads", {0, 0, 0, 0, 0, 78})}));
}

void add_best(Decoder& d, const std::string& all, std::int64_t cells) {
  d.to.node("Transpose", "rows", {all});
  d.to.set("perm", Sides{0, 2, 1});
  const auto parts = d.split("both", "rows", {4, 2}, 2);
  d.to.node("ReduceMax", "most", {parts[1]});
  d.to.set("axes", Sides{-1});
  d.to.set("keepdims", std::int64_t{0});
  d.to.node("TopK", "best", {"most", d.to.integers("count", {std::min<std::int64_t>(cells, 9)})});
  const std::string places =
      d.to.node("Unsqueeze", "places", {d.to.more("best.places"), d.to.integers("last", {-1})});
  const std::string four =
      d.to.node("Tile", "four_places", {places, d.to.integers("by", {1, 1, 4})});
  d.output(d.to.node("GatherElements", "output0", {parts[0], four}));
  d.to.set("axis", std::int64_t{1});
}

void add_masks(Decoder& d, const std::vector<std::string>& boxes, std::int64_t cells) {
  std::vector<std::string> levels;
  for (const int stride : kStrides) {
    const std::string n = std::to_string(stride);
    levels.push_back(d.reshaped("few" + n, d.level("mask" + n, stride, 32), {1, 32, -1}));
  }
  std::vector<std::string> all = boxes;
  all.push_back(d.concat("coefficients", levels, 2));
  d.to.output(d.concat("output0", all, 1), 1, {1, 38, cells}, "", "any");
  const std::string larger = d.to.node(
      "ConvTranspose", "larger", {d.level("maps", 8, 4), d.weights("larger.w", {4, 4, 2, 2})});
  d.to.set("strides", Sides{2, 2});
  d.to.node("Conv", "output1", {larger, d.weights("output1.w", {32, 4, 1, 1})});
  d.to.output("output1", 1, {1, 32, kSide / 4, kSide / 4}, "", "any");
}

// As ultralytics exports YOLOv8 with two classes; `centre` is .5 there.
Decoder yolov8(float centre, Besides besides = Besides::kNothing) {
  Decoder d;
  std::vector<std::string> levels;
  std::vector<float> points[2], strides;
  for (const int stride : kStrides) {
    const std::string n = std::to_string(stride);
    const std::string both =
        d.concat("both" + n, {d.level("box" + n, stride, 64), d.level("cls" + n, stride, 2)}, 1);
    levels.push_back(d.reshaped("flat" + n, both, {1, 66, -1}));
    const int side = kSide / stride;
    for (int i = 0; i < side * side; ++i) {
      points[0].push_back(static_cast<float>(i % side) + centre);
      points[1].push_back(static_cast<float>(i / side) + centre);
      strides.push_back(static_cast<float>(stride));
    }
  }
  points[0].insert(points[0].end(), points[1].begin(), points[1].end());
  const auto cells = static_cast<std::int64_t>(strides.size());
  const auto parts = d.split("split", d.concat("levels", levels, 2), {64, 2}, 1);
  d.to.node("Transpose", "turned", {d.reshaped("bins", parts[0], {1, 4, 16, cells})});
  d.to.set("perm", Sides{0, 2, 1, 3});
  d.to.node("Softmax", "shares", {"turned"});
  d.to.set("axis", std::int64_t{1});
  std::vector<float> bins(16);
  std::iota(bins.begin(), bins.end(), 0.F);
  d.to.node("Conv", "expected", {"shares", d.to.floats("bins.w", bins, {1, 16, 1, 1})});
  const auto sides = d.split("sides", d.reshaped("four", "expected", {1, 4, cells}), {2, 2}, 1);
  const std::string points_name = d.to.floats("points", points[0], {1, 2, cells});
  const std::string first = d.two("Sub", "first", points_name, sides[0]);
  const std::string last = d.two("Add", "last", points_name, sides[1]);
  const std::string middle =
      d.two("Div", "middle", d.two("Add", "sum", first, last), d.number("half", 2));
  const std::string box = d.concat("box", {middle, d.two("Sub", "size", last, first)}, 1);
  const std::string scaled =
      d.two("Mul", "scaled", box, d.to.floats("strides", strides, {1, cells}));
  const std::vector<std::string> both{scaled, d.to.node("Sigmoid", "scores", {parts[1]})};
  if (besides == Besides::kMasks) {
    add_masks(d, both, cells);
  } else if (besides == Besides::kBest) {
    add_best(d, d.concat("all", both, 1), cells);
  } else if (besides == Besides::kColumns) {
    add_columns(d, d.concat("all", both, 1));
  } else {
    d.output(d.concat("output0", both, 1));
  }
  return d;
}

TEST(OnnxFamilies, AYoloV8IsProvedByItsDecoding) {
  for (const Besides besides :
       {Besides::kNothing, Besides::kMasks, Besides::kBest, Besides::kColumns}) {
    SCOPED_TRACE(static_cast<int>(besides));
    Imported imported = read_onnx(yolov8(.5F, besides).file(), "a.onnx", {});
    ASSERT_TRUE(imported.tail);
    ASSERT_TRUE(recognize_heads(imported));
    const graph::Network& network = imported.network;
    ASSERT_EQ(network.heads().size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_EQ(network.layers[network.heads()[i]].operation,
                graph::Operation(graph::Distances{2, 16, kStrides[i], .5F}));
    }
    EXPECT_THAT(imported.notes.back(), HasSubstr("taken for a YOLOv8"));
    // Nothing is left that computes masks.
    const auto has_maps = [](const graph::Layer& layer) { return layer.output.channels == 32; };
    EXPECT_TRUE(std::ranges::none_of(network.layers, has_maps));
    EXPECT_EQ(std::ranges::count(imported.notes, kMasksNote), besides == Besides::kMasks ? 1 : 0);
  }
}

TEST(OnnxFamilies, ADecodingThatIsNoneOfThemIsNotTakenForOne) {
  Imported imported = read_onnx(yolov8(.3F).file(), "a.onnx", {});
  const std::size_t layers = imported.network.layers.size();
  // By its parts it would be a YOLOv8; the file says otherwise.
  EXPECT_FALSE(recognize_heads(imported));
  EXPECT_EQ(imported.network.layers.size(), layers);
  EXPECT_TRUE(imported.network.heads().empty());
}

// Raw maps of 5 + 2 channels: any head with an objectness and a box a cell.
Decoder raw_maps(int channels) {
  Decoder d;
  for (const int stride : kStrides) {
    d.output(d.level("map" + std::to_string(stride), stride, channels));
  }
  return d;
}

// As YOLOv5 decodes, with two classes and three anchors, and a centre of `spread` cells; with
// `points` values before the classes that it does not pass through a sigmoid.
Decoder yolov5(float spread, int points = 0) {
  Decoder d;
  std::vector<std::string> rows;
  for (const int stride : kStrides) {
    const std::string n = std::to_string(stride);
    const int side = kSide / stride;
    const int values = 7 + points;
    const std::string map = d.level("map" + n, stride, 3 * values);
    d.to.node("Transpose", "turned" + n, {d.reshaped("five" + n, map, {1, 3, values, side, side})});
    d.to.set("perm", Sides{0, 1, 3, 4, 2});
    const std::string sure = d.to.node("Sigmoid", "sure" + n, {"turned" + n});
    const Sides sizes = points > 0 ? Sides{2, 2, 1, points, 2} : Sides{2, 2, 3};
    std::vector<std::string> parts = d.split("part" + n, sure, sizes, 4);
    if (points > 0) parts[3] = d.split("raw" + n, "turned" + n, {5, points, 2}, 4)[1];
    std::vector<float> grid;
    for (int i = 0; i < side * side; ++i) {
      grid.push_back(static_cast<float>(i % side) - (spread - 1) / 2);
      grid.push_back(static_cast<float>(i / side) - (spread - 1) / 2);
    }
    const auto units = static_cast<float>(stride);
    const std::string moved =
        d.two("Add", "moved" + n, d.two("Mul", "wide" + n, parts[0], d.number("s" + n, spread)),
              d.to.floats("grid" + n, grid, {1, 1, side, side, 2}));
    const std::string centre = d.two("Mul", "xy" + n, moved, d.number("stride" + n, units));
    const std::string doubled = d.two("Mul", "two" + n, parts[1], d.number("t" + n, 2));
    const std::string square = d.two("Pow", "square" + n, doubled, d.number("p" + n, 2));
    const std::string size = d.two(
        "Mul", "wh" + n, square,
        d.to.floats("anchors" + n, {units, 2 * units, 2 * units, units, 3 * units, 3.5F * units},
                    {1, 3, 1, 1, 2}));
    std::vector<std::string> all{centre, size};
    all.insert(all.end(), parts.begin() + 2, parts.end());
    rows.push_back(d.reshaped("rows" + n, d.concat("all" + n, all, 4), {1, -1, values}));
  }
  d.output(d.concat("output0", rows, 1));
  return d;
}

TEST(OnnxFamilies, AnchorsOfAYoloV5AreReadOffItsDecoding) {
  Imported imported = read_onnx(yolov5(2).file(), "a.onnx", {});
  ASSERT_TRUE(recognize_heads(imported));
  const graph::Network& network = imported.network;
  ASSERT_EQ(network.heads().size(), 3U);
  const auto& head = std::get<graph::Yolo>(network.layers[network.heads()[1]].operation);
  EXPECT_EQ(head.box_code, graph::BoxCode::kSquared);
  EXPECT_EQ(head.scale_x_y, 2);
  EXPECT_EQ(head.classes, 2);
  EXPECT_EQ(head.mask, (std::vector{3, 4, 5}));
  ASSERT_EQ(head.anchors.size(), 9U);
  EXPECT_EQ(head.anchors[3], (graph::Anchor{16, 32}));
  EXPECT_EQ(head.anchors[5], (graph::Anchor{48, 56}));
}

TEST(OnnxFamilies, PointsOfAYoloV5AreLeftOut) {
  Imported imported = read_onnx(yolov5(2, 10).file(), "a.onnx", {});
  ASSERT_TRUE(recognize_heads(imported));
  const graph::Network& network = imported.network;
  ASSERT_EQ(network.heads().size(), 3U);
  const graph::Layer& layer = network.layers[network.heads()[1]];
  const auto& head = std::get<graph::Yolo>(layer.operation);
  EXPECT_EQ(head.classes, 2);
  EXPECT_EQ(head.anchors[3], (graph::Anchor{16, 32}));
  EXPECT_THAT(imported.notes.back(), HasSubstr("taken for a YOLOv5-Face or relative: the file's"));
  // Of every anchor the first five filters and the last two.
  const std::string chosen = network.layers[layer.inputs[0]].name;
  const auto kernel = network.weights.at(chosen + ".kernel").floats();
  ASSERT_EQ(kernel.size(), 3U * 21);
  EXPECT_FLOAT_EQ(kernel[3 * 5] - kernel[3 * 4], 11 * (kernel[3] - kernel[0]));
}

TEST(OnnxFamilies, ARawYoloV5FaceNeedsToBeCalledSo) {
  Imported imported = read_onnx(raw_maps(48).file(), "a.onnx", {});
  EXPECT_FALSE(recognize_heads(imported));
  ASSERT_TRUE(lacks_only_anchors(imported));
  EXPECT_THAT(lacks_only_anchors(imported)->hint(), HasSubstr("--decoding yolov5-face"));
  EXPECT_FALSE(lacks_only_anchors(read_onnx(raw_maps(45).file(), "a.onnx", {})));
  Imported published = imported, given = imported;
  ASSERT_TRUE(recognize_heads(published, Family::kYoloV5Face));
  const auto head_of = [](const Imported& of) {
    return std::get<graph::Yolo>(of.network.layers[of.network.heads()[2]].operation);
  };
  EXPECT_EQ(head_of(published).classes, 1);
  EXPECT_EQ(head_of(published).anchors[8], (graph::Anchor{335, 433}));
  EXPECT_EQ(head_of(published).mask, (std::vector{6, 7, 8}));
  ASSERT_TRUE(recognize_with_anchors(
      given, {.anchors = std::vector<graph::Anchor>(9, {1, 2}), .decoding = Family::kYoloV5Face}));
  EXPECT_EQ(head_of(given).anchors[8], (graph::Anchor{1, 2}));
  EXPECT_THROW(
      recognize_with_anchors(imported, {.anchors = {{1, 2}}, .decoding = Family::kYoloV5Face}),
      Error);
}

TEST(OnnxFamilies, OtherSpreadsOfCentresAreNotAYoloV5) {
  Imported imported = read_onnx(yolov5(1.5F).file(), "a.onnx", {});
  EXPECT_FALSE(recognize_heads(imported));
}

// Two levels of an SSD with one class and two boxes a cell: scores and boxes as two outputs.
TEST(OnnxFamilies, PriorsOfAnSsdAreReadOffItsDecoding) {
  Decoder d;
  std::vector<std::string> scores, boxes;
  std::vector<float> priors;
  for (const int stride : {16, 32}) {
    const std::string n = std::to_string(stride);
    for (const char* kind : {"conf", "loc"}) {
      const bool is_box = kind == std::string("loc");
      d.to.node("Transpose", kind + n + ".turned", {d.level(kind + n, stride, is_box ? 8 : 4)});
      d.to.set("perm", Sides{0, 2, 3, 1});
      (is_box ? boxes : scores)
          .push_back(d.reshaped(kind + n + ".rows", kind + n + ".turned", {1, -1, is_box ? 4 : 2}));
    }
    const int side = kSide / stride;
    for (int i = 0; i < 2 * side * side; ++i) {
      const int cell = i / 2;
      const auto cells = static_cast<float>(side);
      const float size = static_cast<float>(stride) * (i % 2 == 0 ? 1.F : 1.5F) / kSide;
      priors.insert(priors.end(), {(static_cast<float>(cell % side) + .5F) / cells,
                                   (static_cast<float>(cell / side) + .5F) / cells, size, size});
    }
  }
  const auto count = static_cast<std::int64_t>(priors.size() / 4);
  d.to.node("Softmax", "scores", {d.concat("confs", scores, 1)});
  d.to.set("axis", std::int64_t{2});
  const std::string prior = d.to.floats("priors", priors, {1, count, 4});
  const auto places = d.split("prior", prior, {2, 2}, 2);
  const auto parts = d.split("loc", d.concat("locs", boxes, 1), {2, 2}, 2);
  const std::string moved =
      d.two("Mul", "moved", d.two("Mul", "little", parts[0], d.number("tenth", .1F)), places[1]);
  const std::string centre = d.two("Add", "centre", moved, places[0]);
  const std::string wider =
      d.to.node("Exp", "wider", {d.two("Mul", "part", parts[1], d.number("fifth", .2F))});
  const std::string size = d.two("Mul", "size", wider, places[1]);
  const std::string half = d.two("Div", "half", size, d.number("two", 2));
  d.output("scores");
  d.output(d.concat("boxes",
                    {d.two("Sub", "first", centre, half), d.two("Add", "last", centre, half)}, 2));
  Imported imported = read_onnx(d.file(), "a.onnx", {});
  ASSERT_EQ(imported.outputs.size(), 4U);
  ASSERT_TRUE(recognize_heads(imported));
  const graph::Network& network = imported.network;
  ASSERT_EQ(network.heads().size(), 2U);
  const auto& head = std::get<graph::Ssd>(network.layers[network.heads()[0]].operation);
  EXPECT_EQ(head, (graph::Ssd{{{16, 16}, {24, 24}}, 1, .1F, .2F}));
}

// The box is computed from the objectness after its sigmoid, which the head wants without it.
TEST(OnnxFamilies, ASigmoidThatAnotherLayerReadsStays) {
  Decoder d;
  const std::string sure = d.to.node("Sigmoid", "sure", {d.level("object", 8, 1)});
  const std::string both = d.concat("both", {d.level("features", 8, 3), sure}, 1);
  d.to.node("Conv", "box", {both, d.weights("box.w", {4, 4, 1, 1})});
  const std::string classes = d.to.node("Sigmoid", "classes", {d.level("logits", 8, 2)});
  d.output(d.concat("output0", {"box", sure, classes}, 1));
  Imported imported = read_onnx(d.file(), "a.onnx", {});
  ASSERT_TRUE(recognize_heads(imported));
  const graph::Network& network = imported.network;
  std::vector<graph::Activation> activations;
  for (const graph::Layer& layer : network.layers) {
    const auto* convolution = std::get_if<graph::Convolution>(&layer.operation);
    if (convolution != nullptr && convolution->filters == 1) {
      activations.push_back(convolution->activation);
    }
  }
  EXPECT_THAT(activations, ::testing::UnorderedElementsAre(graph::Activation::kLogistic,
                                                           graph::Activation::kLinear));
}

// Families that leave decoding to their programs: every level's outputs as rows, some of them after
// sigmoids.
struct RawPart {
  int channels = 0;
  bool sigmoid = false;
};
Decoder raw(const std::vector<int>& strides, const std::vector<RawPart>& parts) {
  Decoder d;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    for (const int stride : strides) {
      const std::string n = std::to_string(p) + "_" + std::to_string(stride);
      d.to.node("Transpose", "turned" + n, {d.level("map" + n, stride, parts[p].channels)});
      d.to.set("perm", Sides{0, 2, 3, 1});
      const std::string rows = d.reshaped("rows" + n, "turned" + n, {1, -1, parts[p].channels});
      d.output(parts[p].sigmoid ? d.to.node("Sigmoid", "sure" + n, {rows}) : rows);
    }
  }
  return d;
}

TEST(OnnxFamilies, AYuNetHasARootOfTwoScores) {
  const Decoder d = raw({8, 16, 32}, {{1, true}, {1, true}, {4}, {10}});
  Imported imported = read_onnx(d.file(), "a.onnx", {});
  ASSERT_TRUE(recognize_heads(imported));
  const graph::Network& network = imported.network;
  ASSERT_EQ(network.heads().size(), 3U);
  const auto& head = std::get<graph::Yolo>(network.layers[network.heads()[2]].operation);
  EXPECT_EQ(head.box_code, graph::BoxCode::kPoint);
  EXPECT_EQ(head.class_share, .5F);
  EXPECT_EQ(head.anchors[2], (graph::Anchor{32, 32}));
  EXPECT_TRUE(network.preprocess.bgr);
  EXPECT_THAT(imported.notes, ::testing::Contains(HasSubstr("taken for a YuNet")));
}

TEST(OnnxFamilies, AnScrfdHasTwoHeadsALevel) {
  const Decoder d = raw({8, 16, 32}, {{2, true}, {8}, {20}});
  Imported imported = read_onnx(d.file(), "a.onnx", {});
  ASSERT_TRUE(recognize_heads(imported));
  const graph::Network& network = imported.network;
  ASSERT_EQ(network.heads().size(), 6U);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(network.layers[network.heads()[i]].operation,
              graph::Operation(graph::Distances{1, 1, kStrides[i / 2], 0}));
  }
  // The second one's filters are the later ones of each output.
  const graph::Layer& joined = network.layers[network.layers[network.heads()[1]].inputs[0]];
  const auto& scores = network.weights.at(network.layers[joined.inputs[0]].name + ".kernel");
  const auto& sides = network.weights.at(network.layers[joined.inputs[1]].name + ".kernel");
  EXPECT_FLOAT_EQ(scores.floats()[0], .04F);
  EXPECT_FLOAT_EQ(sides.floats()[0], .13F);
}

TEST(OnnxFamilies, AnUltraFaceHasThePriorsOfItsPrograms) {
  Decoder d;
  for (int l = 0; l < 4; ++l) {
    const int boxes = std::vector{3, 2, 2, 3}[l];
    const std::string n = std::to_string(l);
    for (const int values : {2, 4}) {
      const std::string name = std::to_string(values) + "_" + n;
      d.to.node("Transpose", "turned" + name, {d.level("map" + name, 8 << l, boxes * values)});
      d.to.set("perm", Sides{0, 2, 3, 1});
      const std::string rows = d.reshaped("rows" + name, "turned" + name, {1, -1, values});
      d.output(values == 4 ? rows : d.to.node("Softmax", "sure" + name, {rows}));
    }
  }
  Imported imported = read_onnx(d.file(), "a.onnx", {});
  ASSERT_TRUE(recognize_heads(imported));
  const graph::Network& network = imported.network;
  ASSERT_EQ(network.heads().size(), 4U);
  EXPECT_EQ(network.layers[network.heads()[1]].operation,
            graph::Operation(graph::Ssd{{{32, 32}, {48, 48}}, 1, .1F, .2F}));
}

// Levels as RetinaFace is exported: boxes, logits and points as rows; the softmax may be left to
// its programs.
Decoder retinaface(const std::vector<int>& boxes, int points, bool softmax,
                   bool coarse_first = false) {
  Decoder d;
  for (const int values : {4, 2, 2 * points}) {
    std::vector<std::string> levels;
    for (int i = 0; i < static_cast<int>(boxes.size()); ++i) {
      const int l = coarse_first ? static_cast<int>(boxes.size()) - 1 - i : i;
      const std::string n = std::to_string(values) + "_" + std::to_string(l);
      d.to.node("Transpose", "turned" + n, {d.level("map" + n, 8 << l, values * boxes[l])});
      d.to.set("perm", Sides{0, 2, 3, 1});
      levels.push_back(d.reshaped("rows" + n, "turned" + n, {1, -1, values}));
    }
    const std::string rows = d.concat("all" + std::to_string(values), levels, 1);
    d.output(values == 2 && softmax ? d.to.node("Softmax", "scores", {rows}) : rows);
  }
  return d;
}

TEST(OnnxFamilies, ARetinaFaceHasThePriorsOfItsPrograms) {
  for (const bool softmax : {true, false}) {
    Imported imported = read_onnx(retinaface({2, 2, 2}, 5, softmax).file(), "a.onnx", {});
    ASSERT_TRUE(recognize_heads(imported));
    const graph::Network& network = imported.network;
    ASSERT_EQ(network.heads().size(), 3U);
    graph::Ssd head{{{64, 64}, {128, 128}}, 1, .1F, .2F};
    head.stride = 16;
    EXPECT_EQ(network.layers[network.heads()[1]].operation, graph::Operation(head));
    EXPECT_TRUE(network.preprocess.bgr);
    EXPECT_FLOAT_EQ(network.preprocess.mean[0], 104.F / 255);
    EXPECT_THAT(imported.notes,
                ::testing::Contains(HasSubstr("taken for a RetinaFace or relative with the")));
    // The points' filters are left out.
    for (const graph::Layer& layer : network.layers) EXPECT_NE(layer.output.channels, 20);
  }
  Imported small = read_onnx(retinaface({3, 2, 2, 3}, 5, true).file(), "a.onnx", {});
  ASSERT_TRUE(recognize_heads(small));
  ASSERT_EQ(small.network.heads().size(), 4U);
  graph::Ssd last{{{128, 128}, {192, 192}, {256, 256}}, 1, .1F, .2F};
  last.stride = 64;
  EXPECT_EQ(small.network.layers[small.network.heads()[3]].operation, graph::Operation(last));
}

TEST(OnnxFamilies, LevelsOfAFaceDetectorMayBeInAnyOrder) {
  Imported imported = read_onnx(retinaface({3, 2, 2, 3}, 5, true, true).file(), "a.onnx", {});
  Imported given = imported;
  ASSERT_TRUE(recognize_heads(imported));
  std::vector<graph::Anchor> anchors;
  for (int i = 0; i < 10; ++i) anchors.push_back({static_cast<float>(i + 1), 1});
  ASSERT_TRUE(recognize_with_anchors(given, {.anchors = anchors, .decoding = Family::kRetinaFace}));
  for (const int head : imported.network.heads()) {
    const auto& own = std::get<graph::Ssd>(imported.network.layers[head].operation);
    const auto& other = std::get<graph::Ssd>(given.network.layers[head].operation);
    EXPECT_EQ(own.anchors.front().width, own.stride == 8    ? 10
                                         : own.stride == 16 ? 32
                                         : own.stride == 32 ? 64
                                                            : 128);
    EXPECT_EQ(other.anchors.front().width, own.stride == 8    ? 1
                                           : own.stride == 16 ? 4
                                           : own.stride == 32 ? 6
                                                              : 8);
  }
  // BlazeFace has six boxes in its coarser level.
  Decoder d;
  d.model.mutable_graph()->clear_input();
  d.input({1, 3, 128, 128});
  for (const int stride : {16, 8}) {
    const int boxes = stride == 16 ? 6 : 2;
    for (const int values : {16, 1}) {
      const std::string n = std::to_string(values) + "_" + std::to_string(stride);
      d.to.node("Transpose", "turned" + n, {d.level("map" + n, stride, values * boxes)});
      d.to.set("perm", Sides{0, 2, 3, 1});
      d.output(d.reshaped("rows" + n, "turned" + n, {1, -1, values}));
    }
  }
  Imported faces = read_onnx(d.file(), "a.onnx", {});
  ASSERT_TRUE(recognize_heads(faces));
  EXPECT_THAT(faces.notes, ::testing::Contains(HasSubstr("taken for a BlazeFace")));
}

TEST(OnnxFamilies, ARetinaFaceTakesOtherAnchors) {
  const auto error_of = [](const auto& read) {
    try {
      read();
    } catch (const Error& error) {
      return error.message() + "; " + error.hint();
    }
    return std::string("no error");
  };
  const std::vector<graph::Anchor> squares{{24, 24},   {48, 48},   {96, 96},
                                           {192, 192}, {384, 384}, {768, 768}};
  // Of plates, with four points.
  const Bytes file = retinaface({2, 2, 2}, 4, true).file();
  Imported imported = read_onnx(file, "a.onnx", {});
  EXPECT_FALSE(recognize_heads(imported));
  const auto why = lacks_only_anchors(imported);
  ASSERT_TRUE(why);
  EXPECT_THAT(why->hint(), HasSubstr("--anchors"));
  EXPECT_THAT(error_of([&] {
                recognize_with_anchors(imported, {.anchors = {{1, 1}}});
              }),
              HasSubstr("the model has 6 anchors on 3 levels"));
  ASSERT_TRUE(recognize_with_anchors(imported, {.anchors = squares}));
  const auto& head =
      std::get<graph::Ssd>(imported.network.layers[imported.network.heads()[2]].operation);
  EXPECT_EQ(head.anchors, (std::vector<graph::Anchor>{{384, 384}, {768, 768}}));
  Imported faces = read_onnx(retinaface({2, 2, 2}, 5, true).file(), "a.onnx", {});
  ASSERT_TRUE(recognize_with_anchors(faces, {.anchors = squares, .decoding = Family::kRetinaFace}));
  EXPECT_EQ(faces.network.layers[faces.network.heads()[2]].operation, graph::Operation(head));
}

// Both parts come from one convolution, which the file splits.
Decoder split_distances(const std::vector<int>& strides) {
  Decoder d;
  for (const int stride : strides) {
    const std::string n = std::to_string(stride);
    const auto parts = d.split("part" + n, d.level("map" + n, stride, 34), {2, 32}, 1);
    const std::string sure = d.to.node("Sigmoid", "sure" + n, {parts[0]});
    for (const bool is_class : {true, false}) {
      const std::string kind = (is_class ? "class" : "sides") + n;
      const std::string rows =
          d.reshaped(kind, is_class ? sure : parts[1], {1, is_class ? 2 : 32, -1});
      d.to.node("Transpose", kind + ".turned", {rows});
      d.to.set("perm", Sides{0, 2, 1});
      d.output(kind + ".turned");
    }
  }
  return d;
}

TEST(OnnxFamilies, PartsOfOneOutputAreFoundByItsSigmoids) {
  Imported nanodet = read_onnx(split_distances({8, 16, 32}).file(), "a.onnx", {});
  ASSERT_TRUE(recognize_heads(nanodet));
  ASSERT_EQ(nanodet.network.heads().size(), 3U);
  EXPECT_EQ(nanodet.network.layers[nanodet.network.heads()[0]].operation,
            graph::Operation(graph::Distances{2, 8, 8, .5F}));
  EXPECT_TRUE(nanodet.network.preprocess.bgr);
  Imported picodet = read_onnx(split_distances({8, 16, 32, 64}).file(), "a.onnx", {});
  ASSERT_TRUE(recognize_heads(picodet));
  EXPECT_EQ(picodet.network.layers[picodet.network.heads()[3]].operation,
            graph::Operation(graph::Distances{2, 8, 64, .5F}));
  EXPECT_FALSE(picodet.network.preprocess.bgr);
}

// Two levels as Yolo-FastestV2 is exported: boxes and objectness after sigmoids, classes after a
// softmax, side by side.
Decoder fastest_v2(int side) {
  Decoder d;
  d.model.mutable_graph()->clear_input();
  d.input({1, 3, side, side});
  for (const int stride : {16, 32}) {
    std::vector<std::string> parts;
    for (const int channels : {12, 3, 80}) {
      const std::string n = std::to_string(channels) + "_" + std::to_string(stride);
      d.to.node("Transpose", "turned" + n, {d.level("map" + n, stride, channels)});
      d.to.set("perm", Sides{0, 2, 3, 1});
      parts.push_back(d.to.node(channels == 80 ? "Softmax" : "Sigmoid", "sure" + n,
                                {d.reshaped("rows" + n, "turned" + n, {-1, channels})}));
    }
    d.output(d.concat("all" + std::to_string(stride), parts, 1));
  }
  return d;
}

TEST(OnnxFamilies, AYoloFastestV2SharesClassesAmongTheBoxesOfACell) {
  Imported imported = read_onnx(fastest_v2(352).file(), "a.onnx", {});
  ASSERT_TRUE(recognize_heads(imported));
  const graph::Network& network = imported.network;
  ASSERT_EQ(network.heads().size(), 2U);
  const auto& head = std::get<graph::Yolo>(network.layers[network.heads()[1]].operation);
  EXPECT_THAT(head.mask, ::testing::ElementsAre(3, 4, 5));
  EXPECT_EQ(head.box_code, graph::BoxCode::kSquared);
  EXPECT_TRUE(head.softmax);
  const graph::Layer& joined = network.layers[network.layers[network.heads()[1]].inputs[0]];
  ASSERT_EQ(joined.inputs.size(), 9U);
  EXPECT_EQ(joined.inputs[2], joined.inputs[5]);
  // The second box has the values after the first four.
  const auto& second = network.weights.at(network.layers[joined.inputs[3]].name + ".kernel");
  EXPECT_EQ(second.shape.front(), 4);
  EXPECT_FLOAT_EQ(second.floats()[0], .13F);
  EXPECT_THAT(
      imported.notes,
      ::testing::Contains(HasSubstr("taken for a Yolo-FastestV2 with the published anchors")));
  // Of another size it has other anchors, which are not in the file.
  Imported other = read_onnx(fastest_v2(320).file(), "a.onnx", {});
  EXPECT_FALSE(recognize_heads(other));
}

// Levels of a YOLOX without sigmoids, from two branches or from one.
Decoder raw_yolox(bool decoupled) {
  Decoder d;
  for (const int stride : kStrides) {
    const std::string n = std::to_string(stride);
    const auto branch = [&](const std::string& name) {
      const std::string map = d.level(name + n, stride, 6);
      return d.to.node("Mul", name + n + ".swish",
                       {map, d.to.node("Sigmoid", name + n + ".gate", {map})});
    };
    const auto part = [&](const std::string& name, const std::string& from, int channels) {
      return d.to.node("Conv", name + n, {from, d.weights(name + n + ".w", {channels, 6, 1, 1})});
    };
    const std::string boxes = branch("box_branch");
    const std::string classes = decoupled ? branch("class_branch") : boxes;
    const std::string all = d.concat(
        "all" + n, {part("box", boxes, 4), part("object", boxes, 1), part("class", classes, 2)}, 1);
    d.output(d.reshaped("rows" + n, all, {1, 7, -1}));
  }
  return d;
}

TEST(OnnxFamilies, AYoloxWithoutSigmoidsIsKnownByItsBranches) {
  Imported imported = read_onnx(raw_yolox(true).file(), "a.onnx", {});
  ASSERT_TRUE(recognize_heads(imported));
  const graph::Network& network = imported.network;
  ASSERT_EQ(network.heads().size(), 3U);
  const auto& head = std::get<graph::Yolo>(network.layers[network.heads()[0]].operation);
  EXPECT_EQ(head.box_code, graph::BoxCode::kPoint);
  EXPECT_EQ(head.classes, 2);
  EXPECT_FLOAT_EQ(network.preprocess.mean[0], .485F);
  Imported other = read_onnx(raw_yolox(false).file(), "a.onnx", {});
  EXPECT_FALSE(recognize_heads(other));
}

TEST(OnnxFamilies, AnOpenSizeIsThatOfTheMetadata) {
  TestGraph g;
  g.input({1, 3, -1, -1});
  g.output(g.convolution("conv", "image", 3, 4));
  auto* entry = g.model.add_metadata_props();
  entry->set_key("imgsz");
  entry->set_value("[32, 64]");
  const Imported imported = read_onnx(g.file(), "a.onnx", {});
  EXPECT_EQ(imported.network.input, (graph::Shape{3, 32, 64}));
  EXPECT_THAT(imported.notes, ::testing::Contains(HasSubstr("taken from the metadata: 64x32")));
  EXPECT_EQ(read_onnx(g.file(), "a.onnx", {.width = 16, .height = 8}).network.input,
            (graph::Shape{3, 8, 16}));
}

TEST(OnnxFamilies, NamesInMetadataAreTheClasses) {
  Decoder d = yolov8(.5F);
  auto* entry = d.model.add_metadata_props();
  entry->set_key("names");
  entry->set_value("{0: 'cat', 1: 'dog'}");
  const ReadModel model = finished(read_onnx(d.file(), "a.onnx", {}), {});
  EXPECT_THAT(model.network.classes, ::testing::ElementsAre("cat", "dog"));
}

// (value − zero) · scale of a kernel with a scale for each filter, and of a bias in integers.
TEST(OnnxFamilies, LinearQuantizedConvolutionsBecomeFloats) {
  TestGraph g;
  g.input({1, 3, 8, 8});
  const auto bytes = [&](const std::string& name, int type, const std::string& values,
                         const Sides& shape) {
    onnx::Tensor& tensor = *g.model.mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (const std::int64_t side : shape) tensor.add_dims(side);
    tensor.set_raw_data(values);
    return name;
  };
  constexpr int kUint8 = 2, kInt8 = 3, kInt32 = 6;
  const std::string scale = g.to.floats("scale", {.5F}, {});
  const std::string zero = bytes("zero", kUint8, std::string(1, '\x80'), {});
  g.to.node("QuantizeLinear", "input8", {"image", scale, zero});
  const std::string kernel = bytes("kernel", kInt8, "\x02\x04\x06\x08\x0a\x0c", {2, 3, 1, 1});
  const std::string scales = g.to.floats("scales", {.25F, 2}, {2});
  const std::string zeros = bytes("zeros", kInt8, std::string(2, '\0'), {2});
  const std::string bias = bytes("bias", kInt32, std::string("\x08\0\0\0\x01\0\0\0", 8), {2});
  g.to.node("QLinearConv", "sums",
            {"input8", scale, zero, kernel, scales, zeros, scale, zero, bias});
  g.to.node("DequantizeLinear", "result", {"sums", scale, zero});
  const Imported imported = read_onnx(g.output("result").file(), "a.onnx", {});
  const graph::Network& network = imported.network;
  ASSERT_EQ(network.layers.size(), 1U);
  const std::string name = network.layers[0].name;
  EXPECT_THAT(network.weights.at(name + ".kernel").floats(),
              ::testing::ElementsAre(.5F, 1, 1.5F, 16, 20, 24));
  EXPECT_THAT(network.weights.at(name + ".bias").floats(), ::testing::ElementsAre(1, 1));
}

std::string refusal_of(const Decoder& decoder, Family given) {
  Imported imported = read_onnx(decoder.file(), "a.onnx", {});
  try {
    recognize_heads(imported, given);
  } catch (const Error& error) {
    return error.place() + ": " + error.message() + "; " + error.hint();
  }
  return "no error";
}

TEST(OnnxFamilies, AFamilyThatIsGivenResolvesWhatPartsLeaveOpen) {
  Imported imported = read_onnx(raw_maps(7).file(), "a.onnx", {});
  EXPECT_FALSE(recognize_heads(imported));
  ASSERT_TRUE(recognize_heads(imported, Family::kYoloX));
  ASSERT_EQ(imported.network.heads().size(), 3U);
  const auto& head =
      std::get<graph::Yolo>(imported.network.layers[imported.network.heads()[1]].operation);
  EXPECT_EQ(head.box_code, graph::BoxCode::kPoint);
  EXPECT_EQ(head.classes, 2);
  EXPECT_EQ(head.anchors[1], (graph::Anchor{16, 16}));
  EXPECT_THAT(imported.notes.back(), HasSubstr("a YOLOX, as --decoding says"));

  Imported bins = read_onnx(raw_maps(66).file(), "a.onnx", {});
  EXPECT_FALSE(recognize_heads(bins));
  ASSERT_TRUE(recognize_heads(bins, Family::kYoloV8));
  EXPECT_EQ(bins.network.layers[bins.network.heads()[0]].operation,
            graph::Operation(graph::Distances{2, 16, 8, .5F}));
}

TEST(OnnxFamilies, AFamilyThatIsGivenNeedsNoSigmoids) {
  Decoder d;
  d.model.mutable_graph()->clear_input();
  d.input({1, 3, 352, 352});
  for (const int stride : {16, 32}) {
    for (const int channels : {12, 3, 80}) {
      const std::string name = std::to_string(channels) + "_" + std::to_string(stride);
      d.output(d.level("map" + name, stride, channels));
    }
  }
  Imported imported = read_onnx(d.file(), "a.onnx", {});
  EXPECT_FALSE(recognize_heads(imported));
  ASSERT_TRUE(recognize_heads(imported, Family::kYoloFastestV2));
  ASSERT_EQ(imported.network.heads().size(), 2U);
  const auto& head =
      std::get<graph::Yolo>(imported.network.layers[imported.network.heads()[0]].operation);
  EXPECT_TRUE(head.softmax);
  EXPECT_EQ(head.classes, 80);
}

TEST(OnnxFamilies, AFamilyWhosePartsTheOutputsLackIsRefused) {
  for (const Family family :
       {Family::kYoloV8, Family::kNanoDet, Family::kPicoDet, Family::kFastestDet, Family::kYuNet,
        Family::kScrfd, Family::kUltraFace, Family::kBlazeFace, Family::kSsd, Family::kFaceMask,
        Family::kRetinaFace, Family::kYoloV5Face}) {
    EXPECT_THAT(refusal_of(raw_maps(7), family),
                HasSubstr("--decoding: the outputs do not have the parts of " +
                          std::string(title_of(family))));
  }
  for (const Family family : {Family::kYoloV3, Family::kYoloV5, Family::kYoloFastestV2}) {
    EXPECT_THAT(refusal_of(raw_maps(21), family), HasSubstr("give them with --anchors"));
  }
}

TEST(OnnxFamilies, AFamilyThatTheFileDisprovesIsRefused) {
  EXPECT_THAT(refusal_of(yolov8(.5F), Family::kNanoDetPlus),
              HasSubstr("is not that of a NanoDet-Plus or relative but that of a YOLOv8"));
  EXPECT_EQ(refusal_of(yolov8(.5F), Family::kYoloV8), "no error");
  // These decode alike, and differ in their preprocessing.
  Imported same = read_onnx(yolov8(.5F).file(), "a.onnx", {});
  ASSERT_TRUE(recognize_heads(same, Family::kPicoDet));
  EXPECT_EQ(same.network.preprocess.fit, image::Preprocess::Fit::kStretch);
  EXPECT_THAT(same.notes, ::testing::Contains(HasSubstr("taken for a PicoDet: the file's own")));
  Imported other = read_onnx(yolov8(.3F).file(), "a.onnx", {});
  ASSERT_TRUE(recognize_heads(other, Family::kYoloV8));
  EXPECT_THAT(other.notes.back(), HasSubstr("does not prove it: look at some boxes"));
}

TEST(OnnxSignature, SaysWhetherLayersPassBytes) {
  EXPECT_FALSE(onnx_signature(raw_maps(7).file(), "a.onnx").in_bytes);
  Decoder d = raw_maps(7);
  d.to.node("QuantizeLinear", "bytes", {"map8", d.number("scale", .1F)});
  EXPECT_TRUE(onnx_signature(d.file(), "a.onnx").in_bytes);
}

}  // namespace
}  // namespace oko::formats
