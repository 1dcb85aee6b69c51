#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
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
  // Without a byte in either direction for this long a request is given up.
  std::chrono::seconds stall{60};
};

struct Response;

struct Request {
  std::string method = "GET";
  std::string url;
  Headers headers;
  // Sent one after another without being copied; they stay where they are until send() returns.
  std::vector<Span> body;
  // Given the body of an answer of 200 or 206 piece by piece, in the thread that called send(). At
  // most kBuffered bytes wait for it: then the server has to. What it throws ends the request.
  std::function<void(Span)> sink;
  // Called with status and headers before the first piece; what it throws ends the request.
  std::function<void(const Response&)> begin;
  // Longer bodies are refused where there is no sink: nothing outside decides how much memory goes.
  std::uint64_t max_body = std::uint64_t{64} << 20;
  Timeouts timeouts;
  std::string ca_file;  // certificates to trust; empty: SSL_CERT_FILE, CURL_CA_BUNDLE, the system's
};

struct Response {
  // Why there is no whole answer. kNone does not mean that the server agreed: see status.
  enum class Failure { kNone, kConnect, kTimeout, kBroken, kTooLong, kRefused, kStopped };

  int status = 0;
  std::string host;  // that was asked, with its port
  Headers headers;   // names in lower case
  std::string body;
  Failure failure = Failure::kNone;
  std::string failure_text;
  std::uint64_t received = 0;  // bytes of the body, those given to the sink too

  // The value of a header (name in lower case); "" without it.
  std::string_view header(std::string_view name) const;
  bool ok() const { return failure == Failure::kNone && status >= 200 && status < 300; }
};

// Sends HTTP requests over kept connections, HTTP/2 where the server offers it with TLS. One
// thread of its own does all the waiting; send() may be called by any number of threads and
// returns when the answer is whole. No redirections are followed. Machines named by loopback or
// link-local addresses are never reached through a proxy; others by https_proxy and no_proxy.
class Client {
 public:
  static constexpr std::size_t kBuffered = std::size_t{1} << 20;

  Client();
  ~Client();  // no send() may be under way
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // One attempt. Never throws but for what the sink throws: see Response::failure.
  Response send(const Request& request);

  // Ends what is under way and all that comes with kStopped, until called with false.
  void stop(bool stop);
  bool stopped() const;
  // Whether that machine (Response::host) has answered anything so far.
  bool has_reached(const std::string& host) const;
  // Waits that long; false as soon as the client is stopped.
  bool sleep(std::chrono::milliseconds time) const;

  class Loop;

 private:
  std::unique_ptr<Loop> loop_;
  mutable std::mutex mutex_;
  std::set<std::string> reached_;
};

// The one that all stores share.
Client& shared_client();

// What has gone over the network in this process so far.
struct Counters {
  std::atomic<std::uint64_t> requests{0}, sent{0}, received{0};  // bytes of bodies
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> retries{0};
  // Why requests were sent again.
  std::atomic<std::uint64_t> broken{0}, timeouts{0}, unreachable{0}, throttled{0}, server_errors{0},
      corrupt{0}, refreshed{0};
};
Counters& counters();

// Is told every request and every retry, a line each, from any thread: the method, the URL without
// what could open anything (signatures, tokens, names of upload sessions) and the status. Null:
// nobody. Headers and bodies are never told.
using Log = std::function<void(std::string_view line)>;
void set_log(Log log);
void log(const std::function<std::string()>& line);  // calls `line` only where someone listens

// A URL that may be shown.
std::string presentable(std::string_view url);

// %XX for everything but letters, digits and -._~ (RFC 3986); '/' too unless it is kept.
std::string percent_encode(std::string_view text, bool keep_slash = false);
std::string percent_decode(std::string_view text);

}  // namespace oko::storage::http
