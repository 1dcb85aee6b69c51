#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

// An HTTP proxy on loopback in front of a storage server that injects faults, at random but
// reproducibly for a seed and a request's number.
namespace oko::testing {

enum class Fault {
  kTooMany,      // 429 with Retry-After; the server receives nothing
  kUnavailable,  // 503; the server receives nothing
  kLost,         // the server did it, but its response became a 503
  kCutRequest,   // the connection breaks in the middle of the request's body
  kCutReply,     // … of the reply
  kStall,        // half a reply, then silence
  kFlipRequest,  // a byte of an object on its way up is changed
  kFlipReply,    // … on its way down
  kTwice,        // the server receives the request twice
  kDuplicate,    // the reply is sent twice
  kExpired,      // 401, for requests with a bearer token
};

struct FaultOptions {
  int port = 0, to = 0;
  std::uint64_t seed = 1;
  double chance = .1;         // of a fault, per request
  std::vector<Fault> faults;  // possible faults; empty: all
  double stall_seconds = 5;   // before the connection is closed, unless the client does so first
  int retry_after = 1;        // seconds
};

const char* name_of(Fault fault);
std::vector<Fault> faults_named(const std::string& comma_list);  // throws std::invalid_argument

class FaultProxy {
 public:
  explicit FaultProxy(const FaultOptions& options);
  ~FaultProxy();
  int port() const;
  // How many of each were injected, by name, and "requests". Also GET /-/faults as JSON.
  std::map<std::string, std::uint64_t> counts() const;

 private:
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace oko::testing
