#pragma once

#include <gtest/gtest.h>
#include <oko/oko.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "oko/base/owned.h"
#include "oko/graph/oko_file.h"
#include "oko/graph/synthetic.h"

// For tests of the C API: a small model, handles that close themselves, frames.
namespace oko::runtime {

// A 64x64 detector with one head, synthetic weights.
inline graph::Network small_network(const std::string& name = "small",
                                    std::vector<std::string> classes = {"cat", "dog"}) {
  graph::Network network;
  network.name = name;
  network.input = {3, 64, 64};
  network.classes = std::move(classes);
  graph::Convolution first{8, 3, 2, 1, graph::Padding::all(1), {}, graph::Activation::kLeaky};
  const int count = static_cast<int>(network.classes.size());
  graph::Convolution last{5 + count, 1, 1, 1, {}, {}, graph::Activation::kLinear};
  network.layers = {{"a", first, {graph::kNetworkInput}, {}},
                    {"b", graph::MaxPool{2, 2, {}}, {0}, {}},
                    {"c", last, {1}, {}},
                    {"d", graph::Yolo{{{20, 30}}, {0}, count}, {2}, {}}};
  graph::infer_shapes(network);
  graph::fill_synthetic_weights(network);
  return network;
}
inline std::vector<std::byte> small_model(const std::string& name = "small",
                                          std::vector<std::string> classes = {"cat", "dog"}) {
  return graph::write_oko(small_network(name, std::move(classes)));
}

using ModelHandle = Owned<oko_model, oko_model_close>;
using DetectorHandle = Owned<oko_detector, oko_detector_destroy>;

inline ModelHandle open_model(const std::vector<std::byte>& bytes,
                              const oko_model_options* options = nullptr) {
  oko_model* model = nullptr;
  EXPECT_EQ(oko_model_open_memory(bytes.data(), bytes.size(), nullptr, nullptr, options, &model),
            OKO_OK)
      << oko_last_error();
  return ModelHandle(model);
}
inline DetectorHandle make_detector(const ModelHandle& model, int threads = 1) {
  oko_detector_options options{};
  options.struct_size = sizeof options;
  options.threads = threads;
  oko_detector* detector = nullptr;
  EXPECT_EQ(oko_detector_create(model.get(), &options, &detector), OKO_OK) << oko_last_error();
  return DetectorHandle(detector);
}

inline oko_frame rgb_frame(const std::vector<std::uint8_t>& pixels, int width, int height) {
  oko_frame frame{};
  frame.struct_size = sizeof frame;
  frame.width = width;
  frame.height = height;
  frame.planes[0] = pixels.data();
  return frame;
}
inline std::vector<std::uint8_t> noise(std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  std::uint32_t state = 1;
  for (auto& b : bytes) b = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}
inline oko_thresholds everything() {
  oko_thresholds thresholds{};
  thresholds.struct_size = sizeof thresholds;
  thresholds.score = -1;
  thresholds.max_detections = 10000;
  return thresholds;
}

}  // namespace oko::runtime
