#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <csignal>

#include "oko/storage/http/client.h"
#include "tests/storage/tls.h"
#include "tests/storage/wire.h"

namespace oko::storage::http {
namespace {

using oko::testing::Identity;
using oko::testing::SslContext;
using ::testing::HasSubstr;
using ::testing::Not;
using Failure = Response::Failure;

// Answers each request with the name in the client's certificate, which it requires.
class TlsServer {
 public:
  TlsServer(const Identity& own, const Identity& authority)
      : context_(SSL_CTX_new(TLS_server_method())),
        listener_(0, [this](oko::testing::Connection& connection) { serve(connection.socket()); }) {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to connections that the other side has closed
    SSL_CTX_use_certificate(context_.get(), own.certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), own.key.get());
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_.get()), authority.certificate.get());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(listener_.port()); }
  std::string port() const { return std::to_string(listener_.port()); }

 private:
  void serve(int socket) {
    SSL* const ssl = SSL_new(context_.get());
    SSL_set_fd(ssl, socket);
    char request[4096];
    bool open = SSL_accept(ssl) == 1;
    while (open && SSL_read(ssl, request, sizeof request) > 0) {
      X509* const peer = SSL_get1_peer_certificate(ssl);
      char name[100] = "?";
      X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, name, sizeof name);
      X509_free(peer);
      const std::string answer =
          "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(std::string(name).size()) +
          "\r\n\r\n" + name;
      open = SSL_write(ssl, answer.data(), static_cast<int>(answer.size())) > 0;
    }
    SSL_free(ssl);
  }

  SslContext context_;
  oko::testing::Listener listener_;
};

class TlsTest : public ::testing::Test {
 protected:
  Request request() const {
    Request one;
    one.url = "https://cluster.test:" + server_.port() + "/";
    one.connect_to = server_.address();
    one.tls.ca = authority_.certificate_pem();
    one.tls.certificate = me_.certificate_pem();
    one.tls.key = me_.key_pem();
    return one;
  }
  Failure failure(const Request& one) { return client_.send(one).failure; }

  const Identity authority_{"authority", nullptr}, stranger_{"stranger", nullptr};
  const Identity me_{"me", &authority_};
  TlsServer server_{Identity("cluster.test", &authority_), authority_};
  Client client_;
};

TEST_F(TlsTest, IdentifiesItselfByACertificateInMemory) {
  const Response response = client_.send(request());
  EXPECT_EQ(response.status, 200) << response.failure_text;
  EXPECT_EQ(response.body, "me");
}

TEST_F(TlsTest, OnlyTheGivenAuthorityIsTrusted) {
  Request one = request();
  one.tls.ca = stranger_.certificate_pem();
  EXPECT_EQ(failure(one), Failure::kRefused);
  one.tls.ca.clear();
  EXPECT_EQ(failure(one), Failure::kRefused);
  one.tls.verify = false;
  EXPECT_EQ(failure(one), Failure::kNone);
}

TEST_F(TlsTest, TheNameMustBeTheCertificates) {
  Request one = request();
  one.url = "https://127.0.0.1:" + server_.port() + "/";
  EXPECT_EQ(failure(one), Failure::kRefused);
}

TEST_F(TlsTest, AnotherIdentityIsNotSentOverAnOldConnection) {
  EXPECT_EQ(failure(request()), Failure::kNone);
  Request one = request();
  const Identity other("other", &authority_);
  one.tls.certificate = other.certificate_pem();
  one.tls.key = other.key_pem();
  EXPECT_EQ(client_.send(one).body, "other");
  one.tls.certificate.clear();
  EXPECT_NE(client_.send(one).failure, Failure::kNone);
}

TEST_F(TlsTest, ABrokenKeyIsRefusedAtOnce) {
  Request one = request();
  one.tls.key = "not a key";
  const Response response = client_.send(one);
  EXPECT_EQ(response.failure, Failure::kRefused);
  EXPECT_THAT(response.failure_text, Not(HasSubstr("not a key")));
}

}  // namespace
}  // namespace oko::storage::http
