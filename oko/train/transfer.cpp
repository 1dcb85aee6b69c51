#include "oko/train/transfer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "oko/base/error.h"
#include "oko/storage/store.h"
#include "oko/train/head.h"
#include "oko/train/pretrained.h"
#include "oko/train/unfold.h"

namespace oko::train {
namespace {

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

Transfer load_pretrained(graph::Network& network, const std::string& uri,
                         const dataset::Dataset& images, const Recipe& recipe) {
  const Pretrained source = read_pretrained(network, uri, images, recipe);
  Transfer transfer = Loader(network, source.network).run();
  if (transfer.convolutions == 0 && transfer.heads_adapted == 0) {
    throw input_error(uri, "none of its layers fit the network " + network.name,
                      hint_about(source.network));
  }
  transfer.preprocess = source.preprocess;
  transfer.unfolded = source.unfolded;
  transfer.description = fmt::format("{} of {} convolutions loaded from {}", transfer.convolutions,
                                     transfer.of, storage::filename(uri));
  if (transfer.unfolded > 0) {
    transfer.description +=
        fmt::format("; the batch norms of {}, folded there, measured on {} images",
                    transfer.unfolded, std::min(images.samples.size(), kUnfoldImages));
  }
  if (transfer.heads_adapted > 0) {
    transfer.description +=
        fmt::format("; also all but the classes of {} heads, whose {} classes become {}",
                    transfer.heads_adapted, source.network.class_count(), network.class_count());
  }
  return transfer;
}

}  // namespace oko::train
