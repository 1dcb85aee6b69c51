#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "oko/formats/coreml/fields.h"
#include "oko/formats/coreml/wire.h"
#include "oko/graph/network.h"

// A parsed .mlmodel file, for the reader and the interpreter; shares nothing with the writer
// but same_padding().
namespace oko::formats::coreml {

struct FileLayer {
  std::string name;
  std::uint32_t kind = 0;
  Message settings;
  std::vector<std::string> inputs, outputs;
};

// "convolution", or "layer type 410" for kinds without a name here.
std::string name_of_kind(std::uint32_t kind);

// The layers of a NeuralNetwork message in the file's order, each with at least one output.
std::vector<FileLayer> layers_of(const Message& network);

// Kernel, stride and padding of a convolution or pooling layer that reads `input`. Throws an input
// Error at `place` for windows that are not square and for padding of an unknown kind.
struct Window {
  int size = 1, stride = 1;
  graph::Padding padding{};
  int dilation = 1;
  int reach() const { return (size - 1) * dilation + 1; }
};
Window window_of(const FileLayer& layer, const graph::Shape& input, const std::string& place);

// Padding or cropping amounts of a BorderAmounts message; all 0 if it is empty.
graph::Padding border_of(const Message& border, const std::string& place);

// A model's input or output.
struct FileFeature {
  std::string name;
  bool image = false, bgr = false, number = false;  // number: a double, such as a threshold
  std::vector<std::int64_t> shape;  // of an array; for an image channels, rows, columns
};
std::vector<FileFeature> features_of(const Message& description, ModelDescription list);

// y = x · scale + bias per channel of the image's bytes, the file's preprocessing.
struct PixelScaling {
  float scale = 1;
  std::vector<float> bias;  // by channel of the network's input; empty: none
};
PixelScaling scaling_of(const Message& network, const FileFeature& input);

}  // namespace oko::formats::coreml
