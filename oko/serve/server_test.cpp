#include "oko/serve/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <csignal>
#include <filesystem>
#include <random>
#include <thread>
#include <vector>

#include "oko/base/clock.h"
#include "oko/base/error.h"
#include "oko/base/spawn.h"
#include "oko/serve/test_frames.h"
#include "oko/storage/store.h"

namespace oko::serve {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* kHost = "127.0.0.1";

// A TCP connection to the server; reads and writes end after ten seconds.
Descriptor connected(std::uint16_t port, const char* from = kHost) {
  Descriptor client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{10, 0};
  setsockopt(client.number(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(client.number(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, from, &address.sin_addr);
  EXPECT_EQ(bind(client.number(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  inet_pton(AF_INET, kHost, &address.sin_addr);
  address.sin_port = htons(port);
  EXPECT_EQ(connect(client.number(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return client;
}

// OpenSSL writes to sockets that may be closed. Only this thread is to ignore that: the server's
// must do it by themselves.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    const timespec now{};
    while (sigtimedwait(&pipe_, nullptr, &now) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t pipe_{}, before_{};
};

// The same with TLS.
class Client {
 public:
  explicit Client(std::uint16_t port, int most_version = 0, const char* from = kHost)
      : socket_(connected(port, from)),
        context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
        ssl_(nullptr, SSL_free) {
    SSL_CTX_set_security_level(context_.get(), 0);  // so that it may ask for what must be refused
    SSL_CTX_set_max_proto_version(context_.get(), most_version);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_.number());
    const NoPipeSignal quiet;
    is_open_ = SSL_connect(ssl_.get()) == 1;
  }

  bool is_open() const { return is_open_; }
  SSL* ssl() const { return ssl_.get(); }
  bool send(std::string_view text) {
    const NoPipeSignal quiet;
    return is_open_ && SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) > 0;
  }
  // Everything until the server closes the connection.
  std::string read_all() {
    const NoPipeSignal quiet;
    std::string text;
    char piece[4096];
    for (int count = 1; is_open_ && count > 0;) {
      count = SSL_read(ssl_.get(), piece, sizeof piece);
      if (count > 0) text.append(piece, static_cast<std::size_t>(count));
    }
    return text;
  }
  // One answer, whose length its header says.
  std::string read_answer() {
    std::string text;
    char one = 0;
    while (is_open_ && !text.ends_with("\r\n\r\n") && SSL_read(ssl_.get(), &one, 1) == 1)
      text += one;
    const std::size_t at = text.find("Content-Length: ");
    std::size_t length = at == std::string::npos ? 0 : std::stoul(text.substr(at + 16));
    for (; length > 0 && SSL_read(ssl_.get(), &one, 1) == 1; --length) text += one;
    return text;
  }

 private:
  Descriptor socket_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  bool is_open_ = false;
};

std::size_t count_in(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = ::testing::TempDir() + "oko_server_" + test->name();
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  void start(const Limits& limits = {}) {
    Page page;
    page["index.html"] = {"text/html", Bytes(std::string_view("the page"))};
    Listener listener({kHost, 0});
    port_ = listener.address().port;
    host_ = host_and_port(listener.address());
    certificate_ = make_certificate({kHost}, std::chrono::seconds(60));
    site_ = std::make_unique<Site>(host_, "TOKEN", page, Bytes(model_),
                                   KeptFrames(folder_, {"rose"}, "s"), [] { return 77; });
    server_ = std::make_unique<Server>(std::move(listener), certificate_, *site_, limits);
  }

  std::string head(const std::string& line, const std::string& more = "") const {
    return line + " HTTP/1.1\r\nHost: " + host_ + "\r\n" + more + "\r\n";
  }
  // The answer to a request after which the connection ends.
  std::string ask(const std::string& line, const std::string& more = "",
                  const std::string& body = "") const {
    Client client(port_);
    EXPECT_TRUE(client.send(head(line, "Connection: close\r\n" + more) + body));
    return client.read_all();
  }
  void expect_alive(const char* from = kHost) const {
    Client client(port_, 0, from);
    EXPECT_TRUE(client.send(head("GET /TOKEN/", "Connection: close\r\n")));
    EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 200 "));
  }

  std::string folder_, host_, model_ = "the model";
  std::uint16_t port_ = 0;
  Certificate certificate_;
  std::unique_ptr<Site> site_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, ServesThePageWithHeadersThatIsolateIt) {
  start();
  const std::string answer = ask("GET /TOKEN/");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_TRUE(answer.ends_with("\r\n\r\nthe page"));
  for (const char* line :
       {"Cache-Control: no-store", "Content-Type: text/html", "Referrer-Policy: no-referrer",
        "X-Content-Type-Options: nosniff", "Cross-Origin-Opener-Policy: same-origin",
        "Cross-Origin-Embedder-Policy: require-corp",
        "Content-Security-Policy: default-src 'none'"}) {
    EXPECT_THAT(answer, HasSubstr(line));
  }
}

TEST_F(ServerTest, AnswersSeveralRequestsOnOneConnection) {
  start();
  Client client(port_);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.send(head("GET /TOKEN/model.oko")));
    EXPECT_TRUE(client.read_answer().ends_with("\r\n\r\nthe model"));
  }
  ASSERT_TRUE(client.send(head("HEAD /TOKEN/model.oko", "Connection: close\r\n")));
  const std::string answer = client.read_all();
  EXPECT_THAT(answer, HasSubstr("Content-Length: 9\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(ServerTest, SendsALargeModelWhole) {
  std::mt19937 random(7);
  model_.resize(std::size_t{5} << 20);
  for (char& c : model_) c = static_cast<char>(random());
  start();
  const std::string answer = ask("GET /TOKEN/model.oko");
  EXPECT_TRUE(answer.ends_with(model_));
}

TEST_F(ServerTest, KeepsAFrame) {
  start();
  const std::string body(test_body(R"({"kind": "background", "boxes": []})", test_jpeg()).text());
  const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n";
  EXPECT_THAT(ask("POST /TOKEN/frames", length, body), StartsWith("HTTP/1.1 201 "));
  EXPECT_EQ(storage::read_text(storage::join(folder_, "images/train/background-s-0001.jpg")),
            test_jpeg());
}

TEST_F(ServerTest, ShowsItsCertificateByTls12AndTls13Only) {
  start();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const Client client(port_, version);
    ASSERT_TRUE(client.is_open());
    EXPECT_EQ(SSL_version(client.ssl()), version);
  }
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    EXPECT_FALSE(Client(port_, version).is_open());
  }
}

TEST_F(ServerTest, HasNothingForWhoDoesNotKnowTheLink) {
  start();
  for (const char* line :
       {"GET /", "GET /index.html", "POST /frames", "GET /WRONG/model.oko", "GET /../../etc/passwd",
        "GET /%2e%2e/%2e%2e/etc/passwd", "GET *", "OPTIONS *", "GET http://evil.example/"}) {
    const std::string answer = ask(line);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 ")) << line;
    EXPECT_TRUE(answer.ends_with("\r\n\r\n")) << line;
  }
  Client client(port_);
  ASSERT_TRUE(client.send("GET /TOKEN/ HTTP/1.1\r\nHost: evil.example\r\n\r\n"));
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 403 "));
}

// What is not read cannot be taken for a request of its own.
TEST_F(ServerTest, TakesNoBodyThatHidesARequest) {
  start();
  const std::string hidden = head("GET /TOKEN/model.oko");
  const std::vector<std::string> headers = {
      "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
      "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
      "Transfer-Encoding: chunked\r\n",
      "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n",
      "Content-Length: 5\r\nContent-Length: 0\r\n",
      "Content-Length: 5\r\nContent-Length: 5\r\n",
      "Content-Length: 5, 5\r\n",
      "Content-Length: -5\r\n",
      "Content-Length: 99999999999999999999999\r\n",
  };
  for (const char* line :
       {"POST /TOKEN/frames", "GET /TOKEN/", "POST /TOKEN/", "PUT /TOKEN/frames"}) {
    for (const std::string& header : headers) {
      Client client(port_);
      client.send(head(line, header) + "0\r\n\r\n" + hidden);
      const std::string answer = client.read_all();
      EXPECT_LE(count_in(answer, "HTTP/1.1 200 "), 1u) << line << " " << header << answer;
      EXPECT_THAT(answer, Not(HasSubstr("the model"))) << line << " " << header;
    }
  }
  expect_alive();
  EXPECT_EQ(site_->kept(), 0);
}

TEST_F(ServerTest, RefusesABodyThatIsTooLargeBeforeItComes) {
  start();
  Client client(port_);
  ASSERT_TRUE(client.send(head("POST /TOKEN/frames", "Content-Length: 100000000\r\n")));
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(ServerTest, BoundsHeaders) {
  start();
  for (const std::string& more :
       {"X: " + std::string(100000, 'x') + "\r\n", std::string(100000, 'x') + ": 1\r\n"}) {
    Client client(port_);
    client.send(head("GET /TOKEN/", more));
    EXPECT_THAT(client.read_all(), Not(HasSubstr("the page")));
  }
  Client client(port_);
  client.send(head("GET /TOKEN/" + std::string(100000, 'x')));
  EXPECT_THAT(client.read_all(), Not(HasSubstr("the page")));
  expect_alive();
}

TEST_F(ServerTest, OutlivesWhatIsNoTls) {
  start();
  std::mt19937 random(11);
  for (int i = 0; i < 50; ++i) {
    const Descriptor client = connected(port_);
    std::string bytes(1 + random() % 2000, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (i % 3 == 0) bytes = "GET /TOKEN/ HTTP/1.1\r\nHost: " + host_ + "\r\n\r\n";
    if (i % 3 == 1) bytes.insert(0, "\x16\x03\x01\x02\x00\x01\x00", 7);  // a handshake's begin
    ::send(client.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    shutdown(client.number(), SHUT_WR);
    char answer[4096];
    const ssize_t count = recv(client.number(), answer, sizeof answer, 0);
    if (count > 0) {
      EXPECT_THAT(std::string(answer, static_cast<std::size_t>(count)), Not(HasSubstr("HTTP")));
    }
  }
  expect_alive();
}

TEST_F(ServerTest, EndsConnectionsThatTakeTooLong) {
  Limits limits;
  limits.request = std::chrono::seconds(1);
  start(limits);
  // Never silent for long, and never done: in a request's head, in a body, in TLS itself.
  const std::string lines[] = {"GET /TOKEN/ HTTP/1.1\r\nHost: " + host_ + "\r\n",
                               head("POST /TOKEN/frames", "Content-Length: 100000\r\n")};
  for (const std::string& line : lines) {
    Client client(port_);
    ASSERT_TRUE(client.send(line));
    const auto begin = Clock::now();
    while (client.send("x") && seconds_since(begin) < 20) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_LT(seconds_since(begin), 10);
  }
  const Descriptor client = connected(port_);
  const auto begin = Clock::now();
  std::string record("\x16\x03\x01\x3f\x00", 5);
  while (::send(client.number(), record.data(), record.size(), MSG_NOSIGNAL) > 0 &&
         seconds_since(begin) < 20) {
    record = "x";
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_LT(seconds_since(begin), 10);
  expect_alive();
}

TEST_F(ServerTest, ServesOthersWhileOneTakesAllConnections) {
  start();
  std::vector<Descriptor> many;
  constexpr int kMany = 700;  // this process has both ends of some
  for (int i = 0; i < kMany; ++i) many.push_back(connected(port_));
  expect_alive("127.0.0.2");
  many.clear();
  // The port's queue is full of connections that have ended; they go away one by one.
  const auto begin = Clock::now();
  while (!Client(port_).is_open() && seconds_since(begin) < 20) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  expect_alive();
}

TEST_F(ServerTest, EndsWhileConnectionsAreOpen) {
  start();
  Client client(port_);
  ASSERT_TRUE(client.send("GET /TOKEN/ HTTP/1.1\r\n"));
  const Descriptor silent = connected(port_);
  const auto begin = Clock::now();
  server_.reset();
  EXPECT_LT(seconds_since(begin), 5);
  EXPECT_EQ(client.read_all(), "");
}

TEST(Listener, TellsItsPortAndWhyItCannotListen) {
  const Listener first({kHost, 0});
  EXPECT_NE(first.address().port, 0);
  try {
    const Listener second(first.address());
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.hint(), HasSubstr("--port"));
  }
  try {
    const Listener foreign({"192.0.2.1", 0});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.hint(), HasSubstr("--lan"));
  }
}

}  // namespace
}  // namespace oko::serve
