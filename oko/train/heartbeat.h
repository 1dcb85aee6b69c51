#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "oko/base/error.h"
#include "oko/train/key_store.h"
#include "oko/train/rendezvous.h"

namespace oko::train {

// Tells workers that one of them is silent (its machine hangs, or the network is cut), which a
// connection alone does not show, and why one stopped. Each counts its own beats in the key store;
// worker 0 watches all, the others watch worker 0. On a thread of its own, so that long work
// does not look like silence.
class Heartbeat {
 public:
  struct Times {
    std::chrono::milliseconds between{500}, silent{10'000};
  };

  // The store is not used by anything else.
  Heartbeat(std::unique_ptr<KeyStore> store, const Round& round, Times times);
  Heartbeat(std::unique_ptr<KeyStore> store, const Round& round)
      : Heartbeat(std::move(store), round, Times()) {}
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  // Why the round is over: kWorkerLost, or the error of the worker that failed.
  std::optional<Error> trouble() const;
  // The same, once there is some or this time is over.
  std::optional<Error> trouble_within(std::chrono::milliseconds time) const;
  // Worker 0: the workers of which nothing was heard for several beats.
  std::vector<int> quiet() const;
  // Tells the others why this worker stops; returns when they may know, within seconds.
  void post(const Error& error);

 private:
  struct State;
  std::shared_ptr<State> state_;  // the thread's too: it may hang with a dead connection
  std::thread thread_;
};

}  // namespace oko::train
