#include <cmath>
#include <optional>
#include <set>

#include "oko/base/error.h"
#include "oko/formats/builder.h"
#include "oko/formats/coreml/program_file.h"
#include "oko/formats/coreml/read_network.h"

namespace oko::formats::coreml {
namespace {

using graph::Activation;
using graph::Shape;
using graph::Tensor;

constexpr float kByteScale = 1.F / 255;

class Reader {
 public:
  Reader(const Message& program, const Bytes& weights, const Signature& signature)
      : file_(program, weights, signature.file), signature_(signature), builder_(signature.file) {}

  Imported run() {
    find_gates();
    for (const ProgramOperation& operation : file_.operations()) count_uses(operation);
    for (const std::string& value : signature_.outputs) builder_.use(value);
    builder_.input(signature_.input.name, picture_shape(signature_));
    scaled_ = !signature_.input.image;
    for (const ProgramOperation& operation : file_.operations()) {
      if (!absorbed_.contains(&operation)) build(operation);
    }
    if (!scaled_) {
      throw input_error(signature_.file, "the program does not scale the image's bytes by 1/255",
                        "export the model with an image scale of 1/255");
    }
    Imported imported = builder_.finish(signature_.model, signature_.outputs);
    imported.network.preprocess.bgr = signature_.input.bgr;
    return imported;
  }

 private:
  [[noreturn]] void fail(const ProgramOperation& operation, const std::string& message,
                         const std::string& hint = {}) const {
    throw input_error(file_.place(operation), message, hint);
  }
  Node node(const ProgramOperation& operation) const { return {operation.name, operation.type}; }
  const std::string& x(const ProgramOperation& operation) const {
    return file_.value(operation, "x");
  }

  // x · tanh(softplus(x)) is one activation.
  void find_gates() {
    std::map<std::string, const ProgramOperation*> makers;
    for (const ProgramOperation& operation : file_.operations()) {
      for (const std::string& value : operation.outputs) makers[value] = &operation;
    }
    const auto made_by = [&](const std::string& value, const char* type) {
      const auto found = makers.find(value);
      return found != makers.end() && found->second->type == type ? found->second : nullptr;
    };
    for (const ProgramOperation& operation : file_.operations()) {
      if (operation.type != "mul") continue;
      const ProgramOperation* tanh = made_by(file_.value(operation, "y"), "tanh");
      if (tanh == nullptr) continue;
      const ProgramOperation* softplus = made_by(x(*tanh), "softplus");
      if (softplus == nullptr || x(*softplus) != x(operation)) continue;
      absorbed_.insert({tanh, softplus});
      mish_.insert(&operation);
    }
  }

  void count_uses(const ProgramOperation& operation) {
    if (absorbed_.contains(&operation)) return;
    if (mish_.contains(&operation)) return builder_.use(x(operation));
    for (const auto& [parameter, values] : operation.inputs) {
      for (const std::string& value : values) {
        if (!file_.is_constant(value)) builder_.use(value);
      }
    }
  }

  void build(const ProgramOperation& operation) {
    const std::string& type = operation.type;
    const std::string& to = operation.outputs.front();
    const auto activate = [&](const Decision<Activation>& activation) {
      builder_.activation(node(operation), x(operation), to, activation);
    };
    if (type == "conv") return convolution(operation, to);
    if (type == "relu") return activate(Activation::kRelu);
    if (type == "relu6") return activate(Activation::kRelu6);
    if (type == "sigmoid") return activate(Activation::kLogistic);
    if (type == "silu") return activate(Activation::kSwish);
    if (type == "mul" && mish_.contains(&operation)) return activate(Activation::kMish);
    if (type == "mul") return scale_bytes(operation, to);
    if (type == "leaky_relu") {
      return activate(decide::leaky_relu(file_.number(operation, "alpha")));
    }
    if (type == "max_pool") return max_pool(operation, to);
    if (type == "reduce_mean") return average(operation, to);
    if (type == "upsample_nearest_neighbor") return upsample(operation, to);
    if (type == "concat") return concat(operation, to);
    if (type == "add") {
      return builder_.add(node(operation), {x(operation), file_.value(operation, "y")}, to);
    }
    if (type == "slice_by_size") return slice(operation, to);
    if (type == "softmax") return softmax(operation, to);
    if (type == "cast" || type == "identity") {
      return builder_.identity(node(operation), x(operation), to);
    }
    fail(operation, "is an unsupported operation",
         "supported: conv, relu, relu6, leaky_relu, sigmoid, silu, max_pool, reduce_mean, "
         "upsample_nearest_neighbor, concat, add, slice_by_size, softmax and cast");
  }

  void scale_bytes(const ProgramOperation& operation, const std::string& to) {
    if (x(operation) != signature_.input.name || !signature_.input.image || scaled_) {
      fail(operation, "multiplies tensors, which oko does not support");
    }
    const float factor = file_.number(operation, "y");
    if (!(std::fabs(factor / kByteScale - 1) < 1e-3F)) {
      fail(operation,
           "scales the image's bytes by " + std::to_string(factor) + "; oko's networks read 0 to 1",
           "export the model with an image scale of 1/255");
    }
    scaled_ = true;
    builder_.identity(node(operation), x(operation), to);
  }

  // Pooling and convolution: [n, n] as n.
  int square(const ProgramOperation& operation, const char* parameter) const {
    const std::vector<std::int64_t> pair = file_.integers(operation, parameter, {1, 1});
    if (pair.size() != 2 || pair[0] != pair[1] || pair[0] < 1 || pair[0] > 1024) {
      fail(operation, std::string(parameter) + " differs between rows and columns");
    }
    return static_cast<int>(pair[0]);
  }

  graph::Padding padding(const ProgramOperation& operation, int size, int stride) const {
    const std::string type = file_.text(operation, "pad_type");
    if (type == "valid") return {};
    if (type == "same") {
      return same_padding(builder_.shape(node(operation), x(operation)), size, stride);
    }
    if (type != "custom") fail(operation, "has the unknown padding type \"" + type + "\"");
    const std::vector<std::int64_t> pad = file_.integers(operation, "pad", {0, 0, 0, 0});
    for (const std::int64_t n : pad) {
      if (n < 0 || n > 1024) fail(operation, "the padding is not in 0…1024");
    }
    if (pad.size() != 4) fail(operation, "the padding is not four numbers");
    return {static_cast<int>(pad[0]), static_cast<int>(pad[2]), static_cast<int>(pad[1]),
            static_cast<int>(pad[3])};
  }

  void convolution(const ProgramOperation& operation, const std::string& to) {
    const std::vector<std::int64_t> shape = file_.shape(operation, "weight");
    if (shape.size() != 4 || shape[2] != shape[3] || shape[2] > 1024 || shape[0] > 1 << 20) {
      fail(operation,
           "the kernel " + graph::to_string(shape) + " is not a square convolution kernel");
    }
    if (square(operation, "dilations") != 1)
      fail(operation, "is dilated, which oko does not support");
    graph::Convolution c{static_cast<int>(shape[0]), static_cast<int>(shape[2]),
                         square(operation, "strides")};
    c.padding = padding(operation, c.size, c.stride);
    const std::vector<std::int64_t> groups = file_.integers(operation, "groups", {1});
    if (groups.size() != 1 || groups[0] < 1 || groups[0] > shape[0]) {
      fail(operation, "has an invalid number of groups");
    }
    c.groups = static_cast<int>(groups[0]);
    Tensor kernel = Tensor::of(file_.numbers(operation, "weight"), shape), bias;
    if (operation.inputs.contains("bias")) {
      bias = Tensor::of(file_.numbers(operation, "bias"), file_.shape(operation, "bias"));
    }
    builder_.convolution(node(operation), x(operation), to, c, std::move(kernel), std::move(bias));
  }

  void max_pool(const ProgramOperation& operation, const std::string& to) {
    if (file_.flag(operation, "ceil_mode"))
      fail(operation, "uses ceil_mode, which oko does not support");
    graph::MaxPool pool{square(operation, "kernel_sizes"), square(operation, "strides"), {}};
    pool.padding = padding(operation, pool.size, pool.stride);
    builder_.max_pool(node(operation), x(operation), to, pool);
  }

  void average(const ProgramOperation& operation, const std::string& to) {
    if (file_.integers(operation, "axes", {}) != std::vector<std::int64_t>{-2, -1} ||
        !file_.flag(operation, "keep_dims")) {
      fail(operation, "averages over axes other than rows and columns");
    }
    builder_.average_pool(node(operation), x(operation), to);
  }

  void upsample(const ProgramOperation& operation, const std::string& to) {
    builder_.upsample(node(operation), x(operation), to,
                      decide::upsample("nearest", file_.number(operation, "scale_factor_height"),
                                       file_.number(operation, "scale_factor_width")));
  }

  void check_channels(const ProgramOperation& operation) const {
    const std::vector<std::int64_t> axis = file_.integers(operation, "axis", {});
    if (axis != std::vector<std::int64_t>{1} && axis != std::vector<std::int64_t>{-3}) {
      fail(operation, "is along an axis other than channels");
    }
  }

  void concat(const ProgramOperation& operation, const std::string& to) {
    check_channels(operation);
    if (file_.flag(operation, "interleave"))
      fail(operation, "interleaves its channels, which oko does not support");
    builder_.concat(node(operation), file_.values(operation, "values"), to);
  }

  void softmax(const ProgramOperation& operation, const std::string& to) {
    check_channels(operation);
    builder_.softmax(node(operation), x(operation), to);
  }

  void slice(const ProgramOperation& operation, const std::string& to) {
    const Shape in = builder_.shape(node(operation), x(operation));
    const std::vector<std::int64_t> begin = file_.integers(operation, "begin", {});
    const std::vector<std::int64_t> size = file_.integers(operation, "size", {});
    if (begin.size() != 4 || size.size() != 4 || begin[0] != 0 || begin[2] != 0 || begin[3] != 0 ||
        size[0] != 1 || size[2] != in.height || size[3] != in.width) {
      fail(operation, "slices something other than channels");
    }
    builder_.slice(node(operation), x(operation), to, begin[1], size[1]);
  }

  ProgramFile file_;
  const Signature& signature_;
  NetworkBuilder builder_;
  std::set<const ProgramOperation*> absorbed_, mish_;
  bool scaled_ = false;
};

}  // namespace

Imported read_program(const Message& program, const Bytes& weights, const Signature& signature) {
  return Reader(program, weights, signature).run();
}

}  // namespace oko::formats::coreml
