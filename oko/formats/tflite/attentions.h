#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "oko/formats/tflite/patterns.h"

namespace oko::formats::tflite {

// Self-attention among the pixels of a tensor, which converters write as ten to a hundred
// operators, in many ways. Those between two tensors of the network are computed on test values;
// they are attention if their result is the same.
class Attentions {
 public:
  // What an operator's output is: the attention of `from`, or these channels of it.
  struct Exit {
    int from = 0;  // tensor
    std::optional<graph::Attention> attention{};
    std::vector<int> channels{};
    bool planar = false;
  };

  Attentions(const Model& model, const Patterns& patterns);

  // Of a group of operators, except those that have an Exit.
  bool is_part(std::size_t op) const { return parts_.contains(op); }
  const Exit* exit_at(std::size_t op) const;

 private:
  struct Size {
    int rows = 0, columns = 0;
  };
  struct Region {
    int from = 0;
    Size size{};
    int pixels = 0, channels = 0;
    bool planar = false;
    std::set<std::size_t> operators{};
    std::map<int, std::size_t> exits{};  // tensors, and the operators that compute them
  };
  bool is_map(int tensor, const Size& size) const;
  bool is_planar(int tensor, const Size& size) const;
  bool is_constant(int tensor) const;
  template <typename End>
  std::optional<int> source_of(std::size_t softmax, const End& is_end);
  std::optional<Size> size_before(std::size_t softmax, int pixels);
  std::optional<Region> region_of(std::size_t softmax);
  std::optional<Exit> exit_of(const Region& region, const std::vector<float>& values,
                              const graph::Tensor& result, bool planar) const;
  void prove(const Region& region);

  const Model& model_;
  const Patterns& patterns_;
  std::map<int, std::size_t> producers_;
  std::set<std::size_t> parts_;
  std::map<std::size_t, Exit> exits_;
  int followed_ = 0;  // tensors, to bound the work
};

}  // namespace oko::formats::tflite
