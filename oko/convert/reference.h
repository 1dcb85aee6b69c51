#pragma once

#include <memory>

#include "oko/convert/executor.h"
#include "oko/graph/network.h"

namespace oko::convert {

// graph::Reference as an executor, in float: slow, but it shares nothing with the engine, exposes
// every layer's output, and also runs networks without heads. Its name is "reference
// implementation".
std::unique_ptr<Executor> make_reference_executor(graph::Network network);

// oko's own engine in float32 as an executor; the reference if the network has no heads, which the
// engine needs.
std::unique_ptr<Executor> make_engine_executor(const graph::Network& network);

}  // namespace oko::convert
