#pragma once

#include <functional>
#include <optional>
#include <string>

namespace oko::train {

// What a launcher tells one of several workers by its environment.
struct Launch {
  int rank = 0, size = 1;  // RANK, WORLD_SIZE
  int local_rank = -1;     // LOCAL_RANK, which of the machine's GPUs to use; -1: not given
  std::string address;     // MASTER_ADDR, of the machine of worker 0
  int port = 29500;        // MASTER_PORT, there
  std::string interface;   // GLOO_SOCKET_IFNAME, the network to use; empty: the one to `address`
  bool restart = false;    // OKO_RESTART: another start of a run that lost a worker
  int least = 1;           // OKO_MIN_WORKERS: fewer do not begin; by default all, or 1 on a restart
};

using Environment = std::function<const char*(const char* name)>;

// Nothing without WORLD_SIZE, or if it is 1: the process trains alone. Throws a usage Error that
// names the variable if it is missing or no such number.
std::optional<Launch> read_launch(const Environment& environment);

}  // namespace oko::train
