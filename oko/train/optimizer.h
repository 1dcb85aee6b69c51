#pragma once

#include <string>
#include <vector>

#include "oko/graph/tensor.h"
#include "oko/train/parameters.h"
#include "oko/train/recipe.h"

namespace oko::train {

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kAdamW;
  double momentum = .9;                             // SGD
  double beta1 = .9, beta2 = .999, epsilon = 1e-8;  // Adam, AdamW
  double weight_decay = 5e-4;  // kernels only; Adam adds it to the gradient, AdamW to the step
};

OptimizerOptions optimizer_options(const Recipe& recipe);

// Updates the parameters of unfrozen layers, in place, from Parameters::gradient().
class Optimizer {
 public:
  Optimizer(Parameters& parameters, OptimizerOptions options);

  // Sets which layers are frozen (false by index). Moments are kept.
  void set_frozen(const std::vector<bool>& layers);
  // One update with this learning rate; the gradient must be the batch mean.
  void step(double rate);
  // Scales the gradient down if its Euclidean norm (over unfrozen layers) is larger than `limit`;
  // 0: no limit. Returns the norm before clipping.
  double clip_gradient(double limit);

  // State for a checkpoint, and back. restore() throws an input Error if it does not fit.
  graph::Weights state() const;
  void restore(const graph::Weights& state, const std::string& place);

 private:
  // A range of neighbouring parameters with the same treatment.
  struct Segment {
    std::int64_t offset, count;
    double decay;
  };
  void step(const Segment& segment, double rate);
  void step_sgd(const Segment& segment, double rate);
  void step_adam(const Segment& segment, double rate);

  Parameters& parameters_;
  OptimizerOptions options_;
  std::vector<Segment> segments_;
  at::Tensor first_, second_;  // momentum; Adam's first and second moment
  std::int64_t steps_ = 0;
};

// Moving average of all parameters and statistics; this is what gets evaluated and shipped. The
// decay grows from 0 to `decay` over the first few thousand updates, so that the initial values are
// forgotten: decay·(1 − exp(−updates / ramp)).
class Ema {
 public:
  Ema(const Parameters& parameters, double decay, double ramp);
  void update(const Parameters& parameters);
  void restart(const Parameters& parameters);  // from the current values
  const at::Tensor& flat() const { return flat_; }
  graph::Weights state() const;
  void restore(const graph::Weights& state, const std::string& place);

 private:
  double decay_, ramp_;
  at::Tensor flat_;
  std::int64_t updates_ = 0;
};

}  // namespace oko::train
