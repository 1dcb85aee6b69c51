// In place of workers_c10d.cpp where LibTorch has no c10d, or Gloo's headers are missing.
#include "oko/train/workers.h"

namespace oko::train {

std::unique_ptr<Workers> join_workers(const Launch&, const JoinOptions&) {
  throw Error(ErrorCode::kUsage, "WORLD_SIZE",
              "this oko was built without Gloo, and trains with one worker only",
              "install libgloo-dev and build it again, or unset WORLD_SIZE");
}

}  // namespace oko::train
