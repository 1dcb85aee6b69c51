#include "oko/storage/http/client.h"

#include "oko/storage/http/loop.h"
#include "oko/storage/store.h"

namespace oko::storage::http {
namespace {

std::string host_of(std::string_view url) {
  const auto start = url.find("://");
  url.remove_prefix(start == url.npos ? 0 : start + 3);
  return std::string(url.substr(0, url.find_first_of("/?")));
}

}  // namespace

std::string_view Response::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

Client::Client() : loop_(std::make_unique<Loop>()) {}
Client::~Client() = default;

Response Client::send(const Request& request) {
  const auto start = std::chrono::steady_clock::now();
  Response response;
  for (bool sent = false; !sent;) {
    ++counters().requests;
    Exchange exchange(request, *loop_);
    loop_->run(exchange);
    response = exchange.take_response();
    sent = !exchange.stale();
  }
  response.host = host_of(request.url);
  if (response.status != 0) {
    const std::lock_guard lock(mutex_);
    reached_.insert(response.host);
  }
  log([&] {
    const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
    const std::string result = response.failure == Response::Failure::kNone
                                   ? std::to_string(response.status)
                                   : response.failure_text;
    return request.method + " " + presentable(request.url) + " " + result + ", " +
           std::to_string(static_cast<long>(time.count())) + " ms";
  });
  return response;
}

bool Client::has_reached(const std::string& host) const {
  const std::lock_guard lock(mutex_);
  return reached_.contains(host);
}

void Client::stop(bool stop) { loop_->stop(stop); }
bool Client::stopped() const { return loop_->stopped(); }
bool Client::sleep(std::chrono::milliseconds time) const { return loop_->sleep(time); }

Client& shared_client() {
  static Client client;
  return client;
}

Counters& counters() {
  static Counters all;
  return all;
}

}  // namespace oko::storage::http

namespace oko::storage {

void stop_requests(bool stop) { http::shared_client().stop(stop); }

}  // namespace oko::storage
