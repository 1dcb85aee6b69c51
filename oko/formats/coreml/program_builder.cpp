#include "oko/formats/coreml/program_builder.h"

#include <cctype>
#include <cstring>

#include "oko/base/half.h"

namespace oko::formats::coreml {
namespace {

constexpr const char* kOpset = "CoreML5";  // the operations of iOS 15
constexpr const char* kWeightFile = "@model_path/weights/weight.bin";
constexpr std::uint32_t kSentinel = 0xDEADBEEF, kStorageVersion = 2;
constexpr std::size_t kAlignment = 64;

template <typename T>
void put(std::vector<std::byte>& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

void set_type(Type type, const Sides& sides, proto::ValueType& to) {
  proto::TensorType& tensor = *to.mutable_tensor();
  tensor.set_data_type(type);
  tensor.set_rank(static_cast<std::int64_t>(sides.size()));
  for (const std::int64_t side : sides) {
    tensor.add_dimensions()->mutable_constant()->set_size(static_cast<std::uint64_t>(side));
  }
}

void set_output(const std::string& name, Type type, const Sides& sides, proto::Operation& to) {
  proto::NamedType& named = *to.add_outputs();
  named.set_name(name);
  set_type(type, sides, *named.mutable_type());
}

void set_text(const std::string& text, proto::Value& to) {
  set_type(kText, {}, *to.mutable_type());
  to.mutable_immediate()->mutable_tensor()->mutable_texts()->add_texts(text);
}

}  // namespace

BlobWriter::BlobWriter() : bytes_(kAlignment) {}

std::uint64_t BlobWriter::add(std::span<const float> values, bool half) {
  const std::size_t at = bytes_.size(), data = at + kAlignment;
  const std::size_t size = values.size() * (half ? 2 : 4);
  bytes_.resize((data + size + kAlignment - 1) / kAlignment * kAlignment);
  put(bytes_, at, kSentinel);
  put(bytes_, at + 4, std::uint32_t{half ? 1U : 2U});
  put(bytes_, at + 8, std::uint64_t{size});
  put(bytes_, at + 16, std::uint64_t{data});
  if (half) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      put(bytes_, data + 2 * i, to_half(values[i]).bits);
    }
  } else {
    std::memcpy(bytes_.data() + data, values.data(), size);
  }
  ++count_;
  return at;
}

std::vector<std::byte> BlobWriter::finish() {
  put(bytes_, 0, count_);
  put(bytes_, 4, kStorageVersion);
  return std::move(bytes_);
}

ProgramBuilder::ProgramBuilder(proto::Program& program, Type type) : type_(type) {
  program.set_version(1);
  function_ = &(*program.mutable_functions())["main"];
  function_->set_opset(kOpset);
  block_ = &(*function_->mutable_blocks())[kOpset];
}

std::string ProgramBuilder::name(const std::string& wanted) {
  std::string name;
  for (const char c : wanted) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) name.insert(0, "_");
  while (!taken_.insert(name).second) name += "_";
  return name;
}

void ProgramBuilder::input(const std::string& name, Type type, const Sides& sides) {
  proto::NamedType& input = *function_->add_inputs();
  input.set_name(name);
  set_type(type, sides, *input.mutable_type());
}

ProgramBuilder::Operation& ProgramBuilder::Operation::give(const std::string& parameter,
                                                           const std::string& value) {
  (*message.mutable_inputs())[parameter].add_bindings()->set_name(value);
  return *this;
}

ProgramBuilder::Operation ProgramBuilder::add(const std::string& type, const std::string& name,
                                              Type of, const Sides& sides,
                                              const std::string& output) {
  proto::Operation& operation = *block_->add_operations();
  operation.set_type(type);
  set_text(name, (*operation.mutable_attributes())["name"]);
  set_output(output, of, sides, operation);
  return {operation, output};
}

std::string ProgramBuilder::add_result(Operation& operation, const std::string& name,
                                       const Sides& sides) {
  std::string output = this->name(name);
  set_output(output, type_, sides, operation.message);
  return output;
}

proto::Value& ProgramBuilder::constant(const std::string& name, Type type, const Sides& sides,
                                       std::string& output) {
  output = this->name(name);
  Operation operation = add("const", output, type, sides, output);
  proto::Value& value = (*operation.message.mutable_attributes())["val"];
  set_type(type, sides, *value.mutable_type());
  return value;
}

std::string ProgramBuilder::integers(const std::string& name, const Sides& values,
                                     const Sides& sides) {
  std::string output;
  proto::Value& value = constant(name, kInt32, sides, output);
  auto& ints = *value.mutable_immediate()->mutable_tensor()->mutable_ints();
  for (const std::int64_t v : values) ints.add_values(static_cast<std::int32_t>(v));
  return output;
}
std::string ProgramBuilder::integers(const std::string& name, const Sides& values) {
  return integers(name, values, {static_cast<std::int64_t>(values.size())});
}
std::string ProgramBuilder::integer(const std::string& name, std::int64_t value) {
  return integers(name, {value}, {});
}

std::string ProgramBuilder::flag(const std::string& name, bool on) {
  std::string output;
  proto::Value& value = constant(name, kBool, {}, output);
  value.mutable_immediate()->mutable_tensor()->mutable_bools()->add_values(on);
  return output;
}

std::string ProgramBuilder::text(const std::string& name, const std::string& content) {
  std::string output;
  proto::Value& value = constant(name, kText, {}, output);
  value.mutable_immediate()->mutable_tensor()->mutable_texts()->add_texts(content);
  return output;
}

std::string ProgramBuilder::number(const std::string& name, Type type, float content) {
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

std::string ProgramBuilder::blob(const std::string& name, Type type, std::span<const float> values,
                                 const Sides& sides) {
  std::string output;
  proto::Value& value = constant(name, type, sides, output);
  value.mutable_file()->set_name(kWeightFile);
  value.mutable_file()->set_offset(blobs_.add(values, type == kFloat16));
  return output;
}

std::string ProgramBuilder::cast(const std::string& name, const std::string& x, Type to,
                                 const Sides& sides, const std::string& output) {
  const std::string type = text(name + ".type", to == kFloat16 ? "fp16" : "fp32");
  return add("cast", name, to, sides, output).give("x", x).give("dtype", type).output;
}

}  // namespace oko::formats::coreml
