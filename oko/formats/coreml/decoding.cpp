#include <array>
#include <cmath>

#include "oko/formats/coreml/layers.h"
#include "oko/graph/head.h"

namespace oko::formats::coreml {
namespace {

constexpr int kPower = 3, kExp = 4, kThreshold = 7;   // unary types
constexpr int kSum = 0, kMax = 7, kOverChannels = 2;  // reductions
constexpr int kObjectness = 4, kFirstClass = 5;       // channels of an anchor
constexpr int kNames = 2;

// How steeply a class falls from 1 to 0 as its confidence falls below the best one's: a difference
// of 1e-4 gives 0. The product does not overflow in float16 either.
constexpr float kSteepness = 1e4F;

// Writes the decoding in layers of specification version 1. Tensors have the axes channel, row and
// column; a head's are the box's values, the anchor and the cell.
class DecodingWriter {
 public:
  DecodingWriter(const graph::Network& network, LayerWriter& writer)
      : network_(network), writer_(writer) {}

  std::int64_t run(const std::vector<std::string>& maps) {
    std::vector<std::string> coordinates, confidences;
    std::int64_t boxes = 0;
    const std::vector<int> heads = network_.heads();
    for (std::size_t i = 0; i < heads.size(); ++i) {
      head_ = graph::usual_head_of(network_, heads[i]);
      prefix_ = "decode." + std::to_string(i) + ".";
      const std::string numbers = by_number(maps[i]);
      coordinates.push_back(listed(coordinates_of(numbers), 4, "coordinates"));
      confidences.push_back(listed(confidences_of(numbers), head_.classes, "confidence"));
      boxes += head_.boxes * head_.cells();
    }
    prefix_ = "decode.";
    finish(coordinates, kRawCoordinates);
    finish(confidences, kRawConfidence);
    return boxes;
  }

 private:
  proto::Layer& add(const std::string& what, const std::vector<std::string>& from,
                    const std::string& to) {
    return writer_.add(prefix_ + what, from, to);
  }
  // A layer whose output has the layer's name.
  struct Added {
    proto::Layer& layer;
    std::string map;
  };
  Added add(const std::string& what, const std::vector<std::string>& from) {
    std::string map = writer_.map_name(prefix_ + what);
    return {add(what, from, map), map};
  }

  std::string linear(const std::string& what, const std::string& from, float factor, float shift) {
    Added added = add(what, {from});
    proto::Line& line = *added.layer.mutable_activation()->mutable_linear();
    line.set_alpha(factor);
    line.set_beta(shift);
    return added.map;
  }
  // min(max(factor · x + shift, 0), 1).
  std::string clamped(const std::string& what, const std::string& from, float factor, float shift) {
    Added added = add(what, {from});
    proto::Line& line = *added.layer.mutable_activation()->mutable_hard_sigmoid();
    line.set_alpha(factor);
    line.set_beta(shift);
    return added.map;
  }
  std::string sigmoid(const std::string& what, const std::string& from) {
    Added added = add(what, {from});
    added.layer.mutable_activation()->mutable_sigmoid();
    return added.map;
  }
  std::string sum(const std::string& what, const std::string& a, const std::string& b) {
    Added added = add(what, {a, b});
    added.layer.mutable_add();
    return added.map;
  }
  std::string product(const std::string& what, const std::string& a, const std::string& b) {
    Added added = add(what, {a, b});
    added.layer.mutable_multiply();
    return added.map;
  }
  std::string reduced(const std::string& what, const std::string& from, int mode) {
    Added added = add(what, {from});
    added.layer.mutable_reduce()->set_mode(mode);
    added.layer.mutable_reduce()->set_axis(kOverChannels);
    return added.map;
  }
  std::string unary(const std::string& what, const std::string& from, int type, float alpha) {
    Added added = add(what, {from});
    added.layer.mutable_unary()->set_type(type);
    added.layer.mutable_unary()->set_alpha(alpha);
    added.layer.mutable_unary()->set_scale(1);
    return added.map;
  }
  std::string channels(const std::string& what, const std::string& from, int begin, int end) {
    Added added = add(what, {from});
    proto::Slice& slice = *added.layer.mutable_slice();
    slice.set_begin(begin);
    slice.set_end(end);
    slice.set_stride(1);
    return added.map;
  }
  std::string reshaped(const std::string& what, const std::string& from,
                       std::array<std::int64_t, 3> shape) {
    Added added = add(what, {from});
    for (const std::int64_t side : shape) added.layer.mutable_reshape()->add_shape(side);
    return added.map;
  }
  // Swaps channels and rows.
  std::string turned(const std::string& what, const std::string& from) {
    Added added = add(what, {from});
    for (const std::uint64_t axis : {0U, 2U, 1U, 3U}) added.layer.mutable_permute()->add_axes(axis);
    return added.map;
  }

  // Reshapes [anchors · values, rows, columns] to [values, anchors, cells].
  std::string by_number(const std::string& map) {
    const std::string apart =
        reshaped("anchors", map, {head_.boxes, kFirstClass + head_.classes, head_.cells()});
    return turned("numbers", apart);
  }

  // value(component, box of a cell, cell) for the two components of centres or sizes, as the
  // layer's constants.
  template <typename Value>
  void set_constants(Value value, proto::Weights& weights,
                     google::protobuf::RepeatedField<std::uint64_t>& shape) {
    for (const std::int64_t side :
         {std::int64_t{kNames}, std::int64_t{head_.boxes}, head_.cells()}) {
      shape.Add(static_cast<std::uint64_t>(side));
    }
    for (int number = 0; number < kNames; ++number) {
      for (int box = 0; box < head_.boxes; ++box) {
        for (std::int64_t cell = 0; cell < head_.cells(); ++cell) {
          weights.add_floats(value(number, box, cell));
        }
      }
    }
  }

  // (cell + s·σ(t) − (s − 1)/2) / grid.
  std::string centres(const std::string& numbers) {
    const std::string relative = sigmoid("centre.sigmoid", channels("centre.raw", numbers, 0, 2));
    Added added = add("centre", {relative});
    proto::Scale& scale = *added.layer.mutable_scale();
    const auto side = [&](int number) {
      return static_cast<float>(number == 0 ? head_.width : head_.height);
    };
    set_constants([&](int number, int, std::int64_t) { return head_.scale_x_y / side(number); },
                  *scale.mutable_scale(), *scale.mutable_scale_shape());
    scale.set_with_bias(true);
    set_constants(
        [&](int number, int, std::int64_t cell) {
          const std::int64_t place = number == 0 ? cell % head_.width : cell / head_.width;
          return (static_cast<float>(place) - (head_.scale_x_y - 1) / 2) / side(number);
        },
        *scale.mutable_bias(), *scale.mutable_bias_shape());
    return added.map;
  }

  // exp(t) · anchor / input.
  std::string sizes(const std::string& numbers) {
    const std::string power = unary("size.exp", channels("size.raw", numbers, 2, 4), kExp, 0);
    Added added = add("size", {power});
    proto::Scale& scale = *added.layer.mutable_scale();
    set_constants(
        [&](int number, int box, std::int64_t) {
          const graph::Anchor anchor = head_.anchor(box);
          return number == 0 ? anchor.width / static_cast<float>(network_.input.width)
                             : anchor.height / static_cast<float>(network_.input.height);
        },
        *scale.mutable_scale(), *scale.mutable_scale_shape());
    return added.map;
  }

  // cx, cy, w, h of the boxes, clipped to the image.
  std::string coordinates_of(const std::string& numbers) {
    const std::string centre = centres(numbers), size = sizes(numbers);
    const std::string half = linear("half", size, .5F, 0);
    const std::string far = clamped("far", sum("far.raw", centre, half), 1, 0);
    const std::string near =
        clamped("near", sum("near.raw", centre, linear("half.back", half, -1, 0)), 1, 0);
    const std::string middle = linear("middle", sum("middle.twice", near, far), .5F, 0);
    const std::string extent = sum("extent", far, linear("near.back", near, -1, 0));
    Added added = add("box", {middle, extent});
    added.layer.mutable_concat();
    return added.map;
  }

  // Vision treats a row as a distribution whose sum is the confidence that there is any object.
  // Softmax gives that. Of independent sigmoids only the best class is kept, at its own confidence,
  // which suppression and thresholds use. Finally, a row that still exceeds 1 (ties, rounding) is
  // divided by its sum.
  std::string confidences_of(const std::string& numbers) {
    const std::string objectness =
        sigmoid("objectness", channels("objectness.raw", numbers, kObjectness, kFirstClass));
    const std::string raw =
        channels("classes.raw", numbers, kFirstClass, kFirstClass + head_.classes);
    std::string probabilities;
    if (head_.softmax) {
      Added added = add("classes", {raw});
      added.layer.mutable_softmax();
      probabilities = added.map;
    } else {
      probabilities = sigmoid("classes", raw);
    }
    const std::string confidence = product("scores", probabilities, objectness);
    if (head_.classes == 1) return confidence;
    const std::string kept = head_.softmax ? confidence : best_of(confidence);
    const std::string whole = unary("sum.limit", reduced("sum", kept, kSum), kThreshold, 1);
    return product("confidences", kept, unary("sum.inverse", whole, kPower, -1));
  }

  std::string best_of(const std::string& confidence) {
    const std::string best = reduced("best", confidence, kMax);
    const std::string behind = sum("behind", confidence, linear("best.back", best, -1, 0));
    return product("best.only", confidence, clamped("is.best", behind, kSteepness, 1));
  }

  // Reshapes [values, anchors, cells] to [boxes, values, 1].
  std::string listed(const std::string& map, std::int64_t numbers, const std::string& what) {
    return turned(what, reshaped(what + ".row", map, {numbers, head_.boxes * head_.cells(), 1}));
  }

  void finish(const std::vector<std::string>& lists, const char* name) {
    const std::string to = writer_.map_name(name);
    if (lists.size() > 1) {
      add(name, lists, to).mutable_concat();
    } else {
      add(name, lists, to).mutable_activation()->mutable_linear()->set_alpha(1);
    }
  }

  const graph::Network& network_;
  LayerWriter& writer_;
  graph::AnchorHead head_;
  std::string prefix_;
};

}  // namespace

std::int64_t write_decoding(const graph::Network& network, const std::vector<std::string>& maps,
                            LayerWriter& writer) {
  return DecodingWriter(network, writer).run(maps);
}

}  // namespace oko::formats::coreml
