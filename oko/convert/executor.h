#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

namespace oko::convert {

// A program that runs a model file: ours, or one that nobody here wrote. One caller at a time.
class Executor {
 public:
  virtual ~Executor() = default;
  // As a report tells it: "ONNX Runtime 1.30.0", "OpenCV DNN 4.6.0", "oko's engine".
  virtual std::string name() const = 0;
  // Runs one picture: planar channels × height × width floats in 0…1, in the network's own colour
  // order. Result: the raw map of each of the model's outputs, planar, in network.outputs() order.
  virtual std::vector<std::vector<float>> run(std::span<const float> input) = 0;
  // The same picture's maps behind the layers, planar, by layer name, of as many layers as the
  // program can tell; empty where it tells none. It is what names the first layer that differs.
  virtual std::map<std::string, std::vector<float>> run_layers(std::span<const float> input) {
    static_cast<void>(input);
    return {};
  }
};

}  // namespace oko::convert
