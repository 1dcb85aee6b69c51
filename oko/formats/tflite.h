#pragma once

#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/formats/file.h"
#include "oko/formats/heads.h"
#include "oko/graph/network.h"

namespace oko::formats {

enum class TfliteNumbers {
  kFloat32,
  kFloat16,  // kernels as float16, made float32 by the model itself; all else float32
  kInt8,     // all in bytes: kernels with a scale for each filter, maps with one scale each
};

struct TfliteOptions {
  TfliteNumbers numbers = TfliteNumbers::kFloat32;
  // Of kInt8: the picture comes as camera bytes 0…255; otherwise as 0…1 in int8, from -128.
  bool camera_bytes = true;
  ModelInfo info{};
};

// "<stem>.tflite": one picture [1, height, width, channels] in 0…1 in, the raw heads, rows ×
// columns × channels, out, by the names of output_names(). Labels are in a file labels.txt that is
// appended as Android's tools read it. kInt8 wants the ranges that `oko quantize` keeps in the
// network (runtime/quantization.h) and throws an input Error without them.
std::vector<File> write_tflite(const graph::Network& network, const TfliteOptions& options,
                               const std::string& stem);

// Reads a model of convolutions. Heads come from the description where oko wrote the file, else
// from add_heads(); class names also from an appended labels file. Weights and maps in bytes become
// floats; that is told in `notes`. Boxes decoded by RESHAPE and what follows are left out, and that
// is told as well. Throws input Errors whose place names the file and the operator.
Imported read_tflite(const Bytes& file, const std::string& name);

// The part of a model that makes the tensors of these keys (Imported::keys), as a model of its own:
// for programs that are to run what read_tflite() read. `input` and `outputs` are its names.
struct TflitePart {
  std::vector<std::byte> bytes;
  std::string input;
  std::vector<std::string> outputs;
};
TflitePart tflite_part(const Bytes& file, const std::string& name,
                       const std::vector<std::string>& keys);

}  // namespace oko::formats
