#include "oko/runtime/quantization.h"

#include <algorithm>
#include <cmath>

#include "oko/base/error.h"
#include "oko/runtime/kernels8.h"

namespace oko::runtime {
namespace {

constexpr const char* kKey = "quantization";

float finite(const Json& json, const char* key, const std::string& place) {
  const auto value = json_get<float>(json, key, place);
  if (!std::isfinite(value)) throw input_error(place, std::string(key) + " is not a number");
  return value;
}

std::vector<float> numbers(const Json& json, const char* key, const std::string& place) {
  const auto found = json.find(key);
  if (found == json.end()) return {};
  if (!found->is_array()) throw input_error(place, std::string(key) + " must be a list");
  std::vector<float> values;
  for (const Json& value : *found) values.push_back(finite({{key, value}}, key, place));
  return values;
}

LayerRange layer_range(const Json& json, const std::string& place) {
  LayerRange range;
  range.output = {finite(json, "low", place), finite(json, "high", place)};
  if (range.output.low > range.output.high) throw input_error(place, "low is above high");
  range.points = numbers(json, "points", place);
  const bool sizes =
      std::all_of(range.points.begin(), range.points.end(), [](float p) { return p >= 0; });
  if (!sizes || (!range.points.empty() && range.points.size() != kPoints8)) {
    throw input_error(place, "points must be " + std::to_string(kPoints8) + " sizes");
  }
  return range;
}

}  // namespace

std::optional<Quantization> quantization_of(const graph::Network& network) {
  const auto found = network.metadata.find(kKey);
  if (found == network.metadata.end()) return std::nullopt;
  const std::string place = network.name + ": quantization";
  Quantization quantization;
  quantization.method = json_get<std::string>(*found, "method", place);
  quantization.pictures = json_get<int>(*found, "pictures", place);
  const Json layers = json_get<Json>(*found, "layers", place);
  if (!layers.is_object()) throw input_error(place, "layers must be an object");
  for (const auto& [name, json] : layers.items()) {
    quantization.layers[name] = layer_range(json, place + ": " + name);
  }
  return quantization;
}

void set_quantization(graph::Network& network, const Quantization& quantization) {
  Json layers = Json::object();
  for (const auto& [name, range] : quantization.layers) {
    layers[name] = {{"low", range.output.low}, {"high", range.output.high}};
    if (!range.points.empty()) layers[name]["points"] = range.points;
  }
  network.metadata[kKey] = {
      {"method", quantization.method}, {"pictures", quantization.pictures}, {"layers", layers}};
}

Scale scale_of(const Range& range) {
  const float low = std::min(range.low, 0.F), high = std::max(range.high, 0.F);
  if (!(high - low > 1e-30F)) return {1, 0};   // only zeros were observed
  const float scale = high / 255 - low / 255;  // finite for any range
  return {scale, static_cast<int>(std::clamp(std::nearbyint(-low / scale), 0.F, 255.F))};
}

}  // namespace oko::runtime
