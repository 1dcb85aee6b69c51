#pragma once

#include <memory>

#include "oko/detect/detector.h"
#include "oko/graph/network.h"

namespace oko::train {

struct EngineOptions {
  int threads = 0;              // 0: all cores
  std::string device = "auto";  // "cpu", "cuda", "cuda:1", or "auto": CUDA if LibTorch has it
};

// Whether device "auto" is a GPU on this machine.
bool has_cuda();

// LibTorch as the engine of `oko detect` and `oko eval`, with batch norm folded into convolutions.
// Throws an input Error if the network has no weights.
std::unique_ptr<detect::Engine> make_torch_engine(const graph::Network& network,
                                                  const EngineOptions& options = {});

}  // namespace oko::train
