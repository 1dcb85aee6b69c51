#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "oko/formats/darknet.h"
#include "oko/graph/synthetic.h"

// Networks and results of the reference data, for the tests of every engine.
namespace oko::reference {

// A file or folder of the reference data, or "" if not installed (the test is skipped).
inline std::string path_of(const std::string& name) {
  const char* root = std::getenv("OKO_DATA");
  const std::string path = root != nullptr ? std::string(root) + "/" + name : "";
  return !path.empty() && std::filesystem::exists(path) ? path : "";
}

inline Bytes read_file(const std::string& path) {
  std::vector<std::byte> bytes(std::filesystem::file_size(path));
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return Bytes(std::move(bytes));
}

inline std::vector<float> read_floats(const std::string& path) {
  const Bytes bytes = read_file(path);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

// As in the original Darknet, which produced the reference results.
inline graph::Network darknet_model(const std::string& cfg, const std::string& weights) {
  graph::Network network = formats::read_darknet_cfg(read_file(cfg).text(), cfg);
  formats::as_original_darknet(network);
  formats::read_darknet_weights(read_file(weights), weights, network);
  return network;
}

inline float largest_difference(std::span<const float> a, std::span<const float> b) {
  if (a.size() != b.size()) return INFINITY;
  float most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const float difference = std::fabs(a[i] - b[i]);
    if (!(difference <= most)) most = difference;  // NaN is kept
  }
  return most;
}

// A published model, an input and Darknet's outputs for it.
struct GoldenModel {
  const char *name, *input;
  std::vector<const char*> heads;
};
inline const std::vector<GoldenModel>& golden_models() {
  static const std::vector<GoldenModel> models{
      {"yolo-fastest-1.1",
       "dog_letterbox_3x320x320.f32",
       {"layer120_255x10x10.f32", "layer129_255x20x20.f32"}},
      {"yolo-fastest-1.1-xl",
       "dog_letterbox_3x320x320.f32",
       {"layer120_255x10x10.f32", "layer129_255x20x20.f32"}},
      {"MobileNetV2-YOLOv3-Nano-coco",
       "dog_letterbox_3x320x320.f32",
       {"layer68_255x10x10.f32", "layer78_255x20x20.f32"}},
      {"yoloface-500k",
       "person_letterbox_3x256x320.f32",
       {"layer64_18x16x20.f32", "layer72_18x32x40.f32", "layer80_18x64x80.f32"}},
      {"yoloface-50k", "person_letterbox_3x56x56.f32", {"layer32_18x7x7.f32"}}};
  return models;
}

// A network of the paper with the synthetic weights that the reference describes.
struct SyntheticModel {
  const char* name;
  int side;
  double gain;
  std::vector<const char*> heads;
};
inline const std::vector<SyntheticModel>& synthetic_models() {
  static const std::vector<SyntheticModel> models{
      {"yolov3-tiny", 416, 1, {"416_layer15_255x13x13", "416_layer22_255x26x26"}},
      {"yolov3",
       160,
       .75,
       {"160_layer81_255x5x5", "160_layer93_255x10x10", "160_layer105_255x20x20"}}};
  return models;
}
inline graph::Network synthetic_network(const SyntheticModel& model) {
  const std::string cfg = path_of("models/cfg") + "/" + model.name + ".cfg";
  graph::Network network =
      graph::resized(formats::read_darknet_cfg(read_file(cfg).text(), cfg), model.side, model.side);
  graph::fill_synthetic_weights(network, model.gain);
  return network;
}

// Checks that an engine's outputs for a golden model's input match Darknet's. `make` creates the
// engine of a network.
template <typename Make>
void expect_golden_heads(const GoldenModel& model, const Make& make) {
  const std::string golden = path_of("golden");
  const std::string base = path_of("models/darknet") + "/" + model.name;
  const auto engine = make(darknet_model(base + ".cfg", base + ".weights"));
  const auto maps = engine->run(read_floats(golden + "/inputs/" + model.input), 1);
  const std::string input = model.input, picture = input.substr(0, input.find('_'));
  ASSERT_EQ(maps[0].size(), model.heads.size());
  for (std::size_t h = 0; h < model.heads.size(); ++h) {
    const auto expected =
        read_floats(golden + "/" + model.name + "/" + picture + "_tensors/" + model.heads[h]);
    EXPECT_LT(largest_difference(maps[0][h], expected), 1e-3) << model.name << model.heads[h];
  }
}
template <typename Make>
void expect_golden_heads(const SyntheticModel& model, const Make& make) {
  const std::string golden = path_of("golden"), side = std::to_string(model.side);
  const auto engine = make(synthetic_network(model));
  const auto maps =
      engine->run(read_floats(golden + "/inputs/dog_letterbox_3x" + side + "x" + side + ".f32"), 1);
  ASSERT_EQ(maps[0].size(), model.heads.size());
  for (std::size_t h = 0; h < model.heads.size(); ++h) {
    const auto expected =
        read_floats(golden + "/synthetic/" + model.name + "_" + model.heads[h] + ".f32");
    EXPECT_LT(largest_difference(maps[0][h], expected), 1e-3) << model.name << model.heads[h];
  }
}

}  // namespace oko::reference
