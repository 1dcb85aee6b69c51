#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "oko/formats/builder.h"
#include "oko/formats/onnx/constants.h"
#include "oko/formats/onnx/node.h"

namespace oko::formats {

// Turns nodes into layers, one after another. Tensors are those of NetworkBuilder; in addition,
// ONNX has vectors (two dimensions, from Flatten on) and, in models from TensorFlow, channels-last
// tensors.
class NodeReader {
 public:
  NodeReader(NetworkBuilder& builder, Constants& constants, std::string file, int opset)
      : builder_(builder), constants_(constants), file_(std::move(file)), opset_(opset) {}

  // `channels_last`: TensorFlow's layout. Where both are possible, `map` is channels-first.
  void input(const std::string& map, const graph::Shape& shape, bool channels_last);

  // Throws an input Error that names the node if the operation or its settings are not supported.
  // `wanted`: which of its outputs are needed.
  void read(const OnnxNode& node, const std::set<std::string, std::less<>>& wanted);

  // A tensor in any layout.
  bool is_map(const std::string& name) const;
  // A tensor in a layout that no network output can have: channels-last, or a vector.
  bool is_only_a_view(const std::string& name) const;
  // The shape as the file's own shape inference gives it.
  std::vector<std::int64_t> file_shape(const OnnxNode& node, const std::string& map) const;

 private:
  struct Window {
    int size = 1, stride = 1;
    graph::Padding padding{};
  };

  [[noreturn]] void fail(const OnnxNode& node, std::string message, std::string hint = {}) const;
  const std::string& map_input(const OnnxNode& node, std::size_t i = 0) const;
  bool constant_input(const OnnxNode& node, std::size_t i) const;
  graph::Tensor weight(const OnnxNode& node, std::size_t i, const char* what);
  graph::Tensor per_channel(const OnnxNode& node, const std::string& map,
                            const graph::Tensor& constant) const;
  std::vector<std::int64_t> axes(const OnnxNode& node, std::size_t input);
  Window window(const OnnxNode& node, const std::string& from, int size) const;
  int square(const OnnxNode& node, const char* attribute, int otherwise) const;
  graph::Padding padding(const OnnxNode& node, const std::vector<std::int64_t>& pads) const;
  void keep_form(const std::string& from, const std::string& to);
  void flatten(const OnnxNode& node, const std::string& from);

  void convolution(const OnnxNode& node);
  void batch_norm(const OnnxNode& node);
  void activation(const OnnxNode& node, const Decision<graph::Activation>& kind);
  void leaky(const OnnxNode& node);
  void clip(const OnnxNode& node);
  void max_pool(const OnnxNode& node);
  void average_pool(const OnnxNode& node);
  void reduce_mean(const OnnxNode& node);
  void resize(const OnnxNode& node);
  std::pair<double, double> scales(const OnnxNode& node, const std::string& from);
  void check_nearest(const OnnxNode& node, double scale) const;
  std::optional<graph::Grid> grid_of(const OnnxNode& node) const;
  void concat(const OnnxNode& node);
  void add(const OnnxNode& node);
  void affine(const OnnxNode& node, std::size_t map, std::size_t constant);
  void split(const OnnxNode& node, const std::set<std::string, std::less<>>& wanted);
  void slice(const OnnxNode& node);
  void pad(const OnnxNode& node);
  void identity(const OnnxNode& node);
  void reshape(const OnnxNode& node);
  bool group_channels(const OnnxNode& node, const std::string& from,
                      const std::vector<std::int64_t>& to);
  bool ungroup_channels(const OnnxNode& node);
  void squeeze(const OnnxNode& node);
  void transpose(const OnnxNode& node);
  void dense(const OnnxNode& node);
  void softmax(const OnnxNode& node);

  NetworkBuilder& builder_;
  Constants& constants_;
  std::string file_;
  int opset_;
  std::set<std::string, std::less<>> rows_;  // tensors of two dimensions
  std::map<std::string, std::string, std::less<>>
      channels_last_;  // to the tensor they are made from
  // Channels as groups × parts, before and after both are exchanged: a shuffle in three nodes.
  struct Grouped {
    std::string from;
    int groups = 1;
    bool exchanged = false;
  };
  std::map<std::string, Grouped, std::less<>> grouped_;
};

}  // namespace oko::formats
