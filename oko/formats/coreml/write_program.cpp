#include <array>
#include <cctype>
#include <cstring>
#include <set>

#include "oko/base/error.h"
#include "oko/base/half.h"
#include "oko/base/json.h"
#include "oko/formats/builder.h"
#include "oko/formats/coreml.h"
#include "oko/formats/coreml/describe.h"
#include "oko/graph/fold.h"

namespace oko::formats {
namespace {

using graph::Activation;
using graph::Padding;
namespace proto = oko::coreml;

constexpr int kProgramVersion = 6;         // of the specification: iOS 15
constexpr const char* kOpset = "CoreML5";  // the operations of that version
constexpr const char* kWeightFile = "@model_path/weights/weight.bin";
constexpr std::uint32_t kSentinel = 0xDEADBEEF, kStorageVersion = 2;
constexpr std::size_t kAlignment = 64;

enum Type { kBool = 1, kText = 2, kFloat16 = 10, kFloat32 = 11, kInt32 = 23 };

// weights/weight.bin: a header, then metadata and data of each blob, all at multiples of 64 bytes.
class BlobWriter {
 public:
  BlobWriter() : bytes_(kAlignment) {}

  // Returns the offset of the blob's metadata.
  std::uint64_t add(std::span<const float> values, bool half) {
    const std::size_t at = bytes_.size(), data = at + kAlignment;
    const std::size_t size = values.size() * (half ? 2 : 4);
    bytes_.resize((data + size + kAlignment - 1) / kAlignment * kAlignment);
    put(at, kSentinel);
    put(at + 4, std::uint32_t{half ? 1U : 2U});
    put(at + 8, std::uint64_t{size});
    put(at + 16, std::uint64_t{data});
    if (half) {
      for (std::size_t i = 0; i < values.size(); ++i) put(data + 2 * i, to_half(values[i]).bits);
    } else {
      std::memcpy(bytes_.data() + data, values.data(), size);
    }
    ++count_;
    return at;
  }

  std::vector<std::byte> finish() {
    put(0, count_);
    put(4, kStorageVersion);
    return std::move(bytes_);
  }

 private:
  template <typename T>
  void put(std::size_t at, T value) {
    std::memcpy(bytes_.data() + at, &value, sizeof value);
  }

  std::vector<std::byte> bytes_;
  std::uint32_t count_ = 0;
};

// Gives values valid names: letters, digits and "_".
class Identifiers {
 public:
  std::string make(const std::string& wanted) {
    std::string name;
    for (const char c : wanted) {
      name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
    }
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) name.insert(0, "_");
    while (!taken_.insert(name).second) name += "_";
    return name;
  }

 private:
  std::set<std::string> taken_;
};

using Sides = std::vector<std::int64_t>;

Sides sides_of(const graph::Shape& shape) { return {1, shape.channels, shape.height, shape.width}; }

void set_type(Type type, const Sides& sides, proto::ValueType& to) {
  proto::TensorType& tensor = *to.mutable_tensor();
  tensor.set_data_type(type);
  tensor.set_rank(static_cast<std::int64_t>(sides.size()));
  for (const std::int64_t side : sides) {
    tensor.add_dimensions()->mutable_constant()->set_size(static_cast<std::uint64_t>(side));
  }
}

void set_text(const std::string& text, proto::Value& to) {
  set_type(kText, {}, *to.mutable_type());
  to.mutable_immediate()->mutable_tensor()->mutable_texts()->add_texts(text);
}

class ProgramWriter {
 public:
  ProgramWriter(const graph::Network& network, bool float32, proto::Program& program)
      : network_(network), type_(float32 ? kFloat32 : kFloat16) {
    program.set_version(1);
    function_ = &(*program.mutable_functions())["main"];
    function_->set_opset(kOpset);
    block_ = &(*function_->mutable_blocks())[kOpset];
  }

  std::vector<std::byte> run() {
    for (const std::string& name : output_names(network_)) names_.make(name);
    write_input();
    values_.resize(network_.layers.size());
    for (index_ = 0; index_ < network_.layers.size(); ++index_) {
      if (graph::is_head(layer().operation)) continue;
      std::visit([this](const auto& operation) { write(operation); }, layer().operation);
    }
    write_outputs();
    return blobs_.finish();
  }

 private:
  const graph::Layer& layer() const { return network_.layers[index_]; }
  std::string value_of(int from) const {
    return from == graph::kNetworkInput ? input_ : values_[from];
  }
  std::string input(std::size_t i = 0) const { return value_of(layer().inputs[i]); }
  const graph::Shape& input_shape(std::size_t i = 0) const {
    return graph::shape_of(network_, layer().inputs[i]);
  }
  std::span<const float> weight(const char* part) const {
    return graph::weight_of(network_, layer(), part).floats();
  }

  // ---- Operations ----

  struct Operation {
    proto::Operation& message;
    std::string output;
  };
  Operation add(const std::string& type, const std::string& name, Type of, const Sides& sides,
                const std::string& output) {
    proto::Operation& operation = *block_->add_operations();
    operation.set_type(type);
    set_text(name, (*operation.mutable_attributes())["name"]);
    proto::NamedType& named = *operation.add_outputs();
    named.set_name(output);
    set_type(of, sides, *named.mutable_type());
    return {operation, output};
  }
  static void give(Operation& operation, const std::string& parameter, const std::string& value) {
    (*operation.message.mutable_inputs())[parameter].add_bindings()->set_name(value);
  }

  // A constant; must be added before the operation that reads it.
  proto::Value& constant(const std::string& name, Type type, const Sides& sides,
                         std::string& output) {
    output = names_.make(name);
    Operation operation = add("const", output, type, sides, output);
    proto::Value& value = (*operation.message.mutable_attributes())["val"];
    set_type(type, sides, *value.mutable_type());
    return value;
  }
  std::string own(const char* what) const { return layer().name + "." + what; }

  std::string integers(const std::string& name, std::initializer_list<std::int64_t> values,
                       bool scalar = false) {
    std::string output;
    const Sides sides = scalar ? Sides{} : Sides{static_cast<std::int64_t>(values.size())};
    proto::Value& value = constant(name, kInt32, sides, output);
    auto& ints = *value.mutable_immediate()->mutable_tensor()->mutable_ints();
    for (const std::int64_t v : values) ints.add_values(static_cast<std::int32_t>(v));
    return output;
  }
  std::string flag(const std::string& name, bool on) {
    std::string output;
    proto::Value& value = constant(name, kBool, {}, output);
    value.mutable_immediate()->mutable_tensor()->mutable_bools()->add_values(on);
    return output;
  }
  std::string text(const std::string& name, const std::string& content) {
    std::string output;
    proto::Value& value = constant(name, kText, {}, output);
    value.mutable_immediate()->mutable_tensor()->mutable_texts()->add_texts(content);
    return output;
  }
  std::string number(const std::string& name, Type type, float content) {
    std::string output;
    proto::Value& value = constant(name, type, {}, output);
    proto::TensorValue& tensor = *value.mutable_immediate()->mutable_tensor();
    if (type == kFloat32) {
      tensor.mutable_floats()->add_values(content);
    } else {
      const std::uint16_t bits = to_half(content).bits;
      const char bytes[] = {static_cast<char>(bits & 0xff), static_cast<char>(bits >> 8)};
      tensor.mutable_raw()->set_values(std::string(bytes, sizeof bytes));
    }
    return output;
  }
  std::string blob(const std::string& name, std::span<const float> values, const Sides& sides) {
    std::string output;
    proto::Value& value = constant(name, type_, sides, output);
    value.mutable_file()->set_name(kWeightFile);
    value.mutable_file()->set_offset(blobs_.add(values, type_ == kFloat16));
    return output;
  }

  // An operation that turns "x" into a tensor of shape `sides`.
  Operation on_map(const std::string& type, const std::string& name, const std::string& x,
                   const Sides& sides) {
    Operation operation = add(type, name, type_, sides, names_.make(name));
    give(operation, "x", x);
    return operation;
  }

  std::string cast(const std::string& name, const std::string& x, Type to, const Sides& sides,
                   const std::string& output) {
    const std::string type = text(name + ".type", to == kFloat16 ? "fp16" : "fp32");
    Operation operation = add("cast", name, to, sides, output);
    give(operation, "x", x);
    give(operation, "dtype", type);
    return output;
  }

  // ---- Layers ----

  // Bytes are scaled to 0…1 in float32: in float16 1/255 would be off by up to 1/2000.
  void write_input() {
    const Sides sides = sides_of(network_.input);
    const bool image = coreml::takes_image(network_);
    proto::NamedType& input = *function_->add_inputs();
    input_ = kInputName;
    names_.make(input_);
    input.set_name(input_);
    set_type(kFloat32, image ? sides : Sides{sides.begin() + 1, sides.end()},
             *input.mutable_type());
    if (image) {
      const std::string factor = number("image_scale", kFloat32, 1.F / 255);
      Operation scaled = add("mul", "image.scaled", kFloat32, sides, names_.make("image_scaled"));
      give(scaled, "x", input_);
      give(scaled, "y", factor);
      input_ = scaled.output;
    }
    if (type_ == kFloat16) {
      input_ = cast("image.cast", input_, kFloat16, sides, names_.make("image_cast"));
    }
  }

  // Each output is a float32 value under its own name.
  void write_outputs() {
    const std::vector<std::string> names = output_names(network_);
    const std::vector<int> outputs = network_.outputs();
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const auto& from = network_.layers[outputs[i]];
      cast(names[i] + ".cast", value_of(outputs[i]), kFloat32, sides_of(from.output), names[i]);
      block_->add_outputs(names[i]);
    }
  }

  void give_window(Operation& operation, const std::array<std::string, 3>& constants) {
    give(operation, "strides", constants[0]);
    give(operation, "pad_type", constants[1]);
    give(operation, "pad", constants[2]);
  }
  std::array<std::string, 3> window(int stride, const Padding& p, bool same) {
    return {integers(own("strides"), {stride, stride}),
            text(own("pad_type"), same             ? "same"
                                  : p == Padding{} ? "valid"
                                                   : "custom"),
            integers(own("pad"), {p.top, p.bottom, p.left, p.right})};
  }

  void write(const graph::Convolution& c) {
    const std::string kernel = blob(own("kernel"), weight("kernel"),
                                    {c.filters, input_shape().channels / c.groups, c.size, c.size});
    const std::string bias = blob(own("bias"), weight("bias"), {c.filters});
    const auto constants = window(c.stride, c.padding, false);
    const std::string dilations = integers(own("dilations"), {1, 1});
    const std::string groups = integers(own("groups"), {c.groups}, true);
    Operation operation = on_map("conv", layer().name, input(), sides_of(layer().output));
    give(operation, "weight", kernel);
    give(operation, "bias", bias);
    give_window(operation, constants);
    give(operation, "dilations", dilations);
    give(operation, "groups", groups);
    activate(c.activation, operation.output);
  }

  void write(const graph::MaxPool& pool) {
    const std::string size = integers(own("kernel_sizes"), {pool.size, pool.size});
    const bool same = pool.padding != Padding{} &&
                      pool.padding == same_padding(input_shape(), pool.size, pool.stride);
    const auto constants = window(pool.stride, pool.padding, same);
    const std::string ceil = flag(own("ceil_mode"), false);
    Operation operation = on_map("max_pool", layer().name, input(), sides_of(layer().output));
    give(operation, "kernel_sizes", size);
    give_window(operation, constants);
    give(operation, "ceil_mode", ceil);
    values_[index_] = operation.output;
  }

  void write(const graph::AveragePool&) {
    const std::string axes = integers(own("axes"), {-2, -1});
    const std::string keep = flag(own("keep_dims"), true);
    Operation operation = on_map("reduce_mean", layer().name, input(), sides_of(layer().output));
    give(operation, "axes", axes);
    give(operation, "keep_dims", keep);
    values_[index_] = operation.output;
  }

  void write(const graph::Upsample& upsample) {
    const auto factor = static_cast<float>(upsample.scale);
    const std::string rows = number(own("scale_factor_height"), kFloat32, factor);
    const std::string columns = number(own("scale_factor_width"), kFloat32, factor);
    Operation operation =
        on_map("upsample_nearest_neighbor", layer().name, input(), sides_of(layer().output));
    give(operation, "scale_factor_height", rows);
    give(operation, "scale_factor_width", columns);
    values_[index_] = operation.output;
  }

  void write(const graph::Route& route) {
    if (route.groups > 1 && layer().inputs.size() == 1) {
      values_[index_] = part(route, 0, layer().name);
      return;
    }
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < layer().inputs.size(); ++i) {
      const std::string name = layer().name + ".part" + std::to_string(i);
      parts.push_back(route.groups == 1 ? input(i) : part(route, i, name));
    }
    const std::string axis = integers(own("axis"), {1}, true);
    const std::string interleave = flag(own("interleave"), false);
    Operation operation =
        add("concat", layer().name, type_, sides_of(layer().output), names_.make(layer().name));
    for (const std::string& value : parts) give(operation, "values", value);
    give(operation, "axis", axis);
    give(operation, "interleave", interleave);
    values_[index_] = operation.output;
  }

  std::string part(const graph::Route& route, std::size_t from, const std::string& name) {
    graph::Shape shape = input_shape(from);
    shape.channels /= route.groups;
    const std::string begin =
        integers(name + ".begin", {0, std::int64_t{route.group} * shape.channels, 0, 0});
    const std::string size =
        integers(name + ".size", {1, shape.channels, shape.height, shape.width});
    Operation operation = on_map("slice_by_size", name, input(from), sides_of(shape));
    give(operation, "begin", begin);
    give(operation, "size", size);
    return operation.output;
  }

  // A sum of several tensors is written pairwise.
  void write(const graph::Shortcut& shortcut) {
    std::string sum = input();
    for (std::size_t i = 1; i < layer().inputs.size(); ++i) {
      const bool last = i + 1 == layer().inputs.size();
      const std::string name = last ? layer().name : layer().name + ".sum" + std::to_string(i);
      Operation operation = on_map("add", name, sum, sides_of(layer().output));
      give(operation, "y", input(i));
      sum = operation.output;
    }
    activate(shortcut.activation, sum);
  }

  void write(const graph::Softmax&) {
    const std::string axis = integers(own("axis"), {1}, true);
    Operation operation = on_map("softmax", layer().name, input(), sides_of(layer().output));
    give(operation, "axis", axis);
    values_[index_] = operation.output;
  }

  // inference_form() has no dropout, and heads are not written.
  void write(const auto&) { refuse_layer(network_, static_cast<int>(index_), "Core ML"); }

  std::string simple(const char* type, const std::string& name, const std::string& x) {
    return on_map(type, name, x, sides_of(layer().output)).output;
  }

  void activate(Activation activation, const std::string& x) {
    const std::string name = own("activation");
    const auto activated = [&]() -> std::string {
      switch (activation) {
        case Activation::kLinear:
          return x;
        case Activation::kRelu:
          return simple("relu", name, x);
        case Activation::kRelu6:
          return simple("relu6", name, x);
        case Activation::kLogistic:
          return simple("sigmoid", name, x);
        case Activation::kSwish:
          return simple("silu", name, x);
        case Activation::kLeaky:
          return leaky(name, x);
        case Activation::kMish:
          return mish(name, x);
        case Activation::kHardSigmoid:
        case Activation::kHardSwish:
        case Activation::kElu:
        case Activation::kTanh:
          return x;  // check_layers() has refused them
      }
      return x;
    };
    values_[index_] = activated();
  }

  std::string leaky(const std::string& name, const std::string& x) {
    const std::string alpha = number(own("alpha"), type_, graph::kLeakySlope);
    Operation operation = on_map("leaky_relu", name, x, sides_of(layer().output));
    give(operation, "alpha", alpha);
    return operation.output;
  }

  // x · tanh(softplus(x)).
  std::string mish(const std::string& name, const std::string& x) {
    const std::string gate = simple("tanh", own("tanh"), simple("softplus", own("softplus"), x));
    Operation operation = on_map("mul", name, x, sides_of(layer().output));
    give(operation, "y", gate);
    return operation.output;
  }

  const graph::Network& network_;
  Type type_;
  proto::Function* function_ = nullptr;
  proto::Block* block_ = nullptr;
  BlobWriter blobs_;
  Identifiers names_;
  std::string input_;
  std::vector<std::string> values_;
  std::size_t index_ = 0;
};

// A manifest entry's identifier, derived from the bytes (FNV-1a, twice).
std::string identifier(std::span<const std::byte> bytes, std::uint64_t seed) {
  std::string digits;
  for (std::uint64_t round = 0; round < 2; ++round) {
    std::uint64_t hash = 0xcbf29ce484222325U ^ (seed * 2 + round);
    for (const std::byte b : bytes) {
      hash = (hash ^ std::to_integer<std::uint64_t>(b)) * 0x100000001b3U;
    }
    for (int shift = 60; shift >= 0; shift -= 4) digits += "0123456789ABCDEF"[hash >> shift & 15];
  }
  for (const std::size_t at : {20U, 16U, 12U, 8U}) digits.insert(at, "-");
  return digits;
}

File manifest(const std::string& folder, std::span<const std::byte> model) {
  const std::string root = identifier(model, 1), weights = identifier(model, 2);
  const auto entry = [](const char* what, const char* name) {
    return Json{{"author", "com.apple.CoreML"},
                {"description", what},
                {"name", name},
                {"path", std::string("com.apple.CoreML/") + name}};
  };
  const Json json{{"fileFormatVersion", "1.0.0"},
                  {"itemInfoEntries",
                   {{root, entry("CoreML Model Specification", "model.mlmodel")},
                    {weights, entry("CoreML Model Weights", "weights")}}},
                  {"rootModelIdentifier", root}};
  const std::string text = json.dump(2) + "\n";
  return text_file(folder + "/Manifest.json", text);
}

}  // namespace

std::vector<File> write_mlpackage(const graph::Network& network, const WriteOptions& options,
                                  const std::string& stem) {
  check_layers(network, "Core ML", {});
  const graph::Network n = graph::inference_form(network);
  proto::Model model;
  model.set_specification_version(kProgramVersion);
  proto::Description& description = *model.mutable_description();
  coreml::describe_model(n, options.info, *description.mutable_metadata());
  coreml::describe_input(n, coreml::ArrayKind::kFloat32, *description.add_inputs());
  const std::vector<std::string> names = output_names(n);
  const std::vector<int> outputs = n.outputs();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const graph::Shape& s = n.layers[outputs[i]].output;
    coreml::describe_array(names[i], sides_of(s), coreml::ArrayKind::kFloat32, "Raw network output",
                           *description.add_outputs());
  }
  std::vector<std::byte> weights =
      ProgramWriter(n, options.precision == graph::Precision::kFloat32, *model.mutable_program())
          .run();
  const std::string folder = stem + ".mlpackage", data = folder + "/Data/com.apple.CoreML/";
  std::vector<std::byte> bytes = coreml::serialized(model, folder);
  File info = manifest(folder, bytes);
  return {std::move(info),
          {data + "model.mlmodel", Bytes(std::move(bytes))},
          {data + "weights/weight.bin", Bytes(std::move(weights))}};
}

}  // namespace oko::formats
