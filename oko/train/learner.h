#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "oko/dataset/loader.h"
#include "oko/graph/network.h"
#include "oko/graph/tensor.h"
#include "oko/train/loss.h"
#include "oko/train/recipe.h"
#include "oko/train/workers.h"

namespace oko::train {

// What a run trains: the network's values with their optimizer and moving average. The only part of
// a run that needs LibTorch, behind an interface so that the others can be tested without.
class Learner {
 public:
  virtual ~Learner() = default;

  // An update: begin_update(), accumulate() for one batch or more, clip_gradient(), update().
  virtual void begin_update() = 0;
  // Adds the batch's gradient, times `factor`. `step` seeds dropout. Returns the loss, summed over
  // the images. Of several workers each has its part of the batch, and all have the sums: of the
  // loss, and after the `last` batch of an update of the gradient.
  virtual LossSums accumulate(const dataset::Batch& batch, std::int64_t step, double factor,
                              bool last) = 0;
  // Returns the gradient's norm before clipping.
  virtual double clip_gradient() = 0;
  // fp16: whether the norm may be infinite; update() then only moves the average.
  virtual bool may_overflow() const = 0;
  virtual void update(double rate) = 0;
  // Drops an update that was begun: the state is again that after the last update().
  virtual void undo_update() = 0;
  // The weight decay term of the loss: ½·decay·|kernels|².
  virtual double l2_loss() const = 0;

  virtual void freeze(const std::vector<bool>& layers) = 0;
  // Begins the next stage: a new optimizer, and the average from the current values.
  virtual void restart() = 0;

  virtual graph::Weights weights() const = 0;
  virtual graph::Weights averaged_weights() const = 0;  // the current ones if nothing is averaged
  virtual std::int64_t value_count() const = 0;
  // Optimizer and average, for a checkpoint. load() and restore() throw an input Error at `place`
  // if what they get does not belong to this network.
  virtual graph::Weights state() const = 0;
  virtual void load(const graph::Weights& weights, const std::string& place) = 0;
  virtual void restore(const graph::Weights& state, const std::string& place) = 0;

  // Runs steps on synthetic images, `batch` on each worker; returns the seconds per image of one.
  // Changes nothing.
  virtual double measure(int batch) = 0;
  virtual bool half_precision() const = 0;
  virtual std::string description() const = 0;  // "cpu, 2 threads, bf16"
};

// With LibTorch, as the recipe says. Throws a usage Error for a device or precision that this
// machine does not have. `workers`, null if there is only one, must outlive it.
std::unique_ptr<Learner> make_learner(const graph::Network& network, const Recipe& recipe,
                                      Workers* workers = nullptr);

std::string libtorch_version();

}  // namespace oko::train
