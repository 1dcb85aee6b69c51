#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>

#include "oko/base/error.h"
#include "oko/storage/http/exchange.h"

namespace oko::storage::http {
namespace {

int port_of(curl_socket_t socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  // The port is at the same offset for IPv4 and IPv6.
  sockaddr_in in{};
  std::memcpy(&in, &address, sizeof in);
  return ntohs(in.sin_port);
}

}  // namespace

// libcurl's multi interface, for a single request: unlike the easy one it can be woken.
Client::Connection::Connection() {
  multi_ = curl_multi_init();
  handle_ = curl_easy_init();
  if (multi_ == nullptr || handle_ == nullptr) {
    curl_easy_cleanup(handle_);
    curl_multi_cleanup(multi_);
    throw Error(ErrorCode::kFailed, "", "libcurl could not create a handle");
  }
}

Client::Connection::~Connection() {
  curl_easy_cleanup(handle_);
  curl_multi_cleanup(multi_);
}

CURLcode Client::Connection::perform(const Client& client) {
  curl_multi_add_handle(multi_, handle_);
  for (int active = 1; active > 0 && !client.stopped();) {
    curl_multi_perform(multi_, &active);
    acknowledge();
    if (active > 0) curl_multi_poll(multi_, nullptr, 0, 1000, nullptr);
  }
  CURLcode result = CURLE_ABORTED_BY_CALLBACK;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg == CURLMSG_DONE) result = message->data.result;
  }
  curl_multi_remove_handle(multi_, handle_);
  return result;
}

// Acknowledges received data at once. Some servers wait for that before sending the end of a
// response (Nagle's algorithm), and the system would delay it by up to 40 ms.
void Client::Connection::acknowledge() const {
#ifdef TCP_QUICKACK
  const int on = 1;
  for (const curl_socket_t socket : sockets_) {
    ::setsockopt(socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);  // only for speed
  }
#endif
}

curl_socket_t Client::Connection::socket_of_port(int local_port) const {
  for (const curl_socket_t socket : sockets_) {
    if (port_of(socket) == local_port) return socket;
  }
  return CURL_SOCKET_BAD;
}

}  // namespace oko::storage::http
