#pragma once

#include <array>
#include <string>
#include <vector>

#include "oko/formats/coreml/layers.h"

namespace oko::formats::coreml {

// Layers of specification version 1 that compute with tensors, each named as its output, after a
// prefix. For what is computed after a network.
class Arithmetic {
 public:
  explicit Arithmetic(LayerWriter& writer) : writer_(writer) {}

  void set_prefix(std::string prefix) { prefix_ = std::move(prefix); }

  std::string linear(const std::string& what, const std::string& from, float factor, float shift);
  // min(max(factor · x + shift, 0), 1).
  std::string clamped(const std::string& what, const std::string& from, float factor, float shift);
  std::string sigmoid(const std::string& what, const std::string& from);
  std::string tanh(const std::string& what, const std::string& from);
  std::string exponential(const std::string& what, const std::string& from);
  std::string power(const std::string& what, const std::string& from, float exponent);
  std::string at_least(const std::string& what, const std::string& from, float limit);
  std::string softmax(const std::string& what, const std::string& from);  // over channels
  std::string sum(const std::string& what, const std::string& a, const std::string& b);
  std::string product(const std::string& what, const std::string& a, const std::string& b);
  std::string joined(const std::string& what, const std::vector<std::string>& parts);

  std::string sum_of_channels(const std::string& what, const std::string& from);
  std::string largest_channel(const std::string& what, const std::string& from);
  // One channel: the sum of channel k times factors[k].
  std::string weighted(const std::string& what, const std::string& from,
                       const std::vector<float>& factors);

  // Constants of a tensor's shape.
  struct Constants {
    std::array<std::int64_t, 3> shape;
    std::vector<float> values;
  };
  // x · factors + shifts; shifts may be empty.
  std::string scaled(const std::string& what, const std::string& from, const Constants& factors,
                     const Constants& shifts);

  std::string channels(const std::string& what, const std::string& from, int begin, int end);
  std::string reshaped(const std::string& what, const std::string& from,
                       const std::array<std::int64_t, 3>& shape);
  // Exchanges channels and rows.
  std::string turned(const std::string& what, const std::string& from);

  // What earlier layers made, under a name of its own.
  void finish(const std::string& name, const std::vector<std::string>& parts);

 private:
  struct Added {
    proto::Layer& layer;
    std::string map;
  };
  Added add(const std::string& what, const std::vector<std::string>& from);
  std::string unary(const std::string& what, const std::string& from, int type, float alpha);
  std::string reduced(const std::string& what, const std::string& from, int mode);

  LayerWriter& writer_;
  std::string prefix_;
};

}  // namespace oko::formats::coreml
