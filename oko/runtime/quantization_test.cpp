#include "oko/runtime/quantization.h"

#include <gtest/gtest.h>

#include <cmath>

#include "oko/base/error.h"
#include "oko/graph/oko_file.h"
#include "oko/runtime/map_scales.h"
#include "oko/runtime/model.h"
#include "oko/runtime/quantize.h"
#include "oko/runtime/test_networks.h"

namespace oko::runtime {
namespace {

graph::Network small_network() {
  NetworkBuilder n({3, 8, 8});
  const int a = n.convolution(graph::kNetworkInput, 12);
  const int b = n.add(graph::MaxPool{3, 1, graph::Padding::all(1)}, {a});
  const int c = n.convolution(b, 6, 3, 1, graph::Activation::kMish);
  n.head(n.add(graph::Route{}, {b, c}));
  return n.finish();
}
graph::Network quantized() {
  graph::Network network = small_network();
  const std::vector<std::vector<std::uint8_t>> pictures{std::vector<std::uint8_t>(3 * 8 * 8, 200),
                                                        std::vector<std::uint8_t>(3 * 8 * 8, 31)};
  int steps = 0;
  QuantizeOptions options;
  quantize(network, pictures, options, [&] { ++steps; });
  EXPECT_EQ(steps, passes(options) * 2);
  return network;
}
std::string refusal(const graph::Network& network) {
  try {
    Model::make(network, {Precision::kInt8, best_simd_target()});
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    return error.what();
  }
  return "nothing was rejected";
}

TEST(Quantization, RoundTripsThroughAModelFile) {
  const graph::Network network = quantized();
  const Quantization before = *quantization_of(network);
  const Quantization after =
      *quantization_of(graph::read_oko(Bytes(graph::write_oko(network)), "file").network);
  EXPECT_EQ(after.method, "min-max");
  EXPECT_EQ(after.pictures, 2);
  ASSERT_EQ(after.layers.size(), before.layers.size());
  for (const auto& [name, layer] : before.layers) {
    EXPECT_EQ(after.layers.at(name).output, layer.output) << name;
    EXPECT_EQ(after.layers.at(name).points, layer.points) << name;
  }
  EXPECT_EQ(after.layers.at("l2").points.size(), 16U);
}

// The ranges must be those of the inputs that the network will get.
TEST(Quantization, AppliesMeanAndScaleToImages) {
  graph::Network network = small_network();
  network.preprocess.mean = {.1F, .2F, .3F};
  network.preprocess.scale = {4, 5, 6};
  std::vector<std::vector<std::uint8_t>> pictures{std::vector<std::uint8_t>(3 * 8 * 8)};
  std::vector<float> input(pictures[0].size());
  for (std::size_t i = 0; i < input.size(); ++i) {
    pictures[0][i] = static_cast<std::uint8_t>(i * 37);
    const float pixel = static_cast<float>(pictures[0][i]) / 255;
    input[i] = network.preprocess.normalized(pixel, static_cast<int>(i / 64));
  }
  Calibrator calibrator(network, 1);
  calibrator.add(input);
  const Quantization expected = calibrator.result(Calibration::kMinMax);
  QuantizeOptions options;
  options.equalize = false;
  quantize(network, pictures, options, [] {});
  const Quantization found = *quantization_of(network);
  ASSERT_EQ(found.layers.size(), expected.layers.size());
  for (const auto& [name, layer] : expected.layers) {
    EXPECT_EQ(found.layers.at(name).output, layer.output) << name;
  }
  EXPECT_LT(expected.layers.at("l0").output.low, 0);
}

TEST(Quantization, IsMissingInAPlainModel) {
  EXPECT_FALSE(quantization_of(small_network()).has_value());
  EXPECT_NE(refusal(small_network()).find("was not quantized (run oko quantize on it)"),
            std::string::npos);
}

TEST(Quantization, DeterminesTheDefaultPrecision) {
  EXPECT_EQ(Model::make(quantized(), {})->plan().precision, Precision::kInt8);
  EXPECT_EQ(Model::make(small_network(), {})->plan().precision, Precision::kFloat32);
}

TEST(Quantization, BrokenMetadataIsRejectedByName) {
  struct Case {
    const char* text;
    std::function<void(Json&)> spoil;
  };
  const Case cases[] = {
      {"layers must be an object", [](Json& q) { q["layers"] = Json::array(); }},
      {"no range for this layer", [](Json& q) { q["layers"].erase("l2"); }},
      {"low is above high", [](Json& q) { q["layers"]["l0"]["low"] = 1e9; }},
      {"points must be 16 sizes", [](Json& q) { q["layers"]["l2"]["points"].push_back(1); }},
      {"points must be 16 sizes", [](Json& q) { q["layers"]["l2"]["points"][3] = -1; }},
      {"points must be a list", [](Json& q) { q["layers"]["l2"]["points"] = 5; }},
      {"is not a number", [](Json& q) { q["layers"]["l0"]["high"] = 1e300; }},
      {"high", [](Json& q) { q["layers"]["l0"]["high"] = "1"; }},
      {"low", [](Json& q) { q["layers"]["l0"].erase("low"); }},
      {"method", [](Json& q) { q.erase("method"); }},
      {"quantization", [](Json& q) { q = Json::array(); }},
  };
  const graph::Network good = quantized();
  for (const Case& c : cases) {
    graph::Network network = good;
    c.spoil(network.metadata["quantization"]);
    EXPECT_NE(refusal(network).find(c.text), std::string::npos) << refusal(network);
  }
}

TEST(Quantization, ADivergedNetworkIsRejectedAtItsFirstFaultyLayer) {
  struct Case {
    const char* layer;
    const char* weight;
    std::vector<float> numbers;
  };
  const std::vector<float> large(12 * 3 * 9, 1e38F);
  const Case cases[] = {{"layer 0 (l0, convolution)", "l0.bias", {NAN}},
                        {"layer 0 (l0, convolution)", "l0.kernel", {INFINITY}},
                        {"layer 0 (l0, convolution)", "l0.variance", {-1}},
                        {"layer 0 (l0, convolution)", "l0.kernel", large},
                        {"layer 2 (l2, convolution)", "l2.scale", {-INFINITY}}};
  for (const Case& c : cases) {
    for (const bool equalized : {false, true}) {
      graph::Network network = small_network();
      graph::Tensor& tensor = network.weights.at(c.weight);
      std::vector<float> values(tensor.floats().begin(), tensor.floats().end());
      std::copy(c.numbers.begin(), c.numbers.end(), values.begin());
      tensor = graph::Tensor::of(values, tensor.shape);
      const std::vector<std::vector<std::uint8_t>> pictures{std::vector<std::uint8_t>(192, 200)};
      QuantizeOptions options;
      options.equalize = equalized;
      try {
        quantize(network, pictures, options, [] {});
        ADD_FAILURE() << "nothing was rejected: " << c.weight;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kInput);
        EXPECT_EQ(error.place(), c.layer) << error.what();
        EXPECT_EQ(error.message(), "produces values that are not finite or are too large");
      }
    }
  }
}

TEST(Quantization, ZeroIsExact) {
  for (const Range& range : {Range{-1.3F, 2.1F}, Range{.5F, 3}, Range{-7, -2}, Range{0, 1e-20F},
                             Range{-1e20F, 1}, Range{-3e38F, 3e38F}}) {
    const Scale scale = scale_of(range);
    EXPECT_GE(scale.zero, 0);
    EXPECT_LE(scale.zero, 255);
    // Both ends are at most half a step away from an int8 value.
    const auto nearest = [&](float v) {
      const float q =
          std::clamp(std::nearbyint(v / scale.scale) + static_cast<float>(scale.zero), 0.F, 255.F);
      return (q - static_cast<float>(scale.zero)) * scale.scale;
    };
    EXPECT_NEAR(nearest(range.low), range.low, .501F * scale.scale);
    EXPECT_NEAR(nearest(range.high), range.high, .501F * scale.scale);
  }
  const Scale nothing = scale_of({0, 0});
  EXPECT_EQ(nothing.scale, 1);
  EXPECT_EQ(nothing.zero, 0);
}

TEST(Quantization, ConcatenatedAndPooledTensorsShareOneScale) {
  const graph::Network network = quantized();
  const std::vector<Scale> scales = scales_of(network);  // of the input, then of the layers
  ASSERT_EQ(scales.size(), network.layers.size() + 1);
  for (const std::size_t layer : {2, 3, 4}) {  // pool, mish, route
    EXPECT_EQ(scales[layer + 1 - 1].scale, scales[1].scale) << layer;
    EXPECT_EQ(scales[layer + 1 - 1].zero, scales[1].zero) << layer;
  }
  EXPECT_EQ(scales[0].scale, 1.F / 255);
  EXPECT_EQ(scales[0].zero, 0);
}

}  // namespace
}  // namespace oko::runtime
