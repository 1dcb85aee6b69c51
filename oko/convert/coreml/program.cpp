#include "oko/convert/program.h"

#include "oko/convert/coreml/interpreter.h"

namespace oko::convert {
namespace {

std::unique_ptr<Executor> executor(std::span<const formats::File> files,
                                   const graph::Network& network, std::span<const std::string> keys,
                                   std::string& note) {
  const auto make = [&]() -> std::unique_ptr<Executor> {
    auto interpreter = interpret_coreml(files);
    if (!keys.empty()) interpreter->set_outputs({keys.begin(), keys.end()});
    return interpreter;
  };
  return tried(make, network, !keys.empty(), note);
}

BoxProgram boxes(std::span<const formats::File> files, std::string&) {
  std::shared_ptr<CoreMlInterpreter> model = interpret_coreml(files);
  return {[model](std::span<const float> input) { return model->detections(input); }, model->name(),
          true, true};
}

}  // namespace

const Program& coreml_program() {
  static const Program program{"coreml", executor, boxes};
  return program;
}

}  // namespace oko::convert
