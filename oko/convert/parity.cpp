#include "oko/convert/parity.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <optional>
#include <tuple>

#include "oko/base/error.h"
#include "oko/convert/head_executor.h"
#include "oko/convert/tolerance.h"
#include "oko/detect/decode.h"
#include "oko/formats/heads.h"

namespace oko::convert {
namespace {

using Maps = std::vector<std::vector<float>>;

// No format suppresses by DIoU within a model (formats::Limits); export's note says so.
constexpr float kPlainIou = 0;

std::vector<std::size_t> sizes_of(const Maps& maps) {
  std::vector<std::size_t> sizes;
  for (const auto& map : maps) sizes.push_back(map.size());
  return sizes;
}

// For each output of the first program, which of the second's it is.
std::vector<std::size_t> pairs_of(const Maps& first, const Maps& second, const std::string& who) {
  const auto wanted = sizes_of(first), sizes = sizes_of(second);
  std::vector<std::size_t> pairs(wanted.size());
  std::iota(pairs.begin(), pairs.end(), std::size_t{0});
  if (sizes == wanted) return pairs;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto found = std::ranges::find(sizes, wanted[i]);
    if (sizes.size() != wanted.size() || found == sizes.end() ||
        std::ranges::count(wanted, wanted[i]) != 1) {
      throw input_error(who, "its outputs do not match those of the other model",
                        "compare models of the same network at the same input size");
    }
    pairs[i] = static_cast<std::size_t>(found - sizes.begin());
  }
  return pairs;
}

// What the channels of a pair of outputs are to pass before they are compared: what they have in
// either program's file.
std::vector<formats::Passed> passed_by_either(const Executor& first, std::size_t output,
                                              const Executor& second, std::size_t pair) {
  const auto a = first.passed(), b = second.passed();
  std::vector<formats::Passed> passed;
  if (output < a.size()) passed = a[output];
  if (pair >= b.size()) return passed;
  passed.resize(std::max(passed.size(), b[pair].size()));
  for (std::size_t c = 0; c < b[pair].size(); ++c) passed[c] = std::max(passed[c], b[pair][c]);
  return passed;
}

// A difference that is not finite is never small, however large the values are.
bool near(float difference, float magnitude, const ParityOptions& options) {
  return std::isfinite(difference) && difference <= options.tolerance * std::max(1.F, magnitude);
}

std::vector<detect::Detection> boxes_of(const graph::Network& network, const Maps& maps,
                                        const ParityOptions& options) {
  std::vector<detect::Detection> found;
  const std::vector<detect::HeadMap> heads(maps.begin(), maps.end());
  detect::decode(network, heads, options.thresholds, found);
  return detect::non_maximum_suppression(std::move(found), options.thresholds,
                                         network.diou_exponent);
}

// A box that decode() lists under several classes has the same sides each time.
void keep_best_class(std::vector<detect::Detection>& boxes) {
  const auto sides = [](const detect::Detection& d) {
    return std::tuple(d.box.left, d.box.top, d.box.right, d.box.bottom);
  };
  std::ranges::stable_sort(boxes, [&](const detect::Detection& a, const detect::Detection& b) {
    if (sides(a) != sides(b)) return sides(a) < sides(b);
    return a.score != b.score ? a.score > b.score : a.class_id < b.class_id;
  });
  const auto same = [&](const auto& a, const auto& b) { return sides(a) == sides(b); };
  boxes.erase(std::unique(boxes.begin(), boxes.end(), same), boxes.end());
}

// A file may list more boxes than are wanted of an image; 0: all are.
std::vector<detect::Detection> best_of(std::vector<detect::Detection> boxes, int most) {
  std::ranges::stable_sort(boxes, std::ranges::greater(), &detect::Detection::score);
  if (most > 0 && std::ssize(boxes) > most) boxes.resize(static_cast<std::size_t>(most));
  return boxes;
}

void add(BoxAgreement& sum, const BoxAgreement& one) {
  sum.first += one.first;
  sum.second += one.second;
  sum.matched += one.matched;
  sum.lowest_iou = std::min(sum.lowest_iou, one.lowest_iou);
  sum.score_difference = std::max(sum.score_difference, one.score_difference);
  sum.best_alone = std::max(sum.best_alone, one.best_alone);
}

void find_first_layer(const graph::Network& network, Executor& first, Executor& second,
                      std::span<const float> input, std::span<const float> second_input,
                      const ParityOptions& options, Parity& parity) {
  const auto a = first.run_layers(input), b = second.run_layers(second_input);
  for (const graph::Layer& layer : network.layers) {
    const auto x = a.find(layer.name), y = b.find(layer.name);
    if (x == a.end() || y == b.end()) continue;
    const float difference = largest_difference(x->second, y->second);
    if (near(difference, largest_magnitude(x->second), options)) continue;
    parity.first_layer = layer.name;
    parity.first_layer_difference = difference;
    return;
  }
}

}  // namespace

bool Parity::agrees() const {
  if (by_boxes) return boxes_agree(boxes, graph::Precision::kInt8, 0);
  return std::ranges::all_of(outputs, [](const OutputParity& output) { return output.agrees; });
}

Parity compare(const graph::Network& network, Executor& first, Executor& second,
               std::span<const std::vector<float>> inputs, const ParityOptions& options,
               std::span<const std::vector<float>> second_inputs) {
  if (second_inputs.empty()) second_inputs = inputs;
  Parity parity{first.name(), second.name(), inputs.size(), {}, {}, {}, 0, options.by_boxes};
  for (const std::string& name : formats::output_names(network)) parity.outputs.push_back({name});
  std::optional<std::size_t> worst;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const Maps a = first.run(inputs[k]);
    const Maps unsorted = second.run(second_inputs[k]);
    if (a.size() != parity.outputs.size()) {
      throw input_error(first.name(), "its outputs do not match the network");
    }
    const std::vector<std::size_t> pairs = pairs_of(a, unsorted, second.name());
    Maps b;
    for (const std::size_t pair : pairs) b.push_back(unsorted[pair]);
    for (std::size_t i = 0; i < a.size(); ++i) {
      OutputParity& output = parity.outputs[i];
      const auto passed = passed_by_either(first, i, second, pairs[i]);
      const std::vector<float> values = after_passing(a[i], passed);
      const float difference = largest_difference(values, after_passing(b[i], passed));
      const float magnitude = largest_magnitude(values);
      if (!options.by_boxes && !near(difference, magnitude, options)) {
        if (output.agrees && !worst) worst = k;
        output.agrees = false;
      }
      output.difference = std::max(output.difference, difference);
      output.magnitude = std::max(output.magnitude, magnitude);
    }
    if (network.heads().empty()) continue;
    add(parity.boxes, compare_boxes(boxes_of(network, a, options), boxes_of(network, b, options)));
  }
  if (worst) {
    find_first_layer(network, first, second, inputs[*worst], second_inputs[*worst], options,
                     parity);
  }
  return parity;
}

BoxAgreement compare_with_boxes(const graph::Network& network, Executor& first,
                                const BoxProgram& second,
                                std::span<const std::vector<float>> inputs,
                                const detect::Thresholds& thresholds) {
  const image::Size size{network.input.width, network.input.height};
  BoxAgreement sum;
  for (const std::vector<float>& input : inputs) {
    const auto maps = first.run(input);
    const std::vector<detect::HeadMap> heads(maps.begin(), maps.end());
    std::vector<detect::Detection> boxes;
    detect::decode(network, heads, thresholds, boxes);
    if (second.best_class_only) keep_best_class(boxes);
    for (detect::Detection& box : boxes) {
      if (second.clips) box.box = image::clipped(box.box, size);
    }
    const auto kept = detect::non_maximum_suppression(std::move(boxes), thresholds, kPlainIou);
    add(sum, compare_boxes(kept, best_of(second.run(input), thresholds.max_detections)));
  }
  return sum;
}

}  // namespace oko::convert
