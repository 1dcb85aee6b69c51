#include <gmock/gmock.h>

#include <algorithm>
#include <sstream>

#include "oko/base/error.h"
#include "oko/convert/compare.h"
#include "oko/convert/onnx/onnx_runtime.h"
#include "oko/convert/onnx/opencv.h"
#include "oko/detect/decode.h"
#include "oko/formats/onnx.h"
#include "oko/formats/test_round_trip.h"
#include "oko/graph/reference.h"
#include "oko/image/letterbox.h"
#include "oko/runtime/test_weights.h"
#include "tests/support/reference_models.h"

// Files from write_onnx(), run by independent programs.
namespace oko::convert {
namespace {

using Make = std::unique_ptr<Executor> (*)(const Bytes&, std::string*);

std::unique_ptr<Executor> opencv(const Bytes& file, std::string* why) {
  return make_opencv_onnx(file, "model.onnx", why);
}
std::unique_ptr<Executor> onnx_runtime(const Bytes& file, std::string* why) {
  return make_onnx_runtime(file, "model.onnx", why);
}

Bytes written(const graph::Network& network, const formats::WriteOptions& options = {}) {
  return formats::write_onnx(network, options, "model")[0].bytes;
}

graph::Network small_network() {
  graph::Network network;
  network.name = "small";
  network.input = {3, 8, 8};
  network.layers = {{"conv",
                     graph::Convolution{6, 3, 2, 1, {0, 0, 1, 1}, {}, graph::Activation::kMish},
                     {graph::kNetworkInput},
                     {}},
                    {"pool", graph::MaxPool{2, 1, {0, 0, 1, 1}}, {0}, {}},
                    {"head", graph::Yolo{{{3, 4}}, {0}, 1}, {1}, {}}};
  return runtime::with_weights(std::move(network), 3);
}

// The network's own colour order, whatever else it needs.
std::vector<float> input_of(const graph::Network& network) {
  return runtime::random_numbers(static_cast<std::size_t>(network.input.count()), 9);
}

struct NamedExecutor {
  const char* name;
  Make make;
  bool all_kinds;  // false: OpenCV 4.6 lacks ReLU6 and float16 kernels
};

class OnnxExecutor : public ::testing::TestWithParam<NamedExecutor> {
 protected:
  void SetUp() override {
    std::string why;
    if (GetParam().make(written(small_network()), &why) == nullptr) GTEST_SKIP() << why;
  }
  static std::unique_ptr<Executor> make(const Bytes& file) {
    return GetParam().make(file, nullptr);
  }

  static void expect_golden(const graph::Network& network, const std::string& input,
                            const std::vector<std::string>& heads) {
    const auto maps = make(written(network))->run(reference::read_floats(input));
    ASSERT_EQ(maps.size(), heads.size());
    for (std::size_t h = 0; h < heads.size(); ++h) {
      EXPECT_LT(largest_difference(maps[h], reference::read_floats(heads[h])), 1e-3) << heads[h];
    }
  }
};

TEST_P(OnnxExecutor, MatchesTheGoldenHeadsOfEveryPublishedModel) {
  const std::string golden = reference::path_of("golden");
  if (golden.empty()) GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
  for (const auto& model : reference::golden_models()) {
    SCOPED_TRACE(model.name);
    const std::string base = reference::path_of("models/darknet") + "/" + model.name;
    const std::string input = model.input, picture = input.substr(0, input.find('_'));
    std::vector<std::string> heads;
    for (const char* head : model.heads) {
      heads.push_back(golden + "/" + model.name + "/" + picture + "_tensors/" + head);
    }
    expect_golden(reference::darknet_model(base + ".cfg", base + ".weights"),
                  golden + "/inputs/" + input, heads);
  }
}

TEST_P(OnnxExecutor, MatchesTheGoldenHeadsOfYolov3AndTiny) {
  const std::string golden = reference::path_of("golden");
  if (golden.empty()) GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
  for (const auto& model : reference::synthetic_models()) {
    SCOPED_TRACE(model.name);
    const std::string side = std::to_string(model.side);
    std::vector<std::string> heads;
    for (const char* head : model.heads) {
      heads.push_back(golden + "/synthetic/" + model.name + "_" + head + ".f32");
    }
    expect_golden(reference::synthetic_network(model),
                  golden + "/inputs/dog_letterbox_3x" + side + "x" + side + ".f32", heads);
  }
}

// Every operation and activation, layer by layer, against their definitions.
graph::Network all_kinds(bool relu6 = true) {
  using graph::Activation;
  graph::Network network;
  network.name = "kinds";
  network.input = {3, 12, 16};
  std::vector<graph::Layer>& layers = network.layers;
  const auto add = [&](std::string name, graph::Operation operation, std::vector<int> inputs) {
    layers.push_back({std::move(name), std::move(operation), std::move(inputs), {}});
    return static_cast<int>(layers.size()) - 1;
  };
  int last = graph::kNetworkInput;
  for (const Activation kind :
       {Activation::kLeaky, Activation::kLinear, Activation::kRelu, Activation::kRelu6,
        Activation::kLogistic, Activation::kMish, Activation::kSwish}) {
    if (kind == Activation::kRelu6 && !relu6) continue;
    const int groups = last == graph::kNetworkInput ? 1 : 4;
    last = add(graph::name_of(kind), graph::Convolution{8, 3, 1, groups, {2, 1, 0, 1}, {}, kind},
               {last});
  }
  const int half = add("half", graph::MaxPool{3, 2, {1, 1, 0, 0}}, {last});
  const int part = add("part", graph::Route{4, 1}, {half});
  const int joined = add("joined", graph::Route{2, 1}, {half, part});
  const int whole = add("whole", graph::Route{}, {joined, half, part});
  const int three = add("three", graph::Shortcut{Activation::kRelu}, {half, half, half});
  const int two = add("two", graph::Shortcut{Activation::kLinear}, {three, half});
  const int up = add("up", graph::Upsample{3}, {two});
  const int a = add("a", graph::Convolution{7, 1, 1, 1, {}, {}, Activation::kLinear}, {whole});
  add("region", graph::Region{{{1, 2}}, 2, true}, {a});
  const int b = add("b", graph::Convolution{14, 1, 1, 1, {}, {}, Activation::kLinear}, {up});
  add("yolo", graph::Yolo{{{8, 9}, {3, 4}, {5, 6}}, {2, 0}, 2, 1.05F}, {b});
  return runtime::with_weights(std::move(network), 5);
}

TEST_P(OnnxExecutor, ComputesEveryOperationAsDefined) {
  const graph::Network network = all_kinds(GetParam().all_kinds);
  const std::vector<float> input = input_of(network);
  const auto expected = graph::Reference<double>(network).run(input);
  const auto maps = make(written(network))->run(input);
  ASSERT_EQ(maps.size(), expected.size());
  for (std::size_t h = 0; h < maps.size(); ++h) {
    const std::vector<float> plain(expected[h].begin(), expected[h].end());
    EXPECT_LT(largest_difference(maps[h], plain), 1e-4) << h;
  }
}

// OpenCV averages over pixels alone, whatever the file says.
TEST_P(OnnxExecutor, AveragesOverPaddingWhereItCounts) {
  for (const bool counts : {true, false}) {
    graph::Network network;
    network.input = {3, 8, 8};
    network.layers = {
        formats::layer("wide", graph::Convolution{4, 3, 1, 1, graph::Padding::all(1)}, {-1}),
        formats::layer("pool", graph::AveragePool{3, 2, {1, 1, 1, 1}, counts}, {0}),
        formats::layer("out", graph::Convolution{4, 1, 1, 1}, {1})};
    graph::infer_shapes(network);
    graph::fill_synthetic_weights(network);
    const std::vector<float> input = input_of(network);
    const auto expected = graph::Reference<double>(network).run(input).front();
    const auto executor = make(written(network));
    EXPECT_LT(largest_difference(executor->run(input)[0],
                                 std::vector<float>(expected.begin(), expected.end())),
              1e-4)
        << counts;
    EXPECT_TRUE(executor->run_layers(input).contains("pool"));
  }
}

TEST_P(OnnxExecutor, ComputesADetectorWithoutAnchors) {
  const graph::Network network = formats::anchor_free();
  const std::vector<float> input = input_of(network);
  const auto expected = graph::Reference<double>(network).run(input).front();
  const auto maps = make(written(network))->run(input);
  ASSERT_EQ(maps.size(), 1U);
  EXPECT_LT(largest_difference(maps[0], std::vector<float>(expected.begin(), expected.end())),
            1e-4);
}

TEST_P(OnnxExecutor, ComputesTheLayersOfModernDetectors) {
  if (!GetParam().all_kinds) GTEST_SKIP() << "OpenCV 4.6 does not have all of them";
  const graph::Network network = formats::modern();
  const std::vector<float> input = input_of(network);
  const auto expected = graph::Reference<double>(network).run(input);
  const auto maps = make(written(network))->run(input);
  ASSERT_EQ(maps.size(), expected.size());
  for (std::size_t i = 0; i < maps.size(); ++i) {
    const std::vector<float> plain(expected[i].begin(), expected[i].end());
    EXPECT_LT(largest_difference(maps[i], plain), 1e-4) << i;
  }
}

// In every order of the new channels.
TEST_P(OnnxExecutor, MakesSquaresOfPixelsChannels) {
  using Order = graph::SpaceToDepth::Order;
  for (const Order order : {Order::kRows, Order::kColumns, Order::kChannels, Order::kDarknet}) {
    graph::Network network;
    network.input = {3, 8, 12};
    network.layers = {
        formats::layer("wide", graph::Convolution{8, 3, 1, 1, graph::Padding::all(1)}, {-1}),
        formats::layer("squares", graph::SpaceToDepth{2, order}, {0})};
    graph::infer_shapes(network);
    graph::fill_synthetic_weights(network);
    const std::vector<float> input = input_of(network);
    const auto expected = graph::Reference<double>(network).run(input).front();
    const auto maps = make(written(network))->run(input);
    EXPECT_LT(largest_difference(maps[0], std::vector<float>(expected.begin(), expected.end())),
              1e-4)
        << word_of(order);
  }
}

TEST_P(OnnxExecutor, ExposesTheOutputsOfAllLayers) {
  const graph::Network network = all_kinds(GetParam().all_kinds);
  const std::vector<float> input = input_of(network);
  const auto executor = make(written(network));
  const auto maps = executor->run_layers(input);
  for (const graph::Layer& layer : network.layers) {
    if (graph::is_head(layer.operation)) continue;
    const auto found = maps.find(layer.name);
    ASSERT_NE(found, maps.end()) << layer.name;
    EXPECT_EQ(found->second.size(), static_cast<std::size_t>(layer.output.count())) << layer.name;
  }
  EXPECT_EQ(largest_difference(maps.at("a"), executor->run(input)[0]), 0);
  EXPECT_GE(*std::ranges::min_element(maps.at("relu")), 0) << "not the output of the activation";
}

TEST_P(OnnxExecutor, LoadsFloat16Kernels) {
  formats::WriteOptions options;
  options.precision = graph::Precision::kFloat16;
  if (!GetParam().all_kinds) GTEST_SKIP() << "OpenCV 4.6 cannot read float16";
  const graph::Network network = all_kinds();
  const std::vector<float> input = input_of(network);
  const auto halves = make(written(network, options))->run(input);
  const auto floats = make(written(network))->run(input);
  for (std::size_t h = 0; h < halves.size(); ++h) {
    EXPECT_LT(largest_difference(halves[h], floats[h]), .01F * largest_magnitude(floats[h]));
    EXPECT_GT(largest_difference(halves[h], floats[h]), 0);
  }
}

TEST_P(OnnxExecutor, RunsAClassifier) {
  graph::Network network;
  network.name = "classifier";
  network.input = {1, 9, 7};
  network.layers = {
      {"a", graph::Convolution{6, 3, 1, 1, {}, {}, graph::Activation::kRelu}, {-1}, {}},
      {"b", graph::AveragePool{}, {0}, {}},
      {"c", graph::Convolution{4, 1, 1, 1, {}, {}, graph::Activation::kLinear}, {1}, {}},
      {"d", graph::Softmax{}, {2}, {}}};
  network = runtime::with_weights(std::move(network), 6);
  const auto maps = make(written(network))->run(input_of(network));
  ASSERT_EQ(maps.size(), 1U);
  ASSERT_EQ(maps[0].size(), 4U);
  EXPECT_NEAR(maps[0][0] + maps[0][1] + maps[0][2] + maps[0][3], 1, 1e-6);
}

TEST_P(OnnxExecutor, ReportsThatItsProgramRejectsAFile) {
  const auto run = [](const Bytes& file) {
    try {
      const auto executor = make(file);
      executor->run(std::vector<float>(3 * 8 * 8));
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  const Bytes whole = written(small_network());
  std::string text(whole.text());
  text.replace(text.find("Softplus"), 8, "Hardplus");
  EXPECT_THAT(run(Bytes(std::string_view(text))), ::testing::HasSubstr("rejects the model"));
  EXPECT_THAT(run(whole.part(0, whole.size() / 2)), ::testing::HasSubstr("is not an ONNX model"));
  EXPECT_THROW(make(whole)->run(std::vector<float>(5)), Error);
}

INSTANTIATE_TEST_SUITE_P(Programs, OnnxExecutor,
                         ::testing::Values(NamedExecutor{"OpenCv", opencv, false},
                                           NamedExecutor{"OnnxRuntime", onnx_runtime, true}),
                         [](const auto& test) { return std::string(test.param.name); });

// --- boxes ---

struct BoxModel {
  const char *name, *input, *boxes;
  image::Size source;
};

std::vector<detect::Detection> golden_boxes(const std::string& path) {
  std::istringstream lines{std::string(reference::read_file(path).text())};
  std::vector<detect::Detection> boxes;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream fields(line);
    detect::Detection d;
    fields >> d.class_id >> d.score >> d.box.left >> d.box.top >> d.box.right >> d.box.bottom;
    boxes.push_back(d);
  }
  return boxes;
}

std::vector<detect::Detection> detections(const std::vector<OnnxRuntime::Output>& outputs) {
  std::vector<detect::Detection> found;
  if (outputs.size() != 3) return found;
  const auto &boxes = outputs[0].values, &scores = outputs[1].values, &classes = outputs[2].values;
  EXPECT_EQ(outputs[0].shape.size(), 2U);
  EXPECT_EQ(boxes.size(), 4 * scores.size());
  EXPECT_EQ(classes.size(), scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const float* b = boxes.data() + 4 * i;
    found.push_back({static_cast<int>(classes[i]), scores[i], {b[0], b[1], b[2], b[3]}});
  }
  return found;
}

// The letterbox bars are whole pixels in both, so that Darknet maps boxes back as we do.
TEST(OnnxBoxes, AreTheGoldenOnes) {
  const std::string golden = reference::path_of("golden");
  if (golden.empty()) GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
  const BoxModel models[] = {
      {"yolo-fastest-1.1", "dog_letterbox_3x320x320.f32", "dog.tsv", {768, 576}},
      {"yolo-fastest-1.1-xl", "dog_letterbox_3x320x320.f32", "dog.tsv", {768, 576}},
      {"MobileNetV2-YOLOv3-Nano-coco",
       "dog_letterbox_3x320x320.f32",
       "dog.scale_x_y.tsv",
       {768, 576}},
      {"yoloface-500k", "person_letterbox_3x256x320.f32", "person.tsv", {640, 424}}};
  for (const BoxModel& model : models) {
    SCOPED_TRACE(model.name);
    const std::string base = reference::path_of("models/darknet") + "/" + model.name;
    const graph::Network network = reference::darknet_model(base + ".cfg", base + ".weights");
    formats::WriteOptions options;
    options.boxes = true;
    std::string why;
    const auto executor = make_onnx_runtime(written(network, options), "model.onnx", &why);
    if (executor == nullptr) GTEST_SKIP() << why;
    const auto found =
        detections(executor->run_all(reference::read_floats(golden + "/inputs/" + model.input)));
    const auto expected = golden_boxes(golden + "/" + model.name + "/" + model.boxes);
    const auto placement =
        image::place(model.source, {network.input.width, network.input.height}, network.preprocess);
    ASSERT_EQ(found.size(), expected.size());
    ASSERT_FALSE(found.empty());
    for (std::size_t i = 0; i < found.size(); ++i) {
      const image::Box box = placement.to_source(found[i].box);
      EXPECT_EQ(found[i].class_id, expected[i].class_id);
      EXPECT_NEAR(found[i].score, expected[i].score, 1e-4);
      EXPECT_NEAR(box.left, expected[i].box.left, .05);
      EXPECT_NEAR(box.top, expected[i].box.top, .05);
      EXPECT_NEAR(box.right, expected[i].box.right, .05);
      EXPECT_NEAR(box.bottom, expected[i].box.bottom, .05);
    }
  }
}

// The file's boxes are the same as our own decoding of its raw outputs.
TEST(OnnxBoxes, HonourThresholdsRegionHeadsAndImagesWithoutAny) {
  const graph::Network network = all_kinds();
  const std::vector<float> input = input_of(network);
  std::string why;
  const auto raw = make_onnx_runtime(written(network), "raw.onnx", &why);
  if (raw == nullptr) GTEST_SKIP() << why;
  const auto maps = raw->run(input);
  const std::vector<detect::HeadMap> heads(maps.begin(), maps.end());
  for (const auto& [score, iou, most] : {std::tuple{.2F, .3F, 0}, {.1F, .7F, 5}, {1.F, .5F, 300}}) {
    formats::WriteOptions options;
    options.boxes = true;
    options.thresholds.score = score;
    options.thresholds.iou = iou;
    options.thresholds.max_detections = most;
    const auto found =
        detections(make_onnx_runtime(written(network, options), "b.onnx")->run_all(input));
    detect::Thresholds thresholds;
    thresholds.score = score;
    thresholds.iou = iou;
    thresholds.max_detections = most;
    const auto expected = detect::non_maximum_suppression(
        detect::decode(network, heads, thresholds.score), thresholds);
    ASSERT_EQ(found.size(), expected.size());
    EXPECT_EQ(found.empty(), score == 1);
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].class_id, expected[i].class_id) << i;
      EXPECT_NEAR(found[i].score, expected[i].score, 1e-5) << i;
      EXPECT_NEAR(found[i].box.left, expected[i].box.left, 1e-3) << i;
      EXPECT_NEAR(found[i].box.bottom, expected[i].box.bottom, 1e-3) << i;
    }
  }
}

}  // namespace
}  // namespace oko::convert
