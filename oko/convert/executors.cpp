#include <algorithm>

#include "oko/base/error.h"
#include "oko/convert/coreml/interpreter.h"
#include "oko/convert/export.h"
#include "oko/convert/ncnn/ncnn.h"
#include "oko/convert/onnx/onnx_runtime.h"
#include "oko/convert/onnx/opencv.h"
#include "oko/convert/tflite/arm_nn.h"

namespace oko::convert {
namespace {

std::vector<formats::File> copied(const ModelFiles& model) {
  std::vector<formats::File> files;
  for (const InputFile& file : model.files) {
    const auto bytes = file.bytes.span();
    files.push_back({file.name, {bytes.begin(), bytes.end()}});
  }
  return files;
}

std::unique_ptr<Executor> onnx_executor(const InputFile& file, std::string& note) {
  std::string no_runtime, no_opencv;
  if (auto runtime = make_onnx_runtime(file.bytes, file.name, &no_runtime)) return runtime;
  if (auto opencv = make_opencv_onnx(file.bytes, file.name, &no_opencv)) return opencv;
  note = no_runtime + "; " + no_opencv;
  return nullptr;
}

// Older versions of Arm NN refuse what TensorFlow Lite itself takes, such as float16 kernels. That
// says nothing about the file.
std::unique_ptr<Executor> arm_nn_executor(const ModelFiles& files, const graph::Network& network,
                                          std::string& note) {
  try {
    return make_arm_nn(copied(files), network, &note);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kFailed) throw;
    note = error.place() + " " + error.message();
    note.erase(std::min(note.find('\n'), note.size()));
    return nullptr;
  }
}

// The outputs that write_onnx() gives a model with boxes.
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

}  // namespace

BoxRunner independent_boxes(const ModelFiles& files, std::string& name, std::string& note) {
  if (files.format == Format::kCoreMl) {
    std::shared_ptr<CoreMlInterpreter> model = interpret_coreml(copied(files));
    name = model->name();
    return [model](std::span<const float> input) { return model->detections(input); };
  }
  if (files.format == Format::kOnnx) {
    const InputFile& file = files.files.front();
    std::shared_ptr<OnnxRuntime> runtime = make_onnx_runtime(file.bytes, file.name, &note);
    if (!runtime) return {};
    name = runtime->name();
    return [runtime](std::span<const float> input) { return boxes_of(runtime->run_all(input)); };
  }
  note = std::string("no program here runs ") + name_of(files.format) + " models that give boxes";
  return {};
}

std::unique_ptr<Executor> independent_executor(const ModelFiles& files,
                                               const graph::Network& network, std::string& note) {
  switch (files.format) {
    case Format::kOnnx:
      return onnx_executor(files.files.front(), note);
    case Format::kCoreMl:
      return interpret_coreml(copied(files));
    case Format::kTflite:
      return arm_nn_executor(files, network, note);
    case Format::kNcnn:
      return make_ncnn(copied(files), network, &note);
    case Format::kOko:
      return nullptr;  // oko's engine is what it is for
    case Format::kDarknet:
    case Format::kKeras:
    case Format::kTensorFlow:
    case Format::kSafetensors:
      note = files.files.front().name + " is read and run by oko's engine";
      return nullptr;
    case Format::kMps:
      break;
  }
  note = "Metal runs on Apple's machines alone";
  return nullptr;
}

}  // namespace oko::convert
