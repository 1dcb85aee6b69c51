#pragma once

#include <csignal>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "tests/storage/tls.h"
#include "tests/storage/wire.h"

// An https server on this machine. Header-only: who uses it links oko_test_servers and
// OpenSSL::SSL.
namespace oko::testing {

struct Asked {
  std::string path, range;
};

// Speaks TLS as "localhost"; responds by a function. What a response lacks of its Content-Length is
// a cut connection.
class HttpsServer {
 public:
  using Reply = std::function<std::string(const Asked&)>;

  HttpsServer(const Identity& authority, Reply reply)
      : own_("localhost", &authority),
        context_(SSL_CTX_new(TLS_server_method())),
        reply_(std::move(reply)),
        listener_(0, [this](Connection& connection) { serve(connection.socket()); }) {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to connections that the other side has closed
    SSL_CTX_use_certificate(context_.get(), own_.certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), own_.key.get());
  }
  std::string url() const { return "https://localhost:" + std::to_string(listener_.port()); }
  std::vector<std::string> ranges() {
    const std::lock_guard lock(mutex_);
    return ranges_;
  }

 private:
  void serve(int socket) {
    SSL* const ssl = SSL_new(context_.get());
    SSL_set_fd(ssl, socket);
    if (SSL_accept(ssl) == 1) {
      const std::string head = read_head(ssl);
      const std::string bytes = head.empty() ? "" : reply_(parsed(head));
      if (!bytes.empty()) SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size()));
    }
    SSL_free(ssl);  // one request a connection
  }
  static std::string read_head(SSL* ssl) {
    std::string head;
    char some[4096];
    while (head.find("\r\n\r\n") == head.npos) {
      const int count = SSL_read(ssl, some, sizeof some);
      if (count <= 0) return {};
      head.append(some, static_cast<std::size_t>(count));
    }
    return head;
  }
  Asked parsed(const std::string& head) {
    Asked asked;
    const auto space = head.find(' ');
    asked.path = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
    const std::string key = "Range: bytes=";
    if (const auto at = head.find(key); at != head.npos) {
      asked.range = head.substr(at + key.size(), head.find('\r', at) - at - key.size());
    }
    const std::lock_guard lock(mutex_);
    ranges_.push_back(asked.range);
    return asked;
  }

  Identity own_;
  SslContext context_;
  Reply reply_;
  std::mutex mutex_;
  std::vector<std::string> ranges_;
  Listener listener_;
};

inline std::string answer(const std::string& status, const std::string& fields,
                          const std::string& body, std::size_t length) {
  return "HTTP/1.1 " + status +
         "\r\nConnection: close\r\nContent-Length: " + std::to_string(length) + "\r\n" + fields +
         "\r\n" + body;
}
inline std::string answer(const std::string& status, const std::string& fields = {},
                          const std::string& body = {}) {
  return answer(status, fields, body, body.size());
}

// The content from `range` on ("100-"), at most `most` bytes of it.
inline std::string part_of(const std::string& content, const std::string& range,
                           std::size_t most = std::string::npos) {
  if (range.empty()) return answer("200 OK", "", content.substr(0, most), content.size());
  const std::size_t first = std::stoul(range);
  return answer("206 Partial Content",
                "Content-Range: bytes " + range + std::to_string(content.size() - 1) + "/" +
                    std::to_string(content.size()) + "\r\n",
                content.substr(first, most), content.size() - first);
}

}  // namespace oko::testing
