#pragma once

#include <optional>
#include <string>

namespace oko::train {

// Whether something accepts connections at this address now; the numeric address of this machine
// that it is reached from. Waits 2 s at most.
std::optional<std::string> reached_from(const std::string& host, int port);

// Whether this machine's port is free for a server.
bool is_free(int port);

}  // namespace oko::train
