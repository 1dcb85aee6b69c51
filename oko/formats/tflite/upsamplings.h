#pragma once

#include <map>
#include <set>

#include "oko/formats/tflite/patterns.h"

namespace oko::formats::tflite {

// Tensors enlarged by repeating pixels, which TensorFlow's Object Detection API writes with packs,
// products or tiles and reshapes. What they compute of test values shows it.
class Upsamplings {
 public:
  struct Upsampling {
    int from = 0;  // tensor
    int scale = 1;
  };
  Upsamplings(const Model& model, const Patterns& patterns);

  // Of a group of operators, except its last one.
  bool is_part(std::size_t op) const { return parts_.contains(op); }
  const Upsampling* at(std::size_t op) const;

 private:
  struct Group {
    Upsampling upsampling{};
    std::set<std::size_t> operators{};
  };
  std::optional<int> scale_between(int from, int to) const;
  std::optional<Group> group_before(std::size_t end) const;
  void include_same_before(Group& group) const;
  bool read_elsewhere(int tensor, const Group& group) const;
  bool is_proved(const Group& group, int result) const;

  const Model& model_;
  const Patterns& patterns_;
  std::map<int, std::size_t> producers_;
  std::set<std::size_t> parts_;
  std::map<std::size_t, Upsampling> found_;
};

}  // namespace oko::formats::tflite
