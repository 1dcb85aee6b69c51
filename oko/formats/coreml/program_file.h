#pragma once

#include <map>
#include <string>
#include <vector>

#include "oko/formats/coreml/program_constants.h"
#include "oko/formats/coreml/wire.h"

// A parsed ML Program, for the reader and the interpreter; shares nothing with the writer.
namespace oko::formats::coreml {

struct ProgramOperation {
  std::string type, name;  // the name is free text; its results are identified by `outputs`
  std::map<std::string, std::vector<std::string>, std::less<>> inputs;  // values, by parameter
  std::vector<std::string> outputs;
  std::vector<std::vector<std::int64_t>> shapes;  // of them
  bool half = false;                              // produces float16
};

// The main function of a Program message: its operations in order and its constants by name.
// All functions throw input Errors that name the operation or the byte.
class ProgramFile {
 public:
  ProgramFile(const Message& program, const Bytes& weights, const std::string& file);

  const std::vector<ProgramOperation>& operations() const { return operations_; }
  std::string place(const ProgramOperation& operation) const;

  // An operation's inputs: the names of the values of a parameter, or its only one.
  const std::vector<std::string>& values(const ProgramOperation& operation,
                                         std::string_view parameter) const;
  const std::string& value(const ProgramOperation& operation, std::string_view parameter) const;
  bool has(const ProgramOperation& operation, std::string_view parameter) const {
    return operation.inputs.contains(parameter);
  }
  const ProgramConstants& constants() const { return constants_; }
  bool is_constant(const std::string& value) const { return constants_.has(value); }

  // Constant parameters of an operation; `otherwise` if it has none.
  std::vector<std::int64_t> shape(const ProgramOperation& operation,
                                  std::string_view parameter) const;
  std::vector<float> numbers(const ProgramOperation& operation, std::string_view parameter) const;
  float number(const ProgramOperation& operation, std::string_view parameter) const;
  std::vector<std::int64_t> integers(const ProgramOperation& operation, std::string_view parameter,
                                     std::vector<std::int64_t> otherwise) const;
  std::string text(const ProgramOperation& operation, std::string_view parameter) const;
  bool flag(const ProgramOperation& operation, std::string_view parameter) const;

 private:
  void read_block(const Message& block);
  ProgramOperation read_operation(const Message& message);
  void add_compressed(const Message& message, const ProgramOperation& operation);
  std::string bound_value(const Message& binding);
  const std::string& constant(const ProgramOperation& operation, std::string_view parameter) const;
  [[noreturn]] void fail(const ProgramOperation& operation, const std::string& message) const;

  std::string file_;
  ProgramConstants constants_;
  std::vector<ProgramOperation> operations_;
};

}  // namespace oko::formats::coreml
