#include "tests/storage/wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <stdexcept>

namespace oko::testing {
namespace {

constexpr std::size_t kLongestHead = 1 << 18;

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::uint64_t number(std::string_view text, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end == text.data()) throw Broken{};
  return value;
}

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void send_at_once(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

std::string decode_percent(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(number(text.substr(i + 1, 2), 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

Target::Target(const std::string& target) {
  const auto mark = target.find('?');
  path = target.substr(0, mark);
  if (mark == std::string::npos) return;
  std::string_view rest = std::string_view(target).substr(mark + 1);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    std::string item(rest.substr(0, end));
    std::ranges::replace(item, '+', ' ');
    const auto equals = std::min(item.find('='), item.size());
    query.emplace_back(decode_percent(item.substr(0, equals)),
                       equals < item.size() ? decode_percent(item.substr(equals + 1)) : "");
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

std::string Target::get(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return "";
}

bool Target::has(std::string_view name) const {
  return std::ranges::any_of(query, [&](const auto& item) { return item.first == name; });
}

std::string Head::get(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (same_name(key, name)) return value;
  }
  return "";
}

bool Head::has(std::string_view name) const {
  return std::ranges::any_of(fields, [&](const auto& f) { return same_name(f.first, name); });
}

void Head::set(const std::string& name, const std::string& value) {
  erase(name);
  fields.emplace_back(name, value);
}

void Head::erase(std::string_view name) {
  std::erase_if(fields, [&](const auto& field) { return same_name(field.first, name); });
}

std::string Head::target() const {
  const auto first = start.find(' ');
  if (first == std::string::npos) throw Broken{};
  return start.substr(first + 1, start.rfind(' ') - first - 1);
}

int Head::status() const {
  const auto space = start.find(' ');
  if (space == std::string::npos) throw Broken{};
  return static_cast<int>(number(std::string_view(start).substr(space + 1), 10));
}

std::string Head::text() const {
  std::string out = start + "\r\n";
  for (const auto& [name, value] : fields) out += name + ": " + value + "\r\n";
  return out + "\r\n";
}

std::unique_ptr<Connection> Connection::to(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto connection = std::make_unique<Connection>(socket);
  const sockaddr_in address = loopback(port);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw Broken{};
  }
  send_at_once(socket);
  return connection;
}

Connection::~Connection() {
  if (socket_ >= 0) ::close(socket_);
}

bool Connection::fill() {
  char piece[65536];
  ssize_t n = 0;
  do {
    n = ::recv(socket_, piece, sizeof piece, 0);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return false;
  buffer_.append(piece, static_cast<std::size_t>(n));
  return true;
}

std::string Connection::line() {
  std::size_t searched = 0, end = 0;
  while ((end = buffer_.find('\n', searched)) == std::string::npos) {
    searched = buffer_.size();
    if (searched > kLongestHead || !fill()) throw Broken{};
  }
  std::string text = buffer_.substr(0, end);
  if (text.ends_with('\r')) text.pop_back();
  buffer_.erase(0, end + 1);
  return text;
}

std::optional<Head> Connection::read_head() {
  if (buffer_.empty() && !fill()) return std::nullopt;
  Head head;
  head.start = line();
  std::size_t size = 0;
  for (std::string text = line(); !text.empty(); text = line()) {
    const auto colon = text.find(':');
    if (colon == std::string::npos || (size += text.size()) > kLongestHead) throw Broken{};
    head.fields.emplace_back(text.substr(0, colon),
                             trimmed(std::string_view(text).substr(colon + 1)));
  }
  return head;
}

void Connection::take_bytes(std::uint64_t count,
                            const std::function<void(std::string_view)>& take) {
  while (count > 0) {
    if (buffer_.empty() && !fill()) throw Broken{};
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(count, buffer_.size()));
    take(std::string_view(buffer_).substr(0, n));
    buffer_.erase(0, n);
    count -= n;
  }
}

void Connection::read_body(const Head& head, const std::function<void(std::string_view)>& take,
                           std::string_view reply_to) {
  const bool reply = !reply_to.empty();
  if (reply && (reply_to == "HEAD" || head.status() == 204 || head.status() == 304)) return;
  if (lower(head.get("Expect")) == "100-continue") send("HTTP/1.1 100 Continue\r\n\r\n");
  if (lower(head.get("Transfer-Encoding")) == "chunked") {
    for (std::uint64_t size = number(line(), 16); size > 0; size = number(line(), 16)) {
      take_bytes(size, take);
      line();
    }
    while (!line().empty()) {
    }
  } else if (head.has("Content-Length")) {
    take_bytes(number(head.get("Content-Length"), 10), take);
  } else if (reply) {  // up to the end of the connection
    do {
      take(buffer_);
      buffer_.clear();
    } while (fill());
  }
}

std::string Connection::read_whole_body(const Head& head, std::string_view reply_to) {
  std::string body;
  read_body(
      head, [&](std::string_view piece) { body += piece; }, reply_to);
  return body;
}

void Connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw Broken{};
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void Connection::reset() {
  const linger now{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  throw Broken{};
}

void Connection::wait_for_hangup(double seconds) {
  pollfd watched{socket_, POLLRDHUP, 0};
  ::poll(&watched, 1, static_cast<int>(seconds * 1000));
}

struct Listener::Session {
  std::unique_ptr<Connection> connection;
  std::atomic<bool> done{false};
  std::thread thread;
};

Listener::Listener(int port, std::function<void(Connection&)> serve) : serve_(std::move(serve)) {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = loopback(port);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket_, generic, size) != 0 || ::listen(socket_, 256) != 0 ||
      ::getsockname(socket_, generic, &size) != 0) {
    ::close(socket_);
    throw std::runtime_error("cannot listen on 127.0.0.1:" + std::to_string(port));
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

Listener::~Listener() {
  stopping_ = true;
  ::shutdown(socket_, SHUT_RDWR);
  thread_.join();
  ::close(socket_);
  reap(true);
}

void Listener::run() {
  while (true) {
    const int socket = ::accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC);
    if (stopping_) {
      if (socket >= 0) ::close(socket);
      return;
    }
    if (socket < 0) continue;
    send_at_once(socket);
    reap(false);
    auto session = std::make_unique<Session>();
    session->connection = std::make_unique<Connection>(socket);
    session->thread = std::thread([this, &session = *session] {
      try {
        serve_(*session.connection);
      } catch (const Broken&) {  // the other side is gone, or is to think so
      }
      const std::scoped_lock lock(mutex_);
      session.connection.reset();
      session.done = true;
    });
    const std::scoped_lock lock(mutex_);
    sessions_.push_back(std::move(session));
  }
}

void Listener::reap(bool all) {
  std::vector<std::unique_ptr<Session>> ended;
  {
    const std::scoped_lock lock(mutex_);
    const auto rest = std::partition(sessions_.begin(), sessions_.end(),
                                     [&](const auto& s) { return !all && !s->done; });
    std::move(rest, sessions_.end(), std::back_inserter(ended));
    sessions_.erase(rest, sessions_.end());
    for (const auto& session : ended) {
      if (session->connection) ::shutdown(session->connection->socket(), SHUT_RDWR);
    }
  }
  for (const auto& session : ended) session->thread.join();
}

}  // namespace oko::testing
