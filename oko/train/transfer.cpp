#include "oko/train/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "oko/base/error.h"
#include "oko/formats/darknet.h"
#include "oko/formats/format.h"
#include "oko/graph/oko_file.h"
#include "oko/storage/store.h"
#include "oko/train/head.h"
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
int unfold_like(const graph::Network& to, graph::Network& source, const std::string& uri,
                const dataset::Dataset& images, const Recipe& recipe) {
  const auto ours = convolutions_of(source), theirs = convolutions_of(to);
  BatchNorms norms(source.layers.size());
  int count = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (convolution_at(source, ours[i]).batch_norm) continue;
    norms[ours[i]] = convolution_at(to, theirs[i]).batch_norm;
    count += norms[ours[i]].has_value() ? 1 : 0;
  }
  if (count == 0) return 0;
  if (images.samples.empty()) {
    throw input_error(uri, "its batch norm is folded, and there are no images to measure it on");
  }
  if (source.input != to.input) {
    source = graph::resized(std::move(source), to.input.width, to.input.height);
  }
  unfold_batch_norms(source, norms, images, recipe);
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

// Rows of `old` selected by `sources`; those without a source stay as they are in `picked`.
graph::Tensor pick_rows(const graph::Tensor& old, const std::vector<int>& sources,
                        std::vector<float> picked) {
  const auto values = old.floats();
  const std::size_t row = values.size() / static_cast<std::size_t>(old.shape[0]);
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (sources[i] < 0) continue;
    std::copy_n(
        values.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(sources[i]) * row),
        row, picked.begin() + static_cast<std::ptrdiff_t>(i * row));
  }
  auto shape = old.shape;
  shape[0] = static_cast<std::int64_t>(sources.size());
  return graph::Tensor::of(std::move(picked), std::move(shape));
}

class Loader {
 public:
  Loader(graph::Network& to, const graph::Network& from) : to_(to), from_(from) {
    result_.loaded.assign(to.layers.size(), false);
  }

  Transfer run() {
    const auto outputs = output_convolutions(to_);
    for (std::size_t i = 0; i < to_.layers.size(); ++i) {
      if (!std::holds_alternative<graph::Convolution>(to_.layers[i].operation)) continue;
      ++result_.of;
      if (!(outputs[i] && other_classes()) && take_whole(i)) {
        result_.loaded[i] = true;
        ++result_.convolutions;
      } else if (outputs[i] && adapt_head(i)) {
        ++result_.heads_adapted;
      }
    }
    return result_;
  }

 private:
  // Whether the classes are known to differ, even if only in order.
  bool other_classes() const {
    return !from_.classes.empty() && !to_.classes.empty() && from_.classes != to_.classes;
  }

  std::vector<std::string> parts_of(std::size_t layer) const {
    const auto& conv = std::get<graph::Convolution>(to_.layers[layer].operation);
    if (conv.batch_norm) return {"kernel", "bias", "scale", "mean", "variance"};
    return {"kernel", "bias"};
  }

  bool take_whole(std::size_t layer) {
    const std::string& name = to_.layers[layer].name;
    std::vector<std::pair<std::string, graph::Tensor>> found;
    for (const std::string& part : parts_of(layer)) {
      const auto it = from_.weights.find(name + "." + part);
      if (it == from_.weights.end() || it->second.dtype != graph::DType::kF32 ||
          it->second.shape != wanted_shape(layer, part)) {
        return false;
      }
      found.emplace_back(it->first, it->second);
    }
    for (auto& [key, tensor] : found) to_.weights.insert_or_assign(key, std::move(tensor));
    return true;
  }

  std::vector<std::int64_t> wanted_shape(std::size_t layer, const std::string& part) const {
    const auto& conv = std::get<graph::Convolution>(to_.layers[layer].operation);
    if (part != "kernel") return {conv.filters};
    const int channels = graph::shape_of(to_, to_.layers[layer].inputs[0]).channels;
    return {conv.filters, channels / conv.groups, conv.size, conv.size};
  }

  bool adapt_head(std::size_t layer) {
    const std::string& name = to_.layers[layer].name;
    if (layer >= from_.layers.size() || from_.layers[layer].name != name) return false;
    const graph::Operation* head = head_after(to_, static_cast<int>(layer));
    const graph::Operation* old = head_after(from_, static_cast<int>(layer));
    const auto kernel = from_.weights.find(name + ".kernel");
    const auto bias = from_.weights.find(name + ".bias");
    if (head == nullptr || old == nullptr || kernel == from_.weights.end() ||
        bias == from_.weights.end()) {
      return false;
    }
    auto shape = wanted_shape(layer, "kernel");
    shape[0] = from_.layers[layer].output.channels;
    if (kernel->second.shape != shape || bias->second.shape != std::vector{shape[0]}) return false;
    const HeadKind* kind = head_kind(*head);
    if (kind == nullptr) return false;
    const std::vector<int> sources = kind->channels_from(*head, to_.classes, *old, from_.classes);
    if (sources.empty() || *std::ranges::max_element(sources) >= shape[0]) return false;
    // An unknown class begins like one of a new network, but the same everywhere.
    std::vector<float> rows(
        sources.size() * static_cast<std::size_t>(shape[1] * shape[2] * shape[3]), 0.F);
    std::vector<float> biases(sources.size(), 0.F);
    kind->initialize_biases(*head, biases);
    to_.weights.insert_or_assign(kernel->first,
                                 pick_rows(kernel->second, sources, std::move(rows)));
    to_.weights.insert_or_assign(bias->first, pick_rows(bias->second, sources, std::move(biases)));
    return true;
  }

  graph::Network& to_;
  const graph::Network& from_;
  Transfer result_;
};

}  // namespace

std::vector<bool> output_convolutions(const graph::Network& network) {
  std::vector<bool> outputs(network.layers.size(), false);
  for (const int head : network.heads()) {
    const int from = network.layers[head].inputs[0];
    if (from >= 0) outputs[from] = true;
  }
  return outputs;
}

Transfer load_pretrained(graph::Network& network, const std::string& uri,
                         const dataset::Dataset& images, const Recipe& recipe) {
  bool states_input = false;
  graph::Network source = read_source(network, uri, states_input);
  const image::Preprocess preprocess = source.preprocess;
  int unfolded = 0;
  if (correspond(source, network)) {
    unfolded = unfold_like(network, source, uri, images, recipe);
    source = renamed(source, network);
  }
  Transfer transfer = Loader(network, source).run();
  if (transfer.convolutions == 0 && transfer.heads_adapted == 0) {
    throw input_error(uri, "none of its layers fit the network " + network.name,
                      "give weights of the same network, or train without --from");
  }
  if (states_input) transfer.preprocess = preprocess;
  transfer.unfolded = unfolded;
  transfer.description = fmt::format("{} of {} convolutions loaded from {}", transfer.convolutions,
                                     transfer.of, storage::filename(uri));
  if (unfolded > 0) {
    transfer.description +=
        fmt::format("; the batch norms of {}, folded there, measured on {} images", unfolded,
                    std::min(images.samples.size(), kUnfoldImages));
  }
  if (transfer.heads_adapted > 0) {
    transfer.description +=
        fmt::format("; also all but the classes of {} heads, whose {} classes become {}",
                    transfer.heads_adapted, source.class_count(), network.class_count());
  }
  return transfer;
}

}  // namespace oko::train
