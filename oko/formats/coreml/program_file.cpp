#include "oko/formats/coreml/program_file.h"

#include <cstring>

#include "oko/base/error.h"
#include "oko/base/half.h"
#include "oko/formats/coreml/weights.h"

namespace oko::formats::coreml {
namespace {

constexpr std::size_t kMaxOperations = 1 << 17, kMaxValues = 256, kMaxOutputs = 256;
constexpr std::size_t kMaxImmediate = 1 << 20;
constexpr std::int64_t kMaxSide = 1 << 24, kMaxCount = std::int64_t{1} << 31;
constexpr std::uint32_t kImmediate = 3, kFile = 5;
constexpr std::uint64_t kFloat16 = 10;  // data type

std::int64_t product(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t side : shape) count *= side;
  return count;
}

}  // namespace

ProgramFile::ProgramFile(const Message& program, const Bytes& weights, const std::string& file)
    : file_(file), weights_(weights) {
  const auto main = program.entry(2, "main");
  if (!main) {
    throw input_error(program.place(), "the program has no function \"main\"",
                      "export the model as one function");
  }
  const std::string opset = main->text(2);
  const auto block = main->entry(3, opset);
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
    if (field.number != 3) return;
    const Message message = block.inside(field);
    ProgramOperation operation = read_operation(message);
    if (operation.outputs.empty()) fail(operation, "has no outputs");
    if (operation.type == "const") {
      const auto value = message.entry(5, "val");
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
  operation.type = message.text(1);
  for (const Message& output : message.messages(3, kMaxOutputs)) {
    operation.outputs.push_back(output.text(1));
    operation.half = output.message(2).message(1).integer(1) == kFloat16;
  }
  if (const auto name = message.entry(5, "name")) {
    operation.name = name->message(kImmediate).message(1).message(4).text(1);
  }
  if (operation.name.empty() && !operation.outputs.empty()) {
    operation.name = operation.outputs.front();
  }
  message.for_each([&](const Field& field) {
    if (field.number != 2) return;
    const Message pair = message.inside(field);
    std::vector<std::string>& values = operation.inputs[pair.text(1)];
    for (const Message& binding : pair.message(2).messages(1, kMaxValues)) {
      values.push_back(bound_value(binding));
    }
    if (operation.inputs.size() > kMaxValues) fail(operation, "has more than 256 parameters");
  });
  return operation;
}

// A constant may be inline: it then gets a name that no file can contain.
std::string ProgramFile::bound_value(const Message& binding) {
  if (!binding.has(2)) return binding.text(1);
  std::string name = "\n" + std::to_string(constants_.size());
  constants_[name] = binding.message(2);
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
  for (const Message& dimension : value.message(2).message(1).messages(3, 8)) {
    const std::uint64_t side = dimension.message(1).integer(1);
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
  if (value.has(kFile)) {
    return read_blob(weights_, value.message(kFile).integer(2), count, what);
  }
  const Message tensor = value.message(kImmediate).message(1);
  std::vector<float> values;
  if (tensor.has(7)) {
    const auto bytes = tensor.message(7).content(1);
    for (std::size_t at = 0; at + 2 <= bytes.size(); at += 2) {
      Half half;
      std::memcpy(&half.bits, bytes.data() + at, sizeof half.bits);
      values.push_back(to_float(half));
    }
  } else if (tensor.has(2)) {
    for (const std::int64_t n : tensor.message(2).integers(1, kMaxImmediate)) {
      values.push_back(static_cast<float>(n));
    }
  } else {
    values = tensor.message(1).reals(1, kMaxImmediate);
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
  return constant(operation, parameter).message(kImmediate).message(1).message(2).integers(1);
}

std::string ProgramFile::text(const ProgramOperation& operation, std::string_view parameter) const {
  if (!operation.inputs.contains(parameter)) return {};
  return constant(operation, parameter).message(kImmediate).message(1).message(4).text(1);
}

bool ProgramFile::flag(const ProgramOperation& operation, std::string_view parameter) const {
  if (!operation.inputs.contains(parameter)) return false;
  const Message bools = constant(operation, parameter).message(kImmediate).message(1).message(3);
  for (const std::int64_t value : bools.integers(1)) {
    if (value != 0) return true;
  }
  return false;
}

}  // namespace oko::formats::coreml
