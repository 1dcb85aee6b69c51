#pragma once

#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/formats/format.h"
#include "oko/formats/heads.h"
#include "oko/graph/network.h"

namespace oko::formats {

// "<stem>.tflite": the input is an image [1, height, width, channels] in 0…1, the outputs are the
// raw heads, rows × columns × channels, named by output_names(). Labels are in an appended
// labels.txt, as Android's tools expect. Float16: kernels, dequantized by the model itself; all
// else is float32. Int8: all of it, kernels with a scale per filter, activations with one scale
// each; it needs the ranges that `oko quantize` stores in the network (runtime/quantization.h) and
// throws an input Error without them.
std::vector<File> write_tflite(const graph::Network& network, const WriteOptions& options,
                               const std::string& stem);

// Reads a convolutional model. Heads come from the description if oko wrote the file, else from
// add_heads(); class names also from an appended labels file. Int8 weights and activations become
// float32, with a note. Box decoding, from RESHAPE on, is dropped, also with a note. Throws input
// Errors whose place names the file and the operator.
Imported read_tflite(const Bytes& file, const std::string& name);

// The part of a model that computes the tensors of these keys (Imported::keys), as a separate
// model: for programs that run what read_tflite() read. `input` and `outputs` are its names.
struct TflitePart {
  Bytes bytes;
  std::string input;
  std::vector<std::string> outputs;
  // Those of the network, if known: a tensor that has its sides in this order has its channels
  // first, as converters from ONNX leave them.
  graph::Shape input_shape{};
  std::vector<graph::Shape> output_shapes{};
};
TflitePart tflite_part(const Bytes& file, const std::string& name,
                       const std::vector<std::string>& keys);

// Whether a model takes pixels' centres as their places when it resizes maps: not every program
// computes that, or says that it does not.
bool tflite_resizes_from_centres(const Bytes& file, const std::string& name);

// Whether its convolutions make bytes of bytes.
bool tflite_computes_in_bytes(const Bytes& file, const std::string& name);

}  // namespace oko::formats
