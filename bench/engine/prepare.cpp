#include "prepare.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>

#include "contender.h"
#include "oko/base/error.h"
#include "oko/base/random.h"
#include "oko/base/threads.h"
#include "oko/formats/darknet.h"
#include "oko/graph/builtin.h"
#include "oko/graph/oko_file.h"
#include "oko/graph/synthetic.h"
#include "oko/image/letterbox.h"
#include "oko/media/picture.h"
#include "oko/runtime/calibrate.h"
#include "oko/storage/store.h"
#include "peer_files.h"
#include "steps.h"

namespace oko::bench {
namespace {

graph::Network read_network(const std::string& model) {
  const std::string extension = storage::extension(model);
  if (extension == ".oko") return graph::read_oko(storage::map(model), model).network;
  if (extension == ".cfg") {
    graph::Network network = formats::read_darknet_cfg(storage::read_text(model), model);
    formats::as_original_darknet(network);  // like every contender
    const std::string weights =
        storage::join(storage::parent(model), storage::stem(model) + ".weights");
    formats::read_darknet_weights(storage::map(weights), weights, network);
    return network;
  }
  graph::Network network = graph::make_builtin(model, {});
  for (graph::Layer& layer : network.layers) {  // Darknet's batch norm
    auto* convolution = std::get_if<graph::Convolution>(&layer.operation);
    if (convolution != nullptr && convolution->batch_norm) convolution->batch_norm = {1e-6F, true};
  }
  graph::fill_synthetic_weights(network);
  return network;
}

std::vector<float> read_input(const std::string& file, const graph::Network& network) {
  std::vector<float> values(static_cast<std::size_t>(network.input.count()));
  if (file.empty()) {
    Random random(1);
    for (float& v : values) v = static_cast<float>(random.uniform());
  } else if (storage::extension(file) == ".f32") {
    const std::vector<float> read = read_floats(file);
    if (read.size() != values.size()) {
      throw input_error(
          file, std::to_string(read.size()) + " values, not " + std::to_string(values.size()));
    }
    return read;
  } else {
    const image::Picture picture = media::decode(storage::read(file), file);
    image::letterbox(picture.frame(), {network.input.width, network.input.height},
                     network.preprocess, values);
  }
  return values;
}

// The same without heads: their inputs become the network's outputs.
graph::Network headless(const graph::Network& network) {
  graph::Network result = network;
  result.layers.clear();
  std::vector<int> moved;  // new index of each layer
  for (const graph::Layer& layer : network.layers) {
    const bool head = graph::is_head(layer.operation);
    moved.push_back(head ? -1 : static_cast<int>(result.layers.size()));
    if (head) continue;
    graph::Layer& kept = result.layers.emplace_back(layer);
    for (int& from : kept.inputs) {
      if (from != graph::kNetworkInput) from = moved[from];
    }
  }
  return result;
}

// Like `oko quantize`, with ranges from one image.
graph::Network quantized(graph::Network network, const std::vector<float>& input) {
  runtime::Calibrator calibrator(network, available_processors());
  calibrator.add(input);
  runtime::set_quantization(network, calibrator.result(runtime::Calibration::kMinMax));
  return network;
}

}  // namespace

Prepared prepare(const std::string& model, const std::string& input, const std::string& folder) {
  const graph::Network network = read_network(model);
  const std::vector<float> values = read_input(input, network);
  Steps steps = steps_of(network);
  Prepared prepared{network, {}};
  for (const auto& head : calibrate(steps, values)) {
    prepared.expected.insert(prepared.expected.end(), head.begin(), head.end());
  }
  const auto write = [&](const std::string& name, const auto& content) {
    storage::write(storage::join(folder, name), content);
  };
  write("network.json", write_job(network));
  write("ranges.json", write_ranges(steps));
  write("input.f32", std::as_bytes(std::span(values)));
  write("fp32.oko", graph::write_oko(network));
  write("heads.f32", std::as_bytes(std::span(prepared.expected)));
  const StepsFiles steps_files = write_steps(steps);
  write("steps.json", steps_files.json);
  write("weights.f32", std::as_bytes(std::span(steps_files.weights)));
  write("int8.oko", graph::write_oko(quantized(network, values)));
  try {
    write("darknet.cfg", formats::write_darknet_cfg(headless(network)));
    write("darknet.weights", formats::write_darknet_weights(network));
  } catch (const Error& error) {  // what reads them is skipped
    fmt::print(stderr, "no Darknet files: {}\n", error.what());
  }
  for (const std::string precision : {"fp32", "int8"}) {
    const NcnnFiles ncnn = write_ncnn(steps, precision);
    write(precision + ".param", ncnn.param);
    write(precision + ".bin", ncnn.bin);
    write(precision + ".onnx", write_onnx(steps, precision));
  }
  return prepared;
}

}  // namespace oko::bench
