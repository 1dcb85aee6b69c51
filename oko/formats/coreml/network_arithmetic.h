#pragma once

#include <string>
#include <vector>

#include "oko/formats/coreml/arithmetic.h"
#include "oko/formats/coreml/layers.h"

namespace oko::formats::coreml {

// In layers of a neural network, all of specification version 1.
class NetworkArithmetic : public Arithmetic {
 public:
  explicit NetworkArithmetic(LayerWriter& writer) : writer_(writer) {}

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
  void finish(const std::string& name, const std::vector<std::string>& parts, std::int64_t boxes,
              std::int64_t values) override;

 private:
  struct Added {
    proto::Layer& layer;
    std::string map;
  };
  Added add(const std::string& what, const std::vector<std::string>& from);
  std::string unary(const std::string& what, const std::string& from, int type, float alpha);
  std::string reduced(const std::string& what, const std::string& from, int mode);

  LayerWriter& writer_;
};

}  // namespace oko::formats::coreml
