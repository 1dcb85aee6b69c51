#pragma once

#include <optional>
#include <string>

#include "oko/dataset/loader.h"
#include "oko/train/gradient_sum.h"
#include "oko/train/head.h"
#include "oko/train/module.h"
#include "oko/train/recipe.h"
#include "oko/train/workers.h"

namespace oko::train {

// Forward pass, loss and backward pass of one batch with the recipe's device and precision.
class TrainingStep {
 public:
  // `workers`, null if there is only one, must outlive it.
  TrainingStep(const graph::Network& network, const Recipe& recipe, Workers* workers = nullptr);

  Module& module() { return module_; }
  const Module& module() const { return module_; }

  void freeze(const std::vector<bool>& layers);

  // Clears the gradient.
  void begin_update();
  // Adds the batch's gradient, times `factor`, to Parameters::gradient(). `step` seeds dropout.
  // Returns the loss, summed over the images. Of several workers each has its part of the batch:
  // the loss is that of all parts, the gradient as well after the `last` batch of an update.
  LossSums accumulate(const dataset::Batch& batch, std::int64_t step, double factor, bool last);
  // Drops an update that was begun but not finished.
  void undo_update();

  // The weight decay term of the loss: ½·decay·|kernels|².
  double l2_loss(double weight_decay) const;

  // fp16 only: unscales the gradient. False if the step must be skipped because it overflowed; the
  // scale is then halved.
  bool unscale_gradient();
  bool may_overflow() const { return module_.compute_type == at::kHalf; }

  // Runs steps on synthetic images, `batch` on each worker; returns the seconds per image of one.
  // Changes nothing.
  double measure(int batch);

  bool half_precision() const { return module_.compute_type != at::kFloat; }
  std::string description() const;  // "cpu, 2 threads, bf16"
  static std::string library_version();

 private:
  at::Tensor statistics() const;  // of batch norm: a view of the buffer
  LossSums compute_loss(const dataset::Batch& batch, const std::vector<at::Tensor>& raws,
                        std::vector<at::Tensor>& gradients) const;
  void backward(const std::vector<at::Tensor>& outputs, const std::vector<at::Tensor>& gradients,
                bool last);

  at::Device device_;
  Module module_;
  const HeadKind& heads_;
  LossOptions loss_;
  Workers* workers_;
  std::optional<GradientSum> sum_;  // of several workers
  at::Tensor statistics_before_;    // the update
  double scale_ = 1;
  int good_steps_ = 0;
};

}  // namespace oko::train
