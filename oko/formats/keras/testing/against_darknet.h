#pragma once

#include "oko/formats/heads.h"
#include "oko/formats/keras/testing/python.h"
#include "oko/formats/test_models.h"
#include "oko/runtime/engine.h"
#include "tests/support/reference_models.h"

// Compares what a reader makes of a converted Darknet model with the original.
namespace oko::formats {

inline std::string darknet_base(const std::string& model) {
  return reference_models() + "/darknet/" + model;
}

inline graph::Network darknet_original(const std::string& model) {
  return reference::darknet_model(darknet_base(model) + ".cfg", darknet_base(model) + ".weights");
}

// The file a script makes of a Darknet model. The scripts are independent of our readers.
inline Bytes converted(const std::string& with, const std::string& cfg, const std::string& weights,
                       const std::string& flags) {
  const TestFolder folder("converted");
  const std::string out = folder.file("model");
  EXPECT_TRUE(run_python(script(with) + " " + cfg + " " + weights + " " + out + " " + flags));
  return storage::read(out);
}
inline Bytes converted(const std::string& with, const std::string& model,
                       const std::string& flags) {
  return converted(with, darknet_base(model) + ".cfg", darknet_base(model) + ".weights", flags);
}

// YOLOv3-tiny with synthetic weights: two heads, whose layers are interleaved in other formats.
struct SyntheticTiny {
  TestFolder folder{"synthetic_tiny"};
  graph::Network original = reference::synthetic_network(reference::synthetic_models()[0]);
  std::string cfg = reference_models() + "/cfg/yolov3-tiny.cfg";
  std::string weights = folder.file("tiny.weights");
  std::vector<float> input =
      reference::read_floats(reference::path_of("golden/inputs/dog_letterbox_3x416x416.f32"));

  SyntheticTiny() { storage::write(weights, write_darknet_weights(original)); }
};

inline std::vector<float> golden_input(const reference::GoldenModel& model) {
  return reference::read_floats(reference::path_of("golden/inputs/") + model.input);
}

// With the heads of the original, in the order of its outputs.
inline graph::Network with_heads_of(Imported imported, const graph::Network& original) {
  HeadOptions options;
  for (const int head : original.heads()) {
    const auto& layer = original.layers[head];
    const auto& yolo = std::get<graph::Yolo>(layer.operation);
    options.anchors = yolo.anchors;
    options.masks.push_back(yolo.mask);
  }
  add_heads(imported, options);
  return imported.network;
}

inline void expect_same_maps(const graph::Network& network, const graph::Network& original,
                             const std::vector<float>& input, double within) {
  const auto engine = runtime::make_engine(network, {.threads = 2});
  const auto reference = runtime::make_engine(original, {.threads = 2});
  const auto maps = engine->run(input, 1)[0], expected = reference->run(input, 1)[0];
  ASSERT_EQ(maps.size(), expected.size());
  for (std::size_t h = 0; h < maps.size(); ++h) {
    EXPECT_LT(reference::largest_difference(maps[h], expected[h]), within) << "head " << h;
  }
}

}  // namespace oko::formats
