#include "oko/train/distances_head.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "oko/image/geometry.h"
#include "oko/train/distances_assign.h"
#include "oko/train/giou.h"

namespace oko::train {
namespace {

const std::array<LossPart, 3> kParts{{{"class", "class"}, {"box", "box"}, {"sides", "sides"}}};

// Weights of the published recipe.
constexpr double kBoxWeight = 2, kSidesWeight = .25;
constexpr float kRareObject = -4.595F;  // σ is 1 %
constexpr float kNearLast = .1F;        // targets end this far before the last bin

// d BCE(l, y)·(y − σ)² / dl and the loss itself, with σ = σ(l).
struct Focal {
  double loss, slope;
};
Focal quality_focal(double logit, double target) {
  const double score = 1 / (1 + std::exp(-logit)), error = target - score;
  const double entropy = cross_entropy(logit, target);
  return {entropy * error * error,
          (score - target) * error * error - 2 * entropy * error * score * (1 - score)};
}

class ImageLoss {
 public:
  ImageLoss(std::span<HeadTensor> tensors, image::Size input,
            std::span<const dataset::Truth> truths)
      : tensors_(tensors), priors_(tensors, input), truths_(truths) {}

  void run() {
    const std::vector<Assigned> assigned = assign(priors_, truths_);
    LossSums sums(kParts);
    double weights = 0;
    int positives = 0;
    std::size_t prior = 0;
    for (HeadTensor& tensor : tensors_) {
      const int cells = tensor.shape.height * tensor.shape.width;
      for (int cell = 0; cell < cells; ++cell, ++prior) {
        const Assigned& a = assigned[prior];
        sums.values[0] += classes(tensor, cell, a);
        if (a.object < 0) {
          clear_sides(tensor, cell);
          continue;
        }
        ++positives;
        weights += sides(tensor, prior, cell, a, sums);
      }
    }
    for (HeadTensor& tensor : tensors_) tensor.loss = LossSums(kParts);
    tensors_[0].loss = sums;
    tensors_[0].counts = {static_cast<double>(positives), weights};
  }

 private:
  double classes(HeadTensor& tensor, int cell, const Assigned& a) const {
    const auto& head = std::get<graph::Distances>(tensor.head);
    const int cells = tensor.shape.height * tensor.shape.width;
    const int wanted = a.object < 0 ? -1 : truths_[a.object].class_id;
    double sum = 0;
    for (int c = 0; c < head.classes; ++c) {
      const std::ptrdiff_t at = std::ptrdiff_t{c} * cells + cell;
      const Focal focal = quality_focal(tensor.raw[at], c == wanted ? a.iou : 0);
      tensor.gradient[at] = static_cast<float>(focal.slope);
      sum += focal.loss;
    }
    return sum;
  }

  static void clear_sides(HeadTensor& tensor, int cell) {
    const auto& head = std::get<graph::Distances>(tensor.head);
    const int cells = tensor.shape.height * tensor.shape.width;
    for (int k = head.classes; k < head.channels(); ++k) {
      tensor.gradient[std::ptrdiff_t{k} * cells + cell] = 0;
    }
  }

  // Returns the weight of the prior: its best score.
  double sides(HeadTensor& tensor, std::size_t prior, int cell, const Assigned& a,
               LossSums& sums) const {
    const auto& head = std::get<graph::Distances>(tensor.head);
    const Prior place = priors_.at(prior);
    const image::Box truth = priors_.box_of(truths_[a.object]);
    const std::array<std::vector<double>, 4> shares = priors_.shares(prior);
    const double weight = priors_.best_score(prior);
    const SidesGradient giou = giou_gradient(priors_.box(place, shares), truth);
    sums.values[1] += weight * kBoxWeight * (1 - giou.value);
    const std::array<double, 4> targets{
        (place.x - truth.left) / place.stride, (place.y - truth.top) / place.stride,
        (truth.right - place.x) / place.stride, (truth.bottom - place.y) / place.stride};
    const int cells = tensor.shape.height * tensor.shape.width;
    for (int side = 0; side < 4; ++side) {
      // A side to the left or top moves against its distance.
      const double by_distance = (side < 2 ? -1 : 1) * place.stride * giou.slope[side];
      const std::span<float> gradient = tensor.gradient;
      const std::ptrdiff_t first = (std::ptrdiff_t{head.classes} + side * head.bins) * cells + cell;
      if (head.bins == 1) {
        gradient[first] = static_cast<float>(-weight * kBoxWeight * by_distance);
        continue;
      }
      const std::vector<double>& p = shares[side];
      double mean = 0;
      for (int k = 0; k < head.bins; ++k) mean += k * p[k];
      const double last = head.bins - 1 - kNearLast;
      const double target = std::clamp(targets[side], 0., last);
      const int low = static_cast<int>(target);
      const double high_part = target - low, low_part = 1 - high_part;
      constexpr double kLeast = 1e-12;
      sums.values[2] -= weight * kSidesWeight / 4 *
                        (low_part * std::log(std::max(p[low], kLeast)) +
                         high_part * std::log(std::max(p[low + 1], kLeast)));
      for (int k = 0; k < head.bins; ++k) {
        const double wanted = k == low ? low_part : k == low + 1 ? high_part : 0;
        const double slope =
            -kBoxWeight * by_distance * p[k] * (k - mean) + kSidesWeight / 4 * (p[k] - wanted);
        gradient[first + std::ptrdiff_t{k} * cells] = static_cast<float>(weight * slope);
      }
    }
    return weight;
  }

  std::span<HeadTensor> tensors_;
  const Priors priors_;
  std::span<const dataset::Truth> truths_;
};

class DistancesHead final : public HeadKind {
 public:
  std::span<const LossPart> loss_parts() const override { return kParts; }

  void compute_loss(std::span<HeadTensor> tensors, image::Size input,
                    std::span<const dataset::Truth> truths, const LossOptions&) const override {
    ImageLoss(tensors, input, truths).run();
  }

  // Classes are weighed by the number of positives of the batch, boxes by their scores. Sums are
  // later divided by the number of images.
  void weigh(std::span<std::vector<HeadTensor>> images) const override {
    double positives = 0, weights = 0;
    for (const auto& image : images) {
      positives += image[0].counts[0];
      weights += image[0].counts[1];
    }
    const auto count = static_cast<double>(images.size());
    const double classes = count / std::max(positives, 1.);
    const double sides = weights > 0 ? count / weights : 0;
    for (auto& image : images) {
      auto& values = image[0].loss.values;
      values = {values[0] * classes, values[1] * sides, values[2] * sides};
      for (HeadTensor& tensor : image) {
        const auto split =
            static_cast<std::size_t>(std::int64_t{std::get<graph::Distances>(tensor.head).classes} *
                                     tensor.shape.height * tensor.shape.width);
        for (float& g : tensor.gradient.first(split)) g *= static_cast<float>(classes);
        for (float& g : tensor.gradient.subspan(split)) g *= static_cast<float>(sides);
      }
    }
  }

  void initialize_biases(const graph::Operation& head, std::span<float> biases) const override {
    const auto classes = static_cast<std::size_t>(std::get<graph::Distances>(head).classes);
    std::ranges::fill(biases.first(classes), kRareObject);
  }

  std::vector<int> channels_from(const graph::Operation& head, std::span<const std::string> classes,
                                 const graph::Operation& old,
                                 std::span<const std::string> old_classes) const override {
    const auto& to = std::get<graph::Distances>(head);
    const auto* from = std::get_if<graph::Distances>(&old);
    if (from == nullptr || from->bins != to.bins || from->prior != to.prior) return {};
    std::vector<int> channels;
    for (int c = 0; c < to.classes; ++c) {
      int found = -1;
      if (static_cast<std::size_t>(c) < classes.size()) {
        const auto same = std::ranges::find(old_classes, classes[c]) - old_classes.begin();
        if (same < std::min<std::ptrdiff_t>(std::ssize(old_classes), from->classes)) {
          found = static_cast<int>(same);
        }
      }
      channels.push_back(found);
    }
    for (int k = 0; k < 4 * to.bins; ++k) channels.push_back(from->classes + k);
    return channels;
  }
};

}  // namespace

const HeadKind& distances_head() {
  static const DistancesHead kind;
  return kind;
}

}  // namespace oko::train
