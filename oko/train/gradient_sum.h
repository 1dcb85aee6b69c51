#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "oko/train/parameters.h"
#include "oko/train/workers.h"

namespace oko::train {

// Sums Parameters::gradient() over all workers while the backward pass still computes the rest of
// it. The gradient is divided into buckets, ranges of neighbouring parameters; each is summed in
// place, as soon as its last gradient is there. The backward pass goes from the last layer to the
// first, so the buckets do as well; all workers sum them in that order.
class GradientSum {
 public:
  // Both must outlive it.
  GradientSum(Parameters& parameters, Workers& workers);
  ~GradientSum();
  GradientSum(const GradientSum&) = delete;
  GradientSum& operator=(const GradientSum&) = delete;

  // The gradients of these layers are not summed; all are, at first. Call it after
  // Module::freeze().
  void set_frozen(const std::vector<bool>& layers);

  // Before the backward pass that completes the gradient.
  void begin();
  // After it: returns when the gradient is the sum.
  void finish();

  std::int64_t bytes() const;  // summed for one update
  std::size_t bucket_count() const { return buckets_.size(); }

 private:
  struct Bucket {
    std::int64_t offset = 0, count = 0;  // in the gradient
    std::size_t parameters = 0;
    std::size_t missing = 0;  // gradients, in this backward pass
  };
  struct Hook;
  void watch(std::size_t parameter);
  void is_there(std::size_t parameter);
  void begin_next();

  Parameters& parameters_;
  Workers& workers_;
  std::vector<Bucket> buckets_;
  std::vector<std::size_t> bucket_of_;                                // of each parameter
  std::vector<std::shared_ptr<torch::autograd::Node>> accumulators_;  // keep their hooks
  std::shared_ptr<GradientSum*> self_;  // of the hooks, which may outlive it: then null
  std::size_t next_ = 0;                // bucket to sum
  bool active_ = false;
};

}  // namespace oko::train
