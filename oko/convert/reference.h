#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "oko/convert/executor.h"
#include "oko/graph/network.h"

namespace oko::convert {

// Computes a network layer by layer, by definition, in naive loops: slow, but it shares nothing
// with the engine, keeps every layer output, and also runs networks without heads. `input` is one
// image, planar; `observe` gets each layer's index and output, except heads. The network needs
// weights and shapes.
using MapObserver = std::function<void(int layer, std::span<const float> map)>;
void run_reference(const graph::Network& network, std::span<const float> input,
                   const MapObserver& observe);

// The same as an executor. Its name is "reference implementation".
std::unique_ptr<Executor> make_reference_executor(graph::Network network);

// oko's own engine in float32 as an executor; the reference if the network has no heads, which the
// engine needs.
std::unique_ptr<Executor> make_engine_executor(const graph::Network& network);

}  // namespace oko::convert
