#include "oko/convert/tolerance.h"

#include <gmock/gmock.h>

#include <cmath>

#include "oko/base/half.h"
#include "oko/convert/parity.h"
#include "oko/convert/program.h"
#include "oko/convert/read.h"
#include "oko/convert/reference.h"
#include "oko/detect/decode.h"
#include "oko/formats/coreml/test_networks.h"
#include "oko/graph/builtin.h"
#include "oko/graph/synthetic.h"
#include "tests/support/reference_models.h"

namespace oko::convert {
namespace {

using graph::Precision;

graph::Network small_tiny() {
  graph::Network network =
      graph::make_builtin("yolov3-tiny", {.classes = 2, .width = 64, .height = 64});
  graph::fill_synthetic_weights(network);
  return network;
}

template <typename Round>
graph::Network rounded(graph::Network network, const Round& round) {
  for (const graph::Layer& layer : network.layers) {
    const auto kernel = network.weights.find(layer.name + ".kernel");
    if (kernel == network.weights.end()) continue;
    std::vector<float> values(kernel->second.floats().begin(), kernel->second.floats().end());
    for (float& value : values) value = round(value);
    kernel->second = graph::Tensor::of(std::move(values), kernel->second.shape);
  }
  return network;
}
graph::Network in_halves() {
  return rounded(small_tiny(), [](float v) { return to_float(to_half(v)); });
}
graph::Network in_bytes() {
  return rounded(small_tiny(), [](float v) { return std::nearbyint(v * 400) * .0025F; });
}

TEST(Tolerance, WeightsShowWhatTheyAreRoundedTo) {
  EXPECT_EQ(weight_precision(small_tiny()), Precision::kFloat32);
  EXPECT_EQ(weight_precision(in_halves()), Precision::kFloat16);
  EXPECT_EQ(weight_precision(in_bytes()), Precision::kInt8);
}

Runner runner_of(const graph::Network& network) {
  return {network, make_reference_executor(network), {}, {}};
}

TEST(Tolerance, IsOfWhatOnlyOneModelRounds) {
  const Runner whole = runner_of(small_tiny()), halves = runner_of(in_halves()),
               same = runner_of(in_halves());
  const Tolerance apart = tolerance_between(whole, halves);
  EXPECT_EQ(apart.precision, Precision::kFloat16);
  EXPECT_FALSE(apart.arithmetic);
  EXPECT_EQ(apart.why, "only the second model's weights are fp16");
  EXPECT_EQ(tolerance_between(halves, same).precision, Precision::kFloat32);
  EXPECT_EQ(tolerance_between(halves, same).why, "");
  EXPECT_EQ(tolerance_between(runner_of(in_bytes()), halves).precision, Precision::kInt8);
}

class InHalves : public Executor {
 public:
  std::string name() const override { return "a phone"; }
  std::vector<std::vector<float>> run(std::span<const float>) override { return {}; }
  Precision arithmetic() const override { return Precision::kFloat16; }
};

TEST(Tolerance, IsOfTheArithmeticToo) {
  const Runner first = runner_of(small_tiny());
  const Runner second{small_tiny(), std::make_unique<InHalves>(), {}, {}};
  const Tolerance tolerance = tolerance_between(first, second);
  EXPECT_EQ(tolerance.precision, Precision::kFloat16);
  EXPECT_TRUE(tolerance.arithmetic);
  EXPECT_EQ(tolerance.why, "a phone computes in fp16");
}

// Boxes of a network, each under its best class and clipped.
std::vector<detect::Detection> best_boxes(const graph::Network& network, Executor& executor,
                                          std::span<const float> input,
                                          const detect::Thresholds& thresholds) {
  const auto maps = executor.run(input);
  const std::vector<detect::HeadMap> heads(maps.begin(), maps.end());
  std::vector<detect::Detection> best;
  for (const detect::Detection& d : detect::decode(network, heads, thresholds.score)) {
    const auto same = std::ranges::find(best, d.box, &detect::Detection::box);
    if (same == best.end()) {
      best.push_back(d);
    } else if (d.score > same->score) {
      *same = d;
    }
  }
  const image::Size size{network.input.width, network.input.height};
  for (detect::Detection& d : best) d.box = image::clipped(d.box, size);
  return detect::non_maximum_suppression(std::move(best), thresholds);
}

TEST(BoxesAgree, NoticesABoxThatIsOffMissingOrUnsure) {
  const graph::Network network = small_tiny();
  const auto executor = make_reference_executor(network);
  std::vector<std::vector<float>> inputs(1);
  for (int i = 0; i < network.input.count(); ++i) {
    inputs[0].push_back(static_cast<float>(i % 97) / 97);
  }
  detect::Thresholds thresholds;
  thresholds.score = .1F;
  std::vector<detect::Detection> boxes = best_boxes(network, *executor, inputs[0], thresholds);
  ASSERT_GT(boxes.size(), 2U);
  const BoxProgram program{[&](std::span<const float>) { return boxes; }, "fixed", true, true};
  const auto agree = [&] {
    return boxes_agree(compare_with_boxes(network, *executor, program, inputs, thresholds),
                       Precision::kFloat32, thresholds.score);
  };
  EXPECT_TRUE(agree());
  const auto all = boxes;
  const float width = boxes[1].box.right - boxes[1].box.left;
  boxes[1].box.left += .05F * width;
  EXPECT_FALSE(agree());
  boxes = all;
  boxes[1].score -= .01F;
  EXPECT_FALSE(agree());
  boxes = all;
  boxes.erase(boxes.begin());
  EXPECT_FALSE(agree());
  boxes = all;
  boxes.push_back({0, .5F, {1, 1, 2, 2}});
  EXPECT_FALSE(agree());
  // One that the other program scores just below the threshold.
  boxes.back().score = thresholds.score + 5e-4F;
  EXPECT_TRUE(agree());
}

TEST(BoxesAgree, LessExactlyWhereValuesAreRounded) {
  const BoxAgreement moved{20, 20, 20, .85F, .04F, 0};
  EXPECT_FALSE(boxes_agree(moved, Precision::kFloat32, .25F));
  EXPECT_TRUE(boxes_agree(moved, Precision::kFloat16, .25F));
  const BoxAgreement half{20, 20, 10, .9F, .01F, .9F};
  EXPECT_FALSE(boxes_agree(half, Precision::kFloat16, .25F));
  EXPECT_FALSE(boxes_agree(half, Precision::kInt8, .25F));
  EXPECT_TRUE(boxes_agree({20, 20, 15, .6F, .2F, .9F}, Precision::kInt8, .25F));
}

// Its scores are those of several classes a box; a Vision pipeline has the best one.
TEST(BoxesAgree, OfAVisionPipelineOfFastestDet) {
  const std::string path = reference::path_of("models/modern/FastestDet.onnx");
  if (path.empty()) GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
  graph::Network network = read_model(open_model(path, "")).network;
  for (int i = 0; i < 80; ++i) network.classes.push_back("class " + std::to_string(i));
  formats::WriteOptions options;
  options.boxes = true;
  options.thresholds.score = .05F;
  const formats::Format& coreml = *formats::find_format("coreml");
  const formats::Written written = coreml.write(network, options, "m");
  std::string note;
  const BoxProgram program = independent_boxes(coreml, written.files, note);
  ASSERT_TRUE(program.run) << note;
  std::vector<std::vector<float>> inputs(1);
  for (int i = 0; i < network.input.count(); ++i) {
    inputs[0].push_back(.5F + .5F * std::sin(static_cast<float>(i) * .01F));
  }
  const auto engine = make_engine_executor(network);
  const BoxAgreement boxes =
      compare_with_boxes(network, *engine, program, inputs, options.thresholds);
  EXPECT_GT(boxes.first, 3);
  EXPECT_TRUE(boxes_agree(boxes, Precision::kFloat32, .05F))
      << boxes.first << " " << boxes.second << " " << boxes.matched << " " << boxes.lowest_iou;
}

// Core ML lists all boxes above the threshold; oko the best so many.
TEST(BoxesAgree, OnTheBestOfManyBoxes) {
  const graph::Network network =
      formats::coreml::small_detector(graph::Yolo{{{20, 20}, {12, 12}}, {0, 1}, 1}, 1);
  formats::WriteOptions options{.boxes = true, .thresholds = {.score = .01F, .iou = .9F}};
  const formats::Format& coreml = *formats::find_format("coreml");
  std::string note;
  const BoxProgram program =
      independent_boxes(coreml, coreml.write(network, options, "m").files, note);
  std::vector<std::vector<float>> inputs(1);
  for (int i = 0; i < network.input.count(); ++i) {
    inputs[0].push_back(.5F + .5F * std::sin(static_cast<float>(i)));
  }
  options.thresholds.max_detections = 5;
  ASSERT_GT(program.run(inputs[0]).size(), 5U);
  const BoxAgreement boxes = compare_with_boxes(network, *make_reference_executor(network), program,
                                                inputs, options.thresholds);
  EXPECT_EQ(boxes.second, 5);
  EXPECT_TRUE(boxes_agree(boxes, Precision::kFloat32, .01F)) << boxes.first << " " << boxes.matched;
}

// By DIoU fewer boxes are suppressed than by IoU, which is all that a pipeline's suppression knows.
TEST(BoxesAgree, OfAModelThatSuppressesByDiou) {
  graph::Network network =
      formats::coreml::small_detector(graph::Yolo{{{48, 40}, {40, 48}}, {0, 1}, 1}, 1);
  network.diou_exponent = .2F;
  const formats::WriteOptions options{.boxes = true, .thresholds = {.score = .01F, .iou = .2F}};
  const formats::Format& coreml = *formats::find_format("coreml");
  std::string note;
  const BoxProgram program =
      independent_boxes(coreml, coreml.write(network, options, "m").files, note);
  std::vector<std::vector<float>> inputs(1);
  for (int i = 0; i < network.input.count(); ++i) {
    inputs[0].push_back(.5F + .5F * std::sin(static_cast<float>(i)));
  }
  const auto engine = make_reference_executor(network);
  const auto maps = engine->run(inputs[0]);
  const std::vector<detect::HeadMap> heads(maps.begin(), maps.end());
  std::vector<detect::Detection> found;
  detect::decode(network, heads, options.thresholds, found);
  const auto kept = [&](float exponent) {
    return detect::non_maximum_suppression(found, options.thresholds, exponent).size();
  };
  ASSERT_GT(kept(network.diou_exponent), kept(0));
  const BoxAgreement boxes =
      compare_with_boxes(network, *engine, program, inputs, options.thresholds);
  EXPECT_TRUE(boxes_agree(boxes, Precision::kFloat32, .01F)) << boxes.first << " " << boxes.second;
}

}  // namespace
}  // namespace oko::convert
