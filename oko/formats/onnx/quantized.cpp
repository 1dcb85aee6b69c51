#include "oko/formats/onnx/quantized.h"

#include <algorithm>
#include <map>
#include <set>

#include "oko/base/error.h"

namespace oko::formats {
namespace {

using graph::DType;
using graph::Tensor;

// Without the domain of ONNX Runtime's own operations.
std::string_view plain_kind(std::string_view kind) {
  constexpr std::string_view kDomain = "com.microsoft.";
  if (kind.starts_with(kDomain)) kind.remove_prefix(kDomain.size());
  return kind;
}

class Undoer {
 public:
  Undoer(std::vector<std::string>& outputs, Constants& constants)
      : outputs_(outputs), constants_(constants) {}

  void run(std::vector<OnnxNode>& nodes) {
    for (OnnxNode& node : nodes) {
      for (std::string& input : node.inputs) input = name_of(input);
      const std::string& kind = node.id.kind;
      if (kind == "QuantizeLinear" || kind == "DynamicQuantizeLinear") {
        quantize(node);
      } else if (kind == "DequantizeLinear") {
        dequantize(node);
      } else if (kind == "ConvInteger" || kind == "MatMulInteger") {
        to_floats(node);
        sums_.insert(node.outputs.begin(), node.outputs.end());
      } else if (plain_kind(kind).starts_with("QLinear")) {
        to_floats_linear(node);
      } else if (kind == "Cast" && node.has_input(0) && sums_.contains(node.inputs[0])) {
        leave_out(node);
      }
    }
    std::erase_if(nodes, [](const OnnxNode& node) { return node.outputs.empty(); });
    for (std::string& output : outputs_) output = name_of(output);
  }

 private:
  // What a tensor is called after nodes before it were left out.
  std::string name_of(const std::string& tensor) const {
    const auto found = names_.find(tensor);
    return found == names_.end() ? tensor : found->second;
  }
  bool is_constant(const OnnxNode& node, std::size_t i) const {
    return node.has_input(i) && constants_.has(node.inputs[i]);
  }
  [[noreturn]] static void fail(const OnnxNode& node, std::string message) {
    throw input_error(node.id.name + " (" + node.id.kind + ")", std::move(message),
                      "export the model in float32");
  }

  void leave_out(OnnxNode& node) {
    names_[node.outputs[0]] = node.inputs[0];
    node.outputs.clear();
  }

  // Also gives the scale and the zero of a dynamic one, by which later nodes multiply.
  void quantize(OnnxNode& node) {
    if (node.inputs.empty() || node.outputs.empty()) fail(node, "lacks its input or output");
    if (node.outputs.size() > 1) constants_.set(node.outputs[1], Tensor::of({1}, {}));
    if (node.outputs.size() > 2) {
      Tensor zero = tensor_of({0});
      zero.shape = {};
      constants_.set(node.outputs[2], std::move(zero));
    }
    leave_out(node);
  }

  void dequantize(OnnxNode& node) {
    if (node.inputs.empty() || node.outputs.empty()) fail(node, "lacks its input or output");
    if (!is_constant(node, 0)) return leave_out(node);
    if (!is_constant(node, 1)) fail(node, "its scale is not constant");
    const std::vector<float> scales = constants_.numbers(node, 1);
    constants_.set(node.outputs[0], scaled(node, 0, 2, scales, node.integer("axis", 1)));
    node.outputs.clear();
  }

  // (value − zero) · scale, for one scale or one for each slice along an axis.
  Tensor scaled(const OnnxNode& node, std::size_t values_at, std::size_t zeros_at,
                const std::vector<float>& scales, std::int64_t axis) {
    const Tensor& from = constants_.get(node.inputs[values_at]);
    if (from.dtype != DType::kI64) fail(node, "its constant does not consist of integers");
    const std::vector<std::int64_t> values = integers_of(from);
    std::vector<std::int64_t> zeros(scales.size(), 0);
    if (is_constant(node, zeros_at)) zeros = constants_.integers(node, zeros_at);
    if (axis < 0) axis += std::ssize(from.shape);
    const bool single = scales.size() == 1;
    const auto side = static_cast<std::size_t>(axis);
    if (zeros.size() != scales.size() ||
        (!single && (axis < 0 || side >= from.shape.size() ||
                     std::cmp_not_equal(scales.size(), from.shape[side])))) {
      fail(node, "has " + std::to_string(scales.size()) + " scales and " +
                     std::to_string(zeros.size()) + " zeros for a constant of " +
                     graph::to_string(from.shape));
    }
    std::size_t inner = 1;  // values that share a scale
    for (std::size_t i = side + 1; i < from.shape.size(); ++i) {
      inner *= static_cast<std::size_t>(from.shape[i]);
    }
    std::vector<float> floats;
    floats.reserve(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t k = single ? 0 : i / inner % scales.size();
      floats.push_back(static_cast<float>(values[i] - zeros[k]) * scales[k]);
    }
    return Tensor::of(std::move(floats), from.shape);
  }

  // Its sums are those of floats but for the scales, which a later node multiplies with.
  void to_floats(OnnxNode& node) {
    if (node.inputs.size() < 2) fail(node, "lacks its inputs");
    const bool is_convolution = node.id.kind == "ConvInteger";
    if (is_constant(node, 1)) {
      const std::string name = node.inputs[1] + ".float";
      if (!constants_.has(name)) constants_.set(name, scaled(node, 1, 3, {1.F}, 1));
      node.inputs[1] = name;
    } else if (is_convolution) {
      fail(node, "the kernel is not constant");
    }
    node.inputs.resize(2);
    node.id.kind = is_convolution ? "Conv" : "MatMul";
  }

  // A tensor that is followed by its scale and its zero, in floats.
  std::string dequantized(const OnnxNode& node, std::size_t i, std::int64_t axis = 1) {
    if (!node.has_input(i)) fail(node, "lacks input " + std::to_string(i + 1));
    if (!is_constant(node, i)) return node.inputs[i];
    if (!is_constant(node, i + 1)) fail(node, "its scale is not constant");
    const std::string name = node.inputs[i] + ".float";
    if (!constants_.has(name)) {
      constants_.set(name, scaled(node, i, i + 2, constants_.numbers(node, i + 1), axis));
    }
    return name;
  }

  // Operations of which every input and the output has its scale and zero as inputs: that of
  // floats.
  void to_floats_linear(OnnxNode& node) {
    const std::string operation(plain_kind(node.id.kind).substr(7));  // after "QLinear"
    std::vector<std::string> inputs;
    if (operation == "Conv") {
      inputs = {dequantized(node, 0), dequantized(node, 3, 0)};
      if (node.has_input(8)) inputs.push_back(dequantized_bias(node));
    } else if (operation == "MatMul" || operation == "Add" || operation == "Mul") {
      inputs = {dequantized(node, 0), dequantized(node, 3)};
    } else if (operation == "Concat") {
      for (std::size_t i = 2; i < node.inputs.size(); i += 3) {
        inputs.push_back(dequantized(node, i));
      }
    } else if (operation == "Sigmoid" || operation == "LeakyRelu" || operation == "Softmax" ||
               operation == "AveragePool" || operation == "GlobalAveragePool") {
      inputs = {dequantized(node, 0)};
    } else {
      fail(node, "this operation is not supported");
    }
    node.inputs = std::move(inputs);
    node.id.kind = operation;
  }

  // Integers, whose scale is that of the input times that of the kernel.
  std::string dequantized_bias(const OnnxNode& node) {
    constexpr std::size_t kBias = 8;
    if (!is_constant(node, kBias) || !is_constant(node, 1) || !is_constant(node, 4)) {
      fail(node, "its bias or a scale is not constant");
    }
    const std::vector<float> input = constants_.numbers(node, 1),
                             kernel = constants_.numbers(node, 4);
    const std::vector<std::int64_t> values = constants_.integers(node, kBias);
    if (input.size() != 1 || (kernel.size() != 1 && kernel.size() != values.size())) {
      fail(node, "has " + std::to_string(kernel.size()) + " scales for " +
                     std::to_string(values.size()) + " filters");
    }
    std::vector<float> floats;
    for (std::size_t i = 0; i < values.size(); ++i) {
      floats.push_back(static_cast<float>(values[i]) * input[0] *
                       kernel[kernel.size() == 1 ? 0 : i]);
    }
    // A bias may be shared by convolutions of other scales.
    const std::string name = node.inputs[kBias] + " of " + node.outputs[0];
    constants_.set(name, Tensor::of(std::move(floats), {std::ssize(values)}));
    return name;
  }

  std::vector<std::string>& outputs_;
  Constants& constants_;
  std::map<std::string, std::string, std::less<>> names_;
  std::set<std::string, std::less<>> sums_;  // of integers in the file
};

}  // namespace

bool undo_quantization(std::vector<OnnxNode>& nodes, std::vector<std::string>& outputs,
                       Constants& constants) {
  const bool quantized = std::ranges::any_of(nodes, [](const OnnxNode& node) {
    return node.id.kind.ends_with("QuantizeLinear") || node.id.kind == "DequantizeLinear" ||
           plain_kind(node.id.kind).starts_with("QLinear");
  });
  if (quantized) Undoer(outputs, constants).run(nodes);
  return quantized;
}

}  // namespace oko::formats
