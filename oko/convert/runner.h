#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "oko/convert/executor.h"
#include "oko/convert/model_files.h"
#include "oko/graph/network.h"

namespace oko::convert {

// A model and what runs it.
struct Runner {
  graph::Network network;
  std::unique_ptr<Executor> executor;
  std::string note;                // why no independent program runs it; empty if one does
  std::vector<std::string> notes;  // how it was read
};

// Two models to compare, each run by an independent program if this machine has one that takes it,
// otherwise by oko's engine. If only one of the files says what its heads are, they are the other's
// too; heads that were recognized are left out where the other has none. Throws what read_model()
// throws, and an input Error for a file without weights.
std::pair<Runner, Runner> runners_of(const ModelFiles& first, const ModelFiles& second,
                                     const formats::ReadOptions& options = {});

}  // namespace oko::convert
