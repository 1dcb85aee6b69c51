// Files of pipelines that output boxes, of both kinds, and what Core ML asks of them.
#include <gmock/gmock.h>

#include <utility>

#include "oko/base/error.h"
#include "oko/formats/coreml.h"
#include "oko/formats/coreml/coreml.pb.h"
#include "oko/formats/coreml/fields.h"
#include "oko/formats/coreml/test_networks.h"
#include "oko/formats/coreml/wire.h"
#include "oko/formats/test_round_trip.h"
#include "oko/graph/fold.h"
#include "tests/support/reference_models.h"

namespace oko::formats {
namespace {

using coreml::every_operation;
using coreml::Message;
using ::testing::HasSubstr;
namespace proto = oko::coreml;

constexpr bool kBoth[] = {false, true};  // a neural network, an ML Program

std::vector<File> write(const graph::Network& network, bool program) {
  const WriteOptions options{.boxes = true};
  return program ? write_mlpackage(network, options, "m") : write_coreml(network, options, "m");
}

Imported read_back(const std::vector<File>& files) {
  if (files.size() == 1) return read_coreml(files[0].bytes, files[0].name);
  return read_coreml(files[1].bytes, files[1].name, files[2].bytes);
}

TEST(CoreMlPipeline, ReadsBackTheNetworkOfAPipeline) {
  if (reference::path_of("models").empty()) {
    GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
  }
  graph::Network network = reference::synthetic_network(reference::synthetic_models()[0]);
  network.classes.clear();
  for (int i = 0; i < 80; ++i) network.classes.push_back("class " + std::to_string(i));
  const Imported read = read_back(write_coreml(network, {.boxes = true}, "m"));
  expect_same(read.network, graph::inference_form(network));
  ASSERT_EQ(read.notes.size(), 2U);
  EXPECT_EQ(read.notes[0], "using model 1 of the pipeline's 2 models, a neural network");
  EXPECT_THAT(read.notes[1], HasSubstr("layers from \"decode.0.numbers.anchors\" (reshape) on"));
}

// A head's decoding may begin with slices and sigmoids: the raw head is still the output.
TEST(CoreMlPipeline, ReadsBackTheHeadsOfEveryPipeline) {
  const std::pair<graph::Operation, int> heads[] = {
      {graph::Yolo{
           .anchors = {{32, 32}}, .mask = {0}, .classes = 2, .box_code = graph::BoxCode::kPoint},
       2},
      {graph::Yolo{.anchors = {{32, 32}, {9, 9}}, .mask = {0, 1}, .classes = 20}, 20},
      {graph::Region{{{1, 2}}, 3, true}, 3},
      {graph::Distances{.classes = 2, .bins = 4, .stride = 32, .prior = .5F}, 2},
      {graph::Distances{.classes = 9, .bins = 1, .stride = 32}, 9},
      {graph::Ssd{{{10, 20}, {30, 40}}, 2}, 2},
      {graph::Ssd{{{10, 20}}, 2, .1F, .2F, true}, 2}};
  for (const auto& [head, classes] : heads) {
    SCOPED_TRACE(std::string(graph::name_of(head)) + " " + std::to_string(classes));
    const graph::Network network = coreml::small_detector(head, classes);
    for (const bool program : kBoth) {
      const Imported read = read_back(write(network, program));
      expect_same(read.network, network);
      EXPECT_EQ(read.network.classes, network.classes);
    }
  }
}

// In the metadata, and as labels of the boxes, in both kinds of files.
TEST(CoreMlPipeline, KeepsClassNamesOfAnyCharacters) {
  graph::Network network = coreml::small_detector(graph::Yolo{{{32, 32}}, {0}, 9}, 9);
  network.classes = {"nuts, mixed", "a\\b",         "\"quoted\" 'too'", "кошка",         "犬 🐕",
                     "unused 10",   " spaces  in ", "{0: 'x'}",         "e\u0301 <&> %s"};
  for (const bool program : kBoth) {
    const std::vector<File> files = write(network, program);
    EXPECT_EQ(read_back(files).network.classes, network.classes);
    const File& model = files[program ? 1 : 0];
    const std::vector<std::string> labels = Message(model.bytes.span(), model.name)
                                                .message(coreml::kPipeline)
                                                .messages(1, 2)[1]
                                                .message(coreml::kNonMaximumSuppression)
                                                .message(100)
                                                .texts(1, 100);
    ASSERT_EQ(labels.size(), program ? 80U : 9U);
    EXPECT_TRUE(std::equal(network.classes.begin(), network.classes.end(), labels.begin()));
    EXPECT_TRUE(!program || labels[9] == "unused 10_");
  }
}

// What Core ML's own validator asks of a pipeline's parts (mlmodel/src/Validation in coremltools).
TEST(CoreMlPipeline, DescribesThePartsOfAPipelineAlike) {
  for (const int classes : {2, 20, 80}) {
    const graph::Network network =
        coreml::small_detector(graph::Yolo{{{32, 32}}, {0}, classes}, classes);
    for (const bool program : kBoth) {
      SCOPED_TRACE(std::to_string(classes) + (program ? " program" : " network"));
      const std::vector<File> files = write(network, program);
      proto::Model model;
      ASSERT_TRUE(model.ParseFromString(std::string(files[program ? 1 : 0].bytes.text())));
      ASSERT_EQ(model.pipeline().models_size(), 2);
      const proto::Model &decoded = model.pipeline().models(0),
                         &suppression = model.pipeline().models(1);
      const int type = program ? 65568 : 65600;  // float32, or double before version 5
      EXPECT_EQ(model.specification_version(), program ? 6 : 3);
      EXPECT_EQ(suppression.specification_version(), program ? 6 : 3);
      EXPECT_EQ(decoded.specification_version(), program ? 6 : 3);
      const int row = program && classes == 20 ? 80 : classes;
      for (int i = 0; i < 2; ++i) {
        const proto::Feature &made = decoded.description().outputs(i),
                             &read = suppression.description().inputs(i),
                             &kept = suppression.description().outputs(i),
                             &shown = model.description().outputs(i);
        EXPECT_EQ(made.SerializeAsString(), read.SerializeAsString());
        EXPECT_EQ(kept.SerializeAsString(), shown.SerializeAsString());
        EXPECT_EQ(made.type().array().data_type(), type);
        EXPECT_EQ(kept.type().array().data_type(), type);
        const int values = i == 0 ? row : 4;
        EXPECT_EQ(made.type().array().shape(0), 6);
        EXPECT_EQ(made.type().array().shape(1), values);
        EXPECT_EQ(kept.type().array().shape_size(), 0);
        EXPECT_EQ(kept.type().array().shape_range().sizes(1).upper(), values);
      }
      EXPECT_EQ(suppression.suppression().class_labels().texts_size(), row);
      EXPECT_TRUE(suppression.suppression().pick_top().per_class());
      for (const proto::Feature& input : suppression.description().inputs()) {
        EXPECT_FALSE(input.type().optional());
      }
      ASSERT_EQ(model.description().inputs_size(), 3);
      EXPECT_FALSE(model.description().inputs(0).type().optional());
      for (const int i : {1, 2}) EXPECT_TRUE(model.description().inputs(i).type().optional());
      EXPECT_EQ(model.description().inputs(0).SerializeAsString(),
                decoded.description().inputs(0).SerializeAsString());
    }
  }
}

// Core ML rejects an output of two axes that a layer for three makes, if any layer is of version 4
// or later; before, none of two axes can be made.
TEST(CoreMlPipeline, MakesOutputsOfTwoAxesWhereCoreMlCountsThem) {
  for (const auto grid : {graph::Grid::kHalfPixel, graph::Grid::kCorners}) {
    graph::Network network = coreml::small_detector(graph::Yolo{{{32, 32}}, {0}, 3}, 3);
    network.layers[0].operation = graph::MaxPool{64, 64, {}};
    network.input = {3, 128, 192};
    network.layers.insert(network.layers.begin() + 1,
                          {"larger", graph::Bilinear{2, grid}, {0}, {}});
    network.layers[2].inputs = {1};
    network.layers[3].inputs = {2};
    graph::infer_shapes(network);
    const std::vector<File> files = write(network, false);
    proto::Model model;
    ASSERT_TRUE(model.ParseFromString(std::string(files[0].bytes.text())));
    const proto::Model& decoded = model.pipeline().models(0);
    const bool counts = grid == graph::Grid::kHalfPixel;
    EXPECT_EQ(decoded.specification_version(), counts ? 5 : 3);
    int outputs = 0;
    for (const proto::Layer& layer : decoded.neural_network().layers()) {
      if (!layer.outputs(0).starts_with("raw_co")) continue;
      ++outputs;
      EXPECT_EQ(layer.has_reshape_static(), counts) << layer.name();
      EXPECT_EQ(layer.reshape_static().shape_size(), counts ? 2 : 0);
    }
    EXPECT_EQ(outputs, 2);
    expect_same(read_back(files).network, network);
    ASSERT_TRUE(model.ParseFromString(std::string(write_coreml(network, {}, "m")[0].bytes.text())));
    EXPECT_EQ(model.description().outputs(0).type().array().shape_size(), counts ? 5 : 3);
  }
}

TEST(CoreMlPipeline, RejectsAnImpossiblePipeline) {
  for (const bool program : kBoth) {
    const auto complain = [&](const graph::Network& network, const WriteOptions& options) {
      try {
        program ? write_mlpackage(network, options, "m") : write_coreml(network, options, "m");
      } catch (const Error& error) {
        return std::string(error.what());
      }
      return std::string("no error");
    };
    const WriteOptions pipeline{.boxes = true};
    EXPECT_THAT(complain(every_operation(), pipeline), HasSubstr("this network has no heads"));
    graph::Network detector = coreml::small_detector(graph::Yolo{{{10, 10}}, {0}, 2}, 2);
    EXPECT_THAT(complain(detector, {.boxes = true, .thresholds = {.score = 2}}),
                HasSubstr("a threshold is outside 0…1"));
    detector.classes.clear();
    EXPECT_THAT(complain(detector, pipeline), HasSubstr("needs class names"));
  }
}

}  // namespace
}  // namespace oko::formats
