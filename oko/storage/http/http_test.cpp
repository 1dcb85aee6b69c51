#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "oko/base/error.h"
#include "oko/storage/http/client.h"
#include "oko/storage/http/redirect.h"
#include "oko/storage/http/retry.h"
#include "tests/storage/wire.h"

namespace oko::storage::http {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Failure = Response::Failure;
using oko::testing::Connection;
using oko::testing::Head;
using oko::testing::Listener;

std::string answer(const std::string& status, const std::string& body,
                   const std::string& fields = {}) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         fields + "\r\n" + body;
}

// Responds to each request of each connection by a function of the request and its number.
class Server {
 public:
  using Serve = std::function<void(Connection&, const Head&, const std::string& body, int number)>;
  explicit Server(Serve serve)
      : serve_(std::move(serve)), listener_(0, [this](Connection& connection) {
          try {
            while (const auto head = connection.read_head()) {
              const std::string body = connection.read_whole_body(*head);
              serve_(connection, *head, body, number_++);
            }
          } catch (const oko::testing::Broken&) {
          }
        }) {}
  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(listener_.port()) + path;
  }
  int requests() const { return number_; }

 private:
  Serve serve_;
  std::atomic<int> number_{0};
  Listener listener_;
};

Policy quick() {
  Policy policy;
  policy.first = 5ms;
  policy.longest = 20ms;
  policy.budget = 2s;
  policy.budget_of_strangers = 100ms;
  return policy;
}

Span span(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

Request get(const Server& server, const std::string& path = "/x") {
  Request request;
  request.url = server.url(path);
  return request;
}

TEST(Client, SendsBodiesAndKeepsConnections) {
  Server server([](Connection& to, const Head& head, const std::string& body, int) {
    to.send(
        answer("200 OK", head.method() + " " + head.get("x-a") + " " + body, "X-Reply:  yes \r\n"));
  });
  Client client;
  const auto connections = counters().connections.load();
  for (int i = 0; i < 3; ++i) {
    Request request = get(server);
    request.method = "PUT";
    request.headers = {{"X-A", "b"}};
    request.body = {span("one "), span(""), span("two")};
    const Response response = client.send(request);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "PUT b one two");
    EXPECT_EQ(response.header("x-reply"), "yes");
  }
  EXPECT_EQ(counters().connections - connections, 1u);
}

TEST(Client, ServesManyThreadsAtOnce) {
  Server server([](Connection& to, const Head& head, const std::string&, int) {
    to.send(answer("200 OK", head.target()));
  });
  Client client;
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const std::string path = "/" + std::to_string(t) + "/" + std::to_string(i);
        right += client.send(get(server, path)).body == path;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 200);
}

TEST(Client, StreamsABodyLargerThanMemory) {
  const std::string block(1 << 20, 'b');
  Server server([&](Connection& to, const Head&, const std::string&, int) {
    to.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(block.size() * 48) + "\r\n\r\n");
    for (int i = 0; i < 48; ++i) to.send(block);
  });
  Client client;
  Request request = get(server);
  std::uint64_t got = 0, biggest = 0;
  request.sink = [&](Span piece) {
    got += piece.size();
    biggest = std::max<std::uint64_t>(biggest, piece.size());
    if (got < (4 << 20)) std::this_thread::sleep_for(2ms);  // a slow disk
  };
  EXPECT_TRUE(client.send(request).ok());
  EXPECT_EQ(got, block.size() * 48);
  EXPECT_LE(biggest, Client::kBuffered);
  // Without a sink it is rejected before it fills memory.
  request.sink = nullptr;
  request.max_body = 4 << 20;
  EXPECT_EQ(client.send(request).failure, Failure::kTooLong);
}

TEST(Client, SendsFromASink) {  // as a copy from one bucket to another does
  Server server([](Connection& to, const Head& head, const std::string& body, int) {
    to.send(answer("200 OK", head.target() + " " + body));
  });
  Client client;
  std::string copied;
  Request from = get(server, "/from");
  from.sink = [&](Span piece) {
    Request to = get(server, "/to");
    to.method = "PUT";
    to.body = {piece};
    copied += client.send(to).body;
  };
  EXPECT_TRUE(client.send(from).ok());
  EXPECT_EQ(copied, "/to /from ");
}

TEST(Client, EndsARequestWhoseSinkThrows) {
  Server server([](Connection& to, const Head&, const std::string&, int) {
    to.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nstart");
    to.wait_for_hangup(10);
  });
  Client client;
  Request request = get(server);
  request.sink = [](Span) { throw std::runtime_error("disk full"); };
  EXPECT_THROW(client.send(request), std::runtime_error);
}

TEST(Client, ReportsHowAResponseFailed) {
  Server server([](Connection& to, const Head& head, const std::string&, int) {
    if (head.target() == "/short") {
      to.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive.");
      to.reset();
    } else {
      to.wait_for_hangup(10);
    }
  });
  Client client;
  EXPECT_EQ(client.send(get(server, "/short")).failure, Failure::kBroken);
  Request stalled = get(server, "/stall");
  stalled.timeouts.stall = 1s;
  EXPECT_EQ(client.send(stalled).failure, Failure::kTimeout);
  Request nobody;
  nobody.url = "http://127.0.0.1:1/";
  EXPECT_EQ(client.send(nobody).failure, Failure::kConnect);
  nobody.url = "ftp://127.0.0.1/";
  EXPECT_EQ(client.send(nobody).failure, Failure::kRefused);
}

TEST(Client, StopsRequestsInProgress) {
  Server server(
      [](Connection& to, const Head&, const std::string&, int) { to.wait_for_hangup(20); });
  Client client;
  std::thread stopper([&] {
    while (server.requests() == 0) std::this_thread::yield();
    client.stop(true);
  });
  EXPECT_EQ(client.send(get(server)).failure, Failure::kStopped);
  stopper.join();
  EXPECT_EQ(client.send(get(server)).failure, Failure::kStopped);
  EXPECT_FALSE(client.sleep(1h));
  try {
    send_patiently(client, get(server), quick(), "gs://b/x");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kInterrupted);
  }
}

TEST(Client, NeverUsesASecondResponseForTheNextRequest) {
  Server server([](Connection& to, const Head& head, const std::string&, int) {
    const std::string whole = answer("200 OK", head.target());
    to.send(whole);
    std::this_thread::sleep_for(20ms);  // so that it comes in a piece of its own
    to.send(whole);
  });
  Client client;
  for (const char* path : {"/a", "/b", "/c"}) {
    EXPECT_EQ(client.send(get(server, path)).body, path);
    std::this_thread::sleep_for(60ms);
  }
}

TEST(Client, SendsARequestOnceIfAskedTo) {
  Server server([](Connection& to, const Head&, const std::string&, int number) {
    if (number == 0) return to.send(answer("200 OK", "first"));
    to.reset();
  });
  Client client;
  EXPECT_TRUE(client.send(get(server)).ok());
  Request post = get(server);
  post.method = "POST";
  post.once = true;
  EXPECT_EQ(client.send(post).failure, Failure::kBroken);
  EXPECT_EQ(server.requests(), 2);
}

TEST(Client, TakesTheResponseOfAServerThatSpeaksFirst) {
  const Listener listener(0, [](Connection& to) {
    try {
      to.send(answer("408 Request Timeout", "", "Connection: close\r\n"));
      to.read_head();
    } catch (const oko::testing::Broken&) {
    }
  });
  Client client;
  Request request;
  request.url = "http://127.0.0.1:" + std::to_string(listener.port()) + "/";
  const std::uint64_t before = counters().requests;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.send(request).status, 408);
  EXPECT_EQ(counters().requests - before, 20U);
}

TEST(Retry, RetriesTransientFailures) {
  Server server([](Connection& to, const Head&, const std::string&, int number) {
    switch (number) {
      case 0:
        return to.send(answer("503 Slow Down", ""));
      case 1:
        return to.reset();
      case 2:
        return to.send(answer("429 Too Many", "", "Retry-After: 0\r\n"));
      case 3:
        return to.send(answer("408 Timeout", ""));
      case 4:
        to.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive.");
        return to.reset();
      default:
        return to.send(answer("200 OK", "done"));
    }
  });
  Client client;
  EXPECT_EQ(send_patiently(client, get(server), quick(), "gs://b/x").body, "done");
  EXPECT_GE(server.requests(), 6);
}

TEST(Retry, DoesNotRetryUnsafeOrRejectedRequests) {
  Server server([](Connection& to, const Head& head, const std::string&, int) {
    to.send(answer(head.target() == "/501"   ? "501 No"
                   : head.target() == "/403" ? "403 No"
                                             : "500 Oh",
                   ""));
  });
  Client client;
  EXPECT_EQ(send_patiently(client, get(server, "/500"), quick(), "p", false).status, 500);
  EXPECT_EQ(send_patiently(client, get(server, "/501"), quick(), "p").status, 501);
  EXPECT_EQ(send_patiently(client, get(server, "/403"), quick(), "p").status, 403);
  EXPECT_EQ(server.requests(), 3);
}

TEST(Retry, GivesUpWhenTheBudgetIsSpent) {
  Server server([](Connection& to, const Head&, const std::string&, int) {
    to.send(answer("503 Slow Down", ""));
  });
  Client client;
  Policy policy = quick();
  policy.budget = 60ms;
  try {
    send_patiently(client, get(server), policy, "gs://b/x");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kStorage);
    EXPECT_EQ(e.place(), "gs://b/x");
    EXPECT_THAT(e.message(), HasSubstr("503 (slow down), after "));
  }
}

TEST(Retry, GivesUpSoonOnAHostThatNeverResponded) {
  Client client;
  Request nobody;
  nobody.url = "http://127.0.0.1:1/";
  const auto start = std::chrono::steady_clock::now();
  try {
    send_patiently(client, nobody, quick(), "s3://b/x");
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("check the network and the server address"));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
}

TEST(Retry, WaitsAsLongAsTheServerAsks) {
  Response response;
  response.headers = {{"retry-after", "7"}};
  EXPECT_EQ(retry_after(response), 7s);
  response.headers = {{"retry-after", "Fri, 31 Dec 1999 23:59:59 GMT"}};
  EXPECT_EQ(retry_after(response), 0s);
  response.headers = {{"retry-after", "-5"}};
  EXPECT_EQ(retry_after(response), 0s);
  response.headers = {{"retry-after", "soon"}};
  EXPECT_EQ(retry_after(response), 0s);
  // More than the budget allows: fails at once instead of waiting.
  Client client;
  Retry retry(client, quick(), "p");
  response.status = 503;
  response.headers = {{"retry-after", "3600"}};
  EXPECT_THROW(retry.wait(response), Error);
}

TEST(Log, ShowsNoSecrets) {
  EXPECT_EQ(presentable("https://u:p@h/b/o?upload_id=SECRET&uploadType=resumable&uploads"),
            "https://h/b/o?upload_id=...&uploadType=resumable&uploads");
  EXPECT_EQ(presentable("https://h/b?X-Amz-Signature=SECRET&prefix=a%2F&access_token=SECRET"),
            "https://h/b?X-Amz-Signature=...&prefix=a%2F&access_token=...");
  std::string told;
  std::mutex mutex;
  set_log([&](std::string_view line) {
    const std::lock_guard lock(mutex);
    told += std::string(line) + "\n";
  });
  Server server([](Connection& to, const Head&, const std::string&, int) {
    to.send(answer("204 No Content", "", "X-Secret: SECRET\r\n"));
  });
  Client client;
  Request request = get(server, "/b/x?upload_id=SECRET");
  request.headers = {{"Authorization", "Bearer SECRET"}};
  client.send(request);
  set_log(nullptr);
  EXPECT_THAT(told, HasSubstr("GET http://127.0.0.1:"));
  EXPECT_THAT(told, HasSubstr("/b/x?upload_id=... 204, "));
  EXPECT_THAT(told, ::testing::Not(HasSubstr("SECRET")));
}

TEST(Location, StaysWhereItMayGo) {
  const auto relative = resolve_location("https://r.io", "/v2/a/blobs/uploads/1?_state=x");
  ASSERT_TRUE(relative);
  EXPECT_EQ(relative->url, "https://r.io/v2/a/blobs/uploads/1?_state=x");
  EXPECT_TRUE(relative->same_origin);
  EXPECT_TRUE(resolve_location("https://r.io", "https://r.io/x")->same_origin);
  EXPECT_FALSE(resolve_location("https://r.io", "https://r.io:8443/x")->same_origin);
  EXPECT_FALSE(resolve_location("https://r.io", "https://r.io.evil.example/x")->same_origin);
  for (const char* bad : {"", "http://r.io/x", "ftp://r.io/x", "//evil.example/x", "x", "file:///x",
                          "https://user@r.io/x", "/a\r\nX: y", "/a b"}) {
    EXPECT_FALSE(resolve_location("https://r.io", bad)) << bad;
  }
}

TEST(Url, CarriesSecretsOnlyByTlsOrToThisMachine) {
  for (const char* good : {"https://h/token", "http://127.0.0.1:80/x", "http://127.1.2.3",
                           "http://localhost:9/", "http://[::1]:9/x"}) {
    EXPECT_TRUE(may_carry_secrets(good)) << good;
  }
  for (const char* bad : {"http://h/", "ftp://127.0.0.1", "http://127.0.0.1.example.com/",
                          "http://localhost.example/", "http://localhost:80@example.com/",
                          "http://[::1]:80@h/", "http://127.0.0.1@h", ""}) {
    EXPECT_FALSE(may_carry_secrets(bad)) << bad;
  }
}

TEST(Url, EncodesAllButPlainCharacters) {
  EXPECT_EQ(percent_encode("a b/ü~+"), "a%20b%2F%C3%BC~%2B");
  EXPECT_EQ(percent_encode("a/b", true), "a/b");
}

}  // namespace
}  // namespace oko::storage::http
