#pragma once

#include <string>

#include "oko/dataset/loader.h"
#include "oko/train/head.h"
#include "oko/train/module.h"
#include "oko/train/recipe.h"

namespace oko::train {

// Forward pass, loss and backward pass of one batch with the recipe's device and precision.
class TrainingStep {
 public:
  TrainingStep(const graph::Network& network, const Recipe& recipe);

  Module& module() { return module_; }
  const Module& module() const { return module_; }

  // Adds the batch's gradient, times `factor`, to Parameters::gradient(). `step` seeds dropout.
  // Returns the loss, summed over the images.
  LossSums accumulate(const dataset::Batch& batch, std::int64_t step, double factor);

  // The weight decay term of the loss: ½·decay·|kernels|².
  double l2_loss(double weight_decay) const;

  // fp16 only: unscales the gradient. False if the step must be skipped because it overflowed; the
  // scale is then halved.
  bool unscale_gradient();
  bool may_overflow() const { return module_.compute_type == at::kHalf; }

  // Runs steps on synthetic images; returns the seconds per image. Changes nothing.
  double measure(int batch);

  bool half_precision() const { return module_.compute_type != at::kFloat; }
  std::string description() const;  // "cpu, 2 threads, bf16"
  static std::string library_version();

 private:
  at::Device device_;
  Module module_;
  const HeadKind& heads_;
  LossOptions loss_;
  double scale_ = 1;
  int good_steps_ = 0;
};

}  // namespace oko::train
