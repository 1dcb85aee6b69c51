#pragma once

#include <string>

#include "oko/formats/coreml/network_file.h"
#include "oko/formats/heads.h"

namespace oko::formats::coreml {

// What the network needs from the model description.
struct Signature {
  std::string file, model;  // names; the second is the network's
  FileFeature input;
  std::vector<std::string> outputs;  // in the file's order
};

// Reads the layers of a NeuralNetwork message.
Imported read_network(const Message& network, const Signature& signature);

// Reads a Program message.
Imported read_program(const Message& program, const Bytes& weights, const Signature& signature);

// The shape of the model's input image. Throws if the input is not an image.
graph::Shape picture_shape(const Signature& signature);

}  // namespace oko::formats::coreml
