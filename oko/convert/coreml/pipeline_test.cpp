// Pipelines that output boxes, of both kinds of files, beside oko's own decoding and suppression.
#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <numeric>

#include "oko/base/error.h"
#include "oko/convert/coreml/test_boxes.h"
#include "oko/convert/normalization.h"
#include "oko/convert/read.h"
#include "oko/convert/reference.h"
#include "oko/formats/coreml.h"
#include "oko/formats/coreml/coreml.pb.h"
#include "oko/formats/coreml/describe.h"
#include "oko/formats/coreml/test_networks.h"

namespace oko::convert {
namespace {

using formats::File;
using formats::write_coreml;
using formats::write_mlpackage;
using formats::WriteOptions;
using ::testing::Each;
namespace proto = oko::coreml;

const WriteOptions kPipeline{.boxes = true};
constexpr bool kBoth[] = {false, true};  // a neural network, an ML Program

std::vector<File> write(const graph::Network& network, bool program,
                        const WriteOptions& options = kPipeline) {
  return program ? write_mlpackage(network, options, "m") : write_coreml(network, options, "m");
}

TEST(CoreMlPipeline, FindsTheSameBoxesAsOko) {
  OKO_NEEDS_REFERENCE_MODELS();
  for (const std::size_t i : {0U, 2U, 3U}) {
    const reference::GoldenModel& model = reference::golden_models()[i];
    SCOPED_TRACE(model.name);
    const std::string base = reference::path_of("models/darknet") + "/" + model.name;
    graph::Network network = reference::darknet_model(base + ".cfg", base + ".weights");
    name_classes(network);
    const Numbers input = golden_input(model.input);
    const auto raw = interpret_coreml(write_coreml(network, {}, "m"))->run(input);
    for (const bool program : kBoth) {
      const auto pipeline = interpret_coreml(write(network, program));
      const auto found = pipeline->detections(input);
      EXPECT_FALSE(found.empty());
      expect_same_boxes(own_boxes(network, raw, .25F, .45F, true), found);
      expect_same_boxes(own_boxes(network, raw, .25F, .45F, false), found);
      for (const detect::Detection& d : found) EXPECT_LT(d.score, 1);
      expect_vision_rule(pipeline->raw_boxes(input));
      EXPECT_GT(pipeline->detections(input, .001).size(), found.size());
      EXPECT_GE(pipeline->detections(input, {}, 1.).size(), found.size());
    }
  }
}

TEST(CoreMlPipeline, DecodesYolov3TinyWithRandomWeights) {
  OKO_NEEDS_REFERENCE_MODELS();
  const reference::SyntheticModel& model = reference::synthetic_models()[0];
  graph::Network network = reference::synthetic_network(model);
  name_classes(network);
  const Numbers input = golden_input("dog_letterbox_3x416x416.f32");
  std::vector<Numbers> golden;
  for (const char* head : model.heads) {
    golden.push_back(reference::read_floats(reference::path_of("golden/synthetic") +
                                            "/yolov3-tiny_" + head + ".f32"));
  }
  const auto expected = own_boxes(network, golden, .25F, .45F, true);
  EXPECT_GT(expected.size(), 10U);
  for (const bool program : kBoth) {
    const auto found = interpret_coreml(write(network, program))->detections(input, .25, .45);
    const BoxAgreement agreement = compare_boxes(expected, found);
    EXPECT_GE(agreement.matched, agreement.first * 98 / 100);  // some may be at the threshold
    EXPECT_GT(agreement.lowest_iou, .9F);
  }
}

// Every kind of head on a non-square grid; every box, not only the good ones.
TEST(CoreMlPipeline, DecodesEveryKindOfHead) {
  using graph::BoxCode;
  graph::Yolo squared{{{10, 20}, {30, 15}}, {0, 1}, 3, 2}, point{{{32, 32}}, {0}, 2},
      bounded = point;
  squared.box_code = BoxCode::kSquared;
  point.box_code = BoxCode::kPoint;
  bounded.box_code = BoxCode::kBounded;
  bounded.softmax = true;
  bounded.class_share = .4F;
  const graph::Operation heads[] = {
      graph::Yolo{{{10, 20}, {30, 15}}, {0, 1}, 3},
      graph::Yolo{{{10, 20}, {30, 15}}, {1}, 1, 1.1F},
      graph::Yolo{{{200, 300}}, {0}, 2, 2},
      graph::Region{{{1, 2}, {3, 1.5F}}, 4, true},
      graph::Region{{{1, 2}}, 2, false},
      squared,
      point,
      bounded,
      graph::Distances{.classes = 3, .bins = 8, .stride = 8},
      graph::Distances{.classes = 1, .bins = 1, .stride = 32, .prior = .5F},
      graph::Ssd{{{10, 20}, {30, 40}}, 3},
      graph::Ssd{{{60, 20}}, 1, .2F, .1F},
      graph::Ssd{{{10, 20}, {30, 40}}, 3, .1F, .2F, true},
      graph::Ssd{{{60, 20}}, 2, .2F, .5F, true, true},
      graph::Ssd{{{60, 20}}, 2, .2F, .5F, true, false, 24, .25F}};
  const int anchors[] = {2, 1, 1, 2, 1, 2, 1, 1, 1, 1, 2, 1, 2, 1, 1},
            classes[] = {3, 1, 2, 4, 2, 3, 2, 2, 3, 1, 3, 1, 3, 2, 2};
  for (std::size_t i = 0; i < std::size(heads); ++i) {
    SCOPED_TRACE(i);
    const graph::Network network = formats::coreml::small_detector(heads[i], classes[i]);
    const Numbers input = synthetic_image(network.input);
    const auto raw = interpret_coreml(write_coreml(network, {}, "m"))->run(input);
    for (const bool program : kBoth) {
      const auto pipeline = interpret_coreml(write(network, program));
      const auto found = pipeline->detections(input, 0, 1);
      EXPECT_EQ(found.size(), static_cast<std::size_t>(6 * anchors[i]));
      expect_same_boxes(own_boxes(network, raw, 0, 1, true), found);
      expect_vision_rule(pipeline->raw_boxes(input));
      EXPECT_EQ(pipeline->class_labels(), network.classes);
    }
  }
}

TEST(CoreMlPipeline, ComputesNanoDetPlusAsNcnnDoes) {
  OKO_NEEDS_REFERENCE_MODELS();
  const std::string base = reference::path_of("models/modern/") + "nanodet-plus-m-416";
  formats::ReadOptions options;
  options.size = {416, 416};
  graph::Network network = read_model(open_model(base + ".param", ""), options).network;
  name_classes(network);
  const std::string golden = reference::path_of("golden/nanodet-plus-m-416");
  const Numbers input = reference::read_floats(golden + "/dog_input_3x416x416.f32");
  const auto expected = make_reference_executor(network)->run(input);
  // Its inputs are bytes with a mean and a scale, which are a layer of an exported file.
  const graph::Network plain = with_normalization_layer(network);
  Numbers image(input.size());
  for (std::size_t i = 0; i < image.size(); ++i) {
    const std::size_t c = i / (416 * 416);
    image[i] = input[i] / network.preprocess.scale[c] + network.preprocess.mean[c];
  }
  for (const auto& files : {write_coreml(plain, {}, "m"), write_mlpackage(plain, {}, "m")}) {
    const auto maps = interpret_coreml(files)->run(image);
    ASSERT_EQ(maps.size(), expected.size());
    for (std::size_t h = 0; h < maps.size(); ++h) {
      EXPECT_LT(largest_difference(maps[h], expected[h]), 1e-3F) << h;
    }
  }
  for (const bool program : kBoth) {
    const auto found = interpret_coreml(write(plain, program))->detections(image, .25, .6);
    EXPECT_GT(found.size(), 2U);
    expect_same_boxes(own_boxes(network, expected, .25F, .6F, true), found);
  }
}

// ---- Any number of classes ----

constexpr int kCounts[] = {1, 2, 7, 8, 20, 79, 80, 81, 365, 1000};

// A head over a grid of 12 columns and 8 rows, whose boxes overlap; most are of the first, the
// middle or the last class, for which `favoured` are its channels.
graph::Network detector_of(graph::Operation head, int classes, const std::vector<int>& favoured) {
  const int channels = std::visit(
      [](const auto& operation) {
        if constexpr (graph::HeadOperation<std::decay_t<decltype(operation)>>) {
          return operation.channels();
        } else {
          return 1;
        }
      },
      head);
  graph::Network n;
  n.name = "detector";
  n.input = {3, 64, 96};
  n.layers = {{"shrink", graph::MaxPool{8, 8, {}}, {graph::kNetworkInput}, {}},
              {"raw", graph::Convolution{channels, 1, 1}, {0}, {}},
              {"head", std::move(head), {1}, {}}};
  for (int i = 0; i < classes; ++i) n.classes.push_back("class " + std::to_string(i));
  graph::infer_shapes(n);
  graph::fill_synthetic_weights(n, 2);
  const auto weights = [&](const char* name, float scale) {
    const graph::Tensor& tensor = n.weights.at(name);
    Numbers values(tensor.floats().begin(), tensor.floats().end());
    for (float& value : values) value *= scale;
    return values;
  };
  n.weights["raw.kernel"] =
      graph::Tensor::of(weights("raw.kernel", .5F), n.weights["raw.kernel"].shape);
  Numbers bias = weights("raw.bias", .5F);
  for (const int channel : favoured) bias[static_cast<std::size_t>(channel)] += 2;
  n.weights["raw.bias"] = graph::Tensor::of(std::move(bias), n.weights["raw.bias"].shape);
  return n;
}

std::vector<graph::Network> detectors_of(int classes) {
  // One of `values` for each of `boxes` boxes, of which the classes' values begin at `first`.
  const auto favoured = [&](int boxes, int values, int first) {
    std::vector<int> channels;
    for (int box = 0; box < boxes; ++box) {
      for (const int kind : {0, classes / 2, classes - 1}) {
        channels.push_back(box * values + first + kind);
      }
    }
    return channels;
  };
  return {
      detector_of(graph::Yolo{{{30, 24}, {12, 40}}, {0, 1}, classes}, classes,
                  favoured(2, 5 + classes, 5)),
      detector_of(graph::Region{{{3, 3}}, classes, true}, classes, favoured(1, 0, 5)),
      detector_of(graph::Distances{.classes = classes, .bins = 4, .stride = 8}, classes,
                  favoured(1, 0, 0)),
      detector_of(graph::Ssd{{{40, 24}, {20, 30}}, classes}, classes, favoured(2, 1 + classes, 1))};
}

// A score between the middle two of all boxes, so that none is at the threshold.
float middle_score(const std::vector<detect::Detection>& boxes) {
  std::vector<float> scores;
  for (const detect::Detection& d : boxes) scores.push_back(d.score);
  std::ranges::sort(scores);
  const std::size_t half = scores.size() / 2;
  return (scores[half - 1] + scores[half]) / 2;
}

TEST(CoreMlPipeline, FindsTheSameBoxesForAnyNumberOfClasses) {
  for (const int classes : kCounts) {
    std::size_t kept = 0, suppressed = 0;
    for (const graph::Network& network : detectors_of(classes)) {
      SCOPED_TRACE(std::to_string(classes) + " classes, " +
                   std::string(graph::name_of(network.layers.back().operation)));
      const Numbers input = synthetic_image(network.input);
      const auto raw = make_reference_executor(network)->run(input);
      const float score = middle_score(own_boxes(network, raw, 0, 1, true));
      const auto expected = own_boxes(network, raw, score, .5F, true);
      kept += expected.size();
      suppressed += own_boxes(network, raw, score, 1, true).size() - expected.size();
      for (const bool program : kBoth) {
        const auto pipeline = interpret_coreml(write(network, program));
        expect_same_boxes(expected, pipeline->detections(input, score, .5));
        expect_vision_rule(pipeline->raw_boxes(input));
      }
    }
    EXPECT_GT(kept, 40U) << classes;
    EXPECT_GT(suppressed, 40U) << classes;
  }
}

TEST(CoreMlPipeline, NeverShowsAnAppAClassThatTheModelDoesNotHave) {
  for (const int classes : kCounts) {
    SCOPED_TRACE(classes);
    graph::Network network = detectors_of(classes)[0];
    network.classes.front() = "unused " + std::to_string(classes + 1);  // what a filler would be
    const Numbers input = synthetic_image(network.input);
    for (const bool program : kBoth) {
      const auto pipeline = interpret_coreml(write(network, program));
      std::vector<std::string> labels = pipeline->class_labels();
      const std::size_t row = program && classes > 7 ? (classes + 79) / 80 * 80 : classes;
      ASSERT_EQ(labels.size(), row);
      EXPECT_TRUE(std::equal(network.classes.begin(), network.classes.end(), labels.begin()));
      std::ranges::sort(labels);
      EXPECT_EQ(std::ranges::adjacent_find(labels), labels.end()) << "of one name";
      const VisionBoxes boxes = pipeline->raw_boxes(input);
      ASSERT_EQ(boxes.classes, static_cast<int>(row));
      const std::size_t count = boxes.coordinates.size() / 4;
      for (std::size_t box = 0; box < count; ++box) {
        for (std::size_t i = network.classes.size(); i < row; ++i) {
          ASSERT_EQ(boxes.confidence[box * row + i], 0);
        }
      }
      for (const detect::Detection& d : pipeline->detections(input, 0, 1)) {
        EXPECT_LT(d.class_id, classes);
      }
    }
  }
}

// A package's pipeline with each row's fillers taken away.
std::vector<File> without_fillers(std::vector<File> files, int classes) {
  File& file = files[1];
  proto::Model model;
  EXPECT_TRUE(model.ParseFromString(std::string(file.bytes.text())));
  proto::Model& network = *model.mutable_pipeline()->mutable_models(0);
  proto::Block& block =
      (*(*network.mutable_program()->mutable_functions())["main"].mutable_blocks())["CoreML5"];
  auto& operations = *block.mutable_operations();
  const auto pad = std::ranges::find_if(
      operations, [](const proto::Operation& operation) { return operation.type() == "pad"; });
  EXPECT_NE(pad, operations.end());
  const std::string rows = pad->inputs().at("x").bindings(0).name(), name = pad->outputs(0).name();
  operations.erase(pad);
  for (proto::Operation& operation : operations) {
    if (operation.outputs(0).name() == rows) operation.mutable_outputs(0)->set_name(name);
  }
  auto& labels = *model.mutable_pipeline()
                      ->mutable_models(1)
                      ->mutable_suppression()
                      ->mutable_class_labels()
                      ->mutable_texts();
  labels.DeleteSubrange(classes, labels.size() - classes);
  file.bytes = Bytes(formats::coreml::serialized(model, "m"));
  return files;
}

// Core ML's fault: without fillers boxes are lost, and others are shown under wrong classes.
TEST(CoreMlPipeline, WouldLoseBoxesOfAProgramWithoutFillers) {
  for (const int classes : {8, 20, 79, 81, 365}) {
    SCOPED_TRACE(classes);
    const graph::Network network = detectors_of(classes)[0];
    const Numbers input = synthetic_image(network.input);
    const auto raw = make_reference_executor(network)->run(input);
    const float score = middle_score(own_boxes(network, raw, 0, 1, true));
    const auto expected = own_boxes(network, raw, score, 1, true);
    const std::vector<File> files = write(network, true);
    const auto found =
        interpret_coreml(without_fillers(files, classes))->detections(input, score, 1);
    const BoxAgreement agreement = compare_boxes(expected, found);
    EXPECT_LT(agreement.matched, agreement.first * 3 / 4);
  }
}

// Coordinates near 1 have steps of 1/2048 in float16: a third of a pixel of this image.
TEST(CoreMlPipeline, ComputesBoxesInFloat32InAFloat16Program) {
  for (const graph::Network& network : detectors_of(20)) {
    SCOPED_TRACE(graph::name_of(network.layers.back().operation));
    const Numbers input = synthetic_image(network.input);
    const WriteOptions half{.precision = graph::Precision::kFloat16},
        boxes{.precision = graph::Precision::kFloat16, .boxes = true};
    const auto raw = interpret_coreml(write(network, true, half))->run(input);
    const auto pipeline = interpret_coreml(write(network, true, boxes));
    EXPECT_EQ(pipeline->arithmetic(), graph::Precision::kFloat16);
    const auto found = pipeline->detections(input, 0, 1);
    const auto expected = own_boxes(network, raw, 0, 1, true);
    expect_same_boxes(expected, found);
    int checked = 0;
    for (const detect::Detection& d : found) {
      const auto same = std::ranges::find_if(expected, [&](const detect::Detection& other) {
        const auto near = [](float a, float b) { return std::fabs(a - b) < 1e-3F; };
        return near(d.box.left, other.box.left) && near(d.box.top, other.box.top) &&
               near(d.box.right, other.box.right) && near(d.box.bottom, other.box.bottom) &&
               d.class_id == other.class_id;
      });
      checked += same != expected.end();
    }
    EXPECT_EQ(checked, std::ssize(found));
  }
}

// Two classes with the same high confidence: their row must not sum to more than 1.
TEST(CoreMlPipeline, KeepsRowsWithinOneWhereClassesTie) {
  graph::Network network = formats::coreml::small_detector(graph::Yolo{{{10, 10}}, {0}, 2}, 2);
  network.weights["raw.kernel"] = graph::Tensor::of(Numbers(7 * 3, 0), {7, 3, 1, 1});
  network.weights["raw.bias"] = graph::Tensor::of({0, 0, 0, 0, 9, 9, 9}, {7});
  for (const bool program : kBoth) {
    const auto boxes = interpret_coreml(write(network, program))
                           ->raw_boxes(Numbers(static_cast<std::size_t>(network.input.count())));
    EXPECT_THAT(boxes.confidence, Each(::testing::FloatNear(.5F, 1e-6F)));
  }
}

// Of a foreign file what comes after the network may be anything.
TEST(CoreMlPipeline, RunsANetworkWithoutItsDecoding) {
  const graph::Network network =
      formats::coreml::small_detector(graph::Distances{.classes = 2, .bins = 4, .stride = 32}, 2);
  const Numbers input = synthetic_image(network.input);
  const auto pipeline = interpret_coreml(write_coreml(network, kPipeline, "m"));
  const auto expected = interpret_coreml(write_coreml(network, {}, "m"))->run(input);
  EXPECT_TRUE(pipeline->run_layers(input).contains("decode.0.box"));
  pipeline->set_outputs(formats::output_names(network));
  EXPECT_EQ(pipeline->run(input), expected);
  const auto maps = pipeline->run_layers(input);
  EXPECT_TRUE(maps.contains("raw"));
  EXPECT_FALSE(maps.contains("decode.0.box"));
}

TEST(CoreMlPipeline, RejectsBoxesWithoutAPipeline) {
  const graph::Network network =
      formats::coreml::small_detector(graph::Yolo{{{10, 10}}, {0}, 2}, 2);
  const auto interpreter = interpret_coreml(write_coreml(network, {}, "m"));
  const Numbers input(static_cast<std::size_t>(network.input.count()));
  EXPECT_THROW(interpreter->boxes(input), Error);
  EXPECT_THROW(interpreter->run(Numbers(5)), Error);
}

}  // namespace
}  // namespace oko::convert
