#include "oko/serve/certificate.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

namespace oko::serve {
namespace {

constexpr std::chrono::seconds kHour{3600};

struct Parsed {
  std::unique_ptr<X509, decltype(&X509_free)> certificate{nullptr, X509_free};
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{nullptr, EVP_PKEY_free};
};

Parsed parse(const Certificate& made) {
  const auto bio = [](const std::string& text) {
    return std::unique_ptr<BIO, decltype(&BIO_free)>(
        BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free);
  };
  Parsed parsed;
  parsed.certificate.reset(
      PEM_read_bio_X509(bio(made.certificate).get(), nullptr, nullptr, nullptr));
  parsed.key.reset(PEM_read_bio_PrivateKey(bio(made.key).get(), nullptr, nullptr, nullptr));
  return parsed;
}

TEST(Certificate, IsOnP256AndSignedByItsOwnKey) {
  const Parsed made = parse(make_certificate({"192.168.1.5"}, kHour));
  ASSERT_TRUE(made.certificate && made.key);
  char curve[32] = {};
  ASSERT_EQ(EVP_PKEY_get_group_name(made.key.get(), curve, sizeof curve, nullptr), 1);
  EXPECT_STREQ(curve, "prime256v1");
  EXPECT_EQ(X509_check_private_key(made.certificate.get(), made.key.get()), 1);
  EXPECT_EQ(X509_verify(made.certificate.get(), made.key.get()), 1);
}

TEST(Certificate, IsForTheseHostsAndNoOthers) {
  const Parsed made = parse(make_certificate({"192.168.1.5", "fd00::1", "localhost"}, kHour));
  X509* certificate = made.certificate.get();
  EXPECT_EQ(X509_check_ip_asc(certificate, "192.168.1.5", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate, "fd00::1", 0), 1);
  EXPECT_EQ(X509_check_host(certificate, "localhost", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate, "192.168.1.6", 0), 0);
  EXPECT_EQ(
      X509_check_host(certificate, "oko phone", 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr),
      0);
}

TEST(Certificate, IsAServersAndNoAuthoritys) {
  const Parsed made = parse(make_certificate({"192.168.1.5"}, kHour));
  EXPECT_EQ(X509_check_purpose(made.certificate.get(), X509_PURPOSE_SSL_SERVER, 0), 1);
  EXPECT_EQ(X509_check_purpose(made.certificate.get(), X509_PURPOSE_SSL_SERVER, 1), 0);
  EXPECT_EQ(X509_get_extended_key_usage(made.certificate.get()), XKU_SSL_SERVER);
}

TEST(Certificate, LastsForItsLifetimeAndADayOnEachSide) {
  const Parsed made = parse(make_certificate({"192.168.1.5"}, kHour));
  int days = 0, seconds = 0;
  ASSERT_EQ(ASN1_TIME_diff(&days, &seconds, X509_get0_notBefore(made.certificate.get()),
                           X509_get0_notAfter(made.certificate.get())),
            1);
  EXPECT_EQ(days, 2);
  EXPECT_NEAR(seconds, 3600, 2);
  EXPECT_LT(X509_cmp_current_time(X509_get0_notBefore(made.certificate.get())), 0);
}

TEST(Certificate, ShowsTheSha256OfTheWholeCertificate) {
  const Certificate certificate = make_certificate({"192.168.1.5"}, kHour);
  const Parsed made = parse(certificate);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  ASSERT_EQ(X509_digest(made.certificate.get(), EVP_sha256(), digest, &size), 1);
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    char hex[4];
    snprintf(hex, sizeof hex, "%02X:", digest[i]);
    text += hex;
  }
  text.pop_back();
  EXPECT_EQ(certificate.fingerprint, text);
}

TEST(Certificate, IsAnotherEachTime) {
  const Certificate a = make_certificate({"::1"}, kHour), b = make_certificate({"::1"}, kHour);
  EXPECT_NE(a.fingerprint, b.fingerprint);
  EXPECT_NE(a.key, b.key);
}

}  // namespace
}  // namespace oko::serve
