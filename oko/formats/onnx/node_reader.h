#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "oko/formats/builder.h"
#include "oko/formats/onnx/constants.h"
#include "oko/formats/onnx/node.h"
#include "oko/formats/spaced_pixels.h"

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
    int size = 1, stride = 1, dilation = 1;
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
  void hard_sigmoid(const OnnxNode& node);
  void elu(const OnnxNode& node);
  void clip(const OnnxNode& node);
  void check_ceil(const OnnxNode& node, const std::string& from, const Window& window) const;
  void max_pool(const OnnxNode& node);
  void average_pool(const OnnxNode& node);
  void reduce_mean(const OnnxNode& node);
  void resize(const OnnxNode& node);
  std::pair<double, double> scales(const OnnxNode& node, const std::string& from);
  void check_nearest(const OnnxNode& node, double scale) const;
  std::optional<graph::Grid> grid_of(const OnnxNode& node) const;
  void concat(const OnnxNode& node);
  bool add_zeros(const OnnxNode& node);
  void add(const OnnxNode& node);
  void affine(const OnnxNode& node, std::size_t map, std::size_t constant);
  void split(const OnnxNode& node, const std::set<std::string, std::less<>>& wanted);
  void slice(const OnnxNode& node);
  void pad(const OnnxNode& node);
  std::vector<std::int64_t> all_pads(const OnnxNode& node,
                                     const std::vector<std::int64_t>& some) const;
  void identity(const OnnxNode& node);
  void reshape(const OnnxNode& node);
  bool group_channels(const OnnxNode& node, const std::string& from,
                      const std::vector<std::int64_t>& to);
  bool ungroup_channels(const OnnxNode& node);
  bool see_larger(const OnnxNode& node, const std::string& from,
                  const std::vector<std::int64_t>& to);
  bool see_squares(const OnnxNode& node);
  bool pair_channels(const OnnxNode& node, const std::vector<std::int64_t>& to);
  bool turn_pairs(const OnnxNode& node, const std::vector<std::int64_t>& order);
  void gather(const OnnxNode& node);
  void space_to_depth(const OnnxNode& node);
  bool take_pixels(const OnnxNode& node, const std::vector<std::int64_t>& begins,
                   const std::vector<std::int64_t>& ends, const std::vector<std::int64_t>& axes,
                   const std::vector<std::int64_t>& steps);
  bool join_pixels(const OnnxNode& node);
  struct Attending;
  const Attending* attending(const OnnxNode& node, std::size_t input) const;
  bool attention(const OnnxNode& node, const std::set<std::string, std::less<>>& wanted);
  bool cut_heads(const OnnxNode& node, const std::set<std::string, std::less<>>& wanted);
  bool multiply_heads(const OnnxNode& node);
  bool scale_dots(const OnnxNode& node);
  bool join_heads(const OnnxNode& node, const Attending& from);
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
  // Even and odd channels of a map, which some ShuffleNets separate: as pairs × pixels, then as two
  // halves × pixels, then each half as a map.
  struct Paired {
    std::string from;
    enum class Stage { kPairs, kHalves, kMaps } stage = Stage::kPairs;
    std::string shuffled{};  // the map with the even ones first
  };
  std::map<std::string, Paired, std::less<>> paired_;
  // What attention has computed so far of a map whose channels were grouped into heads.
  struct Attending {
    enum class Stage { kPart, kDots, kShares, kSums };
    Stage stage = Stage::kPart;
    std::string from;
    int heads = 1, first = 0, count = 0;  // channels of each head
    bool turned = false;                  // rows and columns of its matrices exchanged
    int keys = 0;
    float scale = 1;
  };
  std::map<std::string, Attending, std::less<>> attending_;
  std::map<std::string, SpacedPixels, std::less<>> spaced_;
  // A map that is seen as one of fewer channels and larger sides, whose squares become channels:
  // Darknet's order.
  struct Larger {
    std::string from;
    int block = 1;
    bool is_moved = false;
  };
  std::map<std::string, Larger, std::less<>> larger_;
};

}  // namespace oko::formats
