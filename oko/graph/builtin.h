#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oko/graph/network.h"

namespace oko::graph {

struct BuiltinOptions {
  int classes = 80;
  int width = 0, height = 0;      // 0: the network's usual size
  std::vector<Anchor> anchors{};  // pixels at that size; empty: the published ones, scaled to it
};

// "yolov3", "yolov3-tiny", "yolov4-tiny", "yolov7-tiny", "yolo-fastest", "yolo-fastest-xl",
// "nanodet-plus", "nanodet-plus-1.5x".
std::span<const std::string_view> builtin_names();

// One of them with shapes inferred and no weights. Throws a usage Error for an unknown name
// (listing the known ones), a size that is not a multiple of 32, classes < 1, or a wrong number of
// anchors.
Network make_builtin(std::string_view name, const BuiltinOptions& options);

// The anchors that the yolo heads share (the same list in each); empty without such a head.
std::vector<Anchor> anchors_of(const Network& network);

// How many those are (yolov3, yolov7-tiny: 9, the other built-in ones with anchors: 6).
int anchor_count(const Network& network);

// Sets them in every yolo head. Throws a usage Error if the count is not anchor_count().
void set_anchors(Network& network, std::span<const Anchor> anchors);

}  // namespace oko::graph
