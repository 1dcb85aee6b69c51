#include "oko/serve/certificate.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>

#include "oko/base/error.h"
#include "oko/base/owned.h"
#include "oko/serve/address.h"

namespace oko::serve {
namespace {

using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using X509Pointer = Owned<X509, X509_free>;
using Number = Owned<BIGNUM, BN_free>;
using Memory = Owned<BIO, BIO_free_all>;

// Every call of OpenSSL that can fail goes through this.
template <typename T>
T worked(T result) {
  if (result) return result;
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  throw Error(ErrorCode::kFailed, "OpenSSL",
              std::string("cannot make a certificate: ") + text.data());
}

std::string taken(const Memory& memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

// 127 random bits: positive, and at most 20 bytes, as RFC 5280 demands.
void set_serial(X509* certificate) {
  constexpr int kBits = 127;
  const Number serial(worked(BN_new()));
  worked(BN_rand(serial.get(), kBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY));
  worked(BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)));
}

void set_name(X509* certificate) {
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto* text = reinterpret_cast<const unsigned char*>("oko phone");
  worked(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0));
  worked(X509_set_issuer_name(certificate, name));
}

void add_extension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509V3_set_ctx_nodb(&context);
  const Owned<X509_EXTENSION, X509_EXTENSION_free> extension(
      worked(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str())));
  worked(X509_add_ext(certificate, extension.get(), -1));
}

// Phones demand a subject alternative name and this use of the key; the common name is not read.
void add_extensions(X509* certificate, const std::vector<std::string>& hosts) {
  std::string names;
  for (const std::string& host : hosts) {
    names += (names.empty() ? "" : ",") + std::string(is_numeric(host) ? "IP:" : "DNS:") + host;
  }
  add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(certificate, NID_key_usage, "critical,digitalSignature");
  add_extension(certificate, NID_ext_key_usage, "serverAuth");
  add_extension(certificate, NID_subject_alt_name, names);
}

std::string fingerprint_of(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  worked(X509_digest(certificate, EVP_sha256(), digest.data(), &size));
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    if (i > 0) text += ':';
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

}  // namespace

Certificate::~Certificate() { OPENSSL_cleanse(key.data(), key.size()); }

Certificate make_certificate(const std::vector<std::string>& hosts, std::chrono::seconds lifetime) {
  constexpr long kDay = 24L * 60 * 60;
  constexpr long kVersion3 = 2;
  const Key key(worked(EVP_EC_gen("P-256")));
  const X509Pointer certificate(worked(X509_new()));
  worked(X509_set_version(certificate.get(), kVersion3));
  set_serial(certificate.get());
  set_name(certificate.get());
  worked(X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kDay));
  worked(X509_gmtime_adj(X509_getm_notAfter(certificate.get()),
                         static_cast<long>(lifetime.count()) + kDay));
  worked(X509_set_pubkey(certificate.get(), key.get()));
  add_extensions(certificate.get(), hosts);
  worked(X509_sign(certificate.get(), key.get(), EVP_sha256()));

  Certificate result;
  const Memory public_part(worked(BIO_new(BIO_s_mem())));
  worked(PEM_write_bio_X509(public_part.get(), certificate.get()));
  result.certificate = taken(public_part);
  const Memory secret(worked(BIO_new(BIO_s_secmem())));
  worked(PEM_write_bio_PKCS8PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                       nullptr));
  result.key = taken(secret);
  result.fingerprint = fingerprint_of(certificate.get());
  return result;
}

}  // namespace oko::serve
