#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oko/base/clock.h"
#include "oko/train/key_store.h"
#include "oko/train/launch.h"

namespace oko::train {

// Workers that begin together. Every start of worker 0 makes another round with a key store of its
// own, so nothing of an earlier one can take part.
struct Round {
  std::string id;
  int rank = 0, size = 1;  // in the round
  std::vector<int> ranks;  // of its workers, as their launcher numbers them
};

// How workers wait for each other.
struct Waiting {
  Clock::time_point until;
  std::function<bool()> stop;
};

// Sleeps for a moment. Throws kInterrupted if asked to stop.
void wait_a_moment(const Waiting& waiting);

// Worker 0: waits until all have registered, or time is over, then begins the round. Throws
// kWorkerLost if there are fewer than `launch.least`.
Round open_round(KeyStore& store, const Launch& launch, const Waiting& waiting);

// Another worker: registers and waits for the beginning. Nothing if the round does not include it
// or worker 0 has gone: another one may follow.
std::optional<Round> enter_round(KeyStore& store, const Launch& launch, const Waiting& waiting);

// "worker 1", "workers 1 and 3", "workers 1, 2 and 5".
std::string names_of(const std::vector<int>& ranks);

}  // namespace oko::train
