#include "oko/train/transfer.h"

#include <fmt/format.h>

#include <algorithm>

#include "oko/base/error.h"
#include "oko/formats/darknet.h"
#include "oko/formats/format.h"
#include "oko/graph/oko_file.h"
#include "oko/storage/store.h"
#include "oko/train/head.h"

namespace oko::train {
namespace {

// The first layers of a Darknet file may have any extension ("yolov3.conv.15"), but not one by
// which models of another format are opened.
void check_extension(const std::string& uri) {
  const std::string extension = storage::extension(uri);
  for (const formats::Format* format : formats::formats()) {
    if (std::ranges::find(format->extensions, extension) == format->extensions.end()) continue;
    throw Error(ErrorCode::kUsage, uri,
                "is a " + extension + " file, from which training cannot start",
                "give an .oko file (oko import makes one), Darknet .weights or their first layers");
  }
}

// The source as a separate network, with its weights.
graph::Network read_source(const graph::Network& network, const std::string& uri) {
  const Bytes file = storage::map(uri);
  if (storage::extension(uri) == ".oko") {
    return graph::read_oko(file, uri, graph::Verify::kChecksum).network;
  }
  check_extension(uri);
  graph::Network source = network;
  source.weights.clear();
  const int classes = formats::darknet_classes_from_size(network, file, uri);
  if (classes > 0) graph::set_class_count(source, classes);
  formats::read_darknet_weights(file, uri, source);
  return source;
}

// Rows of `old` selected by `sources`; rows without a source stay small, so that an unknown class
// starts undecided.
graph::Tensor pick_rows(const graph::Tensor& old, const std::vector<int>& sources) {
  const auto values = old.floats();
  const std::size_t row = values.size() / static_cast<std::size_t>(old.shape[0]);
  std::vector<float> picked(sources.size() * row, 0.F);
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
      if (it == from_.weights.end() || it->second.shape != wanted_shape(layer, part)) return false;
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
    to_.weights.insert_or_assign(kernel->first, pick_rows(kernel->second, sources));
    to_.weights.insert_or_assign(bias->first, pick_rows(bias->second, sources));
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

Transfer load_pretrained(graph::Network& network, const std::string& uri) {
  const graph::Network source = read_source(network, uri);
  Transfer transfer = Loader(network, source).run();
  if (transfer.convolutions == 0 && transfer.heads_adapted == 0) {
    throw input_error(uri, "none of its layers fit the network " + network.name,
                      "give weights of the same network, or train without --from");
  }
  transfer.description = fmt::format("{} of {} convolutions loaded from {}", transfer.convolutions,
                                     transfer.of, storage::filename(uri));
  if (transfer.heads_adapted > 0) {
    transfer.description +=
        fmt::format("; also all but the classes of {} heads, whose {} classes become {}",
                    transfer.heads_adapted, source.class_count(), network.class_count());
  }
  return transfer;
}

}  // namespace oko::train
