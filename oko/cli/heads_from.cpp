#include "oko/cli/heads_from.h"

#include <algorithm>
#include <utility>

#include "oko/base/error.h"
#include "oko/convert/read.h"

namespace oko::cli {

// Whether the first thing a network does is to scale the image, channel by channel, as exported
// files do that hold no preprocessing.
static bool scales_its_input(const graph::Network& network) {
  const auto* first = std::get_if<graph::Convolution>(&network.layers.front().operation);
  const int channels = network.input.channels;
  const auto reads = [](const graph::Layer& layer) {
    return std::ranges::count(layer.inputs, graph::kNetworkInput) > 0;
  };
  return first != nullptr && first->size == 1 && first->filters == channels &&
         first->groups == channels && std::ranges::count_if(network.layers, reads) == 1;
}

graph::Network without_scaling(graph::Network network) {
  network.preprocess.mean = image::Preprocess{}.mean;
  network.preprocess.scale = image::Preprocess{}.scale;
  return network;
}

std::string description_for(const graph::Network& file, const graph::Network& network) {
  return formats::describe(scales_its_input(file) ? without_scaling(network) : network);
}

formats::ReadModel read_with_heads(const convert::ModelFiles& files,
                                   const formats::ReadOptions& options,
                                   const std::string& heads_from) {
  formats::ReadOptions raw = options;
  raw.raw_outputs = true;
  const graph::Network bare = convert::read_model(files, raw).network;
  if (!bare.heads().empty()) {
    throw Error(ErrorCode::kUsage, "--heads-from",
                files.files.front().name + " already defines its heads", "omit it");
  }
  graph::Network source = convert::read_model(convert::open_model(heads_from), {}).network;
  if (source.heads().empty()) {
    throw Error(ErrorCode::kUsage, "--heads-from", heads_from + " has no heads",
                "give the model that the file was exported from");
  }
  source.metadata = Json::object();  // how that one was trained, measured, quantized
  formats::ReadOptions described = options;
  described.description = description_for(bare, source);
  formats::ReadModel read = convert::read_model(files, described);
  read.notes.push_back("heads, class names and preprocessing are those of " + heads_from);
  return read;
}

}  // namespace oko::cli
