#include "oko/formats/wrappers/test_cases.h"

#include <utility>

#include "oko/graph/builtin.h"
#include "oko/image/letterbox.h"
#include "oko/runtime/test_weights.h"

namespace oko::formats::wrappers {

graph::Network odd_network(image::Preprocess preprocess, std::vector<std::string> classes) {
  graph::Network network;
  network.input = {3, 64, 96};
  network.preprocess = preprocess;
  network.classes = std::move(classes);
  const int count = static_cast<int>(network.classes.size());
  graph::Convolution halve, to_yolo, to_region;
  halve.filters = 8;
  halve.size = 3;
  halve.stride = 16;
  halve.padding = graph::Padding::all(1);
  to_yolo.filters = 2 * (5 + count);
  to_region.filters = 3 * (5 + count);
  const graph::Yolo yolo{{{10, 14}, {23.5F, 27}, {37, 58}}, {2, 0}, count, 1.1F};
  const graph::Region region{{{1.25F, 1.5F}, {2, 3}, {.5F, .75F}}, count, true};
  network.layers = {{"halve", halve, {-1}, {}},
                    {"to_yolo", to_yolo, {0}, {}},
                    {"yolo", yolo, {1}, {}},
                    {"to_region", to_region, {0}, {}},
                    {"region", region, {3}, {}}};
  graph::infer_shapes(network);
  return network;
}

graph::Network stretched() {
  return odd_network(
      {image::Preprocess::Fit::kStretch, image::Preprocess::Sampling::kEdges, .5F, true});
}
graph::Network letterboxed() {
  return odd_network({image::Preprocess::Fit::kLetterbox,
                      image::Preprocess::Sampling::kPixelCentres, .25F, false});
}

graph::Network anchor_free() {
  return graph::make_builtin("nanodet-plus", {.classes = 5, .width = 96, .height = 64});
}

std::vector<std::uint8_t> synthetic_bytes(std::size_t count) {
  std::vector<std::uint8_t> bytes(count);
  for (std::size_t i = 0; i < count; ++i) {
    bytes[i] = static_cast<std::uint8_t>((i * 2654435761U) >> 20);
  }
  return bytes;
}

void look_at(const image::Frame& frame, Case& c) {
  const image::Size size{c.network.input.width, c.network.input.height};
  c.input.resize(static_cast<std::size_t>(c.network.input.count()));
  const auto placement = image::letterbox(frame, size, c.network.preprocess, c.input);
  const std::vector<detect::HeadMap> heads(c.maps.begin(), c.maps.end());
  c.detections = detect::make_result(c.network, heads, c.thresholds, placement).detections;
}

Case case_of(graph::Network network, std::vector<std::vector<float>> maps,
             const detect::Thresholds& thresholds) {
  Case c{std::move(network), synthetic_bytes(4 * kWidth * kHeight), std::move(maps), {}, {},
         thresholds};
  image::Frame frame;
  frame.format = image::PixelFormat::kRgba;
  frame.size = {kWidth, kHeight};
  frame.planes[0] = c.frame.data();
  look_at(frame, c);
  return c;
}

Case odd_case(const graph::Network& network) {
  std::vector<std::vector<float>> maps;
  for (const int head : network.heads()) {
    const auto count = network.layers[head].output.count();
    maps.push_back(runtime::random_numbers(static_cast<std::size_t>(count), 7, -2.5, 2.5));
  }
  return case_of(network, std::move(maps));
}

Case described_case(const graph::Network& network) {
  const Case c = odd_case(network);
  detect::Thresholds own;
  for (int id = 0; id < network.class_count(); ++id) {
    own.class_scores.push_back(.15F + .1F * static_cast<float>(id % 4));
  }
  return case_of(network, c.maps, own);
}

}  // namespace oko::formats::wrappers
