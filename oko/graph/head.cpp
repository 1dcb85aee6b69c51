#include "oko/graph/head.h"

#include "oko/base/error.h"

namespace oko::graph {

Head head_of(const Network& network, int layer) {
  const Shape& shape = network.layers[layer].output;
  Head head;
  head.width = shape.width;
  head.height = shape.height;
  head.cell_width = static_cast<float>(network.input.width) / static_cast<float>(shape.width);
  head.cell_height = static_cast<float>(network.input.height) / static_cast<float>(shape.height);
  const auto* ssd = std::get_if<Ssd>(&network.layers[layer].operation);
  if (ssd != nullptr && ssd->stride > 0) {
    head.cell_width = head.cell_height = static_cast<float>(ssd->stride);
  }
  head.classes = network.class_count();
  return head;
}

AnchorHead anchor_head_of(const Network& network, int layer) {
  AnchorHead head{head_of(network, layer)};
  const Operation& operation = network.layers[layer].operation;
  if (const auto* yolo = std::get_if<Yolo>(&operation)) {
    head.boxes = static_cast<int>(yolo->mask.size());
    head.scale_x_y = yolo->scale_x_y;
    head.box_code = yolo->box_code;
    head.softmax = yolo->softmax;
    head.class_share = yolo->class_share;
    head.anchors = yolo->anchors;
    head.mask = yolo->mask;
  } else if (const auto* region = std::get_if<Region>(&operation)) {
    head.boxes = static_cast<int>(region->anchors.size());
    head.softmax = region->softmax;
    head.anchors = region->anchors;
    head.unit = {head.cell_width, head.cell_height};
  } else {
    throw input_error(place_of(network, static_cast<std::size_t>(layer)),
                      "the head has no anchors, which are needed here");
  }
  return head;
}

Anchor AnchorHead::anchor(int box) const {
  const Anchor& found = anchors[mask.empty() ? box : mask[box]];
  return {found.width * unit.width, found.height * unit.height};
}

}  // namespace oko::graph
