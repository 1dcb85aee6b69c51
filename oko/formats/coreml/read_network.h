#pragma once

#include <string>

#include "oko/formats/coreml/network_file.h"
#include "oko/formats/heads.h"

namespace oko::formats::coreml {

// What a model's description says that its network needs to know.
struct Signature {
  std::string file, model;  // names, of which the second is the network's
  FileFeature input;
  std::vector<std::string> outputs;  // in the file's order
};

// Reads the layers of a NeuralNetwork message.
Imported read_network(const Message& network, const Signature& signature);

// Reads a Program message.
Imported read_program(const Message& program, const Bytes& weights, const Signature& signature);

// The shape of the model's one picture. Throws where the input is no picture.
graph::Shape picture_shape(const Signature& signature);

}  // namespace oko::formats::coreml
