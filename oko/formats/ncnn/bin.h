#pragma once

#include <string>
#include <vector>

#include "oko/base/bytes.h"
#include "oko/formats/ncnn/param.h"
#include "oko/graph/tensor.h"

namespace oko::formats::ncnn {

// The weights of a .bin, in the order of the lines. All functions throw input Errors with
// "name.bin@byte" if the file ends too soon or has values that are not finite.
class Bin {
 public:
  Bin(const std::string& name, const Bytes& bytes) : bytes_(name, bytes) {}

  // A storage flag, and the values.
  graph::Tensor kernel(const Line& line, std::vector<std::int64_t> shape);
  graph::Tensor row(std::int64_t count, const char* what);  // plain float32
  void finish() const;                                      // throws if anything is left

 private:
  graph::Tensor checked(std::vector<float> values, std::vector<std::int64_t> shape,
                        const char* what) const;

  ByteReader bytes_;
};

}  // namespace oko::formats::ncnn
