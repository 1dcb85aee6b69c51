#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "oko/formats/heads.h"
#include "oko/graph/precision.h"

namespace oko::convert {

// A program that runs a model file: oko's own or an independent one. One caller at a time.
class Executor {
 public:
  virtual ~Executor() = default;
  // As shown in reports: "ONNX Runtime 1.30.0", "OpenCV DNN 4.6.0", "oko's engine".
  virtual std::string name() const = 0;
  // Runs one image: planar channels × height × width floats in 0…1, in the network's own colour
  // order. Returns the raw values of each model output, planar, in network.outputs() order.
  virtual std::vector<std::vector<float>> run(std::span<const float> input) = 0;
  // Of each output the function that each channel has passed in the file, which run() undoes as
  // well as floats allow: values are to be compared after it. Empty if there are none.
  virtual std::vector<std::vector<formats::Passed>> passed() const { return {}; }
  // Of the values that layers pass to each other.
  virtual graph::Precision arithmetic() const { return graph::Precision::kFloat32; }
  // The layer outputs for the same image, planar, by layer name, for as many layers as the program
  // exposes; may be empty. Used to name the first layer that differs.
  virtual std::map<std::string, std::vector<float>> run_layers(std::span<const float> input) {
    static_cast<void>(input);
    return {};
  }
};

}  // namespace oko::convert
