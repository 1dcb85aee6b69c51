#pragma once

#include <cstdint>
#include <string>

#include "oko/graph/network.h"

namespace oko::train {

// What a training step will need, told before the first one.
struct MemoryEstimate {
  std::int64_t parameters = 0;   // bytes: values, gradient, optimizer moments, EMA
  std::int64_t activations = 0;  // bytes: maps kept for the backward pass, of the whole batch
  std::int64_t pictures = 0;     // bytes: decoded pictures and prepared batches
  std::int64_t total() const { return parameters + activations + pictures; }
};

struct EstimateOptions {
  int batch = 16;
  bool half_precision = false;  // maps in 16 bits
  int moments = 2;              // optimizer tensors a parameter: SGD 1, Adam 2
  std::int64_t cache_bytes = 0;
  int batches_ahead = 4;
};

MemoryEstimate estimate_memory(const graph::Network& network, const EstimateOptions& options);

// Bytes this machine or cgroup still has; 0 where that cannot be told.
std::int64_t available_memory();
// The largest resident size this process has had so far, in bytes; 0 where that cannot be told.
std::int64_t peak_resident_memory();

std::string human_bytes(std::int64_t bytes);  // "1.4 GB"
std::string human_seconds(double seconds);    // "2 h 05 min", "3 min 10 s", "4.2 s"

}  // namespace oko::train
