#include "oko/serve/address.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>

#include "oko/base/error.h"
#include "oko/base/owned.h"
#include "oko/base/spawn.h"

namespace oko::serve {
namespace {

// The bytes of a numeric address in network order: 4 or 16.
std::optional<std::vector<std::uint8_t>> bytes_of(const std::string& host) {
  std::vector<std::uint8_t> bytes(sizeof(in6_addr));
  if (inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) {
    bytes.resize(sizeof(in_addr));
    return bytes;
  }
  if (inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

std::string text_of(const std::vector<std::uint8_t>& bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = bytes.size() == sizeof(in_addr) ? AF_INET : AF_INET6;
  inet_ntop(family, bytes.data(), text.data(), text.size());
  return text.data();
}

std::string text_of(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address == nullptr) return {};
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
  } else if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr)) return {};  // needs a zone, which no browser takes
    inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
  }
  return text.data();
}

// The address that packets to other networks leave by; "" if there is no way. Sends nothing: a
// datagram socket that is connected only has a route. The target is of those for documentation.
std::string address_of_default_route() {
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.open()) return {};
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(9);
  inet_pton(AF_INET, "192.0.2.1", &target.sin_addr);
  sockaddr_in own{};
  socklen_t size = sizeof own;
  auto* generic = reinterpret_cast<sockaddr*>(&own);
  if (connect(socket.number(), reinterpret_cast<sockaddr*>(&target), sizeof target) != 0 ||
      getsockname(socket.number(), generic, &size) != 0) {
    return {};
  }
  return text_of(generic);
}

}  // namespace

bool is_numeric(const std::string& host) { return bytes_of(host).has_value(); }

bool is_loopback(const std::string& host) {
  const auto bytes = bytes_of(host);
  if (!bytes) return host == "localhost";
  return bytes->size() == sizeof(in_addr) ? bytes->front() == 127 : host == "::1";
}

bool is_private(const std::string& host) {
  const auto bytes = bytes_of(host);
  if (!bytes) return false;
  const std::vector<std::uint8_t>& b = *bytes;
  if (b.size() == sizeof(in_addr)) {
    return b[0] == 10 || (b[0] == 172 && (b[1] & 0xF0) == 16) || (b[0] == 192 && b[1] == 168) ||
           (b[0] == 169 && b[1] == 254) || (b[0] == 100 && (b[1] & 0xC0) == 64);
  }
  return (b[0] & 0xFE) == 0xFC || (b[0] == 0xFE && (b[1] & 0xC0) == 0x80);
}

std::string host_and_port(const Address& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

std::vector<std::string> local_addresses() {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return {};
  const Owned<ifaddrs, freeifaddrs> all(first);
  std::vector<std::string> found;
  for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
    constexpr unsigned kWanted = IFF_UP | IFF_RUNNING;
    if ((entry->ifa_flags & kWanted) != kWanted) continue;
    const std::string host = text_of(entry->ifa_addr);
    if (is_private(host)) found.push_back(host);
  }
  const std::string preferred = address_of_default_route();
  const auto rank = [&](const std::string& host) {
    return host == preferred ? 0 : host.find(':') == std::string::npos ? 1 : 2;
  };
  std::stable_sort(found.begin(), found.end(),
                   [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

std::string checked_address(const std::string& host, const std::string& place) {
  const auto bytes = bytes_of(host);
  if (!bytes) {
    throw Error(ErrorCode::kUsage, place, "\"" + host + "\" is not an address",
                "give one of this machine's addresses in numbers, as ip address prints them");
  }
  if (std::all_of(bytes->begin(), bytes->end(), [](std::uint8_t byte) { return byte == 0; })) {
    throw Error(ErrorCode::kUsage, place, host + " is all addresses, and a link needs one",
                "give one of this machine's addresses, or --lan");
  }
  return text_of(*bytes);
}

}  // namespace oko::serve
