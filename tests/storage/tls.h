#pragma once

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

// Keys and certificates for test servers that speak TLS. Header-only: who uses it links
// OpenSSL::SSL.
namespace oko::testing {

template <typename T, void (*kFree)(T*)>
struct Freed {
  void operator()(T* pointer) const { kFree(pointer); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using SslContext = std::unique_ptr<SSL_CTX, Freed<SSL_CTX, SSL_CTX_free>>;

inline std::string text_of(BIO* memory) {
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

}  // namespace oko::testing
