#include "oko/storage/http/client.h"

#include "oko/base/error.h"
#include "oko/storage/http/exchange.h"

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

// A connection while it is in use.
class Client::Borrowed {
 public:
  Borrowed(Client& client, const std::string& host) : client_(client), host_(host) {
    const std::lock_guard lock(client_.mutex_);
    auto& idle = client_.idle_[host];
    if (idle.empty()) {
      connection_ = std::make_unique<Connection>();
    } else {
      connection_ = std::move(idle.back());  // the last one used: the server still has it
      idle.pop_back();
    }
    client_.busy_.insert(connection_.get());
  }
  ~Borrowed() {
    const std::lock_guard lock(client_.mutex_);
    client_.busy_.erase(connection_.get());
    client_.idle_[host_].push_back(std::move(connection_));
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  Connection& operator*() const { return *connection_; }

 private:
  Client& client_;
  const std::string& host_;
  std::unique_ptr<Connection> connection_;
};

// Before any connection: what libcurl and OpenSSL clean up at exit is then still there for those
// that a static client keeps.
Client::Client() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_ALL);
  if (started != CURLE_OK) throw Error(ErrorCode::kFailed, "", "libcurl could not start");
}
Client::~Client() = default;

Response Client::send(const Request& request) {
  const auto start = std::chrono::steady_clock::now();
  const std::string host = host_of(request.url);
  const Borrowed connection(*this, host);
  Response response;
  for (bool sent = false; !sent;) {
    ++counters().requests;
    Exchange exchange(request, *connection);
    response = exchange.run(*this);
    sent = !exchange.stale();
  }
  response.host = host;
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

void Client::stop(bool stop) {
  const std::lock_guard lock(mutex_);
  stop_ = stop;
  stopping_.notify_all();
  for (Connection* connection : busy_) connection->wake();
}

bool Client::stopped() const {
  const std::lock_guard lock(mutex_);
  return stop_;
}

bool Client::sleep(std::chrono::milliseconds time) const {
  std::unique_lock lock(mutex_);
  return !stopping_.wait_for(lock, time, [this] { return stop_; });
}

Client& shared_client() {
  static Client client;
  return client;
}

Counters& counters() {
  static Counters all;
  return all;
}

}  // namespace oko::storage::http
