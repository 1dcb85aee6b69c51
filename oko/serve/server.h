#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "oko/serve/address.h"
#include "oko/serve/certificate.h"
#include "oko/serve/site.h"

namespace oko::serve {

// A socket that listens, so that its port is known before the server is made.
class Listener {
 public:
  // Port 0: any free one. Throws an Error of kFailed if the address is not this machine's, or the
  // port is taken.
  explicit Listener(const Address& address);
  ~Listener();
  Listener(Listener&& other) noexcept;
  Listener& operator=(Listener&&) = delete;

  const Address& address() const { return address_; }
  int release();  // the socket, which is the caller's from now on

 private:
  Address address_;
  int socket_ = -1;
};

// How much of a server one client may take.
struct Limits {
  unsigned connections = 128, per_address = 32;
  unsigned idle_seconds = 15;              // of a connection
  std::chrono::seconds request{30};        // until all of it has arrived
  std::chrono::seconds response{15 * 60};  // until all of it was taken
};

// HTTP/1.1 over TLS 1.2 or 1.3 on a thread of its own, by GNU libmicrohttpd. Every answer tells
// browsers to store nothing, to load nothing from elsewhere and to isolate the page, which threads
// in WebAssembly need.
class Server {
 public:
  // Throws an Error of kFailed if libmicrohttpd cannot start. `site` must outlive it.
  Server(Listener listener, const Certificate& certificate, Site& site, const Limits& limits = {});
  ~Server();  // ends all connections
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace oko::serve
