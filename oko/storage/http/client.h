#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace oko::storage::http {

using Headers = std::vector<std::pair<std::string, std::string>>;
using Span = std::span<const std::byte>;

struct Timeouts {
  std::chrono::milliseconds connect{10'000};
  // A request is aborted after this long without a byte in either direction.
  std::chrono::seconds stall{60};
};

struct Response;

// Certificates for a server that the system's do not fit. Contents, not files: a key never has to
// be on disk.
struct Tls {
  std::string ca;                // PEM of the authorities to trust, and no others; empty: the usual
  std::string certificate, key;  // PEM, to identify this client; empty: none
  bool verify = true;            // whether the server's certificate is checked at all
};

struct Request {
  std::string method = "GET";
  std::string url;
  Headers headers;
  // Sent consecutively without copying; must stay valid until send() returns.
  std::vector<Span> body;
  // Receives the body of a 200 or 206 response piece by piece, in the thread that called send(). At
  // most kBuffered bytes are buffered: then the server has to wait. Exceptions from it end the
  // request.
  std::function<void(Span)> sink;
  // Called with status and headers before the first piece; exceptions from it end the request.
  std::function<void(const Response&)> begin;
  // Without a sink, longer bodies are rejected, so that a server cannot exhaust memory.
  std::uint64_t max_body = std::uint64_t{64} << 20;
  // Sent over a new connection, and so at most once: libcurl repeats a request, even a POST, if the
  // connection that it reused breaks before the response.
  bool once = false;
  Timeouts timeouts;
  std::string ca_file;  // certificates to trust; empty: SSL_CERT_FILE, CURL_CA_BUNDLE, the system's
  Tls tls;
  // "host:port" to connect to where the URL has the name in the server's certificate instead.
  std::string connect_to;
  std::string proxy;  // URL; empty: by https_proxy and no_proxy
};

struct Response {
  // Why there is no complete response. kNone does not mean success: see status.
  enum class Failure { kNone, kConnect, kTimeout, kBroken, kTooLong, kRefused, kStopped };

  int status = 0;
  std::string host;  // of the request, with its port
  Headers headers;   // names in lower case
  std::string body;
  Failure failure = Failure::kNone;
  std::string failure_text;
  std::uint64_t received = 0;  // bytes of the body, including those given to the sink

  // The value of a header (name in lower case); "" without it.
  std::string_view header(std::string_view name) const;
  bool ok() const { return failure == Failure::kNone && status >= 200 && status < 300; }
};

// Sends HTTP requests over persistent connections, of which there are as many as threads that send
// at the same time. Redirects are not followed. Loopback and link-local addresses are never reached
// through a proxy; others by https_proxy and no_proxy.
class Client {
 public:
  static constexpr std::size_t kBuffered = std::size_t{256} << 10;

  Client();
  ~Client();  // no send() may be under way
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // One attempt, see Response::failure. Throws what `sink` and `begin` throw, and kFailed if
  // libcurl cannot start.
  Response send(const Request& request);

  // Ends current and future requests with kStopped, until called with false.
  void stop(bool stop);
  bool stopped() const;
  // Whether that host (Response::host) has responded at all so far.
  bool has_reached(const std::string& host) const;
  // Waits; false as soon as the client is stopped.
  bool sleep(std::chrono::milliseconds time) const;

  class Connection;

 private:
  class Borrowed;

  mutable std::mutex mutex_;
  mutable std::condition_variable stopping_;
  bool stop_ = false;
  std::map<std::string, std::vector<std::unique_ptr<Connection>>> idle_;  // by host
  std::set<Connection*> busy_;
  std::set<std::string> reached_;
};

// The client shared by all stores.
Client& shared_client();

// Network traffic of this process so far.
struct Counters {
  std::atomic<std::uint64_t> requests{0}, sent{0}, received{0};  // bytes of bodies
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> retries{0};
  // Why requests were sent again.
  std::atomic<std::uint64_t> broken{0}, timeouts{0}, unreachable{0}, throttled{0}, server_errors{0},
      corrupt{0}, refreshed{0};
};
Counters& counters();

// Receives a line for every request and retry, from any thread: the method, the URL without secrets
// (signatures, tokens, names of upload sessions) and the status. Null: off. Headers and bodies are
// never logged.
using Log = std::function<void(std::string_view line)>;
void set_log(Log log);
void log(const std::function<std::string()>& line);  // calls `line` only if logging is on

// A URL that may be shown.
std::string presentable(std::string_view url);

// Whether secrets may be sent there: https, or http to this machine.
bool may_carry_secrets(std::string_view url);

// %XX for everything but letters, digits and -._~ (RFC 3986); '/' too unless it is kept.
std::string percent_encode(std::string_view text, bool keep_slash = false);

}  // namespace oko::storage::http
