#include "oko/detect/decode.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "oko/base/error.h"

namespace oko::detect {
namespace {

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

// Raw objectness below this cannot pass the threshold. A little slack keeps rounding out of the
// decision: what passes is compared again after its sigmoid.
float raw_floor(float threshold) {
  if (threshold <= 0) return -std::numeric_limits<float>::infinity();
  if (threshold >= 1) return std::numeric_limits<float>::infinity();
  return std::log(threshold / (1 - threshold)) - 1e-3F;
}

// What YOLOv2 and YOLOv3 heads have in common, and the numbers in which they differ.
struct Head {
  const float* values = nullptr;
  int width = 0, height = 0, classes = 0;
  std::vector<graph::Anchor> anchors;  // of this head, in pixels of the network's input
  float spread = 1;                    // scale_x_y
  bool softmax = false;
  float cell_width = 0, cell_height = 0;  // pixels of the network's input

  std::ptrdiff_t plane() const { return std::ptrdiff_t{width} * height; }
};

// One anchor in one cell. Its numbers lie one plane apart.
struct Candidate {
  const Head& head;
  int row = 0, column = 0;
  std::size_t anchor = 0;

  float raw(int channel) const {
    const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(anchor) * (5 + head.classes);
    return head
        .values[(first + channel) * head.plane() + std::ptrdiff_t{row} * head.width + column];
  }
  float raw_objectness() const { return raw(4); }
  float raw_class(int id) const { return raw(5 + id); }
};

image::Box box_of(const Candidate& c) {
  const Head& head = c.head;
  const float shift = (head.spread - 1) / 2;
  const float x =
      (static_cast<float>(c.column) + head.spread * sigmoid(c.raw(0)) - shift) * head.cell_width;
  const float y =
      (static_cast<float>(c.row) + head.spread * sigmoid(c.raw(1)) - shift) * head.cell_height;
  const float w = std::exp(c.raw(2)) * head.anchors[c.anchor].width;
  const float h = std::exp(c.raw(3)) * head.anchors[c.anchor].height;
  return {x - w / 2, y - h / 2, x + w / 2, y + h / 2};
}

bool finite(const image::Box& b) {
  return std::isfinite(b.left) && std::isfinite(b.top) && std::isfinite(b.right) &&
         std::isfinite(b.bottom);
}

// What turns a class logit into a probability: a sigmoid, or this cell's softmax.
class ClassProbability {
 public:
  explicit ClassProbability(const Candidate& c) : softmax_(c.head.softmax) {
    if (!softmax_) return;
    largest_ = c.raw_class(0);
    for (int i = 1; i < c.head.classes; ++i) largest_ = std::max(largest_, c.raw_class(i));
    for (int i = 0; i < c.head.classes; ++i) sum_ += std::exp(c.raw_class(i) - largest_);
  }
  float operator()(float logit) const {
    return softmax_ ? std::exp(logit - largest_) / sum_ : sigmoid(logit);
  }
  // Logits below this cannot have the probability.
  float logit_floor(float least) const {
    return softmax_ ? -std::numeric_limits<float>::infinity() : raw_floor(least);
  }

 private:
  bool softmax_;
  float largest_ = 0, sum_ = 0;
};

void set_operation(Head& head, const graph::Yolo& yolo) {
  head.classes = yolo.classes;
  head.spread = yolo.scale_x_y;
  for (const int index : yolo.mask) {
    head.anchors.push_back(yolo.anchors[static_cast<std::size_t>(index)]);
  }
}

void set_operation(Head& head, const graph::Region& region) {
  head.classes = region.classes;
  head.softmax = region.softmax;
  for (const auto& anchor : region.anchors) {
    head.anchors.push_back({anchor.width * head.cell_width, anchor.height * head.cell_height});
  }
}

Head make_head(const graph::Network& network, int layer_index, HeadMap map) {
  const graph::Layer& layer = network.layers[static_cast<std::size_t>(layer_index)];
  const graph::Shape& shape = layer.output;
  if (map.size() != static_cast<std::size_t>(shape.count())) {
    throw Error(ErrorCode::kFailed, "layer " + std::to_string(layer_index),
                "the engine gave " + std::to_string(map.size()) + " numbers, the head wants " +
                    std::to_string(shape.count()));
  }
  Head head;
  head.values = map.data();
  head.width = shape.width;
  head.height = shape.height;
  head.cell_width = static_cast<float>(network.input.width) / static_cast<float>(shape.width);
  head.cell_height = static_cast<float>(network.input.height) / static_cast<float>(shape.height);
  if (const auto* yolo = std::get_if<graph::Yolo>(&layer.operation)) {
    set_operation(head, *yolo);
  } else {
    set_operation(head, std::get<graph::Region>(layer.operation));
  }
  return head;
}

std::vector<Head> make_heads(const graph::Network& network, std::span<const HeadMap> maps) {
  const std::vector<int> layers = network.heads();
  if (layers.size() != maps.size()) {
    throw Error(ErrorCode::kFailed, "engine",
                "gave " + std::to_string(maps.size()) + " maps for " +
                    std::to_string(layers.size()) + " heads");
  }
  std::vector<Head> heads;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    heads.push_back(make_head(network, layers[i], maps[i]));
  }
  return heads;
}

// Calls visit(candidate) for every anchor of every cell whose raw objectness is above floor(),
// which is asked again each time: a search may raise it. NaN is never above.
template <typename Floor, typename Visit>
void for_each_above(const Head& head, Floor floor, Visit visit) {
  for (int row = 0; row < head.height; ++row) {
    for (int column = 0; column < head.width; ++column) {
      for (std::size_t anchor = 0; anchor < head.anchors.size(); ++anchor) {
        const Candidate candidate{head, row, column, anchor};
        if (candidate.raw_objectness() > floor()) visit(candidate);
      }
    }
  }
}

void list_classes(const Candidate& c, float threshold, std::vector<Detection>& found) {
  const float objectness = sigmoid(c.raw_objectness());
  if (!(objectness > threshold)) return;
  const image::Box box = box_of(c);
  if (!finite(box)) return;
  const ClassProbability probability(c);
  const float floor = probability.logit_floor(threshold / objectness);
  for (int id = 0; id < c.head.classes; ++id) {
    if (!(c.raw_class(id) > floor)) continue;
    const float score = objectness * probability(c.raw_class(id));
    if (score > threshold) found.push_back({id, score, box});
  }
}

float best_class_score(const Candidate& c) {
  float logit = c.raw_class(0);
  for (int id = 1; id < c.head.classes; ++id) logit = std::max(logit, c.raw_class(id));
  return sigmoid(c.raw_objectness()) * ClassProbability(c)(logit);
}

}  // namespace

std::vector<Detection> decode(const graph::Network& network, std::span<const HeadMap> heads,
                              float score_threshold) {
  std::vector<Detection> found;
  const float floor = raw_floor(score_threshold);
  for (const Head& head : make_heads(network, heads)) {
    for_each_above(
        head, [&] { return floor; },
        [&](const Candidate& c) { list_classes(c, score_threshold, found); });
  }
  return found;
}

float best_score(const graph::Network& network, std::span<const HeadMap> heads) {
  float best = 0, floor = raw_floor(0);
  for (const Head& head : make_heads(network, heads)) {
    for_each_above(
        head, [&] { return floor; },
        [&](const Candidate& c) {
          const float score = best_class_score(c);
          if (!(score > best)) return;
          best = score;
          floor = raw_floor(best);  // a class cannot lift a lower objectness above it
        });
  }
  return best;
}

}  // namespace oko::detect
