#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "oko/formats/coreml/arithmetic.h"
#include "oko/formats/coreml/program_builder.h"

namespace oko::formats::coreml {

// In operations of an ML Program of iOS 15, all in float32 whatever the network computes in: in
// float16 a coordinate near 1 is off by up to 1/4096 of the image.
class ProgramArithmetic : public Arithmetic {
 public:
  explicit ProgramArithmetic(ProgramBuilder& to) : to_(to) {}

  // A float32 value [1, channels, rows, columns] that is read.
  void take(const std::string& value, const std::array<std::int64_t, 3>& shape) {
    shapes_[value] = shape;
  }

  std::string linear(const std::string& what, const std::string& from, float factor,
                     float shift) override;
  std::string clamped(const std::string& what, const std::string& from, float factor,
                      float shift) override;
  std::string sigmoid(const std::string& what, const std::string& from) override;
  std::string tanh(const std::string& what, const std::string& from) override;
  std::string exponential(const std::string& what, const std::string& from) override;
  std::string power(const std::string& what, const std::string& from, float exponent) override;
  std::string at_least(const std::string& what, const std::string& from, float limit) override;
  std::string softmax(const std::string& what, const std::string& from) override;
  std::string sum(const std::string& what, const std::string& a, const std::string& b) override;
  std::string product(const std::string& what, const std::string& a, const std::string& b) override;
  std::string joined(const std::string& what, const std::vector<std::string>& parts) override;
  std::string sum_of_channels(const std::string& what, const std::string& from) override;
  std::string largest_channel(const std::string& what, const std::string& from) override;
  std::string weighted(const std::string& what, const std::string& from,
                       const std::vector<float>& factors) override;
  std::string scaled(const std::string& what, const std::string& from, const Constants& factors,
                     const Constants& shifts) override;
  std::string channels(const std::string& what, const std::string& from, int begin,
                       int end) override;
  std::string reshaped(const std::string& what, const std::string& from,
                       const std::array<std::int64_t, 3>& shape) override;
  std::string turned(const std::string& what, const std::string& from) override;
  // [boxes, values], whose rows have zeros at their end where suppressed_row() wants more values.
  void finish(const std::string& name, const std::vector<std::string>& parts, std::int64_t boxes,
              std::int64_t values) override;

 private:
  using Shape = std::array<std::int64_t, 3>;
  using Operation = ProgramBuilder::Operation;

  Operation add(const char* type, const std::string& what, const Shape& shape);
  Operation on(const char* type, const std::string& what, const std::string& x, const Shape& shape);
  std::string with(const char* type, const std::string& what, const std::string& x, float y);
  std::string with(const char* type, const std::string& what, const std::string& x,
                   const Constants& y);
  std::string reduced(const char* type, const std::string& what, const std::string& from);

  ProgramBuilder& to_;
  std::map<std::string, Shape> shapes_;
};

}  // namespace oko::formats::coreml
