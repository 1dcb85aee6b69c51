#include "oko/formats/onnx/boxes_writer.h"

#include <limits>

#include "oko/formats/onnx/parse.h"
#include "oko/graph/head.h"

namespace oko::formats {
namespace {

using Values = std::vector<float>;
using Sides = std::vector<std::int64_t>;

// What a head's nodes make: [1, n, 4], the edges of its n boxes in pixels of the input, and
// [1, n, classes]. In the order of the anchors, then rows, then columns.
struct Decoded {
  std::string boxes, scores;
};

// What the kinds of heads have in common.
class HeadWriter {
 public:
  HeadWriter(const graph::Head& grid, const std::string& name, GraphWriter& to)
      : grid_(grid), name_(name), to_(to) {}

 protected:
  std::string name(const char* part) const { return name_ + "." + part; }

  std::string reshaped(const std::string& from, const char* part, const Sides& sides) {
    return to_.node("Reshape", name(part), {from, to_.integers(name(part) + ".shape", sides)});
  }
  std::string transposed(const std::string& from, const char* part, const Sides& order) {
    const std::string turned = to_.node("Transpose", name(part), {from});
    to_.set("perm", order);
    return turned;
  }
  std::string shares(const std::string& from, const char* part, std::int64_t axis) {
    const std::string softmax = to_.node("Softmax", name(part), {from});
    to_.set("axis", axis);
    return softmax;
  }
  std::string binary(const char* kind, const char* part, const std::string& a,
                     const std::string& b) {
    return to_.node(kind, name(part), {a, b});
  }
  std::string constant(const char* part, Values values, const Sides& sides) {
    return to_.floats(name(part), std::move(values), sides);
  }

  // Positions of the cells, column and row, each plus `offset` times the sides of a cell:
  // [1, 1, cells, 2].
  std::string grid(float offset, float cell_width, float cell_height) {
    Values corner;
    for (int y = 0; y < grid_.height; ++y) {
      for (int x = 0; x < grid_.width; ++x) {
        corner.push_back((static_cast<float>(x) + offset) * cell_width);
        corner.push_back((static_cast<float>(y) + offset) * cell_height);
      }
    }
    return constant("grid", std::move(corner), {1, 1, grid_.cells(), 2});
  }

  // From centres and half sides to the edges.
  std::string edges(const std::string& centre, const std::string& half) {
    const std::string first = binary("Sub", "left_top", centre, half);
    const std::string last = binary("Add", "right_bottom", centre, half);
    const std::string both = to_.node("Concat", name("corners"), {first, last});
    to_.set("axis", std::int64_t{3});
    return both;
  }

  const graph::Head& grid_;
  const std::string& name_;  // of the layer
  GraphWriter& to_;
};

// Yolo and Region, whose values are [1, anchors, cells, 2, 2, 1 or classes].
class AnchorWriter : HeadWriter {
 public:
  AnchorWriter(const graph::AnchorHead& head, const std::string& name, GraphWriter& to)
      : HeadWriter(head, name, to), head_(head) {}

  Decoded decode(const std::string& raw) {
    const std::string maps =
        reshaped(raw, "maps", {1, head_.boxes, 5 + head_.classes, head_.cells()});
    const std::string cells = transposed(maps, "cells", {0, 1, 3, 2});
    const std::string centre = to_.node(
        "Split", name("centre"), {cells, to_.integers(name("parts"), {2, 2, 1, head_.classes})});
    const std::string size = to_.more(name("size")), object = to_.more(name("objectness"));
    const std::string classes = to_.more(name("classes"));
    to_.set("axis", std::int64_t{3});
    const std::int64_t count = head_.boxes * head_.cells();
    return {reshaped(edges(centres(centre), half_sizes(size)), "boxes", {1, count, 4}),
            reshaped(products(object, classes), "scores", {1, count, head_.classes})};
  }

 private:
  // Where in its cell a centre is, for the grid of cells moved by what is returned.
  float inside(const std::string& raw, std::string& result) {
    switch (head_.box_code) {
      case graph::BoxCode::kPoint:
        result = raw;
        return 0;
      case graph::BoxCode::kBounded:
        result = to_.node("Tanh", name("centre.tanh"), {raw});
        return 0;
      case graph::BoxCode::kExponential:
      case graph::BoxCode::kSquared:
        break;
    }
    result = to_.node("Sigmoid", name("centre.sigmoid"), {raw});
    if (head_.scale_x_y != 1) {
      result =
          binary("Mul", "centre.spread", result, constant("scale_x_y", {head_.scale_x_y}, {1}));
    }
    return -(head_.scale_x_y - 1) / 2;
  }

  std::string centres(const std::string& raw) {
    std::string result;
    const float shift = inside(raw, result);
    const std::string cells = binary("Add", "centre.cells", result, grid(shift, 1, 1));
    return binary("Mul", "centre.pixels", cells,
                  constant("cell", {head_.cell_width, head_.cell_height}, {2}));
  }

  std::string half_sizes(const std::string& raw) {
    std::string sides;
    float factor = .5F;
    switch (head_.box_code) {
      case graph::BoxCode::kExponential:
      case graph::BoxCode::kPoint:
        sides = to_.node("Exp", name("size.exp"), {raw});
        break;
      case graph::BoxCode::kSquared: {
        const std::string part = to_.node("Sigmoid", name("size.sigmoid"), {raw});
        sides = binary("Mul", "size.square", part, part);
        factor = 2;
        break;
      }
      case graph::BoxCode::kBounded:
        sides = to_.node("Sigmoid", name("size.sigmoid"), {raw});
        break;
    }
    Values halves;
    for (int box = 0; box < head_.boxes; ++box) {
      const graph::Anchor anchor = head_.anchor(box);
      halves.push_back(anchor.width * factor);
      halves.push_back(anchor.height * factor);
    }
    return binary("Mul", "half_size", sides,
                  constant("half_anchors", std::move(halves), {1, head_.boxes, 1, 2}));
  }

  std::string products(const std::string& raw_object, const std::string& raw_classes) {
    std::string object = to_.node("Sigmoid", name("objectness.sigmoid"), {raw_object});
    std::string classes = head_.softmax
                              ? shares(raw_classes, "classes.softmax", 3)
                              : to_.node("Sigmoid", name("classes.sigmoid"), {raw_classes});
    const float share = head_.class_share;
    if (share != 0) {
      object =
          binary("Pow", "objectness.power", object, constant("object_share", {1 - share}, {1}));
      classes = binary("Pow", "classes.power", classes, constant("class_share", {share}, {1}));
    }
    return binary("Mul", "class_scores", object, classes);
  }

  const graph::AnchorHead& head_;
};

class DistanceWriter : HeadWriter {
 public:
  DistanceWriter(const graph::Head& grid, const graph::Distances& head, const std::string& name,
                 GraphWriter& to)
      : HeadWriter(grid, name, to), head_(head) {}

  Decoded decode(const std::string& raw) {
    const std::int64_t cells = grid_.cells();
    const std::string rows =
        transposed(reshaped(raw, "maps", {1, head_.channels(), cells}), "cells", {0, 2, 1});
    const std::string classes =
        to_.node("Split", name("classes"),
                 {rows, to_.integers(name("parts"), {head_.classes, 4 * head_.bins})});
    const std::string bins = to_.more(name("bins"));
    to_.set("axis", std::int64_t{2});
    const auto stride = static_cast<float>(head_.stride);
    const std::string reach =
        binary("Mul", "reach", distances(bins),
               constant("directions", {-stride, -stride, stride, stride}, {4}));
    return {binary("Add", "boxes", reach, priors()),
            to_.node("Sigmoid", name("scores"), {classes})};
  }

 private:
  // In strides: [1, cells, 4].
  std::string distances(const std::string& bins) {
    if (head_.bins == 1) return bins;
    const std::string apart = reshaped(bins, "distributions", {1, grid_.cells(), 4, head_.bins});
    Values steps;
    for (int k = 0; k < head_.bins; ++k) steps.push_back(static_cast<float>(k));
    const std::string means = binary("MatMul", "means", shares(apart, "shares", 3),
                                     constant("steps", std::move(steps), {head_.bins, 1}));
    return reshaped(means, "distances", {1, grid_.cells(), 4});
  }

  // x, y, x, y of each cell.
  std::string priors() {
    Values places;
    for (int y = 0; y < grid_.height; ++y) {
      for (int x = 0; x < grid_.width; ++x) {
        const float across =
            (static_cast<float>(x) + head_.prior) * static_cast<float>(head_.stride);
        const float down = (static_cast<float>(y) + head_.prior) * static_cast<float>(head_.stride);
        places.insert(places.end(), {across, down, across, down});
      }
    }
    return constant("priors", std::move(places), {1, grid_.cells(), 4});
  }

  const graph::Distances& head_;
};

class SsdWriter : HeadWriter {
 public:
  SsdWriter(const graph::Head& grid, const graph::Ssd& head, const std::string& name,
            GraphWriter& to)
      : HeadWriter(grid, name, to), head_(head), boxes_(std::ssize(head.anchors)) {}

  Decoded decode(const std::string& raw) {
    const std::int64_t classes = head_.logits(), cells = grid_.cells();
    const std::string logits =
        to_.node("Split", name("logits"),
                 {raw, to_.integers(name("parts"), {boxes_ * classes, boxes_ * 4})});
    const std::string codes = to_.more(name("codes"));
    to_.set("axis", std::int64_t{1});
    const std::string objects = scores(by_cell(logits, "classes", classes));
    const std::string centre =
        to_.node("Split", name("centre"),
                 {by_cell(codes, "cells", 4), to_.integers(name("code_parts"), {2, 2})});
    const std::string size = to_.more(name("size"));
    to_.set("axis", std::int64_t{3});
    const std::string moved =
        binary("Mul", "centre.moved", centre, anchors("reach", head_.centre_variance));
    const std::string pixels = binary("Add", "centre.pixels", moved,
                                      grid(head_.prior, grid_.cell_width, grid_.cell_height));
    const std::string scaled =
        binary("Mul", "size.scaled", size, constant("size_variance", {head_.size_variance}, {1}));
    const std::string sides =
        head_.linear ? binary("Max", "size.positive", scaled, constant("no_size", {0.F}, {1}))
                     : to_.node("Exp", name("size.exp"), {scaled});
    const std::string half = binary("Mul", "half_size", sides, anchors("half_anchors", .5F));
    return {reshaped(edges(pixels, half), "boxes", {1, boxes_ * cells, 4}),
            reshaped(objects, "scores", {1, boxes_ * cells, head_.classes})};
  }

 private:
  // Of each class but the background.
  std::string scores(const std::string& logits) {
    if (head_.sigmoid) return to_.node("Sigmoid", name("classes.sigmoid"), {logits});
    const std::string all = shares(logits, "classes.softmax", 3);
    to_.node("Split", name("background"),
             {all, to_.integers(name("class_parts"), {1, head_.classes})});
    const std::string objects = to_.more(name("objects"));
    to_.set("axis", std::int64_t{3});
    return objects;
  }
  // [1, anchors, cells, values]
  std::string by_cell(const std::string& from, const char* part, std::int64_t values) {
    const std::string maps =
        to_.node("Reshape", name(part) + ".maps",
                 {from, to_.integers(name(part) + ".shape", {1, boxes_, values, grid_.cells()})});
    return transposed(maps, part, {0, 1, 3, 2});
  }
  std::string anchors(const char* part, float factor) {
    Values sides;
    for (const graph::Anchor& anchor : head_.anchors) {
      sides.push_back(anchor.width * factor);
      sides.push_back(anchor.height * factor);
    }
    return constant(part, std::move(sides), {1, boxes_, 1, 2});
  }

  const graph::Ssd& head_;
  std::int64_t boxes_;  // for each cell
};

Decoded decode(const graph::Network& network, int index, const std::string& raw, GraphWriter& to) {
  const graph::Layer& layer = network.layers[index];
  const graph::Head grid = graph::head_of(network, index);
  if (const auto* distances = std::get_if<graph::Distances>(&layer.operation)) {
    return DistanceWriter(grid, *distances, layer.name, to).decode(raw);
  }
  if (const auto* ssd = std::get_if<graph::Ssd>(&layer.operation)) {
    return SsdWriter(grid, *ssd, layer.name, to).decode(raw);
  }
  const graph::AnchorHead head = graph::anchor_head_of(network, index);
  return AnchorWriter(head, layer.name, to).decode(raw);
}

std::string joined(GraphWriter& to, const char* name, const std::vector<std::string>& parts) {
  if (parts.size() == 1) return parts.front();
  std::string whole = to.node("Concat", name, parts);
  to.set("axis", std::int64_t{1});
  return whole;
}

// Rows [batch, class, box] of the kept boxes, best first, and their scores as the output "scores".
std::string best(GraphWriter& to, const WriteOptions& options, const std::string& boxes,
                 const std::string& scores) {
  const std::string most =
      to.integers("max_detections", {options.thresholds.max_detections > 0
                                         ? options.thresholds.max_detections
                                         : std::numeric_limits<std::int32_t>::max()});
  const std::string left =
      to.node("NonMaxSuppression", "nms",
              {boxes, scores, most, to.floats("iou_threshold", {options.thresholds.iou}, {1}),
               to.floats("score_threshold", {options.thresholds.score}, {1})});
  const std::string left_scores = to.node("GatherND", "nms.scores", {scores, left});
  const std::string count = to.node("Shape", "nms.count", {left_scores});
  const std::string kept = to.node("Min", "nms.kept", {count, most});
  to.node("TopK", "best", {left_scores, kept}, "scores");
  const std::string order = to.more("best.order");
  return to.node("Gather", "best.rows", {left, order});
}

std::string column(GraphWriter& to, const std::string& rows, const char* name, std::int64_t index) {
  std::string values =
      to.node("Gather", name, {rows, to.integer(std::string(name) + ".column", index)});
  to.set("axis", std::int64_t{1});
  return values;
}

}  // namespace

void write_boxes(const graph::Network& network, const WriteOptions& options,
                 const LayerWriter& layers, GraphWriter& to) {
  std::vector<std::string> boxes, scores;
  for (const int index : network.heads()) {
    const int from = network.layers[index].inputs.front();
    const Decoded decoded = decode(network, index, layers.map(from), to);
    boxes.push_back(decoded.boxes);
    scores.push_back(decoded.scores);
  }
  const std::string all_boxes = joined(to, "all_boxes", boxes);
  const std::string by_class =
      to.node("Transpose", "all_scores", {joined(to, "all_boxes.scores", scores)});
  to.set("perm", Sides{0, 2, 1});
  const std::string rows = best(to, options, all_boxes, by_class);
  const std::string flat =
      to.node("Reshape", "all_boxes.rows", {all_boxes, to.integers("all_boxes.shape", {-1, 4})});
  to.node("Gather", "best.boxes", {flat, column(to, rows, "best.box", 2)}, "boxes");
  to.node("Cast", "best.classes", {column(to, rows, "best.class", 1)}, "classes");
  to.set("to", std::int64_t{kOnnxInt32});
  constexpr const char* kOpen = "detections";
  to.output("boxes", kOnnxFloat, {-1, 4},
            "left, top, right, bottom in pixels of the input, best score first, not clipped",
            kOpen);
  to.output("scores", kOnnxFloat, {-1}, "score of each box", kOpen);
  to.output("classes", kOnnxInt32, {-1}, "class of each box, counted from 0", kOpen);
}

}  // namespace oko::formats
