#include "oko/formats/coreml/program_file.h"

#include <cstring>

#include "oko/base/error.h"
#include "oko/base/half.h"
#include "oko/formats/coreml/fields.h"
#include "oko/formats/coreml/weights.h"

namespace oko::formats::coreml {
namespace {

constexpr std::size_t kMaxOperations = 1 << 17, kMaxValues = 256, kMaxOutputs = 256;
constexpr std::size_t kMaxImmediate = 1 << 20;
constexpr std::int64_t kMaxSide = 1 << 24, kMaxCount = std::int64_t{1} << 31;

std::int64_t product(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t side : shape) count *= side;
  return count;
}

// The values in a constant's own message, of one kind: an empty message for another kind.
Message immediate(const Message& value, TensorValue kind) {
  return value.message(Value::kImmediateValue).message(ImmediateValue::kTensor).message(kind);
}

}  // namespace

ProgramFile::ProgramFile(const Message& program, const Bytes& weights, const std::string& file)
    : file_(file), weights_(weights) {
  const auto main = program.entry(Program::kFunctions, "main");
  if (!main) {
    throw input_error(program.place(), "the program has no function \"main\"",
                      "export the model as one function");
  }
  const std::string opset = main->text(Function::kOpset);
  const auto block = main->entry(Function::kBlockSpecializations, opset);
  if (!block) {
    throw input_error(main->place(), "the program has no block for its opset \"" + opset + "\"");
  }
  read_block(*block);
}

std::string ProgramFile::place(const ProgramOperation& operation) const {
  return file_ + ": " + operation.name + " (" + operation.type + ")";
}

void ProgramFile::fail(const ProgramOperation& operation, const std::string& message) const {
  throw input_error(place(operation), message, "the file is damaged or of an unsupported kind");
}

void ProgramFile::read_block(const Message& block) {
  block.for_each([&](const Field& field) {
    if (!field.is(Block::kOperations)) return;
    const Message message = block.inside(field);
    ProgramOperation operation = read_operation(message);
    if (operation.outputs.empty()) fail(operation, "has no outputs");
    if (operation.type == "const") {
      const auto value = message.entry(Operation::kAttributes, "val");
      if (!value) fail(operation, "is a constant without a value");
      constants_[operation.outputs.front()] = *value;
    } else {
      operations_.push_back(std::move(operation));
    }
    if (operations_.size() + constants_.size() > kMaxOperations) {
      throw input_error(message.place(), "the program has more than 131072 operations");
    }
  });
}

ProgramOperation ProgramFile::read_operation(const Message& message) {
  ProgramOperation operation;
  operation.type = message.text(Operation::kType);
  for (const Message& output : message.messages(Operation::kOutputs, kMaxOutputs)) {
    operation.outputs.push_back(output.text(NamedValueType::kName));
    const Message type = output.message(NamedValueType::kType).message(ValueType::kTensorType);
    operation.half = type.integer(TensorType::kDataType) == kFloat16;
  }
  if (const auto name = message.entry(Operation::kAttributes, "name")) {
    operation.name = immediate(*name, TensorValue::kStrings).text(RepeatedValues::kValues);
  }
  if (operation.name.empty() && !operation.outputs.empty()) {
    operation.name = operation.outputs.front();
  }
  message.for_each([&](const Field& field) {
    if (!field.is(Operation::kInputs)) return;
    const Message pair = message.inside(field);
    std::vector<std::string>& values = operation.inputs[pair.text(MapEntry::kKey)];
    const Message argument = pair.message(MapEntry::kValue);
    for (const Message& binding : argument.messages(Argument::kArguments, kMaxValues)) {
      values.push_back(bound_value(binding));
    }
    if (operation.inputs.size() > kMaxValues) fail(operation, "has more than 256 parameters");
  });
  return operation;
}

// A constant may be inline: it then gets a name that no file can contain.
std::string ProgramFile::bound_value(const Message& binding) {
  if (!binding.has(Binding::kValue)) return binding.text(Binding::kName);
  std::string name = "\n" + std::to_string(constants_.size());
  constants_[name] = binding.message(Binding::kValue);
  return name;
}

const std::vector<std::string>& ProgramFile::values(const ProgramOperation& operation,
                                                    std::string_view parameter) const {
  const auto found = operation.inputs.find(parameter);
  if (found == operation.inputs.end() || found->second.empty()) {
    fail(operation, "has no \"" + std::string(parameter) + "\"");
  }
  return found->second;
}

const std::string& ProgramFile::value(const ProgramOperation& operation,
                                      std::string_view parameter) const {
  const std::vector<std::string>& found = values(operation, parameter);
  if (found.size() != 1)
    fail(operation, "has several values for \"" + std::string(parameter) + "\"");
  return found.front();
}

const Message& ProgramFile::constant(const ProgramOperation& operation,
                                     std::string_view parameter) const {
  const auto found = constants_.find(value(operation, parameter));
  if (found == constants_.end()) {
    fail(operation, "has a \"" + std::string(parameter) + "\" that is not constant");
  }
  return found->second;
}

std::vector<std::int64_t> ProgramFile::shape_of(const Message& value) const {
  std::vector<std::int64_t> shape;
  std::int64_t count = 1;
  const Message type = value.message(Value::kType).message(ValueType::kTensorType);
  for (const Message& dimension : type.messages(TensorType::kDimensions, 8)) {
    const std::uint64_t side =
        dimension.message(Dimension::kConstant).integer(ConstantDimension::kSize);
    if (side < 1 || side > kMaxSide || (count *= static_cast<std::int64_t>(side)) > kMaxCount) {
      throw input_error(value.place(), "a constant is empty, too large or of unknown shape");
    }
    shape.push_back(static_cast<std::int64_t>(side));
  }
  return shape;
}

std::vector<std::int64_t> ProgramFile::shape(const ProgramOperation& operation,
                                             std::string_view parameter) const {
  return shape_of(constant(operation, parameter));
}

std::vector<float> ProgramFile::numbers(const ProgramOperation& operation,
                                        std::string_view parameter) const {
  const Message& value = constant(operation, parameter);
  const std::int64_t count = product(shape_of(value));
  const std::string what = place(operation) + ": " + std::string(parameter);
  if (value.has(Value::kBlobFileValue)) {
    const Message blob = value.message(Value::kBlobFileValue);
    return read_blob(weights_, blob.integer(BlobFileValue::kOffset), count, what);
  }
  constexpr auto kValues = RepeatedValues::kValues;
  const Message tensor = value.message(Value::kImmediateValue).message(ImmediateValue::kTensor);
  std::vector<float> values;
  if (tensor.has(TensorValue::kBytes)) {
    const auto bytes = tensor.message(TensorValue::kBytes).content(kValues);
    for (std::size_t at = 0; at + 2 <= bytes.size(); at += 2) {
      Half half;
      std::memcpy(&half.bits, bytes.data() + at, sizeof half.bits);
      values.push_back(to_float(half));
    }
  } else if (tensor.has(TensorValue::kInts)) {
    for (const std::int64_t n :
         tensor.message(TensorValue::kInts).integers(kValues, kMaxImmediate)) {
      values.push_back(static_cast<float>(n));
    }
  } else {
    values = tensor.message(TensorValue::kFloats).reals(kValues, kMaxImmediate);
  }
  if (values.size() != static_cast<std::size_t>(count)) {
    fail(operation, "has a \"" + std::string(parameter) + "\" of " + std::to_string(values.size()) +
                        " values instead of " + std::to_string(count));
  }
  return values;
}

float ProgramFile::number(const ProgramOperation& operation, std::string_view parameter) const {
  const std::vector<float> found = numbers(operation, parameter);
  if (found.size() != 1)
    fail(operation, "has a \"" + std::string(parameter) + "\" with more than one value");
  return found.front();
}

std::vector<std::int64_t> ProgramFile::integers(const ProgramOperation& operation,
                                                std::string_view parameter,
                                                std::vector<std::int64_t> otherwise) const {
  if (!operation.inputs.contains(parameter)) return otherwise;
  return immediate(constant(operation, parameter), TensorValue::kInts)
      .integers(RepeatedValues::kValues);
}

std::string ProgramFile::text(const ProgramOperation& operation, std::string_view parameter) const {
  if (!operation.inputs.contains(parameter)) return {};
  return immediate(constant(operation, parameter), TensorValue::kStrings)
      .text(RepeatedValues::kValues);
}

bool ProgramFile::flag(const ProgramOperation& operation, std::string_view parameter) const {
  if (!operation.inputs.contains(parameter)) return false;
  const Message bools = immediate(constant(operation, parameter), TensorValue::kBools);
  for (const std::int64_t value : bools.integers(RepeatedValues::kValues)) {
    if (value != 0) return true;
  }
  return false;
}

}  // namespace oko::formats::coreml
