#include "oko/convert/coreml/interpreter.h"

#include <gmock/gmock.h>

#include <numeric>

#include "oko/base/error.h"
#include "oko/convert/compare.h"
#include "oko/convert/normalization.h"
#include "oko/convert/read.h"
#include "oko/convert/reference.h"
#include "oko/detect/decode.h"
#include "oko/formats/coreml.h"
#include "oko/formats/coreml/test_networks.h"
#include "oko/graph/fold.h"
#include "oko/image/geometry.h"
#include "tests/support/reference_models.h"

#define OKO_NEEDS_REFERENCE_MODELS()                                    \
  if (reference::path_of("golden").empty()) {                           \
    GTEST_SKIP() << "set OKO_DATA to the folder of the reference data"; \
  }

namespace oko::convert {
namespace {

using formats::write_coreml;
using formats::write_mlpackage;
using formats::WriteOptions;
using graph::Precision;
using ::testing::Each;
using ::testing::ElementsAre;
using Numbers = std::vector<float>;

Numbers synthetic_image(const graph::Shape& shape) {
  Numbers values(static_cast<std::size_t>(shape.count()));
  std::uint32_t state = 7;
  for (float& v : values) {
    state = state * 1664525U + 1013904223U;
    v = static_cast<float>(state >> 8) / 0x1p24F;
  }
  return values;
}

Numbers golden_input(const std::string& name) {
  return reference::read_floats(reference::path_of("golden/inputs") + "/" + name);
}

void name_classes(graph::Network& network) {
  network.classes.clear();
  for (int i = 0; i < network.class_count(); ++i) {
    network.classes.push_back("class " + std::to_string(i));
  }
}

// ---- Raw outputs ----

TEST(CoreMlInterpreter, MatchesDarknetsHeadsOnEveryPublishedModel) {
  OKO_NEEDS_REFERENCE_MODELS();
  for (const reference::GoldenModel& model : reference::golden_models()) {
    const std::string base = reference::path_of("models/darknet") + "/" + model.name;
    const graph::Network network = reference::darknet_model(base + ".cfg", base + ".weights");
    const auto interpreter = interpret_coreml(write_coreml(network, {}, "m"));
    const Numbers input = golden_input(model.input);
    const auto maps = interpreter->run(input);
    const std::string name = model.input, picture = name.substr(0, name.find('_'));
    // An error of current converters: three heads and two outputs.
    ASSERT_EQ(maps.size(), model.heads.size());
    EXPECT_EQ(interpreter->output_names(), formats::output_names(network));
    for (std::size_t h = 0; h < maps.size(); ++h) {
      const Numbers expected =
          reference::read_floats(reference::path_of("golden") + "/" + model.name + "/" + picture +
                                 "_tensors/" + model.heads[h]);
      EXPECT_LT(largest_difference(maps[h], expected), 1e-3F) << model.name << model.heads[h];
    }
  }
}

struct Kind {
  const char* name;
  graph::Precision weights;
  float tolerance;  // for values up to about 25
};

TEST(CoreMlInterpreter, MatchesTheHeadsOfYolov3TinyWithEveryKindOfWeights) {
  OKO_NEEDS_REFERENCE_MODELS();
  const reference::SyntheticModel& model = reference::synthetic_models()[0];
  const graph::Network network = reference::synthetic_network(model);
  const Numbers input = golden_input("dog_letterbox_3x416x416.f32");
  for (const Kind& kind : {Kind{"fp32", graph::Precision::kFloat32, 1e-3F},
                           Kind{"fp16", graph::Precision::kFloat16, .02F},
                           Kind{"int8", graph::Precision::kInt8, .3F}}) {
    const auto maps =
        interpret_coreml(write_coreml(network, {.precision = kind.weights}, "m"))->run(input);
    ASSERT_EQ(maps.size(), 2U);
    for (std::size_t h = 0; h < 2; ++h) {
      const Numbers expected = reference::read_floats(reference::path_of("golden/synthetic") +
                                                      "/yolov3-tiny_" + model.heads[h] + ".f32");
      const float apart = largest_difference(maps[h], expected);
      EXPECT_LT(apart, kind.tolerance) << kind.name;
      EXPECT_EQ(apart > 1e-3F, kind.weights != graph::Precision::kFloat32) << kind.name;
      RecordProperty(std::string(kind.name) + "_" + std::to_string(h), std::to_string(apart));
    }
  }
}

TEST(CoreMlInterpreter, RunsPackagesInBothPrecisions) {
  OKO_NEEDS_REFERENCE_MODELS();
  const reference::GoldenModel& model = reference::golden_models()[4];  // yoloface-50k
  const std::string base = reference::path_of("models/darknet") + "/" + model.name;
  const graph::Network network = reference::darknet_model(base + ".cfg", base + ".weights");
  const Numbers input = golden_input(model.input);
  const Numbers expected = reference::read_floats(reference::path_of("golden") +
                                                  "/yoloface-50k/person_tensors/" + model.heads[0]);
  const auto apart = [&](bool float32) {
    return largest_difference(
        interpret_coreml(write_mlpackage(network,
                                         {.precision = float32 ? graph::Precision::kFloat32
                                                               : graph::Precision::kFloat16},
                                         "m"))
            ->run(input)
            .at(0),
        expected);
  };
  EXPECT_LT(apart(true), 1e-3F);
  EXPECT_LT(apart(false), .1F);
  EXPECT_GT(apart(false), 1e-3F);  // it does round to float16
}

TEST(CoreMlInterpreter, MatchesTheReferenceAtEveryLayer) {
  graph::Network network = formats::coreml::every_operation();
  network.preprocess.bgr = true;
  const Numbers input = synthetic_image(network.input);
  const auto expected = make_reference_executor(network)->run_layers(input);
  for (const auto& files : {write_coreml(network, {}, "m"), write_mlpackage(network, {}, "m")}) {
    const auto interpreter = interpret_coreml(files);
    const auto maps = interpreter->run_layers(input);
    EXPECT_TRUE(interpreter->takes_bgr());
    for (const graph::Layer& layer : network.layers) {
      ASSERT_TRUE(maps.contains(layer.name)) << layer.name;
      EXPECT_LT(largest_difference(maps.at(layer.name), expected.at(layer.name)), 1e-5F)
          << layer.name;
    }
    EXPECT_LT(largest_difference(interpreter->run(input).at(0), expected.at("layers.16")), 1e-5F);
  }
}

TEST(CoreMlInterpreter, MatchesTheReferenceOnModernLayers) {
  for (const graph::Network& network :
       {formats::coreml::modern_layers(), formats::coreml::darknet_layers()}) {
    const Numbers input = synthetic_image(network.input);
    const auto expected = make_reference_executor(network)->run_layers(input);
    for (const auto& files : {write_coreml(network, {}, "m"), write_mlpackage(network, {}, "m")}) {
      const auto maps = interpret_coreml(files)->run_layers(input);
      for (const graph::Layer& layer : network.layers) {
        ASSERT_TRUE(maps.contains(layer.name)) << layer.name;
        EXPECT_LT(largest_difference(maps.at(layer.name), expected.at(layer.name)), 2e-5F)
            << layer.name;
      }
    }
  }
}

// The example of Core ML's documentation, backwards.
TEST(CoreMlInterpreter, MovesPixelsToChannelsAsDocumented) {
  graph::Network network;
  network.input = {2, 2, 4};
  network.layers = {{"same", graph::Convolution{2, 1, 1, 2}, {graph::kNetworkInput}, {}},
                    {"squares", graph::SpaceToDepth{2}, {0}, {}}};
  graph::infer_shapes(network);
  network.weights["same.kernel"] = graph::Tensor::of({1, 1}, {2, 1, 1, 1});
  network.weights["same.bias"] = graph::Tensor::of({0, 0}, {2});
  const Numbers input{1, 5, 2, 6, 9, 13, 10, 14, 3, 7, 4, 8, 11, 15, 12, 16};
  Numbers counted(16);
  std::iota(counted.begin(), counted.end(), 1.F);
  for (const auto& files : {write_coreml(network, {}, "m"), write_mlpackage(network, {}, "m")}) {
    EXPECT_EQ(interpret_coreml(files)->run(input).at(0), counted);
  }
}

TEST(CoreMlInterpreter, RunsThePublishedClassifier) {
  OKO_NEEDS_REFERENCE_MODELS();
  const Bytes bytes =
      reference::read_file(reference::path_of("models/other_formats/mnistCNN.mlmodel"));
  CoreMlInterpreter interpreter(bytes, "mnistCNN.mlmodel");
  EXPECT_EQ(interpreter.specification_version(), 1);
  EXPECT_EQ(interpreter.class_labels().size(), 10U);
  Numbers seven(28 * 28);  // a stroke to the right, then down to the left
  for (int x = 7; x < 21; ++x) seven[6 * 28 + x] = seven[7 * 28 + x] = 1;
  for (int y = 8; y < 23; ++y) {
    for (int x = 19; x < 22; ++x) seven[y * 28 + x - (y - 8) / 2] = 1;
  }
  const Numbers chances = interpreter.run(seven).at(0);
  EXPECT_EQ(std::ranges::max_element(chances) - chances.begin(), 7);
  EXPECT_NEAR(std::accumulate(chances.begin(), chances.end(), 0.F), 1, 1e-5F);
  // The result of oko's reference implementation.
  const graph::Network network = formats::read_coreml(bytes, "mnistCNN.mlmodel").network;
  EXPECT_LT(largest_difference(make_reference_executor(network)->run(seven).at(0), chances), 1e-5F);
}

// ---- What current converters get wrong ----

// The input holds bytes: without the scale the output would be 255 times as large.
TEST(CoreMlInterpreter, ScalesBytesToOne) {
  graph::Network network;
  network.input = {3, 1, 1};
  network.layers = {{"sum", graph::Convolution{1, 1, 1}, {graph::kNetworkInput}, {}}};
  graph::infer_shapes(network);
  network.weights["sum.kernel"] = graph::Tensor::of({1, 2, 4}, {1, 3, 1, 1});
  network.weights["sum.bias"] = graph::Tensor::of({.5F}, {1});
  for (const auto& files : {write_coreml(network, {}, "m"), write_mlpackage(network, {}, "m")}) {
    const auto interpreter = interpret_coreml(files);
    EXPECT_TRUE(interpreter->takes_image());
    EXPECT_NEAR(interpreter->run(Numbers{1, .5F, .25F}).at(0).at(0), 3.5F, 1e-5F);
  }
}

// Kernels are out, in, rows, columns: one that picks its neighbour in a single direction reveals a
// swap.
TEST(CoreMlInterpreter, KeepsRowsAndColumnsOfKernelsApart) {
  graph::Network network;
  network.input = {1, 3, 3};
  network.layers = {{"right",
                     graph::Convolution{2, 3, 1, 1, graph::Padding::all(1)},
                     {graph::kNetworkInput},
                     {}}};
  graph::infer_shapes(network);
  network.weights["right.kernel"] =
      graph::Tensor::of({0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}, {2, 1, 3, 3});
  network.weights["right.bias"] = graph::Tensor::of({0, 0}, {2});
  const Numbers input{.1F, .2F, .3F, .4F, .5F, .6F, .7F, .8F, .9F};
  const Numbers moved{.2F, .3F, 0,   .5F, .6F, 0,   .8F, .9F, 0,   // one to the right
                      .4F, .5F, .6F, .7F, .8F, .9F, 0,   0,   0};  // one down
  for (const auto& files : {write_coreml(network, {}, "m"), write_mlpackage(network, {}, "m")}) {
    EXPECT_LT(largest_difference(interpret_coreml(files)->run(input).at(0), moved), 1e-6F);
  }
}

// The stride-1 pool of yolov3-tiny looks right and down, and its padding is not zero.
TEST(CoreMlInterpreter, PadsPoolsAtTheEndAndNotWithZeros) {
  graph::Network network;
  network.input = {1, 2, 2};
  network.layers = {{"negative", graph::Convolution{1, 1, 1}, {graph::kNetworkInput}, {}},
                    {"pool", graph::MaxPool{2, 1, {0, 0, 1, 1}}, {0}, {}}};
  graph::infer_shapes(network);
  network.weights["negative.kernel"] = graph::Tensor::of({-1}, {1, 1, 1, 1});
  network.weights["negative.bias"] = graph::Tensor::of({0}, {1});
  for (const auto& files : {write_coreml(network, {}, "m"), write_mlpackage(network, {}, "m")}) {
    const auto map = interpret_coreml(files)->run(Numbers{.1F, .2F, .3F, .4F}).at(0);
    EXPECT_LT(largest_difference(map, Numbers{-.1F, -.2F, -.3F, -.4F}), 1e-6F);
  }
}

// ---- The Vision pipeline ----

const WriteOptions kPipeline{.boxes = true};

// oko's own decoding of the same raw outputs, one class per box, clipped to the image.
std::vector<detect::Detection> own_boxes(const graph::Network& network,
                                         const std::vector<Numbers>& maps, float score, float iou,
                                         bool clip_first) {
  const std::vector<detect::HeadMap> heads(maps.begin(), maps.end());
  std::vector<detect::Detection> all = detect::decode(network, heads, score), best;
  for (const detect::Detection& d : all) {
    const auto same = std::ranges::find(best, d.box, &detect::Detection::box);
    if (same == best.end()) {
      best.push_back(d);
    } else if (d.score > same->score) {
      *same = d;
    }
  }
  const image::Size size{network.input.width, network.input.height};
  const auto clip = [&] {
    for (detect::Detection& d : best) d.box = image::clipped(d.box, size);
  };
  if (clip_first) clip();
  detect::Thresholds thresholds;
  thresholds.score = score;
  thresholds.iou = iou;
  thresholds.max_detections = 0;
  detect::suppress(best, thresholds);
  clip();
  return best;
}

// Boxes outside of the image are clipped to nothing, which overlaps nothing.
std::vector<detect::Detection> with_area(std::vector<detect::Detection> boxes) {
  std::erase_if(boxes, [](const detect::Detection& d) {
    return d.box.right - d.box.left < 1e-3F || d.box.bottom - d.box.top < 1e-3F;
  });
  return boxes;
}

void expect_same_boxes(const std::vector<detect::Detection>& all_a,
                       const std::vector<detect::Detection>& all_b) {
  ASSERT_EQ(all_a.size(), all_b.size());
  const auto a = with_area(all_a), b = with_area(all_b);
  const BoxAgreement agreement = compare_boxes(a, b);
  EXPECT_EQ(agreement.matched, agreement.first);
  EXPECT_GT(agreement.lowest_iou, .9999F);
  EXPECT_LT(agreement.score_difference, 1e-5F);
}

void expect_vision_rule(const VisionBoxes& boxes) {
  const auto classes = static_cast<std::size_t>(boxes.classes);
  float largest_sum = 0, least = 1, least_coordinate = 1, edge = 0;
  for (std::size_t row = 0; row < boxes.coordinates.size() / 4; ++row) {
    float sum = 0;
    for (std::size_t i = 0; i < classes; ++i) {
      sum += boxes.confidence[row * classes + i];
      least = std::min(least, boxes.confidence[row * classes + i]);
    }
    largest_sum = std::max(largest_sum, sum);
    const float* c = boxes.coordinates.data() + row * 4;
    for (const int axis : {0, 1}) {
      least_coordinate = std::min(least_coordinate, c[axis] - c[axis + 2] / 2);
      edge = std::max(edge, c[axis] + c[axis + 2] / 2);
    }
  }
  EXPECT_LE(largest_sum, 1.00001F);
  EXPECT_GE(least, 0);
  EXPECT_GE(least_coordinate, -1e-6F);
  EXPECT_LE(edge, 1 + 1e-6F);
}

TEST(CoreMlInterpreter, FindsTheSameBoxesAsOko) {
  OKO_NEEDS_REFERENCE_MODELS();
  for (const std::size_t i : {0U, 2U, 3U}) {
    const reference::GoldenModel& model = reference::golden_models()[i];
    SCOPED_TRACE(model.name);
    const std::string base = reference::path_of("models/darknet") + "/" + model.name;
    graph::Network network = reference::darknet_model(base + ".cfg", base + ".weights");
    name_classes(network);
    const Numbers input = golden_input(model.input);
    const auto raw = interpret_coreml(write_coreml(network, {}, "m"))->run(input);
    const auto pipeline = interpret_coreml(write_coreml(network, kPipeline, "m"));
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

TEST(CoreMlInterpreter, DecodesYolov3TinyWithRandomWeights) {
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
  const auto pipeline = interpret_coreml(write_coreml(network, kPipeline, "m"));
  const auto found = pipeline->detections(input, .25, .45);
  const auto expected = own_boxes(network, golden, .25F, .45F, true);
  EXPECT_GT(expected.size(), 10U);
  const BoxAgreement agreement = compare_boxes(expected, found);
  EXPECT_GE(agreement.matched, agreement.first * 98 / 100);  // near the thresholds some may be lost
  EXPECT_GT(agreement.lowest_iou, .9F);
}

// Every kind of head on a non-square grid; every box, not only the good ones.
TEST(CoreMlInterpreter, DecodesEveryKindOfHead) {
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
    const auto pipeline = interpret_coreml(write_coreml(network, kPipeline, "m"));
    const auto found = pipeline->detections(input, 0, 1);
    EXPECT_EQ(found.size(), static_cast<std::size_t>(6 * anchors[i]));
    expect_same_boxes(own_boxes(network, raw, 0, 1, true), found);
    expect_vision_rule(pipeline->raw_boxes(input));
    EXPECT_EQ(pipeline->class_labels(), network.classes);
  }
}

TEST(CoreMlInterpreter, ComputesNanoDetPlusAsNcnnDoes) {
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
  const auto found =
      interpret_coreml(write_coreml(plain, kPipeline, "m"))->detections(image, .25, .6);
  EXPECT_GT(found.size(), 2U);
  expect_same_boxes(own_boxes(network, expected, .25F, .6F, true), found);
}

// Two classes with the same high confidence: their row must not sum to more than 1.
TEST(CoreMlInterpreter, KeepsRowsWithinOneWhereClassesTie) {
  graph::Network network = formats::coreml::small_detector(graph::Yolo{{{10, 10}}, {0}, 2}, 2);
  network.weights["raw.kernel"] = graph::Tensor::of(Numbers(7 * 3, 0), {7, 3, 1, 1});
  network.weights["raw.bias"] = graph::Tensor::of({0, 0, 0, 0, 9, 9, 9}, {7});
  const auto boxes = interpret_coreml(write_coreml(network, kPipeline, "m"))
                         ->raw_boxes(Numbers(static_cast<std::size_t>(network.input.count())));
  EXPECT_THAT(boxes.confidence, Each(::testing::FloatNear(.5F, 1e-6F)));
}

// Of a foreign file what comes after the network may be anything.
TEST(CoreMlInterpreter, RunsANetworkWithoutItsDecoding) {
  const graph::Network network =
      formats::coreml::small_detector(graph::Distances{.classes = 2, .bins = 4, .stride = 32}, 2);
  const auto pipeline = interpret_coreml(write_coreml(network, kPipeline, "m"));
  const Numbers input = synthetic_image(network.input);
  const auto expected = interpret_coreml(write_coreml(network, {}, "m"))->run(input);
  pipeline->set_outputs(formats::output_names(network));
  EXPECT_EQ(pipeline->run(input), expected);
  const auto maps = pipeline->run_layers(input);
  EXPECT_TRUE(maps.contains("raw"));
  EXPECT_FALSE(maps.contains("decode.0.box"));
}

TEST(CoreMlInterpreter, RejectsBoxesWithoutAPipeline) {
  const graph::Network network =
      formats::coreml::small_detector(graph::Yolo{{{10, 10}}, {0}, 2}, 2);
  const auto interpreter = interpret_coreml(write_coreml(network, {}, "m"));
  const Numbers input(static_cast<std::size_t>(network.input.count()));
  EXPECT_THROW(interpreter->boxes(input), Error);
  EXPECT_THROW(interpreter->run(Numbers(5)), Error);
}

}  // namespace
}  // namespace oko::convert
