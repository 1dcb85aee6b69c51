#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "oko/formats/decisions.h"
#include "oko/formats/heads.h"
#include "oko/graph/network.h"

namespace oko::formats {

// `count` times the same weight.
graph::Tensor filled(float value, std::int64_t count);

// A node of the file that is being read: what to call it in messages and as a layer.
struct Node {
  std::string name, kind;
};

// Builds a graph::Network from another format's nodes, given in topological order. Tensors are
// identified by their names in the file. Separate batch norm, bias and activation nodes are folded
// into the preceding convolution, zero padding into the following one. Where the preceding tensor
// has other readers, or does not come from a convolution, a 1x1 depthwise convolution is added
// instead, so that nothing is lost.
// First count every use of a tensor with use() (graph outputs as well), then call the operations.
// All of them throw an input Error whose place is "file: node (kind)".
class NetworkBuilder {
 public:
  explicit NetworkBuilder(std::string file) : file_(std::move(file)) {}

  void use(const std::string& tensor) { ++uses_[tensor]; }
  void input(const std::string& tensor, const graph::Shape& shape);  // the network's one input

  bool has(const std::string& tensor) const { return values_.contains(tensor); }
  // The shape of an existing tensor, without pending padding; throws if there is none of this name.
  const graph::Shape& shape(const Node& node, const std::string& tensor) const;
  // The shape including the zeros added by pad(), which "same" padding is based on.
  graph::Shape padded_shape(const Node& node, const std::string& tensor) const;
  std::string place(const Node& node) const;
  // The value of a decision; throws if it is a refusal.
  template <typename T>
  T decided(const Node& node, const Decision<T>& decision) const {
    if (const auto* no = std::get_if<Refusal>(&decision)) fail(node, no->message, no->hint);
    return std::get<T>(decision);
  }

  // `kernel` is [filters, in/groups, size, size]; `bias` [filters], or no shape for none.
  void convolution(const Node& node, const std::string& from, const std::string& to,
                   graph::Convolution convolution, graph::Tensor kernel, graph::Tensor bias);
  // A dense layer: `kernel` is [outputs, inputs]. Becomes a convolution.
  void dense(const Node& node, const std::string& from, const std::string& to, graph::Tensor kernel,
             graph::Tensor bias);
  void batch_norm(const Node& node, const std::string& from, const std::string& to, float epsilon,
                  graph::Tensor scale, graph::Tensor bias, graph::Tensor mean,
                  graph::Tensor variance);
  // x · scale + bias per channel; either may have no shape.
  void affine(const Node& node, const std::string& from, const std::string& to, graph::Tensor scale,
              graph::Tensor bias);
  void activation(const Node& node, const std::string& from, const std::string& to,
                  const Decision<graph::Activation>& activation);
  void pad(const Node& node, const std::string& from, const std::string& to,
           const graph::Padding& padding);
  // So many channels of zeros before and after the others: a convolution that copies these.
  void pad_channels(const Node& node, const std::string& from, const std::string& to,
                    std::int64_t before, std::int64_t after);
  void max_pool(const Node& node, const std::string& from, const std::string& to,
                const graph::MaxPool& pool);
  void average_pool(const Node& node, const std::string& from, const std::string& to,
                    graph::AveragePool pool = {});
  void upsample(const Node& node, const std::string& from, const std::string& to,
                const Decision<decide::Upsampling>& upsample);
  // To this many rows and columns by the nearest pixel: that at i · side ÷ new side, or with
  // `from_centres` at (i + ½) · side ÷ new side, rounded down. Where that is no repetition, by
  // pixels that are repeated and of which some are taken.
  void resize_nearest(const Node& node, const std::string& from, const std::string& to, int rows,
                      int columns, bool from_centres);
  // In `groups` equal parts.
  void shuffle(const Node& node, const std::string& from, const std::string& to, int groups);
  void space_to_depth(const Node& node, const std::string& from, const std::string& to,
                      const graph::SpaceToDepth& layout);
  void concat(const Node& node, const std::vector<std::string>& from, const std::string& to);
  // `unequal`: the later ones may have other numbers of channels, see graph::Shortcut.
  void add(const Node& node, const std::vector<std::string>& from, const std::string& to,
           bool unequal = false);
  // Of maps of one shape, or of maps and a number for each channel.
  void product(const Node& node, const std::vector<std::string>& from, const std::string& to);
  void attention(const Node& node, const std::string& from, const std::string& to,
                 const graph::Attention& attention);
  // `count` channels from `begin` on.
  void slice(const Node& node, const std::string& from, const std::string& to, std::int64_t begin,
             std::int64_t count);
  // Parts of the channels of these sizes, or equal ones if there are none. Parts that nothing reads
  // may have empty names.
  void split(const Node& node, const std::string& from, const std::vector<std::string>& to,
             std::span<const std::int64_t> sizes = {});
  // Over the channels of each pixel.
  void softmax(const Node& node, const std::string& from, const std::string& to);
  void identity(const Node& node, const std::string& from, const std::string& to);
  // Flattens a tensor for a dense layer, channels first or last.
  void flatten(const Node& node, const std::string& from, const std::string& to,
               bool channels_last);

  // Checks the network and its weights and returns it; `outputs` are tensors in the file's order.
  // Two names of one tensor become one output, with a note.
  Imported finish(const std::string& network_name, const std::vector<std::string>& outputs);

 private:
  enum class Flat { kNo, kChannelsFirst, kChannelsLast };
  struct Value {
    int layer = graph::kNetworkInput;
    graph::Padding padding{};  // zeros to be folded into the next convolution
    Flat flat = Flat::kNo;
  };

  [[noreturn]] void fail(const Node& node, std::string message, std::string hint = {}) const;
  const Value& value(const Node& node, const std::string& tensor) const;
  const Value& plain(const Node& node, const std::string& tensor) const;  // no padding, not flat
  const graph::Shape& shape_of(const Value& value) const;
  graph::Layer& add_layer(const Node& node, graph::Operation operation, std::vector<int> inputs,
                          const std::string& to);
  void add_convolution(const Node& node, const Value& source, const std::string& to,
                       graph::Convolution convolution, graph::Tensor kernel, graph::Tensor bias);
  void rename(const std::string& from, const std::string& to, Value value);
  void count_added_filters(const Node& node, int filters);
  void add_depthwise(const Node& node, const std::string& from, const std::string& to,
                     graph::Convolution settings);
  // The convolution that produces `tensor`, has no other reader and no activation yet; else null.
  graph::Layer* open_convolution(const std::string& tensor);
  graph::Tensor& weight(const graph::Layer& layer, const char* part);
  void check_length(const Node& node, const char* what, const graph::Tensor& tensor,
                    std::int64_t count) const;

  std::string file_;
  graph::Network network_;
  bool has_input_ = false;
  std::int64_t added_filters_ = 0;  // filters of depthwise convolutions that are not in the file
  std::map<std::string, int, std::less<>> uses_;
  std::map<std::string, Value, std::less<>> values_;
  std::map<std::string, int, std::less<>> names_;
};

}  // namespace oko::formats
