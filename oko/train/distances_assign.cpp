#include "oko/train/distances_assign.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace oko::train {
namespace {

constexpr double kOverlapWeight = 3;
constexpr std::size_t kMostOverlaps = 13;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// A prior inside an object.
struct Candidate {
  std::size_t prior = 0;
  double iou = 0, cost = 0;
};

bool is_inside(const Prior& prior, const image::Box& box) {
  return prior.x > box.left && prior.x < box.right && prior.y > box.top && prior.y < box.bottom;
}

class Assigner {
 public:
  Assigner(const Priors& priors, std::span<const dataset::Truth> truths)
      : priors_(priors), truths_(truths), background_(priors.size(), -1) {}

  std::vector<Assigned> run() {
    std::vector<Assigned> assigned(priors_.size());
    std::vector<double> costs(priors_.size(), std::numeric_limits<double>::infinity());
    for (std::size_t object = 0; object < truths_.size(); ++object) {
      std::vector<Candidate> candidates = candidates_of(object);
      const std::size_t count = wanted(candidates);
      std::ranges::partial_sort(candidates, candidates.begin() + static_cast<std::ptrdiff_t>(count),
                                {}, &Candidate::cost);
      for (std::size_t i = 0; i < count; ++i) {
        const Candidate& c = candidates[i];
        if (!(c.cost < costs[c.prior])) continue;
        costs[c.prior] = c.cost;
        assigned[c.prior] = {static_cast<int>(object), c.iou};
      }
    }
    return assigned;
  }

 private:
  std::vector<Candidate> candidates_of(std::size_t object) {
    const image::Box box = priors_.box_of(truths_[object]);
    std::vector<Candidate> found;
    std::size_t nearest = 0;
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < priors_.size(); ++i) {
      const Prior& prior = priors_.at(i);
      if (is_inside(prior, box)) {
        found.push_back(priced(i, object, box));
        continue;
      }
      const double far =
          std::hypot(prior.x - (box.left + box.right) / 2, prior.y - (box.top + box.bottom) / 2);
      if (far < least) {
        least = far;
        nearest = i;
      }
    }
    if (found.empty()) found.push_back(priced(nearest, object, box));
    return found;
  }

  Candidate priced(std::size_t prior, std::size_t object, const image::Box& box) {
    const image::Box predicted = priors_.box(priors_.at(prior), priors_.shares(prior));
    const double iou = image::iou(predicted, box);
    const double logit = priors_.logit(prior, truths_[object].class_id);
    const double score = sigmoid(logit), error = iou - score;
    const double classes = background(prior) - cross_entropy(logit, 0) * score * score +
                           cross_entropy(logit, iou) * error * error;
    return {prior, iou, classes - kOverlapWeight * std::log(iou + 1e-7)};
  }

  // What the prior's scores cost if it shows nothing.
  double background(std::size_t prior) {
    double& sum = background_[prior];
    if (sum >= 0) return sum;
    sum = 0;
    for (int c = 0; c < priors_.classes(); ++c) {
      const double logit = priors_.logit(prior, c), score = sigmoid(logit);
      sum += cross_entropy(logit, 0) * score * score;
    }
    return sum;
  }

  static std::size_t wanted(std::vector<Candidate>& candidates) {
    const std::size_t count = std::min(kMostOverlaps, candidates.size());
    std::ranges::partial_sort(candidates, candidates.begin() + static_cast<std::ptrdiff_t>(count),
                              std::ranges::greater{}, &Candidate::iou);
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += candidates[i].iou;
    return std::min(candidates.size(), static_cast<std::size_t>(std::max(1., std::floor(sum))));
  }

  const Priors& priors_;
  std::span<const dataset::Truth> truths_;
  std::vector<double> background_;  // −1: not computed
};

}  // namespace

double cross_entropy(double logit, double target) {
  return std::max(logit, 0.) - logit * target + std::log1p(std::exp(-std::abs(logit)));
}

Priors::Priors(std::span<const HeadTensor> tensors, image::Size input)
    : tensors_(tensors), input_(input) {
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    const auto& head = std::get<graph::Distances>(tensors[t].head);
    classes_ = head.classes;
    for (int cell = 0; cell < tensors[t].shape.height * tensors[t].shape.width; ++cell) {
      const int row = cell / tensors[t].shape.width, column = cell % tensors[t].shape.width;
      const auto stride = static_cast<double>(head.stride);
      all_.push_back(
          {(column + head.prior) * stride, (row + head.prior) * stride, stride, t, cell});
    }
  }
}

image::Box Priors::box_of(const dataset::Truth& t) const {
  const auto w = static_cast<float>(input_.width), h = static_cast<float>(input_.height);
  return {(t.x - t.width / 2) * w, (t.y - t.height / 2) * h, (t.x + t.width / 2) * w,
          (t.y + t.height / 2) * h};
}

float Priors::logit(std::size_t prior, int class_id) const {
  const HeadTensor& tensor = tensors_[all_[prior].tensor];
  return tensor
      .raw[std::ptrdiff_t{class_id} * tensor.shape.height * tensor.shape.width + all_[prior].cell];
}

double Priors::best_score(std::size_t prior) const {
  float best = logit(prior, 0);
  for (int c = 1; c < classes_; ++c) best = std::max(best, logit(prior, c));
  return sigmoid(best);
}

std::array<std::vector<double>, 4> Priors::shares(std::size_t prior) const {
  const HeadTensor& tensor = tensors_[all_[prior].tensor];
  const int bins = std::get<graph::Distances>(tensor.head).bins;
  std::array<std::vector<double>, 4> all;
  for (int side = 0; side < 4; ++side) {
    std::vector<double>& values = all[side];
    for (int k = 0; k < bins; ++k) values.push_back(logit(prior, classes_ + side * bins + k));
    if (bins == 1) continue;
    const double most = *std::ranges::max_element(values);
    double sum = 0;
    for (double& value : values) sum += value = std::exp(value - most);
    for (double& value : values) value /= sum;
  }
  return all;
}

image::Box Priors::box(const Prior& prior, const std::array<std::vector<double>, 4>& shares) const {
  std::array<double, 4> far{};
  for (int side = 0; side < 4; ++side) {
    if (shares[side].size() == 1) far[side] = shares[side][0];
    for (std::size_t k = 1; k < shares[side].size(); ++k) {
      far[side] += static_cast<double>(k) * shares[side][k];
    }
    far[side] *= prior.stride;
  }
  return {static_cast<float>(prior.x - far[0]), static_cast<float>(prior.y - far[1]),
          static_cast<float>(prior.x + far[2]), static_cast<float>(prior.y + far[3])};
}

std::vector<Assigned> assign(const Priors& priors, std::span<const dataset::Truth> truths) {
  return Assigner(priors, truths).run();
}

}  // namespace oko::train
