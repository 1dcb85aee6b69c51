#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// HTTP/1.1 on loopback sockets, just enough for the test servers: it lets them see every byte, keep
// half a body, and break a connection wherever they like.
namespace oko::testing {

// The start line and fields of a request or a reply.
struct Head {
  std::string start;  // "GET /x HTTP/1.1" or "HTTP/1.1 200 OK"
  std::vector<std::pair<std::string, std::string>> fields;

  // The value of a field, whatever the case of its name; "" without one.
  std::string get(std::string_view name) const;
  bool has(std::string_view name) const;
  void set(const std::string& name, const std::string& value);
  void erase(std::string_view name);
  std::string method() const { return start.substr(0, start.find(' ')); }
  std::string target() const;
  int status() const;  // of a reply
  std::string text() const;
};

// Thrown where the other side closed or broke the connection in the middle of a message.
struct Broken {};

class Connection {
 public:
  explicit Connection(int socket) : socket_(socket) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  static std::unique_ptr<Connection> to(int port);

  int socket() const { return socket_; }
  // Nothing when the other side closed between two messages.
  std::optional<Head> read_head();
  // Calls `take` with the body, piece by piece. `reply_to` names the method that a reply answers.
  void read_body(const Head& head, const std::function<void(std::string_view)>& take,
                 std::string_view reply_to = {});
  std::string read_whole_body(const Head& head, std::string_view reply_to = {});
  void send(std::string_view bytes);
  // Ends it with a reset, so that the other side sees an error.
  void reset();
  // Waits until the other side hangs up, `seconds` at most.
  void wait_for_hangup(double seconds);

 private:
  bool fill();
  std::string line();
  void take_bytes(std::uint64_t count, const std::function<void(std::string_view)>& take);

  int socket_;
  std::string buffer_;
};

// Accepts on 127.0.0.1 and runs `serve` for each connection on a thread of its own, until
// destroyed.
class Listener {
 public:
  // Port 0: any free one.
  Listener(int port, std::function<void(Connection&)> serve);
  ~Listener();
  int port() const { return port_; }

 private:
  struct Session;
  void run();
  void reap(bool all);

  std::function<void(Connection&)> serve_;
  int socket_ = -1, port_ = 0;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::thread thread_;
};

// The path, still encoded, and the decoded parameters of a request's target.
struct Target {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;

  explicit Target(const std::string& target);
  std::string get(std::string_view name) const;
  bool has(std::string_view name) const;
};

std::string decode_percent(std::string_view text);
std::string lower(std::string text);

}  // namespace oko::testing
