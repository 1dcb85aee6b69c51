#include "oko/convert/program.h"

#include "oko/convert/tflite/arm_nn.h"
#include "oko/formats/tflite.h"

namespace oko::convert {
namespace {

std::unique_ptr<Executor> executor(std::span<const formats::File> files,
                                   const graph::Network& network, std::span<const std::string> keys,
                                   std::string& note) {
  const formats::File& file = files.front();
  const auto make = [&] {
    if (keys.empty()) return make_arm_nn(files, network, &note);
    formats::TflitePart part =
        formats::tflite_part(file.bytes, file.name, {keys.begin(), keys.end()});
    part.input_shape = network.input;
    for (const int output : network.outputs()) {
      part.output_shapes.push_back(network.layers[output].output);
    }
    return make_arm_nn(part, &note);
  };
  return tried(make, network, !keys.empty(), note);
}

}  // namespace

const Program& tflite_program() {
  static const Program program{"tflite", executor};
  return program;
}

}  // namespace oko::convert
