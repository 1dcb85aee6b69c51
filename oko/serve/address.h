#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace oko::serve {

// Where a server listens.
struct Address {
  std::string host;  // numeric, IPv4 or IPv6, without brackets
  std::uint16_t port = 0;
};

bool is_numeric(const std::string& host);
bool is_loopback(const std::string& host);
// Not reachable from the internet: RFC 1918, RFC 6598, link-local and unique local addresses.
bool is_private(const std::string& host);

// "192.168.1.5:8443", "[fd00::1]:8443": what is in the link, and what a browser sends as Host, but
// without ":443".
std::string host_and_port(const Address& address);

// This machine's private addresses, IPv4 first, of those the one that packets leave by before all
// others. Empty if it is on no local network.
std::vector<std::string> local_addresses();

// A numeric address as others write it too ("::1" of "0:0:0:0:0:0:0:1"). Throws a usage Error at
// `place` for names, for addresses with a zone, which no browser opens, and for 0.0.0.0 and ::,
// which are no place for a link.
std::string checked_address(const std::string& host, const std::string& place);

}  // namespace oko::serve
