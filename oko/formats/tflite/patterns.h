#pragma once

#include <map>
#include <set>
#include <vector>

#include "oko/formats/tflite/model.h"
#include "oko/graph/network.h"

namespace oko::formats::tflite {

// Groups of operators that form one of oko's layers: TensorFlow Lite has no operator for some
// activations, nor, on every phone, for grouped convolutions.
class Patterns {
 public:
  struct Activation {
    graph::Activation kind{};
    int from = 0;  // tensor
  };
  struct Groups {
    std::vector<std::size_t> convolutions;  // operators, in order
    int from = 0;                           // tensor
  };

  explicit Patterns(const Model& model);

  // The tensor that this one was cast from.
  int source(int tensor) const;
  bool is_part(std::size_t op) const {
    return parts_.contains(op);
  }  // of a pattern, except its last operator
  const Activation* activation_at(std::size_t op) const;
  const Groups* groups_at(std::size_t op) const;

 private:
  const Operator* producer(int tensor, Code code) const;
  bool is_one(const Operator& op, int tensor) const;
  bool find_swish(std::size_t end, int x, int gate);
  bool find_mish(std::size_t end, int x, int ratio);
  void find_groups(std::size_t end);
  void take(const std::vector<const Operator*>& parts);

  const Model& model_;
  std::map<int, int> sources_;
  std::map<int, std::size_t> producers_;
  std::map<int, int> reads_;  // of tensors
  std::set<std::size_t> parts_;
  std::map<std::size_t, Activation> activations_;
  std::map<std::size_t, Groups> groups_;
};

}  // namespace oko::formats::tflite
