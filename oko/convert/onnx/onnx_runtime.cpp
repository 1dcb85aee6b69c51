#include "oko/convert/onnx/onnx_runtime.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "oko/base/command.h"
#include "oko/base/error.h"
#include "oko/base/json.h"
#include "oko/formats/onnx.h"
#include "oko/storage/store.h"
#include "oko/storage/temporary.h"

namespace oko::convert {
namespace {

// Run by Node with: folder, and to run a model also model, input, its name, its four dimensions,
// result. Without a model it prints the package and its version. The result file has the outputs
// one after another as float32; their names and shapes are printed as JSON.
constexpr const char* kScript = R"js('use strict';
const fs = require('fs');
const path = require('path');
const [folder, model, input, name, sides, result] = process.argv.slice(2);
const packages = path.join(path.resolve(folder), 'node_modules');
const found = ['onnxruntime-node', 'onnxruntime-web'].find(
    (p) => fs.existsSync(path.join(packages, p, 'package.json')));
if (!found) {
  console.log('no onnxruntime-node or onnxruntime-web in ' + packages);
  process.exit(3);
}
const ort = require(path.join(packages, found));
async function run() {
  const options = {logSeverityLevel: 3};
  const session = await ort.InferenceSession.create(fs.readFileSync(model), options);
  const bytes = fs.readFileSync(input);
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset,
      bytes.byteOffset + bytes.byteLength));
  const picture = new ort.Tensor('float32', values, sides.split(',').map(Number));
  const maps = await session.run({[name]: picture});
  const file = fs.openSync(result, 'w');
  const outputs = session.outputNames.map((output) => {
    const numbers = Float32Array.from(maps[output].data, Number);
    fs.writeSync(file, new Uint8Array(numbers.buffer));
    return {name: output, shape: maps[output].dims.map(Number)};
  });
  fs.closeSync(file);
  console.log(JSON.stringify(outputs));
}
if (model) {
  run().catch((error) => {
    console.log(String(error.message || error));
    process.exit(4);
  });
} else {
  const about = require(path.join(packages, found, 'package.json'));
  console.log(JSON.stringify({name: found, version: about.version}));
}
)js";

// Runs the script; returns the last line it printed and whether it succeeded.
std::pair<bool, std::string> run_script(const storage::TemporaryFolder& scratch,
                                        const std::vector<std::string>& arguments) {
  const std::string script = scratch.file("run.cjs");
  storage::write(script, std::string_view(kScript));
  std::vector<std::string> words{"node", script};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::string text;
  const CommandResult result =
      run_command({.words = words, .output = [&](std::string_view piece) { text += piece; }});
  if (result.missing) return {false, "node is not in PATH"};
  if (text.empty()) text = result.errors;
  while (text.ends_with('\n')) text.pop_back();
  const std::size_t line = text.rfind('\n');
  return {result.code == 0, line == std::string::npos ? text : text.substr(line + 1)};
}

class NodeRuntime : public OnnxRuntime {
 public:
  NodeRuntime(Bytes file, std::string name, std::string folder, std::string version)
      : file_(std::move(file)),
        name_(std::move(name)),
        folder_(std::move(folder)),
        version_(std::move(version)),
        signature_(formats::onnx_signature(file_, name_)) {}

  std::string name() const override { return "ONNX Runtime " + version_; }
  graph::Precision arithmetic() const override {
    return signature_.in_bytes ? graph::Precision::kInt8 : graph::Precision::kFloat32;
  }

  std::vector<Output> run_all(std::span<const float> input) override {
    return run_file(file_.span(), input);
  }

  std::vector<std::vector<float>> run(std::span<const float> input) override {
    std::vector<std::vector<float>> maps;
    for (Output& output : run_all(input)) maps.push_back(std::move(output.values));
    return maps;
  }

  std::map<std::string, std::vector<float>> run_layers(std::span<const float> input) override {
    std::map<std::string, std::string> layers;  // by tensor
    std::vector<std::string> inside;
    for (const auto& layer : signature_.layers) {
      layers[layer.name] = layer.layer;
      if (std::ranges::count(signature_.outputs, layer.name) == 0) inside.push_back(layer.name);
    }
    std::map<std::string, std::vector<float>> by_layer;
    for (Output& output : run_file(formats::with_onnx_outputs(file_, inside), input)) {
      const auto layer = layers.find(output.name);
      if (layer != layers.end()) by_layer[layer->second] = std::move(output.values);
    }
    return by_layer;
  }

 private:
  std::vector<Output> run_file(std::span<const std::byte> file, std::span<const float> input) {
    const graph::Shape& shape = signature_.shape;
    if (input.size() != static_cast<std::size_t>(shape.count())) {
      throw input_error(name_, "the input has " + std::to_string(input.size()) +
                                   " values, the model expects " + graph::to_string(shape));
    }
    const storage::TemporaryFolder scratch;
    const std::string model = scratch.file("model.onnx"), numbers = scratch.file("input");
    const std::string result = scratch.file("result");
    storage::write(model, file);
    storage::write(numbers, std::as_bytes(input));
    const std::string sides = "1," + std::to_string(shape.channels) + "," +
                              std::to_string(shape.height) + "," + std::to_string(shape.width);
    const auto [ran, text] =
        run_script(scratch, {folder_, model, numbers, signature_.input, sides, result});
    if (!ran) {
      throw input_error(name_, "ONNX Runtime rejects the model: " + text,
                        "check which operations this version supports");
    }
    return outputs_of(parse_json(text, "ONNX Runtime"), storage::read(result));
  }

  static std::vector<Output> outputs_of(const Json& list, const Bytes& values) {
    std::vector<Output> outputs;
    std::size_t at = 0;
    for (const Json& entry : list) {
      Output output{json_get<std::string>(entry, "name", "ONNX Runtime"), {}, {}};
      std::size_t count = 1;
      for (const Json& side : entry["shape"]) {
        output.shape.push_back(side.get<std::int64_t>());
        count *= side.get<std::size_t>();
      }
      if ((values.size() - at) / sizeof(float) < count) {
        throw Error(ErrorCode::kFailed, "ONNX Runtime", "returned fewer values than it announced");
      }
      output.values.resize(count);
      if (count > 0) std::memcpy(output.values.data(), values.data() + at, count * sizeof(float));
      at += count * sizeof(float);
      outputs.push_back(std::move(output));
    }
    return outputs;
  }

  Bytes file_;
  std::string name_, folder_, version_;
  formats::OnnxSignature signature_;
};

}  // namespace

std::unique_ptr<OnnxRuntime> make_onnx_runtime(const Bytes& file, const std::string& name,
                                               std::string* why) {
  const char* folder = std::getenv("OKO_ONNXRUNTIME");
  std::string reason =
      "ONNX Runtime was not used: OKO_ONNXRUNTIME is not set (to a folder in which npm install "
      "--ignore-scripts onnxruntime-node was run)";
  if (folder != nullptr && *folder != 0) {
    const storage::TemporaryFolder scratch;
    const auto [ran, text] = run_script(scratch, {folder});
    if (ran) {
      const auto version =
          json_get<std::string>(parse_json(text, "ONNX Runtime"), "version", "ONNX Runtime");
      return std::make_unique<NodeRuntime>(file, name, folder, version);
    }
    reason = text;
  }
  if (why != nullptr) *why = reason;
  return nullptr;
}

}  // namespace oko::convert
