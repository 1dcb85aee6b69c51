#pragma once

#include <google/protobuf/arena.h>

#include <memory>
#include <string>

#include "oko/base/bytes.h"
#include "oko/formats/onnx/onnx.pb.h"

namespace oko::formats {

// ONNX' numbers for the types of tensors and attributes.
enum OnnxType {
  kOnnxFloat = 1,
  kOnnxInt32 = 6,
  kOnnxInt64 = 7,
  kOnnxFloat16 = 10,
  kOnnxDouble = 11
};

// A model as protobuf has it, and the memory that it lies in.
struct ParsedOnnx {
  std::unique_ptr<google::protobuf::Arena> arena;
  onnx::Model* model = nullptr;
};

// Takes a file apart. Throws an input Error for what is no ONNX model. Messages take a few times
// their bytes in memory, but an empty one of two bytes takes a hundred: a file that is made of such
// is refused.
ParsedOnnx parse_onnx(const Bytes& file, const std::string& name);

}  // namespace oko::formats
