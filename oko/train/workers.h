#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "oko/base/error.h"
#include "oko/train/launch.h"

namespace at {
class Tensor;
}

namespace oko::train {

// The processes that train a run together, as one of them sees them. Worker 0 leads: it decides
// what is trained and writes the run folder. All call the same functions in the same order; results
// of sums are the same on all of them to the last bit. Every function throws kWorkerLost within
// seconds if another worker is gone or silent, or the Error with which it failed; after that only
// failed() may be called. One thread at a time.
class Workers {
 public:
  struct Traffic {
    double waited_seconds = 0;      // for sums that were not done when they were needed
    std::int64_t bytes_summed = 0;  // of the tensors; not what a network carries
  };

  virtual ~Workers() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual int local_rank() const = 0;  // which of its machine's GPUs it uses; -1: not known
  bool leads() const { return rank() == 0; }

  // Replaces values by their sums over all workers.
  virtual void sum(std::span<double> values) = 0;
  virtual void sum(const at::Tensor& values) = 0;
  // The same in the background: the tensor, which is contiguous, is not to be touched before
  // finish_sums() returns.
  virtual void begin_sum(const at::Tensor& values) = 0;
  virtual void finish_sums() = 0;
  // The text of worker 0, on all.
  virtual std::string from_leader(std::string text) = 0;
  // The texts of all, by rank, on all.
  virtual std::vector<std::string> gather(const std::string& text) = 0;

  // Whether it is so for any of them.
  bool any(bool here) {
    double count = here ? 1 : 0;
    sum({&count, 1});
    return count > 0;
  }

  // Tells the others why this one stops, as far as they can still be reached.
  virtual void failed(const Error& error) noexcept = 0;

  virtual const Traffic& traffic() const = 0;
};

struct JoinOptions {
  int seconds = 0;  // to wait for the others; 0: 300, or 30 on a restart
  std::function<bool()> stop = [] { return false; };  // asked while waiting
};

// Meets the other workers; worker 0 hosts the meeting. Begins as soon as all have come, or when the
// time is over with those that have, numbered anew in the order of their ranks. Null if that is
// worker 0 alone. Throws kWorkerLost if too few have come or the others began without this one,
// kInterrupted if asked to stop.
std::unique_ptr<Workers> join_workers(const Launch& launch, const JoinOptions& options);

}  // namespace oko::train
