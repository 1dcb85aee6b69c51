#include "oko/convert/program.h"

#include <algorithm>

#include "oko/convert/onnx/onnx_runtime.h"
#include "oko/convert/onnx/opencv.h"
#include "oko/formats/onnx.h"

namespace oko::convert {
namespace {

std::unique_ptr<Executor> executor(std::span<const formats::File> files,
                                   const graph::Network& network, std::span<const std::string> keys,
                                   std::string& note) {
  const formats::File& file = files.front();
  const bool is_foreign = !keys.empty();
  Bytes bytes = file.bytes;
  if (is_foreign) {
    bytes = Bytes(formats::onnx_part(bytes, file.name, network.input, {keys.begin(), keys.end()}));
  }
  std::string no_runtime, no_opencv;
  const auto runtime = [&] { return make_onnx_runtime(bytes, file.name, &no_runtime); };
  const auto opencv = [&] { return make_opencv_onnx(bytes, file.name, &no_opencv); };
  if (auto made = tried(runtime, network, is_foreign, no_runtime)) return made;
  if (auto made = tried(opencv, network, is_foreign, no_opencv)) return made;
  note = no_runtime + "; " + no_opencv;
  return nullptr;
}

// The outputs of a model with boxes from write_onnx().
std::vector<detect::Detection> boxes_of(const std::vector<OnnxRuntime::Output>& outputs) {
  const auto values = [&](const char* name) {
    const auto found = std::ranges::find(outputs, name, &OnnxRuntime::Output::name);
    return found == outputs.end() ? std::vector<float>() : found->values;
  };
  const auto boxes = values("boxes"), scores = values("scores"), classes = values("classes");
  std::vector<detect::Detection> found;
  for (std::size_t i = 0; i < scores.size() && 4 * i + 3 < boxes.size() && i < classes.size();
       ++i) {
    const float* box = boxes.data() + 4 * i;
    found.push_back({static_cast<int>(classes[i]), scores[i], {box[0], box[1], box[2], box[3]}});
  }
  return found;
}

BoxProgram boxes(std::span<const formats::File> files, std::string& note) {
  const formats::File& file = files.front();
  std::shared_ptr<OnnxRuntime> runtime = make_onnx_runtime(file.bytes, file.name, &note);
  if (!runtime) return {};
  return {[runtime](std::span<const float> input) { return boxes_of(runtime->run_all(input)); },
          runtime->name()};
}

}  // namespace

const Program& onnx_program() {
  static const Program program{"onnx", executor, boxes};
  return program;
}

}  // namespace oko::convert
