#pragma once

#include <array>
#include <span>
#include <vector>

#include "oko/dataset/augment.h"
#include "oko/image/geometry.h"
#include "oko/train/head.h"

namespace oko::train {

// A cell of a head of graph::Distances: its point and stride in pixels of the input.
struct Prior {
  double x = 0, y = 0, stride = 1;
  std::size_t tensor = 0;
  int cell = 0;
};

// All cells of all heads of one image, in the order of the heads, rows and columns, and what the
// network predicts in them.
class Priors {
 public:
  Priors(std::span<const HeadTensor> tensors, image::Size input);

  std::size_t size() const { return all_.size(); }
  const Prior& at(std::size_t prior) const { return all_[prior]; }
  image::Box box_of(const dataset::Truth& truth) const;  // in pixels

  float logit(std::size_t prior, int class_id) const;
  double best_score(std::size_t prior) const;  // over the classes
  // Of each side, the softmax over its bins; one bin: the value itself.
  std::array<std::vector<double>, 4> shares(std::size_t prior) const;
  image::Box box(const Prior& prior, const std::array<std::vector<double>, 4>& shares) const;
  int classes() const { return classes_; }

 private:
  std::span<const HeadTensor> tensors_;
  image::Size input_;
  int classes_ = 0;
  std::vector<Prior> all_;
};

// The object that a prior is to find, or none.
struct Assigned {
  int object = -1;
  double iou = 0;  // of the box that it predicts now
};

// Objects take the cheapest of the priors inside them (the nearest one, if there is none), as many
// as their best overlaps add up to; a prior that several want stays with the one it costs least.
// Cost: quality focal loss of the classes at the overlap, and three times −log of the overlap.
std::vector<Assigned> assign(const Priors& priors, std::span<const dataset::Truth> truths);

// Cross entropy of σ(logit) with a target.
double cross_entropy(double logit, double target);

}  // namespace oko::train
