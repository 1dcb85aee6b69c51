#include "oko/detect/decode.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "oko/base/count.h"
#include "oko/base/error.h"
#include "oko/detect/distances.h"
#include "oko/detect/exponential.h"
#include "oko/detect/ssd.h"
#include "oko/graph/head.h"

namespace oko::detect {
namespace {

constexpr int kObjectness = 4, kFirstClass = 5;  // channels of an anchor

// A head and its raw output.
struct Head : graph::AnchorHead {
  const float* values = nullptr;

  const float* channel(int anchor, int index) const {
    return values + (std::ptrdiff_t{anchor} * (kFirstClass + classes) + index) * cells();
  }
};

void check_size(const graph::Network& network, int layer_index, HeadMap map) {
  const graph::Shape& shape = network.layers[layer_index].output;
  if (map.size() == static_cast<std::size_t>(shape.count())) return;
  throw Error(ErrorCode::kFailed, "layer " + std::to_string(layer_index),
              "the engine returned " + std::to_string(map.size()) + " values, the head expects " +
                  std::to_string(shape.count()));
}

// Calls of_anchors(Head) or of_others(graph::Head, operation, map) for every head.
template <typename Anchors, typename Others>
void for_each_head(const graph::Network& network, std::span<const HeadMap> maps,
                   const Anchors& of_anchors, const Others& of_others) {
  const std::vector<int> layers = network.heads();
  if (layers.size() != maps.size()) {
    throw Error(ErrorCode::kFailed, "engine",
                "returned " + counted_text(std::ssize(maps), "output") + " for " +
                    counted_text(std::ssize(layers), "head"));
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    check_size(network, layers[i], maps[i]);
    const graph::Operation& operation = network.layers[layers[i]].operation;
    if (const auto* distances = std::get_if<graph::Distances>(&operation)) {
      of_others(graph::head_of(network, layers[i]), *distances, maps[i]);
    } else if (const auto* ssd = std::get_if<graph::Ssd>(&operation)) {
      of_others(graph::head_of(network, layers[i]), *ssd, maps[i]);
    } else {
      of_anchors(Head{graph::anchor_head_of(network, layers[i]), maps[i].data()});
    }
  }
}

// One anchor in one cell. Its values are one plane apart.
struct Candidate {
  const Head& head;
  int anchor = 0, cell = 0;

  float raw(int channel) const { return head.channel(anchor, channel)[cell]; }
  float raw_objectness() const { return raw(kObjectness); }
  float raw_class(int id) const { return raw(kFirstClass + id); }
};

// Calls visit(candidate) for every raw objectness above `floor`, which visit may raise. NaN is
// never above it.
template <typename Visit>
void for_each_above(const Head& head, const float& floor, Visit visit) {
  for (int anchor = 0; anchor < head.boxes; ++anchor) {
    const float* objectness = head.channel(anchor, kObjectness);
    for (int cell = 0; cell < head.cells(); ++cell) {
      if (objectness[cell] > floor) visit(Candidate{head, anchor, cell});
    }
  }
}

// What graph::BoxCode says of x and y, for a cell's row or column, ...
float centre_of(const Head& head, float cell, float t) {
  switch (head.box_code) {
    case graph::BoxCode::kExponential:
    case graph::BoxCode::kSquared:
      return cell + head.scale_x_y * sigmoid(t) - (head.scale_x_y - 1) / 2;
    case graph::BoxCode::kPoint:
      return cell + t;
    case graph::BoxCode::kBounded:
      return cell + 2 * sigmoid(2 * t) - 1;  // tanh
  }
  return t;
}
// ... and of width and height, in anchors.
float side_of(const Head& head, float t) {
  switch (head.box_code) {
    case graph::BoxCode::kExponential:
    case graph::BoxCode::kPoint:
      return exponential(t);
    case graph::BoxCode::kSquared:
      return 4 * sigmoid(t) * sigmoid(t);
    case graph::BoxCode::kBounded:
      return sigmoid(t);
  }
  return t;
}

image::Box box_of(const Candidate& c) {
  const Head& head = c.head;
  const graph::Anchor anchor = head.anchor(c.anchor);
  const auto row = static_cast<float>(c.cell / head.width);
  const auto column = static_cast<float>(c.cell % head.width);
  const float x = centre_of(head, column, c.raw(0)) * head.cell_width;
  const float y = centre_of(head, row, c.raw(1)) * head.cell_height;
  const float w = side_of(head, c.raw(2)) * anchor.width;
  const float h = side_of(head, c.raw(3)) * anchor.height;
  return {x - w / 2, y - h / 2, x + w / 2, y + h / 2};
}

// Powers in double precision, so that the last bits of C libraries are lost in rounding.
float power(float base, float exponent) {
  return static_cast<float>(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
}

float score_of(const Head& head, float objectness, float probability) {
  if (head.class_share == 0) return objectness * probability;
  return power(objectness, 1 - head.class_share) * power(probability, head.class_share);
}

// What objectness alone must exceed for a score above `lowest`, even of a class that is certain.
float objectness_floor(const Head& head, float lowest) {
  if (head.class_share == 0 || !(lowest > 0)) return lowest;
  return power(lowest, 1 / (1 - head.class_share)) * .9999F;
}

// Converts class logits to probabilities: a sigmoid, or this cell's softmax.
class ClassProbability {
 public:
  explicit ClassProbability(const Candidate& c) : softmax_(c.head.softmax) {
    if (!softmax_) return;
    largest_ = c.raw_class(0);
    for (int i = 1; i < c.head.classes; ++i) largest_ = std::max(largest_, c.raw_class(i));
    for (int i = 0; i < c.head.classes; ++i) sum_ += exponential(c.raw_class(i) - largest_);
  }
  float operator()(float logit) const {
    return softmax_ ? exponential(logit - largest_) / sum_ : sigmoid(logit);
  }
  // Logits up to this cannot have a higher probability.
  float logit_floor(float probability) const {
    return softmax_ ? -std::numeric_limits<float>::infinity() : raw_floor(probability);
  }

 private:
  bool softmax_;
  float largest_ = 0, sum_ = 0;
};

// `lowest` is the lowest of all classes' thresholds.
void list_classes(const Candidate& c, float lowest, const Thresholds& thresholds,
                  std::vector<Detection>& found) {
  const float objectness = sigmoid(c.raw_objectness());
  if (!(objectness > objectness_floor(c.head, lowest))) return;
  const image::Box box = box_of(c);
  if (!is_finite(box)) return;
  const ClassProbability probability(c);
  const float floor = c.head.class_share == 0 ? probability.logit_floor(lowest / objectness)
                                              : -std::numeric_limits<float>::infinity();
  for (int id = 0; id < c.head.classes; ++id) {
    if (!(c.raw_class(id) > floor)) continue;
    const float score = score_of(c.head, objectness, probability(c.raw_class(id)));
    if (score > thresholds.score_of(id)) found.push_back({id, score, box});
  }
}

float best_class_score(const Candidate& c) {
  float logit = c.raw_class(0);
  for (int id = 1; id < c.head.classes; ++id) logit = std::max(logit, c.raw_class(id));
  return score_of(c.head, sigmoid(c.raw_objectness()), ClassProbability(c)(logit));
}

}  // namespace

void check(const Thresholds& thresholds, int class_count) {
  const std::vector<float>& scores = thresholds.class_scores;
  if (!scores.empty() && scores.size() != static_cast<std::size_t>(class_count)) {
    throw Error(ErrorCode::kUsage, "thresholds",
                std::to_string(scores.size()) + " scores for the model's " +
                    std::to_string(class_count) + " classes",
                "give one score per class");
  }
  const auto nan = [](float score) { return std::isnan(score); };
  if (nan(thresholds.score) || std::any_of(scores.begin(), scores.end(), nan)) {
    throw Error(ErrorCode::kUsage, "thresholds", "a score is not a number");
  }
  if (thresholds.nms == NmsKind::kSoft && !(thresholds.soft_sigma > 0)) {
    throw Error(ErrorCode::kUsage, "thresholds", "soft_sigma is not above 0", "leave it at .5");
  }
}

void decode(const graph::Network& network, std::span<const HeadMap> heads,
            const Thresholds& thresholds, std::vector<Detection>& found) {
  check(thresholds, network.class_count());
  const float lowest = thresholds.lowest_score();
  found.clear();
  for_each_head(
      network, heads,
      [&](const Head& head) {
        const float floor = raw_floor(objectness_floor(head, lowest));
        for_each_above(head, floor,
                       [&](const Candidate& c) { list_classes(c, lowest, thresholds, found); });
      },
      [&](const graph::Head& grid, const auto& head, HeadMap map) {
        decode_head(grid, head, map, thresholds, found);
      });
}

std::vector<Detection> decode(const graph::Network& network, std::span<const HeadMap> heads,
                              float score_threshold) {
  Thresholds thresholds;
  thresholds.score = score_threshold;
  std::vector<Detection> found;
  decode(network, heads, thresholds, found);
  return found;
}

float best_score(const graph::Network& network, std::span<const HeadMap> heads) {
  float best = 0;
  for_each_head(
      network, heads,
      [&](const Head& head) {
        float floor = raw_floor(objectness_floor(head, best));
        for_each_above(head, floor, [&](const Candidate& c) {
          const float score = best_class_score(c);
          if (!(score > best)) return;
          best = score;
          floor = raw_floor(objectness_floor(
              head, best));  // a lower objectness cannot exceed it, whatever the class
        });
      },
      [&](const graph::Head& grid, const auto& head, HeadMap map) {
        best = std::max(best, best_head_score(grid, head, map));
      });
  return best;
}

}  // namespace oko::detect
