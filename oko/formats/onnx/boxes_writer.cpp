#include "oko/formats/onnx/boxes_writer.h"

#include <limits>

#include "oko/formats/onnx/parse.h"
#include "oko/graph/head.h"

namespace oko::formats {
namespace {

using Values = std::vector<float>;
using Sides = std::vector<std::int64_t>;

// The values of one head: [1, anchors, cells, 2, 2, 1 or classes].
struct Numbers {
  std::string centre, size, objectness, classes;
};

class HeadDecoder {
 public:
  HeadDecoder(const graph::AnchorHead& head, const std::string& name, GraphWriter& to)
      : head_(head), name_(name), to_(to) {}

  // [1, anchors · cells, 4] and [1, anchors · cells, classes], in the order of the anchors, then
  // rows, then columns.
  void decode(const std::string& raw) {
    const Numbers numbers = take_apart(raw);
    const std::int64_t count = head_.boxes * head_.cells();
    boxes = rows(corners(numbers), name("boxes"), {1, count, 4});
    scores = rows(products(numbers), name("scores"), {1, count, head_.classes});
  }
  std::string boxes, scores;

 private:
  std::string name(const char* part) const { return name_ + "." + part; }

  std::string rows(const std::string& from, const std::string& node, const Sides& sides) {
    return to_.node("Reshape", node, {from, to_.integers(node + ".shape", sides)});
  }

  Numbers take_apart(const std::string& raw) {
    const std::string maps =
        rows(raw, name("maps"), {1, head_.boxes, 5 + head_.classes, head_.cells()});
    const std::string cells = to_.node("Transpose", name("cells"), {maps});
    to_.set("perm", Sides{0, 1, 3, 2});
    Numbers n;
    n.centre = to_.node("Split", name("centre"),
                        {cells, to_.integers(name("parts"), {2, 2, 1, head_.classes})});
    n.size = to_.more(name("size"));
    n.objectness = to_.more(name("objectness"));
    n.classes = to_.more(name("classes"));
    to_.set("axis", std::int64_t{3});
    return n;
  }

  // Where each cell's centre would be for σ = 0, in cells: [1, 1, cells, 2].
  std::string grid() {
    const float shift = (head_.scale_x_y - 1) / 2;
    Values corner;
    for (int y = 0; y < head_.height; ++y) {
      for (int x = 0; x < head_.width; ++x) {
        corner.push_back(static_cast<float>(x) - shift);
        corner.push_back(static_cast<float>(y) - shift);
      }
    }
    return to_.floats(name("grid"), std::move(corner), {1, 1, head_.cells(), 2});
  }

  std::string centres(const std::string& raw) {
    std::string inside = to_.node("Sigmoid", name("centre.sigmoid"), {raw});
    if (head_.scale_x_y != 1) {
      const std::string spread = to_.floats(name("scale_x_y"), {head_.scale_x_y}, {1});
      inside = to_.node("Mul", name("centre.spread"), {inside, spread});
    }
    const std::string cells = to_.node("Add", name("centre.cells"), {inside, grid()});
    const std::string cell = to_.floats(name("cell"), {head_.cell_width, head_.cell_height}, {2});
    return to_.node("Mul", name("centre.pixels"), {cells, cell});
  }

  std::string half_sizes(const std::string& raw) {
    Values halves;
    for (int box = 0; box < head_.boxes; ++box) {
      const graph::Anchor anchor = head_.anchor(box);
      halves.push_back(anchor.width / 2);
      halves.push_back(anchor.height / 2);
    }
    const std::string factors =
        to_.floats(name("half_anchors"), std::move(halves), {1, head_.boxes, 1, 2});
    return to_.node("Mul", name("half_size"), {to_.node("Exp", name("size.exp"), {raw}), factors});
  }

  std::string corners(const Numbers& numbers) {
    const std::string centre = centres(numbers.centre), half = half_sizes(numbers.size);
    const std::string first = to_.node("Sub", name("left_top"), {centre, half});
    const std::string last = to_.node("Add", name("right_bottom"), {centre, half});
    const std::string both = to_.node("Concat", name("corners"), {first, last});
    to_.set("axis", std::int64_t{3});
    return both;
  }

  std::string products(const Numbers& numbers) {
    const std::string object =
        to_.node("Sigmoid", name("objectness.sigmoid"), {numbers.objectness});
    std::string classes;
    if (head_.softmax) {
      classes = to_.node("Softmax", name("classes.softmax"), {numbers.classes});
      to_.set("axis", std::int64_t{3});
    } else {
      classes = to_.node("Sigmoid", name("classes.sigmoid"), {numbers.classes});
    }
    return to_.node("Mul", name("class_scores"), {object, classes});
  }

  const graph::AnchorHead head_;
  const std::string& name_;  // of the layer
  GraphWriter& to_;
};

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
    const graph::Layer& layer = network.layers[index];
    HeadDecoder decoder(graph::usual_head_of(network, index), layer.name, to);
    decoder.decode(layers.map(layer.inputs.front()));
    boxes.push_back(decoder.boxes);
    scores.push_back(decoder.scores);
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
  to.output("scores", kOnnxFloat, {-1}, "objectness x class probability of each box", kOpen);
  to.output("classes", kOnnxInt32, {-1}, "class of each box, counted from 0", kOpen);
}

}  // namespace oko::formats
