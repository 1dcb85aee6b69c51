#pragma once

#include <curl/curl.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "oko/storage/http/client.h"

namespace oko::storage::http {

// One request in progress. The event thread fills in the response and queues the pieces for a sink;
// the sending thread drains them.
class Exchange {
 public:
  Exchange(const Request& request, Client::Loop& loop);
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  CURL* handle() const { return handle_; }
  Response take_response() { return std::move(response_); }
  // The request was never sent: its connection still held an answer to an earlier one.
  bool stale() const { return stale_; }

 private:
  friend class Client::Loop;
  friend class ExchangeCallbacks;

  void set_options();
  void set_body();
  // Less than this waits a moment for more: waking the thread costs more than copying it.
  bool is_worth_waking() const { return urgent_ || queued_.size() >= Client::kBuffered / 4; }

  const Request& request_;
  Client::Loop& loop_;
  CURL* handle_ = nullptr;
  curl_slist* headers_ = nullptr;
  char error_[CURL_ERROR_SIZE] = {};
  std::size_t body_part_ = 0, body_offset_ = 0;  // how much of the request's body was sent
  bool too_long_ = false, stale_ = false;
  Response response_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::byte> queued_;  // for the sink
  Response head_;                  // status and headers, once something is queued
  bool paused_ = false, done_ = false;
  bool urgent_ = false;  // queued data has waited long enough
  bool lags_ = false;    // it is among the loop's laggards
};

// The event thread and its state.
// Commands to it and completions of its exchanges use two locks: mutex_ first, then the exchange's
// own.
class Client::Loop {
 public:
  Loop();
  ~Loop();
  // Returns when the exchange is done; exceptions from its sink are rethrown.
  void run(Exchange& exchange);
  void stop(bool stop);
  bool stopped() const;
  bool sleep(std::chrono::milliseconds time) const;

  // Of the event thread: curl's open sockets, by local port.
  void opened(curl_socket_t socket);
  void closed(curl_socket_t socket);
  curl_socket_t socket_of_port(int port);
  // … exchanges in which little is queued, for a thread that will be woken soon.
  void lag(Exchange& exchange);

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kLag{10};
  struct Socket {
    curl_socket_t socket;
    int port;  // 0: not connected when last checked
  };
  enum class Order { kStart, kResume, kCancel };
  void order(Order what, Exchange& exchange);
  void serve();
  void obey();
  void drain(Exchange& exchange);
  void finish(Exchange& exchange, CURLcode result);
  void finish_stopped(Exchange& exchange);
  void report(Exchange& exchange);
  void acknowledge();
  void wake_laggards();

  CURLM* multi_;
  mutable std::mutex mutex_;
  mutable std::condition_variable stopping_;
  std::vector<std::pair<Order, Exchange*>> orders_;
  bool stop_ = false, quit_ = false;
  // Of the event thread alone:
  std::unordered_set<Exchange*> running_;
  std::vector<Socket> sockets_;
  std::deque<std::pair<Exchange*, Clock::time_point>> lagging_;
  std::thread thread_;
};

}  // namespace oko::storage::http
