// Published detectors without anchors, against what the engines that they were made for compute.
#include <gtest/gtest.h>

#include <cmath>

#include "oko/base/random.h"
#include "oko/convert/compare.h"
#include "oko/convert/onnx/opencv.h"
#include "oko/convert/read.h"
#include "oko/convert/reference.h"
#include "oko/detect/decode.h"
#include "oko/graph/builtin.h"
#include "tests/support/reference_models.h"

namespace oko::convert {
namespace {

// Classes, scores and boxes of a golden file: "class score left top right bottom" in pixels.
std::vector<detect::Detection> golden_boxes(const std::string& path) {
  std::vector<detect::Detection> boxes;
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  detect::Detection d{};
  while (file >> d.class_id >> d.score >> d.box.left >> d.box.top >> d.box.right >> d.box.bottom) {
    boxes.push_back(d);
  }
  return boxes;
}

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

class NanoDetPlus : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string base = reference::path_of("models/modern/") + "nanodet-plus-m-416";
    golden_ = reference::path_of("golden/nanodet-plus-m-416");
    if (golden_.empty()) GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
    formats::ReadOptions options;
    options.size = {416, 416};
    model_ = read_model(open_model(base + ".param", ""), options);
  }
  std::string golden_;
  formats::ReadModel model_;
};

TEST_F(NanoDetPlus, IsKnownByItsLastLayers) {
  const graph::Network& network = model_.network;
  ASSERT_EQ(network.heads().size(), 4U);
  EXPECT_EQ(network.class_count(), 80);
  std::vector<int> strides;
  for (const int head : network.heads()) {
    const auto& distances = std::get<graph::Distances>(network.layers[head].operation);
    EXPECT_EQ(distances.bins, 8);
    strides.push_back(distances.stride);
  }
  EXPECT_EQ(strides, (std::vector{8, 16, 32, 64}));
  EXPECT_EQ(network.preprocess.fit, image::Preprocess::Fit::kStretch);
  EXPECT_TRUE(network.preprocess.bgr);
  EXPECT_NEAR(network.preprocess.normalized(1, 0), (255 - 103.53) * .017429, 1e-5);
}

// Convolution by convolution; the file's have their batch norm folded.
TEST_F(NanoDetPlus, IsTheBuiltInNetwork) {
  const auto convolutions = [](const graph::Network& network) {
    std::vector<std::pair<graph::Convolution, graph::Shape>> all;
    for (const graph::Layer& layer : network.layers) {
      const auto* c = std::get_if<graph::Convolution>(&layer.operation);
      if (c == nullptr) continue;
      all.emplace_back(*c, layer.output);
      all.back().first.batch_norm.reset();
    }
    return all;
  };
  const auto built = convolutions(graph::make_builtin("nanodet-plus", {}));
  const auto published = convolutions(model_.network);
  ASSERT_EQ(built.size(), published.size());
  for (std::size_t i = 0; i < built.size(); ++i) EXPECT_EQ(built[i], published[i]) << i;
}

// The file's rows are cells, with 80 scores after the sigmoid and 32 raw bins.
TEST_F(NanoDetPlus, ComputesWhatNcnnComputes) {
  const auto input = reference::read_floats(golden_ + "/dog_input_3x416x416.f32");
  const auto rows = reference::read_floats(golden_ + "/dog_output_3598x112.f32");
  for (const auto& executor :
       {make_engine_executor(model_.network), make_reference_executor(model_.network)}) {
    const auto heads = executor->run(input);
    ASSERT_EQ(heads.size(), 4U);
    std::size_t row = 0;
    float score_error = 0, bin_error = 0;
    for (const std::vector<float>& head : heads) {
      const std::size_t cells = head.size() / 112;
      for (std::size_t cell = 0; cell < cells; ++cell, ++row) {
        for (std::size_t c = 0; c < 112; ++c) {
          const float value = head[c * cells + cell], expected = rows[row * 112 + c];
          if (c < 80) {
            score_error = std::max(score_error, std::fabs(sigmoid(value) - expected));
          } else {
            bin_error = std::max(bin_error, std::fabs(value - expected));
          }
        }
      }
    }
    EXPECT_EQ(row, 3598U);
    EXPECT_LT(score_error, 1e-4) << executor->name();
    EXPECT_LT(bin_error, 3e-3) << executor->name();
  }
}

TEST_F(NanoDetPlus, FindsTheBoxesThatNcnnFinds) {
  const auto input = reference::read_floats(golden_ + "/dog_input_3x416x416.f32");
  const auto maps = make_engine_executor(model_.network)->run(input);
  const std::vector<detect::HeadMap> heads(maps.begin(), maps.end());
  auto found = detect::non_maximum_suppression(detect::decode(model_.network, heads, .25F),
                                               {.score = .25F, .iou = .6F});
  const auto expected = golden_boxes(golden_ + "/dog.tsv");
  ASSERT_EQ(found.size(), expected.size());
  std::ranges::sort(found, std::ranges::greater{}, &detect::Detection::score);
  const auto placement = image::place({768, 576}, {416, 416}, model_.network.preprocess);
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].class_id, expected[i].class_id);
    EXPECT_NEAR(found[i].score, expected[i].score, 1e-4);
    const image::Box box = placement.to_source(found[i].box);
    EXPECT_NEAR(box.left, expected[i].box.left, .5);
    EXPECT_NEAR(box.top, expected[i].box.top, .5);
    EXPECT_NEAR(box.right, expected[i].box.right, .5);
    EXPECT_NEAR(box.bottom, expected[i].box.bottom, .5);
  }
}

// One net of YOLOX-Nano in ONNX, with its boxes' values raw and the rest after sigmoids.
class YoloX : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = reference::path_of("models/modern/yolox_nano.onnx");
    if (path_.empty()) GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
    model_ = read_model(open_model(path_, ""), {});
  }
  std::string path_;
  formats::ReadModel model_;
};

TEST_F(YoloX, IsKnownByTheParts) {
  const graph::Network& network = model_.network;
  ASSERT_EQ(network.heads().size(), 3U);
  for (const int index : network.heads()) {
    const auto& head = std::get<graph::Yolo>(network.layers[index].operation);
    EXPECT_EQ(head.box_code, graph::BoxCode::kPoint);
    EXPECT_EQ(head.mask.size(), 1U);
  }
  EXPECT_TRUE(network.preprocess.bgr);
  EXPECT_EQ(network.preprocess.normalized(1, 0), 255);
}

TEST_F(YoloX, ComputesWhatOpenCvComputes) {
  std::string why;
  const auto opencv = make_opencv_onnx(reference::read_file(path_), path_, &why);
  if (opencv == nullptr) GTEST_SKIP() << why;
  const graph::Network& network = model_.network;
  std::vector<float> input(static_cast<std::size_t>(network.input.count()));
  Random random(7);
  for (float& value : input) value = static_cast<float>(random.uniform(0, 255));
  const auto heads = make_engine_executor(network)->run(input);
  const std::vector<float> rows = opencv->run(input).front();
  const auto columns = static_cast<std::size_t>(5 + network.class_count());
  std::size_t row = 0;
  float error = 0, most = 0;
  for (const std::vector<float>& head : heads) {
    const std::size_t cells = head.size() / columns;
    for (std::size_t cell = 0; cell < cells; ++cell, ++row) {
      for (std::size_t c = 0; c < columns; ++c) {
        const float raw = head[c * cells + cell], value = c < 4 ? raw : sigmoid(raw);
        const float expected = rows[row * columns + c];
        error = std::max(error, std::fabs(value - expected));
        most = std::max(most, std::fabs(expected));
      }
    }
  }
  EXPECT_EQ(row * columns, rows.size());
  EXPECT_LT(error, 1e-3 * std::max(1.F, most));
}

formats::ReadModel published(const std::string& name, int side) {
  formats::ReadOptions options;
  options.size = {side, side};
  return read_model(open_model(reference::path_of("models/modern/" + name), ""), options);
}

// Its weights are of YOLOX 0.1.0, which took normalized images; the ONNX file has later ones.
TEST(YoloXOfNcnn, TakesNormalizedImages) {
  if (reference::path_of("models/modern/yolox-nano.param").empty()) {
    GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
  }
  const graph::Network network = published("yolox-nano.param", 416).network;
  EXPECT_EQ(network.heads().size(), 3U);
  EXPECT_FALSE(network.preprocess.bgr);
  EXPECT_NEAR(network.preprocess.normalized(1, 0), (1 - .485) / .229, 1e-5);
}

// The file for ncnn, whose kernels are rounded to float16, and the one for ONNX.
TEST(FastestDet, IsTheSameInBothOfItsFiles) {
  if (reference::path_of("models/modern/FastestDet.param").empty()) {
    GTEST_SKIP() << "set OKO_DATA to the folder of the reference data";
  }
  const graph::Network a = published("FastestDet.param", 352).network;
  const graph::Network b = published("FastestDet.onnx", 352).network;
  ASSERT_EQ(a.heads().size(), 1U);
  ASSERT_EQ(b.heads().size(), 1U);
  EXPECT_EQ(a.layers[a.heads()[0]].operation, b.layers[b.heads()[0]].operation);
  EXPECT_EQ(a.preprocess, b.preprocess);
  std::vector<float> input(static_cast<std::size_t>(a.input.count()));
  Random random(7);
  for (float& value : input) value = static_cast<float>(random.uniform(0, 1));
  const std::vector<float> ours = make_engine_executor(a)->run(input).front();
  const std::vector<float> theirs = make_engine_executor(b)->run(input).front();
  ASSERT_EQ(ours.size(), theirs.size());
  double error = 0, size = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    error += std::fabs(ours[i] - theirs[i]);
    size += std::fabs(theirs[i]);
  }
  EXPECT_LT(error, .02 * size);
}

}  // namespace
}  // namespace oko::convert
