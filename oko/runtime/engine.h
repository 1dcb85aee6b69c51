#pragma once

#include <memory>

#include "oko/detect/detector.h"
#include "oko/graph/network.h"
#include "oko/runtime/model.h"
#include "oko/runtime/priority.h"
#include "oko/runtime/team.h"

namespace oko::runtime {

struct EngineOptions {
  int threads = 0;                       // 0: all processors
  std::optional<Precision> precision{};  // as ModelOptions has it
  SimdTarget target = best_simd_target();
};

// The phone engine behind detect::Detector. Throws an input Error for a network that it cannot run.
std::unique_ptr<detect::Engine> make_engine(const graph::Network& network,
                                            const EngineOptions& options = {});
// The same of a model that several engines share. `threads` is at least 1; `priority` is that of
// the engine's own.
std::unique_ptr<detect::Engine> make_engine(std::shared_ptr<const Model> model, int threads,
                                            Priority priority = Priority::kInherit);
// The same with threads that other engines have too. Only one of them may run at a time.
std::unique_ptr<detect::Engine> make_engine(std::shared_ptr<const Model> model,
                                            std::shared_ptr<Team> team);

}  // namespace oko::runtime
