// Families of detectors as converters write them.
#include <flatbuffers/flexbuffers.h>
#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <cstring>
#include <map>

#include "oko/base/error.h"
#include "oko/formats/format.h"
#include "oko/formats/recognize.h"
#include "oko/formats/tflite.h"
#include "oko/formats/tflite/about.h"
#include "oko/formats/tflite/detector_generated.h"
#include "oko/formats/tflite/metadata_generated.h"
#include "oko/formats/tflite/test_lite.h"

namespace oko::formats {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Code = oko::tflite::Code;

constexpr int kSide = 64;

std::vector<std::uint8_t> detection_options(int classes, float size_scale) {
  flexbuffers::Builder builder;
  builder.Map([&] {
    builder.Int("num_classes", classes);
    builder.Float("y_scale", 10);
    builder.Float("x_scale", 10);
    builder.Float("h_scale", size_scale);
    builder.Float("w_scale", size_scale);
    builder.Int("max_detections", 10);
    builder.Float("nms_iou_threshold", .6F);
  });
  builder.Finish();
  return builder.GetBuffer();
}

// Two levels of 4 x 4 and 2 x 2 cells with two boxes each, and two of a single cell, as SSDs end
// with; two classes and, if `background`, that.
LiteGraph ssd(bool background, float centre = .5F) {
  LiteGraph g;
  const int image = g.input({1, kSide, kSide, 3}), columns = background ? 3 : 2;
  std::vector<int> boxes, scores;
  std::vector<float> anchors;
  int rows = 0;
  for (const int stride : {16, 32, 64, 64}) {
    const int side = kSide / stride, count = 2 * side * side;
    boxes.push_back(
        g.reshape(g.convolution(image, {1, side, side, 8}, 3, stride, 1), {1, count, 4}));
    scores.push_back(g.reshape(g.convolution(image, {1, side, side, 2 * columns}, 3, stride, 2),
                               {1, count, columns}));
    for (int i = 0; i < count; ++i) {
      const float cells = static_cast<float>(side);
      const float size = (i % 2 == 0 ? 1.F : 1.5F) / cells * (rows > 40 ? .5F : 1.F);
      anchors.insert(anchors.end(),
                     {(static_cast<float>(i / 2 / side) + centre) / cells,
                      (static_cast<float>(i / 2 % side) + centre) / cells, size, size * .5F});
    }
    rows += count;
  }
  const int all = g.concat(boxes, {1, rows, 4}, 1);
  const int sure =
      g.op(Code::LOGISTIC, {g.concat(scores, {1, rows, columns}, 1)}, {1, rows, columns});
  std::vector<int> outputs;
  for (int i = 0; i < 4; ++i) g.output(outputs.emplace_back(g.tensor({1, 10})));
  g.add(Code::CUSTOM, {all, sure, g.floats({rows, 4}, anchors)}, outputs,
        "TFLite_Detection_PostProcess")
      .custom_options = detection_options(2, 5);
  return g;
}

TEST(TfliteFamilies, AnSsdIsProvedByItsDetectionOperator) {
  for (const bool background : {true, false}) {
    Imported imported = read_tflite(ssd(background).file(), "ssd.tflite");
    ASSERT_TRUE(recognize_heads(imported));
    const graph::Network& network = imported.network;
    ASSERT_EQ(network.heads().size(), 4U);
    const auto& first = std::get<graph::Ssd>(network.layers[network.heads()[0]].operation);
    EXPECT_EQ(first, (graph::Ssd{{{8, 16}, {12, 24}}, 2, .1F, .2F, true}));
    const auto& last = std::get<graph::Ssd>(network.layers[network.heads()[3]].operation);
    EXPECT_EQ(last, (graph::Ssd{{{16, 32}, {24, 48}}, 2, .1F, .2F, true}));
    EXPECT_EQ(network.preprocess.fit, image::Preprocess::Fit::kStretch);
    EXPECT_THAT(imported.notes, Contains(HasSubstr("taken for an SSD: the file's own decoding")));
  }
}

// A file has y before x, and logits of the background that no score depends on.
TEST(TfliteFamilies, AnSsdsFiltersComeInTheOrderOfTheHead) {
  Imported imported = read_tflite(ssd(true).file(), "ssd.tflite");
  ASSERT_TRUE(recognize_heads(imported));
  const graph::Network& network = imported.network;
  const graph::Layer& joined = network.layers[network.layers[network.heads()[0]].inputs[0]];
  ASSERT_EQ(joined.inputs.size(), 2U);
  const auto firsts = [&](int layer) {
    const auto& kernel = network.weights.at(network.layers[layer].name + ".kernel");
    std::vector<float> values;
    for (std::size_t i = 0; i < kernel.floats().size(); i += 3)
      values.push_back(kernel.floats()[i]);
    return values;
  };
  const auto nth = [](float first, int filter) {
    return first + static_cast<float>(3 * filter) / 64;
  };
  EXPECT_THAT(firsts(joined.inputs[0]), ElementsAre(nth(2, 1), nth(2, 2), nth(2, 4), nth(2, 5)));
  EXPECT_THAT(firsts(joined.inputs[1]), ElementsAre(nth(1, 1), nth(1, 0), nth(1, 3), nth(1, 2),
                                                    nth(1, 5), nth(1, 4), nth(1, 7), nth(1, 6)));
}

// Five by five cells of 16 pixels and three by three of 32, the first of which are around the
// corner of the image, as TensorFlow places them where they reach beyond it. The coarser level is
// computed first.
LiteGraph strided_ssd(int step) {
  constexpr int kImage = 80;
  LiteGraph g;
  const int image = g.input({1, kImage, kImage, 3});
  std::vector<int> boxes, scores;
  for (const int stride : {32, 16}) {
    const int side = (kImage - 1) / stride + 1, count = side * side;
    boxes.push_back(
        g.reshape(g.convolution(image, {1, side, side, 4}, 3, stride, 1), {1, count, 4}));
    scores.push_back(
        g.reshape(g.convolution(image, {1, side, side, 2}, 3, stride, 2), {1, count, 2}));
  }
  std::vector<float> anchors;
  for (const int stride : {16, step}) {
    const int side = (kImage - 1) / stride + 1;
    const float prior = kImage % stride == 0 ? .5F : 0;
    for (int i = 0; i < side * side; ++i) {
      for (const int place : {i / side, i % side}) {
        anchors.push_back((static_cast<float>(place) + prior) * static_cast<float>(stride) /
                          kImage);
      }
      anchors.insert(anchors.end(), {.5F, .25F});
    }
  }
  const int all = g.concat({boxes[1], boxes[0]}, {1, 34, 4}, 1);
  const int logits = g.concat({scores[1], scores[0]}, {1, 34, 2}, 1);
  const int sure = g.op(Code::LOGISTIC, {logits}, {1, 34, 2});
  std::vector<int> outputs;
  for (int i = 0; i < 4; ++i) g.output(outputs.emplace_back(g.tensor({1, 10})));
  g.add(Code::CUSTOM, {all, sure, g.floats({34, 4}, anchors)}, outputs,
        "TFLite_Detection_PostProcess")
      .custom_options = detection_options(2, 5);
  return g;
}

TEST(TfliteFamilies, CellsOfAnSsdMayNotDivideTheImage) {
  Imported imported = read_tflite(strided_ssd(32).file(), "ssd.tflite");
  ASSERT_TRUE(recognize_heads(imported));
  const graph::Network& network = imported.network;
  std::map<int, graph::Operation> heads;  // by rows
  for (const int head : network.heads()) {
    heads[network.layers[head].output.height] = network.layers[head].operation;
  }
  EXPECT_EQ(heads[5], graph::Operation(graph::Ssd{{{20, 40}}, 2, .1F, .2F, true}));
  EXPECT_EQ(heads[3], graph::Operation(graph::Ssd{{{20, 40}}, 2, .1F, .2F, true, false, 32, 0}));
}

// What an app's MediaPipe decodes, with anchors in the metadata of the model.
std::vector<std::uint8_t> detector(float scale) {
  namespace schema = oko::tflite::detector;
  schema::DetectorT options;
  options.anchors = std::make_unique<schema::SsdAnchorsT>();
  options.anchors->fixed = std::make_unique<schema::FixedAnchorsT>();
  for (int i = 0; i < 16; ++i) {
    auto& anchor =
        *options.anchors->fixed->anchors.emplace_back(std::make_unique<schema::FixedAnchorT>());
    anchor.x_center = (static_cast<float>(i % 4) + .5F) / 4;
    anchor.y_center = (static_cast<float>(i / 4) + .5F) / 4;
    anchor.width = .25F;
    anchor.height = .5F;
  }
  options.decoding = std::make_unique<schema::DecodingT>();
  options.decoding->num_classes = 2;
  options.decoding->num_coords = 4;
  options.decoding->x_scale = options.decoding->y_scale = scale;
  options.decoding->w_scale = options.decoding->h_scale = scale;
  options.decoding->exponential = options.decoding->sigmoid = true;
  flatbuffers::FlatBufferBuilder inner;
  schema::FinishDetectorBuffer(inner, schema::Detector::Pack(inner, &options));
  oko::tflite::about::ModelMetadataT model;
  auto& graph =
      *model.subgraphs.emplace_back(std::make_unique<oko::tflite::about::SubGraphMetadataT>());
  auto& custom =
      *graph.custom.emplace_back(std::make_unique<oko::tflite::about::CustomMetadataT>());
  custom.name = "DETECTOR_METADATA";
  custom.data.assign(inner.GetBufferPointer(), inner.GetBufferPointer() + inner.GetSize());
  flatbuffers::FlatBufferBuilder builder;
  FinishModelMetadataBuffer(builder, oko::tflite::about::ModelMetadata::Pack(builder, &model));
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

TEST(TfliteFamilies, AnchorsInTheMetadataOfMediaPipeDecodeRawOutputs) {
  for (const bool described : {true, false}) {
    LiteGraph g;
    const int image = g.input({1, kSide, kSide, 3});
    g.output(g.reshape(g.convolution(image, {1, 4, 4, 4}, 3, 16, 1), {1, 16, 4}));
    g.output(g.reshape(g.convolution(image, {1, 4, 4, 2}, 3, 16, 2), {1, 16, 2}));
    if (described) g.metadata(tflite::kAboutName, detector(1));
    Imported imported = read_tflite(g.file(), "ssd.tflite");
    ASSERT_EQ(recognize_heads(imported), described);
    if (!described) continue;
    const graph::Network& network = imported.network;
    ASSERT_EQ(network.heads().size(), 1U);
    EXPECT_EQ(network.layers[network.heads()[0]].operation,
              graph::Operation(graph::Ssd{{{16, 32}}, 2, 1, 1, true}));
  }
}

// As AIZOO's: two classes, four priors that only programs know.
LiteGraph facemask(bool sigmoids) {
  LiteGraph g;
  const int image = g.input({1, 260, 260, 3});
  std::vector<int> boxes, scores;
  for (const int stride : {8, 16, 32, 64, 128}) {
    const int side = 259 / stride + 1, count = side * side * 4;
    boxes.push_back(g.reshape(g.convolution(image, {1, side, side, 16}, 3, stride), {1, count, 4}));
    const int rows = g.reshape(g.convolution(image, {1, side, side, 8}, 3, stride), {1, count, 2});
    scores.push_back(sigmoids ? g.op(Code::LOGISTIC, {rows}, {1, count, 2}) : rows);
  }
  g.output(g.concat(boxes, {1, 5972, 4}, 1));
  g.output(g.concat(scores, {1, 5972, 2}, 1));
  return g;
}

TEST(TfliteFamilies, AFaceMaskDetectorHasThePriorsOfItsPrograms) {
  Imported imported = read_tflite(facemask(true).file(), "a.tflite");
  ASSERT_TRUE(recognize_heads(imported));
  const graph::Network& network = imported.network;
  ASSERT_EQ(network.heads().size(), 5U);
  const auto& head = std::get<graph::Ssd>(network.layers[network.heads()[1]].operation);
  EXPECT_EQ(head.classes, 2);
  EXPECT_TRUE(head.sigmoid);
  ASSERT_EQ(head.anchors.size(), 4U);
  EXPECT_FLOAT_EQ(head.anchors[1].width, .11F * 260);
  EXPECT_NEAR(head.anchors[3].width, .08 * 260 * std::sqrt(.42), 1e-4);
  EXPECT_NEAR(head.anchors[3].height, .08 * 260 / std::sqrt(.42), 1e-4);
  // Without sigmoids only the user knows.
  Imported raw = read_tflite(facemask(false).file(), "a.tflite");
  EXPECT_FALSE(recognize_heads(raw));
  ASSERT_TRUE(recognize_heads(raw, Family::kFaceMask));
  ASSERT_EQ(raw.network.heads().size(), 5U);
  EXPECT_EQ(raw.network.layers[raw.network.heads()[1]].operation, graph::Operation(head));
}

// A reshape whose first size is that of the batch, which is computed, as Keras writes it.
TEST(TfliteFamilies, SizesOfAnOpenBatchAreComputed) {
  LiteGraph g;
  const int image = g.input({1, kSide, kSide, 3});
  const auto rows = [&](int from, int values) {
    const int shape = g.op(Code::SHAPE, {from}, {4});
    oko::tflite::StridedSliceOptionsT options;
    options.shrink_axis_mask = 1;
    const int batch = g.op(Code::STRIDED_SLICE,
                           {shape, g.integers({0}), g.integers({1}), g.integers({1})}, {}, options);
    oko::tflite::PackOptionsT pack;
    pack.count = 3;
    const int sides =
        g.op(Code::PACK, {batch, g.tensor_of({}, {-1}), g.tensor_of({}, {values})}, {3}, pack);
    return g.op(Code::RESHAPE, {from, sides}, {1, 1, values}, oko::tflite::ReshapeOptionsT{});
  };
  const int boxes = rows(g.convolution(image, {1, 4, 4, 4}, 3, 16, 1), 4);
  const int sure =
      g.op(Code::LOGISTIC, {rows(g.convolution(image, {1, 4, 4, 2}, 3, 16, 2), 2)}, {1, 1, 2});
  std::vector<float> anchors;
  for (int i = 0; i < 16; ++i) {
    anchors.insert(anchors.end(), {(static_cast<float>(i / 4) + .5F) / 4,
                                   (static_cast<float>(i % 4) + .5F) / 4, .5F, .25F});
  }
  std::vector<int> outputs;
  for (int i = 0; i < 4; ++i) g.output(outputs.emplace_back(g.tensor({1, 10})));
  g.add(Code::CUSTOM, {boxes, sure, g.floats({16, 4}, anchors)}, outputs,
        "TFLite_Detection_PostProcess")
      .custom_options = detection_options(2, 5);
  Imported imported = read_tflite(g.file(), "a.tflite");
  ASSERT_TRUE(recognize_heads(imported));
  EXPECT_EQ(imported.network.layers[imported.network.heads()[0]].operation,
            graph::Operation(graph::Ssd{{{16, 32}}, 2, .1F, .2F, true}));
}

TEST(TfliteFamilies, AnchorsElsewhereInACellAreNotAnSsd) {
  Imported imported = read_tflite(ssd(true, .2F).file(), "ssd.tflite");
  EXPECT_FALSE(recognize_heads(imported));
}

// Attention of two heads with two channels of keys and four of values among 4 x 5 pixels, as it is
// converted from PyTorch.
// The products of queries and keys are one operator, or one for every key.
int products(LiteGraph& g, int queries, int keys, bool by_key) {
  oko::tflite::BatchMatMulOptionsT options;
  options.adjoint_x = true;
  if (!by_key) return g.op(Code::BATCH_MATMUL, {queries, keys}, {1, 2, 20, 20}, options);
  const auto turned = [&](int from, const std::vector<int>& order, const LiteGraph::Sides& shape) {
    return g.op(Code::TRANSPOSE, {from, g.integers(order)}, shape);
  };
  const auto split = [&](int from, int count, const LiteGraph::Sides& shape) {
    std::vector<int> parts;
    for (int i = 0; i < count; ++i) parts.push_back(g.tensor(shape));
    oko::tflite::SplitOptionsT split_options;
    split_options.num_splits = count;
    g.add(Code::SPLIT, {g.tensor_of({}, {0}), from}, parts).options.Set(std::move(split_options));
    return parts;
  };
  const auto heads =
      split(g.reshape(turned(queries, {0, 1, 3, 2}, {1, 2, 20, 2}), {2, 20, 2}), 2, {1, 20, 2});
  const auto rows =
      split(g.reshape(turned(keys, {3, 1, 2, 0}, {20, 2, 2, 1}), {40, 2, 1}), 40, {1, 2, 1});
  std::vector<int> columns;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    columns.push_back(g.op(Code::FULLY_CONNECTED, {heads[i % 2], g.reshape(rows[i], {1, 2}), -1},
                           {20, 1}, oko::tflite::FullyConnectedOptionsT{}));
  }
  oko::tflite::PackOptionsT pack;
  pack.count = 40;
  const int all = g.reshape(g.op(Code::PACK, columns, {40, 20, 1}, pack), {20, 2, 20, 1});
  return turned(all, {3, 1, 2, 0}, {1, 2, 20, 20});
}

LiteGraph attention(float scale, bool by_key = false) {
  LiteGraph g;
  const int image = g.input({1, 4, 5, 3});
  const int map = g.convolution(image, {1, 4, 5, 16}, 3, 1);
  const auto turned = [&](int from, const std::vector<int>& order, const LiteGraph::Sides& shape) {
    return g.op(Code::TRANSPOSE, {from, g.integers(order)}, shape);
  };
  const int heads = g.reshape(turned(map, {0, 3, 1, 2}, {1, 16, 4, 5}), {1, 2, 8, 20});
  const auto part = [&](int first, int count) {
    return g.op(Code::SLICE, {heads, g.integers({0, 0, first, 0}), g.integers({1, 2, count, 20})},
                {1, 2, count, 20}, oko::tflite::SliceOptionsT{});
  };
  const int queries = part(0, 2), keys = part(2, 2), values = part(4, 4);
  const int dots = products(g, queries, keys, by_key);
  const int scaled =
      g.op(Code::MUL, {dots, g.floats({1}, {scale})}, {1, 2, 20, 20}, oko::tflite::MulOptionsT{});
  oko::tflite::SoftmaxOptionsT softmax;
  softmax.beta = 1;
  const int shares = g.op(Code::SOFTMAX, {scaled}, {1, 2, 20, 20}, softmax);
  oko::tflite::BatchMatMulOptionsT options;
  options.adjoint_y = true;
  const int sums = g.op(Code::BATCH_MATMUL, {values, shares}, {1, 2, 4, 20}, options);
  const int result = turned(g.reshape(sums, {1, 8, 4, 5}), {0, 2, 3, 1}, {1, 4, 5, 8});
  const int direct = turned(g.reshape(values, {1, 8, 4, 5}), {0, 2, 3, 1}, {1, 4, 5, 8});
  const int both = g.op(Code::ADD, {result, g.convolution(direct, {1, 4, 5, 8}, 8, 1)},
                        {1, 4, 5, 8}, oko::tflite::AddOptionsT{});
  g.output(g.convolution(both, {1, 4, 5, 5}, 8, 1));
  return g;
}

TEST(TfliteFamilies, AttentionIsProvedByItsValues) {
  const float scale = 1 / std::sqrt(2.F);
  for (const bool by_key : {false, true}) {
    const Imported imported = read_tflite(attention(scale, by_key).file(), "a.tflite");
    std::vector<graph::Attention> found;
    int slices = 0;
    for (const graph::Layer& layer : imported.network.layers) {
      if (const auto* one = std::get_if<graph::Attention>(&layer.operation)) found.push_back(*one);
      const auto* route = std::get_if<graph::Route>(&layer.operation);
      slices += route != nullptr && route->groups > 1 ? 1 : 0;
    }
    EXPECT_THAT(found, ElementsAre(graph::Attention{2, 2, scale}));
    EXPECT_EQ(slices, 2);  // the values of both heads
  }
}

TEST(TfliteFamilies, WhatOnlyLooksLikeAttentionIsRefused) {
  EXPECT_THROW(read_tflite(attention(.3F).file(), "a.tflite"), Error);
}

// Pixels repeated by packs, as TensorFlow's Object Detection API does it, before a convolution.
LiteGraph packed(bool in_order, bool reshaped = false) {
  LiteGraph g;
  const int image = g.input({1, 4, 6, 3});
  int map = g.convolution(image, {1, 4, 6, 5}, 3, 1);
  if (reshaped) map = g.reshape(g.reshape(map, {1, 4, 1, 6, 1, 5}), {1, 4, 6, 5});
  const auto pack = [&](int from, const LiteGraph::Sides& shape, int axis) {
    oko::tflite::PackOptionsT options;
    options.axis = axis;
    options.count = 2;
    return g.op(Code::PACK, {from, from}, shape, options);
  };
  const int wide = pack(map, {1, 4, 6, 2, 5}, 3);
  const int both = in_order ? pack(wide, {1, 4, 2, 6, 2, 5}, 2) : pack(wide, {1, 2, 4, 6, 2, 5}, 1);
  g.output(g.convolution(g.reshape(both, {1, 8, 12, 5}), {1, 8, 12, 2}, 5, 1));
  return g;
}

TEST(TfliteFamilies, PacksThatRepeatPixelsAreAnUpsampling) {
  for (const bool reshaped : {false, true}) {
    const Imported imported = read_tflite(packed(true, reshaped).file(), "a.tflite");
    EXPECT_THAT(
        imported.network.layers,
        Contains(::testing::Field(&graph::Layer::operation, graph::Operation(graph::Upsample{2}))));
  }
  EXPECT_THROW(read_tflite(packed(false).file(), "a.tflite"), Error);
}

// One level of 48 x 48 cells with 16 values for its box, and channels of zeros on the way.
TEST(TfliteFamilies, ABlazeFaceIsKnownByItsOutputs) {
  LiteGraph g;
  const int image = g.input({1, 192, 192, 3});
  const int padded = g.op(
      Code::PAD,
      {g.convolution(image, {1, 48, 48, 4}, 3, 4), g.tensor_of({4, 2}, {0, 0, 0, 0, 0, 0, 0, 2})},
      {1, 48, 48, 6}, oko::tflite::PadOptionsT{});
  g.output(g.reshape(g.convolution(padded, {1, 48, 48, 16}, 6, 1), {1, 2304, 16}));
  g.output(g.reshape(g.convolution(padded, {1, 48, 48, 1}, 6, 1), {1, 2304, 1}));
  Imported imported = read_tflite(g.file(), "a.tflite");
  ASSERT_TRUE(recognize_heads(imported));
  const graph::Network& network = imported.network;
  ASSERT_EQ(network.heads().size(), 1U);
  EXPECT_EQ(network.layers[network.heads()[0]].operation,
            graph::Operation(graph::Ssd{{{192, 192}}, 1, 1.F / 192, 1.F / 192, true, true}));
}

// ---- what a file says of itself ---------------------------------------------------------------

std::vector<std::uint8_t> normalization(float mean, float deviation) {
  oko::tflite::about::ModelMetadataT model;
  auto& graph =
      *model.subgraphs.emplace_back(std::make_unique<oko::tflite::about::SubGraphMetadataT>());
  auto& input = *graph.inputs.emplace_back(std::make_unique<oko::tflite::about::TensorMetadataT>());
  oko::tflite::about::NormalizationOptionsT options;
  options.mean = {mean};
  options.std = {deviation};
  input.process_units.push_back(std::make_unique<oko::tflite::about::ProcessUnitT>());
  input.process_units.back()->options.Set(std::move(options));
  flatbuffers::FlatBufferBuilder builder;
  FinishModelMetadataBuffer(builder, oko::tflite::about::ModelMetadata::Pack(builder, &model));
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

TEST(TfliteFamilies, TheNormalizationOfTheMetadataIsHonoured) {
  LiteGraph g = ssd(true);
  g.metadata(tflite::kAboutName, normalization(127.5F, 127.5F));
  const ReadModel model = finished(read_tflite(g.file(), "ssd.tflite"), {});
  const image::Preprocess& preprocess = model.network.preprocess;
  EXPECT_EQ(preprocess.fit, image::Preprocess::Fit::kStretch);  // as SSDs
  EXPECT_FLOAT_EQ(preprocess.mean[0], .5F);
  EXPECT_FLOAT_EQ(preprocess.scale[2], 2);
  EXPECT_THAT(model.notes, Contains(HasSubstr("those of the file's metadata")));
}

TEST(TfliteFamilies, ClassNamesAreReadFromAppendedFiles) {
  std::vector<std::byte> file = ssd(true).bytes();
  tflite::append_file(file, "labelmap.txt", "???\ncat\ndog\n");
  EXPECT_THAT(finished(read_tflite(Bytes::own(file), "ssd.tflite"), {}).network.classes,
              ElementsAre("cat", "dog"));
  file = ssd(false).bytes();
  tflite::append_file(file, "temp_meta.txt", "{'names': {0: 'cat', 1: 'dog'}}");
  EXPECT_THAT(finished(read_tflite(Bytes::own(file), "ssd.tflite"), {}).network.classes,
              ElementsAre("cat", "dog"));
}

// The same, deflated in one block without compression.
TEST(TfliteFamilies, DeflatedFilesAreRead) {
  const std::string text = R"({"names": {"0": "cat", "1": "dog"}})";
  const auto size = static_cast<char>(text.size());
  const std::string packed =
      std::string{1, size, 0, static_cast<char>(~size), static_cast<char>(-1)} + text;
  std::vector<std::byte> file = ssd(true).bytes();
  const std::size_t local = file.size();
  tflite::append_file(file, "metadata.json", packed);
  const std::size_t central = local + 30 + 13 + packed.size();
  const std::uint16_t deflated = 8;
  const auto length = static_cast<std::uint32_t>(text.size());
  std::memcpy(file.data() + central + 10, &deflated, sizeof deflated);
  std::memcpy(file.data() + central + 24, &length, sizeof length);
  EXPECT_THAT(finished(read_tflite(Bytes::own(file), "ssd.tflite"), {}).network.classes,
              ElementsAre("cat", "dog"));
}

// Programs that run a part of a model need not know axes that are counted from the last one.
TEST(TflitePart, CountsTheAxesOfSplitsFromTheFirst) {
  LiteGraph g;
  const int map = g.convolution(g.input({1, 8, 8, 3}), {1, 8, 8, 4}, 3, 1);
  const int first = g.tensor({1, 8, 8, 2}), second = g.tensor({1, 8, 8, 2});
  oko::tflite::SplitOptionsT options;
  options.num_splits = 2;
  g.add(LiteGraph::Code::SPLIT, {g.tensor_of({}, {-1}), map}, {first, second}).options.Set(options);
  g.output(first);
  g.output(second);
  const TflitePart part =
      tflite_part(g.file(), "m.tflite", {std::to_string(first), std::to_string(second)});
  const auto& model = *oko::tflite::GetModel(part.bytes.data());
  const auto& graph = *model.subgraphs()->Get(0);
  const auto* split = graph.operators()->Get(graph.operators()->size() - 1);
  const auto* axis = graph.tensors()->Get(static_cast<unsigned>(split->inputs()->Get(0)));
  EXPECT_EQ(model.buffers()->Get(axis->buffer())->data()->Get(0), 3);
}

}  // namespace
}  // namespace oko::formats
