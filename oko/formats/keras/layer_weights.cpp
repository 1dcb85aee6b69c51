#include "oko/formats/keras/layer_weights.h"

#include "oko/base/error.h"

namespace oko::formats {
namespace {

// "conv2d_1/kernel:0" → "kernel".
std::string_view part_of(std::string_view weight) {
  const std::size_t slash = weight.rfind('/');
  if (slash != std::string_view::npos) weight.remove_prefix(slash + 1);
  return weight.substr(0, weight.find(':'));
}

// Whether one of the folders in a weight's name is this layer's.
bool lies_in(std::string_view weight, std::string_view layer) {
  for (std::size_t slash = weight.find('/'); slash != std::string_view::npos;
       slash = weight.find('/')) {
    if (weight.substr(0, slash) == layer) return true;
    weight.remove_prefix(slash + 1);
  }
  return false;
}

}  // namespace

LayerWeights::LayerWeights(Hdf5& file) : file_(file) {
  if (file.has("model_weights")) root_ = "model_weights";
  layers_ = list(root_, "layer_names");
  if (layers_.empty()) {
    throw input_error(file.name(), "has no list of layers (attribute layer_names)",
                      "use a file written by Keras' model.save() or model.save_weights()");
  }
}

std::vector<std::string> LayerWeights::list(const std::string& path, const std::string& name) {
  if (auto whole = file_.strings(path, name)) return std::move(*whole);
  std::vector<std::string> all;
  for (int i = 0;; ++i) {
    const auto chunk = file_.strings(path, name + std::to_string(i));
    if (!chunk) return all;
    all.insert(all.end(), chunk->begin(), chunk->end());
  }
}

std::string LayerWeights::path(std::string_view layer) const {
  return root_ + "/" + std::string(layer);
}

const std::vector<std::string>& LayerWeights::weights_of(std::string_view layer) {
  const auto found = weights_.find(layer);
  if (found != weights_.end()) return found->second;
  return weights_.emplace(layer, list(path(layer), "weight_names")).first->second;
}

const std::string* LayerWeights::find(std::string_view layer, std::string_view inner,
                                      std::string_view part) {
  const std::string* result = nullptr;
  for (const std::string& name : weights_of(layer)) {
    if (part_of(name) != part || (!inner.empty() && !lies_in(name, inner))) continue;
    if (result != nullptr) {
      throw input_error(file_.name() + ": " + std::string(layer),
                        "\"" + *result + "\" and \"" + name + "\" both match the " +
                            std::string(part) + (inner.empty() ? "" : " of " + std::string(inner)),
                        "give the layers of nested models different names");
    }
    result = &name;
  }
  return result;
}

bool LayerWeights::has(std::string_view layer, std::string_view inner, std::string_view part) {
  return find(layer, inner, part) != nullptr;
}

graph::Tensor LayerWeights::get(std::string_view layer, std::string_view inner,
                                std::string_view part) {
  const std::string* name = find(layer, inner, part);
  return name == nullptr ? graph::Tensor() : file_.floats(path(layer) + "/" + *name);
}

std::string LayerWeights::names(std::string_view layer) {
  std::string text;
  for (const std::string& name : weights_of(layer)) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "no weights" : text;
}

}  // namespace oko::formats
