#pragma once

#include <map>
#include <set>
#include <vector>

#include "oko/formats/tflite/model.h"
#include "oko/graph/network.h"

namespace oko::formats::tflite {

// Groups of operators that form one of oko's layers: TensorFlow Lite has no operator for some
// activations, for shuffles and attention, nor, on every phone, for grouped convolutions.
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

  // A convolution of every `block`-th pixel, between operators that take them apart and together.
  struct Dilated {
    std::size_t convolution = 0;  // operator
    int from = 0;                 // tensor
    int block = 1;
    graph::Padding padding{};
  };

  // A layer of one input, as its last operator has it.
  struct Made {
    graph::Operation operation;
    int from = 0;         // tensor
    bool planar = false;  // its tensors have their channels first
  };

  explicit Patterns(const Model& model);

  // The tensor that this one was cast from.
  int source(int tensor) const;
  bool is_part(std::size_t op) const {
    return parts_.contains(op);
  }  // of a pattern, except its last operator
  const Activation* activation_at(std::size_t op) const;
  const Groups* groups_at(std::size_t op) const;
  const Dilated* dilated_at(std::size_t op) const;
  const Made* made_at(std::size_t op) const;
  // The operator of this kind that computes a tensor; the only one that reads it. Else null.
  const Operator* producer(int tensor, Code code) const;
  const Operator* only_reader(int tensor) const;

 private:
  bool is_number(const Operator& op, int tensor, float value) const;
  std::vector<int> integers(const Operator& op, std::size_t input) const;
  bool find_swish(std::size_t end, int x, int gate);
  bool find_mish(std::size_t end, int x, int ratio);
  const Operator* find_hard_sigmoid(const Operator& end, std::vector<const Operator*>& parts) const;
  bool find_hard_activation(std::size_t end);
  bool find_hard_swish(std::size_t end, int x, int gate);
  void find_groups(std::size_t end);
  void find_dilation(std::size_t end);
  void find_moves(std::size_t start);
  bool find_average(std::size_t end);
  void find_attention(std::size_t end);
  std::size_t index_of(const Operator* op) const {
    return static_cast<std::size_t>(op - model_.operators().data());
  }
  void take(const std::vector<const Operator*>& parts);

  const Model& model_;
  std::map<int, int> sources_;
  std::map<int, std::size_t> producers_;
  std::map<int, int> reads_;            // of tensors
  std::map<int, std::size_t> readers_;  // the last one of each tensor
  std::set<std::size_t> parts_;
  std::map<std::size_t, Activation> activations_;
  std::map<std::size_t, Groups> groups_;
  std::map<std::size_t, Dilated> dilated_;
  std::map<std::size_t, Made> made_;
  std::int64_t followed_ = 0;  // values that find_moves() has moved, to bound its work
};

}  // namespace oko::formats::tflite
