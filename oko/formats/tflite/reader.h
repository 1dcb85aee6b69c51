#pragma once

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "oko/formats/builder.h"
#include "oko/formats/spaced_pixels.h"
#include "oko/formats/tflite/about.h"
#include "oko/formats/tflite/attentions.h"
#include "oko/formats/tflite/model.h"
#include "oko/formats/tflite/patterns.h"
#include "oko/formats/tflite/upsamplings.h"

namespace oko::formats::tflite {

// Makes layers of a model's operators. First a trial finds which of them are no layers.
class Reader {
 public:
  explicit Reader(std::shared_ptr<const Model> model)
      : shared_(std::move(model)),
        model_(*shared_),
        patterns_(model_),
        attentions_(model_, patterns_),
        upsamplings_(model_, patterns_),
        builder_(model_.file()) {}
  // With what another one has found by find_decoding().
  Reader(std::shared_ptr<const Model> model, const Reader& trial) : Reader(std::move(model)) {
    after_ = trial.after_;
    planar_ = trial.planar_;
  }

  Imported read(std::string_view file);
  // The operators that are no layers: box decoding, which no convolution depends on.
  void find_decoding();

 private:
  void name_layers();
  void add_inputs();
  void count_uses();
  void use(const Operator& op, int tensor);
  void add(std::size_t index);
  void add_made(const Operator& op, const Patterns::Made& made);
  void attend(const Operator& op, const Attentions::Exit& exit);
  void convolution(const Operator& op);
  void grouped(const Operator& op, const Patterns::Groups& groups);
  void dilated(const Operator& op, const Patterns::Dilated& pattern);
  void dense(const Operator& op);
  void pad(const Operator& op);
  bool pad_channels(const Operator& op);
  void max_pool(const Operator& op);
  void average_pool(const Operator& op);
  void mean(const Operator& op);
  void maximum(const Operator& op);
  void require_all_pixels(const Operator& op) const;
  void upsample(const Operator& op);
  void concat(const Operator& op);
  void sum(const Operator& op);
  void scale(const Operator& op);
  void split(const Operator& op);
  void slice(const Operator& op);
  void strided_slice(const Operator& op);
  void space_to_depth(const Operator& op);
  void bilinear(const Operator& op);
  void softmax(const Operator& op);
  void activation(const Operator& op);
  void reshape(const Operator& op);
  void copy(const Operator&) {}
  void read_labels(Imported& imported, const About& about, std::string_view file) const;
  void set_range(Imported& imported, const About& about) const;
  void add_notes(Imported& imported) const;

  std::string map(int tensor) const {
    const int source = patterns_.source(tensor);
    return std::to_string(source) + " " + model_.name_of(source);
  }
  std::string to(const Operator& op) const { return map(op.outputs.front()); }
  std::string from(const Operator& op) const { return map(op.inputs.front()); }
  const graph::Shape& shape(const Operator& op) const { return builder_.shape(node(op), from(op)); }
  Node node(const Operator& op) const;
  // Channels first, as converters from ONNX leave tensors between convolutions.
  bool planar(int tensor) const { return planar_.contains(patterns_.source(tensor)); }
  bool planar(const Operator& op) const { return planar(op.inputs.front()); }
  // The dimensions of rows, columns and channels.
  std::array<std::size_t, 3> axes(int tensor) const {
    return planar(tensor) ? std::array<std::size_t, 3>{2, 3, 1}
                          : std::array<std::size_t, 3>{1, 2, 3};
  }
  bool is_channel_axis(int tensor, int axis) const {
    return axis == static_cast<int>(axes(tensor)[2]) || axis == (planar(tensor) ? -3 : -1);
  }
  bool is_constant(int tensor) const {
    return tensor >= 0 && model_.is_constant(patterns_.source(tensor));
  }
  graph::Tensor constant(const Operator& op, std::size_t input) const;
  graph::Tensor per_channel(const Operator& op) const;
  graph::Tensor bias(const Operator& op) const;
  void add_convolution(const Operator& op, const Operator& convolution, const std::string& from,
                       const graph::Convolution& settings, const graph::Tensor& kernel);
  graph::Convolution settings(const Operator& op, const graph::Shape& in,
                              const graph::Tensor& kernel) const;
  template <typename OptionsT>
  void set_window(const Operator& op, const OptionsT& options, const graph::Shape& in,
                  graph::Convolution& convolution) const;
  graph::Activation fused(const Operator& op, oko::tflite::Activation activation) const;
  graph::Activation implied(const Operator& op) const;
  void no_activation(const Operator& op, oko::tflite::Activation activation) const;
  void is_flatten(const Operator& op);
  graph::Padding padding_of(const Operator& op) const;
  bool keeps_map(const Operator& op) const;
  bool pads_maximum(const Operator& op) const;
  bool completes_sum(const Operator& op) const;

  void add_tail(Imported& imported, const About& about) const;
  bool is_weighted_sum(const Operator& op) const;
  std::vector<bool> needed_by_network() const;
  void note_pool_padding(const Operator& op);
  void transpose(const Operator& op);
  bool turns_one_channel(const Operator& op) const;
  bool take_pixels(const Operator& op);
  bool join_pixels(const Operator& op);

  std::shared_ptr<const Model> shared_;
  const Model& model_;
  Patterns patterns_;
  Attentions attentions_;
  Upsamplings upsamplings_;
  NetworkBuilder builder_;
  std::set<std::size_t> after_;                 // operators that are no layers
  std::map<int, std::string> names_;            // of layers whose tensors have other names
  std::map<int, graph::Padding> pool_padding_;  // of tensors padded with the lowest value
  std::set<int> gone_;                          // tensors after a dropped operator
  std::vector<DroppedNode> dropped_;
  std::vector<int> outputs_;
  std::map<int, SpacedPixels> spaced_;
  std::set<int> planar_;
};

}  // namespace oko::formats::tflite
