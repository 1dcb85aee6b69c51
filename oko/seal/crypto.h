#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "oko/seal/wiped.h"

// The few primitives that age and minisign are made of; all of them are libsodium's.
namespace oko::seal {

// Must be called before anything else of libsodium; cheap when repeated, safe from any thread.
// Throws kFailed where the system has no random numbers.
void start_sodium();

// Never null, which libsodium does not allow even where there are no bytes.
inline const std::uint8_t* octets(std::span<const std::byte> bytes) {
  static constexpr std::uint8_t kNone = 0;
  return bytes.empty() ? &kNone : reinterpret_cast<const std::uint8_t*>(bytes.data());
}
inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// HKDF-SHA-256 (RFC 5869), its first 32 bytes.
Wiped<32> hkdf(std::span<const std::byte> secret, std::span<const std::byte> salt,
               std::span<const std::byte> info);
// Its two halves, which HPKE uses apart.
Wiped<32> hkdf_extract(std::span<const std::byte> salt, std::span<const std::byte> secret);
Wiped<32> hkdf_expand(const Wiped<32>& key, std::span<const std::byte> info);

// HMAC-SHA-256.
Wiped<32> hmac(std::span<const std::byte> key, std::span<const std::byte> text);

// ChaCha20-Poly1305 (RFC 8439) of a file key under a key used once, so its nonce is zero.
std::vector<std::byte> wrap(const FileKey& file_key, const Wiped<32>& key);
// Nothing if `body`, of any size, was not made with this key.
std::optional<FileKey> unwrap(std::span<const std::byte> body, const Wiped<32>& key);

// BLAKE2b of 256 bits (RFC 7693), of bytes that come one part after another.
class Blake2b {
 public:
  Blake2b();
  Blake2b(const Blake2b&) = delete;
  Blake2b& operator=(const Blake2b&) = delete;
  ~Blake2b();  // overwrites what it has of the last bytes
  void add(std::span<const std::byte> bytes);
  std::string hex();  // what `b2sum -l 256` prints; nothing may be added after it

 private:
  crypto_generichash_state state_;
};

// The same of bytes that are all there.
std::string blake2b_hex(std::span<const std::byte> bytes);

// Base64 (RFC 4648) without and with '=' at its end. Reading is strict: nothing if there is any
// other character, or a bit that does not count is set.
std::string base64(std::span<const std::byte> bytes, bool padded = false);
std::optional<std::vector<std::byte>> from_base64(std::string_view text, bool padded = false);

}  // namespace oko::seal
