#include "oko/formats/coreml/program_file.h"

#include "oko/base/error.h"
#include "oko/formats/coreml/fields.h"

namespace oko::formats::coreml {
namespace {

constexpr std::size_t kMaxOperations = 1 << 17, kMaxValues = 256, kMaxOutputs = 256;

}  // namespace

ProgramFile::ProgramFile(const Message& program, const Bytes& weights, const std::string& file)
    : file_(file), constants_(weights) {
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
      constants_.add(operation.outputs.front(), *value);
    } else if (operation.type.starts_with("constexpr_")) {
      add_compressed(message, operation);
    } else {
      operations_.push_back(std::move(operation));
    }
    if (operations_.size() + constants_.count() > kMaxOperations) {
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
    operation.shapes.push_back(sides_of_type(type, true));
  }
  if (const auto name = message.entry(Operation::kAttributes, "name")) {
    operation.name = name->message(Value::kImmediateValue)
                         .message(ImmediateValue::kTensor)
                         .message(TensorValue::kStrings)
                         .text(RepeatedValues::kValues);
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

// Its parts are attributes, or constants that it reads.
void ProgramFile::add_compressed(const Message& message, const ProgramOperation& operation) {
  ProgramConstants::Compressed value{operation.type, {}, operation.shapes.front()};
  message.for_each([&](const Field& field) {
    if (!field.is(Operation::kAttributes)) return;
    const Message pair = message.inside(field);
    value.parts[pair.text(MapEntry::kKey)] = pair.message(MapEntry::kValue);
  });
  constants_.add(operation.outputs.front(), std::move(value));
}

// A constant may be inline.
std::string ProgramFile::bound_value(const Message& binding) {
  if (!binding.has(Binding::kValue)) return binding.text(Binding::kName);
  return constants_.add_unnamed(binding.message(Binding::kValue));
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

const std::string& ProgramFile::constant(const ProgramOperation& operation,
                                         std::string_view parameter) const {
  const std::string& name = value(operation, parameter);
  if (!constants_.has(name)) {
    fail(operation, "has a \"" + std::string(parameter) + "\" that is not constant");
  }
  return name;
}

std::vector<std::int64_t> ProgramFile::shape(const ProgramOperation& operation,
                                             std::string_view parameter) const {
  return constants_.shape(constant(operation, parameter));
}

std::vector<float> ProgramFile::numbers(const ProgramOperation& operation,
                                        std::string_view parameter) const {
  return constants_.numbers(constant(operation, parameter),
                            place(operation) + ": " + std::string(parameter));
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
  if (!has(operation, parameter)) return otherwise;
  return constants_.integers(constant(operation, parameter));
}

std::string ProgramFile::text(const ProgramOperation& operation, std::string_view parameter) const {
  return has(operation, parameter) ? constants_.text(constant(operation, parameter))
                                   : std::string();
}

bool ProgramFile::flag(const ProgramOperation& operation, std::string_view parameter) const {
  return has(operation, parameter) && constants_.flag(constant(operation, parameter));
}

}  // namespace oko::formats::coreml
