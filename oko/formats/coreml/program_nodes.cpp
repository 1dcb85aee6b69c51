#include "oko/formats/coreml/program_nodes.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "oko/base/error.h"

namespace oko::formats::coreml {
namespace {

using Sides = std::vector<std::int64_t>;
using Names = std::vector<std::string>;

constexpr int kOpset = 17;
constexpr std::size_t kMostGrowth = 16, kSmall = 1 << 20;  // from two bits to float32
constexpr float kByteScale = 1.F / 255;
constexpr std::int64_t kEnd = std::numeric_limits<std::int32_t>::max();

// A node being written.
class NodeWriter {
 public:
  NodeWriter(onnx::Graph& graph, const std::string& kind, const std::string& name,
             const Names& inputs, const Names& outputs)
      : node_(*graph.add_node()) {
    node_.set_op_type(kind);
    node_.set_name(name);
    for (const std::string& input : inputs) node_.add_input(input);
    for (const std::string& output : outputs) node_.add_output(output);
  }

  NodeWriter& set(const char* name, const Sides& values) {
    onnx::Attribute& attribute = add(name, kInts);
    for (const std::int64_t value : values) attribute.add_ints(value);
    return *this;
  }
  NodeWriter& set(const char* name, std::int64_t value) {
    add(name, kInt).set_i(value);
    return *this;
  }
  NodeWriter& set(const char* name, float value) {
    add(name, kFloat).set_f(value);
    return *this;
  }
  NodeWriter& set(const char* name, const char* value) {
    add(name, kString).set_s(value);
    return *this;
  }

 private:
  enum { kFloat = 1, kInt, kString, kInts = 7 };  // AttributeProto's types
  onnx::Attribute& add(const char* name, int type) {
    onnx::Attribute& attribute = *node_.add_attribute();
    attribute.set_name(name);
    attribute.set_type(type);
    return attribute;
  }

  onnx::Node& node_;
};

class Translator {
 public:
  Translator(const ProgramFile& program, const Signature& signature, std::size_t bytes)
      : program_(program),
        constants_(program.constants()),
        signature_(signature),
        budget_(kMostGrowth * bytes + kSmall) {}

  ParsedOnnx run() {
    ParsedOnnx parsed{std::make_unique<google::protobuf::Arena>(), nullptr};
    parsed.model = google::protobuf::Arena::CreateMessage<onnx::Model>(parsed.arena.get());
    parsed.model->add_opset_import()->set_version(kOpset);
    graph_ = parsed.model->mutable_graph();
    graph_->set_name(signature_.model);
    write_input();
    for (const ProgramOperation& operation : program_.operations()) {
      op_ = &operation;
      translate();
      for (std::size_t i = 0; i < operation.outputs.size(); ++i) {
        shapes_[operation.outputs[i]] = operation.shapes[i];
      }
    }
    for (const std::string& output : signature_.outputs) graph_->add_output()->set_name(output);
    return parsed;
  }

 private:
  // ---- the input -------------------------------------------------------------------------------

  void write_input() {
    const graph::Shape shape = picture_shape(signature_);
    onnx::ValueInfo& input = *graph_->add_input();
    input.set_name(signature_.input.name);
    const Sides sides{1, shape.channels, shape.height, shape.width};
    for (const std::int64_t side : sides) {
      input.mutable_type()->mutable_tensor_type()->mutable_shape()->add_dim()->set_dim_value(side);
    }
    shapes_[signature_.input.name] = sides;
    if (signature_.input.image) bytes_.insert(signature_.input.name);
  }

  // Casts of the image's bytes, and what scales them: to 0…1 is what the network's input is.
  bool reads_bytes() {
    const bool product = is("mul") || is("real_div");
    if (!is("cast") && !product) return false;
    Names inputs{program_.value(*op_, "x")};
    if (product) inputs.push_back(program_.value(*op_, "y"));
    if (is("mul") && bytes_.contains(inputs[1])) std::swap(inputs[0], inputs[1]);
    if (!bytes_.contains(inputs[0])) return false;
    if (is("cast")) {
      bytes_.insert(op_->outputs.front());
      return true;
    }
    if (!constants_.has(inputs[1])) return false;
    std::vector<float> factors = constants_.numbers(inputs[1], place("y"));
    constexpr float kRounding = 1e-3F;  // of float16
    bool usual = true;
    for (float& factor : factors) {
      factor = (is("mul") ? factor : 1 / factor) / kByteScale;
      usual &= std::fabs(factor - 1) < kRounding;
    }
    if (usual) {
      node("Identity", {signature_.input.name});
    } else {
      const std::string by = op_->name + ".of_bytes";
      add_floats(by, factors, constants_.shape(inputs[1]));
      node("Mul", {signature_.input.name, by});
    }
    return true;
  }

  // The bytes as the rest of the program sees them.
  std::string unscaled() {
    const std::string name = "preprocessing";
    if (!std::exchange(has_unscaled_, true)) {
      add_floats(name + ".scale", {255}, {});
      NodeWriter(*graph_, "Mul", name, {signature_.input.name, name + ".scale"}, {name});
    }
    return name;
  }

  // ---- values ----------------------------------------------------------------------------------

  bool is(std::string_view type) const { return op_->type == type; }
  bool given(std::string_view parameter) const { return program_.has(*op_, parameter); }
  std::string place(const char* what) const { return program_.place(*op_) + ": " + what; }
  // All of these parameters that the operation has are constant.
  bool fixed(std::initializer_list<const char*> parameters) const {
    return std::ranges::all_of(parameters, [&](const char* parameter) {
      return !given(parameter) || constants_.has(program_.value(*op_, parameter));
    });
  }

  // A value as a tensor of the graph.
  std::string tensor(const std::string& name) {
    if (bytes_.contains(name)) return unscaled();
    if (!constants_.has(name) || !initializers_.insert(name).second) return name;
    if (constants_.is_whole(name)) {
      onnx::Tensor& made = add_initializer(name, kOnnxInt64, constants_.shape(name));
      for (const std::int64_t value : constants_.integers(name)) made.add_int64_data(value);
    } else {
      add_floats(name, constants_.numbers(name, place(name.c_str())), constants_.shape(name));
    }
    return name;
  }
  std::string input(std::string_view parameter) { return tensor(program_.value(*op_, parameter)); }
  Names inputs(std::initializer_list<const char*> parameters) {
    Names names;
    for (const char* parameter : parameters) names.push_back(input(parameter));
    return names;
  }

  onnx::Tensor& add_initializer(const std::string& name, int type, const Sides& shape) {
    onnx::Tensor& tensor = *graph_->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(type);
    for (const std::int64_t side : shape) tensor.add_dims(side);
    return tensor;
  }
  // Many constants may share the bytes of one.
  void add_floats(const std::string& name, const std::vector<float>& values, const Sides& shape) {
    const std::size_t size = values.size() * sizeof(float);
    if (size > budget_) {
      throw input_error(signature_.file,
                        "its constants take more than " + std::to_string(kMostGrowth) +
                            " times the size of the file",
                        "the file is damaged, or compressed in an unsupported way");
    }
    budget_ -= size;
    add_initializer(name, kOnnxFloat, shape).set_raw_data(values.data(), size);
  }

  const Sides& shape_of(const std::string& value) const {
    static const Sides kUnknown;
    const auto found = shapes_.find(value);
    return found == shapes_.end() ? kUnknown : found->second;
  }
  std::int64_t rank(const std::string& value) const {
    return constants_.has(value) ? std::ssize(constants_.shape(value))
                                 : std::ssize(shape_of(value));
  }
  const Sides& made() const { return op_->shapes.front(); }

  // Non-negative axes.
  Sides axes(std::string_view parameter) const {
    Sides found = program_.integers(*op_, parameter, {});
    const std::int64_t sides = rank(program_.value(*op_, "x"));
    for (std::int64_t& axis : found) axis += axis < 0 ? sides : 0;
    return found;
  }

  NodeWriter node(const std::string& kind, const Names& from) {
    return NodeWriter(*graph_, kind, op_->name, from, op_->outputs);
  }
  NodeWriter on_x(const std::string& kind) { return node(kind, {input("x")}); }

  // ---- operations ------------------------------------------------------------------------------

  void translate() {
    if (reads_bytes()) return;
    static const std::map<std::string_view, const char*> of_x{
        {"relu", "Relu"},   {"sigmoid", "Sigmoid"},   {"tanh", "Tanh"}, {"silu", "Swish"},
        {"exp", "Exp"},     {"softplus", "Softplus"}, {"log", "Log"},   {"sqrt", "Sqrt"},
        {"floor", "Floor"}, {"ceil", "Ceil"},         {"abs", "Abs"},   {"identity", "Identity"}};
    static const std::map<std::string_view, const char*> of_two{
        {"add", "Add"}, {"sub", "Sub"},     {"mul", "Mul"},    {"real_div", "Div"},
        {"pow", "Pow"}, {"maximum", "Max"}, {"minimum", "Min"}};
    static const std::map<std::string_view, void (Translator::*)()> others{
        {"conv", &Translator::convolution},
        {"linear", &Translator::linear},
        {"batch_norm", &Translator::batch_norm},
        {"relu6", &Translator::relu6},
        {"clip", &Translator::clip},
        {"leaky_relu", &Translator::leaky},
        {"elu", &Translator::elu},
        {"sigmoid_hard", &Translator::hard_sigmoid},
        {"max_pool", &Translator::pool},
        {"avg_pool", &Translator::pool},
        {"upsample_nearest_neighbor", &Translator::resize},
        {"upsample_bilinear", &Translator::resize},
        {"resize_nearest_neighbor", &Translator::resize},
        {"resize_bilinear", &Translator::resize},
        {"reduce_mean", &Translator::reduce},
        {"reduce_sum", &Translator::reduce},
        {"reduce_max", &Translator::reduce},
        {"reshape", &Translator::reshape},
        {"squeeze", &Translator::reshape},
        {"expand_dims", &Translator::reshape},
        {"flatten2d", &Translator::reshape},
        {"transpose", &Translator::transpose},
        {"concat", &Translator::concat},
        {"split", &Translator::split},
        {"slice_by_size", &Translator::slice_by_size},
        {"slice_by_index", &Translator::slice_by_index},
        {"gather", &Translator::gather},
        {"pad", &Translator::pad},
        {"space_to_depth", &Translator::space_to_depth},
        {"softmax", &Translator::softmax},
        {"matmul", &Translator::matmul},
        {"cast", &Translator::cast}};
    if (const auto one = of_x.find(op_->type); one != of_x.end()) {
      on_x(one->second);
    } else if (const auto two = of_two.find(op_->type); two != of_two.end()) {
      node(two->second, inputs({"x", "y"}));
    } else if (const auto other = others.find(op_->type); other != others.end()) {
      (this->*other->second)();
    } else {
      unknown();
    }
  }

  // With the tensors among its inputs.
  void unknown() {
    Names from;
    for (const auto& [parameter, values] : op_->inputs) {
      for (const std::string& value : values) {
        if (!constants_.has(value)) from.push_back(tensor(value));
      }
    }
    node(op_->type, from);
  }

  void set_window(NodeWriter& node, const char* strides) {
    node.set("strides", program_.integers(*op_, strides, {1, 1}));
    const std::string type = program_.text(*op_, "pad_type");
    const Sides pad = program_.integers(*op_, "pad", {0, 0, 0, 0});
    if (type == "same") {
      node.set("auto_pad", "SAME_UPPER");
    } else if (type == "same_lower") {
      node.set("auto_pad", "SAME_LOWER");
    } else if (type == "custom" && pad.size() == 4) {
      node.set("pads", Sides{pad[0], pad[2], pad[1], pad[3]});
    } else if (!type.empty() && type != "valid") {
      throw input_error(program_.place(*op_), "has the unknown padding type \"" + type + "\"");
    }
  }

  void convolution() {
    Names from = inputs({"x", "weight"});
    if (given("bias")) from.push_back(input("bias"));
    const Sides kernel =
        constants_.has(program_.value(*op_, "weight")) ? program_.shape(*op_, "weight") : Sides{};
    NodeWriter made = node("Conv", from);
    if (kernel.size() == 4) made.set("kernel_shape", Sides{kernel[2], kernel[3]});
    set_window(made, "strides");
    made.set("dilations", program_.integers(*op_, "dilations", {1, 1}));
    const Sides groups = program_.integers(*op_, "groups", {1});
    made.set("group", groups.size() == 1 ? groups.front() : 0);
  }

  void linear() {
    Names from = inputs({"x", "weight"});
    if (given("bias")) from.push_back(input("bias"));
    node("Gemm", from).set("transB", std::int64_t{1});
  }

  void batch_norm() {
    Names from = inputs({"x"});
    const auto sides = program_.shape(*op_, "mean");
    const std::int64_t channels = sides.size() == 1 ? sides.front() : 0;
    for (const auto& [parameter, usual] : {std::pair("gamma", 1.F), {"beta", 0.F}}) {
      if (given(parameter)) {
        from.push_back(input(parameter));
        continue;
      }
      from.push_back(op_->name + "." + parameter);
      add_floats(from.back(), std::vector<float>(static_cast<std::size_t>(channels), usual), sides);
    }
    from.push_back(input("mean"));
    from.push_back(input("variance"));
    NodeWriter made = node("BatchNormalization", from);
    if (given("epsilon")) made.set("epsilon", program_.number(*op_, "epsilon"));
  }

  void relu6() { on_x("Clip").set("min", 0.F).set("max", 6.F); }
  void clip() {
    on_x("Clip")
        .set("min", program_.number(*op_, "alpha"))
        .set("max", program_.number(*op_, "beta"));
  }
  float number(const char* parameter, float otherwise) const {
    return given(parameter) ? program_.number(*op_, parameter) : otherwise;
  }
  void leaky() { on_x("LeakyRelu").set("alpha", number("alpha", .01F)); }
  void elu() { on_x("Elu").set("alpha", number("alpha", 1)); }
  void hard_sigmoid() {
    on_x("HardSigmoid").set("alpha", number("alpha", .2F)).set("beta", number("beta", .5F));
  }

  void pool() {
    NodeWriter made = on_x(is("max_pool") ? "MaxPool" : "AveragePool");
    made.set("kernel_shape", program_.integers(*op_, "kernel_sizes", {}));
    set_window(made, "strides");
    made.set("ceil_mode", std::int64_t{program_.flag(*op_, "ceil_mode")});
    if (is("max_pool")) return;
    const bool inside = program_.flag(*op_, "exclude_padding_from_average");
    made.set("count_include_pad", std::int64_t{!inside});
  }

  // By the sizes before and after.
  void resize() {
    const Sides before = shape_of(program_.value(*op_, "x"));
    const Sides& after = made();
    const bool known = before.size() == 4 && after.size() == 4 && before[2] > 0 && before[3] > 0;
    const bool bilinear = op_->type.ends_with("bilinear");
    const char* grid = "asymmetric";
    if (bilinear && is("upsample_bilinear")) {
      const bool corners = !given("align_corners") || program_.flag(*op_, "align_corners");
      grid = corners ? "align_corners" : "half_pixel";
      if (program_.flag(*op_, "half_pixel_centers")) grid = "half_pixel";
    } else if (bilinear) {
      const std::string mode = program_.text(*op_, "sampling_mode");
      if (mode.ends_with("ALIGN_CORNERS")) {
        grid = mode == "UNALIGN_CORNERS" ? "half_pixel" : "align_corners";
      } else if (!mode.empty() && mode != "DEFAULT") {
        return unknown();
      }
    }
    if (!known) return unknown();
    const std::string scales = op_->name + ".scales";
    add_floats(scales,
               {1, 1, static_cast<float>(after[2]) / static_cast<float>(before[2]),
                static_cast<float>(after[3]) / static_cast<float>(before[3])},
               {4});
    NodeWriter made = node("Resize", {input("x"), "", scales});
    made.set("mode", bilinear ? "linear" : "nearest").set("coordinate_transformation_mode", grid);
    if (!bilinear) made.set("nearest_mode", "floor");
  }

  void reduce() {
    if (!fixed({"axes", "keep_dims"})) return unknown();
    const char* const kind = is("reduce_mean")  ? "ReduceMean"
                             : is("reduce_sum") ? "ReduceSum"
                                                : "ReduceMax";
    const Sides along = axes("axes");
    on_x(kind).set("axes", along).set("keepdims", std::int64_t{program_.flag(*op_, "keep_dims")});
  }

  // All that only give a tensor another shape.
  void reshape() {
    const auto open = [](std::int64_t side) { return side == 0; };
    if (made().empty() || std::ranges::any_of(made(), open)) return unknown();
    on_x("Reshape").set("shape", made());
  }

  void transpose() {
    if (!fixed({"perm"})) return unknown();
    const Sides order = axes("perm");
    on_x("Transpose").set("perm", order);
  }

  void concat() {
    if (program_.flag(*op_, "interleave") || !fixed({"axis"})) return unknown();
    Names from;
    for (const std::string& value : program_.values(*op_, "values")) from.push_back(tensor(value));
    const Sides axis = program_.integers(*op_, "axis", {});
    const std::int64_t sides = std::ssize(made());
    const std::int64_t along = axis.size() == 1 ? axis.front() : 0;
    node("Concat", from).set("axis", along < 0 ? along + sides : along);
  }

  void split() {
    if (!fixed({"split_sizes", "axis", "num_splits"})) return unknown();
    const Sides axis = axes("axis");
    if (axis.size() != 1 || axis[0] < 0 || axis[0] >= std::ssize(made())) return unknown();
    Sides sizes;
    for (const Sides& part : op_->shapes) {
      if (axis[0] >= std::ssize(part)) return unknown();
      sizes.push_back(part[static_cast<std::size_t>(axis[0])]);
    }
    on_x("Split").set("axis", axis[0]).set("split", sizes);
  }

  struct Cut {
    Sides begins, ends, along, steps;
  };
  // Along the axes of which only a part is taken.
  void slice(const Cut& cut, const Names& outputs) {
    const std::string from = input("x");
    if (cut.along.empty()) {
      NodeWriter(*graph_, "Identity", op_->name, {from}, outputs);
      return;
    }
    NodeWriter made(*graph_, "Slice", op_->name, {from}, outputs);
    made.set("starts", cut.begins).set("ends", cut.ends).set("axes", cut.along);
    made.set("steps", cut.steps);
  }

  void slice_by_size() {
    const Sides before = shape_of(program_.value(*op_, "x"));
    if (!fixed({"begin", "size"}) || made().size() != before.size()) return unknown();
    const Sides begin = program_.integers(*op_, "begin", {});
    if (begin.size() != before.size()) return unknown();
    Cut cut;
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (begin[i] == 0 && made()[i] == before[i]) continue;
      const std::int64_t first = begin[i] < 0 ? begin[i] + before[i] : begin[i];
      cut.begins.push_back(first);
      cut.ends.push_back(first + made()[i]);
      cut.along.push_back(static_cast<std::int64_t>(i));
      cut.steps.push_back(1);
    }
    slice(cut, op_->outputs);
  }

  void slice_by_index() {
    const Sides before = shape_of(program_.value(*op_, "x"));
    if (!fixed({"begin", "end", "stride", "begin_mask", "end_mask", "squeeze_mask"})) {
      return unknown();
    }
    const std::size_t sides = before.size();
    const auto list = [&](const char* parameter, std::int64_t usual) {
      return program_.integers(*op_, parameter, Sides(sides, usual));
    };
    const Sides begin = list("begin", 0), end = list("end", 0), stride = list("stride", 1);
    const Sides from_start = list("begin_mask", 0), to_end = list("end_mask", 0),
                squeezed = list("squeeze_mask", 0);
    for (const Sides* one : {&begin, &end, &stride, &from_start, &to_end, &squeezed}) {
      if (one->size() != sides) return unknown();
    }
    Cut cut;
    bool squeezes = false;
    for (std::size_t i = 0; i < sides; ++i) {
      std::int64_t first = from_start[i] != 0 ? 0 : begin[i];
      std::int64_t last = to_end[i] != 0 ? kEnd : end[i];
      if (stride[i] < 1) return unknown();
      if (squeezed[i] != 0) {
        squeezes = true;
        first = begin[i];
        last = first == -1 ? kEnd : first + 1;
      }
      const bool whole = first == 0 && stride[i] == 1 && (last == kEnd || last == before[i]);
      if (whole || (before[i] == 1 && first <= 0 && last != 0)) continue;
      cut.begins.push_back(first);
      cut.ends.push_back(last);
      cut.along.push_back(static_cast<std::int64_t>(i));
      cut.steps.push_back(stride[i]);
    }
    if (!squeezes) return slice(cut, op_->outputs);
    const std::string whole = op_->outputs.front() + ".whole";
    slice(cut, {whole});
    NodeWriter(*graph_, "Reshape", op_->name + ".squeeze", {whole}, op_->outputs)
        .set("shape", made());
  }

  void gather() {
    if (!fixed({"axis"})) return unknown();
    const Sides axis = axes("axis");
    node("Gather", inputs({"x", "indices"}))
        .set("axis", axis.size() == 1 ? axis.front() : std::int64_t{0});
  }

  // Pairs of begin and end for the last axes.
  void pad() {
    const std::string mode = program_.text(*op_, "mode");
    if (!fixed({"pad", "constant_val"}) || (!mode.empty() && mode != "constant")) {
      return unknown();
    }
    const Sides amounts = program_.integers(*op_, "pad", {});
    const auto sides = static_cast<std::size_t>(rank(program_.value(*op_, "x")));
    if (amounts.size() % 2 != 0 || amounts.size() > 2 * sides) return unknown();
    Sides pads(2 * sides, 0);
    const std::size_t first = sides - amounts.size() / 2;
    for (std::size_t i = 0; i < amounts.size(); ++i) {
      pads[first + i / 2 + (i % 2) * sides] = amounts[i];
    }
    on_x("Pad").set("pads", pads).set("value", number("constant_val", 0));
  }

  void space_to_depth() {
    const Sides block = program_.integers(*op_, "block_size", {});
    on_x("SpaceToDepth").set("blocksize", block.size() == 1 ? block.front() : std::int64_t{0});
  }

  void softmax() {
    const Sides axis = given("axis") ? axes("axis") : Sides{-1};
    if (axis.size() != 1) return unknown();
    // The last axis of matrices is known by -1.
    const bool last = axis[0] + 1 == std::ssize(made());
    on_x("Softmax").set("axis", last ? std::int64_t{-1} : axis[0]);
  }

  void matmul() {
    const auto turned = [&](const char* parameter, const char* flag) {
      const std::string from = input(parameter);
      if (!program_.flag(*op_, flag)) return from;
      const std::int64_t sides = rank(program_.value(*op_, parameter));
      Sides order;
      for (std::int64_t i = 0; i < sides; ++i) order.push_back(i);
      if (sides > 1) std::swap(order[order.size() - 1], order[order.size() - 2]);
      const std::string to = op_->outputs.front() + "." + flag;
      NodeWriter(*graph_, "Transpose", op_->name + "." + flag, {from}, {to}).set("perm", order);
      return to;
    };
    const std::string x = turned("x", "transpose_x"), y = turned("y", "transpose_y");
    node("MatMul", {x, y});
  }

  void cast() {
    const std::string type = program_.text(*op_, "dtype");
    if (type.starts_with("fp")) {
      on_x("Identity");
    } else {
      on_x("Cast").set("to", std::int64_t{kOnnxInt64});
    }
  }

  const ProgramFile& program_;
  const ProgramConstants& constants_;
  const Signature& signature_;
  onnx::Graph* graph_ = nullptr;
  const ProgramOperation* op_ = nullptr;
  std::map<std::string, Sides> shapes_;
  std::set<std::string> initializers_;
  std::set<std::string> bytes_;  // values that are the image as it comes
  bool has_unscaled_ = false;
  std::size_t budget_;  // bytes that constants may still take
};

}  // namespace

ParsedOnnx onnx_of_program(const ProgramFile& program, const Signature& signature,
                           std::size_t bytes) {
  return Translator(program, signature, bytes).run();
}

}  // namespace oko::formats::coreml
