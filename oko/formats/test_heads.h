#pragma once

#include <string>

#include "oko/graph/network.h"

namespace oko::formats {

// A head of every kind with every way to make boxes; the class names are a, b and c. No weights.
inline graph::Network every_head() {
  graph::Network network;
  network.name = "heads";
  network.input = {3, 64, 96};
  network.preprocess = {image::Preprocess::Fit::kStretch, image::Preprocess::Sampling::kEdges, .5F,
                        true};
  network.classes = {"a", "b", "c"};
  graph::Convolution halve;
  halve.filters = 8;
  halve.size = 3;
  halve.stride = 16;
  halve.padding = graph::Padding::all(1);
  network.layers = {{"halve", halve, {-1}, {}}};
  const auto add = [&](const std::string& name, const auto& head) {
    graph::Convolution to;
    to.filters = head.channels();
    network.layers.push_back({"to_" + name, to, {0}, {}});
    const int from = static_cast<int>(network.layers.size()) - 1;
    network.layers.push_back({name, head, {from}, {}});
  };
  graph::Yolo yolo{{{10, 14}, {23.5F, 27}}, {0, 1}, 3, 2};
  add("exponential", yolo);
  yolo.box_code = graph::BoxCode::kSquared;
  add("squared", yolo);
  yolo.box_code = graph::BoxCode::kPoint;
  add("point", yolo);
  yolo.box_code = graph::BoxCode::kBounded;
  yolo.softmax = true;
  yolo.class_share = .4F;
  add("bounded", yolo);
  add("region", graph::Region{{{1.25F, 1.5F}, {2, 3}}, 3, true});
  add("distributions", graph::Distances{3, 8, 16, 0});
  add("direct", graph::Distances{3, 1, 16, .5F});
  add("ssd", graph::Ssd{{{20, 30}, {40, 25.5F}, {16, 16}}, 3, .1F, .2F});
  add("sigmoids", graph::Ssd{{{20, 30}, {40, 25.5F}}, 3, .1F, .2F, true});
  add("linear", graph::Ssd{{{20, 30}}, 3, .25F, .5F, true, true});
  add("strided", graph::Ssd{{{20, 30}, {12, 8}}, 3, .1F, .2F, true, false, 24, .25F});
  graph::infer_shapes(network);
  return network;
}

}  // namespace oko::formats
