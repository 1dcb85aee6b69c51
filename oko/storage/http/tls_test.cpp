#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <csignal>
#include <memory>

#include "oko/storage/http/client.h"
#include "tests/storage/wire.h"

namespace oko::storage::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Failure = Response::Failure;

template <typename T, void (*kFree)(T*)>
struct Freed {
  void operator()(T* pointer) const { kFree(pointer); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using SslContext = std::unique_ptr<SSL_CTX, Freed<SSL_CTX, SSL_CTX_free>>;

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(memory);
  return text;
}

// A key and the certificate for it.
struct Identity {
  Key key{EVP_EC_gen("P-256")};
  Certificate certificate{X509_new()};

  // Signed by `issuer`, or by itself: then it is an authority.
  Identity(const std::string& name, const Identity* issuer) {
    X509* const x = certificate.get();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), issuer == nullptr ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(x,
                         X509_get_subject_name(issuer == nullptr ? x : issuer->certificate.get()));
    const std::string alternative = "DNS:" + name;
    X509_EXTENSION* const extension =
        issuer == nullptr
            ? X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, "critical,CA:TRUE")
            : X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, alternative.c_str());
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(x, issuer == nullptr ? key.get() : issuer->key.get(), EVP_sha256());
  }
  std::string certificate_pem() const {
    BIO* const memory = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(memory, certificate.get());
    return text_of(memory);
  }
  std::string key_pem() const {
    BIO* const memory = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(memory, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return text_of(memory);
  }
};

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
