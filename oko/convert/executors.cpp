#include <algorithm>

#include "oko/base/error.h"
#include "oko/convert/coreml/interpreter.h"
#include "oko/convert/export.h"
#include "oko/convert/ncnn/ncnn.h"
#include "oko/convert/onnx/onnx_runtime.h"
#include "oko/convert/onnx/opencv.h"
#include "oko/convert/tflite/arm_nn.h"
#include "oko/formats/onnx.h"

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

// Makes an executor and, for a file that oko did not write, checks that it runs. A rejection by the
// program says nothing about the file: it goes to `note`, and the result is null.
template <typename Make>
std::unique_ptr<Executor> tried(const Make& make, const graph::Network& network, bool is_foreign,
                                std::string& note) {
  try {
    auto executor = make();
    if (executor && is_foreign) {
      executor->run(std::vector<float>(static_cast<std::size_t>(network.input.count()), .5F));
    }
    return executor;
  } catch (const Error& error) {
    if (!is_foreign && error.code() != ErrorCode::kFailed) throw;
    note = error.place() + " " + error.message();
    note.erase(std::min(note.find('\n'), note.size()));
    return nullptr;
  }
}

std::unique_ptr<Executor> onnx_executor(const InputFile& file, const graph::Network& network,
                                        std::span<const std::string> keys, std::string& note) {
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

std::unique_ptr<Executor> tflite_executor(const ModelFiles& files, const graph::Network& network,
                                          std::span<const std::string> keys, std::string& note) {
  const InputFile& file = files.files.front();
  const auto make = [&] {
    if (keys.empty()) return make_arm_nn(copied(files), network, &note);
    return make_arm_nn(formats::tflite_part(file.bytes, file.name, {keys.begin(), keys.end()}),
                       &note);
  };
  return tried(make, network, !keys.empty(), note);
}

std::unique_ptr<Executor> coreml_executor(const ModelFiles& files, const graph::Network& network,
                                          std::span<const std::string> keys, std::string& note) {
  const auto make = [&] {
    auto interpreter = interpret_coreml(copied(files));
    if (!keys.empty()) interpreter->set_outputs({keys.begin(), keys.end()});
    return std::unique_ptr<Executor>(std::move(interpreter));
  };
  return tried(make, network, !keys.empty(), note);
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
  note = std::string("no program on this machine runs ") + name_of(files.format) +
         " models that output boxes";
  return {};
}

std::unique_ptr<Executor> independent_executor(const ModelFiles& files,
                                               const graph::Network& network, std::string& note,
                                               std::span<const std::string> output_keys) {
  switch (files.format) {
    case Format::kOnnx:
      return onnx_executor(files.files.front(), network, output_keys, note);
    case Format::kCoreMl:
      return coreml_executor(files, network, output_keys, note);
    case Format::kTflite:
      return tflite_executor(files, network, output_keys, note);
    case Format::kNcnn:
      return tried([&] { return make_ncnn(copied(files), network, &note, output_keys); }, network,
                   !output_keys.empty(), note);
    case Format::kOko:
      return nullptr;  // made for oko's engine
    case Format::kDarknet:
    case Format::kKeras:
    case Format::kTensorFlow:
    case Format::kSafetensors:
      note = files.files.front().name + " is read and run by oko's engine";
      return nullptr;
    case Format::kMps:
      break;
  }
  note = "Metal runs only on Apple devices";
  return nullptr;
}

}  // namespace oko::convert
