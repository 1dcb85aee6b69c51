#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace oko::formats::coreml {

// What is computed after a network, in a kind of model that computes it: each call adds an
// operation named as its result, after a prefix, and returns the result's name. Tensors have the
// axes channels, rows and columns.
class Arithmetic {
 public:
  virtual ~Arithmetic() = default;

  void set_prefix(std::string prefix) { prefix_ = std::move(prefix); }

  virtual std::string linear(const std::string& what, const std::string& from, float factor,
                             float shift) = 0;
  // min(max(factor · x + shift, 0), 1).
  virtual std::string clamped(const std::string& what, const std::string& from, float factor,
                              float shift) = 0;
  virtual std::string sigmoid(const std::string& what, const std::string& from) = 0;
  virtual std::string tanh(const std::string& what, const std::string& from) = 0;
  virtual std::string exponential(const std::string& what, const std::string& from) = 0;
  virtual std::string power(const std::string& what, const std::string& from, float exponent) = 0;
  virtual std::string at_least(const std::string& what, const std::string& from, float limit) = 0;
  // Over channels.
  virtual std::string softmax(const std::string& what, const std::string& from) = 0;
  // The second may have one channel for all of the first's.
  virtual std::string sum(const std::string& what, const std::string& a, const std::string& b) = 0;
  virtual std::string product(const std::string& what, const std::string& a,
                              const std::string& b) = 0;
  // Along the channels.
  virtual std::string joined(const std::string& what, const std::vector<std::string>& parts) = 0;

  virtual std::string sum_of_channels(const std::string& what, const std::string& from) = 0;
  virtual std::string largest_channel(const std::string& what, const std::string& from) = 0;
  // One channel: the sum of channel k times factors[k].
  virtual std::string weighted(const std::string& what, const std::string& from,
                               const std::vector<float>& factors) = 0;

  // Constants of a tensor's shape.
  struct Constants {
    std::array<std::int64_t, 3> shape;
    std::vector<float> values;
  };
  // x · factors + shifts; shifts may be empty.
  virtual std::string scaled(const std::string& what, const std::string& from,
                             const Constants& factors, const Constants& shifts) = 0;

  virtual std::string channels(const std::string& what, const std::string& from, int begin,
                               int end) = 0;
  virtual std::string reshaped(const std::string& what, const std::string& from,
                               const std::array<std::int64_t, 3>& shape) = 0;
  // Exchanges channels and rows.
  virtual std::string turned(const std::string& what, const std::string& from) = 0;

  // Makes the model's output `name`, [boxes, values], of lists of boxes, [some, values, 1], one
  // after another.
  virtual void finish(const std::string& name, const std::vector<std::string>& parts,
                      std::int64_t boxes, std::int64_t values) = 0;

 protected:
  std::string named(const std::string& what) const { return prefix_ + what; }

 private:
  std::string prefix_;
};

}  // namespace oko::formats::coreml
