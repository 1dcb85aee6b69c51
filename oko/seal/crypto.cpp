#include "oko/seal/crypto.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "oko/base/error.h"

namespace oko::seal {
namespace {

constexpr std::array<std::uint8_t, crypto_aead_chacha20poly1305_ietf_NPUBBYTES> kZeroNonce{};
constexpr std::size_t kTag = crypto_aead_chacha20poly1305_ietf_ABYTES;
constexpr std::size_t kHash = 32;  // bytes

class Hmac {
 public:
  explicit Hmac(std::span<const std::byte> key) {
    crypto_auth_hmacsha256_init(&state_, octets(key), key.size());
  }
  ~Hmac() { sodium_memzero(&state_, sizeof state_); }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;

  void add(std::span<const std::byte> bytes) {
    crypto_auth_hmacsha256_update(&state_, octets(bytes), bytes.size());
  }
  Wiped<32> value() {
    Wiped<32> out;
    crypto_auth_hmacsha256_final(&state_, out.data());
    return out;
  }

 private:
  crypto_auth_hmacsha256_state state_;
};

int variant(bool padded) {
  return padded ? sodium_base64_VARIANT_ORIGINAL : sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
}

}  // namespace

void start_sodium() {
  // In WebAssembly libsodium itself has no lock.
  static const bool has_started = sodium_init() >= 0;
  if (!has_started) {
    throw Error(ErrorCode::kFailed, "", "the system has no source of random numbers");
  }
}

Wiped<32> hmac(std::span<const std::byte> key, std::span<const std::byte> text) {
  Hmac mac(key);
  mac.add(text);
  return mac.value();
}

// An empty salt counts as 32 zeros, which HMAC treats alike.
Wiped<32> hkdf_extract(std::span<const std::byte> salt, std::span<const std::byte> secret) {
  return hmac(salt, secret);
}

Wiped<32> hkdf_expand(const Wiped<32>& key, std::span<const std::byte> info) {
  constexpr std::byte kFirstBlock{1};
  Hmac mac(key.span());
  mac.add(info);
  mac.add(std::span(&kFirstBlock, 1));
  return mac.value();
}

Wiped<32> hkdf(std::span<const std::byte> secret, std::span<const std::byte> salt,
               std::span<const std::byte> info) {
  return hkdf_expand(hkdf_extract(salt, secret), info);
}

std::vector<std::byte> wrap(const FileKey& file_key, const Wiped<32>& key) {
  std::vector<std::byte> body(FileKey::size() + kTag);
  crypto_aead_chacha20poly1305_ietf_encrypt(reinterpret_cast<std::uint8_t*>(body.data()), nullptr,
                                            file_key.data(), FileKey::size(), nullptr, 0, nullptr,
                                            kZeroNonce.data(), key.data());
  return body;
}

std::optional<FileKey> unwrap(std::span<const std::byte> body, const Wiped<32>& key) {
  if (body.size() != FileKey::size() + kTag) return std::nullopt;
  FileKey file_key;
  if (crypto_aead_chacha20poly1305_ietf_decrypt(file_key.data(), nullptr, nullptr, octets(body),
                                                body.size(), nullptr, 0, kZeroNonce.data(),
                                                key.data()) != 0) {
    return std::nullopt;
  }
  return file_key;
}

Blake2b::Blake2b() { crypto_generichash_init(&state_, nullptr, 0, kHash); }

Blake2b::~Blake2b() { sodium_memzero(&state_, sizeof state_); }

void Blake2b::add(std::span<const std::byte> bytes) {
  crypto_generichash_update(&state_, octets(bytes), bytes.size());
}

std::string Blake2b::hex() {
  std::array<std::uint8_t, kHash> hash{};
  crypto_generichash_final(&state_, hash.data(), hash.size());
  std::string text(2 * hash.size() + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), hash.data(), hash.size());
  text.pop_back();
  return text;
}

std::string blake2b_hex(std::span<const std::byte> bytes) {
  Blake2b hash;
  hash.add(bytes);
  return hash.hex();
}

std::string base64(std::span<const std::byte> bytes, bool padded) {
  std::string text(sodium_base64_encoded_len(bytes.size(), variant(padded)), '\0');
  sodium_bin2base64(text.data(), text.size(), octets(bytes), bytes.size(), variant(padded));
  text.pop_back();  // the terminating zero
  return text;
}

std::optional<std::vector<std::byte>> from_base64(std::string_view text, bool padded) {
  // libsodium 1.0.18 takes the bytes AB and AF for '+' and '/', which they are but for a bit.
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (!std::ranges::all_of(text, is_ascii)) return std::nullopt;
  std::vector<std::byte> bytes(text.size() / 4 * 3 + 3);
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &size, &end, variant(padded)) != 0 ||
      end != text.data() + text.size()) {
    return std::nullopt;
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace oko::seal
