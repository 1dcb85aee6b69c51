#include "oko/train/reach.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "oko/base/error.h"

namespace oko::train {
namespace {

constexpr int kPatience = 2000;  // ms

class Socket {
 public:
  explicit Socket(int family) : file_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (file_ >= 0) ::close(file_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int file() const { return file_; }

 private:
  int file_;
};

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Addresses addresses_of(const std::string& host, int port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  // A name may be unknown for a while, when the machine of worker 0 starts.
  if (error != 0) return {nullptr, &::freeaddrinfo};
  return {found, &::freeaddrinfo};
}

bool connects(const Socket& socket, const addrinfo& to) {
  ::fcntl(socket.file(), F_SETFL, O_NONBLOCK);
  if (::connect(socket.file(), to.ai_addr, to.ai_addrlen) == 0) return true;
  if (errno != EINPROGRESS) return false;
  pollfd waiting{socket.file(), POLLOUT, 0};
  if (::poll(&waiting, 1, kPatience) != 1) return false;
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket.file(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

std::optional<std::string> own_address(const Socket& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* const general = reinterpret_cast<sockaddr*>(&address);
  if (::getsockname(socket.file(), general, &size) != 0) return std::nullopt;
  std::array<char, NI_MAXHOST> text{};
  if (::getnameinfo(general, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
    return std::nullopt;
  }
  return text.data();
}

}  // namespace

std::optional<std::string> reached_from(const std::string& host, int port) {
  const Addresses all = addresses_of(host, port);
  for (const addrinfo* to = all.get(); to != nullptr; to = to->ai_next) {
    const Socket socket(to->ai_family);
    if (socket.file() >= 0 && connects(socket, *to)) return own_address(socket);
  }
  return std::nullopt;
}

bool is_free(int port) {
  const Socket socket(AF_INET);
  const int yes = 1;
  ::setsockopt(socket.file(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return ::bind(socket.file(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace oko::train
