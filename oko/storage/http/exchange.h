#pragma once

#include <curl/curl.h>

#include <exception>
#include <string>
#include <vector>

#include "oko/storage/http/client.h"

namespace oko::storage::http {

// A connection to one host, kept open for the next request, and libcurl's handles for it. One
// request at a time, all in the thread that sends it; only wake() may be called by others.
class Client::Connection {
 public:
  Connection();
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  CURL* handle() const { return handle_; }
  // Sends and receives until the request is done; CURLE_ABORTED_BY_CALLBACK once `client` is
  // stopped.
  CURLcode perform(const Client& client);
  void wake() { curl_multi_wakeup(multi_); }

  // libcurl's open sockets.
  void opened(curl_socket_t socket) { sockets_.push_back(socket); }
  void closed(curl_socket_t socket) { std::erase(sockets_, socket); }
  curl_socket_t socket_of_port(int local_port) const;

 private:
  void acknowledge() const;

  CURLM* multi_;
  CURL* handle_;
  std::vector<curl_socket_t> sockets_;  // at most a few
};

// One attempt of a request.
class Exchange {
 public:
  Exchange(const Request& request, Client::Connection& connection);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Throws what the request's `sink` and `begin` throw.
  Response run(const Client& client);
  // The request was never sent: its connection, a reused one, still held an answer to an earlier
  // one.
  bool stale() const { return stale_; }

 private:
  friend class ExchangeCallbacks;

  template <typename Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(connection_.handle(), option, value);
  }
  void set_options();
  void set_tls();
  void set_route();
  void set_body();
  void set_headers();

  const Request& request_;
  Client::Connection& connection_;
  curl_slist* headers_ = nullptr;
  curl_slist* connect_to_ = nullptr;
  char error_[CURL_ERROR_SIZE] = {};
  std::size_t body_part_ = 0, body_offset_ = 0;  // how much of the request's body was sent
  bool begun_ = false, too_long_ = false, stale_ = false;
  std::exception_ptr thrown_;  // by `sink` or `begin`
  Response response_;
};

}  // namespace oko::storage::http
