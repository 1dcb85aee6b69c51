// What an MPSNNGraph is built from, before it becomes Swift. Not part of the library's interface.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "oko/formats/mps.h"
#include "oko/graph/network.h"

namespace oko::formats::mps {

// Kinds of nodes, each named as its method in the Swift source.
enum class Kind {
  kConvolution,  // MPSCNNConvolutionNode
  kDepthwise,    // the same with MPSCNNDepthWiseConvolutionDescriptor
  kMaxPool,      // MPSCNNPoolingMaxNode, edges clamped
  kAveragePool,  // MPSCNNPoolingAverageNode
  kUpsample,     // MPSCNNUpsamplingNearestNode
  kInterpolate,  // MPSCNNUpsamplingBilinearNode, corners aligned
  kConcatenate,  // MPSNNConcatenationNode
  kAdd,          // MPSNNAdditionNode
  kMultiply,     // MPSNNMultiplicationNode
  kNeuron,       // MPSCNNNeuron…Node
  kSoftmax,      // MPSCNNSoftMaxNode
};
std::string_view method_of(Kind kind);

// MPSCNNNeuronType with its parameters: reLU max(x, 0) + a · min(x, 0); reLUN the same, at most b;
// softPlus a · ln(1 + e^(b·x)); tanH a · tanh(b·x); hardSigmoid clamp(a · x + b, 0, 1); elu a ·
// (e^x − 1) below 0.
struct Neuron {
  enum class Type { kNone, kRelu, kReluN, kSigmoid, kSoftPlus, kTanH, kHardSigmoid, kElu };
  Type type = Type::kNone;
  float a = 0, b = 0;
  bool operator==(const Neuron&) const = default;
};

inline constexpr int kGraphInput = -1;

// A filter node. Windows are centred as MPS does it: the first one's left edge is at offset_x -
// size / 2, rounded down.
struct MpsNode {
  Kind kind = Kind::kConvolution;
  std::string name;         // unique; the layer's name for its main node
  std::vector<int> inputs;  // indices of earlier nodes or kGraphInput
  graph::Shape output;
  int channels = 0;  // of the input, if there are weights
  int size_x = 1, size_y = 1, stride = 1, groups = 1;
  int offset_x = 0, offset_y = 0;
  int scale_x = 1, scale_y = 1;
  bool shrinks = false;  // windows of averages at the edges; otherwise zeros count there
  int weights = -1;      // which entry of the weights file
  Neuron neuron{};
  bool operator==(const MpsNode&) const = default;
};

// A convolution's weights: kernel [filters][rows][columns][channels of a group], bias [filters].
struct MpsKernel {
  std::vector<float> kernel, bias;
};

struct Plan {
  graph::Shape input;
  std::vector<MpsNode> nodes;
  std::vector<int> outputs;  // nodes, in network.outputs() order
  std::vector<MpsKernel> kernels;
};

// `network` is in inference form. Textures are RGB: a BGR network gets a first node that swaps the
// channels.
Plan make_plan(const graph::Network& network);

// The weights file; docs/formats/mps.md has its layout.
std::vector<std::byte> weights_file(const Plan& plan, graph::Precision type);

// The source of class `<name>Graph`, which reads "<stem>.mpsweights".
std::string swift_source(const Plan& plan, const graph::Network& network,
                         const WriteOptions& options, const std::string& name,
                         const std::string& stem);

}  // namespace oko::formats::mps
