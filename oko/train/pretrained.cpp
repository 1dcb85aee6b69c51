#include "oko/train/pretrained.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "oko/base/error.h"
#include "oko/formats/darknet.h"
#include "oko/formats/format.h"
#include "oko/graph/builtin.h"
#include "oko/graph/oko_file.h"
#include "oko/storage/store.h"
#include "oko/train/feature_scale.h"
#include "oko/train/unfold.h"

namespace oko::train {
namespace {

const formats::Format* format_of(const std::string& uri) {
  const std::string extension = storage::extension(uri);
  for (const formats::Format* format : formats::formats()) {
    if (std::ranges::find(format->extensions, extension) != format->extensions.end()) return format;
  }
  return nullptr;  // the first layers of a Darknet file have any ("yolov3.conv.15")
}

graph::Network read_model(const formats::Format& format, const std::string& uri,
                          const graph::Network& network) {
  const bool lacks_weights = !format.weight_extensions.empty() && !format.finds_weights;
  if (format.read == nullptr || format.takes_network || lacks_weights) {
    throw Error(ErrorCode::kUsage, uri,
                "is a " + storage::extension(uri) + " file, from which training cannot start",
                "give an .oko file (oko import makes one), Darknet .weights or their first layers");
  }
  std::vector<formats::File> files{{uri, storage::map(uri)}};
  if (format.finds_weights) {
    const std::string weights = storage::join(
        storage::parent(uri), storage::stem(uri) + std::string(format.weight_extensions.front()));
    if (!storage::exists(weights)) {
      throw input_error(uri, "its weights, " + weights + ", are missing", "put them beside it");
    }
    files.push_back({weights, storage::map(weights)});
  }
  formats::ReadOptions options;
  options.size = {network.input.width, network.input.height};
  return format.read(files, options).network;
}

// The source as a separate network, with its weights. `states_input`: whether the file says how
// images become its input.
graph::Network read_source(const graph::Network& network, const std::string& uri,
                           bool& states_input) {
  states_input = true;
  if (storage::extension(uri) == ".oko") {
    return graph::read_oko(storage::map(uri), uri, graph::Verify::kChecksum).network;
  }
  if (const formats::Format* format = format_of(uri)) return read_model(*format, uri, network);
  states_input = false;
  const Bytes file = storage::map(uri);
  graph::Network source = network;
  source.weights.clear();
  const int classes = formats::darknet_classes_from_size(network, file, uri);
  if (classes > 0) graph::set_class_count(source, classes);
  formats::read_darknet_weights(file, uri, source);
  return source;
}

std::vector<std::size_t> convolutions_of(const graph::Network& network) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    if (std::holds_alternative<graph::Convolution>(network.layers[i].operation)) found.push_back(i);
  }
  return found;
}

const graph::Convolution& convolution_at(const graph::Network& network, std::size_t layer) {
  return std::get<graph::Convolution>(network.layers[layer].operation);
}

// Whether the two convolutions can have the same weights, but for batch norm that `from` lost and,
// before a head, for classes.
bool are_alike(const graph::Network& from, std::size_t f, const graph::Network& to, std::size_t t,
               bool is_output) {
  graph::Convolution a = convolution_at(from, f), b = convolution_at(to, t);
  if (a.batch_norm && !b.batch_norm) return false;
  a.batch_norm = b.batch_norm;
  if (is_output) a.filters = b.filters;
  return a == b && graph::shape_of(from, from.layers[f].inputs[0]).channels ==
                       graph::shape_of(to, to.layers[t].inputs[0]).channels;
}

// Whether the convolutions of both networks correspond in order, whatever their names.
bool correspond(const graph::Network& from, const graph::Network& to) {
  const auto ours = convolutions_of(from), theirs = convolutions_of(to);
  const auto outputs = output_convolutions(to);
  return std::ranges::equal(ours, theirs, [&](std::size_t f, std::size_t t) {
    return are_alike(from, f, to, t, outputs[t]);
  });
}

// Gives `source` the batch norms that the corresponding convolutions of `to` have and its own have
// lost; returns how many.
int unfold_like(const graph::Network& to, graph::Network& source, const dataset::Dataset& images,
                const Recipe& recipe) {
  const auto ours = convolutions_of(source), theirs = convolutions_of(to);
  BatchNorms norms(source.layers.size());
  int count = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (convolution_at(source, ours[i]).batch_norm) continue;
    norms[ours[i]] = convolution_at(to, theirs[i]).batch_norm;
    count += norms[ours[i]].has_value() ? 1 : 0;
  }
  if (count == 0) return 0;
  if (source.input != to.input) {
    source = graph::resized(std::move(source), to.input.width, to.input.height);
  }
  unfold_batch_norms(source, norms, images, recipe);
  normalize_features(source);
  return count;
}

// The weights of `source` under the names of the network that it corresponds to.
graph::Network renamed(const graph::Network& source, const graph::Network& to) {
  graph::Network made = to;
  made.weights.clear();
  const int classes = source.class_count();
  if (classes > 0 && classes != to.class_count()) graph::set_class_count(made, classes);
  made.classes = source.classes;
  const auto ours = convolutions_of(source), theirs = convolutions_of(to);
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const std::string& from = source.layers[ours[i]].name;
    for (const char* part : {".kernel", ".bias", ".scale", ".mean", ".variance"}) {
      const auto found = source.weights.find(from + part);
      if (found == source.weights.end()) continue;
      made.weights.insert_or_assign(made.layers[theirs[i]].name + part, found->second);
    }
  }
  return made;
}

}  // namespace

std::vector<bool> output_convolutions(const graph::Network& network) {
  std::vector<bool> outputs(network.layers.size(), false);
  for (const int head : network.heads()) {
    const int from = network.layers[head].inputs[0];
    if (from >= 0) outputs[from] = true;
  }
  return outputs;
}

Pretrained read_pretrained(const graph::Network& network, const std::string& uri,
                           const dataset::Dataset& images, const Recipe& recipe) {
  Pretrained pretrained;
  bool states_input = false;
  graph::Network& source = pretrained.network = read_source(network, uri, states_input);
  if (states_input) pretrained.preprocess = source.preprocess;
  if (!correspond(source, network)) return pretrained;
  pretrained.unfolded = unfold_like(network, source, images, recipe);
  source = renamed(source, network);
  return pretrained;
}

std::string hint_about(const graph::Network& source) {
  for (const std::string_view name : graph::builtin_names()) {
    if (!correspond(source, graph::make_builtin(name, {}))) continue;
    return fmt::format("its network is {0}: add --network {0}", name);
  }
  return "give weights of the same network, or train without --from";
}

}  // namespace oko::train
