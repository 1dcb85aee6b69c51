#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <utility>
#include <vector>

#include "oko/train/ciou.h"
#include "oko/train/yolo_head.h"

namespace oko::train {
namespace {

using dataset::Truth;

// exp() of a raw width beyond this exceeds any image; clamping keeps a bad step from becoming
// infinite (and NaN one step later).
constexpr float kMaxLogSize = 10;

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

// −log σ(x), without overflow.
double softplus_negative(double x) {
  return std::max(-x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

// Cross entropy of σ(x) with target t.
double cross_entropy(double x, double t) {
  return t * softplus_negative(x) + (1 - t) * softplus_negative(-x);
}

// Overlap of two boxes given by centre and size.
float iou_of(const Truth& a, float x, float y, float w, float h) {
  const image::Box box_a{a.x - a.width / 2, a.y - a.height / 2, a.x + a.width / 2,
                         a.y + a.height / 2};
  return image::iou(box_a, {x - w / 2, y - h / 2, x + w / 2, y + h / 2});
}

float shape_iou(float w, float h, float other_w, float other_h) {
  const float shared = std::min(w, other_w) * std::min(h, other_h);
  return shared / (w * h + other_w * other_h - shared);
}

// One head's raw output viewed as (anchor, part, row, column), and its loss.
class HeadLoss {
 public:
  HeadLoss(const graph::Yolo& head, graph::Shape shape, image::Size input,
           std::span<const float> raw, std::span<const Truth> truths, const LossOptions& options,
           std::span<float> gradient)
      : head_(head),
        options_(options),
        width_(shape.width),
        height_(shape.height),
        plane_(static_cast<std::size_t>(shape.width) * static_cast<std::size_t>(shape.height)),
        input_w_(static_cast<float>(input.width)),
        input_h_(static_cast<float>(input.height)),
        raw_(raw),
        truths_(truths),
        gradient_(gradient) {
    assert(raw.size() == static_cast<std::size_t>(shape.count()) && gradient.size() == raw.size());
    std::fill(gradient_.begin(), gradient_.end(), 0.F);
    answers_.assign(head_.mask.size() * plane_, kNobody);
    assign();
  }

  YoloLoss run() {
    std::size_t cell = 0;
    for (std::size_t slot = 0; slot < head_.mask.size(); ++slot) {
      for (int row = 0; row < height_; ++row) {
        for (int column = 0; column < width_; ++column, ++cell) {
          if (answers_[cell] == kNobody) background(slot, row, column);
        }
      }
    }
    for (const Assignment& a : assignments_) positive(a);
    return parts_;
  }

 private:
  static constexpr int kNobody = -1;

  // Anchor `slot` of the mask at (row, column) is assigned to `truth`. If several truths share one
  // prediction, it learns the last one's box and all their classes, as in both originals.
  struct Assignment {
    const Truth* truth;
    std::size_t slot;
    int row, column;
    bool best;  // the truth's best anchor, not just a matching one
    std::vector<int> classes;
  };
  struct Prediction {
    float x, y, w, h;  // relative to the input
  };

  std::size_t at(std::size_t slot, int part, int row, int column) const {
    const auto channel =
        slot * static_cast<std::size_t>(5 + head_.classes) + static_cast<std::size_t>(part);
    return channel * plane_ + static_cast<std::size_t>(row) * static_cast<std::size_t>(width_) +
           static_cast<std::size_t>(column);
  }

  const graph::Anchor& anchor(std::size_t slot) const { return head_.anchors[head_.mask[slot]]; }

  bool is_squared() const { return head_.box_code == graph::BoxCode::kSquared; }

  // Raw tw or th as a size relative to the input.
  float size_of(float raw, float anchor, float input) const {
    if (is_squared()) return 4 * sigmoid(raw) * sigmoid(raw) * anchor / input;
    return std::exp(std::min(raw, kMaxLogSize)) * anchor / input;
  }

  // d size / d raw, of a size that is size_of() the raw value.
  float slope_of_size(float raw, float size) const {
    if (is_squared()) return 2 * (1 - sigmoid(raw)) * size;
    return raw < kMaxLogSize ? size : 0;
  }

  // What tw or th, or their σ, should be for a size in anchors.
  float size_target(float in_anchors) const {
    return is_squared() ? std::min(std::sqrt(in_anchors) / 2, 1.F) : std::log(in_anchors);
  }

  Prediction predicted(std::size_t slot, int row, int column) const {
    const float s = head_.scale_x_y, shift = (s - 1) / 2;
    const auto value = [&](int part) { return raw_[at(slot, part, row, column)]; };
    return {
        (static_cast<float>(column) + s * sigmoid(value(0)) - shift) / static_cast<float>(width_),
        (static_cast<float>(row) + s * sigmoid(value(1)) - shift) / static_cast<float>(height_),
        size_of(value(2), anchor(slot).width, input_w_),
        size_of(value(3), anchor(slot).height, input_h_)};
  }

  // Assigns predictions to truths: the anchor with the best shape over all heads; with kCiou also
  // every other one that matches well.
  void assign() {
    for (const Truth& truth : truths_) {
      const float w = truth.width * input_w_, h = truth.height * input_h_;
      std::size_t best = 0;
      float best_iou = -1;
      for (std::size_t i = 0; i < head_.anchors.size(); ++i) {
        const float fit = shape_iou(w, h, head_.anchors[i].width, head_.anchors[i].height);
        if (fit > best_iou) {
          best_iou = fit;
          best = i;
        }
      }
      const int column =
          std::clamp(static_cast<int>(truth.x * static_cast<float>(width_)), 0, width_ - 1);
      const int row =
          std::clamp(static_cast<int>(truth.y * static_cast<float>(height_)), 0, height_ - 1);
      for (std::size_t slot = 0; slot < head_.mask.size(); ++slot) {
        const bool is_best = static_cast<std::size_t>(head_.mask[slot]) == best;
        const bool fits =
            options_.kind == LossKind::kCiou &&
            shape_iou(w, h, anchor(slot).width, anchor(slot).height) > options_.anchor_iou;
        if (is_best || fits) add({&truth, slot, row, column, is_best, {truth.class_id}});
      }
    }
  }

  void add(Assignment wanted) {
    const std::size_t cell =
        wanted.slot * plane_ +
        static_cast<std::size_t>(wanted.row) * static_cast<std::size_t>(width_) +
        static_cast<std::size_t>(wanted.column);
    if (answers_[cell] == kNobody) {
      answers_[cell] = static_cast<int>(assignments_.size());
      assignments_.push_back(std::move(wanted));
      return;
    }
    Assignment& there = assignments_[answers_[cell]];
    if (there.best && !wanted.best) return;
    const bool upgrade = wanted.best && !there.best;
    if (!upgrade)
      wanted.classes.insert(wanted.classes.end(), there.classes.begin(), there.classes.end());
    there = std::move(wanted);
  }

  // The overlap that exempts a confident prediction: with any truth, or, as in the Keras port, with
  // those assigned to this head.
  float best_overlap(const Prediction& p) const {
    float best = 0;
    if (options_.kind == LossKind::kKeras) {
      for (const auto& a : assignments_)
        best = std::max(best, iou_of(*a.truth, p.x, p.y, p.w, p.h));
    } else {
      for (const auto& t : truths_) best = std::max(best, iou_of(t, p.x, p.y, p.w, p.h));
    }
    return best;
  }

  void background(std::size_t slot, int row, int column) {
    if (best_overlap(predicted(slot, row, column)) > head_.ignore_threshold) return;
    const std::size_t i = at(slot, 4, row, column);
    const float probability = sigmoid(raw_[i]);
    const double gain = options_.kind == LossKind::kCiou ? options_.objectness_gain : 1;
    gradient_[i] = static_cast<float>(gain) * probability;
    parts_.no_object +=
        gain * (options_.kind == LossKind::kDarknet ? static_cast<double>(probability) * probability
                                                    : softplus_negative(-raw_[i]));
  }

  void positive(const Assignment& a) {
    const Prediction p = predicted(a.slot, a.row, a.column);
    ++parts_.positives;
    parts_.iou += iou_of(*a.truth, p.x, p.y, p.w, p.h);
    if (options_.kind == LossKind::kCiou) {
      box_ciou(a, p);
    } else {
      box_deltas(a);
    }
    objectness(a);
    classes(a);
  }

  // σ(x), σ(y) and raw w, h (or σ(w), σ(h), see graph::BoxCode) against their targets, each
  // weighted 2 − w·h so that small boxes count.
  void box_deltas(const Assignment& a) {
    const Truth& t = *a.truth;
    const float weight = 2 - t.width * t.height;
    const float s = head_.scale_x_y, shift = (s - 1) / 2;  // decoding scales σ about .5
    const std::array<float, 4> target{
        (t.x * static_cast<float>(width_) - static_cast<float>(a.column) + shift) / s,
        (t.y * static_cast<float>(height_) - static_cast<float>(a.row) + shift) / s,
        size_target(t.width * input_w_ / anchor(a.slot).width),
        size_target(t.height * input_h_ / anchor(a.slot).height)};
    for (int part = 0; part < 4; ++part) {
      const std::size_t i = at(a.slot, part, a.row, a.column);
      const float goal = target[part];
      const bool is_logistic = part < 2 || is_squared();
      const float value = is_logistic ? sigmoid(raw_[i]) : raw_[i];
      gradient_[i] = weight * (value - goal);
      if (options_.kind == LossKind::kDarknet) {
        parts_.box += static_cast<double>(gradient_[i]) * gradient_[i];
      } else {
        parts_.box += is_logistic ? weight * cross_entropy(raw_[i], goal)
                                  : weight * .5 * (value - goal) * (value - goal);
      }
    }
  }

  void box_ciou(const Assignment& a, const Prediction& p) {
    const Truth& t = *a.truth;
    const BoxGradient d = ciou_gradient({p.x, p.y, p.w, p.h}, {t.x, t.y, t.width, t.height});
    const double gain = options_.box_gain * (2 - t.width * t.height);
    parts_.box += gain * (1 - d.value);
    const float s = head_.scale_x_y;
    const std::array<float, 4> size{static_cast<float>(width_), static_cast<float>(height_), 0, 0};
    for (int part = 0; part < 4; ++part) {
      const std::size_t i = at(a.slot, part, a.row, a.column);
      double slope;  // d box part / d raw
      if (part < 2) {
        const float q = sigmoid(raw_[i]);
        slope = s * q * (1 - q) / size[part];
      } else {
        slope = slope_of_size(raw_[i], part == 2 ? p.w : p.h);
      }
      gradient_[i] -= static_cast<float>(gain * d.slope[part] * slope);
    }
  }

  void objectness(const Assignment& a) {
    const std::size_t i = at(a.slot, 4, a.row, a.column);
    const float probability = sigmoid(raw_[i]);
    const double gain = options_.kind == LossKind::kCiou ? options_.objectness_gain : 1;
    gradient_[i] = static_cast<float>(gain) * (probability - 1);
    const double miss = 1 - static_cast<double>(probability);
    parts_.objectness +=
        gain * (options_.kind == LossKind::kDarknet ? miss * miss : softplus_negative(raw_[i]));
  }

  void classes(const Assignment& a) {
    const double gain = options_.kind == LossKind::kCiou ? options_.class_gain : 1;
    const float smooth = options_.kind == LossKind::kCiou && head_.classes > 1
                             ? options_.label_smoothing / static_cast<float>(head_.classes)
                             : 0;
    const float on = 1 - smooth * static_cast<float>(head_.classes - 1), off = smooth;
    for (int c = 0; c < head_.classes; ++c) {
      const std::size_t i = at(a.slot, 5 + c, a.row, a.column);
      const bool here = std::find(a.classes.begin(), a.classes.end(), c) != a.classes.end();
      const float target = here ? on : off, delta = sigmoid(raw_[i]) - target;
      gradient_[i] = static_cast<float>(gain) * delta;
      parts_.classes += options_.kind == LossKind::kDarknet ? static_cast<double>(delta) * delta
                                                            : gain * cross_entropy(raw_[i], target);
    }
  }

  const graph::Yolo& head_;
  const LossOptions& options_;
  int width_, height_;
  std::size_t plane_;
  float input_w_, input_h_;
  std::span<const float> raw_;
  std::span<const Truth> truths_;
  std::span<float> gradient_;
  std::vector<Assignment> assignments_;
  std::vector<int> answers_;  // index in assignments_ of each (slot, row, column), or kNobody
  YoloLoss parts_;
};

}  // namespace

YoloLoss yolo_loss(const graph::Yolo& head, graph::Shape shape, image::Size input,
                   std::span<const float> raw, std::span<const dataset::Truth> truths,
                   const LossOptions& options, std::span<float> gradient) {
  return HeadLoss(head, shape, input, raw, truths, options, gradient).run();
}

}  // namespace oko::train
