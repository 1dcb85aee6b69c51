#pragma once

#include <google/protobuf/arena.h>

#include <memory>
#include <string>

#include "oko/base/bytes.h"
#include "oko/formats/onnx/onnx.pb.h"

namespace oko::formats {

// ONNX's codes for the types of tensors and attributes.
enum OnnxType {
  kOnnxFloat = 1,
  kOnnxUint8 = 2,
  kOnnxInt8 = 3,
  kOnnxInt32 = 6,
  kOnnxInt64 = 7,
  kOnnxBool = 9,
  kOnnxFloat16 = 10,
  kOnnxDouble = 11
};

// A parsed protobuf model and the memory that holds it.
struct ParsedOnnx {
  std::unique_ptr<google::protobuf::Arena> arena;
  onnx::Model* model = nullptr;
};

// Parses a file. Throws an input Error if it is not an ONNX model. Messages take a few times their
// size in memory, but an empty one of two bytes takes a hundred: a file made of these is rejected.
ParsedOnnx parse_onnx(const Bytes& file, const std::string& name);

}  // namespace oko::formats
