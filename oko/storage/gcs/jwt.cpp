#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>
#include <vector>

#include "oko/storage/checksum.h"
#include "oko/storage/gcs/credentials.h"

namespace oko::storage::gcs {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

[[noreturn]] void refuse_key(const char* what) {
  throw Error(ErrorCode::kInput, "private_key", what, "create a new key for the service account");
}

}  // namespace

std::string make_jwt(std::string_view header, std::string_view claims,
                     const std::string& private_key) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(
      BIO_new_mem_buf(private_key.data(), static_cast<int>(private_key.size())), &BIO_free);
  // An encrypted key is rejected instead of prompting for its password.
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
      PEM_read_bio_PrivateKey(
          memory.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr),
      &EVP_PKEY_free);
  if (!key || EVP_PKEY_base_id(key.get()) != EVP_PKEY_RSA)
    refuse_key("is not an RSA key in PEM format");
  const std::string text = base64_url(bytes_of(header)) + "." + base64_url(bytes_of(claims));
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  const auto* data = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, data, text.size()) != 1) {
    refuse_key("cannot be used to sign");
  }
  std::vector<unsigned char> signature(size);
  if (EVP_DigestSign(context.get(), signature.data(), &size, data, text.size()) != 1) {
    refuse_key("cannot be used to sign");
  }
  return text + "." + base64_url(std::as_bytes(std::span(signature).first(size)));
}

}  // namespace oko::storage::gcs
