#pragma once

#include <cstdint>
#include <string>

#include "oko/graph/network.h"

namespace oko::train {

// Memory that a training step will need, estimated before the first one.
struct MemoryEstimate {
  std::int64_t parameters = 0;   // bytes: values, gradient, optimizer moments, EMA
  std::int64_t activations = 0;  // bytes: tensors kept for the backward pass, for the whole batch
  std::int64_t pictures = 0;     // bytes: decoded images and prepared batches
  std::int64_t total() const { return parameters + activations + pictures; }
};

struct EstimateOptions {
  int batch = 16;
  bool half_precision = false;  // activations in 16 bits
  int moments = 2;              // optimizer tensors per parameter: SGD 1, Adam 2
  std::int64_t cache_bytes = 0;
  int batches_ahead = 4;
};

MemoryEstimate estimate_memory(const graph::Network& network, const EstimateOptions& options);

// Free bytes of this machine or cgroup; 0 if unknown.
std::int64_t available_memory();
// The peak resident size of this process so far, in bytes; 0 if unknown.
std::int64_t peak_resident_memory();

// Makes the C library keep freed memory instead of returning every large tensor to the system,
// whose page faults otherwise cost more than the arithmetic. Call once, before training.
void keep_freed_memory();

std::string human_bytes(std::int64_t bytes);  // "1.4 GB"
std::string human_seconds(double seconds);    // "2 h 05 min", "3 min 10 s", "4.2 s"

}  // namespace oko::train
