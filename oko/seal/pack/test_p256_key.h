#pragma once

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include <cstddef>
#include <string>

namespace oko::seal {

// A P-256 key as hardware has it: it gives its public key, and secrets shared with senders. OpenSSL
// alone.
class P256Key {
 public:
  P256Key() : key_(EVP_EC_gen("P-256")) {}
  ~P256Key() { EVP_PKEY_free(key_); }
  P256Key(const P256Key&) = delete;
  P256Key& operator=(const P256Key&) = delete;

  // 65 bytes, uncompressed.
  std::string point() const {
    unsigned char* encoded = nullptr;
    const std::size_t size = EVP_PKEY_get1_encoded_public_key(key_, &encoded);
    std::string text(reinterpret_cast<const char*>(encoded), size);
    OPENSSL_free(encoded);
    return text;
  }

  // 32 bytes.
  std::string agree(const std::string& sender) const {
    EVP_PKEY* theirs = EVP_PKEY_new();
    EXPECT_EQ(EVP_PKEY_copy_parameters(theirs, key_), 1);
    EXPECT_EQ(EVP_PKEY_set1_encoded_public_key(
                  theirs, reinterpret_cast<const unsigned char*>(sender.data()), sender.size()),
              1);
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key_, nullptr);
    std::string secret(32, '\0');
    std::size_t size = secret.size();
    EXPECT_EQ(EVP_PKEY_derive_init(context), 1);
    EXPECT_EQ(EVP_PKEY_derive_set_peer(context, theirs), 1);
    EXPECT_EQ(EVP_PKEY_derive(context, reinterpret_cast<unsigned char*>(secret.data()), &size), 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(theirs);
    return secret;
  }

 private:
  EVP_PKEY* key_;
};

}  // namespace oko::seal
