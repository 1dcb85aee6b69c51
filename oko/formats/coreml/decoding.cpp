#include "oko/formats/coreml/decoding.h"

#include <array>
#include <cmath>
#include <numeric>

#include "oko/graph/head.h"

namespace oko::formats::coreml {
namespace {

constexpr int kObjectness = 4, kFirstClass = 5;  // channels of an anchor

// How steeply a class falls from 1 to 0 as its confidence falls below the best one's: a difference
// of 1e-4 gives 0. The product does not overflow in float16 either.
constexpr float kSteepness = 1e4F;

// The axes of a head's tensors are the box's values, the anchor and the cell.
class DecodingWriter {
 public:
  DecodingWriter(const graph::Network& network, Arithmetic& to) : network_(network), to_(to) {}

  std::int64_t run(const std::vector<std::string>& maps) {
    std::vector<std::string> coordinates, confidences;
    std::int64_t boxes = 0;
    const std::vector<int> heads = network_.heads();
    for (std::size_t i = 0; i < heads.size(); ++i) {
      to_.set_prefix("decode." + std::to_string(i) + ".");
      const Boxes decoded = boxes_of(heads[i], maps[i]);
      coordinates.push_back(listed(decoded.coordinates, 4, "coordinates"));
      confidences.push_back(listed(decoded.confidences, grid_.classes, "confidence"));
      boxes += boxes_ * grid_.cells();
    }
    to_.set_prefix("decode.");
    to_.finish(kRawCoordinates, coordinates, boxes, 4);
    to_.finish(kRawConfidence, confidences, boxes, network_.class_count());
    return boxes;
  }

 private:
  // [4, anchors, cells] and [classes, anchors, cells].
  struct Boxes {
    std::string coordinates, confidences;
  };

  Boxes boxes_of(int head, const std::string& map) {
    grid_ = graph::head_of(network_, head);
    const graph::Operation& operation = network_.layers[head].operation;
    if (const auto* distances = std::get_if<graph::Distances>(&operation)) {
      return decoded(*distances, map);
    }
    if (const auto* ssd = std::get_if<graph::Ssd>(&operation)) return decoded(*ssd, map);
    return decoded(graph::anchor_head_of(network_, head), map);
  }

  // ---- numbers ---------------------------------------------------------------------------------

  // Of x (0) or y (1): the side of the grid, of the input and of a cell.
  float cells(int axis) const { return static_cast<float>(axis == 0 ? grid_.width : grid_.height); }
  float input(int axis) const {
    return static_cast<float>(axis == 0 ? network_.input.width : network_.input.height);
  }
  float place(int axis, std::int64_t cell) const {
    return static_cast<float>(axis == 0 ? cell % grid_.width : cell / grid_.width);
  }
  static float side(const graph::Anchor& anchor, int axis) {
    return axis == 0 ? anchor.width : anchor.height;
  }

  // value(axis, box of a cell, cell) for x and y, as constants of a tensor.
  template <typename Value>
  Arithmetic::Constants constants(const Value& value) const {
    Arithmetic::Constants made{{2, boxes_, grid_.cells()}, {}};
    for (int axis = 0; axis < 2; ++axis) {
      for (int box = 0; box < boxes_; ++box) {
        for (std::int64_t cell = 0; cell < grid_.cells(); ++cell) {
          made.values.push_back(value(axis, box, cell));
        }
      }
    }
    return made;
  }

  // Reshapes [anchors · values, rows, columns] to [values, anchors, cells].
  std::string by_number(const std::string& what, const std::string& map, int values) {
    return to_.turned(what, to_.reshaped(what + ".anchors", map, {boxes_, values, grid_.cells()}));
  }

  // Reshapes [values, anchors, cells] to [boxes, values, 1].
  std::string listed(const std::string& map, std::int64_t numbers, const std::string& what) {
    return to_.turned(what, to_.reshaped(what + ".row", map, {numbers, boxes_ * grid_.cells(), 1}));
  }

  // ---- boxes -----------------------------------------------------------------------------------

  // From two opposite corners, as parts of the input: cx, cy, w, h of the boxes, clipped to it.
  std::string clipped(const std::string& near_corner, const std::string& far_corner) {
    const std::string far = to_.clamped("far", far_corner, 1, 0);
    const std::string near = to_.clamped("near", near_corner, 1, 0);
    const std::string middle = to_.linear("middle", to_.sum("middle.twice", near, far), .5F, 0);
    // Distances may be negative.
    const std::string extent =
        to_.at_least("extent", to_.sum("extent.raw", far, to_.linear("near.back", near, -1, 0)), 0);
    return to_.joined("box", {middle, extent});
  }

  std::string around(const std::string& centre, const std::string& size) {
    const std::string half = to_.linear("half", size, .5F, 0);
    return clipped(to_.sum("near.raw", centre, to_.linear("half.back", half, -1, 0)),
                   to_.sum("far.raw", centre, half));
  }

  // What graph::BoxCode says of x and y, ...
  std::string centres(const graph::AnchorHead& head, const std::string& numbers) {
    std::string relative = to_.channels("centre.raw", numbers, 0, 2);
    float factor = 1, shift = 0;  // in cells
    switch (head.box_code) {
      case graph::BoxCode::kExponential:
      case graph::BoxCode::kSquared:
        relative = to_.sigmoid("centre.sigmoid", relative);
        factor = head.scale_x_y;
        shift = -(head.scale_x_y - 1) / 2;
        break;
      case graph::BoxCode::kPoint:
        break;
      case graph::BoxCode::kBounded:
        relative = to_.tanh("centre.tanh", relative);
        break;
    }
    return to_.scaled("centre", relative,
                      constants([&](int axis, int, std::int64_t) { return factor / cells(axis); }),
                      constants([&](int axis, int, std::int64_t cell) {
                        return (place(axis, cell) + shift) / cells(axis);
                      }));
  }

  // ... and of width and height.
  std::string sizes(const graph::AnchorHead& head, const std::string& numbers) {
    std::string relative = to_.channels("size.raw", numbers, 2, 4);
    float factor = 1;  // in anchors
    switch (head.box_code) {
      case graph::BoxCode::kExponential:
      case graph::BoxCode::kPoint:
        relative = to_.exponential("size.exp", relative);
        break;
      case graph::BoxCode::kSquared: {
        const std::string sigmoid = to_.sigmoid("size.sigmoid", relative);
        relative = to_.product("size.square", sigmoid, sigmoid);
        factor = 4;
        break;
      }
      case graph::BoxCode::kBounded:
        relative = to_.sigmoid("size.sigmoid", relative);
        break;
    }
    return to_.scaled("size", relative, constants([&](int axis, int box, std::int64_t) {
                        return factor * side(head.anchor(box), axis) / input(axis);
                      }),
                      {});
  }

  Boxes decoded(const graph::AnchorHead& head, const std::string& map) {
    boxes_ = head.boxes;
    const std::string numbers = by_number("numbers", map, kFirstClass + head.classes);
    const std::string coordinates = around(centres(head, numbers), sizes(head, numbers));
    return {coordinates, confidences_of(head, numbers)};
  }

  // The prior less the distances to the left and top, and more those to the right and bottom.
  Boxes decoded(const graph::Distances& head, const std::string& map) {
    boxes_ = 1;
    const int classes = head.classes, all = head.channels();
    const std::string scores = to_.reshaped(
        "scores.cells", to_.sigmoid("scores", to_.channels("scores.raw", map, 0, classes)),
        {classes, 1, grid_.cells()});
    const std::string raw = to_.channels("sides.raw", map, classes, all);
    const std::string sides = to_.reshaped(
        "sides", head.bins == 1 ? raw : expectations(head.bins, raw), {4, 1, grid_.cells()});
    const auto corner = [&](const char* what, const std::string& distances, float sign) {
      const auto stride = static_cast<float>(head.stride);
      return to_.scaled(what, distances, constants([&](int axis, int, std::int64_t) {
                          return sign * stride / input(axis);
                        }),
                        constants([&](int axis, int, std::int64_t cell) {
                          return (place(axis, cell) + head.prior) * stride / input(axis);
                        }));
    };
    const std::string near = corner("near.raw", to_.channels("sides.near", sides, 0, 2), -1);
    const std::string far = corner("far.raw", to_.channels("sides.far", sides, 2, 4), 1);
    return {clipped(near, far), distribution(scores, classes, false)};
  }

  // Of the distributions that `bins` logits for each of four sides are: [1, 4, cells].
  std::string expectations(int bins, const std::string& raw) {
    const std::string logits =
        to_.turned("bins", to_.reshaped("sides.bins", raw, {4, bins, grid_.cells()}));
    std::vector<float> numbers(static_cast<std::size_t>(bins));
    std::iota(numbers.begin(), numbers.end(), 0.F);
    return to_.weighted("distances", to_.softmax("bins.softmax", logits), numbers);
  }

  Boxes decoded(const graph::Ssd& head, const std::string& map) {
    boxes_ = static_cast<int>(head.anchors.size());
    const int logits = head.logits(), of_classes = boxes_ * logits;
    const std::string numbers =
        by_number("numbers", to_.channels("boxes.raw", map, of_classes, head.channels()), 4);
    const auto anchor = [&](int box, int axis) {
      return side(head.anchors[static_cast<std::size_t>(box)], axis) / input(axis);
    };
    const std::string centre =
        to_.scaled("centre", to_.channels("centre.raw", numbers, 0, 2),
                   constants([&](int axis, int box, std::int64_t) {
                     return head.centre_variance * anchor(box, axis);
                   }),
                   constants([&](int axis, int, std::int64_t cell) {
                     const float at = place(axis, cell) + head.prior;
                     return head.stride == 0 ? at / cells(axis)
                                             : at * static_cast<float>(head.stride) / input(axis);
                   }));
    const std::string grown =
        to_.linear("size.scaled", to_.channels("size.raw", numbers, 2, 4), head.size_variance, 0);
    const std::string size = to_.scaled(
        "size",
        head.linear ? to_.at_least("size.positive", grown, 0) : to_.exponential("size.exp", grown),
        constants([&](int axis, int box, std::int64_t) { return anchor(box, axis); }), {});
    const std::string coordinates = around(centre, size);
    const std::string classes =
        by_number("classes", to_.channels("classes.raw", map, 0, of_classes), logits);
    const std::string scores =
        head.sigmoid ? to_.sigmoid("scores", classes)
                     : to_.channels("scores", to_.softmax("classes.softmax", classes), 1, logits);
    return {coordinates, distribution(scores, head.classes, !head.sigmoid)};
  }

  // ---- scores ----------------------------------------------------------------------------------

  std::string confidences_of(const graph::AnchorHead& head, const std::string& numbers) {
    std::string objectness = to_.sigmoid(
        "objectness", to_.channels("objectness.raw", numbers, kObjectness, kFirstClass));
    const std::string raw =
        to_.channels("classes.raw", numbers, kFirstClass, kFirstClass + head.classes);
    std::string probabilities =
        head.softmax ? to_.softmax("classes", raw) : to_.sigmoid("classes", raw);
    if (head.class_share != 0) {
      objectness = to_.power("objectness.share", objectness, 1 - head.class_share);
      probabilities = to_.power("classes.share", probabilities, head.class_share);
    }
    return distribution(to_.product("scores", probabilities, objectness), head.classes,
                        head.softmax && head.class_share == 0);
  }

  // Vision treats a row as a distribution whose sum is the confidence that there is any object.
  // Softmax gives that. Of independent sigmoids only the best class is kept, at its own confidence,
  // which suppression and thresholds use. Finally, a row that still exceeds 1 (ties, rounding) is
  // divided by its sum.
  std::string distribution(const std::string& scores, int classes, bool is_one) {
    if (classes == 1) return scores;
    const std::string kept = is_one ? scores : best_of(scores);
    const std::string whole = to_.at_least("sum.limit", to_.sum_of_channels("sum", kept), 1);
    return to_.product("confidences", kept, to_.power("sum.inverse", whole, -1));
  }

  std::string best_of(const std::string& confidence) {
    const std::string best = to_.largest_channel("best", confidence);
    const std::string behind = to_.sum("behind", confidence, to_.linear("best.back", best, -1, 0));
    return to_.product("best.only", confidence, to_.clamped("is.best", behind, kSteepness, 1));
  }

  const graph::Network& network_;
  Arithmetic& to_;
  graph::Head grid_;  // of the current head
  int boxes_ = 1;     // in each of its cells
};

}  // namespace

std::int64_t write_decoding(const graph::Network& network, const std::vector<std::string>& maps,
                            Arithmetic& to) {
  return DecodingWriter(network, to).run(maps);
}

}  // namespace oko::formats::coreml
