#include "oko/storage/http/loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <exception>

#include "oko/base/error.h"

namespace oko::storage::http {
namespace {

Response::Failure kind_of(CURLcode result) {
  switch (result) {
    case CURLE_OK:
      return Response::Failure::kNone;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
      return Response::Failure::kConnect;
    case CURLE_OPERATION_TIMEDOUT:
      return Response::Failure::kTimeout;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return Response::Failure::kRefused;
    default:
      return Response::Failure::kBroken;
  }
}

int local_port(curl_socket_t socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  // The port is at the same offset for IPv4 and IPv6.
  sockaddr_in in{};
  std::memcpy(&in, &address, sizeof in);
  return ntohs(in.sin_port);
}

void start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_ALL);
  if (started != CURLE_OK) throw Error(ErrorCode::kFailed, "", "libcurl could not start");
}

}  // namespace

Client::Loop::Loop() {
  start_curl();
  multi_ = curl_multi_init();
  if (multi_ == nullptr) throw Error(ErrorCode::kFailed, "", "libcurl could not create a handle");
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 128L);
  curl_multi_setopt(multi_, CURLMOPT_MAX_HOST_CONNECTIONS, 128L);
  thread_ = std::thread([this] { serve(); });
}

Client::Loop::~Loop() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  curl_multi_wakeup(multi_);
  thread_.join();
  curl_multi_cleanup(multi_);
}

void Client::Loop::order(Order what, Exchange& exchange) {
  {
    const std::lock_guard lock(mutex_);
    orders_.emplace_back(what, &exchange);
  }
  curl_multi_wakeup(multi_);
}

void Client::Loop::run(Exchange& exchange) {
  order(Order::kStart, exchange);
  std::exception_ptr thrown;
  try {
    drain(exchange);
  } catch (...) {
    thrown = std::current_exception();
    order(Order::kCancel, exchange);
    std::unique_lock lock(exchange.mutex_);
    exchange.changed_.wait(lock, [&] { return exchange.done_; });
  }
  {
    const std::lock_guard lock(mutex_);  // nothing may refer to the exchange once it is gone
    std::erase_if(orders_, [&](const auto& waiting) { return waiting.second == &exchange; });
  }
  if (thrown) std::rethrow_exception(thrown);
}

// Passes received data to the sink until the exchange is done.
void Client::Loop::drain(Exchange& exchange) {
  std::vector<std::byte> pieces;
  bool begun = !exchange.request_.begin;
  for (bool done = false; !done;) {
    pieces.clear();
    bool resume = false;
    {
      std::unique_lock lock(exchange.mutex_);
      exchange.changed_.wait(lock, [&] { return exchange.done_ || exchange.is_worth_waking(); });
      pieces.swap(exchange.queued_);
      exchange.urgent_ = false;
      resume = std::exchange(exchange.paused_, false) && !exchange.done_;
      done = exchange.done_;
    }
    if (resume) order(Order::kResume, exchange);
    if (pieces.empty()) continue;
    if (!std::exchange(begun, true)) exchange.request_.begin(exchange.head_);
    exchange.request_.sink(pieces);
  }
}

void Client::Loop::serve() {
  for (;;) {
    obey();
    {
      const std::lock_guard lock(mutex_);
      if (quit_) return;
    }
    int active = 0;
    curl_multi_perform(multi_, &active);
    acknowledge();
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      char* self = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &self);
      const CURLcode result = message->data.result;
      finish(*reinterpret_cast<Exchange*>(self), result);
    }
    wake_laggards();
    const int wait = lagging_.empty() ? 1000 : static_cast<int>(kLag.count());
    curl_multi_poll(multi_, nullptr, 0, wait, nullptr);
  }
}

void Client::Loop::lag(Exchange& exchange) { lagging_.emplace_back(&exchange, Clock::now()); }

void Client::Loop::wake_laggards() {
  while (!lagging_.empty() && Clock::now() - lagging_.front().second >= kLag) {
    Exchange& exchange = *lagging_.front().first;
    lagging_.pop_front();
    const std::lock_guard lock(exchange.mutex_);
    exchange.lags_ = false;
    exchange.urgent_ = true;
    exchange.changed_.notify_one();
  }
}

void Client::Loop::obey() {
  const std::lock_guard lock(mutex_);
  for (const auto& [what, exchange] : orders_) {
    if (what == Order::kStart) {
      running_.insert(exchange);
      curl_multi_add_handle(multi_, exchange->handle_);
    } else if (running_.contains(exchange)) {
      if (what == Order::kResume) curl_easy_pause(exchange->handle_, CURLPAUSE_CONT);
      if (what == Order::kCancel) finish_stopped(*exchange);
    }
  }
  orders_.clear();
  if (!stop_) return;
  while (!running_.empty()) finish_stopped(**running_.begin());
}

void Client::Loop::finish_stopped(Exchange& exchange) {
  exchange.response_.failure = Response::Failure::kStopped;
  exchange.response_.failure_text = "stopped";
  report(exchange);
}

void Client::Loop::finish(Exchange& exchange, CURLcode result) {
  Response& response = exchange.response_;
  long status = 0;
  curl_easy_getinfo(exchange.handle_, CURLINFO_RESPONSE_CODE, &status);
  response.status = static_cast<int>(status);
  response.failure = kind_of(result);
  if (exchange.too_long_) {
    response.failure = Response::Failure::kTooLong;
    response.failure_text =
        "the response is longer than " + std::to_string(exchange.request_.max_body) + " bytes";
  } else if (result != CURLE_OK) {
    response.failure_text =
        exchange.error_[0] != '\0' ? exchange.error_ : curl_easy_strerror(result);
  }
  report(exchange);
}

// After this the exchange may be destroyed.
void Client::Loop::report(Exchange& exchange) {
  curl_multi_remove_handle(multi_, exchange.handle_);
  running_.erase(&exchange);
  if (exchange.lags_) {
    std::erase_if(lagging_, [&](const auto& lagging) { return lagging.first == &exchange; });
  }
  const std::lock_guard lock(exchange.mutex_);
  exchange.done_ = true;
  exchange.changed_.notify_all();
}

// Acknowledges received data at once. Some servers wait for that before sending the end of a
// response (Nagle's algorithm), and the system would delay it by up to 40 ms.
void Client::Loop::acknowledge() {
#ifdef TCP_QUICKACK
  const int on = 1;
  for (const Socket& open : sockets_) {
    ::setsockopt(open.socket, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);  // only for speed
  }
#endif
}

void Client::Loop::opened(curl_socket_t socket) { sockets_.push_back({socket, 0}); }

void Client::Loop::closed(curl_socket_t socket) {
  std::erase_if(sockets_, [socket](const Socket& open) { return open.socket == socket; });
}

curl_socket_t Client::Loop::socket_of_port(int port) {
  for (Socket& open : sockets_) {
    if (open.port == 0) open.port = local_port(open.socket);
    if (open.port == port) return open.socket;
  }
  return CURL_SOCKET_BAD;
}

void Client::Loop::stop(bool stop) {
  {
    const std::lock_guard lock(mutex_);
    stop_ = stop;
  }
  stopping_.notify_all();
  curl_multi_wakeup(multi_);
}

bool Client::Loop::stopped() const {
  const std::lock_guard lock(mutex_);
  return stop_;
}

bool Client::Loop::sleep(std::chrono::milliseconds time) const {
  std::unique_lock lock(mutex_);
  return !stopping_.wait_for(lock, time, [this] { return stop_; });
}

}  // namespace oko::storage::http
