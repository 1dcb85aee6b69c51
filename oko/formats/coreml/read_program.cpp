#include <memory>

#include "oko/formats/coreml/program_nodes.h"
#include "oko/formats/onnx/read_model.h"

namespace oko::formats::coreml {

Imported read_program(const Message& program, const Bytes& weights, const Signature& signature) {
  const ProgramFile file(program, weights, signature.file);
  const std::size_t bytes = program.size() + weights.size();
  const auto parsed = std::make_shared<const ParsedOnnx>(onnx_of_program(file, signature, bytes));
  Imported imported = read_onnx_model(parsed, signature.file, {}, bytes);
  imported.network.preprocess.bgr = signature.input.bgr;
  imported.tail_rounding = kHalfRounding;  // of constants and of what is computed between them
  return imported;
}

}  // namespace oko::formats::coreml
